"""The laws of the sieve: it may let through too much, never leave out what is told of a container that is not quiet."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import event as note
from hypothesis import strategies as st

from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader
from tidewaiter.edge.sieve import Sieve, skipper
from tidewaiter.event import ContainerEvent, Where
from tidewaiter.sources import RecordError, sources

pytestmark = pytest.mark.property

KNOWN = recogniser_of()
WHERE = Where("skim", "records.jsonl", 1)
TIME = "2026-09-21T14:13:44.074027776Z"
QUIET, QUIET_TOO = "4c01db0b339c" + "77aa" * 13, "5d12ec1c44ad" + "88bb" * 13
ARMED = "9e" * 32
# A quiet one and one that is not share their first 12 characters, so that those alone are not quiet.
TWIN_QUIET, TWIN_ARMED = "abcdefabcdef" + "11" * 26, "abcdefabcdef" + "22" * 26
SETTLED = frozenset(
    name.encode() for name in (QUIET, QUIET[:12], QUIET_TOO, QUIET_TOO[:12], TWIN_QUIET, "web-quiet", "db-quiet")
)

whole = st.sampled_from([QUIET] * 8 + [QUIET_TOO] * 2 + [ARMED, TWIN_QUIET, TWIN_ARMED])
lengths = st.sampled_from([64, 64, 64, 31, 15, 12])
odd_ids: st.SearchStrategy[Any] = st.sampled_from(["", "host", "c1", "<NA>", QUIET.upper(), QUIET[:11], 7])
some_ids = st.tuples(whole, lengths).map(lambda drawn: drawn[0][: drawn[1]])
ids: st.SearchStrategy[Any] = st.one_of(*[some_ids] * 9, odd_ids)
text_ids = ids.map(str)
# LAUREL never cuts an id.
whole_ids: st.SearchStrategy[Any] = st.one_of(*[whole] * 9, odd_ids)
schemes = st.sampled_from(["containerd://", "docker://", "cri-o://", ""])
lures = st.sampled_from(
    [
        f'{{"docker":"{QUIET[:15]}"}}',
        f'{{"docker":"{ARMED[:15]}"}}',
        f'"pod":{{"container":{{"id":"containerd://{QUIET}"}}}}',
        f'x"docker":"{QUIET[:15]}',
        'x"container',
        'x"docker',
        f'"container.id":"{QUIET[:12]}"',
        f'"CONTAINER_INFO":{{"ID":"{QUIET}"}}',
        f'"containerId":"{QUIET}"',
        "docker",
        "container",
        "container.id",
        QUIET,
        ARMED,
        "\\",
        '"',
        "}\n{",
        "é\u202e",
    ]
)
words = st.one_of(st.just("/bin/app"), st.just("/bin/app"), lures)


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


def made(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with all of these members."""
    return st.fixed_dictionaries(members)


