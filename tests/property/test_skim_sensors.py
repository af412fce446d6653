"""The skims of the runtime sensors: whatever a whole decode names, a look at the bytes lists, or gives up."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tidewaiter.digest import is_hex
from tidewaiter.event import ContainerEvent, Where
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources.falco import SOURCE as FALCO
from tidewaiter.sources.kubearmor import SOURCE as KUBEARMOR
from tidewaiter.sources.tetragon import SOURCE as TETRAGON
from tidewaiter.sources.tracee import SOURCE as TRACEE

pytestmark = pytest.mark.property

SAMPLES = Path(__file__).parents[1] / "samples"
SOURCES = {"tetragon": TETRAGON, "falco": FALCO, "tracee": TRACEE, "kubearmor": KUBEARMOR}
WHERE = Where("skim", "records.jsonl", 1)
CONTAINER = "4c01db0b339c" + "77aa" * 13
OTHER = "9e" * 32
POD = "web-7d9f8b6c5-x2x4z"
TIME = "2026-09-21T14:13:44.074027776Z"
TIME_NS = 1_790_000_024_074_027_776

good_ids = st.sampled_from([CONTAINER, OTHER, CONTAINER[:12], CONTAINER[:15], OTHER[:31]])
ids = st.one_of(*[good_ids] * 6, st.sampled_from(["host", "", "c1", "<NA>", CONTAINER.upper(), 7, None]))
texts = st.one_of(*[good_ids] * 6, st.sampled_from(["host", "", "c1", CONTAINER.upper()]))
schemes = st.sampled_from(["containerd://", "docker://", "cri-o://", ""])
lures = st.sampled_from(
    [
        f'{{"docker":"{OTHER[:15]}"}}',
        f'"pod":{{"container":{{"id":"containerd://{OTHER}"}}}}',
        f'\\"docker\\":\\"{OTHER[:15]}\\"',
        f'"container.id":"{OTHER[:12]}","container.full_id":"{OTHER}"',
        f'"containerId":"{OTHER}","container":{{"id":"{OTHER}"}}',
        f'"name":"container_id","type":"string","value":"{OTHER}"',
        "docker",
        "pod",
        "container",
        "container.id",
        "containerId",
        "container_id",
        "eventName",
        "workload",
        OTHER,
        "\\",
        '"',
        "}}",
        "\x1b[31m",
        "é",
    ]
)
plain = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=6)
words = st.one_of(*[plain] * 5, lures)
commands = st.lists(words, max_size=3).map(" ".join)


def listed(skim: Skim, record: bytes) -> set[str] | None:
    """What the promise of `Skim` lists for a record; None where the record has to be decoded.

    A value stands right behind one of the keys, in quotes, after at most one blank. A guard that occurs more often
    than its key, and any letter written as an escape, give the record up.
    """
    if not record.startswith(skim.prefixes) or b"\\u" in record:
        return None
    values: set[str] = set()
    for key, guard in zip(skim.keys, skim.guards, strict=True):
        if record.count(guard) > record.count(key):
            return None
        for rest in record.split(key)[1:]:
            rest = rest.removeprefix(b" ")
            if not rest.startswith(b'"'):
                return None
            value = rest[1:].partition(b'"')[0].decode("utf-8", "replace")
            if "\\" in value:
                return None
            values.add(value.rpartition("://")[2])
    return values if values or skim.bare else None


def named(source: Source, record: bytes) -> tuple[set[str], bool]:
    """(the containers that a whole decode names, whether it names a pod without one); nothing where it rejects."""
    containers: set[str] = set()
    is_pod_alone = False
    try:
        for told in source.decode(record, WHERE):
            assert isinstance(told, ContainerEvent)
            container = told.container_id or told.container_id_prefix
            if container is not None:
                containers.add(container)
            elif told.pod is not None:
                is_pod_alone = True
    except RecordError:
        return set(), False
    return containers, is_pod_alone


def kept(source: Source, record: bytes) -> str:
    """Assert the promise for one record; say how it was kept."""
    assert source.skim is not None
    values = listed(source.skim, record)
    containers, is_pod_alone = named(source, record)
    if values is None:
        return "given up"
    assert containers <= values, (containers, values)
    # Text that is no id belongs to no container, so the record of a pod that is known without one is decoded.
    assert not is_pod_alone or not all(is_hex(value) and 12 <= len(value) <= 64 for value in values)
    return "listed" if containers else "nobody named"


@st.composite
def written(draw: st.DrawFn, value: Any, style: str, depth: int = 0) -> str:
    """A value as some JSON writer may put it: the producer's own way, with blanks, or in any order and with escapes.

    Outside the wild the opening of a record stays the producer's, or there would be nothing to skim.
    """
    is_wild = style == "wild"
    comma, colon, inside = {
        "compact": (st.just(""), st.just(""), st.just("")),
        "spaced": (st.just(" "), st.just(" " if depth else ""), st.just("")),
        "uneven": (st.sampled_from(["", " "]), st.sampled_from(["", " ", "", "", "  "][: depth * 5 or 1]), st.just("")),
        "wild": (st.sampled_from(["", " ", "\n"]), st.sampled_from(["", " ", "\t"]), st.sampled_from(["", "", " "])),
    }[style]
    if isinstance(value, dict):
        members = []
        keys = list(value)
        is_shuffled = is_wild or (depth > 0 and draw(st.integers(0, 5)) == 4)
        for key in draw(st.permutations(keys)) if is_shuffled else keys:
            name = json.dumps(key)
            if is_wild and name[1:2].isalpha() and draw(st.integers(0, 30)) == 17:
                name = f'"\\u{ord(key[0]):04x}{name[2:]}'
            members.append(f"{name}{draw(inside)}:{draw(colon)}{draw(written(value[key], style, depth + 1))}")
        return "{" + draw(inside) + f",{draw(comma)}".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join([draw(written(entry, style, depth + 1)) for entry in value]) + "]"
    text = json.dumps(value, ensure_ascii=is_wild and draw(st.booleans()))
    return text.replace("/", "\\/") if style == "uneven" and draw(st.integers(0, 9)) == 7 else text


def records(shapes: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Records of these shapes as bytes, most of them as the producer writes them."""
    styles = st.sampled_from(["compact", "compact", "compact", "spaced", "uneven", "uneven", "wild"])
    written_so = st.tuples(shapes, styles).flatmap(lambda drawn: written(*drawn))
    return written_so.map(lambda text: text.encode("utf-8", "surrogatepass"))


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


