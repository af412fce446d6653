"""Proves that several files are read as one in event time, and that their boundaries mean nothing."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tidewaiter.edge import merge
from tidewaiter.edge.batch import Batch
from tidewaiter.edge.merge import SPAN_NS, Merge
from tidewaiter.edge.read import Stream
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.sources import Source

SECOND = 1_000_000_000
Files = Callable[[Sequence[Sequence[float | None]]], list[Stream]]


def time_of(batch: Batch, index: int) -> int | None:
    """The time of a record made by `files`: its number of seconds."""
    seconds = batch.records[index].partition(b":")[2].rstrip(b"}")
    return None if seconds == b"null" else int(float(seconds) * SECOND)


@pytest.fixture
def files(tmp_path: Path, toys: Mapping[str, Source]) -> Files:
    """Write files whose records carry these times, in seconds; None for a record without a time."""
    recogniser = Recogniser(toys)

    def make(streams: Sequence[Sequence[float | None]]) -> list[Stream]:
        made = []
        for number, times in enumerate(streams):
            path = tmp_path / f"{number:03}"
            lines = (f'{{"flat":{"null" if time is None else time}}}\n' for time in times)
            path.write_text("".join(lines), encoding="utf-8")
            made.append(Stream(str(path), recogniser, ReadOptions(chunk_bytes=500)))
        return made

    return make


def times(batches: Iterator[Batch]) -> list[int | None]:
    """The times of all records, in the order in which they were handed out."""
    return [time_of(batch, index) for batch in batches for index in range(len(batch.records))]


def disorder(found: Sequence[int | None]) -> int:
    """By how much, at most, a record comes after one that is later."""
    latest = worst = 0
    for time in found:
        if time is not None:
            worst = max(worst, latest - time)
            latest = max(latest, time)
    return worst


def test_one_stream_is_read_as_it_is(files: Files) -> None:
    """No time is asked for."""
    (stream,) = files([[3, 1, 2]])

    def forbidden(batch: Batch, index: int) -> int | None:
        raise AssertionError("nobody has to be told")

    assert times(iter(Merge([stream], forbidden))) == [3 * SECOND, SECOND, 2 * SECOND]
    assert list(Merge([], forbidden)) == []


@pytest.mark.parametrize("deal", ["round robin", "by chance", "in a row"])
@pytest.mark.parametrize("step", [0.01, 1, 61, 3600])
def test_a_stream_that_was_dealt_over_files_comes_together_again(files: Files, deal: str, step: float) -> None:
    """Whether its records are dense or hours apart, no record is handed out long after a later one."""
    chance = random.Random(1)  # noqa: S311 (a test's own dice)
    hands: list[list[float | None]] = [[] for _ in range(5)]
    for number in range(1000):
        hand = {"round robin": number % 5, "by chance": chance.randrange(5), "in a row": number // 200}[deal]
        hands[hand].append(number * step)
    found = times(iter(Merge(files(hands), time_of)))
    assert len(found) == 1000
    assert disorder(found) <= SPAN_NS


def test_a_sparse_stream_does_not_run_ahead_of_a_dense_one(files: Files) -> None:
    """A burst followed by hours of silence is cut where the silence begins."""
    burst = [0, 0.1, 0.2, 3600, 7200]
    dense: list[float | None] = [float(second) for second in range(0, 8000, 2)]
    found = times(iter(Merge(files([burst, dense]), time_of)))
    assert disorder(found) <= SPAN_NS


def test_what_has_no_time_comes_first_and_in_place(files: Files) -> None:
    """A snapshot is read before the streams; an untimed record within a stream keeps its place there."""
    found = times(iter(Merge(files([[5, None, 6], [None, None], [1, 2]]), time_of)))
    assert found == [None, None, SECOND, 2 * SECOND, 5 * SECOND, None, 6 * SECOND]


def test_the_order_within_a_file_is_kept(files: Files) -> None:
    """A record that is late in its file stays late: the engine has the say on lateness."""
    found = times(iter(Merge(files([[10, 1, 11], [5, 12]]), time_of)))
    assert [time for time in found if time in (10 * SECOND, SECOND, 11 * SECOND)] == [10 * SECOND, SECOND, 11 * SECOND]


def test_counts_and_problems_come_through_exactly_once(files: Files, tmp_path: Path) -> None:
    """Cutting batches loses no line of the account."""
    streams = files([[1, 5, 9], [2, 6, 10]])
    for stream in streams:
        with open(stream.path, "ab") as file:
            file.write(b"nobody's\n\n{broken\n")
    missing = Stream(str(tmp_path / "nothing"), Recogniser({}))
    batches = list(Merge([*streams, missing], time_of))
    assert sum(batch.unrecognised for batch in batches) == 2
    assert sum(batch.rejected for batch in batches) == 2
    assert sum(batch.blank for batch in batches) == 2
    assert sum(len(batch.records) for batch in batches) == 6
    assert [problem for batch in batches for problem in batch.problems] == [
        "could not be read: No such file or directory"
    ]


def test_files_are_opened_when_their_turn_comes(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand files that follow each other are not held open side by side."""
    opened: list[str] = []
    most = 0
    begin = Stream.__iter__

    def watched(self: Stream) -> Iterator[Batch]:
        nonlocal most
        opened.append(self.name)
        most = max(most, len(opened))
        yield from begin(self)
        opened.remove(self.name)

    monkeypatch.setattr(Stream, "__iter__", watched)
    streams = files([[float(hour * 3600 + minute * 60) for minute in range(60)] for hour in range(100)])
    random.Random(2).shuffle(streams)  # noqa: S311 (a test's own dice)
    found = times(iter(Merge(streams, time_of)))
    assert found == sorted(time for time in found if time is not None)
    assert most <= 2


def test_few_times_are_asked_for_where_files_do_not_overlap(files: Files) -> None:
    """Cutting is paid for only where it is needed."""
    asked = 0

    def counting(batch: Batch, index: int) -> int | None:
        nonlocal asked
        asked += 1
        return time_of(batch, index)

    list(Merge(files([list(map(float, range(1000))), list(map(float, range(5000, 6000)))]), counting))
    assert asked < 200
    assert merge.SPAN_NS == 2 * SECOND
