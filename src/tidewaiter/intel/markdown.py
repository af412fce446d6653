"""Turns a briefing into Markdown for people, in which no text of the article can be anything but text.

Whatever came from the article stands in one line, escaped, and its values in code spans; fences are longer than any run
of backticks in what they hold. The address of the article is the only link.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from tidewaiter.intel.briefing import Briefing, Disposition, Indicator, NotUsed
from tidewaiter.policy_yaml import printable

_ORDER: tuple[Disposition, ...] = ("malicious", "suspicious", "victim", "unknown", "context", "benign")
_MEANING = {
    "malicious": "the article says that they are the attacker's",
    "suspicious": "the article connects them with the attack, without saying whose they are",
    "victim": "of those who were attacked; not hunted for",
    "unknown": "the article does not say what they are; not hunted for",
    "context": "named for another reason",
    "benign": "known to be harmless",
}
_LANGUAGES = {
    "spl": ("Splunk SPL", "spl"),
    "kql": ("Microsoft Defender and Sentinel KQL", "kql"),
    "eql": ("Elastic EQL", "eql"),
    "esql": ("Elastic ES|QL", "esql"),
    "sigma": ("Sigma", "yaml"),
    "tidewaiter": ("tidewaiter", "json"),
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&@]|:(?=//)|(?<=\bwww)\.|(?:^|(?<= ))#|^[-+=])", re.I)
"""Signs that are markup anywhere (`http://` and `www.` become links in some programs), and those that are at the start
of a line."""
_NUMBER = re.compile(r"([0-9]{1,9})([.)])(?=\s|\Z)")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&*+'(),;=%-]{0,2000})?\Z")
_RUNS = re.compile("`+")
_MOST_SHOWN = 600
"""Characters of one quotation."""


def markdown(briefing: Briefing) -> str:
    """The whole briefing."""
    return "\n".join(_lines(briefing)).rstrip("\n") + "\n"


def _lines(briefing: Briefing) -> Iterator[str]:
    yield f"# {briefing.severity.upper()}: {text(briefing.title)}"
    yield ""
    yield from _source(briefing)
    yield from _section("Threat profile", _summary(briefing))
    yield from _section("Indicators", _indicators(briefing.indicators))
    yield from _section("Techniques", _techniques(briefing))
    yield from _section("Kill chain", _phases(briefing))
    yield from _section("Hunts", _hunts(briefing))
    yield from _section("Why this matters", [text(briefing.why)] if briefing.why else [])
    yield from _section("Found and not used", _not_used(briefing.not_used))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"## {title}"
    found = list(lines)
    while found and not found[-1]:
        found.pop()
    yield from found or ["None."]
    yield ""


def _source(briefing: Briefing) -> Iterator[str]:
    source = briefing.source
    yield f"- Severity: **{briefing.severity}**"
    yield from (f"  - {text(reason)}" for reason in briefing.severity_reasons if reason.strip())
    yield f"- Source: {text(source.publisher) if source.publisher else 'not told'}"
    yield f"- Date: {text(source.date) if source.date else 'not told'}"
    yield f"- Address: {address(source.url) if source.url else 'none; it was read from a file'}"
    if source.sha256:
        yield f"- SHA-256 of what was read: {code(source.sha256)}"
    if briefing.attack_release:
        yield f"- ATT&CK release: {text(briefing.attack_release)}"
    yield ""


def _summary(briefing: Briefing) -> Iterator[str]:
    for one in briefing.summary:
        if one.strip():
            yield text(one)
            yield ""


def _indicators(found: Sequence[Indicator]) -> Iterator[str]:
    for disposition in _ORDER:
        members = [one for one in found if one.disposition == disposition]
        if not members:
            continue
        yield f"### {disposition.capitalize()} ({len(members)})"
        yield f"{_MEANING[disposition].capitalize()}."
        yield ""
        yield from _table(
            ("Type", "Value", "Reason", "Evidence"),
            ((_type(one), _value(one), one.reason, _quoted(one.evidence)) for one in members),
        )
        yield ""


def _type(one: Indicator | NotUsed) -> str:
    return f"{one.type.replace('_', ' ')} ({one.role})" if one.role else one.type.replace("_", " ")


def _value(one: Indicator) -> "_Code":
    if one.port is None or one.type == "url":
        return _Code(one.value)
    return _Code(f"[{one.value}]:{one.port}" if ":" in one.value else f"{one.value}:{one.port}")


def _techniques(briefing: Briefing) -> Iterator[str]:
    if briefing.attack_release is None:
        yield "No release of ATT&CK was imported, so only techniques that the article names by their ids are listed;"
        yield f"import one with {code('tidewaiter attack import')}."
        yield ""
    if briefing.techniques:
        yield from _table(
            ("Id", "Name", "How", "Score", "Evidence"),
            (
                (one.id, one.name or "", one.how, f"{one.score:.2f}", _quoted(one.evidence))
                for one in briefing.techniques
            ),
        )
    else:
        yield "None."


def _phases(briefing: Briefing) -> Iterator[str]:
    if briefing.phases:
        yield from _table(("Phase", "Evidence"), ((one.name, _quoted(one.evidence)) for one in briefing.phases))


def _hunts(briefing: Briefing) -> Iterator[str]:
    if not briefing.hunts:
        yield "Nothing to hunt."
    if briefing.not_hunted:
        yield from (f"- {text(sentence)}" for sentence in briefing.not_hunted)
        yield ""
    for hunt in briefing.hunts:
        name, info = _LANGUAGES[hunt.language]
        yield f"### {text(name)}: {text(hunt.title)}"
        yield from fenced(hunt.query.removesuffix("\n"), info)
        yield ""


def _not_used(found: Sequence[NotUsed]) -> Iterator[str]:
    if found:
        yield from _table(
            ("Type", "Value", "Reason", "Evidence"),
            ((_type(one), _Code(one.value), one.reason, _quoted(one.evidence)) for one in found),
        )


# ---------------------------------------------------------------------------------------------- escaping


class _Code(str):
    """A cell that stands in a code span."""


def text(words: str) -> str:
    """Text that stays text: one line, each sign that could be markup behind a backslash."""
    told = _SPECIAL.sub(r"\\\1", printable(" ".join(words.split())))
    return _NUMBER.sub(r"\1\\\2", told, count=1) if _NUMBER.match(told) else told


def code(words: str) -> str:
    """Text in a code span, in which no sign has a meaning."""
    told = printable(" ".join(words.split()))
    mark = "`" * (max((len(run) for run in _RUNS.findall(told)), default=0) + 1)
    blank = " " if told.startswith("`") or told.endswith("`") else ""
    return f"{mark}{blank}{told}{blank}{mark}" if told else "(empty)"


def fenced(query: str, info: str) -> Iterator[str]:
    """Lines in a fence that none of them can end."""
    lines = [printable(line.expandtabs(4)) for line in query.split("\n")]
    mark = "`" * max(3, 1 + max((len(run) for line in lines for run in _RUNS.findall(line)), default=0))
    yield f"{mark}{info}"
    yield from lines
    yield mark


def address(url: str) -> str:
    """A link to the article; anything but a plain web address stands in a code span."""
    return f"<{url}>" if _ADDRESS.match(url) else code(url)


def _quoted(evidence: str) -> str:
    told = " ".join(evidence.split())
    return f"“{told}”" if len(told) <= _MOST_SHOWN else f"“{told[:_MOST_SHOWN]}…”"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(words: str) -> str:
    """Bars end cells even in code spans, where a backslash before them means different things to different programs."""
    return code(words) if isinstance(words, _Code) and "|" not in words else text(words)
