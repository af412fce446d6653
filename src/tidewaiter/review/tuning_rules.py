"""Turns a group of alerts into the scopes that could cover it: by content, by repository and place, by who made it.

Rules
- Every scope names the cluster and at least two things that an attacker inside cannot choose: a namespace or a node,
  proven content, an origin that a pull shows, a person or an account.
- What an attacker can choose (names of workloads and containers, a reference that no pull stands behind) only narrows.
  Pods' names and labels are never used.
- An image is one repository, written out. Only the endings that controllers append to names become a `*`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from tidewaiter.alert import stable_id
from tidewaiter.compose import COMPOSE_SERVICE, compose_place
from tidewaiter.policy_match import PatternError, compile_glob, compile_pattern
from tidewaiter.policy_rules import Scope
from tidewaiter.reference import reference_or_none
from tidewaiter.review.recorded import Record
from tidewaiter.workload import of_pod

Way = Literal["content", "baseline", "repository", "user"]
Effect = Literal["quiet", "suspicious"]

WAYS: tuple[Way, ...] = ("content", "baseline", "repository", "user")
"""From the narrowest to the widest."""
_SOUND = ("namespace", "node", "digests", "user")
_MAX_TEXT = 512
_MAX_DIGESTS = 16
_GENERATED = re.compile(r"(.+-)(?=[a-z]*[0-9])[bcdfghjklmnpqrstvwxz2456789]{5}\Z")
_NUMBERED = re.compile(r"(.+[-_])[0-9]{1,4}\Z")
_NAMED_BY_CHANCE = re.compile(r"[a-z]+_[a-z]+[0-9]?\Z|k8s_")
_STABLE_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Container", COMPOSE_SERVICE})
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\Z")
_NOBODY = re.compile(
    r"system:(?:anonymous|unauthenticated|admin|masters|node:.*|kube-.*|apiserver|serviceaccount:kube-system:.*"
    r"|serviceaccount:[^:]*:default)\Z|kubernetes-admin\Z|root\Z|0\Z"
)


def group_key(record: Record) -> tuple[str, ...]:
    """What alerts of one group share: the place, the workload without what controllers append, the repository."""
    kind, name = _owner(record)
    if record.namespace is None:
        name = stem(record.container_name or "") if not _is_chance(record.container_name) else ""
    image = min(record.trust.origins, default=record.image.reference or record.image.config_digest or "")
    return (record.cluster, record.namespace or "", "" if record.namespace else record.node, kind, name, image)


def user_key(record: Record) -> tuple[str, ...] | None:
    """What alerts share that one scope by user can cover; None where nobody in particular is named."""
    user = person(record)
    place = (record.cluster, record.namespace or "", "" if record.namespace else record.node)
    return None if user is None else (*place, user)


def person(record: Record) -> str | None:
    """Who made the container, where that says more than that some controller, or anybody, did."""
    user = record.created_by.user if record.created_by is not None else None
    return None if user is None or _NOBODY.match(user) else user


def stem(name: str, kind: str = "") -> str:
    """A name with its generated ending as `*`: `backup-29310000` gives `backup-*`; others as a glob for themselves.

    Of a Deployment, or of what else has its name from people, the ending is a part of the name: `shard-12`.
    """
    if kind in _STABLE_KINDS:
        return literal(name)
    above, maker = of_pod("", kind, name, None, None) if name and kind not in ("Pod", "Node") else (kind, name)
    if above != kind and kind:
        return f"{literal(maker)}-*"
    found = _GENERATED.match(name) or _NUMBERED.match(name)
    return f"{literal(found[1])}*" if found else literal(name)


def literal(text: str) -> str:
    """A shell glob that matches this text and nothing else."""
    return re.sub(r"([*?[])", r"[\1]", text)


def scope_for(way: Way, records: Sequence[Record], beside: Sequence[Record], effect: Effect) -> Scope | None:
    """The narrowest scope of one way that covers the records of one group; None where there is none that is narrow
    enough or none that a policy can say.

    `beside`: all given alerts of the same place and user.
    """
    fields = place_of(records[0])
    if way == "user":
        user = person(records[0])
        fields |= {"user": literal(user) if user is not None else None, "image": _repository(beside)}
    else:
        fields |= _workload(records)
        fields |= {"digests": _digests(records)} if way == "content" else {"image": _repository(records)}
        if fields.get("digests") == () or fields.get("image", "") is None:
            return None
    if not _is_sound(fields, records) and way == "repository":
        people = {person(record) for record in records}
        only = people.pop() if len(people) == 1 else None
        fields["user"] = literal(only) if only is not None else None
    given = {key: value for key, value in fields.items() if value}
    has_place = "cluster" in given and not given.keys().isdisjoint(("namespace", "node"))
    if not has_place or not _is_sound(given, records) or not is_sayable(given):
        return None
    how: dict[str, Any] = {"quiet": True} if effect == "quiet" else {"ceiling": "suspicious"}
    return Scope(name=_name(records[0], given, effect), **given, **how)


def approval_for(records: Sequence[Record]) -> tuple[str, str] | None:
    """(workload, content) for `baseline approve`, where the workload keeps its name and the content is proven."""
    paths = {_path(record) for record in records}
    contents = {record.image.config_digest for record in records if record.proven_digests}
    path, content = next(iter(paths)), next(iter(contents), None)
    if len(paths) != 1 or len(contents) != 1 or path is None or content is None:
        return None
    return path, content


def _path(record: Record) -> str | None:
    """The key of the workload's baseline, where that lasts, as people write it."""
    kind, name = (record.workload.kind, record.workload.name) if record.workload is not None else (None, None)
    if record.baseline is not None and record.baseline.workload is not None:
        parts = tuple(record.baseline.workload.split("/"))
    elif record.pod is not None:
        maker = record.created_by.user if record.created_by is not None else None
        parts = (record.namespace or "", *of_pod(record.pod, kind, name, None, maker))
    elif place := compose_place(record.container_name or "", name or "") if kind == COMPOSE_SERVICE else None:
        parts = (place.project, COMPOSE_SERVICE, place.service)
    else:
        parts = ("", "Container", "" if _is_chance(record.container_name) else record.container_name or "")
    if len(parts) != 3 or parts[1] not in _STABLE_KINDS or not all(map(_PLAIN.match, parts[parts[1] == "Container" :])):
        return None
    return "/".join(parts)


