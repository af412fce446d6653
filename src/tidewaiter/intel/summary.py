"""Turns an article's facts into a threat profile: who, what, whom, how and when, each a short sentence of our own.

Names and dates are taken as they stand; whatever else is the article's wording is set in quotation marks and bounded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import HUNTED, Indicator, Technique
from tidewaiter.intel.claims import is_denied
from tidewaiter.intel.genre import Genre, genre_with, telling
from tidewaiter.intel.sentences import Told, quoted, sentences_of
from tidewaiter.intel.severity import NO_ATTACK
from tidewaiter.intel.why import counted, listed, shown

_MOST = 6
_QUOTE = 240
_PROPER = r"[A-Z][\w.-]{1,30}(?: [A-Z][\w.-]{1,30}){0,2}"
_ACTOR = re.compile(
    r"\b(?:APT ?-?\d{1,3}|UNC\d{3,5}|UAT-\d{3,5}|TA\d{3,4}|FIN\d{1,2}|DEV-\d{3,5}|Storm-\d{3,5}"
    r"|CL-[A-Z]{3}-\d{3,5})\b"
    rf"|\b(?:group|gang|actor|crew|adversary|operators?|cluster)(?:,? (?:that is |which is )?(?:known|tracked|named"
    rf"|called|dubbed)(?: as| by \w+ as)?| named) [\"“']?(?P<called>{_PROPER})"
    rf"|\b(?:group|gang|actor|crew|cluster),? (?:(?:that|which|whom) )?we (?:track|call|name|dub) (?:as )?"
    rf"(?P<ours>{_PROPER})"
    r"|\b(?P<caps>[A-Z][A-Z0-9]{4,20})(?=,? (?:(?:which|whom|that|who) we (?:call|track|follow|name)"
    r"|is a (?:financially|state)))"
    rf"|\b(?:ransomware|extortion|espionage|hacking|threat) (?:group|gang|actor|crew) (?P<after>{_PROPER})"
    rf"|\b(?P<is>{_PROPER})(?=,? (?:is )?an? (?:[\w-]{{1,30}} ){{0,3}}?(?:group|gang|crew|threat actor|APT)\b)"
    rf"|\b(?P<own>{_PROPER})(?= (?:group|gang|crew|APT|threat actor|actor)s?\b)"
)
_PROGRAM = re.compile(
    r"\b(?:malware|ransomware|backdoor|trojan|botnet|stealer|infostealer|loader|dropper|rootkit|worm|wiper|implant"
    rf"|miner|RAT|spyware|bot)s?(?:,? (?:(?:that|which) (?:is|we) )?(?:known|track|tracked|call|named|called"
    rf"|dubbed)(?: as)?) [\"“']?(?P<called>{_PROPER})"
    r"|\b(?P<own>[A-Z][\w.-]{2,30})(?= (?:malware|ransomware|backdoor|trojan|botnet|stealer|infostealer|loader"
    r"|dropper|rootkit|worm|wiper|implant|miner|RAT|spyware)\b)"
    r"|\b(?:malware|ransomware|backdoor|trojan|botnet|stealer|loader|dropper|rootkit|worm|wiper|implant|miner"
    r"|toolkit),? "
    r"(?P<caps>[A-Z][A-Z0-9]{4,20})\b"
    r"|\b(?P<known>XMRig|Cobalt Strike|Mimikatz|Sliver|Mirai|Kinsing"
    r"|TeamTNT|Metasploit|Havoc|AnyDesk|rclone)\b"
)
_NO_NAME_WORDS = (
    "the this that each another new one linux windows android macos python rival our its their espionage ransomware"
    " redis docker kubernetes malware malicious threat hacking hacker chinese russian iranian north korean apt cyber"
    " security research intelligence some many most both these those when after while if as custom modular remote"
    " banking javascript powershell python php net go golang rust node.js autoit"
)
_NO_NAME = frozenset(_NO_NAME_WORDS.split())
"""Words with a capital letter, at the start of a sentence or of a country, that are no names."""
_KINDS = {
    "ransomware": r"\bransomware\b",
    "a wiper": r"\bwipers?\b",
    "mining of cryptocurrency": r"\bxmrig\b|\bcrypto-?(?:jack|min)\w*|\bcoin miners?\b|\bmonero\b",
    "theft of credentials": r"\b(?:info)?stealers?\b|\bstolen (?:passwords|credentials|keys|tokens)\b",
    "a botnet": r"\bbotnets?\b",
    "a supply chain attack": r"\bsupply[- ]chain\b|\b(?:npm|pypi) package",
    "phishing": r"\b(?:spear-?)?phishing\b",
    "espionage": r"\bespionage\b|\bspyware\b",
    "a web shell": r"\bweb ?shells?\b",
    "a rootkit": r"\brootkits?\b",
    "a backdoor": r"\bbackdoors?\b",
}
_KIND_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}
_TARGETS = re.compile(
    r"(?i)\b(?:docker (?:hosts?|daemons?|api)|kubernetes(?: clusters?)?|redis(?: servers?)?|mail servers?"
    r"|exchange servers?|hospitals?|banks?|governments?|ministr(?:y|ies)|embass(?:y|ies)|universit(?:y|ies)|schools?"
    r"|journalists?|developers?|energy (?:firms?|sector|companies)|telecom\w*|manufacturers?|retailers?|law firms?"
    r"|trade unions?|healthcare|defen[cs]e (?:contractors?|industry)|cryptocurrency (?:exchanges?|firms?|wallets?)"
    r"|linux servers?|windows (?:servers?|hosts?|machines?)|vmware esxi|esxi|cloud accounts?|routers?|firewalls?"
    r"|vpn (?:appliances?|devices?))\b"
)
_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun"
    r"|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_WHEN = re.compile(
    rf"\b(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH} (?:19|20)\d\d|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd"
    rf"|th)?, (?:19|20)\d\d|(?:early |mid-|late )?{_MONTH} (?:19|20)\d\d|since (?:19|20)\d\d)\b"
)
_CVE = re.compile(r"(?i)\bCVE-\d{4}-\d{4,7}\b")


def summary_of(article: Article, techniques: Sequence[Technique], indicators: Sequence[Indicator]) -> tuple[str, ...]:
    """The threat profile, a sentence each; of an article that tells of no attack what it is instead."""
    told = list(sentences_of(article))
    genre = genre_with(article, indicators, told)
    if genre.kind not in ("attack", "advisory"):
        return tuple([f"{NO_ATTACK[genre.kind]}.", *_opening(told)])
    return tuple(_profile(told, genre, techniques, indicators))


def _profile(
    told: Sequence[Told], genre: Genre, techniques: Sequence[Technique], indicators: Sequence[Indicator]
) -> Iterator[str]:
    prose = [one for one in told if one.block.kind != "code"]
    claimed = [one for one in prose if not is_denied(one.text)]
    running = [one for one in claimed if one.block.kind != "heading"]  # a heading may write every word with a capital
    who, programs = _names(running, _ACTOR), _names(running, _PROGRAM)
    if who:
        yield f"Who: the article names {listed(who)}."
    elif genre.tells_of_attack:
        yield "Who: the article names no group."
    if programs:
        yield f"With: {listed(programs)}."
    kinds = [kind for kind, pattern in _KIND_PATTERNS.items() if _tells(pattern, genre.hostile)][:_MOST]
    if kinds:
        yield f"What: it tells of {listed(kinds)}."
    first = telling(genre.hostile)
    if first is not None:
        yield f"In its own words: “{quoted(first.text, _QUOTE)}”"
    else:
        yield from _opening(told)
    targets = _distinct(match.group() for one in genre.hostile for match in _TARGETS.finditer(one.text))
    if targets:
        yield f"Against: {listed(targets)}, by what it says of the attack."
    holes = _distinct(match.group().upper() for one in prose for match in _CVE.finditer(one.text))
    if holes:
        yield f"Through: {listed(holes)}."
    if techniques:
        yield f"How: {listed(shown(techniques))}."
    when = _distinct(match.group() for one in claimed for match in _WHEN.finditer(one.text))
    if when:
        yield f"When: it speaks of {listed(when)}."
    hunted = [one for one in indicators if one.disposition in HUNTED]
    if hunted:
        yield f"Traces: {counted(hunted)} to look for."


def _opening(told: Sequence[Told]) -> Iterator[str]:
    for one in told:
        if one.block.kind in ("paragraph", "list", "quote"):
            yield f"It opens with: “{quoted(one.text, _QUOTE)}”"
            return


def _names(told: Sequence[Told], pattern: re.Pattern[str]) -> list[str]:
    def found() -> Iterator[str]:
        for one in told:
            for match in pattern.finditer(one.text):
                name = next((name for name in match.groups() if name), match.group()).rstrip(".-")
                if name.lower() not in _NO_NAME:
                    yield name

    return _distinct(found())


def _tells(pattern: re.Pattern[str], hostile: Sequence[Told]) -> bool:
    return any(pattern.search(one.text) for one in hostile)


def _distinct(names: Iterable[str]) -> list[str]:
    """The first few, each once in whatever case."""
    kept: dict[str, str] = {}
    for name in names:
        if len(kept) >= _MOST:
            break
        kept.setdefault(name.lower(), " ".join(name.split()))
    return list(kept.values())
