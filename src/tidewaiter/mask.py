"""Turns text that may hold secrets into text that does not, before the engine keeps or shows it.

Known weakness: a secret without a telling name, prefix or place (a password as a bare positional argument) stays.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

HIDDEN = "***"

# Bounded repeats keep the matching linear on hostile text.
_NAME = (
    r"[A-Za-z0-9_.-]{0,40}"
    r"(?:pass(?:wd|word|phrase)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth)"
)
_ASSIGNED = re.compile(rf"(?i)\b({_NAME})(\s{{0,4}}[=:]\s{{0,4}})([\"']?)(?!\s)[^\s\"'&;,]+")
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-[a-z-]{0,40}(?:token|key)|cookie|x-registry-auth)(\s{0,4}:\s{0,4})[^\"'\r\n]+"
)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/@:\"']*):([^\s/@\"']+)@")
_KNOWN = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bdckr_pat_[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_FLAG = re.compile(rf"(?i)--?{_NAME}\Z")
_USER_FLAGS = frozenset({"-u", "--user", "--proxy-user"})
_HINT = re.compile(r"(?i)pass|secret|token|key|cred|auth|cookie|://|AKIA|ASIA|gh[pousr]_|glpat|xox|dckr|eyJ")


@lru_cache(maxsize=4096)
def mask_text(text: str) -> str:
    """The text with tokens, passwords, keys and basic authentication replaced by `***`."""
    if not _HINT.search(text):
        return text
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _USERINFO.sub(rf"\1\2:{HIDDEN}@", text)
    text = _ASSIGNED.sub(rf"\1\2\3{HIDDEN}", text)
    return _KNOWN.sub(HIDDEN, text)


def mask_arguments(args: Sequence[str]) -> tuple[str, ...]:
    """argv with secrets masked: inside each argument, and the argument after a flag that names a secret."""
    masked: list[str] = []
    hide_next = False
    user_next = False
    for arg in args:
        if hide_next:
            masked.append(HIDDEN)
        elif user_next and ":" in arg:
            masked.append(arg.partition(":")[0] + ":" + HIDDEN)
        else:
            masked.append(mask_text(arg))
        hide_next = _FLAG.match(arg) is not None and not hide_next
        user_next = arg in _USER_FLAGS
    return tuple(masked)
