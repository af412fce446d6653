"""Proves which files are found behind what somebody typed, and what is said about the rest."""

import os
from pathlib import Path

import pytest

from tidewaiter.edge.paths import expand, shown


def names(root: Path, files: tuple[str, ...]) -> list[str]:
    """Paths relative to `root`."""
    return [os.path.relpath(file, root) for file in files]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """b.log, a/2.log, a/1.log, a/.hidden and an empty folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("b.log", "a/2.log", "a/1.log", "a/.hidden"):
        (tmp_path / name).write_text("x\n")
    return tmp_path


def test_a_folder_gives_its_files_sorted_and_without_hidden_ones(tree: Path) -> None:
    """What a folder holds comes in one order, whatever the file system says."""
    assert names(tree, expand([str(tree)]).files) == ["a/1.log", "a/2.log", "b.log"]


def test_arguments_keep_their_order(tree: Path) -> None:
    """What is typed first is read first."""
    assert names(tree, expand([f"{tree}/b.log", f"{tree}/a"]).files) == ["b.log", "a/1.log", "a/2.log"]


def test_a_hidden_file_is_read_where_it_is_typed(tree: Path) -> None:
    """Skipping is for what is merely found."""
    assert names(tree, expand([f"{tree}/a/.hidden"]).files) == ["a/.hidden"]


def test_a_glob_is_expanded_also_into_folders(tree: Path) -> None:
    """A quoted glob works like one that the shell expanded."""
    assert names(tree, expand([f"{tree}/*"]).files) == ["a/1.log", "a/2.log", "b.log"]
    assert names(tree, expand([f"{tree}/**/1.log"]).files) == ["a/1.log"]


def test_a_name_with_glob_characters_is_first_of_all_a_name(tree: Path) -> None:
    """`[1].log` that exists is that file."""
    (tree / "[1].log").write_text("x\n")
    assert names(tree, expand([f"{tree}/[1].log"]).files) == ["[1].log"]


def test_a_file_that_is_reached_twice_is_read_once(tree: Path) -> None:
    """Overlapping arguments, hard links and links give no record twice."""
    (tree / "link.log").symlink_to(tree / "b.log")
    assert len(expand([str(tree), f"{tree}/b.log", f"{tree}/a/../b.log", "-", "-"]).files) == 4


def test_a_loop_of_links_ends(tree: Path) -> None:
    """A link to a folder above is followed no further."""
    (tree / "a" / "up").symlink_to(tree)
    (tree / "a" / "itself").symlink_to("itself")
    assert names(tree, expand([str(tree)]).files) == ["a/1.log", "a/2.log", "b.log"]


def test_what_does_not_exist_is_a_problem_with_a_sentence(tree: Path) -> None:
    """A missing path among others is told, and the others are read."""
    expansion = expand([f"{tree}/nothing", f"{tree}/no*match", f"{tree}/b.log", "\0"])
    assert names(tree, expansion.files) == ["b.log"]
    assert [sentence for _, sentence in expansion.problems] == [
        "no such file or folder",
        "no file has a name like this",
        "embedded null byte",
    ]


def test_an_empty_folder_is_no_problem_of_its_own(tree: Path) -> None:
    """What nothing means is for the caller to say."""
    expansion = expand([f"{tree}/empty"])
    assert (expansion.files, expansion.problems) == ((), ())


def test_a_pipe_is_read_where_it_is_typed_and_never_where_it_is_found(tree: Path) -> None:
    """Opening a pipe without a writer would wait for ever."""
    os.mkfifo(tree / "a" / "pipe")
    assert names(tree, expand([f"{tree}/a/pipe"]).files) == ["a/pipe"]
    assert "a/pipe" not in names(tree, expand([str(tree)]).files)


def test_a_device_is_no_file() -> None:
    """Only what has an end is read."""
    assert expand(["/dev/zero"]).problems == (("/dev/zero", "is neither a file nor a folder"),)


def test_what_may_not_be_read_is_a_problem(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission the file is told, not opened; nor is a folder that cannot be listed."""
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("b.log"))

    def listdir(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", listdir)
    expansion = expand([f"{tree}/b.log", f"{tree}/a"])
    assert expansion.files == ()
    assert [sentence for _, sentence in expansion.problems] == ["permission denied", "permission denied"]


def test_a_name_that_is_no_unicode_can_be_shown(tree: Path) -> None:
    """File names are bytes; what is shown and encoded is text."""
    path = os.path.join(os.fsencode(tree), b"\xff.log")
    Path(os.fsdecode(path)).write_text("x\n")
    (file,) = expand([os.fsdecode(path)]).files
    assert shown(file).endswith("\ufffd.log")
    shown(file).encode()
