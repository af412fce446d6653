"""Holds what a record of an incident says of its alerts, whatever order they come in, and how it stays bounded."""

import random
from typing import Any

import msgspec
import pytest

from engine_cases import EVIL, engine
from made_events import (
    CORPORATE,
    OURS,
    asked,
    at,
    attack,
    created,
    described,
    digest,
    feed,
    finished,
    pod_of,
    pulled,
    ran,
    started,
    where,
)
from tidewaiter import incident_revisions
from tidewaiter.alert import Alert, Incident, format_time
from tidewaiter.calm import AT_EASE
from tidewaiter.engine import Engine
from tidewaiter.event import Event, Tick
from tidewaiter.incident import SHOWN, Gathering, gathered, part_of


def struck(number: int, seconds: float = 0, node: str = "n1") -> list[Event]:
    """One container of the campaign."""
    name = f"c{number}"
    begin = [created(seconds, name, EVIL, node=node), started(seconds + 1, name, node=node)]
    return [*begin, ran(seconds + 10, name, "curl", "-s", "x", node=node)]


def ticked(machine: Engine, seconds: float = 50) -> list[Incident]:
    """The incidents that a tick gives out."""
    tick = Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))
    return [output for output in machine.tick(tick) if isinstance(output, Incident)]


def told(machine: Engine) -> list[Incident]:
    """The incidents of the end."""
    return [output for output in machine.finish() if isinstance(output, Incident)]


def alert(**fields: Any) -> Alert:
    """One alert of a campaign."""
    machine = engine()
    feed(machine, attack("a", EVIL))
    return msgspec.structs.replace(finished(machine).only, **fields)


# ------------------------------------------------------------------------------------------------ the record


def test_hunt_gives_incidents_after_the_alerts_and_only_those_of_two() -> None:
    machine = engine()
    feed(machine, [*struck(1), *struck(2, 20), *attack("z", "other.example/y:1")])
    outputs = list(machine.finish())
    assert [type(output) for output in outputs] == [Alert, Alert, Alert, Incident]
    incident, alerts = outputs[-1], [output for output in outputs if isinstance(output, Alert)]
    assert isinstance(incident, Incident)
    mine = [found for found in alerts if found.incident == incident.id]
    assert [(member.alert, member.time) for member in incident.members] == [(found.id, found.time) for found in mine]
    assert (incident.first_seen, incident.last_seen) == (mine[0].time, mine[1].time)
    assert (incident.revision, incident.final, incident.verdict, incident.severity) == (0, True, "alert", "high")
    assert incident.title == f"Untrusted image {EVIL} misbehaved in 2 containers on one node"


def test_one_creator_makes_one_incident_over_nodes() -> None:
    """Who created is told in the title; where nobody is known to, each node is its own."""
    machine = engine()
    for number, node in enumerate(("n1", "n2")):
        pod = pod_of(f"p{number}", "c", uid=f"u{number}")
        feed(machine, [asked(-3, f"p{number}", {"c": EVIL}, uid=f"u{number}", user="mallory")])
        feed(machine, attack(f"c{number}", EVIL, node=node, pod=pod))
    [incident] = told(machine)
    assert (incident.created_by, incident.nodes, incident.namespaces) == ("mallory", ("n1", "n2"), ("shop",))
    assert incident.title.endswith("misbehaved in 2 containers on 2 nodes, all created by mallory")
    machine = engine()
    feed(machine, [*struck(1), *struck(2, node="n2")])
    assert told(machine) == []


def test_it_is_as_grave_as_its_gravest_alert() -> None:
    parts = [
        part_of(alert(id="1", verdict="suspicious", severity="medium")),
        part_of(alert(id="2", verdict="suspicious", severity="low")),
    ]
    record = gathered(parts).record("i")
    assert record is not None
    assert (record.verdict, record.severity) == ("suspicious", "medium")
    record = gathered([*parts, part_of(alert(id="3", severity="critical"))]).record("i")
    assert record is not None
    assert (record.verdict, record.severity) == ("alert", "critical")


def test_one_alert_is_no_incident() -> None:
    assert gathered([part_of(alert())]).record("i") is None
    assert Gathering().record("i") is None


