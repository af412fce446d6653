"""Turns the name of a log source (`containerd:events`) into the analytics and data components that ask for it."""

from collections import Counter
from difflib import get_close_matches

import msgspec

from tidewaiter.edge.attack_coverage import feeding
from tidewaiter.edge.attack_library import Library, LogSourceNamed, Release
from tidewaiter.edge.attack_store import StoreError
from tidewaiter.policy_yaml import printable

_NEAREST = 3
_ASKED = """
SELECT r.detail_name, r.detail_channel, coalesce(c.attack_id, t.stix_id), coalesce(c.name, ''),
  coalesce(o.attack_id, s.stix_id)
  FROM relation r JOIN stix s ON s.id = r.source JOIN stix t ON t.id = r.target
  JOIN object o ON o.release = r.release AND o.stix = r.source AND NOT o.is_dead
  LEFT JOIN object c ON c.release = r.release AND c.stix = r.target
  WHERE r.release = :release AND r.relation = 'log_source'
"""


class Channel(msgspec.Struct, frozen=True):
    """What is asked of a log source, by whom."""

    channel: str
    data_component: str
    data_component_name: str
    analytic: str | None
    """None: the data component alone names it."""
    fed_by: tuple[str, ...]
    """Our sources that feed it."""


class LogSource(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="attack_log_source"):
    """One log source in one release."""

    schema: int = 1
    name: str
    domain: str
    release: str
    channels: tuple[Channel, ...]
    license: str


def log_source(library: Library, wanted: str, release: Release) -> LogSource | None:
    """The log source of a name, in any case; None where nothing asks for it.

    Raises `StoreError` with the nearest names where it looks like a log source (`name:channel`) and is none.
    """
    asked = _asked(library, release)
    told = [(one, analytic) for one, analytic in asked if one.name.strip().lower() == wanted.strip().lower()]
    if not told:
        if ":" in wanted:
            raise StoreError(_nearest(wanted, {one.name for one, _ in asked}, release))
        return None
    channels = dict.fromkeys(
        Channel(one.channel, one.data_component, one.data_component_name, analytic, feeding(one))
        for one, analytic in sorted(told, key=lambda pair: (pair[1] or "~", pair[0].data_component, pair[0].channel))
    )
    return LogSource(
        # Some releases write one name in two ways.
        name=Counter(one.name for one, _ in told).most_common(1)[0][0],
        domain=release.domain,
        release=release.name,
        channels=tuple(channels),
        license=library.statement(release),
    )


def _asked(library: Library, release: Release) -> list[tuple[LogSourceNamed, str | None]]:
    """(what is asked for, the analytic): by analytics, then by data components for themselves."""
    asked: list[tuple[LogSourceNamed, str | None]] = [
        (LogSourceNamed(*row), analytic)
        for *row, analytic in library.store.execute(_ASKED, {"release": release.row}).fetchall()
    ]
    by_analytics = {(one.name, one.channel, one.data_component) for one, _ in asked}
    for component in library.listed(release, ("data_component",)):
        named = library.stix(component.raw_sha256).get("x_mitre_log_sources")
        for entry in named if isinstance(named, list) and not component.is_dead else ():
            if not isinstance(entry, dict):
                continue
            name, channel = entry.get("name"), entry.get("channel")
            if isinstance(name, str) and (name, str(channel), component.id) not in by_analytics:
                asked.append((LogSourceNamed(name, str(channel), component.id, component.name), None))
    return asked


def _nearest(wanted: str, names: set[str], release: Release) -> str:
    by_lower = {name.lower(): name for name in sorted(names)}
    near = [by_lower[name] for name in get_close_matches(wanted.lower(), by_lower, _NEAREST, 0.5)]
    hint = f"; nearest are {', '.join(map(printable, near))}" if near else ""
    return f"{printable(wanted)}: nothing in {release.domain} {release.name} asks for such a log source{hint}"
