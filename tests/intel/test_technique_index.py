"""Holds that an index tells techniques apart, is the same each time, and survives its own encoding."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from technique_labels import made_index

from tidewaiter.intel.technique_index import NONE, Catalogue, TechniqueIndex, learned
from tidewaiter.intel.words import MAX_WORDS, features, plain, stem


@pytest.mark.parametrize(
    ("sentence", "technique"),
    [
        ("Its operators log in with accounts that were stolen.", "T1078"),
        ("Persistence comes from a cron job.", "T1053.003"),
        ("It downloads another payload.", "T1105"),
        ("Monitor logs for changes.", NONE),
    ],
)
def test_the_nearest_technique(index: TechniqueIndex, sentence: str, technique: str) -> None:
    scores = index.scores(sentence)
    assert max(scores, key=lambda name: scores[name]) == technique


def test_an_unknown_language_has_no_score(index: TechniqueIndex) -> None:
    assert index.scores("Ünbekannte Wörter völlig") == {}


def test_the_same_examples_give_the_same_index(index: TechniqueIndex) -> None:
    encoded = msgspec.msgpack.encode(index)
    assert msgspec.msgpack.encode(made_index()) == encoded
    assert msgspec.msgpack.decode(encoded, type=TechniqueIndex) == index


def test_an_index_of_nothing_is_possible() -> None:
    empty = learned(Catalogue("x", "y", {}, {}, ()), [])
    assert empty.scores("Attackers run PowerShell.") == {}


def test_markup_of_attack_is_taken_out() -> None:
    text = "[Sample](https://attack.mitre.org/software/S1) runs <code>a</code>.(Citation: One 2020)"
    assert plain(text) == "Sample runs a."


def test_words_are_stemmed_and_paired() -> None:
    assert [stem(word) for word in ("encrypted", "encrypting", "encrypts", "is", "files")] == [
        *("encrypt", "encrypt", "encrypt", "is", "fil"),
    ]
    assert features("It encrypts the files") == ["encrypt", "fil", "encrypt fil"]


@pytest.mark.property
@given(st.text(max_size=500))
def test_any_text_has_bounded_features_and_scores(text: str) -> None:
    index = made_index()
    assert len(features(text)) < 2 * MAX_WORDS
    assert all(-2 < score < 2 and technique in index.classes for technique, score in index.scores(text).items())
