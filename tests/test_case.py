"""Holds what is gathered about a container before it is judged: who, where, evidence, and its place for scopes."""

import msgspec

from made_events import (
    AN0691,
    asked,
    attack,
    created,
    described,
    digest,
    entered,
    feed,
    hunted,
    placed,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.case import Case, gather
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, Pod, PodContainer, User
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_rules import Mirror

EVIL = "evil.example/x:1"


def case(events: list[Event], policy: TrustPolicy = DEFAULT_POLICY) -> Case:
    """The case of the one container of these events."""
    engine = Engine(policy, AN0691)
    feed(engine, events)
    [chain] = engine.directory.chains()
    return gather(chain, engine.directory, engine.state.graph, policy)


WHOLE: list[Event] = [
    pulled(-5, EVIL, config_digest=digest("C")),
    asked(-7, "web", [PodContainer(name="c", image=EVIL, probes=(("check",),))], uid="u1"),
    placed(-6, "web", "n1", "10.0.0.9", uid="u1"),
    created(0, "a", EVIL, pod=pod_of("web", "c", uid="u1", service_account="robot")),
    described(None, "a", "C"),
    started(1, "a"),
]


def test_place_of_a_container_for_scopes() -> None:
    """Cluster, node, namespace, pod, container, account, user, image and digests."""
    subject = case(WHOLE).subject()
    assert (subject.cluster, subject.node, subject.namespace, subject.pod) == ("default", "n1", "shop", "web")
    assert (subject.container_name, subject.service_account, subject.user) == ("c", "robot", "alice")
    assert subject.images == ("evil.example/x",)
    assert digest("C") in subject.digests


def test_image_of_a_scope_is_the_upstream() -> None:
    """A mirror keeps its upstream's origin for scopes as for trust."""
    policy = TrustPolicy(mirrors=(Mirror("mirror.example/hub", "docker.io"),))
    pull = pulled(-5, "mirror.example/hub/library/web:1", config_digest=digest("C"))
    subject = case([pull, created(0, "a", None), described(None, "a", "C")], policy).subject()
    assert "docker.io/library/web" in subject.images


def test_claimed_digest_is_no_digest_for_scopes() -> None:
    """A scope that pins content believes proven digests only."""
    copied = ran(9, "a", "id", image=ImageClaim(config_digest=digest("C"), repo_digest=digest("I")))
    assert case([created(0, "a", EVIL), copied]).subject().digests == ()


def test_what_the_spec_says_of_the_container() -> None:
    """Probes come from the pod's spec, by the container's name."""
    assert case(WHOLE).probes == (("check",),)
    other = asked(-7, "web", [PodContainer(name="other", probes=(("check",),), privileged=True)])
    found = case([other, created(0, "a", EVIL, pod=pod_of("web", "c"))])
    assert (found.probes, found.is_privileged()) == ((), False)


def test_user_of_the_runtime_is_told_where_kubernetes_tells_none() -> None:
    """A daemon's log may know who created the container."""
    alert = hunted([created(0, "a", EVIL, user=User(name="bob", source_ip="192.0.2.9")), ran(9, "a", "curl")]).only
    assert (alert.created_by.user, alert.created_by.source_ip) == ("bob", "192.0.2.9")
    assert alert.created_by.via == "docker"


def test_nobody_is_named_where_nobody_is_known() -> None:
    """Every field is null."""
    assert hunted(attack()).only.created_by.user is None


def test_workload_that_a_sensor_tells_is_used_where_nothing_better_is_known() -> None:
    """Tetragon asks the API server for the owner."""
    pod = Pod(namespace="shop", name="web", container_name="c", workload_kind="Deployment", workload="web")
    workload = hunted([created(0, "a", EVIL, pod=pod), ran(9, "a", "curl")]).only.workload
    assert workload is not None
    assert (workload.kind, workload.name) == ("Deployment", "web")


def test_evidence_is_bounded() -> None:
    """Of a hundred restarts and sessions, the first and the last are shown."""
    events: list[Event] = [*WHOLE]
    for number in range(100):
        events += [started(100 + number, "a"), entered(100.5 + number, "a", "ls", native_id=f"s{number}")]
    found = case(events).evidence
    assert len(found) <= 16
    assert found[0].stage == "pod"
    assert found[-1].time is not None
    assert found[-1].time > found[0].time if found[0].time else True
    alert = hunted([*events, *(ran(300 + number, "a", "curl", str(number)) for number in range(100))]).only
    assert len(alert.evidence) <= 16 + 24
    assert len(alert.behaviours) <= 48 + 48


def test_evidence_points_at_its_record() -> None:
    """Stream and line, so that a person can look."""
    [item] = [item for item in case(WHOLE).evidence if item.stage == "pull"]
    assert item.record == "containerd_journal.jsonl:-4000"
    assert item.summary == f"pulled {EVIL} (same config digest)"
    assert item.source == "containerd_journal"


def test_text_of_a_record_is_bounded() -> None:
    """A reference or a path of a megabyte does not become a record of megabytes."""
    events = [created(0, "a", "x" * 1_000_000), ran(9, "a", "curl", exe="/" + "y" * 1_000_000)]
    run = hunted(events)
    assert len(msgspec.json.encode(run.only)) < 100_000
    assert len(run.engine.snapshot()) < 100_000


def test_name_of_a_program_at_the_end_of_an_endless_path_is_known() -> None:
    """Of a path that is too long the end is kept: nothing hides behind a thousand folders."""
    alert = hunted([created(0, "a", EVIL), ran(9, "a", "x", exe="/d" * 100_000 + "/curl")]).only
    assert alert.behaviours[0].reason == "suspicious_binary"
    assert len(alert.title) < 10_000
