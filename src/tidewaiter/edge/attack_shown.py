"""Turns an id into the record of one ATT&CK object: the public JSON of `tidewaiter attack show`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.analytics import analytics
from tidewaiter.edge.attack_examples import examples, with_texts
from tidewaiter.edge.attack_library import Found, Library, LogSourceNamed, Neighbour, Release


class MutableElement(msgspec.Struct, frozen=True):
    """One thing that ATT&CK leaves to whoever runs the analytic."""

    field: str
    description: str
    setting: str | None
    """Our setting for it; None where there is none."""


class Citation(msgspec.Struct, frozen=True):
    """One source that the object's text cites."""

    name: str
    description: str | None
    url: str | None


class AttackObject(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="attack_object"):
    """One object of ATT&CK in one release. Texts are ATT&CK's own, as imported, but for `setting`."""

    schema: int = 1
    id: str
    name: str
    type: str
    domain: str
    release: str
    version: str | None
    created: str | None
    modified: str | None
    revoked_or_deprecated: bool
    stix_id: str
    raw_sha256: str
    """SHA-256 of the object's canonical JSON (RFC 8785), which `attack show ID --raw` prints."""
    releases: tuple[str, ...]
    """All imported releases of the domain that hold it."""
    platforms: tuple[str, ...]
    tactics: tuple[str, ...]
    """Of a technique, and of an analytic or strategy those of the technique that it detects."""
    url: str | None
    aliases: tuple[str, ...]
    """Other names of a group or software."""
    description: str
    relations: tuple[Neighbour, ...]
    log_sources: tuple[LogSourceNamed, ...]
    mutable_elements: tuple[MutableElement, ...]
    citations: tuple[Citation, ...]
    license: str


def shown(library: Library, wanted: str, release: Release, *, has_texts: bool = False) -> AttackObject:
    """The record of one object, with `has_texts` also what is said of each relation.

    Raises `StoreError` where the release does not hold it.
    """
    found = library.find(wanted, release)
    relations = library.neighbours(found, release)
    if has_texts:
        relations = list(with_texts(examples(library, release, found.stix_id), found.id, relations))
    return record(library, found, release, relations, _tactics(library, relations, release))


def record(
    library: Library, found: Found, release: Release, relations: list[Neighbour], tactics: tuple[str, ...]
) -> AttackObject:
    """The record of an object whose neighbours and tactics are known already."""
    stix = library.stix(found.raw_sha256)
    return AttackObject(
        id=found.id,
        name=found.name,
        type=found.type,
        domain=release.domain,
        release=release.name,
        version=found.version,
        created=found.created,
        modified=found.modified,
        revoked_or_deprecated=found.is_dead,
        stix_id=found.stix_id,
        raw_sha256=found.raw_sha256,
        releases=tuple(library.holding(found, release.domain)),
        platforms=tuple(text for text in _list(stix.get("x_mitre_platforms")) if isinstance(text, str)),
        tactics=tactics,
        url=_url(stix),
        aliases=tuple(_aliases(found, stix)),
        description=_text(stix.get("description")) or "",
        relations=tuple(relations),
        log_sources=tuple(library.log_sources(found, release)) if found.type == "analytic" else (),
        mutable_elements=tuple(_mutable_elements(found, stix)),
        citations=tuple(citations_of(stix)),
        license=library.statement(release),
    )


def _tactics(library: Library, relations: list[Neighbour], release: Release) -> tuple[str, ...]:
    told = [one.name for one in relations if one.relation == "tactic" and one.direction == "out"]
    for technique in [one for one in relations if one.relation == "detects" and one.direction == "out"]:
        near = library.neighbours(library.find(technique.id, release), release)
        told += [one.name for one in near if one.relation == "tactic" and one.direction == "out"]
    return tuple(dict.fromkeys(told))


def _mutable_elements(found: Found, stix: dict[str, Any]) -> list[MutableElement]:
    ours = analytics().get(found.id)
    settings = dict(element.split(": ", 1) for element in ours.mutable_elements) if ours is not None else {}
    return [
        MutableElement(field, _text(entry.get("description")) or "", settings.get(field))
        for entry in _list(stix.get("x_mitre_mutable_elements"))
        if isinstance(entry, dict) and (field := _text(entry.get("field"))) is not None
    ]


def _aliases(found: Found, stix: dict[str, Any]) -> list[str]:
    told = [*_list(stix.get("aliases")), *_list(stix.get("x_mitre_aliases"))]
    return [name for name in dict.fromkeys(filter(_text, told)) if name != found.name]


def citations_of(stix: Mapping[str, Any]) -> list[Citation]:
    """The sources that an object cites, in its order."""
    return [
        Citation(name, _text(entry.get("description")), _text(entry.get("url")))
        for entry in _list(stix.get("external_references"))
        if isinstance(entry, dict)
        and entry.get("external_id") is None
        and (name := _text(entry.get("source_name"))) is not None
    ]


def _url(stix: dict[str, Any]) -> str | None:
    for entry in _list(stix.get("external_references")):
        if isinstance(entry, dict) and entry.get("external_id") is not None:
            url = _text(entry.get("url"))
            if url is not None:
                return url
    return None


def _list(told: object) -> list[Any]:
    return told if isinstance(told, list) else []


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None
