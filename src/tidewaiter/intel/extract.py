"""Turns a passage of an article into candidates: what has the shape of an indicator, each place taken once.

A URL takes the place of the host, the path and the file name in it; a path that of its file name; a reference of an
image that of its registry. A value that looks like a file and like a domain is what the text around it says.
"""

import re
from collections.abc import Iterable, Iterator

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.container_digests import Places
from tidewaiter.intel.files import files
from tidewaiter.intel.hashes import hashes
from tidewaiter.intel.images import images, linked_images
from tidewaiter.intel.network import network
from tidewaiter.intel.packages import linked_packages, packages
from tidewaiter.intel.wallets import wallets

_KEEPS_HASHES = re.compile(
    r"(?:virustotal\.com|hybrid-analysis\.com|tria\.ge|any\.run|abuse\.ch|malshare\.com|opentip\.kaspersky\.com|"
    r"joesandbox\.com|blobs/)\S{0,80}\Z",
    re.I,
)
_SHARED = frozenset({"cve", "wallet", "image_digest"})
"""Types that may stand inside something else and still count."""
_RANK = {
    "image": 0,
    "package": 1,
    "url": 2,
    "email": 3,
    "registry_key": 4,
    "file_path": 5,
    "md5": 6,
    "sha1": 6,
    "sha256": 6,
    "sha512": 6,
    "image_digest": 6,
    "cve": 6,
    "wallet": 6,
    "ipv4": 7,
    "ipv6": 7,
    "domain": 8,
    "file_name": 9,
}


def candidates(passage: Passage) -> Iterator[Candidate]:
    """What the passage holds, in the order of the text; hosts of URLs follow their URL."""
    if not passage.text.strip():
        return
    found = [*images(passage), *packages(passage), *network(passage), *files(passage), *wallets(passage)]
    found += hashes(passage, Places(passage))
    kept = _apart(passage, found)
    yield from sorted(kept, key=lambda each: (each.start, -each.end, each.inside, _RANK[each.type], each.value))
    yield from linked_packages(passage)
    yield from linked_images(passage)


def _apart(passage: Passage, found: Iterable[Candidate]) -> Iterator[Candidate]:
    """Without those whose place belongs to another one."""
    taken, urls = bytearray(len(passage.text) + 1), bytearray(len(passage.text) + 1)
    parts: list[Candidate] = []
    for each in sorted(found, key=_precedence):
        if each.inside:
            parts.append(each)
            continue
        free = taken.find(1, each.start, each.end) < 0
        if free or each.type in _SHARED or (_RANK[each.type] == 6 and _may_stand_in(passage, each)):
            yield each
            if free and (each.type not in _SHARED or each.type == "wallet"):
                taken[each.start : each.end] = b"\x01" * (each.end - each.start)
            if each.type == "url":
                urls[each.start : each.end] = b"\x01" * (each.end - each.start)
    yield from (each for each in parts if urls[each.start])


def _precedence(each: Candidate) -> tuple[int, int, int]:
    doubted = 3 if each.type == "domain" and each.doubt is not None else 0
    return _RANK[each.type] + doubted, each.start, -each.end


def _may_stand_in(passage: Passage, each: Candidate) -> bool:
    return _KEEPS_HASHES.search(passage.text[max(0, each.start - 120) : each.start]) is not None
