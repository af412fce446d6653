"""Turns a sentence into the features by which it is compared: stems of its words, and pairs of neighbours."""

import itertools
import re

_LINK = re.compile(r"\[([^\]\[]{1,300})\]\((?:https?:)?[^()\s]{1,500}\)")
_CITATION = re.compile(r"\(Citation: [^()]{1,300}\)")
_TAG = re.compile(r"</?code>|`")
_WORD = re.compile(r"[a-z0-9_]{1,40}(?:\.[a-z]{2,4}(?![a-z0-9]))?")
_STOP_WORDS = (
    "a an the of to and or in on for by with as at from is are was were be been it its that this which has have had can"
    " could may also same used use uses using xx via such including"
)
_STOP = frozenset(_STOP_WORDS.split())
_ENDINGS = ("ing", "ed", "es", "s", "e")
MAX_WORDS = 400
"""Of a sentence; what follows is not compared."""


def plain(markdown: str) -> str:
    """A text of ATT&CK without its links, citations and tags."""
    return " ".join(_TAG.sub("", _CITATION.sub("", _LINK.sub(r"\1", markdown))).split())


def stem(word: str) -> str:
    """A word without its commonest English endings."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def features(sentence: str) -> list[str]:
    """Stems and pairs of stems, as often as they occur; words that stand everywhere are left out."""
    stems = [stem(word) for word in _WORD.findall(sentence.lower())[:MAX_WORDS] if word not in _STOP]
    return stems + [f"{first} {second}" for first, second in itertools.pairwise(stems)]
