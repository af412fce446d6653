"""Turns the words around a value into what they say of it: hostile, a victim's, harmless, or only mentioned.

Headings, introductions of lists and names of columns speak of all below them; the words right beside a value speak of
it alone; a sentence speaks of everything in it, which is why it counts least.
"""

import re
from functools import lru_cache
from typing import Literal

Stance = Literal["malicious", "suspicious", "victim", "benign", "context"]

_I = re.IGNORECASE
_SHORT_LABEL = 60
_HOSTILE = (
    r"malicious|malware|c2|c&c|cnc|command[- ]and[- ]control|attackers?(?:['\u2019]s?)?(?:[- ](?:controlled|owned|"
    r"operated))?|adversar(?:y|ies)"
    r"|threat[- ]actors?|actor[- ]controlled|phish\w*|backdoor\w*|trojan\w*|ransomware|botnets?|bot|stealers?|"
    r"infostealers?|loaders?|droppers?"
    r"|implants?|web[ -]?shells?|rootkits?|payloads?|crypto[- ]?(?:miners?|jack\w*)|coin[- ]?miners?|miners?|"
    r"mining pools?|worms?|rats?|beacon\w*"
    r"|exfiltrat\w*|typosquat\w*|rogue|hostile|spoof\w*|staging|drop[- ]?zone|callback|keylogg\w*|spyware|wiper|"
    r"shellcode|reverse shells?"
    r"|skimmers?|watering[- ]hole|lures?|scam\w*|spam\w*|weaponi[sz]ed|trojani[sz]ed|poisoned|tampered|"
    r"brute[- ]forc\w*|exploit(?:s|ed|ing|ation)?"
    r"|hijack\w*|infect(?:s|ed|ing|ion)|ransom(?: notes?)?|notes? (?:named|called)|extort\w*|leak site|"
    r"stage[- ]?(?:one|two|1|2)|second[- ]stage|first[- ]stage|impersonat\w*|masquerad\w*|fake"
)
HOSTILE = re.compile(rf"\b(?:{_HOSTILE})\b", _I)
ATTACK = re.compile(
    rf"\b(?:{_HOSTILE}|attack(?:s|ed|ing)?|steal(?:s|ing)?|stolen?|thie(?:f|ves)|victims?|hack(?:ed|ers?)|"
    rf"breach\w*|imitat\w*|campaigns?|compromised|fraud\w*|intrusions?|persistence|unauthori[sz]ed|perpetrators?|"
    rf"virustotal|(?:the|this|our|one|malware) samples?|sinkhol\w*|(?:files|data) (?:are|is|were) encrypted|"
    rf"leaked|(?:credentials?|tokens?|keys?|secrets?|passwords?|data) leaks?|sabotage\w*|culprits?)\b",
    _I,
)
"""Words of articles that tell of an attack."""
HAPPENED = re.compile(
    r"\b(?:compromised|hijacked|backdoored|poisoned|trojani[sz]ed|stolen|leaked|breached|hacked|attacked|sabotaged)\b",
    _I,
)
"""Words of a title that tell of what was done to somebody."""
GENERAL = re.compile(
    r"(?:malicious|attack|adversar|exploit|payload|spoof|poison|tamper|impersonat|fake|rogue|hostile|masquerad|imitat"
    r"|loader|staging|callback|bot\Z|rat|lure|compromised|persistence|brute)",
    _I,
)
"""Those that specifications and manuals use as well."""
_ACTION = re.compile(
    r"\b(?:cop(?:y|ies) of itself|plac(?:es|ed)|planted|connect(?:s|ed|ing)? (?:back )?to|contact(?:s|ed|ing)"
    r"|communicat\w+ (?:with|over)|calls? (?:back|home)|"
    r"call(?:s|ed) out|download(?:s|ed|ing)?|retriev\w+"
    r"|fetch(?:es|ed|ing)|dropp?(?:s|ed|ing)|writ(?:es|ten)|creat(?:es|ed|ing)|copies itself|persist\w*|"
    r"resolv(?:es|ed|ing) to|hosted (?:on|at|by)"
    r"|serv(?:es|ed|ing)|runs?|ran|redirect\w* to|sen(?:ds|t)\b.{1,60}\bto|posts? to|uploads?|execut(?:es|ed|ing)|"
    r"launch(?:es|ed|ing)|install(?:s|ed|ing)"
    r"|falls? back (?:to|on)|fallback|posted to|polls|polled|quer(?:ies|ied)|decod(?:es|ed) to|points? to|hard-?coded"
    r"|receives?|exchang(?:es|ed)|push(?:es|ed)"
    r"|spawn(?:s|ed|ing)|stor(?:es|ed)|sav(?:es|ed)|opens?|dump(?:s|ed)|starts?|arriv(?:es|ed) as|attached|"
    r"attachment|sideload\w*|registered|reach(?:es|ed) out|queries|tunnel\w*|scann(?:ed|ing)|(?:came|coming|"
    r"originat\w+|arriv\w+|logg?(?:ed|ing) in|login|logins|requests|traffic|connections?|attempts) from|"
    r"originat\w+ from|observed|used (?:by|in|for|to)|kill(?:s|ed))\b",
    _I,
)
_HEDGED = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|may(?: be)?|might|suspected|suspicious|suspect|likely|believed|"
    r"potential(?:ly)?|could be|appears? to|unconfirmed)\b",
    _I,
)
_NOT_HOSTILE = re.compile(
    r"\b(?:(?:is|are|was|were)(?: \w{1,30})? not(?: \w{1,30})?|isn['\u2019]t|aren['\u2019]t|wasn['\u2019]t|never|"
    r"nothing|no|"
    r"not)(?: \w{1,30}){0,4}? (?:malicious|hostile|harmful|compromised|suspicious|"
    r"related to (?:the|this)|involved|part of (?:the|this))\b|\b(?:false positives?|harmless|do not block|should "
    r"not be blocked|don['\u2019]t block|unrelated to|benign|known[- ]good|connectivity (?:checks?|tests?)|"
    r"check(?:s|ed)? (?:the |its |for )?(?:internet )?connectivity|shared (?:hosting|address))\b",
    _I,
)
_IMITATED = re.compile(
    r"\b(?:typosquat\w*(?: (?:of|on))?|impersonat(?:es?|ed|ing)|mimic(?:s|ked|king)?|imitat\w+|masquerad\w+ as|"
    r"pos(?:es?|ed|ing) as|clones? of|instead of|"
    r"similar to|resembl\w+|look-?alikes? (?:of|for)|spoof(?:s|ed|ing)?|pretend\w* to be|disguised as|abus(?:es|"
    r"ed|ing)|misspell\w* of|confus\w+ with|modell?ed on)"
    r"(?: (?:the|an?|of|popular|widely[- ]used|well[- ]known|legitimate|official|genuine|real|npm|PyPI|Python|"
    r"package|library|site|website|domain|service|brand|"
    r"name|module)){0,7}\W{0,3}\Z",
    _I,
)
_BENIGN_BEFORE = re.compile(
    r"\bwe (?:use|run|operate|own)(?: is)?\W{0,4}\Z"
    r"|\b(?:our|the (?:developers?|compan(?:y|ies)|customers?|vendors?|projects?"
    r"|maintainers?)['\u2019]?s?['\u2019]?) own"
    r"(?: \w{1,20}){0,2}\W{0,4}\Z"
    r"|\b(?:restored|reverted|reset|rolled back)(?: \w{1,20}){0,2} to\W{0,4}\Z"
    r"|\b(?<!not )(?<!not a )(?:legitimate|legit|benign|genuine|"
    r"official|trusted|well-known|harmless|clean|original|untouched|unchanged|unaltered|last good|known[- ]good|"
    r"innocent|unmodified)(?![- ]look|[- ]seem|[- ]sound|-)"
    r"(?:[ -][\w/.]{1,40}){0,4}?\W{0,4}\Z",
    _I,
)
_BENIGN_AFTER = re.compile(
    r"\A[\"'`)\u201d\u2019]?,?\s{0,2}(?:[-–—:(]\s?)?(?:which |that |itself )?(?:is|are|was|were|"
    r"being)?\s?(?:itself |also )?"
    r"(?:not (?:itself )?(?:malicious|hostile|harmful)|(?:an? |the |part of )?(?:[\w-]{1,30} ){0,2}?(?:legitimate|"
    r"benign|harmless|clean|official|unrelated|genuine)(?![- ]look|[- ]seem)\b)",
    _I,
)
_VICTIM_THINGS = (
    r"(?:web ?sites?|sites?|servers?|hosts?|domains?|pages?|portals?|stores?|shops?|mailbox(?:es)?|accounts?|"
    r"organi[sz]ations?|systems?|machines?|"
    r"routers?|devices?|compan(?:y|ies)|blogs?|hosting|networks?|addresses|address|users?|environments?|"
    r"instances?|nas|wordpress|pages?)"
)
_VICTIM_BEFORE = re.compile(
    rf"\b(?:(?:compromised|hacked|breached|victim(?:['\u2019]s|s['\u2019])?|defaced|targeted|infected|vulnerable|"
    rf"(?:otherwise|legitimate) but compromised)(?:,? (?:but |otherwise )?[\w-]{{1,30}}){{0,3}}? {_VICTIM_THINGS}"
    r"(?:,? (?:at|of|on|in|like|such as|including|named|called|belonging to)(?: (?!c2|used|that|which|contact|"
    r"connect)[\w'-]{1,30}){0,4}?){0,2}|"
    r"(?:informed|notified|alerted) (?:the |their |its )?(?:owners?|victims?|operators?|sites?)(?: of)?:?|"
    r"(?:used|directed|launched|attacks?|attacked|ddos\w*|campaigns?|operations?) (?:\w{1,30} )?(?:against|on)(?: "
    r"the)?(?: \w{1,30}){0,2}?|victims?(?: (?:include[ds]?|included|such as|were|was|is|are|at))?|targets?(?: "
    r"(?:included?|were|was|such as))|"
    r"belong(?:s|ing|ed) to (?:the )?victims?|targets?:)\W{0,4}\Z",
    _I,
)
_VICTIM_AFTER = re.compile(
    r"\A[\"'`)\u201d]?,?\s{0,2}\(?(?:which |that )?(?:was|were|is|had been|has been|have been)?\s?(?:a |the |an |"
    r"itself )?(?:also )?(?:legitimate (?:but )?)?(?:compromised|hacked|breached|defaced|victim|targeted by|"
    r"the target of|one of the victims)\b",
    _I,
)
_ALTERED = (
    r"(?:(?:manipulated|falsified|forged|doctored|counterfeit|bogus|altered|modified|compromised)"
    r"(?= (?:[\w-]{1,30} ){0,2}?(?:images?|packages?|versions?|releases?|librar(?:y|ies)|actions?|extensions?|builds?|"
    r"updates?|binar(?:y|ies)|installers?|digests?|tags?|layers?|modules?)\b))"
)
"""What attackers make of programs; of places the same words mean a victim."""
_HOSTILE_BEFORE = re.compile(rf"\b(?:{_HOSTILE}|{_ALTERED})(?:[ /-][\w.&'-]{{1,30}}){{0,5}}?[\W]{{0,4}}\Z", _I)
_IMITATES_AFTER = re.compile(
    r"\A[\"'`)\u201d]?,?\s{0,2}(?:\([^)]{0,60}\) )?(?:which |that |also |package |domain |site |image )?(?:is |"
    r"are |was )?(?:an? |the )?"
    r"(?:pos(?:e|es|ed|ing) as|impersonat\w+|mimic\w*|imitat\w+|masquerad\w+|typosquat\w*|pretend\w*|disguis\w+)",
    _I,
)
_FROM_BEFORE = re.compile(
    r"\b(?:download\w*|fetch\w*|retriev\w*|hosted|served|pulled|loaded|obtained|delivered|exfiltrat\w*|uploaded|"
    r"sent|posted)(?: [\w'-]{1,30}){0,5}? (?:from|at|on|via|to|by)(?: the)?(?: \w{1,30}){0,3}?\W{0,3}\Z",
    _I,
)
_REACHED = re.compile(
    r"\b(?:connect\w*|contact\w*|communicat\w*|call\w*|resolv\w*|beacon\w*|redirect\w*|send\w*|sent|posts?|"
    r"tunnel\w*|reach\w*|report\w* back|queri\w+|fall\w* back|fallback|polls?|polled|decod\w+|point(?:s|ed|ing)? to|"
    r"hard-?coded|pushed|upload\w*|copies)(?: [\w'-]{1,30}){0,6}?\W{0,3}\Z",
    _I,
)
_CITED = re.compile(
    r"\b(?:according to|more (?:about|on)|further (?:details?|information)|listed (?:at|on)"
    r"|(?:we )?thank(?:s to)?|courtesy of|"
    r"(?:prepared|together|in (?:co-?operation|collaboration)) with|was (?:prepared|written) with|reported by"
    r"|published (?:[\w-]{1,20} ){0,5}?(?:by|on|at)|blog post|write-?up|(?:see|read) (?:also|more|our|the)\b|(?:see"
    r"|read):? (?=https?:|\u2026)|learn "
    r"more|more information|described (?:in|by)|references?|documentation|advisor(?:y|ies) (?:at|from)|"
    r"available (?:at|from|on|here)|analysis by|research(?:ers)? (?:at|from|by)|disclosed by|source(?=:)|via "
    r"virustotal|submitted to|patch(?:es)? (?:is|are) available|fixed version)\b",
    _I,
)

