"""Holds the engine as a whole: every record counted once, settled containers left alone."""

import pytest

from engine_cases import EVIL, TWIN, engine, trusted_life
from made_events import (
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
    named,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.event import (
    Event,
    ProcessExec,
)
from tidewaiter.ledger import OUTCOMES
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

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


def test_a_moment_that_is_days_ahead_settles_nobody() -> None:
    """A list of pods, read early, tells of later days; what is known of this container may still change."""
    machine = engine(CORPORATE)
    feed(machine, [*trusted_life(), created(3 * 86_400, "b", OURS), ran(100, "a", "curl", "x")])
    assert machine.quiet == set()
    feed(machine, [ran(121, "a", "curl", "x")])
    assert cid("a").encode() in machine.quiet


def test_what_was_not_certain_for_long_is_asked_again_ever_more_seldom() -> None:
    """A container whose image became trusted late settles after half as long again as it was doubtful."""
    machine = engine(CORPORATE)
    doubtful = [named(-5, "tag", OURS, config_digest=digest("C")), described(None, "a", "C")]
    feed(machine, [*doubtful, *trusted_life(), ran(1000, "a", "x")])
    feed(machine, [pulled(-9, OURS, config_digest=digest("C")), ran(1400, "a", "x")])
    assert machine.quiet == set()
    feed(machine, [ran(1501, "a", "x")])
    assert cid("a").encode() in machine.quiet


def test_settled_container_keeps_nothing_of_what_it_does() -> None:
    """Its behaviour is irrelevant, and takes no memory."""
    machine = engine(CORPORATE)
    feed(machine, [*trusted_life(), ran(121, "a", "curl", "x")])
    before = machine.ledger.outcomes()["irrelevant"]
    feed(machine, [ran(130, "a", "curl", "x"), connected(131, "a"), entered(132, "a", "sh")])
    assert machine.ledger.outcomes()["irrelevant"] == before + 3
    [chain] = machine.directory.chains()
    assert (chain.actions, chain.sessions) == ((), ())


@pytest.mark.parametrize("settled_at", [121, 7260])
@pytest.mark.parametrize("act", [connected(7250, None, pid=100), ran(7250, None, "curl", "x", pid=7, parent_pid=100)])
def test_settled_container_keeps_nothing_from_whoever_has_its_process_id_now(settled_at: float, act: Event) -> None:
    """Nobody told its end. Another's start is told after what that one did, which may even be what settles it."""
    machine = engine(CORPORATE)
    feed(
        machine, [created(0, "a", OURS), started(1, "a", pid=100), *([ran(121, "a", "x")] if settled_at < 200 else [])]
    )
    feed(machine, [act, ran(7260, "a", "x"), created(7201, "b", EVIL), started(7202, "b", pid=100)])
    [settled] = [chain for chain in machine.directory.chains() if chain.is_settled]
    assert (settled.container_id, settled.actions) == (cid("a"), ())
    assert finished(machine).only.container_id == cid("b")


def test_settled_container_keeps_what_may_be_anothers_only_for_as_long_as_that_may_be_told() -> None:
    """Twice the lateness, and only what would be a behaviour."""
    machine = engine(CORPORATE)
    feed(machine, [created(0, "a", OURS), started(1, "a", pid=100), ran(121, "a", "x")])
    feed(machine, [ran(200 + 100 * at_, None, word, pid=7, parent_pid=100) for at_ in range(4) for word in ("sh", "x")])
    [chain] = machine.directory.chains()
    assert [action.time_ns for action in chain.actions] == [at(400), at(500)]
    assert machine.ledger.outcomes()["irrelevant"] == 9


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
    assert b"\nshop/web" not in machine.quiet
    feed(machine, [created(122, "b", OURS, pod=pod_of("web", "b")), started(123, "b")])
    feed(machine, [ran(300, "b", "curl", "x")])
    assert b"\nshop/web" in machine.quiet


def test_nothing_settles_while_watching() -> None:
    """Live, a record can change at any time."""
    machine = engine(CORPORATE, live=True)
    feed(machine, [*trusted_life(), ran(121, "a", "curl", "x"), ran(500, "a", "curl", "x")])
    assert machine.quiet == set()
