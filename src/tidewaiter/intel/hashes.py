"""Finds hashes, CVE numbers and digests of images in a passage."""

import re
from collections.abc import Iterator

from tidewaiter.intel.briefing import IndicatorType
from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.container_digests import Places
from tidewaiter.intel.lookalikes import after, before

KINDS: dict[int, IndicatorType] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
EMPTY = {
    "d41d8cd98f00b204e9800998ecf8427e": "the hash of an empty file",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709": "the hash of an empty file",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": "the hash of an empty file",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e": "the hash of an empty file",
    "68b329da9893e34099c7d8ad5cb9c940": "the hash of one line feed",
    "adc83b19e793491b1c6ea0fd8b46cd9f32e592fc": "the hash of one line feed",
    "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b": "the hash of one line feed",
    "a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4": "the digest of an empty layer",
    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef": "the digest of an empty layer",
    "4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1": "the digest of an empty layer",
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": "the digest of an empty JSON object",
}
"""Hashes that anything may have, and what they are of."""

_HASH = re.compile(
    r"(?<![A-Za-z0-9])(?P<prefix>sha256:)?"
    r"(?P<hex>[0-9a-fA-F]{128}|[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![A-Za-z0-9])"
)
_BROKEN = re.compile(r"(?<![A-Za-z0-9])[0-9a-fA-F]{8,120}(?:[ \n]{1,2}[0-9a-fA-F]{4,120}){1,4}(?![A-Za-z0-9])")
_CVE = re.compile(
    r"(?<![A-Za-z0-9])CVE[-\u2010-\u2015_ ]((?:199|20[0-4])[0-9])[-\u2010-\u2015]([0-9]{4,7})(?![0-9])", re.IGNORECASE
)
_GIT_BEFORE = re.compile(
    r"(?:\b(?:commits?|revisions?|rev|HEAD|git|checkout|cherry-pick|merged?|submodule|parent|tree|changeset|"
    r"pinned(?: to)?|"
    r"reverted?)\b[^.;|\n]{0,24}|[\w.-]/[\w.-]{1,60}@|/(?:commit|tree|blob|commits)/)\Z",
    re.IGNORECASE,
)
_GIT_AFTER = re.compile(r"[\"'`)]?\s{0,3}(?:\(?(?:HEAD|refs/|commit|Merge|tags?/)|[a-z]+\([\w-]+\): )")
_OTHER_IDS = re.compile(
    r"\b(?P<what>imp(?:ort )?hash|ja3s?|ja4\w*|jarm|vhash|rich(?: header)?(?: hash)?|authentihash|symhash|"
    r"telfhash|dhash|icon hash|"
    r"serial(?: number)?|(?:aes|rc4|xor|des|encryption|decryption|private|public|api|session|license|secret|"
    r"access|crypto|account|auth)"
    r"[ _-]?(?:key|token|id)|key|iv|nonce|salt|tokens?|guid|uuid|mutex(?:es)?|cookie|passwords?|fingerprint|"
    r"thumbprint|client[ _-]?id|app(?:lication)?[ _-]?id|"
    r"tenant[ _-]?id|build[ _-]?id|campaign(?:[ _-]?id)?|bot[ _-]?id|victim[ _-]?id|container[ _-]?id|user[ _-]?agent)"
    r"\b[\s\"'`:=(\[|]{0,4}(?:is |of |was )?[\"'`(]?\Z",
    re.IGNORECASE,
)
_OTHER_HASH = re.compile(
    r"\b(?P<what>imp(?:ort )?hash|ja3s?|jarm|authentihash|telfhash|vhash|mutex(?:es)?|thumbprints?|fingerprints?|"
    r"serial numbers?|(?:rc4|aes|xor) key)\b[^.;|,\n0-9]{0,48}\Z",
    re.IGNORECASE,
)
_HEADER_ID = re.compile(r"(?:\b[Xx]-[\w-]{1,30}|\b[\w-]{0,20}-?(?:Id|ID|id|UID|uid))[\"'`]?\s?[:=]\s?[\"'`]?\Z")
_CONTAINER_PLACE = re.compile(
    r"(?:/containers/|docker-|cri-containerd-|crio-|libpod-|/overlay2/|/volumes/|/docker/|/kubepods/[\w/.-]{0,80})\Z"
)


def hashes(passage: Passage, places: Places) -> Iterator[Candidate]:
    """Hashes by their length; a SHA-256 that stands where images have their digests is an `image_digest`."""
    for found in _HASH.finditer(passage.text):
        digits = found["hex"]
        if digits not in (digits.lower(), digits.upper()):
            continue
        start, end = found.span("hex")
        value = digits.lower()
        what = _is_something_else(passage, start, end)
        role = places.role_of(found.start(), end) if len(digits) == 64 and what is None else None
        if role is not None:
            yield Candidate(type="image_digest", value=f"sha256:{value}", start=found.start(), end=end, role=role)
            continue
        yield Candidate(type=KINDS[len(digits)], value=value, start=start, end=end, doubt=what)
    if passage.block.kind == "table":
        yield from _broken(passage)
    for found in _CVE.finditer(passage.text):
        yield Candidate(type="cve", value=f"CVE-{found[1]}-{found[2]}", start=found.start(), end=found.end())


def _is_something_else(passage: Passage, start: int, end: int) -> str | None:
    ahead, behind = before(passage, start), after(passage, end)
    digits = passage.text[start:end].lower()
    if (len(set(digits)) < 3 and set(digits) <= {"0", "f"}) or digits.isdigit():
        return "a placeholder or a number, not a hash"
    if (
        end - start == 40
        and (_GIT_BEFORE.search(ahead) or _GIT_AFTER.match(behind))
        and not re.search(r"sha-?1\W{1,3}\Z", ahead, re.I)
    ):
        return "a git commit, not the hash of a file"
    label = _OTHER_IDS.search(ahead) or _OTHER_HASH.search(ahead) or _OTHER_IDS.search(passage.cell(start)[0])
    if label:
        return f"named {label['what'].lower()}: no hash of a file"
    if _HEADER_ID.search(ahead):
        return "an identifier, no hash of a file"
    if _CONTAINER_PLACE.search(ahead):
        return "the id of a container or of its storage, not a hash"
    if end - start == 40 and re.search(r"\bcommit|revision\b", passage.cell(start)[0], re.I):
        return "a git commit, not the hash of a file"
    return None


def _broken(passage: Passage) -> Iterator[Candidate]:
    """Hashes that a narrow column broke: their parts together have the length that the column's name promises."""
    for found in _BROKEN.finditer(passage.text):
        digits = re.sub(r"\s", "", found[0])
        parts = found[0].split()
        name = passage.cell(found.start())[0].lower().replace("-", "")
        kind = KINDS.get(len(digits))
        promised = kind is not None and (
            kind in name or ("hash" in name and not any(len(part) in KINDS for part in parts))
        )
        if kind and promised and digits in (digits.lower(), digits.upper()):
            yield Candidate(type=kind, value=digits.lower(), start=found.start(), end=found.end())