_INDICATORS_HEADING = re.compile(
    r"\b(?:iocs?|indicators?(?: of (?:compromise|attack))?|observables|(?:attackers?|adversary|threat actor|"
    r"malware|campaign)[\u2019's]{0,2} (?:infrastructure|domains?|ips?|urls?|hash(?:es)?|wallets?|"
    r"e-?mails?|accounts?|images?|packages?|files?|samples?)|(?:malicious|phishing|c2|c&c|"
    r"command[- ]and[- ]control|exfiltration|payload|fake|rogue|typosquat\w*|trojani[sz]ed|dropper|loader|"
    r"backdoored?|mining|miner|suspicious|suspected|staging|download|delivery)(?: and \w{1,30})? (?:[\w-]{1,30} "
    r"){0,2}?(?:servers?|domains?|ips?|ip addresses|addresses|urls?|hash(?:es)?|hosts?|infrastructure|files?|"
    r"samples?|"
    r"packages?|images?|e-?mails?|sites?|wallets?|pools?|links?|scripts?|binaries|artifacts|components?|names?|"
    r"endpoints?)|network (?:indicators|infrastructure)|file hashes|"
    r"sample hashes|c2s?|c&c)\b",
    _I,
)
_USED = re.compile(
    r"\b(?:following|these|below)\b.{0,80}\b(?:used|observed|identified|seen|found|associated|linked|related|"
    r"attributed|contacted|block|connect\w*|hashes|dropped|downloaded|created)\b",
    _I,
)
_KIND_HEADING = re.compile(
    r"\A\W{0,6}(?:(?:file|files|filenames?|sample|samples|network|ips?|ipv[46]|address(?:es)?|md5|sha-?1|"
    r"sha-?256|sha-?512|hash|hashes|domains?|hostnames?|hosts?|urls?|emails?|"
    r"e-mails?|registry|keys?|wallets?|bitcoin|monero|mutex(?:es)?|paths?|names?|packages?|images?|artifacts?|"
    r"artefacts?|names|and|or|of|the|all|some|known|further|other|additional|related|,|/|&|\d{1,4}|list|table|appendix|"
    r"digests?|digest|sha|container|docker|on|disk|\(.{0,20}\)|sender|subject)\W{0,6}){1,8}\Z",
    _I,
)
_LESSON_TITLE = re.compile(
    r"\b(?:change ?-?log|release notes|what['\u2019]s new|hardening|best practices|guidance|guidelines?|benchmark|"
    r"tutorial|cheat ?sheet|getting started|step by step|handbook|checklist|(?:\w+ )?guide to|how to|"
    r"securing)\b",
    _I,
)
_FALSE_ALARM = re.compile(
    r"\bfalse (?:positives?|alarms?)\b|\b(?:wrongly|incorrectly|falsely) (?:flag|detect|report)\w*|"
    r"\bflags? (?:our|my|the|this)\b|\b(?:is|gets|being) flagged (?:as|by)\b",
    _I,
)
_LISTED_THINGS = re.compile(
    r"\b(?:servers?|addresses|domains?|hosts?|ips|infrastructure|nodes|relays|panels?|gateways?|urls?|hashes"
    r"|endpoints?)"
    r"\W{0,3}\Z",
    _I,
)
_NOT_THEIRS = re.compile(
    r"\b(?:our|your|updates?|vendors?|official|legitimate|affected|victims?|mirrors?|downloads?|support|contacts?|dns|"
    r"public|known|benign|tested|supported|you|must|should)\b",
    _I,
)
_PARTS = re.compile(r";\s|\s[\u2013\u2014]\s|,?\s(?:whereas|while|but|in contrast)\s", _I)
_FEWEST_LETTERS = 12
"""Of a part of a sentence besides its value: with fewer it says nothing of its own."""
_HARMLESS = re.compile(
    r"\b(?:genuine|legitimate|untouched|unmodified|unaltered|original|official|clean|harmless|benign"
    r"|good) (?:one|\w+)\b",
    _I,
)
_KIND = re.compile(r"[a-z]{3}|\bips?\b", _I)
"""What numbers, dates and `a of b` have not."""
_REFERENCE_HEADING = re.compile(
    r"\b(?:references?|sources|further reading|external links?|links|bibliography|footnotes?|see also|resources|"
    r"related (?:posts?|articles?|links?|reading|work)|"
    r"about (?:us|the authors?)|acknowledge?ments?|credits?|contacts?|learn more|read more|share this|tags|"
    r"changelog|licen[cs]e|support)\b",
    _I,
)
_BENIGN_HEADING = re.compile(
    r"\b(?:legitimate|benign|allow-?list\w*|white-?list\w*|false positives?|exclusions?|known[- ]good|(?<!un)safe|"
    r"official|not (?:indicators|malicious)|impersonated|imitated)\b",
    _I,
)
_VICTIM_HEADING = re.compile(
    r"\b(?:victims?|victimology|targets|targeted (?:sites|organi[sz]ations|domains|companies|entities)|affected "
    r"(?:organi[sz]ations?|sites?|websites?|hosts?|customers?|domains?)|"
    r"(?:compromised|hacked|breached|defaced) (?:web ?sites?|sites?|hosts?|servers?|domains?|organi[sz]ations?))\b",
    _I,
)
_ADVICE_HEADING = re.compile(
    r"\b(?:mitigat\w*|remediat\w*|recommend\w*|prevent\w*|how to|getting started|what (?:to|you can|can you) do|usage|"
    r"prerequisites|requirements|quick ?start|lab|affected (?:products?|versions?)|fixed versions?|patch(?:es)?|"
    r"workarounds?|solution|disclosure)\b",
    _I,
)
_SETUP_HEADING = re.compile(r"\b(?:install(?:ation|ing)?|setup|build(?:ing)?|download|environment|configuration)\b", _I)


