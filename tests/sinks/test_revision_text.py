"""Proves what people read of an alert that was revised: what is new, and no more."""

import re

import msgspec
from sample_alerts import behaviour, docker_alert, hostile_alert

from tidewaiter.alert import Alert
from tidewaiter.sinks.text import render_revision


def revised(**fields: object) -> list[str]:
    """The lines of the third revision of the Docker alert, with other fields than the second."""
    alert: Alert = msgspec.structs.replace(docker_alert(), revision=3, final=False, **fields)
    return render_revision(alert, docker_alert(), width=100).splitlines()


def test_what_was_done_since_is_told_and_nothing_else() -> None:
    """The headline, the new behaviour with the name of its destination, the id."""
    known = docker_alert().behaviours
    egress = msgspec.structs.replace(
        behaviour(9, "198.51.100.23:3333"), kind="egress", name="pool.example", reason="external_egress"
    )
    lines = revised(behaviours=(*known, egress))
    assert lines[0].startswith("ALERT high (high confidence) Untrusted image evil.example/x:latest ran")
    assert lines[-2:] == [
        "  + egress strong: 198.51.100.23:3333 (pool.example)",
        f"  id {docker_alert().id} revision 3",
    ]
    assert len(lines) <= 4


def test_many_are_counted() -> None:
    """Five are told, the rest is a number."""
    known = docker_alert().behaviours
    more = tuple(behaviour(n, f"curl {n}") for n in range(20))
    lines = revised(behaviours=(*known, *more), behaviours_omitted=7)
    assert sum(line.startswith("  + exec") for line in lines) == 5
    assert "  + 22 more" in lines


def test_what_else_changed_is_told() -> None:
    """Trust, consistency, and what was not seen."""
    trust = msgspec.structs.replace(docker_alert().trust, state="unknown")
    lines = revised(trust=trust, digest_consistency="conflicting", missing=("egress: not watched: no sensor",))
    assert {"  trust: unknown", "  digest: conflicting", "  not seen: egress"} <= set(lines)
    assert "  not seen: nothing more" in revised(missing=())


def test_nothing_hostile_comes_through() -> None:
    """No control character but the line breaks, whatever a process wrote."""
    text = render_revision(hostile_alert(), docker_alert(), width=80)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