def test_of_many_members_the_first_are_shown_and_the_rest_counted_in_any_order() -> None:
    """Bounded, and the same whoever is told first; first and last are those of all."""
    parts = [
        part_of(alert(id=f"{number:04}", time=format_time(number // 3), node=f"n{number % 700:03}", pod=f"p{number}"))
        for number in range(3000)
    ]
    wanted = gathered(parts).record("i")
    assert wanted is not None
    assert [member.alert for member in wanted.members] == [f"{number:04}" for number in range(SHOWN)]
    assert wanted.members_omitted == 3000 - SHOWN
    assert (wanted.first_seen, wanted.last_seen) == (format_time(0), format_time(999))
    assert wanted.nodes == tuple(f"n{number:03}" for number in range(SHOWN))
    assert "3,000 containers on 700 nodes" in wanted.title
    for seed in range(3):
        random.Random(seed).shuffle(parts)  # noqa: S311  # no cryptography
        assert gathered(parts).record("i") == wanted


def test_workloads_are_named_as_baselines_name_them() -> None:
    one = msgspec.structs.replace(part_of(alert()), namespace="shop", workload=None)
    other = msgspec.json.decode(
        msgspec.json.encode({**msgspec.to_builtins(one), "id": "2", "workload": {"kind": "Deployment", "name": "web"}}),
        type=type(one),
    )
    record = gathered([one, other]).record("i")
    assert record is not None
    assert (record.namespaces, record.workloads) == (("shop",), ("shop/Deployment/web",))


# ------------------------------------------------------------------------------------------------ while watching


def test_it_grows_with_the_tick_and_the_end_is_final() -> None:
    """Never between two ticks, from 0 without a gap."""
    machine = engine(live=True)
    feed(machine, struck(1))
    assert ticked(machine) == []
    feed(machine, [*struck(2, 20), *struck(3, 21)])
    [first] = ticked(machine)
    assert (first.revision, first.final, len(first.members)) == (0, False, 3)
    assert ticked(machine) == []
    feed(machine, struck(4, 30))
    [second] = ticked(machine)
    assert (second.revision, second.id, len(second.members)) == (1, first.id, 4)
    [last] = told(machine)
    assert (last.revision, last.final) == (2, True)
    assert msgspec.structs.replace(last, revision=1, final=False) == second
    assert told(machine) == []


def test_one_that_is_withdrawn_leaves_it() -> None:
    """Fewer than two left: said once, final; who comes back goes on counting."""
    machine = engine(CORPORATE, live=True)
    feed(machine, [pulled(-5, OURS, config_digest=digest("C")), pulled(-9, EVIL, config_digest=digest("D"))])
    for name in "ab":
        feed(machine, [*attack(name, EVIL), described(None, name, "D")])
    [first] = ticked(machine)
    assert len(first.members) == 2
    feed(machine, [pulled(-4, OURS, config_digest=digest("D"))])
    ticks = [ticked(machine), ticked(machine)]
    [gone] = [incident for given in ticks for incident in given]
    assert (gone.id, gone.revision, gone.final, gone.verdict, gone.members) == (first.id, 1, True, "withdrawn", ())
    assert gone.title == "No longer an incident: none of its alerts still stands"
    assert told(machine) == []


def test_earlier_alert_renames_it() -> None:
    """The old name is taken back, the new one begins anew: both say so."""
    machine = engine(live=True)
    feed(machine, [*struck(1, 10), *struck(2, 20)])
    [first] = ticked(machine)
    feed(machine, struck(3, 0))
    given = ticked(machine)
    assert {(incident.id == first.id, incident.verdict, incident.revision) for incident in given} == {
        (True, "withdrawn", 1),
        (False, "alert", 0),
    }
    assert {len(incident.members) for incident in given} == {0, 3}


def test_it_does_not_flood() -> None:
    """What only grows rests ever longer; a graver one does not."""
    machine = engine(live=True)
    given = 0
    for number in range(100):
        feed(machine, struck(number, number))
        given += len(ticked(machine))
    assert AT_EASE <= given <= AT_EASE + 10
    feed(machine, [created(200, "root", EVIL, privileged=True), started(201, "root"), ran(210, "root", "curl", "x")])
    [graver] = ticked(machine)
    assert (graver.severity, len(graver.members)) == ("critical", 101)
    [last] = told(machine)
    assert len(last.members) == 101


@pytest.mark.parametrize("kept", [True, False])
def test_restart_goes_on_counting(kept: bool) -> None:
    """What was given out is not repeated; a state from before there were incidents begins with the first tick."""
    machine = engine(live=True)
    feed(machine, [*struck(1), *struck(2, 20)])
    [first] = ticked(machine)
    state = Engine.restore(machine.snapshot())
    if not kept:
        state.incidents.clear()
    again = Engine(machine.policy, machine.analytic, state=state, live=True)
    assert ticked(again) == ([] if kept else [first])
    feed(again, struck(3, 30))
    [second] = ticked(again)
    assert (second.revision, len(second.members)) == (1, 3)


def test_numbers_of_those_that_are_none_are_kept_for_so_many_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, so that nothing grows without end; those that stand stay."""
    monkeypatch.setattr(incident_revisions, "_DISSOLVED_KEPT", 3)
    machine = engine(live=True)
    feed(machine, [*struck(1, 100), *struck(2, 101)])
    ticked(machine)
    for number in range(6):
        feed(machine, struck(3 + number, 90 - number))
        ticked(machine)
    known = machine.state.incidents
    assert sum(not incident.is_dissolved for incident in known.values()) == 1
    assert len(known) == 4
