"""containerd's events: text and JSON shapes, names against digests, chosen ids, pods, and what moby means by them."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, hex_of, of_kind, one, records, sample, survives

from tidewaiter.digest import chain_id
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    ImageFacts,
    ImageName,
    ImagePull,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.containerd_events import SOURCE, recognise, recognise_text

TIME_NS = 1_790_000_000_500_000_000
ID = hex_of("c")
CRI_LABELS = {
    "io.cri-containerd.kind": "container",
    "io.kubernetes.container.name": "web",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u-1",
}


def event(topic: str, namespace: str = "k8s.io", /, **members: Any) -> str:
    """A line of `ctr events`."""
    return f"2026-09-21 14:13:20.5 +0000 UTC {namespace} {topic} {json.dumps(members)}"


def envelope(topic: str, members: Any, namespace: str = "k8s.io", **more: Any) -> dict[str, Any]:
    """The same through gRPC, as JSON."""
    moment = "2026-09-21T14:13:20.5Z"
    return {"timestamp": moment, "namespace": namespace, "topic": topic, "event": members, **more}


def resolved(*manifests: dict[str, Any], media_type: str = "application/vnd.oci.image.index.v1+json") -> dict[str, Any]:
    """What a collector adds to an image event."""
    return {"resolved": {"target": digest("1"), "media_type": media_type, "manifests": list(manifests)}}


def present(manifest: str, config: str) -> dict[str, Any]:
    """A manifest whose content is on the node."""
    return {
        "digest": digest(manifest),
        "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"},
        "config": digest(config),
        "diff_ids": [digest("6"), digest("7")],
    }


def test_text_and_json_say_the_same() -> None:
    """One event, four spellings of its envelope."""
    expected = decode(SOURCE, event("/tasks/start", container_id=ID, pid=5))
    assert expected == decode(SOURCE, envelope("/tasks/start", {"container_id": ID, "pid": 5}))
    assert expected == decode(SOURCE, envelope("/tasks/start", {"containerId": ID, "pid": 5}))
    capitals = {
        "Timestamp": "2026-09-21T14:13:20.5Z",
        "Namespace": "k8s.io",
        "Topic": "/tasks/start",
        "Event": {"container_id": ID, "pid": 5},
    }
    assert recognise(capitals)
    assert expected == decode(SOURCE, capitals)
    assert expected == decode(SOURCE, capitals | {"Event": json.dumps(capitals["Event"]), "Status": "start"})
    (started,) = expected
    assert isinstance(started, ContainerStart)
    assert (started.time_ns, started.pid, started.runtime, started.runtime_namespace) == (
        TIME_NS,
        5,
        "containerd",
        "k8s.io",
    )


def test_the_life_of_a_cri_container_is_told_in_order() -> None:
    """Names, sandbox, chain of layers, create, start, exec, exit, delete, names removed."""
    events = decode_all(SOURCE, sample("containerd_events", "ctr_1.7_k8s"))
    assert [type(found) for found in events] == [
        ImagePull,
        ImageName,
        ImagePull,
        ContainerCreate,
        ContainerFacts,
        ContainerStart,
        ContainerFacts,
        ContainerCreate,
        ContainerStart,
        ContainerExec,
        ContainerStop,
        ContainerStop,
        ImageName,
        ImageName,
    ]
    assert [stop.removed for stop in of_kind(events, ContainerStop)] == [False, True]


def test_an_image_event_tells_a_name_and_no_digest() -> None:
    """A pull, an import and a tag look alike: `seen_by` says so."""
    pulled = one(SOURCE, event("/images/create", name="registry.example.net/a:1"), ImagePull)
    assert pulled.seen_by == "containerd_name"
    assert (pulled.config_digest, pulled.repo_digest) == (None, None)
    pinned = one(SOURCE, event("/images/update", name=f"registry.example.net/a@{digest('1')}"), ImagePull)
    assert pinned.repo_digest == digest("1")


def test_a_resolved_index_names_the_one_manifest_that_is_present() -> None:
    """Its config is the image; the manifest that is missing still belongs to the index."""
    missing = {"digest": digest("3"), "platform": {"architecture": "amd64", "os": "linux"}, "missing": "NOT_FOUND"}
    record = envelope("/images/create", {"name": "a/b:1"}, **resolved(present("2", "4"), missing))
    pulled, facts, other = decode(SOURCE, record)
    assert isinstance(pulled, ImagePull)
    assert (pulled.index_digest, pulled.manifest_digest, pulled.config_digest) == (
        digest("1"),
        digest("2"),
        digest("4"),
    )
    assert pulled.repo_digest == digest("1")
    assert isinstance(facts, ImageFacts)
    assert (facts.index_digest, facts.manifest_digest, facts.config_digest, facts.proof) == (
        digest("1"),
        digest("2"),
        digest("4"),
        "runtime",
    )
    assert facts.chain_id == chain_id([digest("6"), digest("7")])
    assert (facts.platform, facts.references) == ("linux/arm64/v8", ("a/b:1",))
    assert isinstance(other, ImageFacts)
    assert (other.manifest_digest, other.config_digest, other.chain_id) == (digest("3"), None, None)


def test_two_manifests_present_leave_the_pulled_config_open() -> None:
    """Which of them will run is not told."""
    record = envelope("/images/create", {"name": "a/b:1"}, **resolved(present("2", "4"), present("3", "5")))
    pulled = of_kind(decode(SOURCE, record), ImagePull)[0]
    assert (pulled.index_digest, pulled.manifest_digest, pulled.config_digest) == (digest("1"), None, None)


def test_a_resolved_manifest_is_no_index() -> None:
    """A single-platform image's name points at its manifest."""
    manifest = present("1", "4")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    pulled, facts = decode(SOURCE, envelope("/images/create", {"name": "a:1"}, **resolved(manifest, media_type=kind)))
    assert isinstance(pulled, ImagePull)
    assert (pulled.index_digest, pulled.manifest_digest, pulled.config_digest) == (None, digest("1"), digest("4"))
    assert isinstance(facts, ImageFacts)
    assert facts.index_digest is None


