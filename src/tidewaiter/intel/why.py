"""Turns what was found in an article into the sentence that says why it matters, or why there is nothing to hunt."""

from collections import Counter
from collections.abc import Sequence

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import HUNTED, Indicator, NotUsed, Severity, Technique
from tidewaiter.intel.genre import genre_with
from tidewaiter.intel.severity import NO_ATTACK

_MOST = 5
_DIGESTS = ("image_digest", "sha256", "sha512")
_RUN = ("cve", "package")
"""What no telemetry shows, but an inventory of software."""
_KINDS = {
    "md5": ("MD5 hash", "MD5 hashes"),
    "sha1": ("SHA-1 hash", "SHA-1 hashes"),
    "sha256": ("SHA-256 hash", "SHA-256 hashes"),
    "sha512": ("SHA-512 hash", "SHA-512 hashes"),
    "domain": ("domain", "domains"),
    "url": ("URL", "URLs"),
    "ipv4": ("IPv4 address", "IPv4 addresses"),
    "ipv6": ("IPv6 address", "IPv6 addresses"),
    "email": ("mail address", "mail addresses"),
    "cve": ("vulnerability", "vulnerabilities"),
    "file_name": ("file name", "file names"),
    "file_path": ("path", "paths"),
    "registry_key": ("registry key", "registry keys"),
    "wallet": ("wallet", "wallets"),
    "image": ("container image", "container images"),
    "image_digest": ("image digest", "image digests"),
    "package": ("package", "packages"),
}
_ROLES = {
    "index": ("index", "indexes"),
    "manifest": ("manifest", "manifests"),
    "config": ("config", "configs"),
    "layer": ("layer", "layers"),
    "diff_id": ("unpacked layer", "unpacked layers"),
    "chain_id": ("chain of layers", "chains of layers"),
    "image": ("image", "images"),
    "blob": ("blob", "blobs"),
}


def why_of(
    article: Article,
    severity: Severity,
    indicators: Sequence[Indicator],
    not_used: Sequence[NotUsed],
    techniques: Sequence[Technique],
) -> str:
    """Why it matters, or why there is nothing to hunt: one to three sentences."""
    hunted = [one for one in indicators if one.disposition in HUNTED]
    genre = genre_with(article, indicators)
    if not hunted and not (genre.tells_of_attack and techniques):
        return " ".join(["There is nothing to hunt here.", *_digests(indicators, not_used), _reason(genre.kind)])
    told = []
    if hunted:
        seen = [one for one in hunted if one.type not in _RUN]
        run = [one for one in hunted if one.type in _RUN]
        if seen:
            told.append(f"{counted(seen)} can be looked for in your own telemetry.")
        if run:
            told.append(f"Check what you run for {counted(run)}.")
    if techniques:
        names = listed(shown(techniques))
        told.append(f"The article shows how it is done: {names}; what leaves traces of these is worth a look.")
    if not hunted:
        told.append("It gives no indicator that is malicious, so that only behaviour can be hunted for.")
    elif severity in ("high", "critical"):
        told.append("Look soon: the severity rests on what the article tells, not on the number of indicators.")
    return " ".join(told)


def counted(indicators: Sequence[Indicator]) -> str:
    """How many there are of each kind: `2 domains and 1 URL`."""
    counts = Counter(one.type for one in indicators)
    return listed([f"{number} {_KINDS[kind][number > 1]}" for kind, number in sorted(counts.items())])


def shown(techniques: Sequence[Technique]) -> list[str]:
    """The first few techniques, and how many there are besides."""
    names = [f"{one.name} ({one.id})" if one.name else one.id for one in techniques[:_MOST]]
    more = len(techniques) - _MOST
    return [*names, f"{more} more"] if more > 0 else names


def _digests(indicators: Sequence[Indicator], not_used: Sequence[NotUsed]) -> list[str]:
    """What the digests and hashes are, where there are any."""
    everything: tuple[Indicator | NotUsed, ...] = (*indicators, *not_used)
    found = {one.value: one for one in everything if one.type in _DIGESTS}.values()
    parts = Counter(one.role for one in found if one.role in _ROLES)
    told = []
    if parts.total() == 1:
        (role,) = parts
        whose = "a container image" if role == "image" else f"the {_ROLES[role][0]} of a container image"
        told.append(f"The image digest is that of {whose}.")
    elif parts:
        kinds = listed([f"{number} {_ROLES[role][number > 1]}" for role, number in sorted(parts.items())])
        told.append(f"The {parts.total()} image digests name parts of container images: {kinds}.")
    reasons = Counter(
        one.reason.rstrip(".") for one in found if one.role not in _ROLES and one.disposition in ("benign", "context")
    )
    if reasons:
        number = "hash is" if reasons.total() == 1 else "hashes are"
        told.append(
            f"{reasons.total()} {number} not malicious: {'; '.join(name for name, _ in reasons.most_common(_MOST))}."
        )
    return told


def _reason(kind: str) -> str:
    if kind == "attack":
        return "The article tells of something hostile, but of nothing that could be looked for."
    if kind == "advisory":
        return "The article tells of a vulnerability, and of no attack that used it."
    return f"{NO_ATTACK[kind]}."


def listed(told: Sequence[str]) -> str:
    """`a, b and c`; not of nothing."""
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
