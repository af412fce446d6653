"""Laws of watching and of snapshots on small worlds: what was given out last is what the end says."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import worlds

from made_events import AN0691, CORPORATE, at, finished, rested, where
from tidewaiter.alert import Alert, Incident
from tidewaiter.campaign import GAP_NS, Incidents, OpenIncidents
from tidewaiter.engine import Engine
from tidewaiter.event import (
    ContainerEvent,
    ContainerFacts,
    ContainerStart,
    Event,
    ImagePull,
    NetworkFlow,
    PodStatus,
    ProcessExec,
    Tick,
)
from tidewaiter.policy import Scope, TrustPolicy

pytestmark = pytest.mark.property
# Always the same worlds: larger searches are run by hand, with what they find reported, not in every build.
SETTINGS = settings(deadline=None, max_examples=120, derandomize=True)

FORBIDDING = TrustPolicy(
    trust=CORPORATE.trust, scopes=(Scope(name="pinned", forbid=("mutable_tag",)), Scope(name="ours", require="trusted"))
)
policies = st.sampled_from([CORPORATE, CORPORATE, FORBIDDING])
ADDRESS = "10.0.0.9"
ENOUGH = 1000
"""Seconds after which nothing waits any more."""


def tick(seconds: float) -> Tick:
    """Time went on."""
    return Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))


def watched(machine: Engine, events: list[Event]) -> list[Alert]:
    """Feed events, ticks among them; what was given out."""
    found: list[Alert] = []
    for event in events:
        outputs = machine.tick(event) if isinstance(event, Tick) else machine.feed_record(event.where.source, [event])
        found += [output for output in outputs if isinstance(output, Alert)]
    return found


def blank(alert: Alert) -> Alert:
    """The record without its number."""
    return msgspec.structs.replace(alert, revision=0, final=True)


WAYS = ["node", "nodeless", "chosen", "chosen nodeless", "registry", "process", "process nodeless", "address", "reused"]


def _told_otherwise(draw: st.DrawFn, event: Event) -> Event:
    how = draw(st.sampled_from(["", "", "", "", *WAYS]))
    if "nodeless" in how:
        event = msgspec.structs.replace(event, node=None)
    if how == "node" and event.node is not None:
        return msgspec.structs.replace(event, node=f"sensor-{event.node}")
    if "chosen" in how and isinstance(event, ContainerEvent) and event.container_id is not None:
        return msgspec.structs.replace(event, container_id=f"c{event.container_id[0]}", pod=None)
    if how == "registry" and isinstance(event, ImagePull):
        return msgspec.structs.replace(event, seen_by="registry")
    if "process" in how and isinstance(event, ProcessExec | NetworkFlow):
        return msgspec.structs.replace(event, container_id=None, container_id_prefix=None, pod=None, pid=100)
    if how == "address" and isinstance(event, NetworkFlow):
        told = {"container_id": None, "container_id_prefix": None, "pod": None, "pid": None}
        return msgspec.structs.replace(event, **told, src_ip=ADDRESS)
    if how == "address" and isinstance(event, ContainerFacts | PodStatus):
        return msgspec.structs.replace(event, ips=(ADDRESS,))
    if how == "reused" and isinstance(event, ContainerStart):
        return msgspec.structs.replace(event, pid=100)
    return event


@st.composite
def ticking(draw: st.DrawFn) -> list[Event]:
    """A world in no order at all, with ticks anywhere; some streams name no node, or another, or chosen ids, or
    processes or addresses only."""
    events = [_told_otherwise(draw, event) for event in draw(worlds)]
    if draw(st.booleans()):
        events = [msgspec.structs.replace(event, node="n1") if event.node == "n2" else event for event in events]
    for place in draw(st.lists(st.integers(0, len(events)), max_size=4)):
        events.insert(place, tick(50))
    return events


@SETTINGS
@given(ticking(), policies)
def test_last_revision_after_all_rests_is_the_final_record(events: list[Event], policy: TrustPolicy) -> None:
    """Revisions of an id count up from 0 without a gap; the last says what the end says, the incident's name too."""
    machine = Engine(policy, AN0691, live=True)
    revisions: dict[str, list[Alert]] = {}
    for alert in [*watched(machine, [*events, tick(ENOUGH)]), *rested(machine, ENOUGH)]:
        revisions.setdefault(alert.id, []).append(alert)
    for known in revisions.values():
        assert [alert.revision for alert in known] == list(range(len(known)))
        assert not any(alert.final for alert in known)
    last = {key: known[-1] for key, known in revisions.items() if known[-1].verdict != "withdrawn"}
    finals = {alert.id: alert for alert in finished(machine).alerts}
    assert {key: blank(alert) for key, alert in finals.items()} == {key: blank(alert) for key, alert in last.items()}
    assert all(alert.final and alert.revision == last[key].revision + 1 for key, alert in finals.items())
    assert finished(machine).alerts == []


