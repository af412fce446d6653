"""Reading blobs whole, and no further than is wanted."""

from collections.abc import Iterator

import pytest

from tidewaiter.image.blob import Blob, Bounded, Bytes, ReadError, read_whole


class Stream:
    """A place that does not say how much it has, and counts what it gave."""

    name = "stream"
    size_bytes = None

    def __init__(self, *chunks: bytes, breaks: bool = False) -> None:
        self.given = 0
        self._chunks, self._breaks = chunks, breaks

    def chunks(self) -> Iterator[bytes]:
        """One after the other."""
        for chunk in self._chunks:
            self.given += 1
            yield chunk
        if self._breaks:
            raise ReadError("the connection broke")


@pytest.mark.parametrize(("limit_bytes", "found"), [(5, b"abcde"), (6, b"abcde"), (4, None), (0, None)])
def test_a_blob_is_read_whole_or_not_at_all(limit_bytes: int, found: bytes | None) -> None:
    """Whether its size was told before or shows itself."""
    blobs: list[Blob] = [Bytes("b", b"abcde"), Stream(b"abc", b"", b"de")]
    assert [read_whole(blob, limit_bytes) for blob in blobs] == [found, found]


def test_nothing_is_read_of_what_is_told_to_be_too_long() -> None:
    """The bound is asked first."""
    told = Stream(b"x")
    told.size_bytes = 10  # type: ignore[assignment]  # this one does say
    assert read_whole(told, 9) is None
    assert told.given == 0


def test_a_bounded_blob_ends_where_its_size_is_disproven() -> None:
    """One chunk further than its descriptor told, whatever is behind it."""
    endless = Stream(*[b"xy"] * 100)
    assert b"".join(Bounded(endless, 5).chunks()) == b"xyxyxy"
    assert endless.given == 3
    assert b"".join(Bounded(Stream(b"abc"), 3).chunks()) == b"abc"
    assert (Bounded(endless, 5).name, Bounded(endless, 5).size_bytes) == ("stream", None)


def test_what_breaks_off_is_an_error() -> None:
    """Never taken for the whole."""
    with pytest.raises(ReadError, match="the connection broke"):
        read_whole(Stream(b"abc", breaks=True), 100)
