"""Turns the sentences of an article into the clauses that claim something was done, with what is only said left out.

Left out are: advice and the sections that hold it, what somebody could do, what was not done, definitions, questions,
references, headings and listings of code. Whether a technique is told of is asked of the rest only.
"""

import re
from collections.abc import Iterator

from tidewaiter.intel.carried import is_inbox
from tidewaiter.intel.names import host_of
from tidewaiter.intel.refang import refang
from tidewaiter.intel.sentences import Told
from tidewaiter.intel.wellknown import carries_anything

_ADVICE_SECTIONS = re.compile(
    r"(?i)(?:\W|\d)*(?:mitigat\w*|recommend\w*|remediat\w*|hardening|defen[cs]es?|defending|defenders?|prevent\w*"
    r"|protect(?:ing|ion|ions)?(?: (?:your|yourself|against|for)\b.*)?$|best practices?|how to|how (?:do|can) (?:you"
    r"|i)|what (?:you|to|should|can)|workarounds?|detections?|detecting|hunting|(?:kql|splunk|hunting )?quer(?:y|ies)"
    r"|yara|sigma|snort|suricata|references|sources|further reading|related|see also|about (?:us|the authors?)"
    r"|glossary|prerequisites|iocs?|indicators|key takeaways|stay(?:ing)? safe|coverage|definitions|guidance|advice"
    r"|actions?|next steps|patch(?:es|ing))\b|(?i:.*\b(?:mitigations?|recommendations?|best practices"
    r"|indicators of compromise|detection rules|how to (?:protect|prevent|defend|detect|mitigate)|protect (?:your"
    r"|yourself))\b)"
)
_REFERENCE_SECTIONS = re.compile(
    r"(?i)\b(?:references|sources|further reading|see also|related (?:posts|articles|reading)|about (?:us"
    r"|the authors?)|glossary|mitigations?|recommendations?)\b"
)
_ADVICE = re.compile(
    r"(?i)\b(?:should(?: have)?(?! (?:that|this|it) (?:\w+ )?(?:not|fail))|must|shall|ought to|recommend\w*"
    r"|advis(?:e|es|ed) (?:to|that|all|users|customers)"
    r"|(?:are|is) (?:advised|encouraged|urged)|we (?:urge|suggest|encourage)|(?:it is|be) (?:important|essential"
    r"|best)|make sure|ensure|best practices?|mitigat(?:e|es|ion|ions|ing)|(?:you|defenders|administrators|admins"
    r"|organi[sz]ations|analysts|security teams|blue teams|customers) (?:can|may)|you|let'?s|in this (?:post|article"
    r"|tutorial|guide))\b"
)
_COMMAND = re.compile(
    r"(?:To \w+[^,]{1,80}, )?(?:First|Then|Next|Now|Finally|Also|Please|Always|Never|Instead)?,? ?(?i:disable|enable"
    r"|block|monitor|patch|update|upgrade|restrict|use|ensure|apply|review|enforce|consider|run|open|install|type"
    r"|click|create|configure|check|make|keep|avoid|rotate|set|add|remove|limit|require|verify|train|implement|deploy"
    r"|audit|inspect|look|hunt|search|do|don't|delete|mount|pull|save|copy|allow|deny|change|turn|see|read|note"
    r"|remember|isolate|segment|harden|reset|report|revoke|replace|uninstall|reinstall|contact|follow|visit|read"
    r"|learn|share|scan|alert|watch|collect|subscribe|drop|pin|sign|prefer|rebuild|regenerate|replace|test"
    r"|log in|go to|try|start|stop|write|download)\b(?!\w|[-.:])(?! (?:(?!what|if|that|who"
    r"|where)\w+ )?(?:is|was|are|were|has)\b)"
)
_SUPPOSED = re.compile(
    r"(?i)\b(?:could|might|would|hypothetical\w*|in theory|theoretically|potentially allow\w*|(?:an? |the |any "
    r"|malicious |remote |local |unauthenticated ){0,4}(?:attackers?|adversar(?:y|ies)|threat actors?|hackers?"
    r"|criminals|someone|somebody|anyone|users?) (?:(?:who|that) (?:[\w-]{1,30} ){0,8}?)?(?:can|may)|if (?:an?"
    r"|the) attacker"
    r"|allow(?:s|ing|ed)? (?:an? |the |any |malicious |remote |local |unauthenticated |authenticated ){0,4}"
    r"(?:attackers?|adversar(?:y|ies)|users?) to)\b"
)
_NOT_DONE = re.compile(
    r"(?i)\b(?:no (?:evidence|indications?|signs?|traces?)|(?:did|does|do|was|were|has|have|had|is|are) not|(?:did"
    r"|does|do|was|were|has|have|had|is|are|could|can)n['’]t|cannot|never|neither|nor|none of"
    r"|no [\w-]+(?: [\w-]+)? (?:was|were|is|has been|have been)|without (?:using|any)|rather than|instead of|unlike"
    r"|(?:was|were|been) (?:blocked|prevented|stopped|foiled)|ruled out|failed to|unable to|(?:is|are|was"
    r"|were) (?:the |an? )?(?:legitimate|benign|genuine|harmless))\b"
)
_STEALTHY_NOT = re.compile(
    r"(?i)\bso (?:that|as)\b|\bin order (?:not|to)\b|\bto avoid\b|\bso [\w ]{1,40}(?:not|never)\b"
)
_DEFINITION = re.compile(
    r"(?i)[^,;:]{1,90}? (?:is|are|refers to|means|stands for|describes) (?:an? |the |one )?(?:[\w-]{1,40} ){0,4}?"
    r"(?:techniques?|tactics?|protocols?|utilit(?:y|ies)|command|feature|formats?|standards?|specifications?"
    r"|librar(?:y|ies)|framework|languages?|service|platforms?|methods?|terms?|process|concept|acronym|scheduler"
    r"|shell|kind of|type of|way of|way to|script on|collection of|set of|practice)\b"
)
_REFERENCE = re.compile(
    r"(?i)^\W*(?:\[\d{1,3}\]|see (?:also|our)|read (?:more|also|our)|figure \d|fig\. ?\d|table \d|source:|photo"
    r"|image:|listing \d|update:|copyright|©|related:|tags?:|share)"
)
_CLAUSES = re.compile(
    r"[,;:—–]\s+(?:(?:and|but|or|so|then|while|whereas|which|who|where|after which) ){0,3}"
    r"| (?:and|but|while|before|after|then) "
)
_VALUE = re.compile(
    r"(?i)\b(?:hxxps?|https?|ftp)(?:\[:\]|:)?//\S{1,2000}|\b[0-9a-f]{32,128}\b|\S{0,200}\[(?:\.|dot|at|@)\]\S{0,200}"
    r"|\b(?!169\.254\.169\.254\b)\d{1,3}(?:\.\d{1,3}){3}\b(?::\d{1,5})?"
    r"|\b[\w.-]{2,80}(?:/[\w.-]{1,80}){1,4}:[\w.-]{1,60}"
)
_INBOX = "webhook"
_TITLE = 5
"""Gaps between words: an outermost heading so long is the title, which says nothing of one section."""
_LABEL = 5
"""Gaps between words: a shorter paragraph without a full stop is a label or a heading."""
_SHORTEST_CLAUSE = 4
"""Words: of shorter ones too little can be told."""


