"""The skim of LAUREL and Hubble: whatever a whole decode names, a look at the bytes lists, or gives up."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.event import ContainerEvent, Event, Where
from tidewaiter.sources import RecordError, Skim, Source, sources
from tidewaiter.sources.hubble import SOURCE as HUBBLE
from tidewaiter.sources.laurel import SOURCE as LAUREL

pytestmark = pytest.mark.property

SAMPLES = Path(__file__).parents[1] / "samples"
WHERE = Where("skim", "records.jsonl", 1)
CONTAINER = "4c01db0b339c" + "77aa" * 13
OTHER = "9e" * 32
POD = "web-7d9f8b6c5-x2x4z"

NAMING = frozenset({"container", "id", "CONTAINER_INFO", "ID", "pod_name"})
ODD_COLONS = [("", "")] * 5 + [(" ", ""), ("", " "), ("", "  "), ("\t", "")]

ids = st.sampled_from(
    [CONTAINER, CONTAINER, CONTAINER, OTHER, OTHER, OTHER, CONTAINER[:12], "host", "", CONTAINER.upper(), 7, None]
)
pods = st.sampled_from([POD, POD, POD, POD, "db-0", "db-0", "db-0", "", "Web", 'a"b', "wéb", "a\\b", None])
lures = st.sampled_from(
    [
        f'"container":{{"id":"{OTHER}"}}',
        f'{{"PID":{{"container":{{"id":"{OTHER}"}}}}}}',
        f'"CONTAINER_INFO":{{"ID":"{OTHER}"}}',
        '"pod_name":"lure-0"',
        "container",
        "CONTAINER_INFO",
        "pod_name",
        '\\"container\\":{\\"id\\":\\"',
        "\\",
        '"',
        "}}",
        "\u202e[31m",
        "é",
        "%22",
    ]
)
words = st.one_of(st.just("plain"), lures, st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8))


@cache
def samples(name: str) -> list[bytes]:
    """The records of a source's samples: lines; lines that need their fellows or a header, the whole file too."""
    files = [path.read_bytes() for path in sorted((SAMPLES / name).iterdir()) if ".in." in path.name]
    return [record for text in files for record in (text, *text.splitlines())]


