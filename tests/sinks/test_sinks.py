"""Proves how sinks are found, and what all of them promise."""

import pytest
from sample_outputs import samples

from tidewaiter.sinks import Sink, sinks


def test_sinks_are_found_by_walking_the_package() -> None:
    """The names are those of `--format`; what begins with an underscore is no sink."""
    assert list(sinks()) == ["jsonl", "ocsf", "syslog", "text"]
    assert all(isinstance(sink, Sink) for sink in sinks().values())


def test_every_sink_says_what_it_is() -> None:
    """Title and media type are for people and for receivers."""
    assert all(sink.title and "/" in sink.media_type for sink in sinks().values())


@pytest.mark.parametrize("name", sorted(sinks()))
def test_what_is_given_out_ends_its_last_line(name: str) -> None:
    """Outputs can be appended to one stream in any order."""
    for output in samples().values():
        encoded = sinks()[name].encode(output)
        assert not encoded or encoded.endswith(b"\n")


@pytest.mark.parametrize("name", sorted(sinks()))
def test_equal_outputs_give_equal_bytes(name: str) -> None:
    """Nothing but the output goes into the bytes: no clock, no counter."""
    encode = sinks()[name].encode
    first = [encode(output) for output in samples().values()]
    assert first == [encode(output) for output in samples().values()]
