"""Docker inspect output: what an image id means in either store, what a container may do, and names seen."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, hex_of, of_kind, one, records, sample, survives

from tidewaiter.digest import chain_id
from tidewaiter.event import ContainerFacts, ImageFacts, ImageName, Pod
from tidewaiter.sources import RecordError
from tidewaiter.sources.docker_inspect import SOURCE, recognise

GRAPH = {"Name": "overlay2", "Data": {"LowerDir": "/var/lib/docker/overlay2/a/diff"}}


def container(**changes: Any) -> dict[str, Any]:
    """A container as a classic Engine describes it, with other or further members."""
    described: dict[str, Any] = {
        "Id": hex_of("c"),
        "Created": "2026-09-21T14:13:20.5Z",
        "Name": "/cart",
        "State": {"Pid": 0, "StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"},
        "Image": digest("a"),
        "Config": {"Image": "registry.example.net/shop/cart:2.3"},
        "HostConfig": {"Binds": None, "Privileged": False, "PidMode": ""},
        "GraphDriver": GRAPH,
        "Mounts": [],
    }
    return {name: value for name, value in (described | changes).items() if value != "absent"}


def facts(**changes: Any) -> ContainerFacts:
    """The facts of such a container."""
    return one(SOURCE, container(**changes), ContainerFacts)


def image(**changes: Any) -> dict[str, Any]:
    """An image as a classic Engine describes it, with other or further members."""
    described: dict[str, Any] = {
        "Id": digest("a"),
        "RepoTags": ["cart:1"],
        "RepoDigests": [],
        "Config": {},
        "Architecture": "amd64",
        "Os": "linux",
        "RootFS": {"Type": "layers", "Layers": [digest("1"), digest("2")]},
        "GraphDriver": GRAPH,
    }
    return {name: value for name, value in (described | changes).items() if value != "absent"}


def test_a_classic_engines_image_is_the_config_digest() -> None:
    """And the runtime says so itself: a proven relation on its node."""
    claim = facts().image
    assert claim is not None
    assert (claim.config_digest, claim.repo_digest, claim.from_runtime) == (digest("a"), None, True)
    assert claim.reference == "registry.example.net/shop/cart:2.3"


@pytest.mark.parametrize(
    "changes",
    [
        {"ImageManifestDescriptor": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest("b")}},
        {"GraphDriver": "absent", "Storage": {"RootFS": {"Snapshot": {"Name": "overlayfs"}}}},
        {"GraphDriver": "absent"},
        {"GraphDriver": {"Name": "overlayfs", "Data": None}},
    ],
)
def test_with_the_containerd_store_an_image_id_is_no_config_digest(changes: dict[str, Any]) -> None:
    """It is the digest of the index or manifest; a descriptor names the manifest that runs."""
    claim = facts(**changes).image
    assert claim is not None
    assert (claim.config_digest, claim.repo_digest) == (None, digest("a"))
    assert claim.manifest_digest == (digest("b") if "ImageManifestDescriptor" in changes else None)


def test_where_the_store_cannot_be_told_the_id_is_left_out() -> None:
    """btrfs is a driver of both stores and shows no data in either."""
    claim = facts(GraphDriver={"Name": "btrfs", "Data": None}).image
    assert claim is not None
    assert (claim.config_digest, claim.repo_digest) == (None, None)


def test_a_container_made_by_a_pinned_name_keeps_the_pin() -> None:
    """The digest that was typed is an index or a manifest of the repository beside it."""
    claim = facts(Config={"Image": f"registry.example.net/shop/cart:2@{digest('e')}"}).image
    assert claim is not None
    assert (claim.config_digest, claim.repo_digest) == (digest("a"), digest("e"))
    assert claim.repository == "registry.example.net/shop/cart"


def test_times_and_pid_that_mean_not_yet_are_unknown() -> None:
    """Go's zero time, and pid 0."""
    never_ran = facts()
    assert (never_ran.started_ns, never_ran.finished_ns, never_ran.pid) == (None, None, None)
    assert (never_ran.time_ns, never_ran.created_ns) == (None, 1_790_000_000_500_000_000)
    ran = facts(State={"Pid": 4711, "StartedAt": "2026-09-21T14:13:21Z", "FinishedAt": "0001-01-01T00:00:00Z"})
    assert (ran.pid, ran.started_ns) == (4711, 1_790_000_001 * 10**9)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"HostConfig": {"Binds": ["/:/host:ro"]}}, True),
        ({"HostConfig": {"Binds": ["//:/host"]}}, True),
        ({"HostConfig": {"Binds": ["/etc/..:/host"]}}, True),
        ({"HostConfig": {"Binds": ["/etc:/host", "volume:/"]}}, False),
        ({"Mounts": [{"Type": "bind", "Source": "/", "Destination": "/host"}]}, True),
        ({"Mounts": [{"Type": "volume", "Source": "", "Destination": "/"}]}, False),
        ({"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]}}, True),
        ({"HostConfig": "absent", "Mounts": "absent"}, None),
    ],
)
def test_a_mount_of_the_hosts_root_is_seen_however_it_is_written(
    changes: dict[str, Any], expected: bool | None
) -> None:
    """In Binds, in Mounts, in HostConfig.Mounts; unknown where no mounts are told."""
    assert facts(**changes).host_root_mount is expected


