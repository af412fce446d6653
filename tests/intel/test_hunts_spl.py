"""Proves that every SPL hunt is well-formed by a second lexer and by rules of its own, and that no value breaks out.

No complete grammar of SPL is published as a parser. What stands in for one: a lexer by others (for strings and
commands), and a reader of the one shape of query that is written here, which allows nothing else outside strings.
"""

import re

import pytest
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, HOSTILE_TEXT, KINDS, assert_stays_inside, hunts_of
from hypothesis import given, settings

from tidewaiter.intel.briefing import IndicatorType

_STRING = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_FIELD = r"(?:Processes|Filesystem|Registry|DNS|Web|All_Traffic|All_Email)\.[a-z_]+"
_IN = rf"{_FIELD} IN \(S(?:, S)*\)"
_CONDITION = rf"(?:{_IN}|\({_IN} OR {_IN}\))"
_QUERY = re.compile(
    r"\| tstats count min\(_time\) as first_seen max\(_time\) as last_seen"
    r" from datamodel=[A-Z][A-Za-z_]+\.[A-Z][A-Za-z_]+\n"
    rf"    where {_CONDITION}(?: AND {_CONDITION})*\n"
    rf"    by {_FIELD}(?: {_FIELD})*\n"
    r"\| rename S as S\n"
    r"\| convert ctime\(first_seen\) ctime\(last_seen\)\Z"
)
MODELS = {
    "Processes": "dest user process process_name process_path process_hash parent_process_name",
    "Filesystem": "dest user action file_path file_hash",
    "Registry": "dest user action registry_path",
    "DNS": "src query",
    "Web": "src user url url_domain",
    "All_Traffic": "src_ip dest_ip dest_port action",
    "All_Email": "src_user recipient subject",
}
"""Fields of the CIM data models that the queries use, as Splunk documents them."""


def strings(query: str) -> list[str]:
    """The strings, decoded, in order; whatever else stands in the query must be of the one known shape."""
    assert "`" not in query
    assert _QUERY.match(_STRING.sub("S", query)), query
    found = []
    for text in _STRING.findall(query):
        assert not re.search(r"(?<=[^*])\*(?=[^*])", text[1:-1]), "a wildcard of the value's own"
        found.append(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL))
    return found


def test_every_hunt_is_well_formed() -> None:
    """All kinds and all behaviours."""
    hunts = hunts_of("spl", EVERY_KIND, EVERY_TECHNIQUE)
    assert len(hunts) > 18
    for hunt in hunts:
        assert strings(hunt.query)


def test_every_field_is_one_of_the_data_model() -> None:
    """Only fields of the Common Information Model, each in its own data set."""
    for hunt in hunts_of("spl", EVERY_KIND, EVERY_TECHNIQUE):
        fields = re.findall(r"\b([A-Z][A-Za-z_]+)\.([a-z_]+)\b", _STRING.sub("", hunt.query))
        assert fields
        assert [field for field in fields if field[1] not in MODELS[field[0]].split()] == []


def test_a_lexer_by_others_agrees() -> None:
    """Nothing of a query is an error to it, and it sees the same strings."""
    lexer = pytest.importorskip("pygments_lexer_spl", reason="no lexer of SPL; only our own reader was asked")
    token = pytest.importorskip("pygments.token")
    for hunt in hunts_of("spl", EVERY_KIND, EVERY_TECHNIQUE):
        tokens = list(lexer.SPLLexer().get_tokens(hunt.query))
        assert [text for kind, text in tokens if kind in token.Error] == []
        quoted = "".join(text for kind, text in tokens if kind in token.String)
        assert quoted == "".join(f'"{text}"' for text in _STRING.findall(hunt.query))


@pytest.mark.property
@settings(deadline=None, max_examples=200)
@given(kind=KINDS, text=HOSTILE_TEXT)
def test_no_value_breaks_out_of_its_string(kind: IndicatorType, text: str) -> None:
    """Quotes, pipes, escapes, macros, wildcards: the query is the harmless one with other words in its strings."""
    assert_stays_inside("spl", kind, text, strings)
