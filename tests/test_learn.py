"""What is learned of containers: all that they do, whoever vouches for the image, and what of it is held back."""

import msgspec
import pytest

from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    OUTSIDE,
    asked,
    attack,
    connected,
    created,
    feed,
    placed,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
)
from plain_habits import use_plain_habits
from tidewaiter.baseline import Entry, Profile, merge
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.habit import Habit
from tidewaiter.learn import Held, profiles_of
from tidewaiter.workload import WorkloadKey

HOUR = 3600
EVIL = "evil.example/x:1"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    use_plain_habits(monkeypatch)


def engine(chains_cap: int = 1000) -> Engine:
    """An engine that learns."""
    return Engine(CORPORATE, AN0691, learning=True, chains_cap=chains_cap)


def learned(*events: Event, approved: str | None = None, chains_cap: int = 1000) -> tuple[list[Profile], Held]:
    """What is learned of events."""
    learner = engine(chains_cap)
    feed(learner, events)
    found = list(profiles_of(learner, approve=lambda key: key.path == approved))
    assert learner.learning is not None
    return found, learner.learning.held


def life(container: str = "a", reference: str = OURS, seconds: float = 0) -> list[Event]:
    """A container begins."""
    return [
        created(seconds, container, reference, name=container),
        started(seconds + 1, container, name=container),
    ]


def entries(profile: Profile) -> dict[str, Entry]:
    """What was done -> how it was seen."""
    return {habit.what: entry for habit, entry in profile.entries.items()}


def test_learns_also_what_falls_under_no_row_and_of_a_trusted_container() -> None:
    """Nothing settles while learning, however long it runs."""
    events = [*life(), *(ran(hour * HOUR + 5, "a", "/app/run", "tick") for hour in range(5))]
    events.append(connected(4 * HOUR + 9, "a", "10.1.2.3", port=5432))
    [profile], held = learned(*events)
    found = entries(profile)
    assert (found["/app/run tick"].units, found["/app/run tick"].state) == (5, "trusted")
    assert (found["10.1.2.3:5432/tcp"].units, found["10.1.2.3:5432/tcp"].state) == (1, "trusted")
    assert (profile.units, profile.starts, len(profile.pods)) == (5, 1, 1)
    assert profile.last_hour - profile.first_hour == 4
    assert (profile.hours.bit_count(), profile.content) == (5, OURS)
    assert (held.unapproved, held.alerted, held.chains) == (0, 0, 1)


def test_replicas_share_a_profile_that_counts_container_hours() -> None:
    """Two containers in three hours are six."""
    events: list[Event] = []
    for name in ("a", "b"):
        events += [created(0, name, OURS, name="web"), started(1, name, name="web")]
        events += [ran(hour * HOUR + 5, name, "/app/run") for hour in range(3)]
    [profile], _ = learned(*sorted(events, key=lambda event: event.time_ns or 0))
    assert (profile.units, len(profile.pods), profile.starts) == (6, 2, 2)
    assert entries(profile)["/app/run"].units == 6


def test_what_an_image_nobody_vouches_for_does_is_unapproved_until_somebody_says_so() -> None:
    """`approve` says so by the workload."""
    events = [*life("a", EVIL), ran(5, "a", "/app/run")]
    [profile], held = learned(*events)
    assert entries(profile)["/app/run"].state == "unapproved"
    assert (held.unapproved, held.workloads) == (1, {profile.key.path: (1, 0)})
    [profile], held = learned(*events, approved=profile.key.path)
    assert entries(profile)["/app/run"].state == "approved"
    assert (held.unapproved, held.workloads) == (0, {})


def test_what_an_alert_lists_is_never_approved_with_the_rest() -> None:
    """Nor is anything else that the container did which alerted, though a replica was quiet about it."""
    events: list[Event] = []
    for name in ("a", "b"):
        events += [created(0, name, EVIL, name="web"), started(1, name, name="web"), ran(5, name, "/app/run")]
    [quiet], _ = learned(*events)
    events += [connected(9, "a", OUTSIDE), ran(HOUR, "b", "/app/run")]
    [profile], held = learned(*events, approved=quiet.key.path)
    states = {what: entry.state for what, entry in entries(profile).items()}
    assert states == {f"{OUTSIDE}:443/tcp": "alerted", "/app/run": "alerted"}
    assert (held.chains, held.chains_alerted, held.workloads) == (2, 1, {profile.key.path: (0, 2)})


