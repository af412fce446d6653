"""Finds the names of npm and PyPI packages in a passage: in commands, links, tables and prose."""

import re
from collections.abc import Iterator
from itertools import islice

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.wordlist import word_set

_NPM = r"(?:@[a-z0-9][a-z0-9._-]{0,60}/)?[a-zA-Z0-9][a-zA-Z0-9._-]{0,100}"
_PYPI = r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}"
_COMMANDS = (
    (
        re.compile(
            r"\b(?:npm|pnpm|yarn|bun)(?:\.cmd)? (?:-\S{1,30} )?(?:install|i|add|ci|update|ls|list|view|why|remove|rm|"
            r"uninstall)(?P<arguments>(?: [^\s;|&<>()\"`\n]{1,120}){1,12})"
        ),
        "npm",
    ),
    (re.compile(r"\b(?:npx|pnpx|bunx|pnpm dlx|yarn dlx)(?P<arguments>(?: [^\s;|&<>()\"`\n]{1,120}){1,3})"), "npm"),
    (
        re.compile(
            r"\b(?:(?:python[0-9.]{0,4} -m |uv )?pip[0-9.]{0,4} (?:install|download|uninstall|show)|uv add|poetry add|"
            r"pipenv install|pipx (?:install|run))"
            r"(?P<arguments>(?: [^\s;|&()`\n]{1,120}){1,12})"
        ),
        "pypi",
    ),
)
_ASKED_FOR = re.compile(
    r"\b(?:pip[0-9.]{0,4} (?:show|uninstall)|npm (?:ls|list|view|why|uninstall|remove|rm)|"
    r"yarn (?:why|remove|list))\b[^\n]{0,160}\Z"
)
_LINKS = (
    (re.compile(rf"npmjs\.com/(?:package|settings)/(?P<name>{_NPM})"), "npm"),
    (re.compile(rf"registry\.npmjs\.org/(?P<name>{_NPM})"), "npm"),
    (re.compile(rf"pypi\.org/(?:project|simple)/(?P<name>{_PYPI})"), "pypi"),
)
_REGISTRY = r"(?P<registry>npm(?:js)?(?:\.com)?|PyPI|pypi|Python|Node(?:\.js)?)"
_QUOTE = r"[\"'`\u2018\u201c]?"
_PROSE = (
    re.compile(
        rf"\b{_REGISTRY} (?:package|library|module)s?,? (?:named |called |known as "
        rf")?{_QUOTE}(?P<name>@?[A-Za-z0-9][\w./@-]{{1,80}})"
    ),
    re.compile(
        rf"(?<![\w./@-])(?P<name>@?[A-Za-z0-9][\w./@-]{{1,80}}?){_QUOTE} (?:package )?(?:on|from) (?:the "
        rf")?{_REGISTRY}\b(?! (?:package|account))"
    ),
    re.compile(rf"(?<![\w./@-])(?P<name>@?[a-z0-9][\w./@-]{{1,80}}?)[\"'`\u2019\u201d]? (?:{_REGISTRY} )package\b"),
    re.compile(
        r"\b(?:legitimate|popular|official|genuine|real|malicious|rogue|fake|original) (?:\w+ )?package "
        r"(?P<name>@?[A-Za-z0-9][\w./@-]{1,80})"
    ),
    re.compile(r"\bpackages? (?P<name>@?[A-Za-z0-9]+[@/_-][\w./@-]{1,80})"),
    re.compile(r"\bpackages? [\"'`\u2018\u201c](?P<name>@?[A-Za-z0-9][\w./@-]{1,80})[\"'`\u2019\u201d]"),
    re.compile(r"\bpackages? (?:named |called |known as )[\"'`\u2018\u201c]?(?P<name>@?[A-Za-z0-9][\w./@-]{1,80})"),
)
_ANY_REGISTRY = re.compile(r"\b(?:npm|npmjs|pypi|python package index|pip)\b", re.IGNORECASE)
_PACKAGE_WORDS = re.compile(r"\bpackages?\b", re.IGNORECASE)
_ITEM = re.compile(
    rf"\s*(?:[-*•] )?[\"'`]?(?P<name>{_NPM})[\"'`]?(?:\s{{0,2}}(?:[@(=\s]{{1,2}}v?[0-9][\w.,<>= -]{{0,40}}\)?|"
    rf"\s[-–—:].*|\(.*\)))?\s*\Z"
)
_MAX_ITEM = 240
_LONG_WORD = re.compile(r"[A-Za-z0-9]{25}")
_NO_NAMES = word_set(
    "the a an and or that this which was were is are registry registries package packages manager index "
    "repository install with from"
    " it its to on in of for malicious legitimate popular module library account user maintainer ecosystem "
    "website page script scripts"
    " named called versions version downloads developers npm pypi python node project have has had using uses "
    "contains contained can"
    " found published itself names one other new official known first several these those such when where but "
    "also by as at all two"
    " three four security team team's users support directly dependency dependencies downloaded uploaded "
    "available removed"
)


