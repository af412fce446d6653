"""Holds that phases stand in the order of the matrix, each on the best sentence, and none without evidence."""

from tidewaiter.intel.briefing import Technique
from tidewaiter.intel.phases import phases_of
from tidewaiter.intel.technique_index import TechniqueIndex


def technique(name: str, evidence: str, score: float = 0.7, offset: int = 0) -> Technique:
    """One technique."""
    return Technique(id=name, name=None, score=score, how="inferred", evidence=evidence, offset=offset)


def test_phases_stand_in_the_order_of_the_matrix(index: TechniqueIndex) -> None:
    told = phases_of([technique("T1105", "It fetched a file."), technique("T1059.004", "It ran bash.")], index)
    assert [(one.name, one.evidence) for one in told] == [
        ("Execution", "It ran bash."),
        ("Command and Control", "It fetched a file."),
    ]


def test_a_phase_stands_on_its_best_sentence(index: TechniqueIndex) -> None:
    weak, strong = technique("T1059.004", "weak", 0.5), technique("T1059.001", "strong", 0.9, 40)
    assert [(one.evidence, one.offset) for one in phases_of([weak, strong], index)] == [("strong", 40)]


def test_a_technique_of_several_tactics_serves_the_one_its_sentence_speaks_of(index: TechniqueIndex) -> None:
    def served(name: str, evidence: str) -> list[str]:
        return [one.name for one in phases_of([technique(name, evidence)], index)]

    assert served("T1053.003", "A cron job brings it back after a reboot.") == ["Persistence"]
    assert served("T1053.003", "A cron job starts.") == ["Execution"]
    assert served("T1078", "They kept persistence by an account.") == ["Persistence"]


def test_without_techniques_or_a_release_there_are_no_phases(index: TechniqueIndex) -> None:
    assert phases_of([], index) == ()
    assert phases_of([technique("T1105", "x")], None) == ()
    assert phases_of([technique("T9999", "x")], index) == ()
