"""Proves that archives of `docker save` that mean harm are each found out, and that nothing is written meanwhile."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import GOOD, Hostile, assert_found, nothing_written, run_commands, saved, verified
from images import Tree, docker_v1, docker_v12, docker_v25, encode, hex_of, image, sha256, tar, v1_ids
from layer_bytes import END, file, header, pax

Made = tuple[Tree | bytes, str]
V12 = docker_v12(GOOD)
V1 = docker_v1(GOOD)
CONFIG = f"{hex_of(GOOD.config_digest)}.json"
BOTTOM, TOP = v1_ids(GOOD)
TABLE = "manifest.json"


def table(**changes: object) -> Callable[[], Made]:
    """The archive with members of its one entry changed."""
    entry = {"Config": CONFIG, "RepoTags": None, "Layers": [f"{BOTTOM}/layer.tar", f"{TOP}/layer.tar"], **changes}
    return lambda: ({**V12, TABLE: encode([entry])}, TABLE)


def member(subject: str, name: str, content: bytes | str | None) -> Callable[[], Made]:
    """The archive with one member more, or another one."""
    return lambda: ({**V12, name: content}, subject)


def ends(extra: bytes, subject: str = "archive") -> Callable[[], Made]:
    """The archive with blocks before its end."""
    return lambda: (tar(V12).rstrip(b"\0") + bytes(-len(tar(V12).rstrip(b"\0")) % 512) + extra + END, subject)


def alike() -> Made:
    """Two layers whose names look alike when they are shown; the second is not what the config says."""
    good, bad = tar({"a": b"good"}), tar({"a": b"bad"})
    config = encode({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [sha256(good)] * 2}})
    names = ["evil\x1b.tar", "evil\\x1b.tar"]
    entry = {"Config": "c.json", "Layers": names}
    return {names[0]: good, names[1]: bad, "c.json": config, TABLE: encode([entry])}, sha256(bad)


def doubled(name: str) -> Callable[[], Made]:
    """A member twice."""
    return lambda: (tar([*V12.items(), (name, V12[name])]), name)


def cyclic() -> Made:
    """Two layers, each the other's parent."""
    a, b = "a" * 64, "b" * 64
    return {
        f"{a}/json": encode({"id": a, "parent": b}),
        f"{b}/json": encode({"id": b, "parent": a}),
        f"{a}/layer.tar": GOOD.layers[0],
        f"{b}/layer.tar": GOOD.layers[1],
        "repositories": encode({"web": {"1": a}}),
    }, a


def without(tree: Tree, name: str, subject: str) -> Callable[[], Made]:
    """The archive without a member."""
    return lambda: ({path: content for path, content in tree.items() if path != name}, subject)


def crowded() -> Made:
    """Few bytes that stand for two million layers."""
    entry = {"Config": CONFIG, "Layers": ["l"] * 990}
    return {**V12, "l": b"", TABLE: encode([entry] * 250)}, TABLE


def tall() -> Made:
    """Thousands of tags of the first form, each on a thousand layers."""
    ids = [f"{number:064x}" for number in range(1200)]
    tree: dict[str, bytes] = {}
    for below, own in zip([None, *ids], ids, strict=False):
        tree[f"{own}/json"] = encode({"id": own, "parent": below} if below else {"id": own})
        tree[f"{own}/layer.tar"] = b""
    return {**tree, "repositories": encode({"web": {own: own for own in ids}})}, "repositories"


def other_tables() -> Made:
    """`manifest.json` and `index.json` that tell two images."""
    return {**docker_v25(GOOD), **V12}, GOOD.config_digest


def negative() -> bytes:
    """A header with a size below zero."""
    return header(b"negative", (256**12 - 512).to_bytes(12, "big"))


