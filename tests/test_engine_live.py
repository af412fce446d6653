"""Holds the engine that runs on: revisions as the story grows, and snapshots that lose nothing."""

from typing import Any

import msgspec
import pytest

from engine_cases import EVIL, engine, trusted_life
from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    asked,
    at,
    attack,
    cid,
    connected,
    created,
    described,
    digest,
    entered,
    feed,
    finished,
    hunted,
    image_facts,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
    where,
)
from tidewaiter.alert import Alert
from tidewaiter.engine import Engine
from tidewaiter.event import (
    ContainerCreate,
    ContainerStart,
    ContainerStop,
    Event,
    ImageClaim,
    ImagePullFailed,
    PodContainer,
    ProcessExec,
    Tick,
)
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

# ------------------------------------------------------------------------------------------------ live


def same_but_for_its_number(one: Alert, other: Alert) -> bool:
    """Whether two records differ in `revision` and `final` only."""
    return msgspec.structs.replace(one, revision=0, final=True) == msgspec.structs.replace(
        other, revision=0, final=True
    )


def test_watching_gives_out_an_alert_at_once_and_revises_it() -> None:
    """Revisions count up, none is final, and the last says what the final record says."""
    machine = engine(live=True)
    given = feed(machine, attack())
    assert [(alert.revision, alert.final) for alert in given] == [(0, False), (1, False)]
    assert given[0].time == "2026-09-21T14:13:30.250000000Z"
    assert same_but_for_its_number(given[-1], finished(machine).only)


def test_watching_says_nothing_twice() -> None:
    """A record that changes nothing gives out nothing."""
    machine = engine(live=True)
    feed(machine, attack())
    assert feed(machine, attack()) == []
    assert feed(machine, [ran(20, "a", "id")]) == []


def test_watching_withdraws_what_a_later_record_explains() -> None:
    """The image's trusted origin is told late by the container's own runtime: the alert is taken back."""
    machine = engine(CORPORATE, live=True)
    feed(machine, [pulled(-5, OURS, config_digest=digest("C"))])
    given = feed(machine, [*attack("a", EVIL), described(None, "a", "C")])
    assert [alert.verdict for alert in given] == ["alert", "alert", "withdrawn"]
    assert len({alert.id for alert in given}) == 1
    assert finished(machine).alerts == []


def test_watching_withdraws_what_a_later_pull_explains() -> None:
    """A late pull completes or withdraws the chain by itself, or with the next tick."""
    machine = engine(CORPORATE, live=True)
    given = feed(machine, [*attack("a", EVIL), described(None, "a", "C"), pulled(-5, OURS, config_digest=digest("C"))])
    tick = Tick(time_ns=at(300), cluster="", node=None, where=where("clock"))
    given += [output for output in machine.tick(tick) if isinstance(output, Alert)]
    assert given[-1].verdict == "withdrawn"


def test_watching_sees_what_only_the_pod_is_known_to_have_done() -> None:
    """Hubble names the pod, never the container."""
    machine = engine(live=True)
    given = feed(machine, [created(0, "a", EVIL, pod=pod_of("web", "c")), started(1, "a")])
    given += feed(machine, [connected(9, None, pod=pod_of("web"), source="hubble")])
    assert given
    assert same_but_for_its_number(given[-1], finished(machine).only)


def test_watching_names_the_incident_that_the_end_names() -> None:
    """Two containers of one campaign."""
    machine = engine(live=True)
    given = feed(machine, [*attack("a", EVIL), created(50, "b", EVIL), started(51, "b"), ran(60, "b", "curl", "x")])
    assert {alert.incident for alert in given} == {alert.incident for alert in finished(machine).alerts}


def test_final_record_after_watching_is_the_next_revision() -> None:
    """An id has exactly one record of revision 0."""
    machine = engine(live=True)
    given = feed(machine, attack())
    final = finished(machine).only
    assert final.final
    assert final.revision == given[-1].revision + 1


def chosen(kind: type[Event], seconds: float, **fields: Any) -> Event:
    """A record about a container whose id somebody chose."""
    told: dict[str, Any] = {"cluster": "default", "node": "n1", "container_id": "c1", "runtime_namespace": "default"}
    return kind(time_ns=at(seconds), where=where("containerd_events", round(seconds)), **told, **fields)


def test_watching_tells_containers_of_one_chosen_id_apart() -> None:
    """`ctr run IMAGE c1`, twice: two alerts."""
    machine = engine(live=True)
    given: list[Alert] = []
    for begin in (0, 100):
        image = ImageClaim(reference=f"evil.example/x:{begin}")
        given += feed(
            machine,
            [
                chosen(ContainerCreate, begin, image=image),
                chosen(ContainerStart, begin + 1),
                chosen(ProcessExec, begin + 9, exe="/usr/bin/curl", args=("curl", str(begin))),
                chosen(ContainerStop, begin + 20, removed=True),
            ],
        )
    finals = finished(machine).alerts
    assert len({alert.id for alert in finals}) == 2
    assert {alert.id for alert in given} == {alert.id for alert in finals}


# ------------------------------------------------------------------------------------------------ snapshots


