"""Turns records of ATT&CK objects into what a person reads at a terminal: the official text apart from our notes."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from tidewaiter.edge.attack_changes import Difference
from tidewaiter.edge.attack_coverage import REACHES, Coverage
from tidewaiter.edge.attack_library import Found, Neighbour, Past, Release
from tidewaiter.edge.attack_log_source import LogSource
from tidewaiter.edge.attack_shown import AttackObject
from tidewaiter.policy_yaml import printable

ATTRIBUTION = (
    "ATT&CK text: (c) The MITRE Corporation. This work is reproduced and distributed with the permission of "
    "The MITRE Corporation."
)
_NEAR_SHOWN = 40
_LABEL = 15


def object_text(record: AttackObject, width: int, *, is_long: bool) -> Iterator[str]:
    """One object. `is_long` leaves no neighbour and no citation out."""
    yield f"{record.id}  {printable(record.name)}"
    state = ", revoked or deprecated" if record.revoked_or_deprecated else ""
    yield f"{record.type.replace('_', ' ')} of ATT&CK {record.domain} {record.release}{state}"
    yield ""
    strategy = [one for one in record.relations if one.relation == "analytic_of" and one.direction == "out"]
    detected = [one for one in record.relations if one.relation == "detects" and one.direction == "out"]
    if record.type == "analytic":
        yield from _field("strategy", (f"{one.id} {one.name}" for one in strategy), width)
    if record.type in ("analytic", "detection_strategy"):
        yield from _field("detects", (f"{one.id} {one.name}" for one in detected), width)
    yield from _field("tactics", [", ".join(record.tactics)] if record.tactics else [], width)
    yield from _field("platforms", [", ".join(record.platforms)] if record.platforms else [], width)
    yield from _field("also called", [", ".join(record.aliases)] if record.aliases else [], width)
    yield from _field("version", [record.version or "-"], width)
    yield from _field("created", [record.created or "-"], width)
    yield from _field("modified", [record.modified or "-"], width)
    yield from _field("raw SHA-256", [record.raw_sha256], width)
    yield from _field("STIX id", [record.stix_id], width)
    yield from _field("in releases", [", ".join(record.releases)], width)
    yield from _field("url", [record.url] if record.url else [], width)
    if record.log_sources:
        yield ""
        yield "log sources"
        for source in record.log_sources:
            yield f"  {printable(source.name)} -> {source.data_component} {printable(source.data_component_name)}"
            yield from _wrapped(source.channel, width, "      ")
    if record.mutable_elements:
        yield ""
        yield "mutable elements, and our setting for each"
        for element in record.mutable_elements:
            yield f"  {printable(element.field)}: {element.setting or 'none of ours'}"
            yield from _wrapped(element.description, width, "      ")
    if record.description:
        yield ""
        yield "ATT&CK's text"
        for paragraph in record.description.splitlines():
            yield from _wrapped(paragraph, width, "  ")
    yield from _neighbours(record.relations, width, is_long)
    if record.citations:
        yield ""
        yield f"cites {len(record.citations)} sources" + ("" if is_long else " (--all shows them)")
        for citation in record.citations if is_long else ():
            yield from _wrapped(f"{citation.name}: {citation.url or citation.description or ''}", width, "  ")
    yield ""
    yield from _wrapped(ATTRIBUTION, width, "")
    if record.license:
        yield from _wrapped(record.license, width, "")


def _neighbours(relations: Iterable[Neighbour], width: int, is_long: bool) -> Iterator[str]:
    groups: dict[str, list[Neighbour]] = {}
    for one in relations:
        words = one.relation.replace("_", " ")
        groups.setdefault(f"{words}" if one.direction == "out" else f"{words} (from)", []).append(one)
    if groups:
        yield ""
        yield "relations"
    for words, members in sorted(groups.items()):
        yield f"  {words}: {len(members)}"
        shown = members if is_long else members[:_NEAR_SHOWN]
        for one in shown:
            via = f" (via {one.via})" if one.via else ""
            yield _cut(f"    {one.id}  {printable(one.name)}{via}", width)
            yield from _wrapped(one.text or "", width, "        ")
        if len(shown) < len(members):
            yield f"    ... and {len(members) - len(shown)} more: --all"


def log_source_text(record: LogSource, width: int) -> Iterator[str]:
    """One log source, and who asks what of it."""
    yield printable(record.name)
    yield f"log source of ATT&CK {record.domain} {record.release}"
    fed = sorted({source for one in record.channels for source in one.fed_by})
    yield ""
    yield from _field("fed by", [", ".join(fed) or "none of ours"], width)
    components = dict.fromkeys(f"{one.data_component} {one.data_component_name}" for one in record.channels)
    yield from _field("components", components, width)
    asking = dict.fromkeys(one.analytic for one in record.channels if one.analytic)
    yield from _field("analytics", [f"{len(asking)}"], width)
    yield ""
    for one in record.channels:
        lack = "" if one.fed_by else ", not fed"
        yield from _wrapped(f"{one.analytic or '-'} {one.data_component}{lack}: {one.channel}", width, "  ")
    yield ""
    yield from _wrapped(ATTRIBUTION, width, "")
    yield from _wrapped(record.license, width, "")


def found_text(found: Iterable[Found], width: int) -> Iterator[str]:
    """Objects in a list, one a line."""
    for one in found:
        dead = " (revoked or deprecated)" if one.is_dead else ""
        yield _cut(f"{one.id:<11} {one.type.replace('_', ' '):<18} {printable(one.name)}{dead}", width)


def history_text(found: Found, past: Iterable[Past], absent: Iterable[str]) -> Iterator[str]:
    """An object's history, a release a line, and the releases that do not hold it."""
    yield f"{found.id}  {printable(found.name)}"
    yield f"{'release':<9} {'version':<8} {'modified':<25} raw SHA-256"
    for one in past:
        version, modified = printable(one.version or "-"), printable(one.modified or "-")
        yield f"{one.release:<9} {version:<8} {modified:<25} {one.raw_sha256}"
        if one.changed:
            fields = ", ".join(map(printable, one.changed))
            odd = "; THE DATE IN modified DID NOT CHANGE" if one.modified_unchanged else ""
            yield f"{'':<9} changed: {fields}{odd}"
    names = ", ".join(absent)
    if names:
        yield f"not in {names}"


