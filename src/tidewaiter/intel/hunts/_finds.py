"""Turns indicators into what a query can look for: values of the right form, each once, kinds apart.

An article is hostile. A value that is not of its kind's form (a domain with a quote, a path with a line feed) cannot be
what a sensor reports, so it is left out here, before any language has to write it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.indicators import domain_or_none
from tidewaiter.intel.briefing import HUNTED, Indicator, IndicatorType
from tidewaiter.reference import reference_or_none

MAX_FINDS = 10_000
"""Of one briefing; an article with more is a feed, and has its own ways into a SIEM."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[A-Za-z0-9_.~:/?#\[\]@!$&'(*+),;=%-]+\Z")
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}\Z")
_WALLET = re.compile(r"[0-9A-Za-z]{20,120}\Z")
_HIVE = re.compile(
    r"\\*(?:HKEY_[A-Z_]{4,30}|HK(?:LM|CU|CR|U|CC)|REGISTRY\\MACHINE|REGISTRY\\USER)(?::?\\)", re.IGNORECASE
)
_HEX = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


class Find(msgspec.Struct, frozen=True):
    """One value to look for."""

    type: IndicatorType
    value: str
    indicator: Indicator


def finds(indicators: Iterable[Indicator]) -> tuple[Find, ...]:
    """What is worth looking for: malicious and suspicious values in sound form, by kind and value, each once."""
    found: dict[tuple[str, str], Find] = {}
    for indicator in indicators:
        if indicator.disposition in HUNTED:
            kind, value = _kind_and_value(indicator)
            if value is not None:
                find = Find(kind, value, indicator)
                kept = found.setdefault((kind, value), find)
                if kept.indicator.disposition != "malicious" and indicator.disposition == "malicious":
                    found[kind, value] = find
    return tuple(found[key] for key in sorted(found)[:MAX_FINDS])


def folders(found: Iterable[Find]) -> tuple[str, ...]:
    """The folders in which the article says that files lie, each with a slash (or backslash) at its end."""
    paths = ((find.value, find.value.rfind(_separator(find.value))) for find in found if find.type == "file_path")
    return tuple(sorted({path[: end + 1] for path, end in paths if end > 0}))


def is_folder(path: str) -> bool:
    """Whether a path names a folder: `/tmp/` says where, not what, and is nothing to look for alone."""
    return path.endswith(_separator(path))


def _separator(path: str) -> str:
    return "/" if "/" in path else "\\"


def image_names(value: str) -> tuple[tuple[str, ...], str | None]:
    """The names that producers write for an image's repository, and its tag where the article names one."""
    reference = reference_or_none(value)
    if reference is None or reference.repository is None:
        return (), None
    repository = reference.repository
    names = [repository]
    for prefix in ("docker.io/library/", "docker.io/"):
        if repository.startswith(prefix):
            names.append(repository.removeprefix(prefix))
            break
    named = reference.tag is not None and f":{reference.tag}" in value
    return tuple(names), reference.tag if named else None


def registry_tail(value: str) -> str:
    """A key below its hive, whose name each producer writes in another way (`HKLM`, `HKEY_LOCAL_MACHINE`, ...)."""
    return _HIVE.sub("", value, count=1).lstrip("\\") or value


def _kind_and_value(indicator: Indicator) -> tuple[IndicatorType, str | None]:
    if indicator.type == "image":
        reference = reference_or_none(indicator.value)
        if reference is not None and reference.digest is not None:
            return "image_digest", reference.digest
    sound = _SOUND.get(indicator.type)
    return indicator.type, sound(indicator.value) if sound and len(indicator.value) <= 4096 else None


def _hash(length: int) -> Callable[[str], str | None]:
    form = re.compile(rf"[0-9a-f]{{{length}}}\Z")
    return lambda value: value.lower() if form.match(value.lower()) else None


def _address(version: int) -> Callable[[str], str | None]:
    def sound(value: str) -> str | None:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return None
        return str(address) if address.version == version and "%" not in value else None

    return sound


def _url(value: str) -> str | None:
    return value if len(value) <= 2048 and _URL.match(value) else None


def _email(value: str) -> str | None:
    local, _, host = value.rpartition("@")
    domain = domain_or_none(host)
    return f"{local}@{domain}" if domain and _LOCAL_PART.match(local) else None


def _text(longest: int, needs: str, without: str = "") -> Callable[[str], str | None]:
    """Text that a person can read (no control characters, none that turn the direction), with one of `needs`."""

    def sound(value: str) -> str | None:
        fits = 0 < len(value) <= longest and value.isprintable() and value.strip() == value
        return value if fits and (not needs or set(needs) & set(value)) and not set(without) & set(value) else None

    return sound


_SOUND: Mapping[str, Callable[[str], str | None]] = {
    **{kind: _hash(length) for kind, length in _HEX.items()},
    "domain": domain_or_none,
    "url": _url,
    "ipv4": _address(4),
    "ipv6": _address(6),
    "email": _email,
    "file_name": _text(255, "", without="/\\"),
    "file_path": _text(4096, "/\\"),
    "registry_key": _text(1024, "\\"),
    "wallet": lambda value: value if _WALLET.match(value) else None,
    "image": lambda value: value if image_names(value)[0] else None,
    "image_digest": digest_or_none,
}
"""CVEs and packages are missing: no table here has a field for a vulnerability or for what was installed."""