def restored(machine: Engine, policy: TrustPolicy = DEFAULT_POLICY, **options: Any) -> Engine:
    """The engine that goes on from a snapshot."""
    return Engine(policy, AN0691, state=Engine.restore(machine.snapshot()), **options)


STREAM = [
    pulled(-5, EVIL, config_digest=digest("C"), repo_digest=digest("I")),
    asked(-4, "web", {"c": EVIL}, uid="u1"),
    created(0, "a", EVIL, pod=pod_of("web", "c", uid="u1")),
    ran(2, "a", "id", node="falco-1", prefix=12),
    described(None, "a", "C"),
    started(1, "a", pid=100),
    ran(9, None, "curl", "x", pid=101, parent_pid=100, source="auditd"),
    connected(10, "a", node="falco-1", prefix=15),
    connected(11, None, pod=pod_of("web"), source="hubble"),
    entered(12, "a", "sh", native_id="s1"),
    stopped(30, "a"),
]


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_snapshot_anywhere_in_a_stream_changes_no_final_record(cut: int) -> None:
    """State can be stored, moved and taken back."""
    machine = engine()
    feed(machine, STREAM[:cut])
    moved = restored(machine)
    feed(moved, STREAM[cut:])
    run, whole = finished(moved), hunted(STREAM)
    assert run.alerts == whole.alerts
    assert run.containers == whole.containers
    assert run.summary == whole.summary


def test_aliases_are_one_node_again_after_a_snapshot() -> None:
    """What the sensor's name learns, the runtime's name knows."""
    machine = engine()
    feed(machine, STREAM)
    nodes = restored(machine).state.clusters["default"].nodes
    assert nodes["n1"] is nodes["falco-1"]


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\xc1" * 100, b"\x91" * 100_000, b"\x81\xa8clusters\x01"])
def test_what_is_no_snapshot_is_refused(rubbish: bytes) -> None:
    """Bytes of anything else raise ValueError."""
    with pytest.raises(ValueError, match="not a snapshot"):
        Engine.restore(rubbish)


def test_what_waits_survives_a_snapshot() -> None:
    """A behaviour that came a moment before its container is not lost because state was stored between them."""
    machine = engine()
    feed(machine, [ran(9, "a", "curl", "x", prefix=12)])
    moved = restored(machine)
    feed(moved, [created(0, "a", EVIL), started(1, "a")])
    assert finished(moved).alerts


def test_taking_a_snapshot_changes_nothing_for_the_engine_that_goes_on() -> None:
    """Storing state every minute is no reason to lose behaviours."""
    machine = engine()
    feed(machine, [ran(9, "a", "curl", "x", prefix=12)])
    machine.snapshot()
    feed(machine, [created(0, "a", EVIL), started(1, "a")])
    assert finished(machine).alerts


def test_what_is_too_late_is_too_late_after_a_snapshot() -> None:
    """How far each source has come is remembered."""
    machine = engine()
    feed(machine, [*attack(), ran(500, "a", "id")])
    moved = restored(machine)
    feed(moved, [ran(20, "a", "curl", "late")])
    assert moved.ledger.outcomes()["expired"] == 1


def test_attempted_pulls_survive_a_snapshot() -> None:
    """The summary counts them all."""
    machine = engine()
    feed(machine, [ImagePullFailed(time_ns=at(0), cluster="default", node="n1", where=where("cri"), reference=EVIL)])
    assert finished(restored(machine)).summary.attempted_pulls == 1


def test_count_of_what_was_given_up_survives_a_snapshot() -> None:
    """Blindness is reported, also after a restart."""
    machine = engine(chains_cap=2)
    feed(machine, [created(number, f"c{number}") for number in range(5)])
    assert finished(restored(machine, chains_cap=2)).summary.evicted == 3


def test_revisions_go_on_after_a_snapshot() -> None:
    """Over restarts an id has exactly one record of revision 0."""
    machine = engine(live=True)
    given = feed(machine, attack())
    moved = restored(machine, live=True)
    more = feed(moved, [connected(20, "a", "198.51.100.9")])
    assert [alert.revision for alert in [*given, *more]] == [0, 1, 2]
    assert len({alert.id for alert in [*given, *more]}) == 1


def test_pods_settle_after_a_snapshot_too() -> None:
    """Which containers a pod has is known again."""
    machine = engine(CORPORATE)
    feed(machine, trusted_life("a", pod=pod_of("web", "a")))
    moved = restored(machine, CORPORATE)
    feed(moved, [ran(121, "a", "curl", "x"), ran(300, "a", "curl", "x")])
    assert cid("a").encode() in moved.quiet
    assert b"\nshop/web" in moved.quiet


def test_no_secret_is_in_a_snapshot() -> None:
    """Secrets are masked before anything leaves the engine, snapshots among it."""
    machine = engine()
    hush = "geheim" * 3
    probe = PodContainer(name="c", image=EVIL, probes=(("redis-cli", f"--pass={hush}"),))
    facts = image_facts(None, config_digest=digest("C"), cmd=("web", f"--token={hush}"), proof="runtime")
    feed(machine, [asked(0, "web", [probe]), facts])
    assert hush.encode() not in machine.snapshot()
