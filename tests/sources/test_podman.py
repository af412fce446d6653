"""Podman: events of version 4 and 5, inspect output, image lists."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, hex_of, of_kind, one, records, sample, survives

from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    ImageFacts,
    ImageName,
    ImagePull,
    ImagePullFailed,
    Pod,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.podman import SOURCE, recognise

ID = hex_of("c")


def event(kind: str, status: str, **more: Any) -> dict[str, Any]:
    """An event of version 5."""
    return {"Type": kind, "Status": status, "time": 1_790_000_000, "timeNano": 1_790_000_000_000_000_007, **more}


def test_version_4_tells_the_life_of_a_container() -> None:
    """Times are RFC 3339 there; labels that look like a pod's are the image author's."""
    events = decode_all(SOURCE, sample("podman", "events_4.3"))
    assert [type(found) for found in events] == [
        ImagePull,
        ContainerCreate,
        ContainerStart,
        ContainerExec,
        ContainerStop,
        ContainerStop,
    ]
    assert [stop.removed for stop in of_kind(events, ContainerStop)] == [False, True]
    (created,) = of_kind(events, ContainerCreate)
    assert (created.name, created.runtime, created.pod) == ("cart", "podman", None)
    assert events[0].time_ns == 1_790_000_001_000_000_005


def test_version_5_tells_ids_and_failed_pulls() -> None:
    """An image event's ID is the config digest; an archive's name is no image name."""
    pulled, failed, tagged, loaded, started = decode_all(SOURCE, sample("podman", "events_5.2"))
    assert isinstance(pulled, ImagePull)
    assert pulled.config_digest is not None
    assert pulled.time_ns == 1_790_000_000_000_000_007
    assert isinstance(failed, ImagePullFailed)
    assert (failed.reference, failed.reason) == ("registry.example.net/shop/nope:1", "manifest unknown")
    assert isinstance(tagged, ImageName)
    assert (tagged.action, tagged.reference) == ("tag", "localhost/innocent:latest")
    assert tagged.config_digest == pulled.config_digest
    assert isinstance(loaded, ImageName)
    assert (loaded.action, loaded.reference) == ("load", None)
    assert isinstance(started, ContainerStart)


def test_a_pull_by_digest_keeps_it() -> None:
    """Index or manifest: not told."""
    assert one(SOURCE, event("image", "pull", Name=f"a.example/b@{digest('1')}"), ImagePull).repo_digest == digest("1")


def test_a_commit_names_the_container_it_was_made_of() -> None:
    """The image's name is not told."""
    commit = one(SOURCE, event("container", "commit", ID=ID, Image="a:1"), ImageName)
    assert (commit.action, commit.parent_container_id, commit.reference) == ("commit", ID, None)


@pytest.mark.parametrize(
    "record",
    [
        event("system", "refresh"),
        event("pod", "create", ID=ID),
        event("volume", "create", Name="v"),
        event("container", "cleanup", ID=ID),
        event("container", "health_status", ID=ID),
        event("image", "push", Name="a:1"),
    ],
)
def test_events_that_tell_nothing_here_give_nothing(record: dict[str, Any]) -> None:
    """They are claimed all the same."""
    assert recognise(record)
    assert decode(SOURCE, record) == []


def test_a_container_is_described_with_config_and_registry_digest() -> None:
    """ImageDigest is what the config came by: proven on this host."""
    found = one(SOURCE, sample("podman", "inspect_4.3")[0], ContainerFacts)
    assert found.image is not None
    assert found.image.config_digest is not None
    assert found.image.repo_digest is not None
    assert found.image.from_runtime
    assert found.image.reference == "registry.example.net/shop/cart:2.3"
    assert (found.privileged, found.host_root_mount, found.host_pid, found.pid) == (True, True, False, 7001)
    assert (found.ips, found.finished_ns) == (("10.88.0.5",), None)


