"""Checks the commands of `tidewaiter image`: what they print, where, and how they exit.

`pytest tests/cli/test_image_commands.py --refresh` writes tests/golden/image anew. The images there are not
compressed, so that no digest depends on the version of a library.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from image_cases import ARM64, SHOP, Golden, broken, put, run
from images import (
    Image,
    Tree,
    attestation,
    docker_v1,
    docker_v25,
    image,
    lay_out,
    manifest,
    oci_index_layout,
    oci_layout,
    sha256,
    v1_ids,
)

from tidewaiter.cli import main
from tidewaiter.sources.image_facts import SOURCE

pytestmark = pytest.mark.usefixtures("workroom")


# --------------------------------------------------------------------------------------------- verify


def test_verify_tells_a_proven_image(image_golden: Golden) -> None:
    """The verdict, and the digests one below the other."""
    result = run("verify", put("shop.tar", oci_index_layout(SHOP, ARM64, packing="none")))
    assert (result.exit_code, result.stderr) == (0, "")
    image_golden("verify-proven.txt", result.stdout)


def test_verify_tells_what_is_broken(image_golden: Golden) -> None:
    """Both digests, the blob, and how each was got."""
    result = run("verify", put("shop.tar", broken()))
    assert (result.exit_code, result.stderr) == (1, "")
    image_golden("verify-broken.txt", result.stdout)


def test_verify_tells_what_is_open_and_all_that_holds(image_golden: Golden) -> None:
    """A layer that is not there leaves the verdict open."""
    tree = {name: content for name, content in oci_layout(SHOP, "none").items() if content != SHOP.layers[1]}
    result = run("verify", "--all", put("shop.tar", tree))
    assert (result.exit_code, result.stderr) == (3, "")
    image_golden("verify-incomplete.txt", result.stdout)


def test_verify_json_is_the_contract(image_golden: Golden) -> None:
    """One object, every member there."""
    result = run("verify", put("shop.tar", oci_index_layout(SHOP, packing="none")), "--format", "json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert list(told) == ["kind", "schema", "verdict", "form", "images", "relations"]
    image_golden("verify.json", json.dumps(told, indent=1) + "\n")


def test_a_folder_is_read_where_it_lies(workroom: Path) -> None:
    """An OCI layout need not be packed."""
    lay_out(oci_layout(SHOP), workroom / "layout")
    told = json.loads(run("verify", "layout", "--format", "json").stdout)
    assert (told["verdict"], told["form"]) == ("proven", "oci_layout")


def test_long_lists_are_cut_and_counted() -> None:
    """Two thousand faults do not bury the first fifty."""
    made = image(*({"a": bytes([n])} for n in range(60)))
    told = json.loads(made.config)
    told["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64] * 60
    liar = Image(made.layers, json.dumps(told).encode(), made.names, made.platform)
    path = put("many.tar", oci_layout(liar))
    short, full = run("verify", path), run("verify", "--all", path)
    assert "... and 11 more (--all, or --format json)" in short.stdout
    assert "more (--all" not in full.stdout
    assert full.stdout.count("\ndiff_id\n") == 60


# --------------------------------------------------------------------------------------------- inspect


def test_inspect_shows_one_image_on_one_screen(image_golden: Golden) -> None:
    """Digests, run settings, layers with bars, what could run."""
    result = run("inspect", put("shop.tar", docker_v25(SHOP)))
    assert (result.exit_code, result.stderr) == (0, "")
    image_golden("inspect.txt", result.stdout)


def test_inspect_shows_several_as_a_tree(image_golden: Golden) -> None:
    """Index > manifests > configs; one can be chosen."""
    path = put("shop.tar", oci_index_layout(SHOP, ARM64, packing="none"))
    image_golden("inspect-tree.txt", run("inspect", path).stdout)
    assert "linux/arm64/v8" in run("inspect", path, "--platform", "linux/arm64/v8").stdout
    assert SHOP.config_digest in run("inspect", path, "--name", SHOP.config_digest).stdout


def test_inspect_json_has_all_images(image_golden: Golden) -> None:
    """For programs there is no choosing."""
    result = run("inspect", put("shop.tar", oci_index_layout(SHOP, ARM64, packing="none")), "--format", "json")
    assert result.exit_code == 0
    image_golden("inspect.json", json.dumps(json.loads(result.stdout), indent=1) + "\n")


def test_the_environment_is_shown_when_asked_for() -> None:
    """It may hold secrets, and is seldom what one looks for."""
    path = put("shop.tar", docker_v25(SHOP))
    assert "LANG=C" not in run("inspect", path).stdout
    assert "LANG=C" in run("inspect", path, "--env").stdout


@pytest.mark.parametrize("form", [docker_v1, docker_v25])
def test_an_old_archive_is_shown_too(form: Callable[[Image], Tree]) -> None:
    """Archives without a config tell the same of the top layer."""
    shown = run("inspect", put("old.tar", form(image()))).stdout
    assert '["/app/web"]' in shown
    assert "linux/amd64" in shown


# --------------------------------------------------------------------------------------------- diff


def test_diff_tells_same_content_in_two_forms(image_golden: Golden) -> None:
    """Other manifest, same content, exit 0."""
    result = run("diff", put("a.tar", docker_v25(SHOP)), put("b.tar", oci_layout(SHOP, "none")))
    assert (result.exit_code, result.stderr) == (0, "")
    image_golden("diff-same.txt", result.stdout)


def test_diff_tells_what_changed(image_golden: Golden) -> None:
    """Layers, config keys and files; exit 1."""
    other = image({"app/web": b"#!shop"}, run={"Entrypoint": ["/bin/sh"], "Env": ["PATH=/bin"]})
    result = run("diff", put("a.tar", docker_v25(SHOP)), put("b.tar", docker_v25(other)))
    assert (result.exit_code, result.stderr) == (1, "")
    image_golden("diff.txt", result.stdout)


def test_diff_json_answers_first() -> None:
    """Programs read `same_content`."""
    a, b = put("a.tar", docker_v25(SHOP)), put("b.tar", broken())
    told = json.loads(run("diff", a, a, "--format", "json").stdout)
    assert (told["kind"], told["schema"], told["same_content"]) == ("image_diff", 1, True)
    result = run("diff", a, b, "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)["same_content"]) == (1, False)


def test_diff_that_cannot_tell_exits_3() -> None:
    """Claims alone make nothing the same."""
    tree = {name: content for name, content in oci_layout(SHOP, "none").items() if content != SHOP.layers[1]}
    result = run("diff", put("a.tar", oci_layout(SHOP)), put("b.tar", tree))
    assert result.exit_code == 3
    assert result.stdout.startswith("NOT KNOWN\n")


def test_diff_asks_which_image_is_meant() -> None:
    """Two images of one platform: their names are the choice."""
    other = image({"x": b"1"}, names=["registry.example/other:1"])
    a, b = put("a.tar", docker_v25(SHOP, other)), put("b.tar", docker_v25(SHOP))
    result = run("diff", a, b)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "several images of linux/amd64" in result.stderr
    assert run("diff", a, b, "--name", "registry.example/shop/web:1.4").exit_code == 0


# --------------------------------------------------------------------------------------------- files


def test_files_lists_the_final_view_and_what_was_deleted(image_golden: Golden) -> None:
    """Layer, mode, owner, size, path; whiteouts below."""
    result = run("files", put("shop.tar", docker_v25(SHOP)))
    assert (result.exit_code, result.stderr) == (0, "")
    image_golden("files.txt", result.stdout)


def test_files_can_be_narrowed_and_asked_for_history(image_golden: Golden) -> None:
    """A path, all below it, or a pattern; and what every layer did to it."""
    path = put("shop.tar", docker_v25(SHOP))
    assert [line.split()[-1] for line in run("files", path, "/usr").stdout.splitlines()] == ["/usr/bin/su"]
    assert "/app/web" in run("files", path, "*web").stdout
    none = run("files", path, "/opt", "*.py")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "no file matches /opt, *.py\n")
    image_golden("files-history.txt", run("files", path, "--history", "/bin/sh", "bin/wget").stdout)


def test_files_json_tells_the_layer_of_each(image_golden: Golden) -> None:
    """Layers are counted from 0 there, as in the list beside them."""
    path = put("shop.tar", docker_v25(SHOP))
    told = json.loads(run("files", path, "--format", "json").stdout)
    assert told["layers"] == [sha256(layer) for layer in SHOP.layers]
    image_golden("files.json", json.dumps(told, indent=1) + "\n")
    history = json.loads(run("files", path, "--history", "bin/sh", "--format", "json").stdout)
    assert history["paths"][0]["is"]["path"] == "bin/busybox"


def test_files_with_gaps_say_so() -> None:
    """A layer that is not there is told, and the status is 3."""
    tree = {name: content for name, content in oci_layout(SHOP, "none").items() if content != SHOP.layers[1]}
    result = run("files", put("shop.tar", tree))
    assert result.exit_code == 3
    assert result.stderr == "incomplete: layer 2: its bytes are not there\n"


# --------------------------------------------------------------------------------------------- whatis


def test_whatis_names_every_digest(image_golden: Golden) -> None:
    """All kinds, and one that is nothing here."""
    folder = put("shop.tar", oci_index_layout(SHOP, packing="none"))
    index = json.loads(run("verify", folder, "--format", "json").stdout)["images"][0]["index_digest"]
    digests = [
        index,
        sha256(manifest(SHOP, "none")),
        SHOP.config_digest,
        SHOP.diff_ids[0],
        str(SHOP.chain_id),
        v1_ids(SHOP)[0],
        "sha256:" + "0" * 64,
    ]
    result = run("whatis", *digests, "--in", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    image_golden("whatis.txt", result.stdout)
    told = [
        json.loads(line) for line in run("whatis", *digests, "--in", folder, "--format", "json").stdout.splitlines()
    ]
    assert [answer["is"] for answer in told] == [
        *("index", "manifest", "config", "layer", "diff_id", "chain_id", "v1_id", "not_found")
    ]
    assert {tuple(answer) for answer in told} == {("digest", "is", "image", "proof")}


def test_whatis_looks_into_single_documents_and_several_places() -> None:
    """A manifest alone proves itself and what it names; places may follow one `--in`."""
    Path("manifest.json").write_bytes(manifest(SHOP))
    told = attestation(SHOP.config_digest)[0]
    Path("other.json").write_bytes(told)
    words = ("whatis", SHOP.config_digest, sha256(told), "--in", "manifest.json", "other.json", "--format", "json")
    answers = [json.loads(line) for line in run(*words).stdout.splitlines()]
    assert [answer["is"] for answer in answers] == ["config", "manifest"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["shop.tar"], "shop.tar: not a whole digest; write sha256: and all of its 64 lower-case hex characters"),
        (["sha256:abc", "--in", "shop.tar"], "a sha256 digest has 64 lower-case hex characters"),
        (["sha256:" + "0" * 64], "nowhere to look: name a place with --in"),
        (["sha256:" + "0" * 64, "--in", "nowhere"], "nothing is there"),
    ],
)
def test_whatis_says_what_it_needs(words: list[str], sentence: str) -> None:
    """A digest and a place."""
    put("shop.tar", docker_v25(SHOP))
    result = run("whatis", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


# --------------------------------------------------------------------------------------------- facts


def test_facts_are_records_that_hunt_takes() -> None:
    """One line an image, in the shape of the source."""
    result = run("facts", put("a.tar", oci_index_layout(SHOP, ARM64)), put("b.tar", docker_v25(SHOP)))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.encode().splitlines()
    assert len(lines) == 3
    assert all(line.startswith(SOURCE.prefixes[0]) for line in lines)
    Path("facts.jsonl").write_text(result.stdout)
    Path("events.jsonl").write_text("{}\n")
    assert CliRunner().invoke(main, ["hunt", "events.jsonl", "--facts", "facts.jsonl"]).exit_code in (0, 3)


def test_facts_of_a_broken_image_are_none() -> None:
    """The worst verdict is the exit status, and is told on stderr."""
    result = run("facts", put("a.tar", docker_v25(SHOP)), put("b.tar", broken()))
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 1)
    assert result.stderr == "b.tar: broken; tidewaiter image verify says why\n"
