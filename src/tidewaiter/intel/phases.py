"""Turns the techniques of an article into the phases of its kill chain, each with the sentence that tells of it.

The phases are ATT&CK's tactics. A technique that serves several tactics stands for the one that its sentence speaks of;
where the sentence speaks of none, for one that is told of anyway, else for the first.
"""

import re
from collections.abc import Sequence

from tidewaiter.intel.briefing import Phase, Technique
from tidewaiter.intel.technique_index import TechniqueIndex

_SPEAKS_OF = {
    "Initial Access": r"initial access|entry|got in|log(?:ged|s)? in|sign(?:ed|s)? in|foothold|first access",
    "Execution": r"execut\w+|\bruns?\b|\bran\b|started|launch\w*",
    "Persistence": r"persist\w*|reboot|restart|surviv\w+|startup|log[io]n|comes? back|brings? .{0,30}back|boot\b",
    "Privilege Escalation": r"privileg\w+|escalat\w+|elevat\w+|as root|\broot shell|administrator rights",
    "Stealth": r"hid(?:e|es|den|ing)\b|evad\w+|stealth\w*|conceal\w*|disguis\w+|undetected|unseen|memory of",
    "Defense Evasion": r"hid(?:e|es|den|ing)\b|evad\w+|stealth\w*|conceal\w*|disguis\w+|undetected|unseen|memory of",
    "Credential Access": r"password|credential|token|cookie|\bkeys?\b",
    "Lateral Movement": r"spread\w*|lateral\w*|other (?:hosts|machines|systems)|machine to machine|pivot\w*",
    "Collection": r"collect\w*|record\w*|gather\w*|documents",
    "Command and Control": r"command[- ]and[- ]control|\bC2\b|server|orders|beacon\w*",
}
_PATTERNS = {tactic: re.compile(pattern, re.IGNORECASE) for tactic, pattern in _SPEAKS_OF.items()}


def phases_of(techniques: Sequence[Technique], index: TechniqueIndex | None) -> tuple[Phase, ...]:
    """The phases that the techniques give evidence of, in the order of the matrix; none without a release."""
    if index is None:
        return ()
    tactics = index.catalogue.tactics
    certain = {tactics[one.id][0] for one in techniques if len(tactics.get(one.id, ())) == 1}
    best: dict[str, Technique] = {}
    for technique in techniques:
        for tactic in _served(technique, tactics.get(technique.id, ()), certain):
            known = best.get(tactic)
            if known is None or _rank(technique) < _rank(known):
                best[tactic] = technique
    order = {tactic: place for place, tactic in enumerate(index.catalogue.order)}
    return tuple(
        Phase(name=tactic, evidence=best[tactic].evidence, offset=best[tactic].offset)
        for tactic in sorted(best, key=lambda tactic: (order.get(tactic, len(order)), tactic))
    )


def _served(technique: Technique, tactics: Sequence[str], certain: set[str]) -> Sequence[str]:
    if len(tactics) < 2:
        return tactics
    told = [tactic for tactic in tactics if tactic in _PATTERNS and _PATTERNS[tactic].search(technique.evidence)]
    return told[:1] or [tactic for tactic in tactics if tactic in certain][:1] or tactics[:1]


def _rank(technique: Technique) -> tuple[str, float, int, str]:
    return technique.how, -technique.score, technique.offset, technique.id
