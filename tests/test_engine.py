"""Holds the engine as a whole: every record counted once, live revisions, settled containers, snapshots."""

from typing import Any

import msgspec
import pytest

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
    named,
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
from tidewaiter.ledger import OUTCOMES
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

EVIL = "evil.example/x:1"
TWIN = cid("a")[:12] + "f" * 52


def engine(policy: TrustPolicy = DEFAULT_POLICY, **options: Any) -> Engine:
    """An engine that knows nothing."""
    return Engine(policy, AN0691, **options)


# ------------------------------------------------------------------------------------------------ counting


def test_every_outcome_is_reached_and_their_sum_is_what_went_in() -> None:
    """Nothing vanishes: used, irrelevant, waiting, expired, unattributed, duplicate, rejected."""
    machine = engine(horizon_ns=at(1000))
    events = [
        *attack(),
        ran(100, "a", "id"),
        ran(20, "a", "curl", "late"),
        created(0, "a", source="docker_events"),
        created(0, "a", source="docker_events"),
        ran(100, None, "sh"),
        ran(100, "b", "sh", prefix=12),
        ran(9000, "a", "curl", "future"),
    ]
    feed(machine, events)
    expected = {
        "used": 5,
        "irrelevant": 1,
        "expired": 1,
        "duplicate": 1,
        "unattributed": 1,
        "waiting": 1,
        "rejected": 1,
    }
    assert machine.ledger.outcomes() == expected
    assert set(expected) == set(OUTCOMES)
    summary = finished(machine).summary
    assert summary.records == len(events) == sum(summary.outcomes.values())
    assert (summary.outcomes["waiting"], summary.outcomes["unattributed"]) == (0, 2)


def test_record_of_several_events_is_counted_once() -> None:
    """A record is used if any of its events was; one without events is irrelevant."""
    machine = engine()
    machine.feed_record("falco", attack())
    machine.feed_record("falco", [])
    machine.feed_record("falco", [ran(9, None, "sh"), created(0, "b")])
    assert machine.ledger.records == 3
    assert machine.ledger.outcomes() == {**dict.fromkeys(OUTCOMES, 0), "used": 2, "irrelevant": 1}


def test_record_of_several_events_that_wait_ends_in_one_outcome() -> None:
    """Whatever becomes of them, the record is one."""
    machine = engine()
    machine.feed_record("auditd", [ran(9, None, "sh", pid=5), ran(9, "a", "curl", prefix=12)], 2)
    assert machine.ledger.outcomes()["waiting"] == 2
    feed(machine, [created(0, "a"), started(1, "a")])
    summary = finished(machine).summary
    assert summary.outcomes["waiting"] == 0
    assert summary.records == 4 == sum(summary.outcomes.values())


@pytest.mark.xfail(strict=True, reason="an event's fate is noted before its record is known to wait for it")
def test_record_whose_last_event_resolves_its_first_is_counted() -> None:
    """One record that names its container by prefix first, and wholly at the end."""
    machine = engine()
    machine.feed_record("falco", [ran(9, "a", "curl", prefix=12), connected(9, "a", "10.1.1.1")])
    assert finished(machine).summary.outcomes["waiting"] == 0


def test_summary_names_the_sources() -> None:
    """Records, and what of them could not be attributed, by source."""
    summary = hunted([*attack(), ran(9, None, "sh")]).summary
    assert {name: count.records for name, count in summary.sources.items()} == {
        "containerd_events": 2,
        "falco": 2,
        "tetragon": 1,
    }
    assert summary.sources["falco"].unattributed == 1


def test_alerts_come_in_order_of_time() -> None:
    """Whatever order the containers became known in."""
    events = [
        *attack("b"),
        *[event for event in attack("a") if not isinstance(event, ProcessExec)],
        ran(30, "c", "curl"),
    ]
    times = [alert.time for alert in hunted(events).alerts]
    assert times == sorted(times)
    assert len(times) == 3


def test_finishing_twice_gives_the_same() -> None:
    """The end of a stream can be asked for again."""
    machine = engine()
    feed(machine, [*attack(), asked(0, "web", {"c": EVIL}), connected(9, None, pod=pod_of("web"))])
    first, second = finished(machine), finished(machine)
    assert first.alerts == second.alerts
    assert first.containers == second.containers
    assert first.summary.outcomes == second.summary.outcomes


