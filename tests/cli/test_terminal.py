"""Holds that output arrives whole, whatever stdout is."""

import os
import threading
from types import SimpleNamespace

import pytest

from tidewaiter.cli._terminal import put


@pytest.mark.parametrize("buffering", [0, 8192])
def test_a_pipe_that_takes_a_part_gets_all(monkeypatch: pytest.MonkeyPatch, buffering: int) -> None:
    """Unbuffered and non-blocking, as a container's or a terminal's stdout may be."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = bytearray()

    def read() -> None:
        while piece := os.read(reading, 65536):
            got.extend(piece)

    reader = threading.Thread(target=read)
    data = bytes(range(256)) * 4096
    with open(writing, "wb", buffering=buffering) as buffer:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=buffer, flush=lambda: None))
        reader.start()
        put(data)
    reader.join()
    os.close(reading)
    assert bytes(got) == data
