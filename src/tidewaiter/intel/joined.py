"""Turns what was judged of each value by itself into what the values say of each other.

A digest follows the image that it pins, a URL its host, a file the hash beside it, an unnamed commit the named ones.
"""

import re

import msgspec

from tidewaiter.intel.candidate import Candidate
from tidewaiter.intel.images import is_official
from tidewaiter.intel.knowledge import COMMON, OPENLY, Judgement
from tidewaiter.intel.names import host_of

_OF_IMAGES = ("image", "index", "manifest", "config")
_HOSTS = ("domain", "ipv4", "ipv6")
_OPEN = ("suspicious", "unknown")
_SEVERITY = ("unknown", "context", "benign", "suspicious", "victim", "malicious")
_FILE_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,128}(?![0-9A-Za-z])")
_BESIDE = 24
"""Characters between a file's name and its hash."""
_WEAK = 20
"""Weight up to which nothing was said of a file."""
_BRACKET = 6
"""Characters between a reference and the digest that stands in brackets behind it."""
_COMMIT = "a git commit, not the hash of a file"


class Found(msgspec.Struct):
    """All mentions of one value so far."""

    candidate: Candidate
    """The first."""
    offset: int
    written: str
    judgement: Judgement
    evidence: str
    port: int | None
    role: str | None
    mentions: int = 1


def outranks(new: Judgement, old: Judgement) -> bool:
    """Whether a judgement counts more than another one of the same value."""
    if new.weight != old.weight:
        return new.weight > old.weight
    return _SEVERITY.index(new.disposition) > _SEVERITY.index(old.disposition)


def join(found: dict[tuple[str, str], Found]) -> None:
    """Let the values of an article, keyed by type and value, follow each other."""
    _join_digests(found)
    _follow_images(found)
    _follow_commits(found)
    _follow_hashes(found)
    _follow_names(found)
    _follow_hosts(found)


def _join_digests(found: dict[tuple[str, str], Found]) -> None:
    """A SHA-256 that is somewhere the digest of an image is that everywhere."""
    for (kind, value), digest in list(found.items()):
        plain = found.pop(("sha256", value.removeprefix("sha256:")), None) if kind == "image_digest" else None
        if plain is None:
            continue
        if outranks(plain.judgement, digest.judgement):
            digest.judgement, digest.evidence = plain.judgement, plain.evidence
        if plain.offset < digest.offset:
            digest.offset, digest.written = plain.offset, plain.written


def _follow_images(found: dict[tuple[str, str], Found]) -> None:
    """References of one repository share the strongest judgement, and a digest follows the reference that pins it."""
    repositories: dict[str, Found] = {}
    images = [each for (kind, _), each in found.items() if kind == "image"]
    for each in images:
        name = _repository(each.candidate.value)
        if name not in repositories or outranks(each.judgement, repositories[name].judgement):
            repositories[name] = each
    for (kind, value), each in found.items():
        if kind == "image_digest":
            beside = next((image for image in images if _stands_behind(each.evidence, image.written, value)), None)
            if beside is not None and outranks(
                repositories[_repository(beside.candidate.value)].judgement, each.judgement
            ):
                each.judgement = repositories[_repository(beside.candidate.value)].judgement
    hostile = next((each for each in images if each.judgement.disposition == "malicious"), None)
    for (kind, _), each in found.items() if hostile is not None else ():
        if kind == "image_digest" and each.judgement.disposition == "unknown" and each.role in _OF_IMAGES:
            each.judgement = Judgement("malicious", 30, f"the article tells of {hostile.candidate.value[:80]}")  # type: ignore[union-attr]
    for each in images:
        best = repositories[_repository(each.candidate.value)]
        each.judgement = best.judgement
        name, at, digest = each.candidate.value.partition("@")
        pinned = found.get(("image_digest", digest)) if at else None
        if pinned is not None and (outranks(each.judgement, pinned.judgement) or is_official(name)):
            reason = f"the digest of {name}: {each.judgement.reason}"
            pinned.judgement = Judgement(each.judgement.disposition, each.judgement.weight, reason)


