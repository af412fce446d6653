"""Checks what `tidewaiter image` answers to what is no image, to hostile names, and to who asks for help."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from image_cases import ARM64, SHOP, put, run
from images import (
    docker_v25,
    image,
    lay_out,
    oci_index_layout,
)

from tidewaiter.cli import main

pytestmark = pytest.mark.usefixtures("workroom")


COMMANDS = [["verify"], ["inspect"], ["files"], ["facts"], ["diff", "image.tar"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "nothing is there"),
        (b"", "the file is empty"),
        (b"\x7fELF" + bytes(2000), "is something else"),
        (b"{}", "an empty JSON object"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (b"\x1f\x8b\x08\x00garbage", "gzip"),
    ],
)
def test_what_is_no_image_is_one_sentence(command: list[str], content: bytes | None, words: str) -> None:
    """What was looked for and what was found instead, on stderr, exit 2."""
    put("image.tar", docker_v25(SHOP))
    if content is not None:
        Path("thing").write_bytes(content)
    result = run(*command, "thing")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_of_something_else_says_what_is_in_it(workroom: Path) -> None:
    """The first names that lie there."""
    lay_out({"etc/passwd": b"", "usr/x": b""}, workroom / "root")
    result = run("verify", "root")
    assert result.exit_code == 2
    assert "holds etc, usr" in result.stderr


def test_a_choice_that_fits_nothing_lists_what_is_there() -> None:
    """The platforms and names that could have been meant."""
    result = run("inspect", put("shop.tar", oci_index_layout(SHOP, ARM64)), "--platform", "linux/riscv64")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "shop.tar holds no such image; it holds: linux/amd64 1.4, linux/arm64/v8 1.4\n"


HOSTILE = {"os": "linux\x1b[31m", "architecture": "amd64\u202e"}


@pytest.mark.parametrize("command", ["verify", "inspect", "files"])
def test_nothing_hostile_reaches_the_terminal(command: str) -> None:
    """Escape sequences and bidirectional overrides of names, settings, labels and paths are written as escapes."""
    run_settings: dict[str, Any] = {"Cmd": ["\x1b[2J"], "Labels": {"a\nb": "\u202e"}, "User": "\x9b31m"}
    made = image({"a\x1b[2Jb\u202e": b""}, names=["x\x1b[31m:1"], platform=HOSTILE, run=run_settings)
    shown = run(command, put("evil.tar", docker_v25(made))).stdout
    assert shown
    assert all(char == "\n" or char.isprintable() for char in shown)


def test_names_that_are_no_utf8_are_shown() -> None:
    """A path of any bytes is listed, in text and in JSON."""
    made = image({"caf\udce9": b"1"})
    path = put("bytes.tar", docker_v25(made))
    assert "/caf\\udce9" in run("files", path).stdout
    assert json.loads(run("files", path, "--format", "json").stdout)["files"][0]["path"] == "caf\\udce9"


def test_every_command_has_help_with_an_example() -> None:
    """What a user reads first."""
    names = json.loads(json.dumps(list(main.get_command(None, "image").commands)))  # type: ignore[union-attr,arg-type]
    assert names == ["inspect", "verify", "diff", "files", "whatis", "facts"]
    for name in names:
        shown = run(name, "--help").stdout
        assert f"tidewaiter image {name}" in shown.partition("Example")[2]
        assert os.linesep not in shown.strip()[:1]
