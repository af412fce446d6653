"""Turns the evidence in an article into a severity, with each reason as a sentence that quotes it.

Each kind of evidence has a worth; their sum gives the severity. A hash, a file name or a number of indicators alone
is no evidence; what teaches, specifies or announces is informational whatever it holds.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import Indicator, Severity, Technique
from tidewaiter.intel.claims import is_advice_section, is_denied
from tidewaiter.intel.genre import Genre, genre_with, telling
from tidewaiter.intel.sentences import Told, quoted, sentences_of

_QUOTE = 200
_STEPS: tuple[tuple[int, Severity], ...] = ((7, "critical"), (5, "high"), (3, "medium"), (1, "low"))
_IN_THE_WILD = re.compile(
    r"(?i)\b(?:exploit\w*|abused|used|attacks?) .{0,40}in the wild|\bactively exploit\w*|\bactive exploitation"
    r"|known exploited vulnerabilit|\bzero-day\b.{0,60}\bexploit\w*|exploit\w* .{0,40}\bzero-days?\b"
    r"|mass[- ]exploit\w*"
)
_CAMPAIGN = re.compile(
    r"(?i)\bcampaigns?\b|\bongoing\b|\bstill active\b|\b(?:new|fresh|recent) (?:wave|attacks|intrusions)\b"
)
_SCOPE = re.compile(
    r"(?i)\b(?:(\d{1,3}(?:[,. ]\d{3}){1,3}|\d{2,9})|(hundreds|thousands|millions|dozens|tens of thousands)) ?(?:of )?"
    r"(?:\+|million |thousand )?(?:[\w-]{1,40} ){0,3}?(?:victims|servers|organi[sz]ations|hosts|machines|systems"
    r"|compan(?:y|ies)|users|devices|downloads|customers|clusters|websites|workstations|computers|instances|mailboxes"
    r"|pulls|times)\b"
)
_CVSS = re.compile(r"(?i)\bCVSS\b[^\d\n]{0,60}(?:v?[234](?:\.[01])?[^\d\n]{1,40})?(10(?:\.0)?|\d\.\d)(?!\d|\.\d)")
_DESTRUCTIVE = re.compile(
    r"(?i)\bransomware\b|\bwipers?\b|\bransom note|overwr\w+ .{0,30}(?:files|documents|disk)|master boot record"
)
_REMOTE_CODE = re.compile(
    r"(?i)\b(?:unauthenticated|pre-auth\w*|without (?:authentication|authenticating|logging in|a password"
    r"|credentials))\b.{0,120}\b(?:remote code execution|RCE|execut\w+ (?:arbitrary )?(?:code|commands))"
    r"|\b(?:remote code execution|RCE|execut\w+ (?:arbitrary )?(?:code|commands)).{0,120}\b(?:unauthenticated"
    r"|pre-auth\w*|without (?:authentication|authenticating|logging in|a password|credentials))\b"
)
_MANY = 1000
_CHAIN = 4
"""Techniques that make a chain."""


class _Reason(msgspec.Struct, frozen=True):
    worth: int
    sentence: str


def severity_of(
    article: Article, indicators: Sequence[Indicator], techniques: Sequence[Technique]
) -> tuple[Severity, tuple[str, ...]]:
    """(the severity, its reasons: the weightiest first)."""
    told = list(sentences_of(article))
    genre = genre_with(article, indicators, told)
    if genre.kind not in ("attack", "advisory"):
        return "informational", (f"{NO_ATTACK[genre.kind]}.",)
    reasons = sorted(_reasons(told, genre, indicators, techniques), key=lambda one: -one.worth)
    worth = sum(one.worth for one in reasons)
    severity: Severity = next((step for least, step in _STEPS if worth >= least), "informational")
    return severity, tuple(one.sentence for one in reasons) or (_NOTHING,)


NO_ATTACK = {
    "specification": "The article specifies a format or a protocol and tells of no attack",
    "tutorial": "The article teaches and tells of no attack",
    "announcement": "The article announces something and tells of no attack",
    "advice": "The article gives advice and tells of no attack",
    "text": "The article tells of no attack",
}
_NOTHING = "The article names a vulnerability, but tells of no attack, no victims and no score."


def _reasons(
    told: Sequence[Told], genre: Genre, indicators: Sequence[Indicator], techniques: Sequence[Technique]
) -> Iterator[_Reason]:
    claims = [
        one
        for one in told
        if one.block.kind != "code"
        and not is_denied(one.text)
        and not is_advice_section(one)
        and not one.text.endswith("?")
    ]
    hostile = [one for one in genre.hostile if not is_denied(one.text)] or list(genre.hostile)
    if genre.tells_of_attack:
        opening = telling(hostile) or next((one for one in told if one.text.strip()), None)
        if opening is not None:
            yield _Reason(1, f"The article tells of an attack: {_quote(opening.text)}")
    wild = _first(claims, _IN_THE_WILD)
    if wild is not None:
        yield _Reason(3, f"It is exploited in the wild: {_quote(wild.text)}")
    score = max(_scores(claims), default=None, key=lambda one: one[0])
    if score is not None and score[0] >= 4:
        worth = 3 if score[0] >= 9 else 2 if score[0] >= 7 else 1
        yield _Reason(worth, f"The article gives a CVSS score of {score[0]:g}: {_quote(score[1].text)}")
    code = _first(claims, _REMOTE_CODE)
    if code is not None:
        yield _Reason(2, f"Code can be run from afar without signing in: {_quote(code.text)}")
    if not genre.tells_of_attack:
        return
    destructive = _first(hostile, _DESTRUCTIVE)
    if destructive is not None:
        yield _Reason(2, f"Data is encrypted or destroyed: {_quote(destructive.text)}")
    campaign = _first(hostile, _CAMPAIGN)
    if campaign is not None:
        yield _Reason(1, f"It is a campaign: {_quote(campaign.text)}")
    scope = max(_scopes(claims), default=None, key=lambda one: one[0])
    if scope is not None:
        yield _Reason(2 if scope[0] >= _MANY else 1, f"Many are affected: {_quote(scope[1].text)}")
    malicious = [one for one in indicators if one.disposition == "malicious"]
    if malicious:
        evidence = _quote(malicious[0].evidence)
        number = "one malicious indicator" if len(malicious) == 1 else f"{len(malicious)} malicious indicators"
        yield _Reason(1, f"The article gives {number}, the first here: {evidence}")
    if len(techniques) >= _CHAIN:
        yield _Reason(1, f"It shows {len(techniques)} techniques, the first here: {_quote(techniques[0].evidence)}")


def _first(told: Sequence[Told], pattern: re.Pattern[str]) -> Told | None:
    return next((one for one in told if pattern.search(one.text)), None)


def _scores(told: Sequence[Told]) -> Iterator[tuple[float, Told]]:
    for one in told:
        for match in _CVSS.finditer(one.text):
            yield float(match[1]), one


def _scopes(told: Sequence[Told]) -> Iterator[tuple[int, Told]]:
    words = {"dozens": 24, "hundreds": 200, "thousands": 2000, "tens of thousands": 20_000, "millions": 2_000_000}
    for one in told:
        for match in _SCOPE.finditer(one.text):
            number = int(re.sub(r"\D", "", match[1])) if match[1] else words[match[2].lower()]
            if number >= words["dozens"]:
                yield number, one


def _quote(text: str) -> str:
    """A quotation that ends a sentence."""
    told = quoted(text, _QUOTE)
    return f"“{told}”" if told.endswith((".", "!", "?", "…")) else f"“{told}”."