@lru_cache(maxsize=4096)
def of_heading(text: str) -> tuple[Stance, bool] | None:
    """What a heading or an introduction says of all below it, and whether it says so outright; None where it is silent.

    `C2 servers` and `Indicators of compromise` are outright; `How the loader persists` only touches on hostile things.
    """
    if _BENIGN_HEADING.search(text) or _NOT_HOSTILE.search(text):
        return "benign", True
    if _VICTIM_HEADING.search(text):
        return "victim", True
    if _REFERENCE_HEADING.search(text):
        return "context", True
    if _INDICATORS_HEADING.search(text):
        return ("suspicious" if re.search(r"\bsuspicious|suspected|possibl|potential", text, _I) else "malicious"), True
    if _ADVICE_HEADING.search(text) or _SETUP_HEADING.search(text):
        return "context", False
    return ("malicious", False) if HOSTILE.search(text) else None


@lru_cache(maxsize=4096)
def of_introduction(text: str, threat: bool) -> tuple[Stance, bool] | None:
    """As `of_heading`, of a line that ends with a colon or stands as a title of what follows."""
    found = of_heading(text)
    if not text.endswith((":", "\uff1a")):
        return found
    if found is not None and found[0] == "malicious":
        return "malicious", True
    if found is None and threat and _USED.search(text):
        return "malicious", True
    return found