tetragon_ids = st.tuples(schemes, ids).map(lambda parts: f"{parts[0]}{parts[1]}")
tetragon_containers = st.fixed_dictionaries({"id": tetragon_ids, "name": words}) | some(
    id=tetragon_ids, name=words, image=some(id=words, name=words)
)
tetragon_pods = st.fixed_dictionaries({"name": st.just(POD), "container": tetragon_containers}) | some(
    namespace=words,
    name=st.just(POD),
    container=tetragon_containers,
    pod_labels=st.dictionaries(words, words, max_size=2),
)
tetragon_processes = some(
    binary=words,
    arguments=commands,
    pod=tetragon_pods,
    docker=texts,
    pid=st.just(7),
)
tetragon_calls = st.fixed_dictionaries(
    {
        "process": tetragon_processes,
        "function_name": st.just("tcp_connect"),
        "args": st.just([{"sock_arg": {"daddr": "203.0.113.9", "dport": 80}}]),
    },
    optional={"parent": tetragon_processes},
)
tetragon_executions = st.fixed_dictionaries(
    {"process": tetragon_processes},
    optional={"parent": tetragon_processes, "ancestors": st.lists(tetragon_processes, max_size=2)},
)
tetragon_records = st.one_of(
    st.fixed_dictionaries(
        {"process_exec": tetragon_executions, "node_name": st.just("node-a"), "time": st.just(TIME)},
        optional={"node_labels": st.dictionaries(words, words, max_size=2)},
    ),
    st.fixed_dictionaries({"process_kprobe": tetragon_calls, "time": st.just(TIME)}),
)

falco_fields = st.fixed_dictionaries(
    {
        "container.id": ids,
        "evt.type": st.sampled_from(["execve", "connect", "openat"]),
        "fd.name": st.just("10.0.0.1:44->203.0.113.4:443"),
    },
    optional={
        "container.full_id": ids,
        "container.name": words,
        "k8s.pod.name": st.just(POD),
        "proc.cmdline": commands,
        "proc.name": words,
        "container.privileged": st.booleans(),
    },
)
falco_untold = falco_fields.map(lambda fields: {name: fields[name] for name in fields if name != "container.id"})
falco_records = st.one_of(
    *(
        st.fixed_dictionaries(
            first
            | {
                "output": commands,
                "output_fields": falco_fields | falco_untold,
                "rule": words,
                "source": st.just("syscall"),
                "tags": st.lists(words, max_size=2),
                "time": st.just(TIME),
            }
        )
        for first in ({}, {"hostname": words}, {"uuid": words})
    )
)


