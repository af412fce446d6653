"""Proves that every EQL hunt is one to the `eql` library, and that no value breaks out."""

import pytest
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, HOSTILE_TEXT, KINDS, assert_stays_inside, hunts_of
from hypothesis import given, settings

from tidewaiter.intel.briefing import IndicatorType

eql = pytest.importorskip("eql", reason="the eql library is absent; that EQL parses was not proven")


def strings(query: str) -> list[str]:
    """Parse as Elasticsearch would, and give the string literals, decoded, in order."""
    with eql.parser.elasticsearch_syntax, eql.parser.ignore_missing_functions:
        tree = eql.parse_query(query)
    return [node.value for node in tree if isinstance(node, eql.ast.String)]


def test_the_parser_finds_faults() -> None:
    """What proves the rest would notice."""
    with pytest.raises(eql.EqlSyntaxError):
        strings('process where process.name == "a" b"')


def test_every_hunt_parses() -> None:
    """All kinds and all behaviours."""
    hunts = hunts_of("eql", EVERY_KIND, EVERY_TECHNIQUE)
    assert len(hunts) > 20
    for hunt in hunts:
        assert strings(hunt.query)


@pytest.mark.property
@settings(deadline=None, max_examples=200)
@given(kind=KINDS, text=HOSTILE_TEXT)
def test_no_value_breaks_out_of_its_literal(kind: IndicatorType, text: str) -> None:
    """Quotes, pipes, escapes, comments: the query is the harmless one with other words in its literals."""
    assert_stays_inside("eql", kind, text, strings)
