"""Proves that all forms of one image are the same content, and that other tools tell every digest that is printed.

skopeo, umoci, Docker, containerd and a registry are real; only the archive of Docker 25 is made in code.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from daemons import containerd, docker, docker_registry, needed, run
from images import (
    Packing,
    docker_v12,
    docker_v25,
    image,
    lay_out,
    oci_index_layout,
    oci_layout,
    sha256,
    tar,
)

from tidewaiter.cli import main

pytestmark = pytest.mark.e2e
NAME = "shop/web:1.4"
SHELL = {"bin/sh": b"#!shell", "etc": None}
RUN = {"Entrypoint": ["/app/web"], "Cmd": ["--port", "80"], "Env": ["PATH=/bin"], "User": "1000"}
WEB = image(SHELL, {"app/web": b"#!web"}, {"bin/.wh.sh": b""}, names=[NAME], run=RUN)
ARM = image(SHELL, {"app/web": b"#!arm"}, platform={"architecture": "arm64", "os": "linux", "variant": "v8"}, run=RUN)
DIGEST = re.compile("sha256:[0-9a-f]{64}")
Kinds = dict[str, set[str]]


class Form(NamedTuple):
    """One image in one form, and what other tools say of it."""

    target: str
    told: Kinds
    """What `whatis` calls it -> the digests of that."""
    names: frozenset[str] = frozenset()
    """Digests that only stand in names, as the daemon tells them."""


def asked(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The answers of a command of `tidewaiter image`."""
    result = CliRunner().invoke(main, ["image", *arguments, "--format", "json"])
    assert result.exit_code == status, (arguments, result.stdout, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


def of_platform(source: str, *how: str) -> Kinds:
    """The config, the diff_ids and the layers of one platform, as skopeo reads them."""
    config = run("skopeo", *how, "inspect", "--tls-verify=false", "--config", "--raw", source).encode()
    told = json.loads(run("skopeo", *how, "inspect", "--tls-verify=false", source))
    return {
        "config": {sha256(config)},
        "diff_id": set(json.loads(config)["rootfs"]["diff_ids"]),
        "layer": set(told["Layers"]),
        "manifest": {told["Digest"]},
    }


def skopeo_says(source: str) -> Kinds:
    """All digests of an image of one or of two platforms."""
    told = of_platform(source)
    listed = json.loads(run("skopeo", "inspect", "--tls-verify=false", "--raw", source)).get("manifests")
    if listed is None:
        return told
    other = of_platform(source, "--override-arch=arm64")
    both = {kind: told[kind] | other[kind] for kind in told}
    return {**both, "index": both["manifest"], "manifest": {entry["digest"] for entry in listed}}


def docker_says(name: str) -> tuple[Kinds, frozenset[str]]:
    """What Docker has under a name, and the digests in its names."""
    (told,) = json.loads(run("docker", "image", "inspect", name))
    how = ["--digests", "--no-trunc", "--format", "{{.Digest}} {{.ID}}", name.rpartition(":")[0]]
    listed = [line.split() for line in run("docker", "images", *how).splitlines()]
    assert {fields[1] for fields in listed} == {told["Id"]}
    layers = set(told["RootFS"]["Layers"])
    return (
        {"config": {told["Id"]}, "diff_id": layers, "layer": layers},
        frozenset(DIGEST.findall(json.dumps([told["RepoDigests"], listed]))) - {told["Id"]},
    )


def containerd_says(name: str, has: Kinds) -> Kinds:
    """What containerd calls an image, whose blobs are known and lie in its store."""
    rows = [line.split() for line in run("ctr", "images", "list").splitlines()[1:]]
    (target,) = [fields for fields in rows if fields[0] == name]
    content = {line.split()[0] for line in run("ctr", "content", "list").splitlines()[1:]}
    kind = "index" if "index" in target[1] else "manifest"
    told = {**has, kind: {target[2]}}
    assert has.get(kind, {target[2]}) == {target[2]}
    assert set().union(*(told[each] for each in told if each != "diff_id")) <= content
    return told


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Form]]:
    """The same image in every form, with what others say of it."""
    needed("skopeo", "umoci", "docker-registry", "docker", "dockerd", "containerd", "ctr")
    if os.geteuid() != 0:
        pytest.skip("only root can start dockerd and containerd; what they would prove was not proven")
    folder = tmp_path_factory.mktemp("forms")
    with ExitStack() as stack:
        made = {name: folder / name for name in ("registry", "docker", "containerd")}
        for path in made.values():
            path.mkdir()
        host = stack.enter_context(docker_registry(made["registry"]))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("DOCKER_HOST", f"unix://{stack.enter_context(docker(made['docker']))}")
        environment.setenv("CONTAINERD_ADDRESS", stack.enter_context(containerd(made["containerd"])))
        environment.setenv("DOCKER_CONFIG", str(folder))
        found = {**layouts(folder), **archives(folder), **registries(folder, host)}
        found |= daemons(folder, host, found)
        assert set(found) == set(FORMS)
        yield found