def tracee_arguments(writes_type: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Arguments of either shape."""
    kind = {"type": st.sampled_from(["string", "const char*"])} if writes_type else {}
    argument = st.one_of(
        st.fixed_dictionaries({"name": st.just("container_id")} | kind | {"value": ids}),
        st.fixed_dictionaries({"name": st.just("pathname")} | kind | {"value": words}),
        st.fixed_dictionaries({"name": st.just("argv")} | kind | {"value": st.lists(words, max_size=3)}),
    )
    return st.lists(argument, max_size=3)


tracee_names = st.sampled_from(["sched_process_exec", "container_create", "existing_container", "container_remove"])
tracee_containers = some(id=texts, name=words)
tracee_older = st.one_of(
    *(
        st.fixed_dictionaries(
            {"timestamp": st.just(TIME_NS), "processName": words}
            | container
            | {
                "kubernetes": some(podName=st.just(POD)),
                "eventName": tracee_names,
                "args": tracee_arguments(True),
            }
        )
        for container in (
            {"containerId": texts, "container": tracee_containers},
            {"container": tracee_containers},
        )
    )
)
tracee_newer = st.fixed_dictionaries(
    {
        "timestamp": st.just(TIME),
        "id": st.just(1015),
        "name": tracee_names,
        "workload": some(
            process=some(executable=some(path=words)),
            container=tracee_containers,
            k8s=st.fixed_dictionaries(
                {"pod": some(name=st.just(POD), labels=st.dictionaries(words, words, max_size=2))}
            ),
        ),
        "data": tracee_arguments(False),
    }
)


@given(records(tetragon_records))
@settings(max_examples=300)
def test_tetragon_lists_every_container(record: bytes) -> None:
    """`docker`, `pod.container.id`, both or none, of a process, its parent or its ancestors."""
    event(kept(TETRAGON, record))


@given(records(falco_records))
@settings(max_examples=300)
def test_falco_lists_every_container(record: bytes) -> None:
    """Short and whole ids, ids that are none, and pods without them, in all three forms of an alert."""
    event(kept(FALCO, record))


@given(records(tracee_older | tracee_newer))
@settings(max_examples=400)
def test_tracee_lists_every_container(record: bytes) -> None:
    """The field, the object, and the argument of the events about containers, in both shapes."""
    event(kept(TRACEE, record))


@pytest.mark.parametrize("name", ["tetragon", "falco", "tracee"])
def test_samples_keep_the_promise(name: str) -> None:
    """The producers' own lines; more than half of those about a container are listed, not given up."""
    source = SOURCES[name]
    assert source.skim is not None
    lines = [line for path in sorted((SAMPLES / name).glob("*.in.jsonl")) for line in path.read_bytes().splitlines()]
    known = [kept(source, line) for line in lines if named(source, line)[0]]
    assert known.count("listed") > len(known) / 2 > 0


@pytest.mark.parametrize(
    ("name", "record"),
    [
        (
            "tetragon",
            '{"process_exec":{"process":{"docker" : "ID"},"parent":{"pod":{"container":{"id":"OTHER"}}}},"time":T}',
        ),
        (
            "tetragon",
            '{"process_exec":{"process":{"pod":{"name":"web-0"},"docker":""},"parent":{"docker":"OTHER"}},"time":T}',
        ),
        ("falco", '{"hostname":"a","output_fields":{"container.full_id" :"ID","container.id":"OTHER"},"time":T}'),
        ("tracee", '{"timestamp":1,"container": {"id":"ID"},"eventName":"execve","args":[ARGUMENT]}'),
        ("tracee", '{"timestamp":"2","name":"execve","workload":{"container": {"id":"ID"}},"data":[ARGUMENT]}'),
        (
            "tracee",
            '{"timestamp":1,"eventName":"x","containerId":"OTHER","args":[{"name":"container_id","value":"ID"}]}',
        ),
    ],
)
def test_container_told_in_another_way_gives_the_record_up(name: str, record: str) -> None:
    """One id in the known shape does not hide another that is written otherwise."""
    argument = '{"name":"container_id","type":"string","value":"OTHER"}'
    text = (
        record.replace("ARGUMENT", argument)
        .replace(":T", f':"{TIME}"')
        .replace("OTHER", OTHER)
        .replace("ID", CONTAINER)
    )
    skim = SOURCES[name].skim
    assert skim is not None
    assert listed(skim, text.encode()) is None


def test_tetragon_needs_no_key_for_the_host() -> None:
    """A process of the host has neither key, and is left out unread."""
    line = (SAMPLES / "tetragon" / "export-1.2-exec.in.jsonl").read_bytes().splitlines()[3]
    assert TETRAGON.skim is not None
    assert listed(TETRAGON.skim, line) == set()
    assert named(TETRAGON, line) == (set(), False)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A sample line with a piece cut out, doubled, or replaced by bytes."""
    name = draw(st.sampled_from(sorted(SOURCES)))
    path = draw(st.sampled_from(sorted((SAMPLES / name).glob("*.in.jsonl"))))
    line = draw(st.sampled_from(path.read_bytes().splitlines()))
    start, end = sorted(draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
    return line[:start] + draw(st.sampled_from([b"", line[start:end] * 2]) | st.binary(max_size=6)) + line[end:]


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | ids,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def retyped(draw: st.DrawFn) -> bytes:
    """A sample with one member, at any depth, of another type."""
    name = draw(st.sampled_from(sorted(SOURCES)))
    path = draw(st.sampled_from(sorted((SAMPLES / name).glob("*.in.jsonl"))))
    record = json.loads(draw(st.sampled_from(path.read_bytes().splitlines())))
    place = record
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        inner = place[key]
        if not inner or not isinstance(inner, dict | list) or draw(st.integers(0, 3)) == 0:
            place[key] = draw(odd_values)
            return json.dumps(record).encode("utf-8", "surrogatepass")
        place = inner


@given(broken() | retyped() | st.binary(max_size=40))
@settings(max_examples=1000)
def test_nothing_but_a_record_error_escapes(record: bytes) -> None:
    """Whatever the bytes are, each sensor gives events or that one error."""
    for source in SOURCES.values():
        try:
            events = list(source.decode(record, WHERE))
        except RecordError:
            continue
        assert all(isinstance(told, ContainerEvent) for told in events)
