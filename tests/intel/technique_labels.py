"""Reads the labelled articles of this folder: texts of our own, each with the techniques that it tells of."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tidewaiter.intel.article import Article, Block, BlockKind
from tidewaiter.intel.technique_index import Catalogue, Example, TechniqueIndex, learned

FOLDER = Path(__file__).parent / "technique_articles"
_HEAD = re.compile(r"=== (\S+) \|(.*)")


class Labelled(msgspec.Struct, frozen=True):
    """One article with its gold."""

    name: str
    article: Article
    techniques: frozenset[str]
    """That must be found."""
    allowed: frozenset[str]
    """That may be found besides: a second reader could see them."""


def labelled(name: str) -> Iterator[Labelled]:
    """The articles of a file: `chosen_on` (by which thresholds were chosen) or `held_out`.

    By `held_out` no threshold was chosen, but two of its labels and one filter were mended after it was read, and the
    words of `cues.py` are by the same hand: it holds a floor and proves no figure for articles of others.
    """
    head, lines = "", list[str]()
    for line in [*(FOLDER / f"{name}.md").read_text(encoding="utf-8").splitlines(), "=== end |"]:
        match = _HEAD.match(line)
        if match is None:
            lines.append(line)
            continue
        if head:
            title, _, ids = head.partition(" ")
            told = frozenset(ids.split())
            must = frozenset(one for one in told if not one.endswith("?"))
            yield Labelled(title, article_of("\n".join(lines)), must, frozenset(one.rstrip("?") for one in told - must))
        head, lines = f"{match[1]} {match[2]}", []


def article_of(text: str) -> Article:
    """A text with `# headings`, `- items` and fenced code as an article."""
    blocks: list[Block] = []
    headings: list[str] = []
    offset = 0
    code: list[str] | None = None
    kind: BlockKind

    def add(kind: BlockKind, told: str) -> None:
        nonlocal offset
        blocks.append(Block(kind, told, offset, tuple(headings)))
        offset += len(told) + 1

    for line in text.splitlines():
        if line.startswith("```"):
            if code is not None:
                add("code", "\n".join(code))
            code = [] if code is None else None
        elif code is not None:
            code.append(line)
        elif line.startswith("#"):
            depth = len(line) - len(line.lstrip("#"))
            del headings[depth - 1 :]
            add("heading", line[depth:].strip())
            headings.append(line[depth:].strip())
        elif line.strip():
            kind = "list" if line.startswith("- ") else "table" if line.startswith("|") else "paragraph"
            add(kind, line.removeprefix("- "))
    title = next((block.text for block in blocks if block.kind == "heading"), "")
    return Article(title=title, blocks=tuple(blocks))


_TAUGHT = {
    "T1059.001": ("runs PowerShell scripts", "a PowerShell command is executed", "PowerShell downloads and runs code"),
    "T1059.004": ("runs shell scripts with bash", "a bash script is executed", "commands run in a Unix shell"),
    "T1053.003": ("adds a cron job for persistence", "writes an entry to the crontab", "a cron job starts the malware"),
    "T1105": ("downloads a second file", "fetches more payloads from its server", "downloads tools with curl"),
    "T1610": ("deploys a container on the host", "starts a privileged container", "creates containers by the API"),
    "T1078": (
        "logs in with stolen accounts",
        "valid accounts are used to log in",
        "used stolen credentials to sign in",
    ),
    "T1685": ("disables the antivirus", "turns off Defender", "stops security tools"),
    "": ("disable what is not needed", "the group has been active since 2014", "monitor logs for changes"),
}
_NAMES = {
    "T1059.001": ("PowerShell", ("Execution",)),
    "T1059.004": ("Unix Shell", ("Execution",)),
    "T1053.003": ("Cron", ("Execution", "Persistence", "Privilege Escalation")),
    "T1105": ("Ingress Tool Transfer", ("Command and Control",)),
    "T1610": ("Deploy Container", ("Execution", "Stealth")),
    "T1078": ("Valid Accounts", ("Initial Access", "Persistence")),
    "T1685": ("Disable or Modify Tools", ("Defense Impairment",)),
}
_ORDER = (
    *("Initial Access", "Execution", "Persistence", "Privilege Escalation", "Stealth", "Defense Impairment"),
    "Command and Control",
)


def made_index() -> TechniqueIndex:
    """The index of a release that holds a few techniques, taught by sentences of our own."""
    catalogue = Catalogue(
        release="enterprise 0.1",
        content_sha256="0" * 64,
        names={name: told for name, (told, _) in _NAMES.items()},
        tactics={name: tactics for name, (_, tactics) in _NAMES.items()},
        order=_ORDER,
        successors={"T1562.001": "T1685"},
    )
    taught = [Example(f"The malware {text}.", name) for name, texts in _TAUGHT.items() for text in texts]
    return learned(catalogue, taught)
