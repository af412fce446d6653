"""Defines a briefing: the public JSON of `tidewaiter brief`."""

from typing import Literal

import msgspec

IndicatorType = Literal[
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "domain",
    "url",
    "ipv4",
    "ipv6",
    "email",
    "cve",
    "file_name",
    "file_path",
    "registry_key",
    "wallet",
    "image",
    "image_digest",
    "package",
]
Disposition = Literal["malicious", "suspicious", "victim", "benign", "context", "unknown"]
Severity = Literal["informational", "low", "medium", "high", "critical"]
Language = Literal["spl", "kql", "eql", "esql", "sigma", "tidewaiter"]

REPORTED: frozenset[Disposition] = frozenset({"malicious", "suspicious", "victim", "unknown"})
"""Dispositions of indicators that are reported. What is `benign` or `context` is found and not reported: digests and
images stand among the indicators for what they are, all else under `not_used`."""
HUNTED: frozenset[Disposition] = frozenset({"malicious", "suspicious"})
"""Dispositions that are hunted for."""


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator that the article names."""

    type: IndicatorType
    value: str
    """Refanged, in normal form: hashes and domains in lower case, addresses as `ipaddress` writes them."""
    disposition: Disposition
    reason: str
    """Why, in one clause: the article's own words or what is known of such values."""
    evidence: str
    """The sentence, the row or the line that holds it, as it stands there."""
    offset: int
    """Of its first mention in the article's text."""
    written: str
    """As the article writes it there."""
    port: int | None = None
    role: str | None = None
    """Of an `image_digest`: what it is the digest of: `index`, `manifest`, `config`, `layer`, `diff_id`, `chain_id`,
    `image` (one of the first three), `blob` (any of them); of a `package` its registry: `npm`, `pypi`; of a `wallet`
    its currency."""


class Technique(msgspec.Struct, frozen=True, kw_only=True):
    """One ATT&CK technique that the article tells of."""

    id: str
    name: str | None
    score: float
    how: Literal["explicit", "inferred"]
    evidence: str
    offset: int


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of the kill chain, with the sentence that tells of it."""

    name: str
    evidence: str
    offset: int


class Hunt(msgspec.Struct, frozen=True, kw_only=True):
    """One query, ready to be run."""

    language: Language
    title: str
    query: str
    indicators: tuple[str, ...] = ()
    """Values it looks for; empty of a behavioural hunt."""


class NotUsed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found and is no indicator to report."""

    type: str
    value: str
    reason: str
    evidence: str
    offset: int
    disposition: Disposition = "context"
    """`benign` or `context`."""
    role: str | None = None
    """As an indicator's."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the article came from."""

    url: str | None
    publisher: str | None
    date: str | None
    sha256: str | None


class Briefing(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="briefing"):
    """What an analyst should know of one article."""

    schema: int = 1
    title: str
    severity: Severity
    severity_reasons: tuple[str, ...]
    source: Source
    summary: tuple[str, ...]
    """The threat profile, in our words from the article's facts; quotations are marked as such."""
    indicators: tuple[Indicator, ...]
    """Those that are reported, and digests and images that are not: their disposition says which."""
    techniques: tuple[Technique, ...]
    phases: tuple[Phase, ...]
    hunts: tuple[Hunt, ...]
    not_hunted: tuple[str, ...] = ()
    """What is malicious or suspicious and no query looks for, and why, one sentence each."""
    why: str
    """Why it matters, or why there is nothing to hunt."""
    not_used: tuple[NotUsed, ...]
    attack_release: str | None = None
