"""Turns the lines that `hunt` and `watch` wrote into records as scopes see them, and what somebody typed into alerts.

Rules
- Of the revisions of an alert the last one counts; one that was withdrawn is no alert any more.
- A record tells what the engine knew, but for three things: the service account, whether a digest was proven where the
  origin was not, and, in a container's record, who made it. What is not told matches nothing for sure.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

import msgspec

from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.policy import Subject, TrustPolicy
from tidewaiter.policy_rules import Scope
from tidewaiter.policy_yaml import cut, printable

MAX_RECORDS = 100_000
_SHORTEST_PREFIX = 4
_NEAREST = 3
_RANK = {"silenced": 0, "suspicious": 1, "alert": 2}


class Kind(msgspec.Struct, frozen=True):
    """What every record says of itself."""

    kind: str
    schema: int = 1


class Did(msgspec.Struct, frozen=True):
    """One behaviour, as far as tuning looks at it."""

    kind: str


class Known(msgspec.Struct, frozen=True):
    """What the record says of the workload's baseline."""

    workload: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One alert or one container, as far as tuning looks at it; the fields are those of `alert.py`."""

    kind: str
    verdict: str
    cluster: str
    node: str
    container_id: str | None = None
    container_name: str | None = None
    namespace: str | None = None
    pod: str | None = None
    workload: Workload | None = None
    image: ImageIdentity
    digest_consistency: str
    trust: TrustShown
    id: str = ""
    revision: int = 0
    title: str = ""
    time: str = ""
    incident: str = ""
    created_by: CreatedBy | None = None
    """None: this kind of record does not tell."""
    behaviours: tuple[Did, ...] = ()
    baseline: Known | None = None

    @property
    def place(self) -> str:
        """Where it ran, for people: `namespace/KIND/NAME`, or the node."""
        if self.namespace is None:
            return f"node {self.node}"
        if self.workload is None:
            return self.namespace
        return f"{self.namespace}/{self.workload.kind or '?'}/{self.workload.name or '?'}"

    @property
    def is_broken(self) -> bool:
        """Whether a `require` or `forbid` was broken: then no scope silences it."""
        return any(did.kind == "policy" for did in self.behaviours)

    @property
    def shown_digests(self) -> tuple[str, ...]:
        """Digests in the record, be they proven or not."""
        image = self.image
        return tuple(d for d in (image.config_digest, image.manifest_digest, image.index_digest) if d is not None)

    @property
    def proven_digests(self) -> tuple[str, ...]:
        """Digests that the record shows to be proven: a pull and the container meet in them."""
        return self.shown_digests if self.digest_consistency == "proven" else ()

    @property
    def has_origin(self) -> bool:
        """Whether a pull says where the image came from; otherwise the origin is what somebody wrote as reference."""
        return self.digest_consistency in ("proven", "by_name") and bool(self.trust.origins)

    def subject(self) -> Subject:
        """The container as the scopes of a policy see it, as far as the record tells."""
        by = self.created_by
        return Subject(
            cluster=self.cluster,
            node=self.node,
            namespace=self.namespace,
            pod=self.pod,
            container_name=self.container_name,
            workload_kind=self.workload.kind if self.workload is not None else None,
            workload=self.workload.name if self.workload is not None else None,
            user=by.user if by is not None else None,
            groups=by.groups if by is not None else (),
            images=self.trust.origins,
            digests=self.proven_digests,
        )


def verdict_under(record: Record, policy: TrustPolicy) -> str:
    """What the scopes of a policy make of a record: its own verdict, `suspicious` by a ceiling, or `silenced`.

    Scopes say nothing of trusted content, nor where the policy was broken.
    """
    if record.verdict not in ("alert", "suspicious") or record.trust.state == "trusted" or record.is_broken:
        return record.verdict
    effects = policy.effects_for(record.subject())
    if effects.quiet is not None:
        return "silenced"
    is_capped = effects.ceiling is not None and effects.ceiling[0] == "suspicious"
    return "suspicious" if is_capped else record.verdict


def is_lowered(before: str, after: str) -> bool:
    """Whether a verdict weighs less than it did."""
    return _RANK.get(after, 0) < _RANK.get(before, 0)


def may_match(record: Record, scope: Scope) -> bool:
    """Whether a scope could match a record, if what the record does not tell were as the scope says."""
    subject = record.subject()
    if scope.digests:
        subject = msgspec.structs.replace(subject, digests=record.shown_digests)
    return _relaxed(scope, record.created_by is not None).effects_for(subject).quiet is not None


@lru_cache(maxsize=1024)
def _relaxed(scope: Scope, tells_user: bool) -> TrustPolicy:
    """A policy that silences whatever a scope speaks of, without what a record does not tell."""
    asked = msgspec.structs.replace(scope, quiet=True, ceiling=None, require=None, forbid=(), service_account=None)
    if not tells_user:
        asked = msgspec.structs.replace(asked, user=None, group=None)
    return TrustPolicy(scopes=(asked,))


# ------------------------------------------------------------------------------------------------ the history


class History(msgspec.Struct):
    """All records of some files: each alert by its id, in its last revision, and the containers."""

    alerts: dict[str, Record] = {}
    containers: dict[tuple[str | None, ...], Record] = {}
    withdrawn: set[str] = set()
    omitted: int = 0
    """Records that there was no room for."""

    def add(self, record: Record) -> None:
        """Take one record, in any order."""
        if len(self.alerts) + len(self.containers) >= MAX_RECORDS:
            self.omitted += 1
        elif record.kind == "container":
            key = (record.cluster, record.node, record.container_id, record.namespace, record.pod)
            self.containers[(*key, record.container_name)] = record
        elif record.id:
            known = self.alerts.get(record.id)
            if known is None or (record.revision, record.time) >= (known.revision, known.time):
                self.alerts[record.id] = record

    def settle(self) -> None:
        """After the last record: what was withdrawn is no alert."""
        self.withdrawn |= {id for id, record in self.alerts.items() if record.verdict == "withdrawn"}
        for gone in self.withdrawn:
            self.alerts.pop(gone, None)


class UnknownIds(ValueError):
    """Ids that name nothing, or more than one thing: one sentence for each."""


class Named(msgspec.Struct):
    """What ids mean."""

    alerts: dict[str, Record] = {}
    withdrawn: list[str] = []
    """Ids, as typed, of what is no alert any more."""


def alerts_named(history: History, ids: Iterable[str]) -> Named:
    """The alerts that ids mean: an alert's, an incident's (all its members), or the beginning of one.

    Raises `UnknownIds`.
    """
    members: dict[str, list[str]] = {}
    for id, record in sorted(history.alerts.items()):
        members.setdefault(record.incident, []).append(id)
    members.pop("", None)
    faults: list[str] = []
    found = Named()
    for typed in dict.fromkeys(ids):
        meant = _meant(typed, history, members)
        if isinstance(meant, str):
            faults.append(meant)
            continue
        found.alerts |= {id: history.alerts[id] for id in meant}
        found.withdrawn += [] if meant else [typed]
    if faults:
        raise UnknownIds("\n".join(faults))
    return found


def _meant(typed: str, history: History, members: Mapping[str, list[str]]) -> list[str] | str:
    """The alerts that one id means, or the sentence that says why it means none."""
    if typed in history.alerts:
        return [typed]
    if typed in members:
        return members[typed]
    if typed in history.withdrawn:
        return []
    known = (*history.alerts, *members)
    fitting = [id for id in known if id.startswith(typed)] if len(typed) >= _SHORTEST_PREFIX else []
    if len(fitting) == 1:
        return [fitting[0]] if fitting[0] in history.alerts else members[fitting[0]]
    shown = printable(typed[:64])
    if fitting:
        some = ", ".join(map(cut, sorted(fitting)[:_NEAREST]))
        return f'"{shown}" fits {len(fitting)} ids; give more letters: {some}'
    if any(id.startswith(typed) for id in history.withdrawn) and len(typed) >= _SHORTEST_PREFIX:
        return []
    near = get_close_matches(typed[:64], known, n=_NEAREST, cutoff=0.4) or sorted(known)[:_NEAREST]
    hint = f"; nearest are {', '.join(map(cut, near))}. It is the `id` of a record, not a container's" if near else ""
    return f'"{shown}": no alert and no incident has this id{hint}'