def test_what_was_omitted_from_an_alert_counts_as_listed() -> None:
    """An attacker cannot hide one connection among hundreds."""
    flows = [connected(20 + number, "a", f"198.51.{number}.7", port=443) for number in range(100)]
    [profile], _ = learned(*attack("a", EVIL), *flows, ran(200, "a", "/app/run"))
    assert {entry.state for entry in entries(profile).values()} == {"alerted"}


def test_new_content_of_a_workload_has_a_profile_of_its_own() -> None:
    """By config digest, where it is known."""
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    events: list[Event] = []
    for number, config in enumerate((first, second)):
        name, seconds = f"c{number}", number * 3000
        events += [
            pulled(seconds - 9, OURS, config_digest=config),
            created(seconds, name, OURS, name="web"),
            ran(seconds + 5, name, "/app/run", str(number)),
        ]
    profiles, _ = learned(*events)
    assert [(profile.content, list(entries(profile))) for profile in profiles] == [
        (first, ["/app/run 0"]),
        (second, ["/app/run 1"]),
    ]


def test_flows_of_a_pod_are_trusted_only_where_all_its_containers_are() -> None:
    """Nobody knows which of them it was."""

    def pod(sidecar: str) -> list[Event]:
        return [
            created(0, "a", OURS, pod=pod_of("p", "app")),
            started(1, "a"),
            created(0, "b", sidecar, pod=pod_of("p", "side")),
            started(1, "b"),
            ran(4, "a", "/app/run"),
            connected(5, None, "10.1.2.3", port=5432, pod=pod_of("p")),
        ]

    for sidecar, state in ((OURS, "trusted"), (EVIL, "unapproved")):
        profiles, _ = learned(*pod(sidecar))
        [app] = [profile for profile in profiles if profile.key.container == "app"]
        assert entries(app)["10.1.2.3:5432/tcp"].state == state
        assert entries(app)["/app/run"].state == "trusted"


def test_hour_in_which_an_id_changed_hands_is_trusted_only_where_both_are() -> None:
    """`ctr run c1`, twice: what was done in that hour may have been done by the other."""

    def twice(first: str) -> list[Event]:
        told = [
            created(0, "a", first),
            ran(5, "a", "/bin/first"),
            stopped(100, "a", removed=True),
            created(200, "a", OURS),
            ran(205, "a", "/bin/second"),
            ran(2 * HOUR, "a", "/bin/later"),
        ]
        return [msgspec.structs.replace(event, container_id="c1") for event in told]

    for first, state in ((OURS, "trusted"), (EVIL, "unapproved")):
        profiles, _ = learned(*twice(first))
        [ours] = [profile for profile in profiles if profile.content == OURS]
        found = entries(ours)
        assert found["/bin/later"].state == "trusted"
        assert found["/bin/second"].state == state


def test_what_was_found_by_its_process_is_learned_of_whom_it_turns_out_to_be() -> None:
    """Also where the process id was another container's before."""
    events = [
        *life("a", OURS),
        *life("b", EVIL),
        ran(2, "a", "/app/run", pid=100),
        ran(30, None, "/app/child", pid=101, parent_pid=100, source="auditd"),
        started(29, "b", pid=100, source="docker_events"),
    ]
    profiles, _ = learned(*events)
    by_content = {profile.content: sorted(entries(profile)) for profile in profiles}
    assert by_content == {OURS: ["/app/run"], EVIL: ["/app/child"]}


def test_container_that_has_to_go_leaves_its_habits_behind() -> None:
    """It is judged as it goes."""
    events: list[Event] = []
    for number in range(10):
        events += [*life(f"c{number}", EVIL, number * 10), ran(number * 10 + 5, f"c{number}", "/app/run")]
    few, held = learned(*events, chains_cap=4)
    all_of_them, _ = learned(*events)
    assert few == all_of_them
    assert (held.chains, held.given_up) == (10, 0)


def test_programs_without_number_are_bounded_while_they_come() -> None:
    """A container's notes never grow beyond twice what a profile keeps of them."""
    learner = engine()
    feed(learner, life())
    [chain] = learner.directory.chains()
    for number in range(5000):
        feed(learner, [ran(10 + number / 100, "a", "/app/run", f"--job={number}")])
    assert len(chain.habits or {}) <= 2048
    [profile] = profiles_of(learner)
    assert list(entries(profile)) == ["/app/run <any>"]


