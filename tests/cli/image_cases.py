"""Makes the images that the tests of `tidewaiter image` share, and runs its commands."""

import tarfile
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result
from images import (
    Image,
    Tree,
    docker_v25,
    hex_of,
    image,
    sha256,
    tar,
    tar_members,
)

from tidewaiter.cli import main

Golden = Callable[[str, str], None]
"""What the fixture `image_golden` gives."""


def program(name: str, content: bytes = b"\x7fELF", mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    """An executable file."""
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member, content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member, b""


def shop() -> Image:
    """An image with something of everything: programs, links, a deleted file, every run setting."""
    low = tar_members(
        program("bin/busybox", b"\x7fELF" * 5000), link("bin/sh", "busybox"), program("usr/bin/su", b"su", 0o4755)
    )
    high = tar({"app/web": b"#!web", "etc/motd": b"welcome", "bin/.wh.wget": b""})
    run = {
        "Entrypoint": ["/app/web"],
        "Cmd": ["--port", "80"],
        "Env": ["PATH=/bin", "LANG=C"],
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["CMD", "/app/web", "--check"]},
        "Labels": {"org.opencontainers.image.source": "https://git.example/shop"},
    }
    made = image({}, {}, run=run, rootfs={"type": "layers", "diff_ids": [sha256(low), sha256(high)]})
    return Image((low, high), made.config, made.names, made.platform)


SHOP = shop()
ARM64 = image({"app/web": b"#!arm"}, platform={"architecture": "arm64", "os": "linux", "variant": "v8"})


def run(*words: str) -> Result:
    """`tidewaiter image ...` in this process."""
    result = CliRunner().invoke(main, ["image", *words], prog_name="tidewaiter")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def put(name: str, tree: Tree) -> str:
    """Write a tree as an archive, and give its name back."""
    Path(name).write_bytes(tar(tree))
    return name


def broken() -> Tree:
    """The shop with its config changed and its name kept."""
    tree = dict(docker_v25(SHOP))
    name = f"blobs/sha256/{hex_of(SHOP.config_digest)}"
    content = tree[name]
    assert isinstance(content, bytes)
    tree[name] = content.replace(b'"--port"', b'"--evil"')
    return tree
