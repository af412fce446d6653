"""Proves that the worst images are verified in little memory, in a process of their own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hostile import layered, saved
from images import Tree
from layer_bytes import END, file, header, pax
from test_hostile_archives import crowded, tall
from test_hostile_documents import many_layers
from test_hostile_layers import bomb

import tidewaiter

MOST_KB = 120_000
_VERIFY = """
import sys
from tidewaiter.cli import main
try:
    main(["image", "verify", sys.argv[1], "--format", "json"])
finally:
    # Not ru_maxrss, which a process inherits of the one that started it.
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


def window() -> Tree | bytes:
    """The widest window that is read, and more behind it than fits into it."""
    told = zstandard.ZstdCompressionParameters(window_log=26, hash_log=10, chain_log=10, strategy=1)
    out = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=told).stream_writer(out, closefd=False) as packing:
        for number in range(160):
            packing.write(number.to_bytes(2, "big") * (1 << 19))
    return layered(out.getvalue(), "zstd", b"")[0]


def headers() -> bytes:
    """An archive of nothing but extended headers of a megabyte each, of thousands of records each."""
    records = {f"k{number}": b"x" * 90 for number in range(9_000)}
    return pax(records) * 60 + pax(records, b"g") * 60 + file(b"manifest.json", b"[]") + END


def members() -> Tree | bytes:
    """A layer of a million members with names of their own."""
    block = bytearray(header(b"%020d" % 0))
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as packing:
        for number in range(500_000):
            block[:20] = b"%020d" % number
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
            packing.write(bytes(block))
        packing.write(END)
    return layered(out.getvalue(), "zstd", b"")[0]


WORST: dict[str, Callable[[], Tree | bytes]] = {
    "gzip bomb": lambda: bomb("gzip")[0],
    "zstd bomb": lambda: bomb("zstd")[0],
    "window": window,
    "headers": headers,
    "members": members,
    "layers": lambda: many_layers()[0],
    "crowded": lambda: crowded()[0],
    "tall": lambda: tall()[0],
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_images_take_little_memory(name: str, tmp_path: Path) -> None:
    """The most that is ever resident, of the whole program."""
    path = saved(WORST[name](), tmp_path / "image.tar")
    # The code that is tested here, whatever is installed.
    found = {**os.environ, "PYTHONPATH": str(Path(tidewaiter.__file__).parents[1])}
    command = [sys.executable, "-c", _VERIFY, str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=found, capture_output=True, check=False)  # noqa: S603 - no input of others
    assert done.returncode in (1, 2, 3), done.stderr[-500:]
    assert b"Traceback" not in done.stderr
    assert int(done.stderr.split()[-1]) <= MOST_KB
    assert list(tmp_path.iterdir()) == [path]
