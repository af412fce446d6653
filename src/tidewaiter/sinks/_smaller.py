"""Turns an alert or an incident into ever smaller copies of itself, for receivers that take only so many bytes.

What goes first is what can be looked up elsewhere: evidence, then weak behaviours, then strong ones, then the ends of
long texts. Every copy says in `missing` what it lacks; behaviours left out are counted in `behaviours_omitted`. Of an
incident the later members go, counted in `members_omitted`, with the ends of its lists of places.
"""

from collections.abc import Iterator

import msgspec

from tidewaiter.alert import Alert, Incident

_LISTED = 4
"""Entries left of a list in the smallest copies."""
_ROOMS = (400, 160, 80, 40)
"""Bytes left of each text, the most first; digests and ids, which are shorter than 80, stay whole but for the last."""
_SAID = "left out for its size"


def smaller(output: Alert | Incident) -> Iterator[Alert | Incident]:
    """The record itself, then ever smaller copies."""
    yield output
    yield from _smaller_alerts(output) if isinstance(output, Alert) else _smaller_incidents(output)


def _smaller_incidents(incident: Incident) -> Iterator[Incident]:
    left = len(incident.members)
    while left:
        left //= 2
        yield msgspec.structs.replace(
            incident,
            members=incident.members[:left],
            members_omitted=incident.members_omitted + len(incident.members) - left,
            nodes=incident.nodes[: max(left, 1)],
            namespaces=incident.namespaces[: max(left, 1)],
            workloads=incident.workloads[: max(left, 1)],
        )
    omitted = incident.members_omitted + len(incident.members)
    least = msgspec.structs.replace(incident, members=(), members_omitted=omitted)
    for room in _ROOMS:
        yield msgspec.convert(_cut(msgspec.to_builtins(least), room), Incident)


def _smaller_alerts(alert: Alert) -> Iterator[Alert]:
    left = len(alert.evidence)
    while left:
        left //= 2
        yield _without(alert, left, len(alert.behaviours))
    left = len(alert.behaviours)
    while left:
        left //= 2
        yield _without(alert, 0, left)
    least = _without(alert, 0, min(1, len(alert.behaviours)), "the rest of long lists, the ends of long texts")
    for room in _ROOMS:
        yield msgspec.convert(_cut(msgspec.to_builtins(least), room), Alert)


def _without(alert: Alert, evidence: int, behaviours: int, more: str = "") -> Alert:
    """The alert with only so much of its evidence and its behaviours; `more` is what else will be left out."""
    ranked = sorted(
        range(len(alert.behaviours)), key=lambda place: (alert.behaviours[place].strength != "strong", place)
    )
    kept = tuple(alert.behaviours[place] for place in sorted(ranked[:behaviours]))
    lost = len(alert.behaviours) - len(kept)
    told = [f"{len(alert.evidence) - evidence} records of evidence"] if evidence < len(alert.evidence) else []
    told += [f"{lost} behaviours"] if lost else []
    told += [more] if more else []
    said = f"{_SAID}: {', '.join(told)}"
    return msgspec.structs.replace(
        alert,
        evidence=alert.evidence[:evidence],
        behaviours=kept,
        behaviours_omitted=alert.behaviours_omitted + lost,
        missing=(said, *alert.missing),
    )


def _cut(value: object, room: int) -> object:
    """The value with short lists and short texts."""
    if isinstance(value, str):
        return value if len(value) <= room // 6 or _bytes(value[: room + 1]) <= room else _prefix(value, room)
    if isinstance(value, dict):
        return {key: _cut(inner, room) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner, room) for inner in value[:_LISTED]]
    return value


def _prefix(text: str, room: int) -> str:
    used = 2
    for place, char in enumerate(text):
        used += _bytes(char)
        if used > room:
            return f"{text[:place]}.."
    return text


def _bytes(text: str) -> int:
    """At most so many bytes does a text take in JSON that is ASCII."""
    return sum(1 if " " <= char <= "~" and char not in '"\\' else 6 if char < "\U00010000" else 12 for char in text)
