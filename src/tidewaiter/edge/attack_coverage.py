"""Turns a release of ATT&CK into the road map of the engine: what touches containers, what each needs, what we have.

An analytic touches containers where ATT&CK says so (its platform is Containers), where it reads a log source of
containers, or where its text speaks of them; which of the three is told, since the last is weak: `groupPolicyContainer`
is an LDAP class.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.analytics import analytics
from tidewaiter.edge.attack_library import Found, Library, LogSourceNamed, Neighbour, Release
from tidewaiter.edge.attack_store import StoreError
from tidewaiter.policy_yaml import printable
from tidewaiter.sources import sources

Touch = Literal["platform", "log source", "text"]
Reach = Literal["implemented", "all fed", "partly fed", "not fed"]
REACHES: tuple[Reach, ...] = ("implemented", "all fed", "partly fed", "not fed")
"""The best first."""

_COMPONENTS = frozenset({"DC0015", "DC0019", "DC0032", "DC0064", "DC0072", "DC0077", "DC0078", "DC0082", "DC0085"})
"""Data components of which our events tell: creation of images and pods, creation and start of containers, processes
and commands, connections and flows. Of a log source we read no more than that, whatever else is in it."""
_TRAFFIC, _FLOWS = frozenset({"DC0078", "DC0082", "DC0085"}), "nsm:flow"
"""Of traffic only those sources tell that feed the log source of all flows: the events of a runtime have none."""
_OF_CONTAINERS = re.compile(r"(?i)\b(containers?|containerd|docker|kubernetes|crio?|cni|ebpf):")
_SPEAKS_OF_CONTAINERS = re.compile(r"(?i)container|docker|kubernetes|k8s|kubelet")


class LogSourceFed(msgspec.Struct, frozen=True):
    """One log source that an analytic needs, and which of our sources feed it."""

    name: str
    channel: str
    data_component: str
    fed_by: tuple[str, ...]


class AnalyticCovered(msgspec.Struct, frozen=True):
    """One analytic that touches the platform."""

    id: str
    name: str
    detection_strategy: str | None
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    platforms: tuple[str, ...]
    touches: tuple[Touch, ...]
    log_sources: tuple[LogSourceFed, ...]
    reach: Reach


class TechniqueCovered(msgspec.Struct, frozen=True):
    """One technique of the platform."""

    id: str
    name: str
    tactics: tuple[str, ...]
    detection_strategies: tuple[str, ...]
    analytics: tuple[str, ...]
    """Of those that touch the platform."""
    reach: Reach
    """The best of its analytics."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="attack_coverage"):
    """What touches one platform in one release."""

    schema: int = 1
    platform: str
    domain: str
    release: str
    techniques: tuple[TechniqueCovered, ...]
    detection_strategies: tuple[str, ...]
    analytics: tuple[AnalyticCovered, ...]


def coverage(library: Library, release: Release, platform: str = "Containers") -> Coverage:
    """What a release has for a platform (its name in any case), and how far we reach.

    Raises `StoreError` where nothing in the release is for such a platform.
    """
    strategies = {one.id: one for one in library.listed(release, ("detection_strategy",)) if not one.is_dead}
    techniques = {one.id: one for one in library.listed(release, ("technique",)) if not one.is_dead}
    near = _Near(library, release)
    analytics_found: list[AnalyticCovered] = []
    for found in library.listed(release, ("analytic",)):
        if found.is_dead:
            continue
        stix = library.stix(found.raw_sha256)
        touches = _touches(stix, library.log_sources(found, release), platform)
        if touches:
            analytics_found.append(_analytic(found, stix, touches, library.log_sources(found, release), near, release))
    of_strategy: dict[str, list[AnalyticCovered]] = {}
    for one in analytics_found:
        of_strategy.setdefault(one.detection_strategy or "", []).append(one)
    covered = [
        _technique(found, near, of_strategy, strategies)
        for found in techniques.values()
        if _is_for(library.stix(found.raw_sha256), platform)
    ]
    if not covered and not analytics_found:
        told = sorted({name for found in techniques.values() for name in _platforms(library.stix(found.raw_sha256))})
        raise StoreError(
            f"{printable(platform)}: no platform of {release.domain} {release.name}; there are {', '.join(told)}"
        )
    return Coverage(
        platform=platform,
        domain=release.domain,
        release=release.name,
        techniques=tuple(covered),
        detection_strategies=tuple(sorted(name for name in of_strategy if name in strategies)),
        analytics=tuple(analytics_found),
    )


class _Near:
    """Neighbours of objects, each asked for once."""

    def __init__(self, library: Library, release: Release) -> None:
        self._library, self._release = library, release
        self._known: dict[str, list[Neighbour]] = {}

    def of(self, wanted: str, relation: str, direction: str) -> list[Neighbour]:
        if wanted not in self._known:
            found = self._library.find(wanted, self._release)
            self._known[wanted] = self._library.neighbours(found, self._release)
        return [one for one in self._known[wanted] if (one.relation, one.direction) == (relation, direction)]


