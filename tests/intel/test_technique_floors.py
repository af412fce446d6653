"""Holds floors of precision and recall on articles of our own, against a real release of ATT&CK."""

from itertools import product

import pytest
from technique_labels import article_of, labelled

from tidewaiter.intel.phases import phases_of
from tidewaiter.intel.severity import severity_of
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.intel.techniques import named, names_by_start, techniques_of


def counted(name: str, index: TechniqueIndex, by_name: bool = False) -> tuple[int, int, int]:
    """(found and right, found and wrong, missed) over the articles of a file."""
    right = wrong = missed = 0
    names = names_by_start(index.catalogue)
    for one in labelled(name):
        if by_name:
            found = {told for alike, _ in named(one.article.text, names) for told in alike}
        else:
            found = {told.id for told in techniques_of(one.article, index)}
        right += len(found & one.techniques)
        wrong += len(found - one.techniques - one.allowed)
        missed += len(one.techniques - found)
    return right, wrong, missed


def f1(right: int, wrong: int, missed: int) -> float:
    return 2 * right / (2 * right + wrong + missed)


@pytest.mark.parametrize("name", ["chosen_on", "held_out"])
def test_techniques_are_found_far_better_than_by_their_names(name: str, real_index: TechniqueIndex) -> None:
    right, wrong, missed = counted(name, real_index)
    assert right / (right + wrong) >= 0.8
    assert right / (right + missed) >= 0.85
    assert f1(*counted(name, real_index, by_name=True)) < 0.3


def test_what_tells_of_no_attack_has_no_technique_no_phase_and_no_severity(real_index: TechniqueIndex) -> None:
    harmless = [one for name in ("chosen_on", "held_out") for one in labelled(name) if not one.techniques]
    assert len(harmless) >= 7
    for one in harmless:
        told = techniques_of(one.article, real_index)
        assert (one.name, told, phases_of(told, real_index)) == (one.name, (), ())
        assert severity_of(one.article, (), told)[0] == "informational"


_SUBJECTS = (
    *("An implementation", "The registry", "A client", "The runtime", "The image index", "The config", "A layer"),
    *("The container process", "The root file system", "The token service", "Each descriptor", "The host"),
)
_VERBS = (
    *(
        "MUST execute",
        "deletes",
        "SHOULD NOT modify",
        "is encrypted by",
        "downloads",
        "mounts",
        "discovers",
        "collects",
    ),
    *("MAY compress", "authenticates with", "registers", "executes the shell of"),
)
_OBJECTS = (
    *("the command of the entrypoint.", "files below /etc/passwd.", "the access token.", "the password of the user."),
    *(
        "the manifest over HTTPS.",
        "a Unix socket of the daemon.",
        "the registry keys of a platform.",
        "the host's log.",
    ),
)
_SECURITY = "An attacker who controls the registry could replace a tag, or inject a malicious layer."


def test_nineteen_pages_of_a_specification_give_nothing(real_index: TechniqueIndex) -> None:
    """Sentences made of the words that tempt: 45,000 characters of them, with what an attacker could do."""
    told = [" ".join(parts) for parts in product(_SUBJECTS, _VERBS, _OBJECTS)]
    pages = ["\n".join([f"## Page {page}", *told[page::19][:50], _SECURITY]) for page in range(19)]
    article = article_of("# Image Specification\n" + "\n".join(pages))
    assert len(article.text) > 40_000
    assert techniques_of(article, real_index) == ()
    assert severity_of(article, (), ())[0] == "informational"


def test_each_technique_lives_and_cites_its_sentence(real_index: TechniqueIndex) -> None:
    for one in labelled("held_out"):
        for told in techniques_of(one.article, real_index):
            assert told.name == real_index.catalogue.names[told.id]
            assert one.article.text[told.offset :].startswith(told.evidence)


def test_there_are_enough_articles() -> None:
    assert len([*labelled("chosen_on"), *labelled("held_out")]) >= 20