def is_advice_section(told: Told) -> bool:
    """Whether it stands below a heading of advice, references, indicators or queries."""
    return any(
        _ADVICE_SECTIONS.match(heading[:200])
        for depth, heading in enumerate(told.block.headings)
        if depth or heading.count(" ") < _TITLE
    )


def is_cited(told: Told) -> bool:
    """Whether an id in it is but a reference, an example, or said to be absent."""
    text = told.text
    if told.block.kind == "code" or _REFERENCE.match(text):
        return True
    if any(_REFERENCE_SECTIONS.search(heading[:200]) for heading in told.block.headings):
        return True
    if told.block.kind in ("table", "heading"):
        return False
    return bool(_NOT_DONE.search(text) or _is_said(text) or _DEFINITION.match(text))


def clauses(told: Told) -> Iterator[str]:
    """The sentence, and its clauses where it has several, as far as they claim something; none of other sentences.

    Values that only name a place (addresses, URLs, hashes) are left out of them.
    """
    text = " ".join(_VALUE.sub(_kept, told.text).split())
    if told.block.kind in ("code", "heading", "table") or text.endswith("?") or is_advice_section(told):
        return
    if told.block.kind == "paragraph" and text[-1:].isalnum() and text.count(" ") < _LABEL:
        return
    if " " not in text:  # an item of a list that is only a value
        return
    if _is_said(text) or _REFERENCE.match(text) or _DEFINITION.match(text):
        return
    is_whole = not _NOT_DONE.search(text) or bool(_STEALTHY_NOT.search(text))
    if is_whole:
        yield text
    parts = [part for part in _CLAUSES.split(text) if part]
    if len(parts) > 1:
        for part in parts:
            if part.count(" ") + 1 >= _SHORTEST_CLAUSE and (is_whole or not _NOT_DONE.search(part)):
                yield part


def _kept(value: re.Match[str]) -> str:
    """Of an address only what everybody's service it is at: that says how something was done."""
    address = refang(value[0]).text
    host = host_of(address) if "://" in address else ""
    return f" {host} {_INBOX if is_inbox(address) else ''} " if host and carries_anything(host) else " "


def is_denied(text: str) -> bool:
    """Whether a text says that something was not done."""
    return _NOT_DONE.search(text) is not None


def _is_said(text: str) -> bool:
    """Whether it is advice, or what somebody could do."""
    return bool(_ADVICE.search(text) or _COMMAND.match(text) or _SUPPOSED.search(text))