def listed(skim: Skim, record: bytes) -> set[str] | None:
    """What the promise of `Skim` lists for a record; None where it gives the record up to a whole parse.

    A value stands right behind one of the keys, in quotes, after at most one blank. A guard that occurs more often
    than its key, and any escaped letter, give the record up.
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
            values.add(rest[1:].partition(b'"')[0].decode("utf-8", "replace"))
    return values if values or skim.bare else None


def names(source: Source, record: bytes) -> list[str]:
    """The containers, or pods, that a whole decode names; none where the record is rejected."""
    try:
        events: Iterable[Event] = list(source.decode(record, WHERE))
    except RecordError:
        return []
    found: list[str] = []
    for event in events:
        assert isinstance(event, ContainerEvent)
        if event.pod is not None and event.pod.name is not None:
            found.append(event.pod.name)
        for container in (event.container_id, event.container_id_prefix):
            if container is not None:
                found.append(container)
    return found


@st.composite
def written(draw: st.DrawFn, value: Any, *, is_opening: bool = True) -> str:
    """A value as some JSON writer may put it: any order, white space, escapes.

    Mostly the producer's own form, so that records are skimmed at all, with oddities where names stand.
    """
    if isinstance(value, dict):
        keys = list(value)
        if draw(st.integers(0, 3)) == 0 and not is_opening:
            keys = draw(st.permutations(keys))
        members = []
        for key in keys:
            name, before, after = json.dumps(key), "", ""
            if key in NAMING:
                before, after = draw(st.sampled_from(ODD_COLONS))
                if draw(st.integers(0, 7)) == 0:
                    name = f'"\\u{ord(key[0]):04x}{name[2:]}'
            within = draw(written(value[key], is_opening=key == "flow" and is_opening))
            members.append(f"{name}{before}:{after}{within}")
        return "{" + draw(st.sampled_from([",", ",", ", ", "\t,"])).join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(draw(written(entry, is_opening=False)) for entry in value) + "]"
    text = json.dumps(value, ensure_ascii=draw(st.integers(0, 29)) == 0)
    return text.replace("/", "\\/") if draw(st.integers(0, 9)) == 0 else text


@st.composite
def laurel_records(draw: st.DrawFn) -> bytes:
    """Executions and connections with the container in either place, or both, or none."""
    is_exec = draw(st.booleans())
    process: dict[str, Any] = {"EVENT_ID": "1789996420.994:5102"}
    if draw(st.booleans()):
        process["container"] = draw(st.one_of(st.fixed_dictionaries({"id": ids}), words))
        if isinstance(process["container"], dict) and draw(st.booleans()):
            process["container"] = {"name": draw(words), **process["container"]}
    said: dict[str, Any] = {"arch": "0xc000003e", "syscall": 59 if is_exec else 42, "success": "yes", "ppid": 1}
    said |= {
        "pid": 2,
        "exit": 0,
        "comm": draw(words),
        "exe": draw(words),
        "SYSCALL": "execve" if is_exec else "connect",
        "PID": process,
    }
    record: dict[str, Any] = {"ID": "1789996420.994:5102", "NODE": draw(words), "SYSCALL": said}
    if is_exec:
        record["EXECVE"] = {"ARGV": draw(st.lists(words, max_size=4)), "ENV": {draw(words): draw(words)}}
    else:
        record["SOCKADDR"] = [{"SADDR": {"addr": "203.0.113.7", "port": "443"}}]
    if draw(st.booleans()):
        record["CONTAINER_INFO"] = {"ID": draw(ids)}
    return draw(written(record)).encode("utf-8", "replace")


@st.composite
def hubble_records(draw: st.DrawFn) -> bytes:
    """Flows between pods, and between pods and the world, wrapped."""
    ends: list[dict[str, Any]] = []
    for _ in range(2):
        end: dict[str, Any] = {"ID": 7, "namespace": draw(words), "labels": draw(st.lists(words, max_size=2))}
        if draw(st.integers(0, 3)):
            end["pod_name"] = draw(pods)
        if draw(st.booleans()):
            end["workloads"] = [{"name": draw(words), "kind": "Deployment"}]
        ends.append(end)
    flow: dict[str, Any] = {
        "time": "2026-09-21T14:13:44.074027776Z",
        "verdict": draw(st.sampled_from(["FORWARDED", "DROPPED"])),
        "IP": {"source": "10.0.0.5", "destination": "203.0.113.7"},
        "l4": {"TCP": {"destination_port": 443, "flags": {"SYN": True}}},
        "source": ends[0],
        "destination": ends[1],
        "destination_names": draw(st.lists(words, max_size=2)),
        "Summary": draw(words),
    }
    record: dict[str, Any] = {"flow": flow, "node_name": draw(words), "time": flow["time"]}
    return draw(written(record)).encode("utf-8", "replace")


def assert_promise(source: Source, record: bytes) -> None:
    """Every name of the whole decode is listed, or the record is given up."""
    assert source.skim is not None
    values = listed(source.skim, record)
    if values is not None:
        for name in names(source, record):
            assert name in values, record


@given(laurel_records())
@settings(max_examples=200, deadline=None)
def test_laurel_skim_lists_every_container_that_a_decode_names(record: bytes) -> None:
    """Ids inside arguments, escaped quotes, other orders and white space cannot hide the record's own container."""
    assert_promise(LAUREL, record)


@given(hubble_records())
@settings(max_examples=200, deadline=None)
def test_hubble_skim_lists_every_pod_that_a_decode_names(record: bytes) -> None:
    """Names inside labels and summaries cannot hide the record's own pod."""
    assert_promise(HUBBLE, record)


@given(laurel_records(), st.data())
@settings(max_examples=100, deadline=None)
def test_changed_bytes_never_break_the_laurel_promise(record: bytes, data: st.DataObject) -> None:
    """A piece of the record cut out, or written twice, is listed, given up or rejected."""
    assert_promise(LAUREL, mutated(record, data))


@given(hubble_records(), st.data())
@settings(max_examples=100, deadline=None)
def test_changed_bytes_never_break_the_hubble_promise(record: bytes, data: st.DataObject) -> None:
    """A piece of the record cut out, or written twice, is listed, given up or rejected."""
    assert_promise(HUBBLE, mutated(record, data))


def mutated(record: bytes, data: st.DataObject) -> bytes:
    """The record with one piece of it left out or repeated."""
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, len(record)))
    return record[:start] + record[start:end] * data.draw(st.sampled_from([0, 2])) + record[end:]