labels = st.dictionaries(words, words | some_ids, max_size=2)
tetragon_containers = made(id=st.tuples(schemes, text_ids).map("".join), name=words) | some(name=words, id=text_ids)
tetragon_pods = made(namespace=st.just("shop"), name=words) | made(
    namespace=st.just("shop"), name=words, container=tetragon_containers, pod_labels=labels
)
tetragon_processes = st.one_of(
    made(pid=st.just(7), binary=words, arguments=words, docker=text_ids),
    made(binary=words, arguments=words, pod=tetragon_pods, docker=text_ids),
    some(binary=words, arguments=words, pod=tetragon_pods, docker=text_ids, pod_labels=labels),
)
tetragon = st.one_of(
    st.fixed_dictionaries(
        {
            "process_exec": st.fixed_dictionaries(
                {"process": tetragon_processes},
                optional={"parent": tetragon_processes, "ancestors": st.lists(tetragon_processes, max_size=2)},
            ),
            "node_name": st.just("n1"),
            "time": st.just(TIME),
        },
        optional={"node_labels": labels},
    ),
    made(
        process_kprobe=made(
            process=tetragon_processes,
            parent=tetragon_processes,
            function_name=st.just("tcp_connect"),
            args=st.just([{"sock_arg": {"daddr": "203.0.113.9", "dport": 80}}]),
        ),
        time=st.just(TIME),
    ),
)
falco_fields = st.fixed_dictionaries(
    {"evt.type": st.sampled_from(["execve", "connect"]), "fd.name": st.just("10.0.0.1:44->203.0.113.4:443")},
    optional={"container.id": ids, "container.full_id": ids, "proc.cmdline": words, "k8s.pod.name": words},
)
falco = st.one_of(
    made(hostname=words, output=words, output_fields=falco_fields, priority=words, rule=words, time=st.just(TIME)),
    made(output=words, priority=words, rule=words, time=st.just(TIME), output_fields=falco_fields),
    made(uuid=words, output=words, priority=words, rule=words, time=st.just(TIME), output_fields=falco_fields),
)
laurel = st.fixed_dictionaries(
    {
        "ID": st.just("1790000024.074:5102"),
        "SYSCALL": st.fixed_dictionaries(
            {
                "success": st.just("yes"),
                "pid": st.just(2),
                "ppid": st.just(1),
                "exe": words,
                "comm": words,
                "SYSCALL": st.just("execve"),
            },
            optional={"PID": made(EVENT_ID=words, container=made(id=whole_ids) | some(name=words, id=whole_ids))},
        ),
        "EXECVE": made(argc=st.just(1), ARGV=st.lists(words, min_size=1, max_size=2)),
    },
    optional={"CONTAINER_INFO": made(ID=whole_ids) | some(name=words, ID=whole_ids), "NODE": st.just("n1")},
)
audit = made(
    kind=st.just("Event"),
    apiVersion=st.just("audit.k8s.io/v1"),
    level=st.just("RequestResponse"),
    auditID=words,
    stage=st.just("ResponseComplete"),
    verb=st.just("create"),
    user=made(username=words),
    objectRef=made(
        resource=st.sampled_from(["pods", "pods", "leases", "secrets"]), namespace=st.just("shop"), name=st.just("web")
    ),
    responseStatus=st.just({"metadata": {}, "code": 201}),
    requestObject=st.just(
        {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "alpine"}]}}
    ),
    requestReceivedTimestamp=st.just(TIME),
    stageTimestamp=st.just(TIME),
)
pod_names = st.sampled_from(["web-quiet"] * 6 + ["db-quiet"] * 4 + ["web-armed", "", 'a"b', None])
ends = some(namespace=st.just("shop"), pod_name=pod_names, labels=st.lists(words, max_size=1), identity=st.just(7))
hubble = made(
    flow=made(
        time=st.just(TIME),
        verdict=st.just("FORWARDED"),
        IP=st.just({"source": "10.0.0.1", "destination": "203.0.113.7"}),
        l4=st.just({"TCP": {"source_port": 40000, "destination_port": 443, "flags": {"SYN": True}}}),
        source=ends,
        destination=ends,
        node_name=st.just("c1/n1"),
        traffic_direction=st.sampled_from(["EGRESS", "INGRESS"]),
        is_reply=st.just(False),
    ),
    node_name=st.just("c1/n1"),
    time=st.just(TIME),
)


@st.composite
def written(draw: st.DrawFn, shapes: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """A record as the producer writes it, or with one kind of oddity: order, blanks, letters written as escapes."""
    value = draw(shapes)
    style = draw(st.sampled_from(["own"] * 5 + ["order", "blanks", "escapes", "solidus"]))

    def text(value: Any, depth: int) -> str:
        if isinstance(value, dict):
            keys = list(value)
            if style == "order" and depth:
                keys = draw(st.permutations(keys))
            members = []
            for key in keys:
                name = json.dumps(key, ensure_ascii=False)
                before = after = ""
                if style == "blanks" and depth:
                    before, after = draw(st.sampled_from([("", ""), ("", " "), (" ", ""), ("", "\t"), ("", "  ")]))
                if style == "escapes" and key and key[0].isalpha() and draw(st.booleans()):
                    at = draw(st.integers(0, len(key) - 1))
                    name = json.dumps(key[:at])[:-1] + f"\\u{ord(key[at]):04x}" + json.dumps(key[at + 1 :])[1:]
                members.append(f"{name}{before}:{after}{text(value[key], depth + 1)}")
            return "{" + ",".join(members) + "}"
        if isinstance(value, list):
            return "[" + ",".join(text(entry, depth + 1) for entry in value) + "]"
        shown = json.dumps(value, ensure_ascii=False)
        if style == "escapes" and isinstance(value, str) and value and value[0].isalnum() and draw(st.booleans()):
            shown = f'"\\u{ord(value[0]):04x}{shown[2:]}'
        return shown.replace("/", "\\/") if style == "solidus" else shown

    return text(value, 0).encode()


SHAPES: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "tetragon": tetragon,
    "falco": falco,
    "laurel": laurel,
    "kubernetes_audit": audit,
    "hubble": hubble,
}
record = st.one_of(*map(written, SHAPES.values()))


def may_be_left_out(source: str, record: bytes, settled: frozenset[bytes] = SETTLED) -> bool:
    """Whether all that a full decode tells is told of quiet containers (or pods), or nothing is told at all."""
    skim = sources()[source].skim
    try:
        for told in sources()[source].decode(record, WHERE):
            if not isinstance(told, ContainerEvent):
                return False
            if skim is not None and skim.pods:
                name = told.pod.name if told.pod is not None else None
            else:
                name = told.container_id or (told.container_id_prefix or "")[:12]
            if (name or "").encode() not in settled:
                return False
    except RecordError:
        return True
    return True