def _follow_hosts(found: dict[tuple[str, str], Found]) -> None:
    """What the article leaves open of a URL, its host tells, and the other way round; so does a name for those "
    "below."""
    hostile = {
        each.candidate.value: each
        for (kind, _), each in found.items()
        if kind in _HOSTS and each.judgement.disposition == "malicious"
    }
    for (kind, value), each in found.items():
        if kind == "url" and each.judgement.disposition == "malicious":
            host = host_of(value)
            for known in (found.get((of, host)) for of in _HOSTS):
                if known is not None and known.judgement.disposition in _OPEN:
                    known.judgement = Judgement("malicious", 50, f"the host of {value[:80]}")
                    hostile[host] = known
    for (kind, value), each in found.items():
        if (
            kind == "email"
            and value.rpartition("@")[2] in hostile
            and each.judgement.disposition in (*_OPEN, "context")
        ):
            each.judgement = Judgement("malicious", 53, "at a domain that the article tells to be hostile")
        is_open = each.judgement.disposition in _OPEN or each.judgement.weight == OPENLY
        if kind not in ("url", "domain") or not is_open:
            continue
        labels = host_of(value).split(".") if kind == "url" else value.split(".")
        parents = (".".join(labels[at:]) for at in range(max(1, len(labels) - 1)))
        parent = next((name for name in parents if name in hostile), None)
        if parent is not None:
            each.judgement = Judgement("malicious", 50, f"at {parent}, which the article tells to be hostile")


def _follow_names(found: dict[tuple[str, str], Found]) -> None:
    """A path is what the article says of the file by its name alone."""
    for (kind, value), each in found.items():
        if (
            kind == "file_path"
            and each.judgement.weight <= _WEAK
            and each.judgement.disposition in ("unknown", "context")
        ):
            name = found.get(("file_name", re.split(r"[\\/]", value)[-1]))
            if name is not None and name.judgement.disposition == "malicious":
                each.judgement = Judgement("malicious", 50, f"the path of {name.candidate.value}")


def _repository(value: str) -> str:
    head, _, last = value.partition("@")[0].rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


def _stands_behind(text: str, image: str, digest: str) -> bool:
    """Whether a digest stands in brackets, or with a few signs between, behind a reference."""
    place = text.find(image)
    end = text.find(digest.removeprefix("sha256:"), place + len(image)) if place >= 0 else -1
    gap = text[place + len(image) : end].removesuffix("sha256:") if end >= 0 else ""
    return end >= 0 and len(gap) <= _BRACKET and not any(char.isalnum() for char in gap)


def _follow_commits(found: dict[tuple[str, str], Found]) -> None:
    """Where other SHA-1 values are commits, one of which nothing is said is a commit as well."""
    sums = [each for (kind, _), each in found.items() if kind == "sha1"]
    if any(each.candidate.doubt == _COMMIT for each in sums):
        for each in sums:
            if each.judgement.disposition == "unknown":
                each.judgement = Judgement("context", 20, f"among git commits, and so {_COMMIT}")


def _follow_hashes(found: dict[tuple[str, str], Found]) -> None:
    """A file is what the hash right beside its name is."""
    for (kind, value), each in found.items():
        if kind not in ("file_name", "file_path") or each.judgement.weight > COMMON:
            continue
        if each.judgement.disposition not in ("unknown", "context"):
            continue
        place = each.evidence.find(value)
        if place < 0:
            continue
        for told in _HEX.finditer(each.evidence):
            gap = (
                each.evidence[told.end() : place]
                if told.end() <= place
                else each.evidence[place + len(value) : told.start()]
            )
            digits = found.get((_FILE_HASHES.get(len(told[0]), ""), told[0].lower()))
            if (
                digits is not None
                and len(gap) <= _BESIDE
                and digits.judgement.disposition in ("malicious", "suspicious")
            ):
                each.judgement = Judgement(digits.judgement.disposition, 51, "its hash stands beside it")
                break