def test_the_cri_plugins_alias_is_a_config_digest_and_no_pull() -> None:
    """`sha256:C` as a name; its target is what C was pulled by."""
    seen = one(SOURCE, event("/images/create", name=digest("4")), ImageName)
    assert (seen.action, seen.config_digest, seen.reference, seen.repo_digest) == ("seen", digest("4"), None, None)
    first = decode(SOURCE, envelope("/images/update", {"name": digest("4")}, **resolved(present("2", "4"))))[0]
    assert isinstance(first, ImageName)
    assert first.repo_digest == digest("1")
    removed = one(SOURCE, event("/images/delete", name=digest("4")), ImageName)
    assert (removed.action, removed.config_digest, removed.reference) == ("remove", digest("4"), None)


def test_a_snapshot_tells_the_chain_a_container_stands_on() -> None:
    """The one content identity in containerd's own stream."""
    found = one(SOURCE, event("/snapshot/prepare", key=ID, parent=digest("9")), ContainerFacts)
    assert found.image is not None
    assert (found.container_id, found.image.chain_id, found.time_ns) == (ID, digest("9"), TIME_NS)


@pytest.mark.parametrize(
    ("namespace", "key"),
    [
        ("k8s.io", f"extract-673754691-mZvE {digest('9')}"),
        ("k8s.io", "some-view"),
        ("default", "/mnt/view"),
        ("buildkit", "k3q0v9zz1"),
        ("moby", f"{ID}-init"),
        ("default", "x" * 300),
    ],
)
def test_snapshots_of_layers_builds_and_mounts_are_no_containers(namespace: str, key: str) -> None:
    """Their keys look otherwise, or stand in a builder's namespace."""
    assert decode(SOURCE, event("/snapshot/prepare", namespace, key=key, parent=digest("9"))) == []


def test_a_snapshot_on_another_snapshot_tells_no_chain() -> None:
    """dockerd's container stands on `<id>-init`; the chain stood below that."""
    assert decode(SOURCE, event("/snapshot/prepare", "moby", key=ID, parent=f"{ID}-init")) == []


def test_ids_that_people_chose_are_kept() -> None:
    """`ctr run IMAGE c1`."""
    facts, created, started, removed, *_ = decode_all(SOURCE, sample("containerd_events", "ctr_1.7_chosen_ids"))
    for found in (facts, created, started, removed):
        assert isinstance(found, ContainerFacts | ContainerCreate | ContainerStart | ContainerStop)
        assert (found.container_id, found.runtime_namespace) == ("c1", "default")


def test_under_dockerd_only_starts_and_stops_are_told() -> None:
    """dockerd makes a new containerd container at every start: no create, no removal of the Docker container."""
    *_, facts, started, stopped = decode_all(SOURCE, sample("containerd_events", "ctr_1.7_chosen_ids"))
    assert isinstance(facts, ContainerFacts)
    assert facts.image is not None
    assert facts.image.chain_id is not None
    assert isinstance(started, ContainerStart)
    assert (started.runtime, started.runtime_namespace) == ("docker", "moby")
    assert started.container_id == facts.container_id
    assert isinstance(stopped, ContainerStop)
    assert not stopped.removed


def test_a_pod_needs_the_cri_plugins_mark_and_its_namespace() -> None:
    """`ctr run` copies an image's labels onto the container."""
    members = {"id": ID, "image": "a:1", "labels": CRI_LABELS}
    found = one(SOURCE, event("/containers/update", **members), ContainerFacts)
    assert found.pod is not None
    assert (found.pod.namespace, found.pod.name, found.pod.uid, found.pod.container_name) == (
        "shop",
        "web-0",
        "u-1",
        "web",
    )
    assert not found.is_sandbox
    assert decode(SOURCE, event("/containers/update", "default", **members)) == []
    unmarked = {name: label for name, label in CRI_LABELS.items() if not name.startswith("io.cri")}
    assert decode(SOURCE, event("/containers/update", id=ID, image="a:1", labels=unmarked)) == []