def test_named_destination_keeps_few_addresses_and_an_exec_its_parents() -> None:
    """`Entry.addresses`, of many in a network the network, and `Entry.parents`."""
    flows = [connected(5 + n, "a", f"198.51.100.{n}", port=443, dst_name="api.example") for n in range(1, 20)]
    execs = [ran(40, "a", "/app/run", parent_exe="/bin/sh"), ran(41, "a", "/app/run", parent_exe="/sbin/init")]
    [profile], _ = learned(*life(), *flows, *execs)
    found = entries(profile)
    assert found["/app/run"].parents == ("init", "sh")
    assert found["api.example:443/tcp"].addresses == ("198.51.100.0/24",)
    assert found["api.example:443/tcp"].units == 1


def test_profiles_come_in_order_of_key_and_are_forgotten() -> None:
    """One after the other, so that not all are held at once."""
    learner = engine()
    feed(learner, [event for name in "cab" for event in (*life(name), ran(5, name, "/app/run"))])
    profiles = profiles_of(learner)
    first = next(profiles)
    assert first.key == WorkloadKey("default", "", "Container", "a", "")
    assert Habit("exec", "/app/run") in first.entries
    assert [profile.key.name for profile in profiles] == ["b", "c"]
    assert all(not chain.habits for chain in learner.directory.chains())


def test_engine_that_does_not_learn_says_so() -> None:
    """And keeps no habits."""
    plain = Engine(CORPORATE, AN0691)
    feed(plain, [*life(), ran(5, "a", "/app/run")])
    assert all(chain.habits is None for chain in plain.directory.chains())
    with pytest.raises(ValueError, match="learning=True"):
        profiles_of(plain)


def test_pod_that_only_its_spec_names_learns_its_flows() -> None:
    """Its containers stand for it."""
    events = [asked(0, "p", {"app": OURS}), placed(1, "p", "n1", "10.9.9.9")]
    events.append(connected(30, None, "10.1.2.3", port=5432, src_ip="10.9.9.9"))
    profiles, _ = learned(*events)
    assert [list(entries(profile)) for profile in profiles] == [["10.1.2.3:5432/tcp"]]
    assert [entry.state for profile in profiles for entry in profile.entries.values()] == ["trusted"]


def test_one_start_told_twice_is_one_start() -> None:
    """Daemon and kubelet tell of a start, each at its own moment; a restart a minute later is another."""
    told = [*life(), started(1.4, "a", name="a"), started(61, "a", name="a"), ran(70, "a", "serve")]
    (profile,), _ = learned(*told)
    assert profile.starts == 2


def test_start_counts_that_happened_under_our_eyes() -> None:
    """A list tells of a container that has run for days: what it does at a start nobody saw. A minute before the hour
    is soon enough."""
    old = [created(-50 * HOUR, "a", OURS, name="a"), started(-50 * HOUR, "a", name="a"), ran(70, "a", "serve")]
    (profile,), _ = learned(*old)
    assert (profile.starts, len(profile.pods)) == (0, 1)
    (profile,), _ = learned(*old, started(2 * HOUR - 60, "a", name="a"), ran(2 * HOUR + 5, "a", "serve"))
    assert profile.starts == 1


def test_start_that_a_listing_tells_again_every_day_is_one_start() -> None:
    """One container that started once is no more than that, in however many pieces its days are learned."""
    days = [
        [*life(), *(ran(day * 24 * HOUR + hour * HOUR + 5, "a", "/app/run") for hour in range(3))] for day in (0, 1)
    ]
    parts = [profile for day in days for profile in learned(*day)[0]]
    assert [part.starts for part in parts] == [1, 0]
    whole = merge(parts)
    assert (whole.units, whole.starts, len(whole.pods)) == (6, 1, 1)


def test_an_address_inside_is_learned_as_the_workload_that_had_it() -> None:
    """The next rollout gives the database's pods other addresses, and the habit is the same."""
    database = [
        asked(0, "db-7c9d8f6b5d-x2x4z", [], uid="u1", owner_kind="ReplicaSet", owner_name="db-7c9d8f6b5d"),
        placed(0, "db-7c9d8f6b5d-x2x4z", "n2", "10.0.0.7", uid="u1"),
        asked(5 * HOUR, "db-6b8d7c9d5f-b2b4b", [], uid="u2", owner_kind="ReplicaSet", owner_name="db-6b8d7c9d5f"),
        placed(5 * HOUR, "db-6b8d7c9d5f-b2b4b", "n2", "10.0.0.9", uid="u2"),
    ]
    calls = [connected(9, "a", "10.0.0.7", port=5432), connected(5 * HOUR + 9, "a", "10.0.0.9", port=5432)]
    [profile], _ = learned(*life(), *database, *calls)
    assert {what: entry.units for what, entry in entries(profile).items()} == {"shop/Deployment/db:5432/tcp": 2}
