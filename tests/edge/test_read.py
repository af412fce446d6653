"""Proves that files become batches, and their faults sentences in the last of them."""

import gzip
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from tidewaiter.edge.read import Stream, decode, read, recogniser_of
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve
from tidewaiter.event import Event, Where
from tidewaiter.sources import RecordError, Skim, Source, sources

LINES = b'{"flat":1}\n' * 1000
WHERE = Where("toy", "-", 1)


@pytest.fixture
def known(toys: Mapping[str, Source]) -> Recogniser:
    """A recogniser of the sources made for tests."""
    return Recogniser(toys)


def test_a_file_is_read_to_its_end_in_batches(tmp_path: Path, known: Recogniser) -> None:
    """The last batch has the file's size as its position."""
    path = tmp_path / "lines"
    path.write_bytes(LINES)
    batches = list(read(str(path), ReadOptions(chunk_bytes=1000), known))
    assert sum(len(batch.records) for batch in batches) == 1000
    assert batches[-1].position == len(LINES)
    assert {batch.stream for batch in batches} == {str(path)}


def test_a_fault_is_told_after_everything_before_it(tmp_path: Path, known: Recogniser) -> None:
    """What a broken file held before its fault is read; the sentence comes with the last batch."""
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(os.urandom(10_000).hex().encode() + b"\n" + LINES)[:-30])
    batches = list(read(str(path), None, known))
    assert sum(len(batch.records) for batch in batches) > 500
    assert batches[-1].problems == ["is cut short: the gzip data has no end"]


def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path, known: Recogniser) -> None:
    """No exception: there may be other files."""
    (batch,) = read(str(tmp_path / "nothing"), None, known)
    assert batch.problems == ["could not be read: No such file or directory"]


def test_the_head_of_a_file_can_be_looked_at_and_read_again(tmp_path: Path, known: Recogniser) -> None:
    """Looking uses nothing up."""
    path = tmp_path / "lines"
    path.write_bytes(LINES * 100)
    stream = Stream(str(path), known)
    head = stream.head()
    assert head is not None
    assert 0 < len(head.records) < 100_000
    assert sum(len(batch.records) for batch in stream) == 100_000


def test_what_can_be_read_only_once_has_no_head(tmp_path: Path, known: Recogniser) -> None:
    """Standard input and pipes are not looked into; nor is what cannot be read, or is empty."""
    pipe, empty, broken = tmp_path / "pipe", tmp_path / "empty", tmp_path / "broken"
    os.mkfifo(pipe)
    empty.write_bytes(b"")
    broken.write_bytes(b"\x1f\x8b broken")
    for path in ("-", str(pipe), str(empty), str(broken), str(tmp_path / "nothing")):
        assert Stream(path, known).head() is None


def test_the_head_is_not_sieved(tmp_path: Path, toys: Mapping[str, Source], known: Recogniser) -> None:
    """It tells times, so nothing is left out of it."""
    path = tmp_path / "lines"
    path.write_bytes(b'{"deep":{"id":1}}\n')
    skim = Skim(prefixes=(b'{"deep":',), words=((b"nowhere",),))
    sieve = Sieve({"deep": msgspec.structs.replace(toys["deep"], prefixes=skim.prefixes, skim=skim)}, set())
    stream = Stream(str(path), known, None, sieve)
    head = stream.head()
    assert head is not None
    assert (len(head.records), [batch.skipped for batch in stream]) == (1, [{"deep": 1}, {}])


def test_a_name_that_no_source_has_is_a_key_error() -> None:
    """The command turns it into a sentence."""
    with pytest.raises(KeyError):
        recogniser_of("nobody")
    name = next(iter(sources()))
    assert recogniser_of(name).forced == name
    assert recogniser_of().forced is None


def strict(record: bytes, where: Where) -> Iterator[Event]:
    """Decode to nothing, but only what is UTF-8."""
    try:
        record.decode()
    except UnicodeDecodeError:
        raise RecordError("no UTF-8") from None
    if record == b"bad":
        raise RecordError("bad")
    return iter(())


def test_a_record_is_mended_before_it_is_given_up() -> None:
    """Bytes that are no UTF-8 in an argument do not hide it; what is bad for another reason is."""
    toy = Source(title="Toy", log_sources=("toy",), cannot_see="anything", decode=strict)
    assert decode(toy, b'{"args":"\xff"}', WHERE) == []
    with pytest.raises(RecordError):
        decode(toy, b"bad", WHERE)


CASES: list[tuple[str, dict[str, int]]] = [
    ("captures/docker/docker-events.jsonl", {"docker_events": 78}),
    ("captures/docker/registry-access.log", {"registry_log": 98}),
    ("captures/docker/images-list.json", {"docker_inspect": 2}),
    ("captures/containerd/ctr-events.txt", {"containerd_events": 42}),
    ("captures/containerd/images-ls.txt", {"ctr_images": 4}),
    ("captures/kubernetes/audit.log", {"kubernetes_audit": 942}),
    ("captures/kubernetes/audit-webhook.batches.ndjson", {"kubernetes_audit": 851}),
    ("captures/kubernetes/real-kubelet-watch-pods.ndjson", {"kubernetes_pods": 12}),
    ("captures/kubernetes/real-kubelet-pods-list.json", {"kubernetes_pods": 2}),
    ("captures/kubernetes/real-kubelet-events-list.json", {"kubernetes_events": 15}),
    ("captures/podman/inspect-p1.json", {"podman": 1}),
    ("captures/auditd/audit.log", {"auditd": 42}),
    ("samples/k8s_events/message-image-pull-fail.json", {"kubernetes_events": 17}),
    ("samples/k8s_audit_panther/source_ip_multiple_403.jsonl", {"kubernetes_audit": 3}),
    ("samples/kubescape_profiles/collection_deploy.json", {"kubernetes_pods": 1}),
    ("samples/zeek/scripts.base.protocols.ssh.basic__conn.log", {"zeek_conn": 25}),
]


@pytest.mark.parametrize(("path", "counts"), CASES)
def test_recordings_of_real_producers_are_recognised(shared: Path, path: str, counts: Mapping[str, int]) -> None:
    """Each record of these files finds its source, through lists, envelopes and documents."""
    found: dict[str, int] = {}
    for batch in read(str(shared / path)):
        assert batch.problems == []
        for name in batch.sources:
            found[name] = found.get(name, 0) + 1
    assert found == counts


def test_no_public_sample_makes_the_reader_or_a_source_stumble(shared: Path) -> None:
    """Whatever the file is, reading and decoding it raises nothing but RecordError."""
    recogniser = recogniser_of()
    decoded = 0
    for path in sorted(shared.rglob("*")):
        if not path.is_file() or path.suffix in (".xz", ".gz"):
            continue
        for batch in read(str(path), recogniser=recogniser):
            for index, name in enumerate(batch.sources):
                try:
                    decoded += len(decode(recogniser.sources[name], batch.records[index], batch.where(index)))
                except RecordError:
                    continue
    assert decoded > 500
