"""Proves that every ES|QL hunt is one to Elasticsearch's own grammar, and that no value breaks out."""

import re
from typing import Any

import pytest
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, HOSTILE_TEXT, KINDS, assert_stays_inside, hunts_of
from hypothesis import given, settings

from tidewaiter.intel.briefing import IndicatorType

_REASON = "Elasticsearch's grammar is absent; that ES|QL parses was not proven"
antlr4 = pytest.importorskip("antlr4", reason=_REASON)
lexer = pytest.importorskip("esql_parser.EsqlBaseLexer", reason=_REASON)
grammar = pytest.importorskip("esql_parser.EsqlBaseParser", reason=_REASON)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}


class SyntaxFault(Exception):
    """The grammar does not know the query."""


def strings(query: str) -> list[str]:
    """Parse, and give the string literals, decoded, in order; of a pattern, what it matches literally."""

    class Listener(antlr4.error.ErrorListener.ErrorListener):  # type: ignore[misc, name-defined]
        def syntaxError(self, *fault: object) -> None:
            raise SyntaxFault(str(fault[4]))

    tokens = antlr4.CommonTokenStream(_listened(lexer.EsqlBaseLexer(antlr4.InputStream(query)), Listener()))
    _listened(grammar.EsqlBaseParser(tokens), Listener()).singleStatement()
    quoted = (token.text[1:-1] for token in tokens.tokens if token.type == lexer.EsqlBaseLexer.QUOTED_STRING)
    return [re.sub(r"\\(.)", lambda match: _LETTERS.get(match[1], match[1]), text, flags=re.DOTALL) for text in quoted]


def _listened(reader: Any, listener: object) -> Any:
    reader.removeErrorListeners()
    reader.addErrorListener(listener)
    return reader


def unwildcarded(query: str) -> list[str]:
    """As `strings`, with the patterns of LIKE read as Elasticsearch reads them: `*text*` with escapes -> text."""
    written = re.findall(r'LIKE ("(?:\\.|[^"\\])*")', query, flags=re.DOTALL)
    patterns = {strings(f"ROW a = {one}")[0] for one in written}
    return [_literally(text) if text in patterns else text for text in strings(query)]


def _literally(pattern: str) -> str:
    assert pattern[0] == pattern[-1] == "*"
    inside = pattern[1:-1]
    assert not re.search(r"(?<!\\)(?:\\\\)*[*?]", inside), "a wildcard of the value's own"
    return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)


def test_the_parser_finds_faults() -> None:
    """What proves the rest would notice."""
    for query in ('FROM logs-* | WHERE a == "b" c"', 'FROM logs-* | WHERE a IN ("b"', "FROM logs-* | WHRE a == 1"):
        with pytest.raises(SyntaxFault):
            strings(query)


def test_every_hunt_parses() -> None:
    """All kinds and all behaviours."""
    hunts = hunts_of("esql", EVERY_KIND, EVERY_TECHNIQUE)
    assert len(hunts) > 20
    for hunt in hunts:
        assert strings(hunt.query)


@pytest.mark.property
@settings(deadline=None, max_examples=200)
@given(kind=KINDS, text=HOSTILE_TEXT)
def test_no_value_breaks_out_of_its_literal(kind: IndicatorType, text: str) -> None:
    """Quotes, pipes, escapes, comments, wildcards: the query is the harmless one with other words in its literals."""
    assert_stays_inside("esql", kind, text, unwildcarded)
