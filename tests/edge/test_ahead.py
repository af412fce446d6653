"""Checks the reading process: order, what it is told, and that nothing of it is left behind however it ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tidewaiter.edge import ahead
from tidewaiter.edge.ahead import AnnouncedSet, ReaderDied, is_worthwhile, read_ahead
from tidewaiter.edge.batch import Batch, Unread

DESCRIPTORS = Path("/proc/self/fd")
PATIENCE = 50_000
"""So many batches a child sends at most while it waits to be told something."""


def batch(number: int, **fields: object) -> Batch:
    """A batch that is told by its only offset."""
    return Batch(stream="s", records=[b"r"], sources=["toy"], offsets=[number], **fields)  # type: ignore[arg-type]  # any of its fields


def numbers(batches: Iterator[Batch]) -> list[int]:
    """Offsets of all records."""
    return [offset for one in batches for offset in one.offsets]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the processes that were started."""
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        child = fork()
        if child:
            started.append(child)
        return child

    monkeypatch.setattr(os, "fork", noted)
    return started


def assert_gone(children: list[int]) -> None:
    """The one child ended and was waited for."""
    assert len(children) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0], os.WNOHANG)


def test_batches_come_whole_and_in_order(children: list[int]) -> None:
    """Every field of a batch goes through, for many batches of very different sizes."""
    sent = [batch(n, position=n, node="n1", nodes={0: "n2"}, weights={0: 3}, skipped={"toy": n}) for n in range(500)]
    sent[250].records = [os.urandom(2_000_000)]
    sent[251].unread = [Unread("rejected", 7, "why", "\x1b text")]
    sent[252].problems = ["is cut short"]
    received = list(read_ahead(lambda: iter(sent), AnnouncedSet()))
    assert received == sent
    assert_gone(children)


def test_ranges_of_offsets_come_as_lists() -> None:
    """The reader may give a range, which no encoding knows."""
    sent = Batch(stream="s", records=[b"a", b"b"], sources=["toy", "toy"], offsets=range(4, 6))
    assert numbers(read_ahead(lambda: [sent], AnnouncedSet())) == [4, 5]


def test_nothing_to_read_is_no_fault(children: list[int]) -> None:
    """No batches, no exception."""
    assert list(read_ahead(lambda: [], AnnouncedSet())) == []
    assert_gone(children)


def test_an_exception_in_the_child_is_told_and_nothing_is_left(children: list[int]) -> None:
    """What came before it arrives; then ReaderDied, no zombie, no open pipe."""

    def failing() -> Iterator[Batch]:
        yield batch(1)
        yield batch(2)
        raise ValueError("the disk is gone")

    before = sorted(DESCRIPTORS.iterdir())[:-1]
    received: list[int] = []
    with pytest.raises(ReaderDied, match="ended early"):
        received.extend(offset for one in read_ahead(failing, AnnouncedSet()) for offset in one.offsets)
    assert received == [1, 2]
    assert_gone(children)
    assert sorted(DESCRIPTORS.iterdir())[:-1] == before