ARCHIVES = [
    Hostile("config above", table(Config="../../etc/passwd"), "broken", "structure", "no", "leads out of the archive"),
    Hostile("config absolute", table(Config="/etc/passwd"), "broken", "structure", "no", "leads out of the archive"),
    Hostile("config no text", table(Config=[[[7]]]), "broken", "structure", "no", "or is none"),
    Hostile("layer above", table(Layers=["../x", "a/../../b"]), "broken", "structure", "no", "leads out"),
    Hostile("layers no list", table(Layers="x"), "broken", "structure", "no", "are no list"),
    Hostile("tags no list", table(RepoTags="x"), "broken", "structure", "no", "are no list"),
    Hostile(
        "layer linked out", member("x", "x", "../../../etc/shadow"), "broken", "structure", "no", "out of the archive"
    ),
    Hostile("layer linked to root", member("x", "x", "/etc/shadow"), "broken", "structure", "no", "/etc/shadow"),
    Hostile(
        "layer linked in a circle",
        lambda: ({**V12, f"{TOP}/layer.tar": "l", "l": f"{TOP}/layer.tar"}, f"{TOP}/layer.tar"),
        "incomplete",
        "layer_digest",
        "unknown",
        "not there",
    ),
    Hostile("table twice", doubled(TABLE), "broken", "structure", "no", "has it twice"),
    Hostile("config twice", doubled(CONFIG), "broken", "structure", "no", "has it twice"),
    Hostile(
        "member above", member("../../evil", "../../evil", b"x"), "broken", "structure", "no", "out of the archive"
    ),
    Hostile(
        "member absolute", member("/etc/evil", "/etc/evil", b"x"), "broken", "structure", "no", "out of the archive"
    ),
    Hostile("device", ends(header(b"dev", 0, b"3"), "dev"), "broken", "structure", "no", "a device or a pipe"),
    Hostile("pipe", ends(header(b"pipe", 0, b"6"), "pipe"), "broken", "structure", "no", "a device or a pipe"),
    Hostile(
        "sparse", ends(header(b"s", 0, b"S", magic=b"ustar  \0"), "s"), "incomplete", "structure", "unknown", "sparse"
    ),
    Hostile("size below zero", ends(negative()), "broken", "structure", "no", "size of -512 bytes"),
    Hostile(
        "size of a pax header", ends(pax({"size": b"-1"}) + file(b"p")), "broken", "structure", "no", "the size '-1'"
    ),
    Hostile(
        "pax size beyond all",
        ends(pax({"size": b"9" * 18}) + file(b"p")),
        "incomplete",
        "structure",
        "unknown",
        "longer",
    ),
    Hostile(
        "pax names the table",
        ends(pax({"path": TABLE.encode()}) + file(b"p"), TABLE),
        "broken",
        "structure",
        "no",
        "twice",
    ),
    Hostile("pax name with zero", ends(pax({"path": b"a\0b"}) + file(b"p")), "broken", "structure", "no", "zero byte"),
    Hostile(
        "header too long",
        ends(header(b"x", 2 << 20, b"L")),
        "incomplete",
        "structure",
        "unknown",
        "extended header is longer",
    ),
    Hostile("checksum", ends(header(b"x", checksum=b"0000000\0")), "broken", "structure", "no", "checksum"),
    Hostile(
        "hidden behind zeros",
        ends(bytes(512) + file(TABLE.encode())),
        "broken",
        "structure",
        "no",
        "single block of zeros",
    ),
    Hostile(
        "hidden behind the end",
        lambda: (tar(V12) + file(b"manifest.json", b"[]"), "archive"),
        "incomplete",
        "structure",
        "unknown",
        "more follows its end",
    ),
    Hostile("cut", lambda: (tar(V12)[:-12_000], "archive"), "incomplete", "structure", "unknown", "cannot be read on"),
    Hostile(
        "packed and cut",
        lambda: (gzip.compress(tar(V12))[:-30], "archive"),
        "incomplete",
        "structure",
        "unknown",
        "after member",
    ),
    Hostile("names alike", alike, "broken", "diff_id", "no", "found over the unpacked bytes"),
    Hostile("too many layers", crowded, "broken", "structure", "unknown", "more than 20000 layers"),
    Hostile(
        "config of another",
        member(GOOD.config_digest, CONFIG, image(author="x").config),
        "broken",
        "config_digest",
        "no",
        "file's name",
    ),
    Hostile("two tables", other_tables, "broken", "structure", "no", "config"),
    Hostile("old: cycle", cyclic, "broken", "structure", "no", "its own ancestor"),
    Hostile("old: no json", without(V1, f"{TOP}/json", TOP), "incomplete", "structure", "unknown", "is not there"),
    Hostile(
        "old: no layer",
        without(V1, f"{TOP}/layer.tar", f"{TOP}/layer.tar"),
        "incomplete",
        "layer_digest",
        "unknown",
        "not there",
    ),
    Hostile(
        "old: other layer",
        lambda: ({**V1, f"{TOP}/layer.tar": GOOD.layers[0]}, TOP),
        "incomplete",
        "v1_id",
        "unknown",
        "does not recompute",
    ),
    Hostile(
        "old: other name",
        lambda: ({**V1, f"{TOP}/json": encode({"id": BOTTOM})}, TOP),
        "broken",
        "structure",
        "no",
        "another id",
    ),
    Hostile(
        "old: json twice",
        lambda: ({**V1, f"{TOP}/json": b'{"id":"a","id":"b"}'}, TOP),
        "broken",
        "structure",
        "unknown",
        "twice",
    ),
    Hostile(
        "old: tag to nothing",
        lambda: ({**V1, "repositories": b'{"a":{"b":"../x"}}'}, "repositories"),
        "broken",
        "structure",
        "no",
        "names no layer",
    ),
    Hostile("old: too many layers", tall, "incomplete", "structure", "unknown", "more than 20000 layers"),
]


@pytest.mark.parametrize("hostile", ARCHIVES, ids=lambda hostile: hostile.name)
def test_archives_are_found_out(hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding, the verdict, an answer of every command, and no file more than before."""
    made, subject = hostile.make()
    path = saved(made, tmp_path / "image.tar")
    before = path.read_bytes()
    monkeypatch.chdir(tmp_path)
    with nothing_written():
        assert_found(verified(path), hostile, subject)
        run_commands(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def relinked() -> bytes:
    """Both names of one layer as hard links to a third."""
    twice = image({"a": b"1"}, {"a": b"1"})
    tree = {name: content for name, content in docker_v12(twice).items() if not name.endswith("layer.tar")}
    links = b"".join(header(f"{own}/layer.tar".encode(), 0, b"1", link=b"./third") for own in v1_ids(twice))
    return file(b"third", twice.layers[0]) + links + tar(tree)


SOUND: dict[str, Callable[[], Tree | bytes]] = {
    "first form": lambda: V1,
    "second form": lambda: V12,
    "third form": lambda: docker_v25(GOOD),
    "packed": lambda: gzip.compress(tar(V12)),
    "dots": lambda: {f"./{name}": content for name, content in V12.items()},
    "one layer twice": lambda: docker_v12(image({"a": b"1"}, {"a": b"1"})),
    "a hard link": lambda: relinked(),
    "a global header": lambda: pax({"path": b"evil", "size": b"7"}, b"g") + tar(V12),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_archives_are_proven(name: str, tmp_path: Path) -> None:
    """What looks odd and is not: control for all the rest."""
    path = saved(SOUND[name](), tmp_path / "image.tar")
    with nothing_written():
        assert verified(path).verdict == "proven"
        run_commands(path)