def test_sandboxes_are_not_listed() -> None:
    """The pause containers say nothing about anybody's image."""
    run = hunted([created(0, "a", "registry.k8s.io/pause:3.10", is_sandbox=True), created(0, "b", EVIL)])
    assert [shown.container_id for shown in run.containers] == [cid("b")]


# ------------------------------------------------------------------------------------------------ settled containers


def trusted_life(container: str = "a", **fields: Any) -> list[Event]:
    """A container of ours that has been running for a while."""
    return [created(0, container, OURS, **fields), started(1, container), ran(5, container, "curl", "x")]


def test_trusted_container_settles_when_nothing_can_come_late_any_more() -> None:
    """After twice the lateness its records need not be decoded."""
    machine = engine(CORPORATE)
    feed(machine, [*trusted_life(), ran(100, "a", "curl", "x")])
    assert machine.quiet == set()
    feed(machine, [ran(121, "a", "curl", "x")])
    assert machine.quiet == {cid("a").encode(), cid("a")[:12].encode()}
    run = finished(machine)
    assert run.alerts == []
    assert run.about("a").trust.state == "trusted"


def test_settled_container_keeps_nothing_of_what_it_does() -> None:
    """Its behaviour is irrelevant, and takes no memory."""
    machine = engine(CORPORATE)
    feed(machine, [*trusted_life(), ran(121, "a", "curl", "x")])
    before = machine.ledger.outcomes()["irrelevant"]
    feed(machine, [ran(130, "a", "curl", "x"), connected(131, "a"), entered(132, "a", "sh")])
    assert machine.ledger.outcomes()["irrelevant"] == before + 3
    [chain] = machine.directory.chains()
    assert (chain.actions, chain.sessions) == ((), ())


@pytest.mark.parametrize(
    ("policy", "before"),
    [
        (DEFAULT_POLICY, []),
        (CORPORATE, [named(-5, "tag", OURS, config_digest=digest("C")), described(None, "a", "C")]),
        (CORPORATE, [pulled(-9, OURS, config_digest=digest("C")), pulled(-5, OURS, config_digest=digest("D"))]),
    ],
    ids=["untrusted", "unknown", "moved"],
)
def test_container_that_may_come_to_something_never_settles(policy: TrustPolicy, before: list[Event]) -> None:
    """Untrusted, of unknown origin, or trusted under a tag that moved."""
    machine = engine(policy)
    feed(machine, [*before, *trusted_life(), ran(500, "a", "curl", "x"), ran(900, "a", "curl", "y")])
    assert machine.quiet == set()
    assert finished(machine).alerts


def test_twin_of_a_settled_container_takes_its_short_name_back() -> None:
    """A short id that may mean another container must be decoded again."""
    machine = engine(CORPORATE)
    feed(machine, [*trusted_life(), ran(121, "a", "curl", "x")])
    feed(machine, [created(125, TWIN, EVIL)])
    assert machine.quiet == {cid("a").encode()}


def test_pod_settles_with_all_its_containers() -> None:
    """Not before, and not where the spec names one that nobody has seen."""
    machine = engine(CORPORATE)
    feed(machine, [asked(-1, "web", {"a": OURS, "b": OURS}), *trusted_life("a", pod=pod_of("web", "a"))])
    feed(machine, [ran(121, "a", "curl", "x")])
    assert machine.quiet_pods == set()
    feed(machine, [created(122, "b", OURS, pod=pod_of("web", "b")), started(123, "b")])
    feed(machine, [ran(300, "b", "curl", "x")])
    assert machine.quiet_pods == {b"shop/web"}


def test_nothing_settles_while_watching() -> None:
    """Live, a record can change at any time."""
    machine = engine(CORPORATE, live=True)
    feed(machine, [*trusted_life(), ran(121, "a", "curl", "x"), ran(500, "a", "curl", "x")])
    assert machine.quiet == set()


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


@pytest.mark.xfail(strict=True, reason="only records of the container itself make it be judged again")
def test_watching_withdraws_what_a_later_pull_explains() -> None:
    """A late pull completes or withdraws the chain by itself, or with the next tick."""
    machine = engine(CORPORATE, live=True)
    given = feed(machine, [*attack("a", EVIL), described(None, "a", "C"), pulled(-5, OURS, config_digest=digest("C"))])
    tick = Tick(time_ns=at(300), cluster="", node=None, where=where("clock"))
    given += [output for output in machine.tick(tick) if isinstance(output, Alert)]
    assert given[-1].verdict == "withdrawn"


