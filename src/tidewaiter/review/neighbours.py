"""Turns the other records of a run into those that have to do with one alert: where else its content ran, and who was
silent about something alike, and why.
"""

from collections.abc import Hashable
from typing import Literal, TypeVar

import msgspec

from tidewaiter.alert import Alert, ImageIdentity, Incident, IncidentMember, TrustShown, Workload
from tidewaiter.reference import reference_or_none

MOST = 500
"""Records of each kind that are kept; the others are counted."""
_Key = TypeVar("_Key", bound=Hashable)
Relation = Literal["content", "files", "repository", "workload"]
RELATION_WORDS: dict[Relation, str] = {
    "content": "the same content",
    "files": "the same layers, perhaps another config",
    "repository": "the same repository, other content",
    "workload": "the same workload, another image",
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One alert or container of the run, as far as it is compared; the fields are those of `alert.py`."""

    kind: str
    id: str = ""
    revision: int = 0
    verdict: str
    title: str = ""
    time: str | None = None
    started: str | None = None
    cluster: str
    node: str
    container_id: str | None
    container_name: str | None
    namespace: str | None
    pod: str | None
    workload: Workload | None
    image: ImageIdentity
    trust: TrustShown
    reasons: tuple[str, ...]
    incident: str = ""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """One record that has to do with the alert."""

    relation: Relation
    verdict: str
    time: str | None
    """Of an alert its time, of a container its start."""
    alert: str | None
    """The alert's id; None: a container that raised none."""
    cluster: str
    node: str
    namespace: str | None
    pod: str | None
    workload: str | None
    container_id: str | None
    container_name: str | None
    reference: str | None
    config_digest: str | None
    trust: str
    reasons: tuple[str, ...]


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """The incident of the alert."""

    id: str
    title: str
    first_seen: str
    last_seen: str
    members: tuple[IncidentMember, ...]
    omitted: int


class Neighbours:
    """What a second pass over the records finds for one alert."""

    def __init__(self, alert: Alert) -> None:
        self._alert = alert
        self._repositories = _repositories(alert.image, alert.trust)
        self._alerts: dict[str, tuple[Relation, Told]] = {}
        self._containers: dict[tuple[str | None, ...], tuple[Relation, Told]] = {}
        self._members: dict[str, Told] = {}
        self._incident: Incident | None = None
        self.has_containers = False
        """Whether the run told of containers at all."""
        self.omitted = 0

    def add_incident(self, incident: Incident) -> None:
        """A record of an incident."""
        known = self._incident
        if incident.id == self._alert.incident and (known is None or incident.revision >= known.revision):
            self._incident = incident

    def add(self, told: Told) -> None:
        """A record of an alert or of a container."""
        self.has_containers = self.has_containers or told.kind == "container"
        if told.kind == "alert":
            self._add_alert(told)
        elif not self._is_same(told) and (relation := self._relation(told)) is not None:
            self._keep(self._containers, _place(told), relation, told)

    def _add_alert(self, told: Told) -> None:
        known = self._members.get(told.id)
        if told.incident == self._alert.incident and (known is None or told.revision >= known.revision):
            if known is not None or len(self._members) < MOST:
                self._members[told.id] = told
        elif known is not None and told.revision >= known.revision:
            # A later revision names another incident.
            del self._members[told.id]
        if told.id != self._alert.id and (relation := self._relation(told)) is not None:
            before = self._alerts.get(told.id)
            if before is None or told.revision >= before[1].revision:
                self._keep(self._alerts, told.id, relation, told)

    def _keep(self, kept: dict[_Key, tuple[Relation, Told]], key: _Key, relation: Relation, told: Told) -> None:
        if key not in kept and len(kept) >= MOST:
            self.omitted += 1
        else:
            kept[key] = relation, told

    def members(self) -> Members | None:
        """The incident, by its own record, else by the alerts that name it; None where the alert is alone."""
        record = self._incident
        if record is not None and record.members:
            return Members(
                id=record.id,
                title=record.title,
                first_seen=record.first_seen,
                last_seen=record.last_seen,
                members=record.members,
                omitted=record.members_omitted,
            )
        told = [known for known in self._members.values() if known.verdict != "withdrawn" and known.time is not None]
        if len(told) < 2:
            return None
        members = tuple(_member(known) for known in sorted(told, key=lambda known: (known.time or "", known.id)))
        title = f"{len(members)} alerts with the same analytic, content and creator"
        first, last = members[0].time, members[-1].time
        return Members(
            id=self._alert.incident, title=title, first_seen=first, last_seen=last, members=members, omitted=0
        )

    def elsewhere(self) -> tuple[Neighbour, ...]:
        """Other alerts of the same content, files, repository or workload, and containers with the same content."""
        found = [_neighbour(relation, told) for relation, told in self._alerts.values() if told.verdict != "withdrawn"]
        places = {_place(told) for _, told in self._alerts.values()}
        for place, (relation, told) in self._containers.items():
            if relation in ("content", "files") and place not in places:
                found.append(_neighbour(relation, told))
        return tuple(sorted(found, key=_order))

    def silent(self) -> tuple[Neighbour, ...]:
        """Containers that are alike and of which nothing was reported, with the reasons."""
        alike = (pair for pair in self._containers.values() if pair[1].verdict in ("quiet", "silenced"))
        return tuple(sorted((_neighbour(relation, told) for relation, told in alike), key=_order))

    def _relation(self, told: Told) -> Relation | None:
        mine, its = self._alert.image, told.image
        if mine.config_digest is not None and mine.config_digest == its.config_digest:
            return "content"
        if mine.chain_id is not None and mine.chain_id == its.chain_id:
            return "files"
        if self._repositories & _repositories(its, told.trust):
            return "repository"
        owner = _owner(self._alert.workload)
        place = (self._alert.cluster, self._alert.namespace)
        if owner is not None and (told.cluster, told.namespace) == place and _owner(told.workload) == owner:
            return "workload"
        return None

    def _is_same(self, told: Told) -> bool:
        alert = self._alert
        return _place(told) == (
            *(alert.cluster, alert.node, alert.container_id),
            *(alert.namespace, alert.pod, alert.container_name),
        )


_RELATIONS = tuple(RELATION_WORDS)


def _order(neighbour: Neighbour) -> tuple[int, str, str, str, str]:
    place = (neighbour.node, neighbour.container_id or "", neighbour.alert or "")
    return (_RELATIONS.index(neighbour.relation), neighbour.time or "", *place)


def _place(told: Told) -> tuple[str | None, ...]:
    return (told.cluster, told.node, told.container_id, told.namespace, told.pod, told.container_name)


def _repositories(image: ImageIdentity, trust: TrustShown) -> set[str]:
    """What the content came from, and what was typed, as far as it names a registry."""
    found = set(trust.origins)
    reference = reference_or_none(image.reference) if image.reference else None
    if reference is not None and reference.repository is not None:
        found.add(reference.repository)
    return found


def _owner(workload: Workload | None) -> tuple[str | None, str] | None:
    return (workload.kind, workload.name) if workload is not None and workload.name is not None else None


def _member(told: Told) -> IncidentMember:
    return IncidentMember(
        alert=told.id,
        time=told.time or "",
        verdict="alert" if told.verdict == "alert" else "suspicious",
        node=told.node,
        namespace=told.namespace,
        pod=told.pod,
        container_id=told.container_id,
        container_name=told.container_name,
    )


def _neighbour(relation: Relation, told: Told) -> Neighbour:
    owner = _owner(told.workload)
    return Neighbour(
        relation=relation,
        verdict=told.verdict,
        time=told.time if told.kind == "alert" else told.started,
        alert=told.id or None,
        cluster=told.cluster,
        node=told.node,
        namespace=told.namespace,
        pod=told.pod,
        workload="/".join(part or "-" for part in (told.namespace, *owner)) if owner is not None else None,
        container_id=told.container_id,
        container_name=told.container_name,
        reference=told.image.reference,
        config_digest=told.image.config_digest,
        trust=f"{told.trust.state} by rule {told.trust.rule}",
        reasons=told.reasons,
    )