def test_only_the_end_of_the_first_process_stops_a_container() -> None:
    """An exec's end is told on the same topic, with the exec's id."""
    assert decode(SOURCE, event("/tasks/exit", container_id=ID, id="e1", pid=7)) == []
    assert not one(SOURCE, event("/tasks/exit", container_id=ID, id=ID, pid=7), ContainerStop).removed


@pytest.mark.parametrize(
    "topic", ["/tasks/exec-added", "/tasks/create", "/snapshot/commit", "/namespaces/create", "/x"]
)
def test_other_topics_give_nothing_whatever_they_hold(topic: str) -> None:
    """Also where a collector could only show the bytes of an event."""
    assert decode(SOURCE, event(topic, container_id=ID)) == []
    assert decode(SOURCE, envelope(topic, "0a0568656c6c6f")) == []


def test_the_lines_of_2017_are_read() -> None:
    """No namespace, k=v members; task-create tells less than the rest."""
    facts, started, stopped = decode_all(SOURCE, sample("containerd_events", "ctr_2017"))
    assert isinstance(facts, ContainerFacts)
    assert isinstance(started, ContainerStart)
    assert isinstance(stopped, ContainerStop)
    assert {facts.container_id, started.container_id, stopped.container_id} == {"registry"}
    assert facts.runtime_namespace is None


@pytest.mark.parametrize(
    "broken",
    [
        event("/images/create"),
        event("/tasks/start", pid=5),
        event("/tasks/start", container_id=5),
        event("/containers/create", id="x" * 300),
        envelope("/tasks/start", {"type_url": "containerd.events.TaskStart", "value": "CgJjMQ=="}),
        envelope("/tasks/start", {"container_id": ID}) | {"timestamp": "soon"},
        {"timestamp": "2026-09-21T14:13:20Z", "namespace": "x", "topic": "/tasks/start"},
        "2026-09-21 14:13:20 +0000 UTC lab /tasks/start nothing",
    ],
)
def test_an_event_without_its_subject_or_time_is_rejected(broken: str | dict[str, Any]) -> None:
    """Protobuf bytes in JSON are not read."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_other_producers_are_not_claimed() -> None:
    """Kubernetes events have other keys; docker's text another form of time."""
    assert not recognise({"kind": "Event", "apiVersion": "v1", "metadata": {"namespace": "x"}})
    assert not recognise({"timestamp": "x", "namespace": "y", "topic": "orders", "event": {}})
    assert not recognise_text(b"2026-09-21T14:13:20Z container start x (image=a)")


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Stumps, mutants and rubbish of every shape."""
    for case in ("ctr_1.7_k8s", "grpc_resolved", "go_and_nerdctl", "ctr_2017"):
        for record in sample("containerd_events", case):
            survives(SOURCE, record)


def test_a_real_containerd_resolves_each_name_at_its_moment(shared: Path) -> None:
    """The tag stood for the index, then for the tool's manifest; the import stood for a manifest nobody pushed."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    events = decode_all(SOURCE, records(shared / "captures/containerd/py-events.jsonl"))
    pulls = [pull for pull in of_kind(events, ImagePull) if pull.reference == "127.0.0.1:5000/acme/web:1.0"]
    assert [pull.config_digest for pull in pulls] == [
        built["web/amd64"]["config"],
        built["web/amd64"]["config"],
        built["tool"]["config"],
    ]
    assert pulls[0].index_digest == built["web/index"]
    text = decode_all(SOURCE, records(shared / "captures/containerd/ctr-events.txt"))
    assert [type(found) for found in text] == [type(found) for found in events if not isinstance(found, ImageFacts)]


def test_real_containers_stand_on_the_chain_of_their_image(shared: Path) -> None:
    """Under ctr, under the CRI and under a kubelet."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    web = chain_id(built["web/amd64"]["diff_ids"])
    for capture, name, container in (
        ("containerd/ctr-events.txt", "c1", web),
        ("cri/ctr-events.txt", "9da15dc8e52c7e0223c910fb5dc08a1d60716c73375e3c144f23dc5f12370f73", web),
    ):
        events = decode_all(SOURCE, records(shared / "captures" / capture))
        chains = {found.container_id: found.image.chain_id for found in of_kind(events, ContainerFacts) if found.image}
        assert chains[name] == container
    kubelet = decode_all(SOURCE, records(shared / "captures/kubernetes/real-kubelet-containerd-events.txt"))
    assert len(of_kind(kubelet, ContainerCreate)) == len(of_kind(kubelet, ContainerStart)) == 3


def test_a_real_dockerd_below_tells_pids(shared: Path) -> None:
    """Seven starts with pids, three execs, no create."""
    events = decode_all(SOURCE, records(shared / "captures/docker/ctr-events-under-docker.txt"))
    assert [start.pid is not None for start in of_kind(events, ContainerStart)] == [True] * 7
    assert len(of_kind(events, ContainerExec)) == 3
    assert not of_kind(events, ContainerCreate)


def test_the_public_sample_of_2017_is_read(shared: Path) -> None:
    """One container, from its layers to its end."""
    events = decode_all(SOURCE, records(shared / "samples/containerd_events/containerd-2017-ctr-events-legacy.log"))
    assert [type(found) for found in events] == [ContainerFacts, ContainerStart, ContainerStop]
