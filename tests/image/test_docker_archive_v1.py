"""Proves that archives from before Docker 1.10 become views: stacks of layers, without configs."""

import json

from folders import faults_of, folder_of
from images import Tree, docker_v1, encode, image, v1_ids

from tidewaiter.image.docker_archive_v1 import read_docker_archive_v1
from tidewaiter.image.view import View

WEB = image()
IDS = v1_ids(WEB)


def view_of(tree: Tree) -> View:
    """The view of an archive's tree."""
    return read_docker_archive_v1(folder_of(tree))


def without(tree: Tree, *names: str) -> Tree:
    """A tree that lacks some files."""
    return {name: content for name, content in tree.items() if name not in names}


def test_layers_from_the_bottom_by_their_parents() -> None:
    """Names, ids, and the json of each."""
    two = image({"bin/sh": b"#!shell", "etc": None}, {"app/job": b"1"}, names=["job:1", "job:latest"])
    view = view_of(docker_v1(WEB, two))
    assert view.form == "docker_archive_v1"
    assert view.faults == ()
    assert [each.references for each in view.images] == [WEB.names, two.names]
    assert [layer.v1.id for layer in view.images[0].layers if layer.v1] == IDS
    assert [layer.path for layer in view.images[0].layers] == [f"{id}/layer.tar" for id in IDS]
    assert view.images[0].config is None


def test_without_names_the_tops_are_those_who_are_nobodys_parent() -> None:
    """An archive of an image that was saved by its id has no `repositories`."""
    view = view_of(without(docker_v1(WEB), "repositories"))
    assert [[layer.v1.id for layer in each.layers if layer.v1] for each in view.images] == [IDS]
    assert view.images[0].references == ()


def test_a_layer_that_is_its_own_ancestor() -> None:
    """The stack ends where it would begin again."""
    tree = {**docker_v1(WEB), f"{IDS[0]}/json": encode({"id": IDS[0], "parent": IDS[1]})}
    view = view_of(tree)
    assert faults_of(view) == {f"structure no {IDS[1]}": "the layer is its own ancestor"}
    assert len(view.images[0].layers) == 2


def test_what_is_missing_is_said() -> None:
    """A layer's bytes, a layer's json, the layer of a tag."""
    gone = faults_of(view_of(without(docker_v1(WEB), f"{IDS[0]}/layer.tar")))
    assert gone == {f"layer_digest unknown {IDS[0]}/layer.tar": "the layer is not there"}
    tree = {**docker_v1(WEB), "repositories": encode({"web": {"1": "0" * 64, "2": "../x"}, "other": 7})}
    found = faults_of(view_of(tree))
    assert "is not there" in found[f"structure unknown {'0' * 64}"]
    assert "names no layer" in found["structure no repositories"]


def test_a_layer_that_calls_itself_otherwise() -> None:
    """Its folder's name and its json must agree."""
    tree = docker_v1(WEB)
    told = json.loads(tree[f"{IDS[1]}/json"] or b"")
    view = view_of({**tree, f"{IDS[1]}/json": encode({**told, "id": "f" * 64})})
    assert "another id" in faults_of(view)[f"structure no {IDS[1]}"]
