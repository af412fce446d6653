"""Measures `tidewaiter image verify` against the least that proves the same digests: sha256sum and gzip.

    python bench/image_verify.py [--megabytes 1000] [--rounds 3] [--keep FOLDER]

The image is an OCI layout of gzip layers full of made files, half of whose blocks compress. Both programs run in turn
on the same warm files, so that what else the machine does meets both: `sha256sum` over every blob, then for each layer
`gzip -dc | sha256sum`; and `tidewaiter image verify`, which besides reads the tar files. Told are the medians, their
ratio (the aim is 1.5 at most) and the peak memory of the verifying process.
"""

import argparse
import gzip
import hashlib
import io
import json
import random
import shlex
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

AIM = 1.5
LAYERS = 4
_BLOCK_BYTES = 4096
_OCI = "application/vnd.oci.image."
_VERIFY = "from tidewaiter.cli import main; main(prog_name='tidewaiter')"


def make_layout(folder: Path, megabytes: int) -> None:
    """Write an OCI layout whose layers have so many megabytes unpacked; the same bytes each time."""
    chance = random.Random(1)  # noqa: S311 - a benchmark's file contents
    words = b" ".join(b"%06x" % chance.getrandbits(24) for _ in range(200))
    blocks = [chance.randbytes(_BLOCK_BYTES) for _ in range(500)]
    blocks += [(words * 3)[n : n + _BLOCK_BYTES] for n in range(0, 500)]
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    diff_ids, layers = [], []
    for number in range(LAYERS):
        plain = _layer(number, megabytes * 1_000_000 // LAYERS, blocks, chance)
        diff_ids.append(_digest(plain))
        layers.append(_put(blobs, gzip.compress(plain, 6, mtime=0), "layer.v1.tar+gzip"))
    platform = {"os": "linux", "architecture": "amd64"}
    config = {**platform, "config": {"Cmd": ["/bin/true"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    told = _put(blobs, json.dumps(config).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}manifest.v1+json", "config": told, "layers": layers}
    entry = _put(blobs, json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def _layer(number: int, size_bytes: int, blocks: list[bytes], chance: random.Random) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        place = 0
        while packed.tell() < size_bytes:
            content = b"".join(chance.choices(blocks, k=chance.randint(1, 64)))
            member = tarfile.TarInfo(f"layer{number}/{place % 100:02}/file{place}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
            place += 1
    return packed.getvalue()


def _put(blobs: Path, data: bytes, kind: str) -> dict[str, Any]:
    digest = _digest(data)
    (blobs / digest.partition(":")[2]).write_bytes(data)
    return {"mediaType": _OCI + kind, "digest": digest, "size": len(data)}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def least(folder: Path) -> float:
    """Seconds that sha256sum over the blobs and gzip into sha256sum over the layers take."""
    table = json.loads((folder / "index.json").read_text())
    blobs = folder / "blobs" / "sha256"
    manifest = json.loads((blobs / _encoded(table["manifests"][0])).read_text())
    layers = [shlex.quote(str(blobs / _encoded(layer))) for layer in manifest["layers"]]
    steps = [f"sha256sum {shlex.quote(str(blobs))}/*", *(f"gzip -dc {layer} | sha256sum" for layer in layers)]
    return _timed(["sh", "-ec", "\n".join(steps)])


def _encoded(descriptor: dict[str, Any]) -> str:
    return str(descriptor["digest"]).partition(":")[2]


def _timed(command: list[str]) -> float:
    started_s = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own commands
    taken_s = time.perf_counter() - started_s
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}")
    return taken_s


def peak_bytes(folder: Path) -> int:
    """The largest memory of one verifying process, which is started by a child of its own to be measured alone."""
    asked = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", asked, *_verify(folder)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) * 1024  # noqa: S603 - our own command


def _verify(folder: Path) -> list[str]:
    return [sys.executable, "-c", _VERIFY, "image", "verify", str(folder)]


def measure(folder: Path, rounds: int) -> float:
    """Run both in turn and tell the figures; gives the ratio of the medians."""
    ours, others = [], []
    for number in range(rounds + 1):
        pair = least(folder), _timed(_verify(folder))
        if number:  # the first round warms the files
            others.append(pair[0])
            ours.append(pair[1])
            print(f"round {number}: sha256sum + gzip {pair[0]:.2f} s, verify {pair[1]:.2f} s")
    ratio = statistics.median(ours) / statistics.median(others)
    size = sum(path.stat().st_size for path in (folder / "blobs" / "sha256").iterdir())
    print(f"image: {size / 1e6:,.0f} MB as it lies, {LAYERS} layers")
    print(f"ratio of the medians: {ratio:.2f} (aim: at most {AIM})")
    print(f"peak memory: {peak_bytes(folder) / 1e6:.0f} MB")
    return ratio


def main() -> None:
    """Make the image, measure, and end with 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description="Measure tidewaiter image verify against sha256sum and gzip.")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the layers unpacked (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default: 3)")
    parser.add_argument("--keep", type=Path, help="make the image there, and use it again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch) / "layout"
        if not (folder / "index.json").exists():
            make_layout(folder, chosen.megabytes)
        ratio = measure(folder, chosen.rounds)
    raise SystemExit(ratio > AIM)


if __name__ == "__main__":
    main()
