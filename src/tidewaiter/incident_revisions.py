"""Turns alerts that come, change and go while watching into revisions of the incidents they make up.

A record is given out with the tick, never between two, when it differs from the one given out before under its id. What
only grows rests ever longer after a while (`calm.py`). An incident that has not members enough any more is revised to
that once, as withdrawn and final; should it come again, its revisions go on.
"""

from collections.abc import Callable, Iterable

import msgspec

from tidewaiter.alert import Incident
from tidewaiter.calm import AT_EASE, Rests
from tidewaiter.campaign import OpenIncidents
from tidewaiter.incident import SMALLEST, Part, dissolved, gathered

_DISSOLVED_KEPT = 4096
"""Incidents that are none any more and whose numbers are remembered."""


class GivenIncident(msgspec.Struct):
    """The record of an incident that was given out last."""

    campaign: str
    """Its key."""
    record: bytes
    """The incident as JSON, but for its number."""
    revision: int
    is_final: bool = False
    is_dissolved: bool = False


class IncidentRevisions:
    """The incidents that were given out, and those that have to be looked at again.

    `part_of` gives what is to be known of an alert that was given out.
    """

    def __init__(
        self, given: dict[str, GivenIncident], incidents: OpenIncidents, part_of: Callable[[str], Part]
    ) -> None:
        self._given = given
        self._incidents = incidents
        self._part_of = part_of
        self._parts: dict[str, Part] = {}
        """Of alerts that belong to incidents."""
        self._standing: dict[str, dict[str, None]] = {}
        """Key -> ids of incidents that were given out and not dissolved."""
        self._rests = Rests()
        for name, known in given.items():
            if not known.is_dissolved:
                self._standing.setdefault(known.campaign, {})[name] = None
                incidents.touched[known.campaign] = None

    def touch(self, alert: str) -> None:
        """The record of an alert has changed, or has gone."""
        self._parts.pop(alert, None)
        self._incidents.touch(alert)

    def after_tick(self) -> list[Incident]:
        """New revisions of what has changed since the last tick."""
        for name in self._rests.tick():
            self._incidents.touched[self._given[name].campaign] = None
        return self._flush(is_final=False)

    def at_end(self) -> list[Incident]:
        """The final records of all, but for those that were given out so before."""
        self._incidents.touched.update(dict.fromkeys(self._standing))
        return self._flush(is_final=True)

    def _flush(self, *, is_final: bool) -> list[Incident]:
        touched, self._incidents.touched = self._incidents.touched, {}
        found: list[Incident] = []
        for key in touched:
            found += self._revised(key, is_final=is_final)
        self._forget_oldest()
        # The order in which keys were touched means nothing.
        return sorted(found, key=lambda incident: (incident.first_seen, incident.id))

    def _revised(self, key: str, *, is_final: bool) -> Iterable[Incident]:
        left: dict[str, list[str]] = dict(self._incidents.stretches(key))
        for name in list(self._standing.get(key, ())):
            if len(left.get(name, ())) < SMALLEST:
                yield self._dissolve(key, name, left.get(name, []))
        for name, alerts in left.items():
            if len(alerts) < SMALLEST:
                continue
            shown = gathered(self._part(alert) for alert in alerts).record(name)
            if shown is not None and (revised := self._give(key, shown, is_final=is_final)) is not None:
                yield revised

    def _give(self, key: str, shown: Incident, *, is_final: bool) -> Incident | None:
        known = self._given.get(shown.id)
        record = msgspec.json.encode(shown)
        if known is not None and not known.is_dissolved:
            if known.record == record and (known.is_final or not is_final):
                return None
            if not is_final and known.record != record and self._is_resting(shown, known):
                return None
        revision = 0 if known is None else known.revision + 1
        self._given[shown.id] = GivenIncident(key, record, revision, is_final)
        self._standing.setdefault(key, {})[shown.id] = None
        return msgspec.structs.replace(shown, revision=revision, final=is_final)

    def _is_resting(self, shown: Incident, known: GivenIncident) -> bool:
        before = msgspec.json.decode(known.record, type=Incident)
        is_telling = (shown.verdict, shown.severity) != (before.verdict, before.severity)
        return known.revision >= AT_EASE and not is_telling and self._rests.holds(shown.id)

    def _dissolve(self, key: str, name: str, alerts: list[str]) -> Incident:
        known = self._given.pop(name)
        shown = dissolved(msgspec.json.decode(known.record, type=Incident), alerts)
        revision = known.revision + 1
        # At the end of the order: the latest is forgotten last.
        self._given[name] = GivenIncident(key, msgspec.json.encode(shown), revision, is_final=True, is_dissolved=True)
        self._rests.forget(name)
        del self._standing[key][name]
        if not self._standing[key]:
            del self._standing[key]
        return msgspec.structs.replace(shown, revision=revision)

    def _part(self, alert: str) -> Part:
        part = self._parts.get(alert)
        if part is None:
            part = self._parts[alert] = self._part_of(alert)
        return part

    def _forget_oldest(self) -> None:
        if len(self._given) <= _DISSOLVED_KEPT:
            return
        gone = [name for name, known in self._given.items() if known.is_dissolved]
        for name in gone[: max(len(gone) - _DISSOLVED_KEPT, 0)]:
            del self._given[name]
