"""Turns text that may hold secrets into text that does not, before the engine keeps or shows it.

Known weakness: a secret without a telling name, prefix or place (a password as a bare positional argument) stays.
All repeats are bounded, so that hostile text costs no more than its length.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

HIDDEN = "***"

_NAME = (
    r"[A-Za-z0-9_.-]{0,40}"
    r"(?:pass(?:wd|word|phrase)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth|bearer)"
)
_VALUE = r"(?:\"[^\"]{0,4096}\"?|'[^']{0,4096}'?|[^\s\"'&;]{1,4096})"
_ASSIGNED = re.compile(rf"(?i)\b({_NAME}[\"']?)(\s{{0,4}}[=:]\s{{0,4}})(?!\s){_VALUE}")
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-[a-z-]{0,40}(?:token|key)|cookie|x-registry-auth)"
    r"(\s{0,4}[:=]\s{0,4})(?:(?!\s(?:[A-Za-z][A-Za-z0-9+.-]{0,20}://|--?[A-Za-z]|\|))[^\"'\r\n]){1,8192}"
)
"""Where nothing quotes the value, it ends before a URL, an option or a pipe: what is fetched is no secret, and whoever
writes the command may not hide it behind one."""
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/@:\"']{0,200}):([^\s/@\"']{1,200})@")
_USER_FLAG = re.compile(
    r"(?<![^\s\"'])(-[uU]|--(?:proxy-)?user)([= ]{0,4})([^\s:=\"'-][^\s:\"']{0,100}):([^\s\"']{1,200})"
)
_FLAG_IN_TEXT = re.compile(rf"(?i)(?<![^\s\"'])(--?{_NAME})(\s{{1,4}})(?!-){_VALUE}")
_KNOWN = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}|\bglpat-[A-Za-z0-9_-]{16,255}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,255}|\bdckr_pat_[A-Za-z0-9_-]{16,255}"
    r"|\beyJ[A-Za-z0-9_-]{8,512}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{0,1024}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S]){0,8192}"
)
_FLAG = re.compile(rf"(?i)--?{_NAME}\Z")
_HEADER_ALONE = re.compile(
    r"(?i)[\"']?(?:(?:proxy-)?authorization|x-[a-z-]{0,40}(?:token|key)|cookie|x-registry-auth)\s{0,4}:\Z"
)
"""A header whose value is the next argument: a producer split the command line at blanks."""
_SCHEMES = frozenset({"bearer", "basic", "token", "digest", "negotiate"})
_USER_FLAGS = frozenset({"-u", "-U", "--user", "--proxy-user"})
_REMEMBERED = 4096
_SECRET_MEMBER = re.compile(rf"(?i){_NAME}\Z")
_NAME_LISTS = frozenset(
    {"RepoTags", "RepoDigests", "repoTags", "repoDigests", "repo_tags", "repo_digests", "names", "Names", "references"}
)
"""Lists of image names, in which `auth:1.2` is a tag."""
_NO_NAME = re.compile(r"[\s=]|://")
_HINT = re.compile(
    r"(?i)pass|secret|token|key|cred|auth|bearer|cookie|://|user|-u|akia|asia|gh[pousr]_|github_pat|glpat|xox|dckr|eyj"
)


@lru_cache(maxsize=4096)
def mask_text(text: str) -> str:
    """The text with tokens, passwords, keys and basic authentication replaced by `***`."""
    if not _HINT.search(text):
        return text
    text = _KNOWN.sub(HIDDEN, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _USERINFO.sub(rf"\1\2:{HIDDEN}@", text)
    text = _USER_FLAG.sub(rf"\1\2\3:{HIDDEN}", text)
    text = _FLAG_IN_TEXT.sub(rf"\1\2{HIDDEN}", text)
    return _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)


def mask_arguments(args: Sequence[str]) -> tuple[str, ...]:
    """argv with secrets masked: inside each argument, and the argument after a flag that names a secret."""
    masked: list[str] = []
    hide_next = False
    user_next = False
    for arg in args:
        if hide_next and arg.lower() in _SCHEMES:
            masked.append(arg)
            continue
        if hide_next and not arg.startswith("-"):
            masked.append(HIDDEN)
            hide_next = user_next = False
            continue
        if user_next and ":" in arg:
            masked.append(arg.partition(":")[0] + ":" + HIDDEN)
        else:
            # What is long is hardly said twice, and not to be remembered.
            masked.append(mask_text(arg) if len(arg) <= _REMEMBERED else mask_text.__wrapped__(arg))
        hide_next = _FLAG.match(arg) is not None or _HEADER_ALONE.match(arg) is not None
        user_next = arg in _USER_FLAGS
    return tuple(masked)


@lru_cache(maxsize=1024)
def _is_secret(member: str) -> bool:
    return _SECRET_MEMBER.match(member) is not None


def mask_value(value: Any, member: str = "") -> Any:
    """A value of a JSON record, under the name of its member, with the secrets of all that is in it masked.

    A list of texts is argv or an environment. A single word outside a list may be the name of an image
    (`corp/auth:1.2`), which must stay what it is: in it only what is known by its form is a secret.
    Raises RecursionError for a value that nests too deeply.
    """
    if type(value) is str:
        if _is_secret(member):
            return HIDDEN
        if _NO_NAME.search(value) is None:
            return _KNOWN.sub(HIDDEN, value) if _HINT.search(value) else value
        return mask_text(value) if len(value) <= _REMEMBERED else mask_text.__wrapped__(value)
    if type(value) is dict:
        return {name: mask_value(part, name) for name, part in value.items()}
    if type(value) is list:
        if member not in _NAME_LISTS and value and all(type(part) is str for part in value):
            return mask_arguments(value)
        return [mask_value(part) for part in value]
    return value