def lists_things(text: str) -> bool:
    """Whether a line with a colon introduces places on the network, nothing being said of whose they are."""
    bare = text.rstrip(" :\uff1a")
    return (
        bare != text
        and len(bare) <= _SHORT_LABEL
        and bool(_LISTED_THINGS.search(bare))
        and not _NOT_THEIRS.search(bare)
    )


def is_setup(text: str) -> bool:
    """Whether a heading is of setting something up: advice of a manual, a deed in a report."""
    return _SETUP_HEADING.search(text) is not None


@lru_cache(maxsize=4096)
def names_a_kind(text: str) -> bool:
    """Whether a heading or column names kinds of indicators and nothing else: `SHA-256`, `Domains and IP addresses`."""
    return _KIND_HEADING.match(text) is not None and _KIND.search(text) is not None


def beside(before: str, after: str) -> tuple[Stance, str] | None:
    """What the words right before and right behind a value say of it, and those words."""
    found = _IMITATED.search(before)
    if found:
        return "benign", found[0]
    for pattern, text, stance in (
        (_VICTIM_AFTER, after, "victim"),
        (_BENIGN_AFTER, after, "benign"),
        (_VICTIM_BEFORE, before, "victim"),
        (_IMITATES_AFTER, after, "malicious"),
        (_BENIGN_BEFORE, before, "benign"),
        (_HOSTILE_BEFORE, before, "malicious"),
    ):
        found = pattern.search(text)
        if found:
            return stance, found[0]  # type: ignore[return-value]
    return None