def test_privilege_host_pid_resolver_and_addresses_are_told() -> None:
    """What later raises a severity, or excuses a DNS query."""
    told = facts(
        HostConfig={"Privileged": True, "PidMode": "host", "Dns": ["192.0.2.53"]},
        NetworkSettings={
            "IPAddress": "192.0.2.7",
            "Networks": {"a": {"IPAddress": "192.0.2.7"}, "b": {"GlobalIPv6Address": "2001:DB8::7"}, "c": None},
        },
    )
    assert (told.privileged, told.host_pid, told.dns_servers) == (True, True, ("192.0.2.53",))
    assert told.ips == ("192.0.2.7", "2001:db8::7")


def test_a_pod_needs_the_kubelets_name() -> None:
    """Labels alone are the image author's."""
    labels = {"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop"}
    assert facts(Config={"Image": "x", "Labels": labels}).pod is None
    named = facts(Name="/k8s_POD_web-0_shop_u-1_0", Config={"Image": "x", "Labels": labels})
    assert named.is_sandbox
    assert named.pod is not None
    assert (named.pod.namespace, named.pod.name, named.pod.uid) == ("shop", "web-0", "u-1")


def test_a_list_tells_the_image_by_name_or_by_id() -> None:
    """An id in the place of the name means that the name moved on; seconds are turned into nanoseconds."""
    by_name, by_id, _ = decode_all(SOURCE, sample("docker_inspect", "lists_and_distribution"))
    assert isinstance(by_name, ContainerFacts)
    assert isinstance(by_id, ContainerFacts)
    assert by_name.image is not None
    assert by_id.image is not None
    assert (by_name.image.reference, by_id.image.reference) == ("registry.example.net/shop/cart:2.3", None)
    assert by_name.image.config_digest == by_id.image.config_digest is not None
    assert by_name.created_ns == 1_790_000_002 * 10**9
    assert (by_name.host_root_mount, by_id.host_root_mount, by_name.host_pid) == (False, True, None)


def test_an_image_gives_its_digests_layers_and_declared_commands() -> None:
    """And its names, as seen at no particular time."""
    first, *names = decode_all(SOURCE, sample("docker_inspect", "images"))[:3]
    assert isinstance(first, ImageFacts)
    assert first.proof == "runtime"
    assert first.chain_id == chain_id(first.diff_ids) is not None
    assert len(first.repo_digests) == 2
    assert (first.entrypoint, first.cmd, first.platform) == (("/bin/cart",), ("serve",), "linux/amd64")
    assert first.healthcheck == ("CMD", "/bin/cart", "-check")
    assert [(name.reference, name.config_digest) for name in of_kind(names, ImageName)] == [
        ("registry.example.net/shop/cart:2.3", first.config_digest),
        ("innocent:latest", first.config_digest),
    ]
    assert {name.time_ns for name in names} == {None}


def test_what_a_config_leaves_out_is_known_to_be_empty_and_a_list_knows_nothing() -> None:
    """API 1.52 omits empty members of Config; an image list has no Config at all."""
    (empty, _) = decode(SOURCE, image())
    assert isinstance(empty, ImageFacts)
    assert (empty.entrypoint, empty.cmd, empty.healthcheck) == ((), (), ())
    listed = {"Id": digest("a"), "RepoTags": None, "RepoDigests": None, "Created": 1, "Size": 5}
    unknown = one(SOURCE, listed, ImageFacts)
    assert (unknown.entrypoint, unknown.cmd, unknown.healthcheck, unknown.references) == (None, None, None, ())