def packages(passage: Passage) -> Iterator[Candidate]:
    """Every package; `role` is its registry. What no word calls a package is none."""
    for command, registry in _COMMANDS:
        for found in command.finditer(passage.text):
            taken = _arguments(found, registry)
            yield from taken if passage.block.kind == "code" else _in_prose(passage, taken)
    for pattern, registry in _LINKS:
        for found in pattern.finditer(passage.text):
            yield from _candidate(found, registry)
    text = passage.text
    if passage.block.kind != "code" and (_ANY_REGISTRY.search(text) or _PACKAGE_WORDS.search(text)):
        told = _registry_of(passage)
        for prose in _PROSE:
            for found in prose.finditer(text):
                named = found.groupdict().get("registry")
                among = _by_name(named) if named else told
                if among and _is_name(found, text):
                    yield from _candidate(found, among)
    yield from _listed(passage)


def _in_prose(passage: Passage, taken: Iterator[Candidate]) -> Iterator[Candidate]:
    """The first name behind a command, unless it reads as the sentence going on: `run npm install there and`."""
    for each in islice(taken, 1):
        if re.search(r"[0-9_@/.-]", each.value) or not re.match(r"\s[a-z]", passage.text[each.end : each.end + 2]):
            yield each


def is_asked_for(before: str) -> bool:
    """Whether the words before a package ask whether it is installed, or remove it."""
    return _ASKED_FOR.search(before) is not None


def linked_packages(passage: Passage) -> Iterator[Candidate]:
    """Packages that the passage's links lead to, at the passage's own place."""
    for link in passage.block.links:
        for pattern, registry in _LINKS:
            for found in pattern.finditer(link[:2000]):
                yield Candidate(type="package", value=_normal(found["name"], registry), start=0, end=0, role=registry)


def _by_name(text: str) -> str:
    return "pypi" if text.lower() in ("pypi", "python") else "npm"


def _normal(name: str, registry: str) -> str:
    """PEP 503 for PyPI; npm's names are in lower case."""
    name = name.rstrip(".,;:/")
    return re.sub(r"[-_.]+", "-", name).lower() if registry == "pypi" else name.lower()


def _candidate(found: re.Match[str], registry: str) -> Iterator[Candidate]:
    name = found["name"]
    if len(name) > 1 and not name.startswith("@"):
        name = name.partition("@")[0]
    name = name.rstrip(".,;:/'-")
    if name.count("/") > (1 if name.startswith("@") else 0):
        return
    if len(name) > 1 and name.lower() not in _NO_NAMES:
        start = found.start("name")
        yield Candidate(
            type="package", value=_normal(name, registry), start=start, end=start + len(name), role=registry
        )