@SETTINGS
@given(ticking(), policies)
def test_watching_and_reading_afterwards_end_alike(events: list[Event], policy: TrustPolicy) -> None:
    """Live watching and replay run the same object: final records, containers and counts are the same."""
    live, replay = Engine(policy, AN0691, live=True), Engine(policy, AN0691)
    given_out = watched(live, events)
    watched(replay, events)
    ends, wanted = finished(live), finished(replay)
    shown = {alert.id: alert for alert in ends.alerts if alert.verdict != "withdrawn"}
    assert {key: blank(alert) for key, alert in shown.items()} == {alert.id: blank(alert) for alert in wanted.alerts}
    assert ends.containers == wanted.containers
    assert ends.summary.outcomes == wanted.summary.outcomes
    withdrawn = {alert.id for alert in [*given_out, *ends.alerts]} - shown.keys()
    last = {alert.id: alert for alert in [*given_out, *ends.alerts]}
    assert all(last[key].verdict == "withdrawn" for key in withdrawn)


@SETTINGS
@given(ticking(), st.lists(st.integers(0, 40), max_size=3), st.booleans(), policies)
def test_restart_is_not_seen_in_what_comes_out(
    events: list[Event], cuts: list[int], is_live: bool, policy: TrustPolicy
) -> None:
    """Whatever waits at that moment, watching or not; and who only takes a snapshot is not changed by it."""
    options: dict[str, Any] = {"live": is_live}
    whole, asked, moved = (Engine(policy, AN0691, **options) for _ in range(3))
    given_out: list[list[Alert]] = [[], [], []]
    for place, event in enumerate([*events, tick(70), tick(ENOUGH)]):
        if place in cuts:
            asked.snapshot()
            moved = Engine(policy, AN0691, state=Engine.restore(moved.snapshot()), **options)
        for known, machine in zip(given_out, (whole, asked, moved), strict=True):
            known += watched(machine, [event])
        assert moved.ledger.outcomes() == whole.ledger.outcomes()
    assert given_out[0] == given_out[1] == given_out[2]
    wanted, *others = (finished(machine) for machine in (whole, asked, moved))
    for ends in others:
        assert (ends.alerts, ends.summary) == (wanted.alerts, wanted.summary)
        assert ends.containers == wanted.containers


def campaigns(machine: Engine, events: list[Event]) -> list[Incident]:
    """Feed events, ticks among them and one at the end; the incidents that were given out."""
    found: list[Incident] = []
    for event in [*events, tick(50)]:
        outputs = machine.tick(event) if isinstance(event, Tick) else machine.feed_record(event.where.source, [event])
        found += [output for output in outputs if isinstance(output, Incident)]
        assert isinstance(event, Tick) or not any(isinstance(output, Incident) for output in outputs)
    return found


def ended(machine: Engine) -> list[Incident]:
    """The incidents that the end gives out."""
    return [output for output in machine.finish() if isinstance(output, Incident)]


def plain(incident: Incident) -> Incident:
    """The record without its number."""
    return msgspec.structs.replace(incident, revision=0, final=True)


@SETTINGS
@given(ticking(), policies, st.lists(st.integers(0, 40), max_size=2))
def test_last_revisions_of_incidents_are_what_reading_afterwards_gives(
    events: list[Event], policy: TrustPolicy, cuts: list[int]
) -> None:
    """Numbered without a gap, restarts or not, given out with ticks only, and none of fewer than two is left."""
    live, replay = Engine(policy, AN0691, live=True), Engine(policy, AN0691)
    given_out: dict[str, list[Incident]] = {}
    places = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for start, stop in pairwise(places):
        live = Engine(policy, AN0691, state=Engine.restore(live.snapshot()), live=True)
        for incident in campaigns(live, events[start:stop]):
            given_out.setdefault(incident.id, []).append(incident)
    assert not any(
        incident.final for known in given_out.values() for incident in known if incident.verdict != "withdrawn"
    )
    for incident in ended(live):
        given_out.setdefault(incident.id, []).append(incident)
    assert ended(live) == []
    for known in given_out.values():
        assert [incident.revision for incident in known] == list(range(len(known)))
        assert known[-1].final
        assert all(len(incident.members) < 2 for incident in known if incident.verdict == "withdrawn")
    for event in events:
        replay.tick(event) if isinstance(event, Tick) else replay.feed_record(event.where.source, [event])
    wanted = {incident.id: incident for incident in ended(replay)}
    last = {key: known[-1] for key, known in given_out.items() if known[-1].verdict != "withdrawn"}
    assert {key: plain(incident) for key, incident in last.items()} == wanted


@SETTINGS
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["k", "l", None]), st.integers(0, 12)), max_size=30)
)
def test_open_incidents_are_named_as_at_the_end(steps: list[tuple[str, str | None, int]]) -> None:
    """Whatever comes, moves and goes; and whoever is named anew by that is told."""
    incidents = OpenIncidents()
    alerts: dict[str, tuple[int, str]] = {}
    names: dict[str, str] = {}
    for alert, key, thirds in steps:
        if key is None:
            renamed = incidents.forget(alert)
            alerts.pop(alert, None)
        else:
            alerts[alert] = (thirds * (GAP_NS // 3), key)
            renamed = incidents.note(alert, key, alerts[alert][0])
        ordered, end = sorted(alerts, key=lambda known: alerts[known]), Incidents()
        now = {known: end.of(*alerts[known]) for known in ordered}
        assert {known: incidents.of(known) for known in alerts} == now
        assert {known for known in now.keys() & names.keys() if now[known] != names[known]} <= {alert, *renamed}
        names = now
