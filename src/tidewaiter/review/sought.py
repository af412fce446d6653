"""Turns an id that somebody typed, and the records of a run, into the alert that is meant.

Records are seen twice: first to find what the id means, then to collect what has to do with it (`neighbours.py`). So
nothing but ids and the alerts that the id may mean are kept of the first pass, however many records there are.
"""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from tidewaiter.alert import Alert
from tidewaiter.policy_yaml import cut, printable

MAX_IDS = 1_000_000
"""Ids that are remembered, to offer those near to one that is not known."""
MAX_CANDIDATES = 1_000
"""Alerts that are kept because the id may mean them."""
SHORTEST_PREFIX = 4
_NEAREST = 3
_VERDICTS = ("withdrawn", "suspicious", "alert")
_SEVERITIES = ("informational", "low", "medium", "high", "critical")


class Named(msgspec.Struct, frozen=True):
    """What every record with an id says of itself."""

    kind: str
    schema: int = 1
    id: str = ""
    revision: int = 0
    incident: str = ""


class UnknownId(ValueError):
    """The id means nothing, or more than one thing; the message is one sentence."""


class Target(msgspec.Struct, frozen=True):
    """What an id means."""

    alert: Alert
    """Of an incident the gravest of its alerts, the first of those."""
    incident: str | None
    """The incident's id, where one was asked for."""


class Sought:
    """The alerts that an id may mean, its last revisions."""

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.records = 0
        """Alerts, all revisions."""
        self._alerts: dict[str, Alert] = {}
        self._revisions: dict[str, int] = {}
        self._ids: set[str] = set()
        self._damaged: dict[str, str] = {}
        """Alerts that the id may mean and that could not be read, and why."""

    def is_candidate(self, named: Named) -> bool:
        """Note a record; whether it is an alert that the id may mean, so that it should be decoded whole."""
        self.records += named.kind == "alert"
        for known in (named.id, named.incident):
            if known and len(self._ids) < MAX_IDS:
                self._ids.add(known)
        if named.kind != "alert" or not (self._fits(named.id) or self._fits(named.incident)):
            return False
        if named.id not in self._revisions and len(self._revisions) >= MAX_CANDIDATES:
            return False
        return named.revision >= self._revisions.get(named.id, 0)

    def add(self, alert: Alert) -> None:
        """Keep a candidate."""
        self._alerts[alert.id] = alert
        self._revisions[alert.id] = alert.revision

    def add_damaged(self, named: Named, why: str) -> None:
        """Note a candidate of which only the name could be read."""
        self._damaged.setdefault(named.id, why)

    def target(self) -> Target:
        """What the id means. Raises `UnknownId`."""
        if self.typed in self._alerts:
            return Target(self._alerts[self.typed], None)
        incidents: dict[str, list[Alert]] = {}
        for alert in self._alerts.values():
            if self._fits(alert.incident):
                incidents.setdefault(alert.incident, []).append(alert)
        if self.typed in incidents:
            return _of_incident(incidents[self.typed])
        alerts = [name for name in self._alerts if self._fits(name)]
        if len(alerts) + len(incidents) == 1:
            return Target(self._alerts[alerts[0]], None) if alerts else _of_incident(*incidents.values())
        shown = printable(self.typed[:64])
        if alerts or incidents:
            fitting = sorted((*alerts, *incidents))
            raise UnknownId(
                f'"{shown}" begins {len(fitting)} ids; give more letters: {", ".join(map(cut, fitting[:_NEAREST]))}'
                + (" .." if len(fitting) > _NEAREST else "")
            )
        for name, why in self._damaged.items():
            raise UnknownId(f'"{shown}": the record of the alert {cut(name)} is damaged and says nothing: {why}')
        near = _nearest(self.typed[:64], self._ids)
        short = f" (at least {SHORTEST_PREFIX} letters are needed)" if len(self.typed) < SHORTEST_PREFIX else ""
        hint = (
            f"; nearest are {', '.join(map(cut, near))}. It is the `id` of a record, not a container's" if near else ""
        )
        raise UnknownId(f'"{shown}": no alert and no incident has this id{short}{hint}')

    def _fits(self, name: str) -> bool:
        return name == self.typed or (len(self.typed) >= SHORTEST_PREFIX and name.startswith(self.typed))


def _of_incident(alerts: list[Alert]) -> Target:
    standing = [alert for alert in alerts if alert.verdict != "withdrawn"] or alerts
    lead = min(standing, key=lambda a: (-_VERDICTS.index(a.verdict), -_SEVERITIES.index(a.severity), a.time, a.id))
    return Target(lead, lead.incident)


def _nearest(typed: str, ids: Iterable[str]) -> list[str]:
    """Known ids that look like it; of very many only those with the same first letters are compared."""
    known = sorted(ids)
    if len(known) > 10_000:
        known = [name for name in known if name[:2] == typed[:2]][:10_000]
    return get_close_matches(typed, known, n=_NEAREST, cutoff=0.4) or known[:_NEAREST]
