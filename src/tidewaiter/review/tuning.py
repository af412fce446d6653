"""Turns false alerts into the rules that would silence them, each with what else it would have silenced.

What a rule does to a record is asked of the policy itself (`TrustPolicy.effects_for`), with all its other scopes: a
ceiling that outranks a rule outranks it here, too. Whether labelled attacks survive is measured elsewhere, by the
engine (`edge/attacks.py`), and comes in as `lost`.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tidewaiter.policy import TrustPolicy
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import History, Record, is_lowered, may_match, verdict_under
from tidewaiter.review.tuning_rules import (
    WAYS,
    Effect,
    Way,
    approval_for,
    group_key,
    is_sayable,
    person,
    place_of,
    scope_for,
    user_key,
)

Place = tuple[str, str, str]


class Candidate(msgspec.Struct, kw_only=True):
    """One rule, or one approval in a baseline, and what it would do."""

    way: Way
    scope: Scope | None = None
    approval: tuple[str, str] | None = None
    """(workload, content), for the user to approve in a baseline; it is not tried out here."""
    silences: tuple[str, ...]
    """Given alerts, by id."""
    also: tuple[Record, ...]
    """Other alerts of the history."""
    perhaps: tuple[Record, ...]
    """Other alerts that it silences if what their records do not tell is so."""
    containers: int
    """Containers of the history that it speaks of and that were quiet: what they do later will be silenced."""
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] | None = None
    """Labelled attacks that it silences; None: not checked."""
    if_there: tuple[str, ...] = ()
    """Labelled attacks that it would silence, if they happened in the place it names."""
    number: int = 0

    @property
    def is_rejected(self) -> bool:
        """Whether it silences an attack: then it is never written."""
        return bool(self.lost)

    @property
    def rank(self) -> tuple[int, ...]:
        """The narrowest first, by what else it silences."""
        alerts = sum(record.verdict == "alert" for record in self.also)
        return (self.is_rejected, alerts, len(self.also), len(self.perhaps), len(self.if_there), WAYS.index(self.way))


class Group(msgspec.Struct):
    """Alerts that one rule can cover, and the rules."""

    records: tuple[Record, ...]
    candidates: tuple[Candidate, ...]
    reasons: tuple[str, ...] = ()
    """Why a way that one might expect is not offered."""


class Tuning(msgspec.Struct):
    """Everything that is proposed."""

    groups: tuple[Group, ...]
    silent: tuple[tuple[Record, str], ...]
    """Given alerts that the policy silences already, with the scope."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates, by number."""
        found = {candidate.number: candidate for group in self.groups for candidate in group.candidates}
        return tuple(found[number] for number in sorted(found))

    @property
    def narrowest(self) -> tuple[Candidate, ...]:
        """The first of each group that can be written: what silences most of what was given, and least else."""
        firsts = (
            next((one for one in group.candidates if one.scope is not None and not one.is_rejected), None)
            for group in self.groups
        )
        return tuple({first.number: first for first in firsts if first is not None}.values())


def with_scopes(policy: TrustPolicy, scopes: Iterable[Scope]) -> TrustPolicy:
    """The policy with more scopes after its own."""
    return msgspec.structs.replace(policy, scopes=(*policy.scopes, *scopes))


def propose(given: Mapping[str, Record], history: History, policy: TrustPolicy, effect: Effect = "quiet") -> Tuning:
    """Candidates for the given alerts, in groups, the largest group first; not yet checked against attacks."""
    trial = _Trial(given, history, policy, effect)
    silent: list[tuple[Record, str]] = []
    groups: dict[tuple[str, ...], list[Record]] = {}
    peers: dict[tuple[str, ...], list[Record]] = {}
    for _, record in sorted(given.items()):
        scope = policy.effects_for(record.subject()).quiet
        if scope is not None and verdict_under(record, policy) == "silenced":
            silent.append((record, scope))
            continue
        barrier = "trusted" if record.trust.state == "trusted" else "broken" if record.is_broken else ""
        groups.setdefault((*group_key(record), barrier), []).append(record)
        if not barrier and (key := user_key(record)) is not None:
            peers.setdefault(key, []).append(record)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    made = [trial.group(records, peers) for _, records in ordered]
    return ranked(Tuning(tuple(made), tuple(silent)))


def ranked(tuning: Tuning) -> Tuning:
    """The same with candidates in order and numbered; to be called again once `lost` is known."""
    number = 0
    for group in tuning.groups:
        group.candidates = tuple(sorted(group.candidates, key=lambda candidate: candidate.rank))
    for candidate in tuning.candidates:
        candidate.number = 0
    for group in tuning.groups:
        for candidate in group.candidates:
            if not candidate.number:
                number += 1
                candidate.number = number
    return tuning