@pytest.mark.parametrize("name", ["auditd", "hubble", "laurel", "suricata_flow", "vpc_flow", "zeek_conn"])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_bytes_escape_as_anything_but_a_record_error(name: str, data: st.DataObject) -> None:
    """Real records with a piece replaced by any bytes, numbers without end among them."""
    source = sources()[name]
    record = data.draw(st.sampled_from(samples(name)))
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, min(len(record), start + 20)))
    piece = data.draw(
        st.one_of(st.binary(max_size=12), st.sampled_from([b"9" * 5000, b"-", b"null", b'"', b"[]", b"\n"]))
    )
    names(source, record[:start] + piece + record[end:])


def test_plain_records_are_listed_and_not_given_up() -> None:
    """The promise is worth something: a producer's own compact JSON is skimmed."""
    assert LAUREL.skim is not None
    assert HUBBLE.skim is not None
    process = {"EVENT_ID": "1789996420.994:5102", "container": {"id": CONTAINER}}
    said = {"SYSCALL": "execve", "success": "yes", "PID": process}
    argv = ["sh", "-c", f'echo "container":{{"id":"{OTHER}"}}']
    record = {"ID": "1789996420.994:5102", "SYSCALL": said, "EXECVE": {"ARGV": argv}}
    compact = json.dumps(record, separators=(",", ":")).encode()
    assert listed(LAUREL.skim, compact) == {CONTAINER}
    assert names(LAUREL, compact) == [CONTAINER]
    flow = {"time": "2026-09-21T14:13:44Z", "verdict": "FORWARDED", "source": {"pod_name": POD}}
    record = {"flow": flow | {"IP": {"destination": "203.0.113.7"}, "destination": {"pod_name": "db-0"}}}
    compact = json.dumps(record, separators=(",", ":")).encode()
    assert listed(HUBBLE.skim, compact) == {POD, "db-0"}
    assert names(HUBBLE, compact) == [POD]


@pytest.mark.parametrize(
    "container",
    [
        '"container":{"id":"%s"}',
        '"container":{"id": "%s"}',
        '"container" :{"id":"%s"}',
        '"container": {"id":"%s"}',
        '"container":{"id":  "%s"}',
        '"container":{"id":\t"%s"}',
        '"container":{"name":"x","id":"%s"}',
        '"c\\u006fntainer":{"id":"%s"}',
        '"container":{"\\u0069d":"%s"}',
        '"container":{"id":"\\u0034%s"}',
    ],
)
def test_own_container_is_not_hidden_behind_another(container: str) -> None:
    """CONTAINER_INFO, which is listed, names one that may be forgotten; the process's own is written oddly."""
    own = container % (CONTAINER[1:] if container.endswith('4%s"}') else CONTAINER)
    said = f'"SYSCALL":{{"SYSCALL":"execve","success":"yes","PID":{{{own}}}}}'
    record = f'{{"ID":"1789996420.994:5102",{said},"CONTAINER_INFO":{{"ID":"{OTHER}"}}}}'.encode()
    assert names(LAUREL, record) == [CONTAINER]
    assert_promise(LAUREL, record)


@pytest.mark.parametrize(
    "member", ['"pod_name":"%s"', '"pod_name" :"%s"', '"pod_name":  "%s"', '"pod\\u005fname":"%s"']
)
def test_own_pod_is_not_hidden_behind_another(member: str) -> None:
    """The destination's pod is listed; the source's is written oddly."""
    ends = '"source":{%s},"destination":{"pod_name":"db-0"}' % (member % POD)
    address = '"IP":{"destination":"203.0.113.7"}'
    record = f'{{"flow":{{"time":"2026-09-21T14:13:44Z","verdict":"FORWARDED",{address},{ends}}}}}'.encode()
    assert names(HUBBLE, record) == [POD]
    assert_promise(HUBBLE, record)


def test_podmans_events_are_not_skimmed_as_laurels() -> None:
    """They open in the same way; their labels, which an image's author chooses, give them up to a whole parse."""
    assert LAUREL.skim is not None
    opening = b'{"ID":"' + CONTAINER.encode() + b'","Image":"docker.io/library/alpine:latest","Status":"create",'
    for label in (b"container", b"CONTAINER_INFO", b"x"):
        record = opening + b'"Type":"container","Attributes":{"' + label + b'":"' + OTHER.encode() + b'"}}'
        assert listed(LAUREL.skim, record) is None