class Read(msgspec.Struct):
    """What was read of one stream."""

    records: list[tuple[int, str, bytes]]
    """(line, source, record) of each."""
    skipped: Counter[str]
    others: tuple[int, ...]
    """Unrecognised, rejected, header and empty lines."""

    @classmethod
    def of(cls, data: bytes, cuts: Iterable[int], sieve: Sieve | None) -> "Read":
        """Read bytes that come in chunks."""
        reader = Reader("stream", KNOWN, None, sieve)
        stops = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
        batches = [reader.feed(data[start:stop]) for start, stop in zip([0, *stops], stops, strict=False)]
        batches.append(reader.finish())
        skipped: Counter[str] = Counter()
        for batch in batches:
            skipped.update(batch.skipped)
        return cls(
            records=[
                entry for batch in batches for entry in zip(batch.offsets, batch.sources, batch.records, strict=True)
            ],
            skipped=skipped,
            others=tuple(
                sum(counted)
                for counted in zip(*((b.unrecognised, b.rejected, b.headers, b.blank) for b in batches), strict=True)
            ),
        )


def left_out(all_records: Sequence[tuple[int, str, bytes]], handed_on: Sequence[tuple[int, str, bytes]]) -> list[
    tuple[int, str, bytes]
]:  # fmt: skip
    """The records that are missing; asserts that the others are the same, in the same order, with the same numbers."""
    missing, waiting = [], list(reversed(handed_on))
    for entry in all_records:
        if waiting and waiting[-1] == entry:
            waiting.pop()
        else:
            missing.append(entry)
    assert not waiting, f"handed on, but not in the stream: {waiting[-1]}"
    return missing


ending = st.sampled_from([b"\n"] * 8 + [b"\r\n", b"\r\n", b",\n", b" \n", b"\n\n"])
scraps = st.sampled_from(
    [
        b"[\n", b"]\n", b"]", b"{\n", b'{"items":[\n', b"]}\n", b'{"kind":"PodList","items":\n', b"}\n", b" {\n",
        b'{"process_exec":{"process":{\n', b"rubbish\n", b"\xef\xbb\xbf{\n", b'"text\n', b"\n", b"\r\n", b"\0\n",
        b'type=SYSCALL msg=audit(1790000024.074:9): x="\n', b'{"a":"\n',
    ]
)  # fmt: skip
pieces = st.one_of(*[st.tuples(record, ending).map(b"".join)] * 6, scraps, record)
streams = st.lists(pieces, max_size=7).map(b"".join)
cuts = st.lists(st.integers(0, 6000), max_size=8)


@settings(max_examples=120, deadline=None)
@given(data=streams, where=cuts)
def test_reading_with_a_sieve_is_reading_without_it_less_what_is_quiet(data: bytes, where: list[int]) -> None:
    """The same records with the same numbers; what is missing is quiet and counted under its source; nothing else."""
    sifted = Read.of(data, where, Sieve(sources(), SETTLED))
    everything = Read.of(data, (), None)
    missing = left_out(everything.records, sifted.records)
    note("something is left out" if missing else "all is handed on")
    for number, source, found in missing:
        assert may_be_left_out(source, found), (number, source, found)
    assert sifted.skipped == Counter(source for _, source, _ in missing)
    assert sifted.others == everything.others


@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("name", SHAPES)
@given(data=st.data())
def test_no_record_of_a_container_that_is_not_quiet_is_left_out(name: str, data: st.DataObject) -> None:
    """One record of one source, whatever its order, blanks and escapes, and whatever its arguments pretend."""
    source = sources()[name]
    assert source.skim is not None
    told = data.draw(written(SHAPES[name]))
    assume(told.startswith(source.skim.prefixes))
    is_left_out = skipper(source.skim, SETTLED)(told + b"\n", 0, len(told))
    note(f"{name} left out" if is_left_out else f"{name} read")
    assert not is_left_out or may_be_left_out(name, told)


@settings(max_examples=60, deadline=None)
@given(before=st.binary(max_size=40), told=record, after=st.binary(max_size=80))
def test_what_stands_around_a_record_changes_nothing(before: bytes, told: bytes, after: bytes) -> None:
    """The search inside a chunk stays between the record's ends."""
    for source in sources().values():
        if source.skim is not None and told.startswith(source.skim.prefixes):
            can_skip = skipper(source.skim, SETTLED)
            start = len(before)
            inside = can_skip(before + told + b"\n" + after, start, start + len(told))
            assert inside == can_skip(told + b"\n", 0, len(told))


@settings(max_examples=60, deadline=None)
@given(data=streams, where=cuts)
def test_a_sieve_that_knows_no_quiet_container_leaves_out_only_what_tells_nothing(
    data: bytes, where: list[int]
) -> None:
    """Records of the host, and requests that no analytic asks for."""
    missing = left_out(Read.of(data, (), None).records, Read.of(data, where, Sieve(sources(), set())).records)
    for _, source, found in missing:
        assert may_be_left_out(source, found, frozenset()), found