@pytest.mark.xfail(strict=True, reason="what only the pod is known to have done touches no container")
def test_watching_sees_what_only_the_pod_is_known_to_have_done() -> None:
    """Hubble names the pod, never the container."""
    machine = engine(live=True)
    given = feed(machine, [created(0, "a", EVIL, pod=pod_of("web", "c")), started(1, "a")])
    given += feed(machine, [connected(9, None, pod=pod_of("web"), source="hubble")])
    assert given
    assert same_but_for_its_number(given[-1], finished(machine).only)


@pytest.mark.xfail(strict=True, reason="while watching, each alert is an incident of its own")
def test_watching_names_the_incident_that_the_end_names() -> None:
    """Two containers of one campaign."""
    machine = engine(live=True)
    given = feed(machine, [*attack("a", EVIL), created(50, "b", EVIL), started(51, "b"), ran(60, "b", "curl", "x")])
    assert {alert.incident for alert in given} == {alert.incident for alert in finished(machine).alerts}


@pytest.mark.xfail(strict=True, reason="the final record of a container begins to count again")
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


@pytest.mark.xfail(strict=True, reason="containers of one chosen id share the id that was given out first")
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


@pytest.mark.xfail(strict=True, reason="what waits is given up before a snapshot")
def test_what_waits_survives_a_snapshot() -> None:
    """A behaviour that came a moment before its container is not lost because state was stored between them."""
    machine = engine()
    feed(machine, [ran(9, "a", "curl", "x", prefix=12)])
    moved = restored(machine)
    feed(moved, [created(0, "a", EVIL), started(1, "a")])
    assert finished(moved).alerts


@pytest.mark.xfail(strict=True, reason="taking a snapshot gives up what waits in the running engine")
def test_taking_a_snapshot_changes_nothing_for_the_engine_that_goes_on() -> None:
    """Storing state every minute is no reason to lose behaviours."""
    machine = engine()
    feed(machine, [ran(9, "a", "curl", "x", prefix=12)])
    machine.snapshot()
    feed(machine, [created(0, "a", EVIL), started(1, "a")])
    assert finished(machine).alerts


@pytest.mark.xfail(strict=True, reason="watermarks are no part of the state")
def test_what_is_too_late_is_too_late_after_a_snapshot() -> None:
    """How far each source has come is remembered."""
    machine = engine()
    feed(machine, [*attack(), ran(500, "a", "id")])
    moved = restored(machine)
    feed(moved, [ran(20, "a", "curl", "late")])
    assert moved.ledger.outcomes()["expired"] == 1


@pytest.mark.xfail(strict=True, reason="attempted pulls are no part of the state")
def test_attempted_pulls_survive_a_snapshot() -> None:
    """The summary counts them all."""
    machine = engine()
    feed(machine, [ImagePullFailed(time_ns=at(0), cluster="default", node="n1", where=where("cri"), reference=EVIL)])
    assert finished(restored(machine)).summary.attempted_pulls == 1


@pytest.mark.xfail(strict=True, reason="what was given up is counted outside the state")
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


@pytest.mark.xfail(strict=True, reason="which containers a pod has is not read back from the state")
def test_pods_settle_after_a_snapshot_too() -> None:
    """Which containers a pod has is known again."""
    machine = engine(CORPORATE)
    feed(machine, trusted_life("a", pod=pod_of("web", "a")))
    moved = restored(machine, CORPORATE)
    feed(moved, [ran(121, "a", "curl", "x"), ran(300, "a", "curl", "x")])
    assert cid("a").encode() in moved.quiet
    assert moved.quiet_pods == {b"shop/web"}


@pytest.mark.xfail(strict=True, reason="probes and image configs are kept as they came")
def test_no_secret_is_in_a_snapshot() -> None:
    """Secrets are masked before anything leaves the engine, snapshots among it."""
    machine = engine()
    hush = "geheim" * 3
    probe = PodContainer(name="c", image=EVIL, probes=(("redis-cli", f"--pass={hush}"),))
    facts = image_facts(None, config_digest=digest("C"), cmd=("web", f"--token={hush}"), proof="runtime")
    feed(machine, [asked(0, "web", [probe]), facts])
    assert hush.encode() not in machine.snapshot()
