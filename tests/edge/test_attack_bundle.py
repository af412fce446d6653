"""Holds how bundles are read: packed or not, named or not, and what is said of those that cannot be."""

import gzip
import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from attack_bundles import bundle, collection, objects, stix_id, thing, written

from tidewaiter.edge.attack_bundle import BundleError, read_bundle


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_or_not_it_is_the_same_bundle(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"enterprise-attack-19.1.json{suffix}"
    path.write_bytes(pack(bundle(objects())))
    read = read_bundle(str(path))
    assert (read.domain, read.release) == ("enterprise", "19.1")
    assert read.sha256 == hashlib.sha256(bundle(objects())).hexdigest()
    assert sorted(one.stix["id"] for one in read.objects()) == sorted(told["id"] for told in objects())


def test_the_collection_says_which_release_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, [*objects(), collection("18.0")], "enterprise-17.1.json")
    assert read_bundle(str(path)).release == "18.0"
    with pytest.raises(BundleError, match=r"is release 18\.0 by its own word, not 19\.0"):
        read_bundle(str(path), release="19.0")


def test_the_domain_is_that_of_its_objects(tmp_path: Path) -> None:
    mobile = [{**told, "x_mitre_domains": ["mobile-attack"]} for told in objects()]
    assert read_bundle(str(written(tmp_path, mobile))).domain == "mobile"


def test_the_hash_does_not_depend_on_blanks_and_order(tmp_path: Path) -> None:
    """The raw hash is that of the canonical form."""
    turned = [dict(reversed(told.items())) for told in objects()]
    plain, other = written(tmp_path, objects(), "a-1.0.json"), tmp_path / "b-1.0.json"
    other.write_text(json.dumps({"objects": turned, "type": "bundle"}, indent=3))
    hashes = [{one.stix["id"]: one.raw_sha256 for one in read_bundle(str(path)).objects()} for path in (plain, other)]
    assert hashes[0] == hashes[1]
    one = next(iter(read_bundle(str(plain)).objects()))
    assert hashlib.sha256(one.canonical).hexdigest() == one.raw_sha256
    assert one.canonical == json.dumps(one.stix, sort_keys=True, separators=(",", ":")).encode()


def test_of_two_versions_of_an_object_the_latest_counts(tmp_path: Path) -> None:
    new = {**objects()[0], "modified": "2026-01-01T00:00:00.000Z", "name": "New"}
    read = read_bundle(str(written(tmp_path, [new, *objects()])))
    assert [one.stix["name"] for one in read.objects() if one.stix["id"] == new["id"]] == ["New"]


def test_a_known_hash_is_checked_packed_or_not(tmp_path: Path) -> None:
    path = tmp_path / "enterprise-19.1.json.gz"
    path.write_bytes(gzip.compress(bundle(objects()), mtime=0))
    for content in (path.read_bytes(), bundle(objects())):
        read_bundle(str(path), sha256=hashlib.sha256(content).hexdigest().upper())
    with pytest.raises(BundleError, match="its SHA-256 is"):
        read_bundle(str(path), sha256="0" * 64)


_ATTACK = bundle(objects())
_ID = stix_id("x-mitre-collection", "another")
_BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a STIX bundle"),
    "no JSON": (b"hello", "not a STIX bundle"),
    "truncated": (_ATTACK[:-40], "not a STIX bundle"),
    "a list": (b"[]", "not a STIX bundle"),
    "no objects": (b'{"type":"bundle"}', "not a STIX bundle"),
    "another type": (b'{"type":"report","objects":[]}', "its type is report, not bundle"),
    "not ATT&CK": (bundle([{"type": "tool", "id": "tool--" + "0" * 36}]), "but not of ATT&CK"),
    "truncated gzip": (gzip.compress(_ATTACK)[:-20], "cannot be unpacked"),
    "truncated xz": (lzma.compress(_ATTACK)[:-20], "cannot be unpacked"),
    "broken xz": (lzma.compress(_ATTACK)[:60] + b"\0" * 200, "cannot be unpacked"),
    "xz and something behind it": (lzma.compress(_ATTACK) + b"junk", "cannot be unpacked"),
    "many small xz": (lzma.compress(b" ") * 101, "more than 100 packed files"),
    "UTF-16": (_ATTACK.decode().encode("utf-16"), "not a STIX bundle"),
    "no UTF-8 around the objects": (b'{"type":"bund\xfele","objects":[]}', "it is not UTF-8 text"),
    "two releases": (
        bundle([*objects(), collection("18.1"), {**collection("19.0"), "id": _ID}]),
        "18.1, 19.0",
    ),
    "deep": (b'{"type":"bundle","objects":[' + b"[" * 100_000, "not a STIX bundle"),
}


@pytest.mark.parametrize("name", _BROKEN)
def test_a_broken_bundle_gets_one_sentence(tmp_path: Path, name: str) -> None:
    content, words = _BROKEN[name]
    path = tmp_path / "enterprise-19.1.json"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=words) as caught:
        read_bundle(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"type": "tool"}, r"objects\[16\] is no STIX object"),
        ({"type": "tool", "id": "nonsense"}, r"objects\[16\] is no STIX object"),
        ({"type": 1, "id": "tool--" + "0" * 36}, r"objects\[16\] is no STIX object"),
        ({"type": "\x1b[31m", "id": "tool--" + "0" * 36}, r"objects\[16\] is no STIX object"),
        ({"type": "tool", "id": "tool--" + "0" * 36, "modified": 5}, "a text for `modified`"),
        ({"type": "tool", "id": "tool--" + "0" * 36, "n": 2**60}, r"objects\[16\] has no canonical form"),
    ],
)
def test_a_broken_object_is_named_by_its_place(tmp_path: Path, odd: dict[str, object], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        list(read_bundle(str(written(tmp_path, [*objects(), odd]))).objects())


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (b'"\xff"', "it is not UTF-8 text"),
        (b"1e999", "Number out of range"),
        (b"1" * 5000, "Integer value out of range"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_place(tmp_path: Path, odd: bytes, words: str) -> None:
    path = tmp_path / "enterprise-19.1.json"
    path.write_bytes(bundle(objects()).replace(b'"What Audit is."', odd))
    with pytest.raises(BundleError, match=rf"objects\[8\] cannot be read: {words}"):
        list(read_bundle(str(path)).objects())


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_files_packed_one_after_the_other_are_one(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path, whole = tmp_path / "enterprise-19.1.json", bundle(objects())
    path.write_bytes(pack(whole[:100]) + pack(whole[100:]))
    assert read_bundle(str(path)).sha256 == hashlib.sha256(whole).hexdigest()


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "enterprise-19.1.json"
    path.write_bytes(b"\xef\xbb\xbf" + bundle(objects()))
    assert len(list(read_bundle(str(path)).objects())) == len(objects())


def test_a_release_that_nobody_tells_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, name="enterprise-attack.json")
    with pytest.raises(BundleError, match="--release"):
        read_bundle(str(path))
    assert read_bundle(str(path), release="19.1").release == "19.1"
    with pytest.raises(BundleError, match="is no name for a release"):
        read_bundle(str(path), release="../x")


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(BundleError, match=words):
            read_bundle(str(path))


def test_an_object_without_an_attack_id_is_taken_too(tmp_path: Path) -> None:
    alone = thing("x-mitre-new", "", "Something")
    del alone["external_references"]
    read = read_bundle(str(written(tmp_path, [*objects(), alone])))
    assert "Something" in {one.stix.get("name") for one in read.objects()}