# ------------------------------------------------------------------------------------------------ the fields


def _owner(record: Record) -> tuple[str, str]:
    workload = record.workload
    if workload is not None and workload.kind == "Pod":
        return ("Pod", "")
    return (workload.kind or "", stem(workload.name or "", workload.kind or "")) if workload is not None else ("", "")


def _workload(records: Sequence[Record]) -> dict[str, Any]:
    """What only narrows: the workload's kind and name, and the container's name where people or files chose it."""
    kind, name = _owner(records[0])
    names = {record.container_name for record in records}
    stems = {stem(found) if found and records[0].namespace is None else literal(found or "") for found in names}
    is_stable = len(stems) == 1 and not any(map(_is_chance, names))
    return {"workload_kind": literal(kind), "workload": name, "container_name": stems.pop() if is_stable else None}


def _is_chance(name: str | None) -> bool:
    """Whether Docker made up the name, as it does where nobody gives one, or the kubelet did."""
    return name is not None and _NAMED_BY_CHANCE.match(name) is not None


def _digests(records: Iterable[Record]) -> tuple[str, ...]:
    found = {record.image.config_digest if record.proven_digests else None for record in records}
    digests = tuple(sorted(digest for digest in found if digest is not None))
    return digests if len(digests) == len(found) <= _MAX_DIGESTS else ()


def _repository(records: Iterable[Record]) -> str | None:
    """The repository that all of the records have among their origins."""
    shared = set.intersection(*(set(record.trust.origins) for record in records))
    whole = (
        name for name in sorted(shared) if (read := reference_or_none(name)) is not None and read.repository == name
    )
    return next(whole, None)


def _is_sound(fields: dict[str, Any], records: Sequence[Record]) -> bool:
    """Whether at least two fields are none that an attacker inside can choose."""
    sound = sum(bool(fields.get(key)) for key in _SOUND)
    return sound + (bool(fields.get("image")) and all(record.has_origin for record in records)) >= 2


def is_sayable(fields: dict[str, Any]) -> bool:
    """Whether a policy file takes these values."""
    texts = [value for key, value in fields.items() if key != "digests"]
    if not all(value.isprintable() and len(value) <= _MAX_TEXT for value in texts):
        return False
    try:
        for key, value in fields.items():
            if key != "digests":
                (compile_pattern if key == "image" else compile_glob)(value)
    except PatternError:
        return False
    return "*" not in fields.get("image", "")


def place_of(record: Record) -> dict[str, Any]:
    """The fields by which a scope names where a record was made."""
    inside = {"namespace": record.namespace} if record.namespace is not None else {"node": record.node}
    return {key: literal(value) for key, value in ({"cluster": record.cluster} | inside).items()}


def _name(record: Record, fields: dict[str, Any], effect: Effect) -> str:
    """A name of plain letters that depends on the fields and on nothing else."""
    about = fields.get("image") or fields.get("user", "")
    if "digests" in fields:
        about = min(record.trust.origins, default="image")
    words = f"{record.namespace or record.node} {re.split('[/:@]', about)[-1]}".lower()
    plain = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-")
    told = [f"{key}={value}" for key, value in sorted(fields.items())]
    return f"tuned-{plain or 'scope'}-{stable_id(effect, *told)[:6]}"