class _Trial:
    """The history, by place, with the policy against which candidates are tried."""

    def __init__(self, given: Mapping[str, Record], history: History, policy: TrustPolicy, effect: Effect) -> None:
        self._given, self._policy, self._effect = given, policy, effect
        self._alerts: dict[Place, list[Record]] = {}
        self._quiet: dict[Place, list[Record]] = {}
        self._made: dict[str, Candidate] = {}
        self._before = {id: verdict_under(record, policy) for id, record in history.alerts.items()}
        for record in history.alerts.values():
            for place in _places(record):
                self._alerts.setdefault(place, []).append(record)
        for record in history.containers.values():
            if record.verdict == "quiet" and record.trust.state != "trusted":
                for place in _places(record):
                    self._quiet.setdefault(place, []).append(record)

    def group(self, records: Sequence[Record], peers: Mapping[tuple[str, ...], Sequence[Record]]) -> Group:
        """The candidates for one group."""
        found: list[Candidate] = []
        reasons: list[str] = []
        if (approval := approval_for(records)) is not None:
            found.append(self._approval(records, approval))
        if records[0].trust.state == "trusted":
            reasons.append("the image is trusted: no scope silences trusted content that moved or is new")
        elif records[0].is_broken:
            reasons.append("a scope's require or forbid was broken: that outranks every scope that would silence it")
        else:
            found += self._scopes(records, peers, reasons)
        return Group(tuple(records), tuple(found), tuple(reasons))

    def _scopes(
        self, records: Sequence[Record], peers: Mapping[tuple[str, ...], Sequence[Record]], reasons: list[str]
    ) -> list[Candidate]:
        found: list[Candidate] = []
        proven = [record for record in records if record.proven_digests and record.image.config_digest is not None]
        if not proven:
            reasons.append("by content: no record proves which digest ran")
        elif len(proven) < len(records):
            told = f"{len(records) - len(proven)} of {len(records)} records do not prove which digest ran"
            reasons.append(f"by content for all: {told}")
        beside = self._beside(records, peers)
        is_sayable_there = is_sayable(place_of(records[0]))
        if not is_sayable_there:
            reasons.append("by any scope: the name of the place is not printable or too long for a policy")
        if not beside:
            reasons.append(
                "by user: no single person or account is named as the creator of all of them "
                "(controllers and shared accounts do not count)"
            )
        ways: list[Way] = [*(("content",) if proven else ()), "repository", *(("user",) if beside else ())]
        for way in ways:
            scope = scope_for(way, proven if way == "content" else records, beside, self._effect)
            if scope is None:
                if way == "repository" and is_sayable_there:
                    reasons.append(
                        "by repository: fewer than two known fields that an attacker in the container cannot choose"
                    )
                continue
            candidate = self._scope(way, scope, proven if way == "content" else records)
            if any(record.id in candidate.silences for record in records):
                found.append(candidate)
            else:
                reasons.append(f"by {way}: {self._outranked(records)}")
        return found

    def _outranked(self, records: Sequence[Record]) -> str:
        effects = self._policy.effects_for(records[0].subject())
        if self._effect == "suspicious" and records[0].verdict == "suspicious":
            return "they are suspicious, not alerts: a ceiling changes nothing"
        names = [name for found in (effects.ceiling, effects.require) if found for name in (found[1],)]
        names += [name for _, name in effects.forbid]
        return f'the scope "{names[0]}" of the policy outranks it' if names else "it would silence none of them"

    @staticmethod
    def _beside(records: Sequence[Record], peers: Mapping[tuple[str, ...], Sequence[Record]]) -> Sequence[Record]:
        keys = {user_key(record) for record in records}
        only = keys.pop()
        return peers.get(only, ()) if only is not None and not keys else ()

    def _scope(self, way: Way, scope: Scope, records: Sequence[Record]) -> Candidate:
        if scope.name in self._made:
            return self._made[scope.name]
        policy = with_scopes(self._policy, (scope,))
        there = [r for r in self._alerts.get(_places(records[0])[0], []) if may_match(r, scope)]
        lowered = [r for r in there if is_lowered(self._before[r.id], verdict_under(r, policy))]
        ids = {record.id for record in lowered}
        candidate = Candidate(
            way=way,
            scope=scope,
            silences=tuple(sorted(ids & self._given.keys())),
            also=tuple(record for record in lowered if record.id not in self._given),
            perhaps=tuple(r for r in there if r.id not in ids and r.id not in self._given and self._can_lower(r)),
            containers=sum(may_match(record, scope) for record in self._quiet.get(_places(records[0])[0], [])),
            notes=tuple(_notes(way, scope, records)),
        )
        self._made[scope.name] = candidate
        return candidate

    def _can_lower(self, record: Record) -> bool:
        """Whether any scope of the effect could do something to a record."""
        is_open = record.trust.state != "trusted" and not record.is_broken
        return is_open and (self._effect == "quiet" or record.verdict == "alert")

    def _approval(self, records: Sequence[Record], approval: tuple[str, str]) -> Candidate:
        alike = [
            record for record in self._alerts.get(_places(records[0])[0], []) if approval_for((record,)) == approval
        ]
        return Candidate(
            way="baseline",
            approval=approval,
            silences=tuple(sorted(record.id for record in alike if record.id in self._given)),
            also=(),
            perhaps=tuple(record for record in alike if record.id not in self._given),
            containers=0,
            notes=("covers only what the baseline has seen this content do; its effect was not checked here",),
        )


def _places(record: Record) -> tuple[Place, ...]:
    """Where to look for a record: a scope that names a node speaks of the pods there, too."""
    on_node = (record.cluster, "node", record.node)
    return (on_node,) if record.namespace is None else ((record.cluster, "namespace", record.namespace), on_node)


def _notes(way: Way, scope: Scope, records: Sequence[Record]) -> Iterable[str]:
    if way == "content":
        yield "ends with the next release: new content alerts again"
    if scope.image is not None:
        if not all(record.has_origin for record in records):
            yield "no pull was observed: the repository is only what the image reference says"
        elif any(record.digest_consistency == "by_name" for record in records):
            yield "the origin is known by name only"
    if way == "user" and scope.image is None:
        yield f"covers everything that {person(records[0])} runs there"