@pytest.mark.parametrize(
    ("changes", "index", "manifest"),
    [
        ({"Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest("a")}}, "a", None),
        ({"Descriptor": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest("a")}}, None, "a"),
        ({"RepoDigests": [f"cart@{digest('a')}"]}, None, None),
        ({"GraphDriver": "absent"}, None, None),
    ],
)
def test_an_image_of_the_containerd_store_is_no_config(
    changes: dict[str, Any], index: str | None, manifest: str | None
) -> None:
    """The descriptor tells whether its id is an index or a manifest; its own RepoDigests give it away as well."""
    found, name = decode(SOURCE, image(**changes))
    assert isinstance(found, ImageFacts)
    assert found.config_digest is None
    assert found.index_digest == (index and digest(index))
    assert found.manifest_digest == (manifest and digest(manifest))
    assert isinstance(name, ImageName)
    assert (name.config_digest, name.repo_digest) == (None, digest("a"))


def test_layers_that_are_no_digests_give_no_chain() -> None:
    """Half a stack would name other content."""
    (found, _) = decode(SOURCE, image(RootFS={"Layers": [digest("1"), "sha256:x"]}))
    assert isinstance(found, ImageFacts)
    assert (found.diff_ids, found.chain_id) == ((), None)


def test_what_a_registry_told_the_engine_is_only_claimed() -> None:
    """`/distribution/NAME/json` names no image."""
    found = decode_all(SOURCE, sample("docker_inspect", "lists_and_distribution"))[-1]
    assert isinstance(found, ImageFacts)
    assert (found.proof, found.config_digest, found.references) == ("claimed", None, ())
    assert found.index_digest is not None


def test_other_producers_are_not_claimed() -> None:
    """Podman, CRI and Kubernetes describe the same things with other keys."""
    assert not recognise(container(ImageName="x", ImageDigest=digest("b")))
    assert not recognise(image(Digest=digest("b")))
    assert not recognise({"status": {"id": hex_of("c"), "metadata": {}}, "info": {}})
    assert not recognise({"kind": "Pod", **container()})
    assert not recognise({"Id": "i-1", "State": "running", "Image": "ami"})


@pytest.mark.parametrize(
    "broken",
    [container(Id="web"), container(State={"Pid": "x"}), container(Mounts={"Source": "/"}), {"Id": hex_of("c")}],
)
def test_a_description_of_another_shape_is_rejected(broken: dict[str, Any]) -> None:
    """A wrong type is no reason to guess."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_an_absurd_time_is_rejected() -> None:
    """A list's Created is seconds; a number that is no time makes the record wrong."""
    listed = json.loads(sample("docker_inspect", "lists_and_distribution")[0])
    with pytest.raises(RecordError, match="not a time"):
        decode(SOURCE, listed | {"Created": 10**15})


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Every member of every shape, left out or replaced."""
    for case in (
        "containers_engine_20.10",
        "containers_engine_29_containerd_store",
        "images",
        "lists_and_distribution",
    ):
        for record in sample("docker_inspect", case):
            survives(SOURCE, record)


def test_a_real_engine_proves_one_config_behind_every_way_of_naming(shared: Path) -> None:
    """By tag, by index digest, by id, and after the tag moved: the same config."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    config = built["web/amd64"]["config"]
    assert config.startswith("sha256:0a9f5f6d")
    inspected = sorted((shared / "captures/docker").glob("container-inspect-*.json"))
    for path in (*inspected, shared / "captures/docker/containers-list.json"):
        for found in of_kind(decode_all(SOURCE, records(path)), ContainerFacts):
            assert found.image is not None
            assert found.image.config_digest == config
            assert (found.privileged or False, found.host_root_mount) == (False, False)
    assert len(inspected) == 4


def test_a_real_image_has_the_chain_it_was_built_with(shared: Path) -> None:
    """RepoDigests name both the index and the manifest."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    found, name = decode_all(SOURCE, records(shared / "captures/docker/image-inspect-web.json"))
    assert isinstance(found, ImageFacts)
    assert found.diff_ids == tuple(built["web/amd64"]["diff_ids"])
    assert set(found.repo_digests) == {built["web/index"], built["web/amd64"]["manifest"]}
    assert isinstance(name, ImageName)
    assert name.reference == "127.0.0.1:5000/acme/web:1.0"


def test_a_moved_tag_is_seen_on_other_content(shared: Path) -> None:
    """The list after the move shows the tag on the tool's config."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    after = decode_all(SOURCE, records(shared / "captures/docker/images-list-after-tag-move.json"))
    names = {name.reference: name.config_digest for name in of_kind(after, ImageName)}
    assert names["127.0.0.1:5000/acme/web:1.0"] == built["tool"]["config"]
    assert names["innocent:latest"] == built["web/amd64"]["config"]


def test_a_service_of_compose_is_told_by_the_name_and_agreeing_labels() -> None:
    """Inspect keeps the labels in the configuration, a list beside the name."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    inspected = facts(Name="/shop-web-1", Config={"Image": "x:1", "Labels": labels})
    listed = one(
        SOURCE,
        {
            "Id": hex_of("c"),
            "Names": ["/shop-web-1"],
            "Image": "x:1",
            "ImageID": digest("a"),
            "State": "running",
            "Created": 1_790_000_000,
            "Labels": labels,
        },
        ContainerFacts,
    )
    expected = Pod(workload_kind="ComposeService", workload="web")
    assert (inspected.pod, listed.pod) == (expected, expected)
    assert facts(Name="/cart", Config={"Image": "x:1", "Labels": labels}).pod is None