def test_the_childs_own_words_are_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Without them nobody can tell why the reading process ended."""

    def failing() -> Iterator[Batch]:
        yield batch(1)
        raise ValueError("the disk is gone")

    with pytest.raises(ReaderDied):
        list(read_ahead(failing, AnnouncedSet()))
    assert "the disk is gone" in capfd.readouterr().err


def test_a_child_that_is_killed_is_told(children: list[int]) -> None:
    """The kernel may do so where memory is short."""

    def killed() -> Iterator[Batch]:
        yield batch(1)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ReaderDied, match="-9"):
        list(read_ahead(killed, AnnouncedSet()))
    assert_gone(children)


def test_a_parent_that_stops_early_ends_the_child(children: list[int]) -> None:
    """Even one that would go on for ever, or is stuck in a full pipe."""

    def endless() -> Iterator[Batch]:
        number = 0
        while True:
            number += 1
            yield Batch(stream="s", records=[bytes(100_000)], sources=["toy"], offsets=[number])

    before = sorted(DESCRIPTORS.iterdir())[:-1]
    reading = read_ahead(endless, AnnouncedSet())
    assert numbers(iter([next(iter(reading))])) == [1]
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    assert_gone(children)
    assert sorted(DESCRIPTORS.iterdir())[:-1] == before


def test_an_exception_in_the_parent_ends_the_child(children: list[int]) -> None:
    """What the run loop raises is raised, not what happens to the child by it."""

    def judge() -> None:
        for _ in read_ahead(lambda: map(batch, range(10_000)), AnnouncedSet()):
            raise KeyError("judging failed")

    with pytest.raises(KeyError, match="judging failed"):
        judge()
    assert_gone(children)


def test_the_child_follows_changes() -> None:
    """What the parent adds and takes away, the child's own set shows soon after."""
    quiet = AnnouncedSet()

    def watching() -> Iterator[Batch]:
        number = 0
        for state in (True, False):
            while (b"settled" in quiet) is not state:
                number += 1
                if number > PATIENCE:
                    return
                yield batch(0)
            yield batch(1 if state else 2)

    seen: list[int] = []
    for one in read_ahead(watching, quiet):
        if not seen:
            quiet.add(b"settled")
        if one.offsets == [1]:
            quiet.discard(b"settled")
        seen += one.offsets
    assert sorted({*seen}) == [0, 1, 2]


def test_what_was_settled_before_is_known_to_the_child() -> None:
    """The child begins with the set as it is."""
    quiet = AnnouncedSet()
    quiet.add(b"before")
    assert numbers(read_ahead(lambda: [batch(len(quiet))], quiet)) == [1]


def test_changes_after_the_child_has_gone_are_no_fault() -> None:
    """It has read everything; its last batches are still in the pipe."""
    quiet, seen = AnnouncedSet(), 0
    for _ in read_ahead(lambda: map(batch, range(2000)), quiet):
        seen += 1
        quiet.add(b"%d" % seen)
    assert seen == 2000


def test_many_changes_at_once_do_not_stop_both() -> None:
    """A fleet of thousands settles within a few batches while the child is far ahead."""

    def large() -> Iterator[Batch]:
        for number in range(12):
            yield Batch(stream="s", records=[bytes(300_000)], sources=["toy"], offsets=[number])

    def stuck(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("neither process goes on")

    quiet, settled = AnnouncedSet(), 0
    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, 3)
    try:
        for _ in read_ahead(large, quiet):
            for number in range(settled, settled + 1700):
                quiet.add(b"%064x" % number)
                quiet.add(b"%012x" % number)
            settled += 1700
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_announced_set_notes_each_change_once() -> None:
    """What is there is not added, what is not there is not taken away, and only bytes are names."""
    quiet = AnnouncedSet()
    quiet.add(b"a")
    quiet.add(b"a")
    quiet.discard(b"b")
    quiet.discard("a")
    quiet.add(b"b")
    quiet.discard(b"a")
    quiet.discard(b"a")
    assert quiet == {b"b"}
    assert quiet.changes == [(True, b"a"), (True, b"b"), (False, b"a")]


def test_a_second_process_needs_much_to_read_and_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small inputs, and one processor, are read in the same process."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    assert is_worthwhile(ahead.SMALLEST_BYTES)
    assert not is_worthwhile(ahead.SMALLEST_BYTES - 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    assert not is_worthwhile(ahead.SMALLEST_BYTES)


def test_a_child_that_is_killed_within_a_batch_is_told(children: list[int]) -> None:
    """The pipe holds the beginning of a batch, and nothing follows."""

    def killed() -> Iterator[Batch]:
        yield batch(1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        yield Batch(stream="s", records=[bytes(5_000_000)], sources=["toy"], offsets=[2])

    reading = iter(read_ahead(killed, AnnouncedSet()))
    assert next(reading).offsets == [1]
    os.waitid(os.P_PID, children[0], os.WEXITED | os.WNOWAIT)
    with pytest.raises(ReaderDied, match="-14"):
        next(reading)
    assert_gone(children)