def _is_name(found: re.Match[str], text: str) -> bool:
    """Whether a word of a sentence is the name of a package: sentences go on after `package`, too.

    A plain word is one only in quotes, or where a clause ends behind it.
    """
    start, end = found.span("name")
    name = found["name"].rstrip(".,;:")
    if name.lower() in _NO_NAMES or len(name) < 2:
        return False
    if re.search(r"[0-9_@/-]", name) or text[max(0, start - 1) : start] in tuple("\"'`\u2018\u201c"):
        return True
    plural = re.search(r"(?:packages|libraries|modules),? \Z", text[:start][-12:])
    return (
        not plural
        and re.match(
            r"[,.;:)]|\Z|\s(?:is|was|has|by|on|from|with|which|and|version|v[0-9])\b",
            text[start + len(name) : end + 12],
        )
        is not None
    )


def _arguments(found: re.Match[str], registry: str) -> Iterator[Candidate]:
    skip = False
    for word in re.finditer(r"\S+", found["arguments"]):
        text = word[0]
        if skip or text.startswith("-"):
            skip = not skip and text in (
                "-r",
                "-i",
                "--index-url",
                "--extra-index-url",
                "-c",
                "-t",
                "--target",
                "--registry",
                "--prefix",
            )
            continue
        name = re.match(rf"[\"']?(?P<name>{_NPM})(?:\[[\w,-]{{1,80}}\])?(?:[=<>~!@][^\s]{{0,60}})?[\"',.]*\Z", text)
        if name is None or ("." in name["name"] and name["name"].endswith((".txt", ".whl", ".gz", ".tgz", ".git"))):
            if name is None:
                return
            continue
        if name["name"].lower() in _NO_NAMES:
            return
        start = found.start("arguments") + word.start() + name.start("name")
        value = _normal(name["name"], registry)
        yield Candidate(
            type="package", value=value, start=start, end=start + len(name["name"].rstrip(".,")), role=registry
        )
        if text.endswith((".", ",")) and not text.endswith(".,"):
            return


def _registry_of(passage: Passage) -> str | None:
    for words in (passage.text, *passage.columns, *reversed(passage.labels), *reversed(passage.headings)):
        found = _ANY_REGISTRY.search(words)
        if found:
            return "pypi" if found[0].lower() not in ("npm", "npmjs") else "npm"
    return None


def _introduces_packages(passage: Passage) -> bool:
    """Whether what stands above is no more than an announcement of packages."""
    above = (passage.labels or passage.headings)[-1:]
    return any(_PACKAGE_WORDS.search(words) and (words.endswith(":") or len(words.split()) < 6) for words in above)


def _listed(passage: Passage) -> Iterator[Candidate]:
    """Names in a column or in a list whose heading speaks of packages."""
    block = passage.block
    if block.kind == "table":
        at = 0
        for index, column in enumerate(passage.columns[: len(block.cells)]):
            cell = block.cells[index]
            place = passage.text.find(cell, at) if cell else -1
            at = max(at, place + len(cell))
            if place >= 0 and re.search(r"\b(?:package|module|library)(?: name)?s?\b", column, re.IGNORECASE):
                registry = _registry_of(passage)
                name = re.match(rf"[\"'`]?(?P<name>{_NPM})", cell)
                if registry and name and " " not in cell.strip():
                    value = _normal(name["name"], registry)
                    start = place + name.start("name")
                    yield Candidate(
                        type="package", value=value, start=start, end=start + len(name["name"]), role=registry
                    )
    elif block.kind in ("list", "code", "paragraph") and _introduces_packages(passage):
        registry = _registry_of(passage)
        place = 0
        for line in passage.text.split("\n"):
            item = _ITEM.match(line) if len(line) < _MAX_ITEM else None
            if registry and item and item["name"].lower() not in _NO_NAMES and not _LONG_WORD.match(item["name"]):
                start = place + item.start("name")
                value = _normal(item["name"].partition("@")[0] or item["name"], registry)
                yield Candidate(type="package", value=value, start=start, end=start + len(item["name"]), role=registry)
            place += len(line) + 1
