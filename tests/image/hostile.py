"""Opens hostile images as a user would, with every command, and watches that nothing is written meanwhile."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner
from images import MEDIA_TYPES, Descriptor, Tree, blobs, describe, encode, image, layout, sha256, tar

from tidewaiter.cli import main
from tidewaiter.edge.images import open_view
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import Holds, Verdict, Verification

TYPES = MEDIA_TYPES["oci"]
GOOD = image()
ABSENT = "sha256:" + "0" * 64
COMMANDS = (
    ("verify", "{}"),
    ("verify", "{}", "--format", "json"),
    ("inspect", "{}"),
    ("inspect", "{}", "--format", "json"),
    ("files", "{}"),
    ("files", "{}", "--format", "json"),
    ("facts", "{}"),
    ("diff", "{}", "{}"),
    ("whatis", ABSENT, "--in", "{}"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = frozenset(
    {"os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime"}
)
_watching: list[list[str]] = []


class Hostile(msgspec.Struct):
    """An image that means harm, and the finding about it."""

    name: str
    make: Callable[[], tuple[Tree | bytes, str]]
    """Makes the image (a tree is packed as tar file) and tells what the finding is about."""
    verdict: Verdict
    relation: str
    holds: Holds
    word: str
    """A part of the reason."""


def saved(made: Tree | bytes, path: Path) -> Path:
    """The image as a file."""
    path.write_bytes(made if isinstance(made, bytes) else tar(made))
    return path


def verified(path: Path) -> Verification:
    """What is proven of a file."""
    with open_view(str(path)) as view:
        return validate(view)


def found(verification: Verification) -> list[tuple[str, str, str, str]]:
    """Relation, subject, state and reason of all that does not hold, and of contents that do."""
    return [
        (each.relation, each.subject, each.holds, each.reason)
        for each in verification.relations
        if each.holds != "yes" or each.relation == "layer_content"
    ]


def assert_found(verification: Verification, wanted: Hostile, subject: str) -> None:
    """The verdict, and the one finding that was wanted."""
    told = found(verification)
    assert any(
        (relation, about, holds) == (wanted.relation, subject, wanted.holds) and wanted.word in reason
        for relation, about, holds, reason in told
    ), told[:20]
    assert verification.verdict == wanted.verdict, told[:20]


def run_commands(path: Path, commands: tuple[tuple[str, ...], ...] = COMMANDS) -> None:
    """Every command answers with an exit status of its own, one text that a terminal can show, and no traceback."""
    for words in commands:
        result = CliRunner().invoke(main, ["image", *(word.format(path) for word in words)])
        assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exc_info)
        assert result.exit_code in (0, 1, 2, 3), (words, result.output[:500])
        assert not set(result.output) & {"\x1b", "\x07", "\r", "\u202e", "\x9b"}, words
        result.output.encode("utf-8")


@contextmanager
def nothing_written() -> Iterator[None]:
    """Fails where any file is opened for writing, made, changed or taken away by this process."""
    noted: list[str] = []
    _watching.append(noted)
    try:
        yield
    finally:
        _watching.remove(noted)
    assert noted == []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # What is imported for the first time is compiled, and that is kept.
    if not _watching or not arguments or "__pycache__" in str(arguments[0]):
        return
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        _watching[-1].append(f"open {arguments[0]}")
    elif event in _CHANGES:
        _watching[-1].append(f"{event} {arguments[0]}")


sys.addaudithook(_audit)


def layout_of(members: dict[str, Any], *contents: bytes, **more: Any) -> tuple[Tree, str]:
    """A layout of one manifest with these members, and its digest."""
    data = encode(members)
    return layout(blobs(data, *contents), describe(data, TYPES["manifest"], **more)), sha256(data)


def layered(layer: bytes, packing: str = "none", plain: bytes | None = None) -> tuple[Tree, str]:
    """A layout of an image of this one layer, about whose plain bytes the config tells the truth, and its digest."""
    config = encode(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer if plain is None else plain)]},
        }
    )
    told = describe(layer, TYPES[packing])
    members = {"schemaVersion": 2, "config": describe(config, TYPES["config"]), "layers": [told]}
    return layout_of(members, config, layer)[0], told["digest"]


def manifest_of(*layers: Descriptor, **changes: Any) -> dict[str, Any]:
    """The members of a manifest of the sound image's config."""
    return {"schemaVersion": 2, "config": describe(GOOD.config, TYPES["config"]), "layers": list(layers), **changes}
