"""The table of `ctr images ls`: names, the CRI plugin's aliases, and what TYPE makes of DIGEST."""

import json
from pathlib import Path

import pytest
from runtime_records import decode, decode_all, digest, of_kind, records, sample, survives

from tidewaiter.event import ImageFacts, ImageName
from tidewaiter.sources import RecordError
from tidewaiter.sources.ctr_images import SOURCE, is_header, recognise_text

HEADER = "REF   TYPE   DIGEST   SIZE   PLATFORMS   LABELS \n"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def row(reference: str, media_type: str, platforms: str = "linux/amd64") -> str:
    """One row; its digest is all ones."""
    return f"{reference}    {media_type} {digest('1')} 17.6 MiB {platforms}     io.cri-containerd.image=managed "


def read(line: str) -> tuple[ImageName, ImageFacts]:
    """The two events of a row."""
    name, facts = decode(SOURCE, HEADER + line)
    assert isinstance(name, ImageName)
    assert isinstance(facts, ImageFacts)
    return name, facts


def test_a_name_stands_for_the_index_or_manifest_beside_it() -> None:
    """Seen, at no particular time."""
    name, facts = read(row("registry.example.net/a:1", INDEX, "linux/amd64,linux/arm64/v8"))
    assert (name.action, name.reference, name.repo_digest, name.time_ns) == (
        "seen",
        "registry.example.net/a:1",
        digest("1"),
        None,
    )
    assert (facts.index_digest, facts.manifest_digest, facts.platform) == (digest("1"), None, None)
    _, single = read(row("registry.example.net/a:1", MANIFEST))
    assert (single.index_digest, single.manifest_digest, single.platform) == (None, digest("1"), "linux/amd64")


def test_an_alias_proves_a_config_beside_its_digest() -> None:
    """`sha256:C` beside D, in one row."""
    name, facts = read(row(digest("a"), INDEX))
    assert (name.reference, name.config_digest, name.repo_digest) == (None, digest("a"), digest("1"))
    assert (facts.config_digest, facts.repo_digests, facts.proof) == (digest("a"), (digest("1"),), "runtime")
    assert facts.references == ()


def test_a_row_reads_the_same_without_its_header() -> None:
    """The first three columns are the same in every release."""
    line = row("registry.example.net/a:1", MANIFEST)
    assert decode(SOURCE, line) == decode(SOURCE, HEADER + line)


def test_the_header_is_no_row() -> None:
    """It names the columns."""
    assert is_header(HEADER.encode())
    assert not is_header(row("a:1", INDEX).encode())
    assert not recognise_text(HEADER.encode())
    assert decode(SOURCE, HEADER) == []


@pytest.mark.parametrize(
    "broken",
    ["", "a:1", "a:1 application/x sha256:zz 1 MiB", "not a header\n" + row("a:1", INDEX), "TASK PID STATUS"],
)
def test_what_is_no_row_is_rejected(broken: str) -> None:
    """Other tables of ctr have other columns."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_a_sample_is_read_whole() -> None:
    """Five rows: three names, two aliases."""
    events = decode_all(SOURCE, sample("ctr_images", "1.7"))
    assert len(events) == 10
    assert [name.reference is None for name in of_kind(events, ImageName)] == [False, False, True, False, True]


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Stumps and rubbish."""
    for record in sample("ctr_images", "1.7"):
        survives(SOURCE, record)


def test_a_real_table_joins_config_and_index(shared: Path) -> None:
    """The CRI plugin's alias of the web image; after the move ctr's tag stands for the tool."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    cri = decode_all(SOURCE, records(shared / "captures/cri/images-ls.txt"))
    targets = {name.config_digest: name.repo_digest for name in of_kind(cri, ImageName)}
    assert targets[built["web/amd64"]["config"]] == built["web/index"]
    after = decode_all(SOURCE, records(shared / "captures/containerd/images-ls-after-move.txt"))
    names = {name.reference: name.repo_digest for name in of_kind(after, ImageName)}
    assert names["127.0.0.1:5000/acme/web:1.0"] == built["tool"]["manifest"]
    assert names["innocent:latest"] == built["web/index"]
    assert len(decode_all(SOURCE, records(shared / "captures/kubernetes/real-kubelet-images.txt"))) == 12
