"""Turns an indicator file (our JSON Lines, briefings as JSON, or one value a line) into the indicators of a hunt."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.indicators import MATCHED, MAX_INDICATORS, IndicatorError, Indicators, Listed, domain_or_none
from tidewaiter.intel.briefing import Briefing
from tidewaiter.intel.hunts import hunts_for
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.reference import reference_or_none

MAX_BYTES = 64 * 1024 * 1024
_MAX_TITLE = 200
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}\Z")
_WITH_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):([0-9]{1,5})\Z")
_DEFANGED = (("[.]", "."), ("(.)", "."), ("[:]", ":"), ("hxxp", "http"))


class IndicatorFileError(ValueError):
    """The file cannot be used: one sentence with the place, the rule that is broken and what was seen."""


class IndicatorFile(msgspec.Struct, frozen=True):
    """What a file lists."""

    indicators: Indicators
    ignored: dict[str, int]
    """Kind -> how many of it were left out, because nothing that is seen of a container can match it."""


def read_indicators(path: str) -> IndicatorFile:
    """Read a file. Raises IndicatorFileError; a file without a single indicator that can match is one."""
    text = _text(path)
    ignored: Counter[str] = Counter()
    kept: dict[tuple[str, str, str], Listed] = {}
    for place, one in _entries(path, text):
        if one.type not in MATCHED:
            ignored[cut(printable(one.type))] += 1
            continue
        try:
            Indicators([one])
        except IndicatorError as error:
            raise IndicatorFileError(f"{place}: {cut(printable(one.value))}: {error}") from error
        kept[one.name, one.disposition, one.title] = one
        if len(kept) > MAX_INDICATORS:
            raise IndicatorFileError(f"{printable(path)}: more than {MAX_INDICATORS:,} indicators; split the file")
    if not kept:
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items())) or "nothing"
        raise IndicatorFileError(f"{printable(path)}: no indicator that a container can match (found: {what})")
    return IndicatorFile(Indicators(kept.values()), dict(ignored))


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise IndicatorFileError(f"{printable(path)}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise IndicatorFileError(f"{printable(path)}: larger than {MAX_BYTES // 2**20} MiB; split the file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IndicatorFileError(f"{printable(path)}: no UTF-8 text (byte {error.start})") from error


def _entries(path: str, text: str) -> Iterator[tuple[str, Listed]]:
    """Each indicator with its place, for faults."""
    shown = printable(path)
    if text.lstrip()[:1] in ("{", "["):
        try:
            whole = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            whole = None
        if whole is not None:
            yield from _of_document(shown, whole)
            return
    for number, line in enumerate(text.splitlines(), 1):
        place, value = f"{shown}:{number}", line.strip()
        if value.startswith("{"):
            try:
                yield from _of_document(place, msgspec.json.decode(value))
            except (msgspec.DecodeError, RecursionError) as error:
                raise IndicatorFileError(f"{place}: no JSON: {cut(printable(str(error)))}") from error
        elif value and not value.startswith("#"):
            yield place, _of_line(place, value)


def _of_document(place: str, document: Any) -> Iterator[tuple[str, Listed]]:
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield from _of_document(f"{place}: [{number}]", one)
        return
    try:
        if isinstance(document, dict) and document.get("kind") == "briefing":
            briefing = msgspec.convert(document, Briefing)
            hunts = hunts_for(briefing.indicators, (), title=briefing.title)
            for hunt in hunts:
                if hunt.language == "tidewaiter":
                    yield from ((place, msgspec.json.decode(line, type=Listed)) for line in hunt.query.splitlines())
            return
        listed = msgspec.convert(document, Listed)
    except msgspec.ValidationError as error:
        raise IndicatorFileError(
            f"{place}: neither an indicator nor a briefing: {cut(printable(str(error)))}"
        ) from error
    title = "".join(letter if letter.isprintable() else " " for letter in listed.title)[:_MAX_TITLE]
    yield place, msgspec.structs.replace(listed, title=title)


_FILE_NAME = re.compile(r"(?=.*\w)[\w.@+~%#=,-]{1,255}")
"""Brackets and quotes are what is left of a broken document."""


def _of_line(place: str, value: str) -> Listed:
    """What kind of value a bare line is. Defanged dots and schemes are read as they were meant."""
    for written, meant in _DEFANGED:
        value = value.replace(written, meant)
    if digest_or_none(value) is not None:
        return Listed(type="image_digest", value=value)
    if _SHA256.match(value):
        return Listed(type="sha256", value=value)
    if "://" in value:
        return Listed(type="url", value=value)
    if value.startswith("/"):
        # `/` within, or the range's length behind an address: a path is never one.
        return Listed(type="file_path", value=value)
    found = _WITH_PORT.match(value)
    host, port = (found[1].strip("[]"), int(found[2])) if found is not None else (value, None)
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError:
        pass
    else:
        kind = "cidr" if "/" in host else f"ipv{network.version}"
        return Listed(type=kind, value=host, port=port)
    if domain_or_none(host) is not None:
        return Listed(type="domain", value=host, port=port)
    if "/" in value and reference_or_none(value) is not None:
        return Listed(type="image", value=value)
    if _FILE_NAME.fullmatch(value):
        return Listed(type="file_name", value=value)
    raise IndicatorFileError(
        f"{place}: {cut(printable(value))}: neither a digest, an image, a domain, an address, a URL nor a path; "
        'write it as {"type": ..., "value": ...}'
    )
