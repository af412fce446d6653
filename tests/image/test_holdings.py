"""Which layer holds what can run: as the engine is told, for the paths that sensors show."""

import pytest

from tidewaiter.digest import Digest
from tidewaiter.image import holdings as module
from tidewaiter.image.entries import Entry
from tidewaiter.image.files import FileTable
from tidewaiter.image.holdings import holdings
from tidewaiter.image_contents import ImageContents

LAYERS: list[Digest] = ["sha256:" + letter * 64 for letter in "abc"]
A, B, C = LAYERS


def table(*layers: list[tuple[str, str, int, str | None]]) -> FileTable:
    """Layers from the bottom, of (path, kind, mode, target)."""
    made = FileTable()
    for index, layer in enumerate(layers):
        for path, kind, mode, target in layer:
            made.add(index, Entry(path, kind, mode, 0, 0, 9, 0, target))  # type: ignore[arg-type]  # a kind each
    return made


DEBIAN = table(
    [
        ("usr/bin", "directory", 0o755, None),
        ("bin", "symlink", 0o777, "usr/bin"),
        ("usr/bin/dash", "file", 0o755, None),
        ("usr/bin/sh", "symlink", 0o777, "dash"),
        ("etc/passwd", "file", 0o644, None),
        ("etc/mtab", "symlink", 0o777, "passwd"),
        ("usr/bin/old", "file", 0o755, None),
    ],
    [("bin/curl", "file", 0o755, None), ("usr/bin/fetch", "hardlink", 0, "usr/bin/curl")],
    [("usr/bin/old", "whiteout", 0, None), ("usr/bin/dash", "file", 0o755, None), ("run", "symlink", 0o777, "var/run")],
)


def held() -> ImageContents:
    """What the image holds."""
    found = holdings(DEBIAN, LAYERS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("/bin/sh", C),
        ("/usr/bin/dash", C),
        ("/usr/bin/curl", B),
        ("/bin/fetch", B),
        ("/usr/bin/old", None),
        ("/etc/passwd", None),
        ("/etc/mtab", None),
        ("/usr/bin/nc", None),
    ],
)
def test_each_path_has_the_layer_of_its_file(path: str, layer: str | None) -> None:
    """Through links of any kind; what was taken away, and what cannot run, no layer holds."""
    assert held().layer_of(path) == layer


def test_only_links_that_can_matter_are_told() -> None:
    """To programs, to folders, and to what no layer lists."""
    assert held().links == {"/bin": "usr/bin", "/usr/bin/sh": "dash", "/run": "var/run"}
    assert held().tools == ("/usr/bin/dash", "/usr/bin/sh", "/usr/bin/curl", "/usr/bin/fetch")


def test_a_tree_that_is_not_known_whole_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out would seem to be held by no layer."""
    monkeypatch.setattr(module, "_MOST", 3)
    assert holdings(DEBIAN, LAYERS) is None
    full = table([("a", "file", 0o755, None)])
    full.left_out = 1
    assert holdings(full, LAYERS) is None


def test_names_that_are_no_utf8_are_told_as_sensors_tell_them() -> None:
    """With a replacement character; they must go through JSON."""
    found = holdings(table([("\udcff", "file", 0o755, None)]), LAYERS)
    assert found is not None
    assert found.executables == {"/\ufffd": A}
