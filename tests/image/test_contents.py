"""Proves what an image is said to be able to run, and from which layer."""

import pytest

from tidewaiter.image import contents as module
from tidewaiter.image.contents import Privileged, Tool, what_runs
from tidewaiter.image.entries import Entry
from tidewaiter.image.files import FileTable


def table(*layers: dict[str, int | str]) -> FileTable:
    """Layers from the bottom: path -> mode of a file, `@target` of a symbolic or `=target` of a hard link, `-` gone."""
    made = FileTable()
    for index, layer in enumerate(layers):
        for path, told in layer.items():
            if isinstance(told, int):
                made.add(index, Entry(path, "file", told, 7, 8, 100, 0))
            elif told == "-":
                made.add(index, Entry(path, "whiteout", 0, 0, 0, 0, 0))
            else:
                made.add(index, Entry(path, "symlink" if told[0] == "@" else "hardlink", 0o777, 0, 0, 0, 0, told[1:]))
    return made


def test_each_program_is_told_with_its_layer() -> None:
    """Of the final tree only."""
    found = what_runs(
        table(
            {"usr/bin/bash": 0o755, "usr/bin/apt": 0o755, "usr/bin/wget": 0o755, "bin": "@usr/bin"},
            {"usr/bin/curl": 0o755, "usr/bin/python3.11": 0o755, "usr/bin/wget": "-"},
            {"usr/bin/x86_64-linux-gnu-gcc-12": 0o755, "usr/bin/gcc": "@x86_64-linux-gnu-gcc-12", "bin/apt": 0o755},
        )
    )
    assert found.shells == (Tool("bash", "usr/bin/bash", 0),)
    assert found.package_managers == (Tool("apt", "usr/bin/apt", 2),)
    assert found.download_tools == (Tool("curl", "usr/bin/curl", 1),)
    assert found.interpreters == (Tool("python", "usr/bin/python3.11", 1),)
    assert found.compilers == (
        Tool("gcc", "usr/bin/gcc", 2, "usr/bin/x86_64-linux-gnu-gcc-12"),
        Tool("gcc", "usr/bin/x86_64-linux-gnu-gcc-12", 2),
    )
    assert (found.setuid, found.setgid, found.files, found.left_out) == ((), (), 5, 0)


def test_applets_are_told_with_the_program_behind_them() -> None:
    """Symbolic links (Alpine) and hard links (the busybox image)."""
    found = what_runs(
        table(
            {"bin/busybox": 0o755, "bin/sh": "@/bin/busybox", "usr/bin/wget": "@../../bin/busybox"},
            {"bin/[": 0o755, "bin/nc": "=bin/["},
        )
    )
    assert found.shells == (Tool("busybox", "bin/busybox", 0), Tool("sh", "bin/sh", 0, "bin/busybox"))
    assert found.download_tools == (
        Tool("busybox", "bin/busybox", 0),
        Tool("nc", "bin/nc", 1, "bin/["),
        Tool("wget", "usr/bin/wget", 0, "bin/busybox"),
    )


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("usr/bin/bash", 0o644),
        ("usr/share/bash-completion/completions/curl", 0o755),
        ("etc/cron.daily/dpkg", 0o755),
        ("usr/bin/sh", "@gone"),
        ("usr/bin/sh", "@sh"),
        ("usr/bin/bashful", 0o755),
        ("usr/bin/python-config", 0o755),
        ("usr/bin/" + "1" * 65, 0o755),
    ],
)
def test_what_cannot_be_started_is_no_program(path: str, told: int | str) -> None:
    """Not executable, in a folder of data, a link that leads nowhere, another name."""
    found = what_runs(table({path: told}))
    assert found.shells == found.package_managers == found.download_tools == found.interpreters == ()


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("python3", "python"),
        ("python3.12", "python"),
        ("perl5.36.0", "perl"),
        ("php8.2", "php"),
        ("lua5.4", "lua"),
        ("node", "node"),
        ("ruby3.1", "ruby"),
    ],
)
def test_a_version_is_no_part_of_the_name(base: str, name: str) -> None:
    """Distributions put it there."""
    assert what_runs(table({f"usr/bin/{base}": 0o755})).interpreters == (Tool(name, f"usr/bin/{base}", 0),)


def test_files_with_rights_of_their_owner_or_group_are_told() -> None:
    """Executable ones; one that has both stands in both lists."""
    modes: dict[str, int | str] = {"bin/su": 0o4755, "bin/wall": 0o2755, "bin/both": 0o6755, "data": 0o4644}
    found = what_runs(table(modes, {"bin/wall": 0o755}))
    assert found.setuid == (Privileged("bin/both", 0, 0o6755, 7, 8), Privileged("bin/su", 0, 0o4755, 7, 8))
    assert found.setgid == (Privileged("bin/both", 0, 0o6755, 7, 8),)


def test_what_a_full_list_leaves_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image may hold a million shells."""
    monkeypatch.setattr(module, "_MOST", 3)
    made = table({f"{number}/bash": 0o6755 for number in range(5)})
    made.left_out = 10
    found = what_runs(made)
    assert [tool.path for tool in found.shells] == ["0/bash", "1/bash", "2/bash"]
    assert found.left_out == 2 + 2 + 2 + 10