def test_an_image_is_read_from_inspect_and_from_a_list() -> None:
    """The list has names but no layers and no config."""
    _, *images = [decode(SOURCE, record) for record in sample("podman", "inspect_4.3")]
    (inspected, seen), (listed, again) = images
    assert isinstance(inspected, ImageFacts)
    assert isinstance(listed, ImageFacts)
    assert inspected.config_digest == listed.config_digest is not None
    assert inspected.chain_id is not None
    assert (inspected.entrypoint, inspected.healthcheck) == (("/bin/cart",), ("CMD-SHELL", "cart -check"))
    assert (listed.chain_id, listed.entrypoint) == (None, None)
    assert seen == again
    assert isinstance(seen, ImageName)
    assert seen.reference == "registry.example.net/shop/cart:2.3"


@pytest.mark.parametrize(
    "broken",
    [
        event("image", "pull"),
        {"Type": "image", "Status": "pull", "Name": "a:1", "Time": "soon"},
        event("container", "start", ID=7),
        {"Type": "container", "Status": "start", "ID": ID, "time": 0},
        event("container", "start", ID=ID) | {"timeNano": 10**25},
        {"Id": "x", "Image": hex_of("a"), "ImageName": "a:1", "State": {}},
        {"Id": ID},
    ],
)
def test_a_record_without_subject_or_time_is_rejected(broken: dict[str, Any]) -> None:
    """Nothing is guessed."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_dockers_records_are_not_claimed() -> None:
    """Its events have an Action, its containers no ImageName, its images no Digest."""
    assert not recognise({"Type": "container", "Action": "start", "Actor": {"ID": ID}, "time": 1})
    assert not recognise({"Id": ID, "Image": digest("a"), "Name": "/a", "State": {}, "Config": {}})
    assert not recognise({"Id": digest("a"), "RepoTags": [], "RootFS": {}})
    assert not recognise({"kind": "Event", **event("container", "start")})


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Every member left out or replaced."""
    for case in ("events_4.3", "events_5.2", "inspect_4.3"):
        for record in sample("podman", case):
            survives(SOURCE, record)


def test_a_real_podman_proves_config_and_index(shared: Path) -> None:
    """Four pulls, three containers created and removed; none started on that machine."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    events = decode_all(SOURCE, records(shared / "captures/podman/podman-events.jsonl"))
    assert len(of_kind(events, ImagePull)) == 4
    assert len(of_kind(events, ContainerCreate)) == len(of_kind(events, ContainerStop)) == 3
    assert not of_kind(events, ContainerStart)
    (found,) = decode_all(SOURCE, records(shared / "captures/podman/inspect-p1.json"))
    assert isinstance(found, ContainerFacts)
    assert found.image is not None
    assert (found.image.config_digest, found.image.repo_digest) == (built["web/amd64"]["config"], built["web/index"])
    facts, name = decode_all(SOURCE, records(shared / "captures/podman/images.json"))
    assert isinstance(facts, ImageFacts)
    assert set(facts.repo_digests) == {built["web/index"], built["web/amd64"]["manifest"]}
    assert isinstance(name, ImageName)
    assert name.reference == "127.0.0.1:5000/acme/web:1.0"


def test_a_service_of_compose_is_told_by_the_name_and_agreeing_labels() -> None:
    """`podman-compose` gives names and labels as Compose does."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    expected = Pod(workload_kind="ComposeService", workload="web")
    told = event("container", "create", ID=ID, Name="shop_web_1", Image="x:1", Attributes=labels)
    assert one(SOURCE, told, ContainerCreate).pod == expected
    assert one(SOURCE, told | {"Name": "cart"}, ContainerCreate).pod is None
    inspected = {"Id": ID, "Image": hex_of("a"), "ImageName": "x:1", "State": {}, "Name": "shop_web_1"}
    assert one(SOURCE, inspected | {"Config": {"Labels": labels}}, ContainerFacts).pod == expected
    assert one(SOURCE, inspected, ContainerFacts).pod is None