def difference_text(told: Difference, width: int, *, is_long: bool) -> Iterator[str]:
    """What lies between two releases: counts, and with `is_long` every object."""
    same_date = [one for one in told.changed if one.modified_unchanged]
    yield f"{told.before} -> {told.after}: {len(told.added)} new, {len(told.removed)} gone, {len(told.changed)} changed"
    yield f"of those changed, {len(same_date)} kept their date in `modified`"
    for title, members in (("new", told.added), ("gone", told.removed), ("changed", told.changed)):
        counts: dict[str, int] = {}
        for member in members:
            counts[member.type] = counts.get(member.type, 0) + 1
        words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items())) or "nothing"
        yield from textwrap.wrap(f"{title}: {words}", width, subsequent_indent="  ")
        for member in members if is_long else ():
            fields = f": {', '.join(map(printable, getattr(member, 'fields', ())))}" if title == "changed" else ""
            odd = " (same date)" if getattr(member, "modified_unchanged", False) else ""
            yield f"  {member.id}  {printable(member.name)}{fields}{odd}"


def platform_text(told: Coverage, width: int) -> Iterator[str]:
    """All analytics that touch a platform, with what each needs."""
    yield from coverage_text(told, width)
    for one in told.analytics:
        yield ""
        techniques = ", ".join(one.techniques) or "no technique"
        yield _cut(f"{one.id}  {one.detection_strategy or '-'} -> {techniques}  [{one.reach}]", width)
        yield _cut(
            f"  touches it by {', '.join(one.touches)}; platforms {', '.join(map(printable, one.platforms))}", width
        )
        for source in one.log_sources:
            fed = ", ".join(source.fed_by) or "none of ours"
            yield from _wrapped(f"{source.name} ({source.data_component}): {fed}", width, "    ")


def coverage_text(told: Coverage, width: int) -> Iterator[str]:
    """The techniques of a platform, each with how far we reach."""
    yield from _wrapped(
        f"{printable(told.platform)} in ATT&CK {told.domain} {told.release}: {len(told.techniques)} techniques, "
        f"{len(told.detection_strategies)} detection strategies, {len(told.analytics)} analytics that touch it",
        width,
        "",
    )
    for title, parts in (("analytics", told.analytics), ("techniques", told.techniques)):
        counts = Counter(one.reach for one in parts)
        yield f"{title}: " + ", ".join(f"{counts[reach]} {reach}" for reach in REACHES)
    yield ""
    for one in told.techniques:
        analytics = f" ({', '.join(one.analytics)})" if one.analytics else ""
        yield _cut(f"{one.reach:<12} {one.id:<10} {printable(one.name)}{analytics}", width)


def releases_text(releases: Iterable[Release]) -> Iterator[str]:
    """The imported releases, one a line."""
    for one in releases:
        yield f"{one.domain:<10} {one.name:<8} {one.objects:>7} objects  from {printable(one.source)}"


def _field(label: str, values: Iterable[str], width: int) -> Iterator[str]:
    for number, value in enumerate(values):
        shown = printable(value)
        first = f"{label if not number else '':<{_LABEL}}"
        if " " not in shown:
            yield f"{first}{shown}"
            continue
        yield from textwrap.wrap(shown, width, initial_indent=first, subsequent_indent=" " * _LABEL)


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(printable(text), width, initial_indent=indent, subsequent_indent=indent)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 4]} ..."
