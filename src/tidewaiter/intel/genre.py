"""Turns an article into the kind of text it is: it tells of an attack, or teaches, specifies, advises, announces."""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from tidewaiter.intel import wording
from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import Indicator
from tidewaiter.intel.claims import clauses
from tidewaiter.intel.sentences import Told, sentences_of

_HOSTILE = re.compile(
    r"(?i)\b(?:attackers?|adversar(?:y|ies)|threat (?:actors?|groups?)|intruders?|hackers?|(?:cyber)?criminals?"
    r"|thieves|fraudsters|scammers|malware|ransomware|backdoor(?:s|ed)?|trojan(?:s|i[sz]ed)?|botnets?|bots|rootkits?"
    r"|(?:info)?stealers?|spyware|worms?|wipers?|web ?shells?|APT ?-?\d+|UNC\d+|TA\d{3,4}|espionage|phishing"
    r"|spear-?phishing|victims?|command[- ]and[- ]control|C2|C&C|exfiltrat\w+|crypto-?(?:jack|min)\w+|(?:coin"
    r"|rival) miners?|xmrig|monero|exploited|intrusions?|zero-days?|stolen|keylogg\w+|mimikatz|cobalt strike"
    r"|extort\w*|malicious|keystrokes?|implants?|shellcode|compromised|hijack\w*|lsass|privilege escalation"
    r"|lateral movement|infect\w*|sandbox evasion|loaders?|droppers?|payloads?|RATs?|affiliates|encryptor|steals?"
    r"|typosquat\w*|miners?|lures?|scam\w*|hacked|honeypots?|brute-forc\w+|trojani[sz]ed|unauthori[sz]ed|perpetrators?"
    r"|(?:the|this|an) actors?|reverse shells?|cyber-?attacks?|attack waves?|leaked|culprits?|doctored|manipulated"
    r"|(?:credentials?|tokens?|keys?|secrets?|passwords?|data) leaks?"
    r"|backdoor account|C2s|beacons?|virustotal|(?:the|this|our|malware) samples?|sinkhol\w*|poisoned)\b"
)
_ANNOUNCING = re.compile(
    r"(?i)\b(?:this|our|the following|below) (?:post|article|report|blog|advisory|brief\w*|write-?up|page|section"
    r"|case study|analysis|notice)\b|\bwe (?:will|describe|look at|were called|explain|present|want to)\b"
    r"|\b(?:authoring|issuing) agencies\b|^note:"
)
_DEFANGED = re.compile(r"(?i)\bhxxps?\b|\w\[(?:\.|dot|at|@)\]\w|\w\((?:dot|at)\)\w")
_VULNERABILITY = re.compile(r"(?i)\b(?:CVE-\d{4}-\d{4,7}|vulnerabilit(?:y|ies)|security (?:flaw|bug|hole|advisory))\b")
_SPECIFIES = re.compile(r"\b(?:MUST|SHALL|SHOULD|REQUIRED|OPTIONAL|MAY)\b")
_TEACHES = re.compile(
    r"(?i)\b(?:you|your|let'?s|we will|tutorial|in this (?:post|article|guide)|step|example|how to)\b"
)
_ANNOUNCES = re.compile(
    r"(?i)\b(?:announc\w+|released?|version \d|now available|new features?|changelog|we(?:'re| are) (?:happy|excited"
    r"|proud))\b"
)
_ADVISES = re.compile(
    r"(?i)\b(?:should|recommend\w*|ensure|mitigat\w*|best practices?|harden\w*|protect|prevent|monitor|restrict)\b"
)
_SHORT = 6
"""Sentences: of an article so short one hostile sentence is enough."""
_SHARE = 0.1
_FEWEST = 2
_DEFANGED_MOST = 3
"""Values made harmless (`evil[.]com`) that count as signs: only who writes of attackers makes them so."""
_OPENING = 8
"""Sentences, headings too, among which an advisory says what it is about."""

Kind = Literal["attack", "advisory", "specification", "tutorial", "announcement", "advice", "text"]


class Genre(msgspec.Struct, frozen=True):
    """How much of an article tells of something hostile that was done."""

    sentences: int
    """Of prose."""
    hostile: tuple[Told, ...]
    """Those that claim something hostile."""
    kind: Kind

    @property
    def tells_of_attack(self) -> bool:
        """Whether the article tells of an attack or of hostile software."""
        return self.kind == "attack"


def telling(hostile: Sequence[Told]) -> Told | None:
    """Of hostile sentences the first that tells what was done; one that only announces the article comes last."""
    return next((one for one in hostile if not _ANNOUNCING.search(one.text)), hostile[0] if hostile else None)


def is_hostile(text: str) -> bool:
    """Whether a text speaks of attackers, their programs or their victims."""
    return _HOSTILE.search(text) is not None


def genre_of(article: Article, told: Sequence[Told] | None = None) -> Genre:
    """How an article reads. `told`: its sentences, where they are at hand."""
    everything = list(sentences_of(article)) if told is None else told
    prose = [one for one in everything if one.block.kind not in ("code", "table", "heading")]
    hostile = tuple(one for one in prose if is_hostile(one.text) and any(clauses(one)))
    defanged = sum(_DEFANGED.search(one.text) is not None for one in everything)
    title = 2 if wording.HAPPENED.search(article.title) else int(is_hostile(article.title))
    signs = len(hostile) + title + min(_DEFANGED_MOST, defanged)
    if not defanged and wording.is_lesson(article.title):
        signs = 0
    return Genre(len(prose), hostile, _kind(article.title, everything, prose, signs))


def genre_with(article: Article, indicators: Sequence[Indicator], told: Sequence[Told] | None = None) -> Genre:
    """The same, knowing its indicators: what calls one malicious and is nothing else tells of an attack."""
    genre = genre_of(article, told)
    if genre.kind == "text" and any(one.disposition == "malicious" for one in indicators):
        return msgspec.structs.replace(genre, kind="attack")
    return genre


def _kind(title: str, everything: Sequence[Told], prose: Sequence[Told], hostile: int) -> Kind:
    if hostile and (len(prose) <= _SHORT or hostile >= max(_FEWEST, _SHARE * len(prose))):
        return "attack"
    if any(_VULNERABILITY.search(text) for text in [title, *(one.text for one in everything[:_OPENING])]):
        return "advisory"
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("specification", _SPECIFIES),
        ("tutorial", _TEACHES),
        ("announcement", _ANNOUNCES),
        ("advice", _ADVISES),
    )
    counts = [(sum(pattern.search(one.text) is not None for one in prose), kind) for kind, pattern in kinds]
    most = max(count for count, _ in counts)
    if most == 0 or most < _SHARE * len(prose):
        return "text"
    return next(kind for count, kind in counts if count == most)
