"""Turns the labelled files of tests/intel/articles into Articles and their gold, without the real reader.

`NAME.md` or `NAME.txt` is the article, `NAME.toml` its gold: `style`, optionally `url` and `publisher`, `techniques`,
and one list for each disposition with `type value` in each line; `either` lists what a second reader could report or
leave out. What is not listed must not be reported.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.intel.article import Article, Block, BlockKind

FOLDER = Path(__file__).parent / "articles"
DISPOSITIONS = ("malicious", "suspicious", "victim", "unknown", "benign", "context")
_LINK = re.compile(r"(?<!!)\[([^\]\n]{1,300})\]\((\S{1,600})\)|<(https?://[^>\s]{1,600})>")


class Labelled(msgspec.Struct, frozen=True):
    """One article with what should be found in it."""

    name: str
    style: str
    article: Article
    gold: dict[tuple[str, str], str]
    """(type, value) -> disposition."""
    techniques: tuple[str, ...]
    either: frozenset[tuple[str, str]] = frozenset()
    """What counts neither way."""


def labelled() -> list[Labelled]:
    """Every labelled article, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.toml"))]


def _read(path: Path) -> Labelled:
    told: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    text = next(path.with_suffix(end) for end in (".md", ".txt") if path.with_suffix(end).exists())
    gold = {key: disposition for disposition in DISPOSITIONS for key in _values(told.get(disposition, ""))}
    either = frozenset(_values(told.get("either", "")))
    article = article_of(text.read_text(encoding="utf-8"), text.suffix == ".md", told.get("url"), told.get("publisher"))
    return Labelled(path.stem, told["style"], article, gold, tuple(told.get("techniques", ())), either)


def _values(listed: str) -> Iterator[tuple[str, str]]:
    for line in listed.split("\n"):
        kind, blank, value = line.strip().partition(" ")
        if blank:
            yield kind, value.strip()


def article_of(text: str, markdown: bool = True, url: str | None = None, publisher: str | None = None) -> Article:
    """An article out of Markdown or plain text."""
    parts = list(_markdown(text) if markdown else _plain(text))
    blocks, offset = [], 0
    for kind, body, more in parts:
        blocks.append(Block(kind, body, offset, **more))
        offset += len(body) + 1
    return Article(parts[0][1] if parts else "", tuple(blocks), url, publisher)


Part = tuple[BlockKind, str, dict[str, Any]]


def _plain(text: str) -> Iterator[Part]:
    for body in re.split(r"\n\s*\n", text.strip("\n")):
        yield "paragraph", body, {}


def _inline(text: str) -> tuple[str, tuple[str, ...]]:
    links = tuple(match[2] or match[3] for match in _LINK.finditer(text))
    text = _LINK.sub(lambda match: match[1] or match[3], text)
    return re.sub(r"\*\*|`|\\(?=[\[\]_*.|])", "", text), links


def _markdown(text: str) -> Iterator[Part]:
    headings: list[tuple[int, str]] = []
    columns: tuple[str, ...] = ()
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        above = {"headings": tuple(words for _, words in headings)}
        at += 1
        if not line.strip():
            columns = ()
        elif line.startswith("```"):
            end = next((row for row in range(at, len(lines)) if lines[row].startswith("```")), len(lines))
            yield "code", "\n".join(lines[at:end]), above
            at = end + 1
        elif heading := re.match(r"(#{1,6}) (.*)", line):
            words, links = _inline(heading[2])
            headings = [known for known in headings if known[0] < len(heading[1])]
            yield "heading", words, {"headings": tuple(known for _, known in headings), "links": links}
            headings.append((len(heading[1]), words))
        elif line.startswith("|"):
            shown = tuple(_inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))
            if at < len(lines) and re.fullmatch(r"[|:\s-]+", lines[at]) and not columns:
                columns = tuple(cell for cell, _ in shown)
                at += 1
                continue
            cells = tuple(cell for cell, _ in shown)
            links = tuple(link for _, found in shown for link in found)
            yield "table", " | ".join(cells), {**above, "cells": cells, "columns": columns, "links": links}
        elif re.match(r"\s*(?:[-*+]|\d+\.) ", line):
            body, links = _inline(re.sub(r"^\s*(?:[-*+]|\d+\.) ", "", line))
            yield "list", body, {**above, "links": links}
        else:
            kind: BlockKind = "quote" if line.startswith(">") else "paragraph"
            rows = [line.lstrip("> ")]
            while (
                at < len(lines) and lines[at].strip() and not re.match(r"#{1,6} |\||```|\s*(?:[-*+]|\d+\.) ", lines[at])
            ):
                rows.append(lines[at].lstrip("> "))
                at += 1
            body, links = _inline(" ".join(rows))
            yield kind, body, {**above, "links": links}
