"""Turns the alerts of one campaign into its record: who belongs to it, where, from when to when, and how grave it is.

No record depends on the order in which its alerts are taken in, and none grows without end: of many members the first
ones are shown and the others counted.
"""

from collections.abc import Iterable

import msgspec

from tidewaiter.alert import (
    Alert,
    CreatedBy,
    ImageIdentity,
    Incident,
    IncidentMember,
    Severity,
    TrustShown,
    Verdict,
    Workload,
)
from tidewaiter.digest import digest_or_none

SHOWN = 256
"""Members, nodes, namespaces and workloads in one record."""
SMALLEST = 2
"""Alerts below which there is no incident to speak of."""
_SEVERITIES: tuple[Severity, ...] = ("informational", "low", "medium", "high", "critical")
_DIGEST_SHOWN = len("sha256:") + 12
_NOUNS = {"untrusted": "Untrusted image", "unknown": "Image of unknown origin", "trusted": "Moved trusted reference"}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident asks of an alert: the same fields, so that it can be read out of an alert's record."""

    id: str
    time: str
    analytic: str
    technique: str
    verdict: Verdict
    severity: Severity
    cluster: str
    node: str
    container_id: str | None
    container_name: str | None
    namespace: str | None
    pod: str | None
    workload: Workload | None
    image: ImageIdentity
    trust: TrustShown
    created_by: CreatedBy


def part_of(alert: Alert) -> Part:
    """What an incident asks of an alert that is at hand."""
    return Part(**{name: getattr(alert, name) for name in Part.__struct_fields__})


class Gathering:
    """The alerts of one incident, added up in any order."""

    def __init__(self) -> None:
        self.size = 0
        self._members: dict[tuple[str, str], IncidentMember] = {}
        """(time, alert) -> member: at most twice as many as are shown."""
        self._first: Part | None = None
        self._last_seen = ""
        self._is_alert = False
        self._severity = 0
        self._nodes: set[str] = set()
        self._namespaces: set[str] = set()
        self._workloads: set[str] = set()

    def add(self, part: Part) -> None:
        """Take in one alert. Each may be given once."""
        self.size += 1
        if self._first is None or (part.time, part.id) < (self._first.time, self._first.id):
            self._first = part
        self._last_seen = max(self._last_seen, part.time)
        self._is_alert = self._is_alert or part.verdict == "alert"
        self._severity = max(self._severity, _SEVERITIES.index(part.severity))
        self._nodes.add(part.node)
        _add(self._namespaces, part.namespace)
        _add(self._workloads, _workload(part))
        self._members[part.time, part.id] = IncidentMember(
            alert=part.id,
            time=part.time,
            verdict=part.verdict,
            node=part.node,
            namespace=part.namespace,
            pod=part.pod,
            container_id=part.container_id,
            container_name=part.container_name,
        )
        if len(self._members) >= 2 * SHOWN:
            self._members = dict(sorted(self._members.items())[:SHOWN])

    def record(self, name: str) -> Incident | None:
        """The record of the incident that has this id; None where it has not members enough."""
        first = self._first
        if first is None or self.size < SMALLEST:
            return None
        members = tuple(member for _, member in sorted(self._members.items())[:SHOWN])
        return Incident(
            id=name,
            analytic=first.analytic,
            technique=first.technique,
            verdict="alert" if self._is_alert else "suspicious",
            severity=_SEVERITIES[self._severity],
            title=self._title(first),
            cluster=first.cluster,
            image=first.image,
            created_by=first.created_by.user,
            first_seen=first.time,
            last_seen=self._last_seen,
            nodes=tuple(sorted(self._nodes)[:SHOWN]),
            namespaces=tuple(sorted(self._namespaces)[:SHOWN]),
            workloads=tuple(sorted(self._workloads)[:SHOWN]),
            members=members,
            members_omitted=self.size - len(members),
        )

    def _title(self, first: Part) -> str:
        nodes = "one node" if len(self._nodes) == 1 else f"{len(self._nodes):,} nodes"
        who = f", all created by {first.created_by.user[:100]}" if first.created_by.user is not None else ""
        return f"{_NOUNS[first.trust.state]} {_image(first)} misbehaved in {self.size:,} containers on {nodes}{who}"


def gathered(parts: Iterable[Part]) -> Gathering:
    """Alerts of one incident, added up."""
    gathering = Gathering()
    for part in parts:
        gathering.add(part)
    return gathering


def dissolved(shown: Incident, left: Iterable[str]) -> Incident:
    """The last record of an incident that has not members enough any more; `left` are the alerts it still has."""
    ids = set(left)
    members = tuple(member for member in shown.members if member.alert in ids)
    told = "only one of its alerts still stands" if ids else "none of its alerts still stands"
    return msgspec.structs.replace(
        shown,
        verdict="withdrawn",
        title=f"No longer an incident: {told}",
        members=members,
        members_omitted=0,
        final=True,
    )


def _add(texts: set[str], text: str | None) -> None:
    """Keep the first ones in the order of the alphabet: these would stay in any order of coming."""
    if text is None:
        return
    texts.add(text)
    if len(texts) >= 2 * SHOWN:
        texts -= set(sorted(texts)[SHOWN:])


def _workload(part: Part) -> str | None:
    owner = part.workload
    if owner is None or owner.name is None:
        return None
    return "/".join((part.namespace or "-", owner.kind or "-", owner.name))


def _image(part: Part) -> str:
    """What the image is called, as in the titles of alerts."""
    named = part.image.reference or part.image.config_digest or "(unnamed)"
    digest = digest_or_none(named)
    if digest is None:
        return named
    origins = part.trust.origins
    return f"{origins[0]} ({digest[:_DIGEST_SHOWN]})" if origins else digest[:_DIGEST_SHOWN]