@pytest.fixture(scope="module")
def chain_ids(forms: Mapping[str, Form], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Those that Docker keeps the layers of both platforms under."""
    archive = tmp_path_factory.mktemp("arm") / "arm.tar"
    archive.write_bytes(tar(docker_v12(ARM)))
    run("docker", "load", "-q", "-i", str(archive))
    root = Path(run("docker", "info", "--format", "{{.DockerRootDir}}").strip())
    return {f"sha256:{path.name}" for path in root.glob("image/vfs/layerdb/sha256/*")}


def layouts(folder: Path) -> dict[str, Form]:
    """OCI layouts, in folders and as tar files."""
    found = {}
    packings: tuple[Packing, ...] = ("gzip", "zstd", "none")
    for packing in packings:
        for many in ("", "-many"):
            tree = oci_index_layout(WEB, ARM, packing=packing, attest=False) if many else oci_layout(WEB, packing)
            path = lay_out(tree, folder / f"{packing}{many}")
            told = skopeo_says(f"oci:{path}:1.4")
            found[f"folder-{packing}{many}"] = Form(str(path), told)
            if packing != "none":
                file = f"{path}.tar"
                run("skopeo", "copy", "-q", "--insecure-policy", "--all", f"oci:{path}:1.4", f"oci-archive:{file}:1.4")
                found[f"tar-{packing}{many}"] = Form(file, skopeo_says(f"oci-archive:{file}"))
    return found


def archives(folder: Path) -> dict[str, Form]:
    """What `docker save` wrote and writes; Docker loads the one that it does not write itself."""
    file, newer, saved = (folder / name for name in ("skopeo.tar", "v25.tar", "saved.tar"))
    run("skopeo", "copy", "-q", "--insecure-policy", f"oci:{folder / 'gzip'}:1.4", f"docker-archive:{file}:{NAME}")
    newer.write_bytes(tar(docker_v25(WEB)))
    run("docker", "load", "-q", "-i", str(newer))
    run("docker", "save", "-o", str(saved), NAME)
    told, _ = docker_says(NAME)
    # skopeo makes up a manifest for an archive that has none.
    plain = {kind: digests for kind, digests in skopeo_says(f"docker-archive:{file}").items() if kind != "manifest"}
    return {
        "docker-archive": Form(str(file), plain),
        "docker-save": Form(str(saved), told),
        "docker-25": Form(str(newer), {**told, **skopeo_says(f"oci-archive:{newer}")}),
    }


def registries(folder: Path, host: str) -> dict[str, Form]:
    """Schema 2 and OCI, one platform and two."""
    found = {}
    for name, layout, form in (
        ("schema2", "gzip", "v2s2"),
        ("oci", "gzip", "oci"),
        ("zstd", "zstd", "oci"),
        ("list", "gzip-many", "v2s2"),
        ("index", "gzip-many", "oci"),
        ("index-zstd", "zstd-many", "oci"),
    ):
        target = f"{host}/shop/{name}:1.4"
        how = ["--all", "--dest-tls-verify=false", "--insecure-policy", "--format", form]
        run("skopeo", "copy", "-q", *how, f"oci:{folder / layout}:1.4", f"docker://{target}")
        found[f"registry-{name}"] = Form(target, skopeo_says(f"docker://{target}"))
    return found


def daemons(folder: Path, host: str, known: Mapping[str, Form]) -> dict[str, Form]:
    """Loaded and pulled into Docker, imported into containerd."""
    pulled = f"{host}/shop/schema2:1.4"
    run("docker", "pull", "-q", pulled)
    told, names = docker_says(pulled)
    assert known["registry-schema2"].told["manifest"] == names
    found = {
        "docker-loaded": Form(f"docker:{NAME}", told, names),
        "docker-pulled": Form(f"docker:{pulled}", told, names),
    }
    for source in ("tar-gzip", "tar-zstd", "tar-gzip-many", "docker-save"):
        name = f"docker.io/{source}/web"
        # The name that is in an archive of Docker counts; a layout has a tag alone.
        base, name = (["docker.io/shop"], f"docker.io/{NAME}") if source == "docker-save" else ([name], f"{name}:1.4")
        run("ctr", "images", "import", "--no-unpack", "--all-platforms", "--base-name", *base, known[source].target)
        found[f"containerd-{source}"] = Form(f"containerd:{name}", containerd_says(name, known[source].told))
    return found


FORMS = (
    *(
        f"{kind}-{packing}{many}"
        for kind in ("folder", "tar")
        for packing in ("gzip", "zstd")
        for many in ("", "-many")
    ),
    *("folder-none", "folder-none-many", "docker-archive", "docker-save", "docker-25"),
    *(f"registry-{name}" for name in ("schema2", "oci", "zstd", "list", "index", "index-zstd")),
    *("docker-loaded", "docker-pulled", "containerd-tar-gzip", "containerd-tar-zstd", "containerd-tar-gzip-many"),
    "containerd-docker-save",
)


# Three hundred pairs would take half a minute: what these forms are made of is in others too.
TOLD_BY_OTHERS = {"folder-none", "folder-none-many", "tar-zstd", "tar-gzip-many", "registry-zstd", "registry-index"}
TOLD_BY_OTHERS |= {"docker-pulled", "containerd-tar-zstd"}
PAIRED = tuple(form for form in FORMS if form not in TOLD_BY_OTHERS)


@pytest.mark.parametrize("form", PAIRED)
def test_every_pair_of_forms_is_the_same_content(form: str, forms: Mapping[str, Form]) -> None:
    """Whatever their digests are."""
    for other in PAIRED[PAIRED.index(form) + 1 :]:
        (told,) = asked("diff", forms[form].target, forms[other].target)
        assert told["same_content"] is True, (form, other)
        assert [change["platform"] for change in told["platforms"]] in (
            ["linux/amd64"],
            ["linux/amd64", "linux/arm64/v8"],
        )


@pytest.mark.parametrize("form", FORMS)
def test_others_tell_every_digest_that_is_printed(form: str, forms: Mapping[str, Form], chain_ids: set[str]) -> None:
    """Index, manifests, configs, layers, diff_ids, chain IDs: in both commands, and no other one."""
    target, told, names = forms[form]
    (verified,), (inspected,) = asked("verify", target), asked("inspect", target)
    assert verified["verdict"] == inspected["verdict"] == "proven"
    known = set().union(*told.values())
    for answer in (verified, inspected):
        assert set(DIGEST.findall(json.dumps(answer))) - known - names <= chain_ids
        assert known <= set(DIGEST.findall(json.dumps(answer)))
    shown = [found.get("identity", found) for found in verified["images"] + inspected["images"]]
    assert {found["config_digest"] for found in shown} == told["config"]
    assert {found["manifest_digest"] for found in shown} == told.get("manifest", {None})
    assert {found["index_digest"] for found in shown} == told.get("index", {None})
    assert {found["chain_id"] for found in shown} <= chain_ids
    assert {digest for found in shown for digest in found["diff_ids"]} == told["diff_id"]
    assert {layer["layer_digest"] for found in inspected["images"] for layer in found["layers"]} == told["layer"]


@pytest.mark.parametrize("form", FORMS)
def test_whatis_names_every_digest_as_others_do(form: str, forms: Mapping[str, Form], chain_ids: set[str]) -> None:
    """A plain layer is a layer and a diff_id; the chain ID of one layer alone is called a diff_id."""
    target, told, _ = forms[form]
    digests = sorted(set().union(*told.values()) | chain_ids)
    found: Kinds = {}
    for answer in asked("whatis", *digests, "--in", target):
        found.setdefault(answer["is"], set()).add(answer["digest"])
    stacks = found.pop("chain_id")
    found.pop("not_found", None)
    assert found == told
    assert stacks <= chain_ids
    assert len(stacks) == (3 if "index" in told else 2)


def test_umoci_lists_what_is_read(forms: Mapping[str, Form]) -> None:
    """The layers of a layout with the diff_id of each, in their order, and its names."""
    target = forms["folder-gzip"].target
    steps = json.loads(run("umoci", "stat", "--json", "--image", f"{target}:1.4"))["history"]
    told = [(step["layer"]["digest"], step["diff_id"]) for step in steps if step["layer"]]
    ((found,),) = [answer["images"] for answer in asked("inspect", target)]
    assert [(layer["layer_digest"], layer["diff_id"]) for layer in found["layers"]] == told
    assert run("umoci", "list", "--layout", target).split() == found["identity"]["references"] == ["1.4"]
