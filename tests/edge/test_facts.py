"""Checks files of image facts: what a good one gives, and the sentence that each fault of one gets."""

import json
from pathlib import Path

import pytest
from images import image, lay_out, oci_layout

from tidewaiter.edge.facts import FactsError, read_facts

ONE, TWO, THREE = ("sha256:" + digit * 64 for digit in "123")
GOOD = {"kind": "image_facts", "schema": 1, "config_digest": ONE}


def written(path: Path, *records: object) -> str:
    """A file of facts, one record a line; text is written as it is."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    return str(path)


def fault(path: str) -> str:
    """The sentence about a file."""
    with pytest.raises(FactsError) as caught:
        list(read_facts(path))
    return str(caught.value)


def test_a_whole_record_gives_every_relation(tmp_path: Path) -> None:
    """The shape of the design, with everything known."""
    record = {
        "kind": "image_facts", "schema": 1, "index_digest": ONE, "manifest_digest": TWO, "config_digest": THREE,
        "chain_id": ONE, "diff_ids": [TWO, THREE], "platform": "linux/amd64", "entrypoint": ["/app"], "cmd": [],
        "healthcheck": ["CMD", "/check"], "references": ["registry.example/app:1"], "proof": "registry",
    }  # fmt: skip
    [facts] = read_facts(written(tmp_path / "facts.jsonl", record))
    assert (facts.index_digest, facts.manifest_digest, facts.config_digest) == (ONE, TWO, THREE)
    assert (facts.chain_id, facts.diff_ids) == (ONE, (TWO, THREE))
    assert (facts.entrypoint, facts.cmd, facts.healthcheck) == (("/app",), (), ("CMD", "/check"))
    assert (facts.platform, facts.references, facts.time_ns) == ("linux/amd64", ("registry.example/app:1",), None)
    assert facts.proof != "claimed"


def test_what_is_null_or_absent_is_not_known(tmp_path: Path) -> None:
    """Not known is not empty."""
    nothing = dict.fromkeys(("index_digest", "chain_id", "platform", "entrypoint", "cmd", "healthcheck"))
    for facts in read_facts(written(tmp_path / "facts.jsonl", GOOD, GOOD | nothing)):
        assert (facts.index_digest, facts.chain_id, facts.diff_ids) == (None, None, ())
        assert (facts.entrypoint, facts.cmd, facts.healthcheck) == (None, None, None)


def test_empty_lines_and_unknown_members_are_passed_over_and_lines_are_counted(tmp_path: Path) -> None:
    """The pointer of each record is its line."""
    path = written(tmp_path / "facts.jsonl", "", GOOD, "  ", GOOD | {"new": {"in": "a later version"}}, "")
    assert [(facts.where.stream, facts.where.offset) for facts in read_facts(path)] == [(path, 2), (path, 4)]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"kind":7}',
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD) + "x",
        "[" * 100_000,
        '{"kind":"image_facts","references":' + "[" * 100_000,
        '{"kind":"image_facts","x":' + "[" * 100_000,
        json.dumps(GOOD | {"diff_ids": ONE}),
        json.dumps(GOOD | {"cmd": [1]}),
        json.dumps(GOOD | {"config_digest": 5}),
    ],
)
def test_a_line_that_is_no_record_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    """Cut, of wrong types, nested without end: one sentence with the path and the line."""
    path = written(tmp_path / "facts.jsonl", GOOD, line)
    told = fault(path)
    assert told.startswith(f"{path}:2: not an image_facts record (tidewaiter image facts writes them): ")
    assert "\n" not in told


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    """A file of another kind was named."""
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b'{"kind":"image_facts","platform":"\xff\xfe"}\n')
    assert fault(str(path)).startswith(f"{path}:1: ")
    path.write_bytes(b"\x00\x1f\x8b\xff")
    assert fault(str(path)).startswith(f"{path}: a tar archive with an image was looked for")


def test_another_kind_of_record_is_told(tmp_path: Path) -> None:
    """Alerts are JSON lines with a kind, too."""
    path = written(tmp_path / "facts.jsonl", GOOD, GOOD, {"kind": "alert"})
    told = fault(path)
    assert told.startswith(f"{path}:3: ")
    assert "'alert'" in told
    assert "image_facts" in told


@pytest.mark.parametrize("name", ["index_digest", "manifest_digest", "config_digest", "chain_id"])
@pytest.mark.parametrize("text", ["sha256:12", "1" * 64, ONE.upper(), "", ONE + "\n", "sha512:" + "1" * 128])
def test_a_digest_that_is_none_is_told(tmp_path: Path, name: str, text: str) -> None:
    """An operator who vouches for a digest must be able to see which one was refused."""
    path = written(tmp_path / "facts.jsonl", GOOD, GOOD | {name: text})
    told = fault(path)
    assert told.startswith(f"{path}:2: ")
    assert f"{text[:40]!r}"[:30] in told


def test_a_diff_id_that_is_none_is_told(tmp_path: Path) -> None:
    """One wrong among right ones."""
    path = written(tmp_path / "facts.jsonl", GOOD | {"diff_ids": [ONE, "sha256:x"]})
    told = fault(path)
    assert told.startswith(f"{path}:1: ")
    assert "'sha256:x'" in told


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, or a folder."""
    missing = str(tmp_path / "missing.jsonl")
    assert fault(missing) == f"{missing}: the facts cannot be read: No such file or directory"
    assert fault(str(tmp_path)).endswith("was looked for, and it holds no files")


def test_an_image_is_believed_as_far_as_its_bytes_prove_it(tmp_path: Path) -> None:
    """Digests, what it declares, and what its layers hold; of a broken one nothing."""
    made = image({"bin/sh": "busybox", "bin/busybox": b"x"}, {"app": b"y"})
    folder = lay_out(oci_layout(made), tmp_path / "layout")
    read: list[int] = []
    [facts] = read_facts(str(folder), read.append)
    assert (facts.config_digest, facts.chain_id, facts.cmd) == (made.config_digest, made.chain_id, ("/app/web",))
    assert (facts.proof, facts.time_ns) == ("archive", None)
    assert facts.contents is not None
    assert sum(read) > 0
    for layer in (folder / "blobs" / "sha256").iterdir():
        if layer.read_bytes().startswith(b"\x1f\x8b"):
            layer.write_bytes(layer.read_bytes() + b"more")
    assert fault(str(folder)).endswith("nothing is proven of this image (broken); tidewaiter image verify says why")


def test_an_image_of_which_a_part_is_absent_is_believed_for_the_rest(tmp_path: Path) -> None:
    """Its config is proven, what its layers hold is not known; and the operator is told."""
    made = image({"bin/sh": b"x"}, {"app": b"y"})
    folder = lay_out(oci_layout(made), tmp_path / "layout")
    for layer in (folder / "blobs" / "sha256").iterdir():
        if layer.read_bytes().startswith(b"\x1f\x8b"):
            layer.unlink()
    doubts: list[str] = []
    [facts] = read_facts(str(folder), None, doubts.append)
    assert (facts.config_digest, facts.chain_id, facts.contents) == (made.config_digest, None, None)
    assert doubts == [f"{folder}: incomplete, and believed as far as it is proven; tidewaiter image verify says why"]
