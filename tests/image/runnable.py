"""Builds the layer of images that can run: the machine's own busybox, with its applets."""

import subprocess
import tarfile
from functools import cache
from pathlib import Path

from images import tar_members

BUSYBOX = Path("/bin/busybox")


def program(name: str, data: bytes, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    """A file of a layer, one that can be executed unless told otherwise."""
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member, data


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    """A folder of a layer."""
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
    return member, b""


@cache
def base_layer() -> bytes:
    """busybox with its applets, and the folders that a runtime mounts over."""
    told = subprocess.run([str(BUSYBOX), "--list"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - the machine's busybox
    applets = [name for name in told.split() if name != "busybox"]
    return tar_members(
        *(folder(name) for name in ("bin", "dev", "etc", "proc", "sys", "tmp")),
        program("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        program("bin/busybox", BUSYBOX.read_bytes()),
        *(_link(f"bin/{name}", "busybox") for name in applets),
    )


def _link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member, b""
