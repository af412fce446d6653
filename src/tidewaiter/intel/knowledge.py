"""Turns what is known of a value, wherever it stands, into a judgement."""

import re

import msgspec

from tidewaiter.intel.briefing import Disposition
from tidewaiter.intel.candidate import Candidate
from tidewaiter.intel.carried import is_content
from tidewaiter.intel.hashes import EMPTY
from tidewaiter.intel.images import is_official
from tidewaiter.intel.names import host_of, registrable
from tidewaiter.intel.setting import Facts
from tidewaiter.intel.wellknown import address_note, carries_anything, is_common_name, is_everywhere, name_note

HASHES = frozenset({"md5", "sha1", "sha256", "sha512"})
FILES = frozenset({"file_name", "file_path"})
OPENLY = 25
"""Weight of being written so that it can be followed, where other values are not."""
COMMON = 75
"""Weight of a file's name that is common: only a list of indicators says more."""
_OFFICE = re.compile(
    r"\A(?:security|info|press|contact|abuse|support|soc|cert|report|media|sales|help|hello|psirt|privacy|admin|"
    r"webmaster|noreply|no-reply|ir|csirt|feedback|team|tips)@"
)


class Judgement(msgspec.Struct, frozen=True):
    """What one mention says of a value."""

    disposition: Disposition
    weight: int
    """How much it counts against other mentions of the same value."""
    reason: str


def knowledge_of(each: Candidate, facts: Facts, defanged: bool) -> Judgement | None:
    """What is known of the value itself; a weight of 90 and more is the last word."""
    if each.type in HASHES or each.type == "image_digest":
        note = EMPTY.get(each.value.removeprefix("sha256:"))
        return Judgement("benign", 98, note) if note else None
    if each.type in ("ipv4", "ipv6"):
        found = address_note(each.value)
        return Judgement("context", 96 if found[1] else 35, found[0]) if found else None
    if each.type in ("domain", "url", "email"):
        return _of_host(each, facts, defanged)
    if each.type in FILES and is_everywhere(each.value):
        return Judgement("context", 92, "a file that every system or every project has")
    if each.type in FILES and is_common_name(each.value):
        return Judgement("context", COMMON, "a name that many projects give to a file")
    if each.type == "image" and is_official(each.value):
        return Judgement("benign", 72, "one of the official images")
    return None


def _of_host(each: Candidate, facts: Facts, defanged: bool) -> Judgement | None:
    host = each.value.rpartition("@")[2] if each.type == "email" else host_of(each.value)
    if re.fullmatch(r"[0-9.]+", host):
        found = address_note(host)
        return Judgement("context", 96 if found[1] else 35, found[0]) if found else None
    if _is_own(host, facts) and not defanged:
        return Judgement("benign", 94, "the publisher's own site")
    if each.type == "email" and _OFFICE.match(each.value) and not defanged:
        return Judgement("context", 52, "an office of an organisation, to be written to")
    note = name_note(host)
    if note is None:
        return None
    if each.type == "email":
        return Judgement("context", 35, note[0]) if "documentation" in note[0] else None
    if each.type == "domain" and note[1]:
        return Judgement("benign", 96, note[0])
    if each.type == "domain" and "service" in note[0]:
        return Judgement("context", 78, note[0])
    if "documentation" in note[0]:
        return Judgement("context", 35, note[0])
    if note[1] and not carries_anything(host):
        return Judgement("context", 90, note[0])
    is_open = defanged or (facts.threat and is_content(each.value))
    return Judgement("context", 38 if is_open else 66, note[0])


def _is_own(host: str, facts: Facts) -> bool:
    mine = registrable(host) or host
    return mine in facts.own or (len(mine) > 6 and re.sub(r"[^a-z0-9]", "", mine.partition(".")[0]) in facts.own)