def _touches(stix: Mapping[str, Any], needed: list[LogSourceNamed], platform: str) -> tuple[Touch, ...]:
    touches: list[Touch] = ["platform"] if _is_for(stix, platform) else []
    if platform.lower() != "containers":
        return tuple(touches)
    if any(_OF_CONTAINERS.match(source.name) for source in needed):
        touches.append("log source")
    texts = [str(stix.get("description")), *(source.channel for source in needed), *(s.name for s in needed)]
    if any(_SPEAKS_OF_CONTAINERS.search(text) for text in texts):
        touches.append("text")
    return tuple(touches)


def _is_for(stix: Mapping[str, Any], platform: str) -> bool:
    return platform.lower() in (name.lower() for name in _platforms(stix))


def _platforms(stix: Mapping[str, Any]) -> tuple[str, ...]:
    told = stix.get("x_mitre_platforms")
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _analytic(
    found: Found,
    stix: Mapping[str, Any],
    touches: tuple[Touch, ...],
    needed: list[LogSourceNamed],
    near: _Near,
    release: Release,
) -> AnalyticCovered:
    fed = tuple(LogSourceFed(n.name, n.channel, n.data_component, feeding(n)) for n in needed)
    detected = near.of(found.id, "detects", "out")
    tactics = [tactic.name for one in detected for tactic in near.of(one.id, "tactic", "out")]
    strategy = near.of(found.id, "analytic_of", "out")
    return AnalyticCovered(
        id=found.id,
        name=found.name,
        detection_strategy=strategy[0].id if strategy else None,
        techniques=tuple(one.id for one in detected),
        tactics=tuple(dict.fromkeys(tactics)),
        platforms=_platforms(stix),
        touches=touches,
        log_sources=fed,
        reach=_reach(found.id, fed),
    )


def _reach(analytic: str, fed: tuple[LogSourceFed, ...]) -> Reach:
    if analytic in analytics():
        return "implemented"
    count = sum(bool(source.fed_by) for source in fed)
    return "not fed" if not count else "all fed" if count == len(fed) else "partly fed"


def feeding(needed: LogSourceNamed) -> tuple[str, ...]:
    """Our sources that feed a log source of ATT&CK (by its name, in any case) with what its data component asks."""
    if needed.data_component not in _COMPONENTS:
        return ()
    asked = {needed.name.lower()}
    if needed.data_component in _TRAFFIC:
        asked.add(_FLOWS)
    return tuple(sorted(n for n, source in sources().items() if asked <= set(map(str.lower, source.log_sources))))


def _technique(
    found: Found, near: _Near, of_strategy: Mapping[str, list[AnalyticCovered]], strategies: Mapping[str, Found]
) -> TechniqueCovered:
    detecting = [one.id for one in near.of(found.id, "detects", "in") if one.id in strategies]
    told = [analytic for strategy in detecting for analytic in of_strategy.get(strategy, [])]
    return TechniqueCovered(
        id=found.id,
        name=found.name,
        tactics=tuple(one.name for one in near.of(found.id, "tactic", "out")),
        detection_strategies=tuple(detecting),
        analytics=tuple(one.id for one in told),
        reach=min((one.reach for one in told), key=REACHES.index, default="not fed"),
    )


# ------------------------------------------------------------------------------------------------ Navigator

_SCORES: dict[Reach, int] = {"implemented": 100, "all fed": 60, "partly fed": 30, "not fed": 0}
_LAYER, _NAVIGATOR = "4.5", "5.1.0"


def navigator_layer(told: Coverage, release: Release) -> dict[str, Any]:
    """The coverage as a layer of the ATT&CK Navigator.

    Source: layer format 4.5, https://github.com/mitre-attack/attack-navigator/blob/master/layers/spec/v4.5/layerformat.md
    """
    return {
        "name": f"tidewaiter: {told.platform}",
        "versions": {"attack": release.name.split(".")[0], "navigator": _NAVIGATOR, "layer": _LAYER},
        "domain": f"{release.domain}-attack",
        "description": f"What tidewaiter reaches of {told.platform} in ATT&CK {release.name}.",
        "filters": {"platforms": [told.platform]},
        "sorting": 3,
        "hideDisabled": False,
        "techniques": [
            {
                "techniqueID": one.id,
                "score": _SCORES[one.reach],
                "enabled": True,
                "comment": f"{one.reach}: {', '.join(one.analytics) or 'no analytic for the platform'}",
                "showSubtechniques": "." in one.id,
            }
            for one in told.techniques
        ],
        "gradient": {"colors": ["#ffffff", "#ffe766", "#8ec843"], "minValue": 0, "maxValue": 100},
        "legendItems": [{"label": reach, "color": color} for reach, color in _LEGEND],
    }


_LEGEND: tuple[tuple[Reach, str], ...] = (
    ("implemented", "#8ec843"),
    ("all fed", "#cbe65a"),
    ("partly fed", "#ffe766"),
    ("not fed", "#ffffff"),
)
