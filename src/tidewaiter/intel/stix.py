"""Turns a briefing into a STIX 2.1 bundle: a report, indicators worth an alarm, techniques and vulnerabilities.

Ids are made of what they stand for, and times come from the article, so that the same briefing is always the same
bundle. An indicator and a technique are related only where one sentence tells of both. STIX has no words for wallets,
container images and their digests; the report's description counts what was left out.
"""

import hashlib
import json
from collections import Counter
from typing import Any

import stix2

from tidewaiter.intel.briefing import HUNTED, Briefing, Indicator, Technique

_UNDATED = "1970-01-01T00:00:00.000Z"
"""When the article does not tell its date: no clock is asked, so that a second run writes the same."""
_NAMESPACE = "tidewaiter briefing"
_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
_SIMPLE = {
    "domain": "domain-name:value",
    "url": "url:value",
    "email": "email-addr:value",
    "file_name": "file:name",
    "registry_key": "windows-registry-key:key",
    "package": "software:name",
}
_ADDRESSES = {"ipv4": "ipv4-addr", "ipv6": "ipv6-addr"}


def stix_bundle(briefing: Briefing) -> bytes:
    """The bundle as JSON, indented, with a line feed at its end."""
    made = _Bundle(briefing).objects()
    bundle = stix2.Bundle(objects=made, id=_id("bundle", *(one["id"] for one in made)), allow_custom=False)
    return json.dumps(json.loads(bundle.serialize()), indent=2, ensure_ascii=False).encode() + b"\n"


def pattern(one: Indicator) -> str | None:
    """The STIX pattern that finds an indicator; None where STIX has no words for it."""
    value = _quoted(one.value)
    if one.type in _HASHES:
        return f"[file:hashes.'{_HASHES[one.type]}' = {value}]"
    if one.type in _SIMPLE:
        return f"[{_SIMPLE[one.type]} = {value}]"
    if one.type in _ADDRESSES:
        kind = _ADDRESSES[one.type]
        if one.port is None:
            return f"[{kind}:value = {value}]"
        where = f"network-traffic:dst_ref.type = '{kind}' AND network-traffic:dst_ref.value = {value}"
        return f"[{where} AND network-traffic:dst_port = {one.port}]"
    if one.type == "file_path":
        mark = "\\" if "\\" in one.value else "/"
        folder, _, name = one.value.rpartition(mark)
        if not name:
            return f"[directory:path = {_quoted(folder or mark)}]"
        inside = f"file:parent_directory_ref.path = {_quoted(folder or mark)} AND " if mark in one.value else ""
        return f"[{inside}file:name = {_quoted(name)}]"
    return None


def _quoted(value: str) -> str:
    """A string literal of the pattern grammar, which escapes two signs."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _id(kind: str, *parts: str) -> str:
    """A UUID of version 5 (RFC 9562, section 5.5) from what it stands for."""
    text = json.dumps([_NAMESPACE, kind, *parts], ensure_ascii=True)
    raw = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    raw[6], raw[8] = raw[6] & 0x0F | 0x50, raw[8] & 0x3F | 0x80
    told = raw.hex()
    return f"{kind}--{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"


class _Bundle:
    """One briefing on its way to STIX."""

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing
        self._at = f"{briefing.source.date}T00:00:00.000Z" if briefing.source.date else _UNDATED
        self._key = briefing.source.sha256 or briefing.title
        self._author = _id("identity", "tidewaiter")
        self._common: dict[str, Any] = {"created": self._at, "modified": self._at}

    def objects(self) -> list[Any]:
        """All objects; the report refers to each but itself."""
        hunted = [one for one in self._briefing.indicators if one.disposition in HUNTED]
        told = [(one, pattern(one)) for one in hunted]
        indicators = {
            _id("indicator", self._key, one.type, one.value, str(one.port)): (one, found)
            for one, found in told
            if found
        }
        techniques = {_id("attack-pattern", one.id): one for one in self._briefing.techniques}
        cves = sorted({one.value for one in self._briefing.indicators if one.type == "cve"})
        members = [
            stix2.Identity(id=self._author, name="tidewaiter", identity_class="system", **self._undated()),
            *(self._indicator(found, *pair) for found, pair in indicators.items()),
            *(self._technique(found, one) for found, one in techniques.items()),
            *(self._vulnerability(name) for name in cves),
            *self._relations({found: one for found, (one, _) in indicators.items()}, techniques),
        ]
        left_out = Counter[str](one.type for one, found in told if found is None and one.type != "cve")
        return [*members, self._report([one["id"] for one in members], left_out)]

    @staticmethod
    def _undated() -> dict[str, Any]:
        """Of what stands for the same thing in every briefing."""
        return {"created": _UNDATED, "modified": _UNDATED}

    def _indicator(self, found: str, one: Indicator, told: str) -> Any:
        return stix2.Indicator(
            id=found,
            created_by_ref=self._author,
            name=f"{one.type}: {one.value}",
            description=f"{one.disposition}: {one.reason}. Evidence: {one.evidence}",
            indicator_types=["malicious-activity" if one.disposition == "malicious" else "anomalous-activity"],
            pattern=told,
            pattern_type="stix",
            valid_from=self._at,
            **self._common,
        )

    def _technique(self, found: str, one: Technique) -> Any:
        page = f"https://attack.mitre.org/techniques/{one.id.replace('.', '/')}"
        return stix2.AttackPattern(
            id=found,
            created_by_ref=self._author,
            name=one.name or one.id,
            external_references=[{"source_name": "mitre-attack", "external_id": one.id, "url": page}],
            **self._undated(),
        )

    def _vulnerability(self, name: str) -> Any:
        return stix2.Vulnerability(
            id=_id("vulnerability", name),
            created_by_ref=self._author,
            name=name,
            external_references=[{"source_name": "cve", "external_id": name}],
            **self._undated(),
        )

    def _relations(self, indicators: dict[str, Indicator], techniques: dict[str, Technique]) -> list[Any]:
        return [
            stix2.Relationship(
                id=_id("relationship", source, "indicates", target),
                created_by_ref=self._author,
                relationship_type="indicates",
                source_ref=source,
                target_ref=target,
                description=technique.evidence,
                **self._common,
            )
            for source, indicator in indicators.items()
            for target, technique in techniques.items()
            if indicator.evidence and indicator.evidence == technique.evidence
        ]

    def _report(self, members: list[str], left_out: "Counter[str]") -> Any:
        briefing = self._briefing
        words = [f"Severity: {briefing.severity}.", *briefing.summary, briefing.why]
        if left_out:
            listed = ", ".join(f"{count} {name}" for name, count in sorted(left_out.items()))
            words.append(f"Indicators that STIX has no words for, and which are not in this bundle: {listed}.")
        reference = {"source_name": briefing.source.publisher or "article", "description": briefing.title}
        if briefing.source.url:
            reference["url"] = briefing.source.url
        if briefing.source.sha256 and briefing.source.url:
            reference_hashes = {"hashes": {"SHA-256": briefing.source.sha256}}
        else:
            reference_hashes = {}
        return stix2.Report(
            id=_id("report", self._key),
            created_by_ref=self._author,
            name=briefing.title,
            description="\n".join(word for word in words if word),
            report_types=["threat-report"],
            published=self._at,
            object_refs=members,
            external_references=[{**reference, **reference_hashes}],
            **self._common,
        )