@lru_cache(maxsize=4096)
def of_sentence(text: str, threat: bool) -> tuple[Stance, str] | None:
    """What a sentence says of the values in it; deeds count where the article tells of an attack."""
    denied = _NOT_HOSTILE.search(text)
    if denied:
        return "benign", denied[0]
    found = HOSTILE.search(text)
    deed = _ACTION.search(text) if threat else None
    if found is None and deed is None:
        return ("context", "cited") if _CITED.search(text) else None
    if _CITED.search(text) and found is None:
        return "context", "cited"
    if found is None or _HEDGED.search(text):
        return "suspicious", (found or deed)[0]  # type: ignore[index]
    return "malicious", found[0]


def is_lesson(title: str) -> bool:
    """Whether a title is that of a guide, a manual or a list of changes, and names nothing hostile; or that of a
    complaint about a scanner that is wrong."""
    if _FALSE_ALARM.search(title):
        return True
    return _LESSON_TITLE.search(title) is not None and not any(
        GENERAL.match(found[0]) is None for found in ATTACK.finditer(title)
    )


def comes_from(before: str) -> bool:
    """Whether the words before a place say that something is got from there or sent there."""
    return _FROM_BEFORE.search(before) is not None


def is_reached(before: str) -> bool:
    """Whether the words before a place say that something gets there: downloads from it, connects to it."""
    return comes_from(before) or _REACHED.search(before) is not None


def is_hedged(text: str) -> bool:
    """Whether a sentence says that it is not sure."""
    return _HEDGED.search(text) is not None


def clause_of(sentence: str, value: str) -> str:
    """The part of a sentence that speaks of a value, where it has parts that say different things."""
    place = sentence.find(value)
    if place < 0:
        return sentence
    cuts = [(found.start(), found.end()) for found in _PARTS.finditer(sentence)]
    begin = max((end for _, end in cuts if end <= place), default=0)
    finish = min((start for start, _ in cuts if start >= place + len(value)), default=len(sentence))
    part = sentence[begin:finish]
    return part if len(part) - len(value) >= _FEWEST_LETTERS else sentence


def is_harmless(clause: str) -> str | None:
    """The word by which a clause calls what it speaks of harmless, in an article about what is not."""
    found = None if HOSTILE.search(clause) else _HARMLESS.search(clause)
    return found[0] if found else None


def is_cited(text: str) -> bool:
    """Whether a sentence points at other people's writing."""
    return _CITED.search(text) is not None
