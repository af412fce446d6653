"""Checks the figures of hand-made answers against figures worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.review.score import Answer, Label, Share, false_alerts, missed, score, share, vary, wrong


def answer(scenario: str, label: Label | None, expected: str, found: str) -> Answer:
    return Answer(scenario, None, label, expected, found)


MIXED = (
    answer("a1", "attack", "alert", "alert"),
    answer("a2", "attack", "alert", "alert"),
    answer("a3", "attack", "alert", "suspicious"),
    answer("a4", "attack", "quiet", "quiet"),
    answer("b1", "benign", "quiet", "quiet"),
    answer("b2", "benign", "alert", "alert"),
    answer("b3", "benign", "quiet", "suspicious"),
    answer("c1", None, "alert", "quiet"),
    answer("c2", None, "alert", "alert"),
)


class TestShare:
    def test_the_interval_is_wilsons(self) -> None:
        """Of 10 trials 8 hits: 49.0 to 94.3 %, as the tables have it."""
        found = share(8, 10)
        assert found.share == 0.8
        assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)

    def test_all_of_a_few_is_no_certainty(self) -> None:
        """Ten of ten: the truth may still be 72 %."""
        assert (round(share(10, 10).low, 4), share(10, 10).high) == (0.7225, 1.0)
        assert (share(0, 10).low, round(share(0, 10).high, 4)) == (0.0, 0.2775)

    def test_nothing_of_nothing_is_unknown(self) -> None:
        """Nothing to divide by is no share, and anything is possible."""
        assert share(0, 0) == Share(0, 0, None, 0.0, 1.0)

    @pytest.mark.property
    @given(st.integers(1, 10_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
    def test_the_share_lies_in_its_interval(self, counts: tuple[int, int]) -> None:
        """An interval holds its share and lies between nothing and everything; more trials make it no wider."""
        found = share(*counts)
        assert found.share is not None
        assert 0 <= found.low <= found.share <= found.high <= 1
        again = share(counts[0] * 4, counts[1] * 4)
        assert again.high - again.low <= found.high - found.low


class TestScore:
    def test_alerts(self) -> None:
        """Three labelled alerts, two of them attacks; four attacks."""
        found = score(MIXED).alert
        assert (found.precision.hits, found.precision.total) == (2, 3)
        assert (found.recall.hits, found.recall.total) == (2, 4)

    def test_alerts_and_suspicious(self) -> None:
        """Five labelled records, three of them of attacks."""
        found = score(MIXED).reported
        assert (found.precision.hits, found.precision.total) == (3, 5)
        assert (found.recall.hits, found.recall.total) == (3, 4)

    def test_exact_verdicts_count_what_has_no_label(self) -> None:
        """Six of nine are as expected: c1, a3 and b3 are not."""
        exact = score(MIXED).exact
        assert (exact.hits, exact.total) == (6, 9)
        assert [found.scenario for found in wrong(MIXED)] == ["a3", "b3", "c1"]

    def test_confusion_counts_every_answer_once(self) -> None:
        """Attacks first, then benign, then the rest; the gravest expectation first."""
        rows = score(MIXED).confusion
        assert [(row.label, row.expected, row.found) for row in rows] == [
            ("attack", "alert", {"alert": 2, "suspicious": 1}),
            ("attack", "quiet", {"quiet": 1}),
            ("benign", "alert", {"alert": 1}),
            ("benign", "quiet", {"quiet": 1, "suspicious": 1}),
            (None, "alert", {"quiet": 1, "alert": 1}),
        ]

    def test_a_label_is_what_happened_and_not_what_is_expected(self) -> None:
        """An attack of which nothing is expected is missed, and a benign alert is false, as expected or not."""
        assert [found.scenario for found in missed(MIXED)] == ["a3", "a4"]
        assert [found.scenario for found in false_alerts(MIXED)] == ["b2"]

    def test_of_nothing_nothing_is_known(self) -> None:
        """No answers, no shares."""
        found = score([])
        assert found.exact.share is found.alert.recall.share is found.reported.precision.share is None


class TestVary:
    def test_counts_those_that_were_not_tried_again_as_before(self) -> None:
        """Only a1 was tried again: recall falls from two of four to one of four."""
        found = vary("falco", MIXED, [answer("a1", "attack", "alert", "quiet")])
        assert found.scenarios == 1
        assert (found.figures.alert.recall.hits, found.figures.alert.recall.total) == (1, 4)
        assert [(change.scenario, change.before, change.after) for change in found.lost] == [("a1", "alert", "quiet")]
        assert found.changed == 1

    def test_tells_losses_from_gains(self) -> None:
        """A graver verdict is a gain for an attack and a loss for the benign; a milder one the other way."""
        after = [
            answer("a3", "attack", "alert", "alert"),
            answer("a2", "attack", "alert", "suspicious"),
            answer("b1", "benign", "quiet", "alert"),
            answer("b2", "benign", "alert", "quiet"),
            answer("c1", None, "alert", "alert"),
        ]
        found = vary(2, MIXED, after)
        assert [change.scenario for change in found.lost] == ["a2"]
        assert [change.scenario for change in found.raised] == ["b1"]
        assert found.changed == 5

    def test_the_same_again_changes_nothing(self) -> None:
        """A variation that changes no verdict has the figures of before."""
        found = vary(1, MIXED, MIXED)
        assert (found.changed, found.lost, found.raised) == (0, (), ())
        assert found.figures == score(MIXED)
