"""Checks trials and whole evaluations over a handful of the shipped scenarios."""

from pathlib import Path

import msgspec
import pytest

from tidewaiter.baseline import Entry, Profile
from tidewaiter.edge.evaluation import FACTORS, evaluate, measure_background
from tidewaiter.edge.scenario import Scenario, read_scenario
from tidewaiter.edge.trial import aged, answer, container_answers, learned, run
from tidewaiter.habit import Habit
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.review.evaluation import Evaluation
from tidewaiter.workload import WorkloadKey

SCENARIOS = Path(__file__).parents[1] / "scenarios"
HANDFUL = ("B01-ci-runner", "B01-in-prod", "fires", "trusted-misbehaves", "window-901s", "B08-python-entrypoint")


def scenario(name: str) -> Scenario:
    return read_scenario(SCENARIOS / name)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """The score of a handful."""
    return evaluate("scenarios", [scenario(name) for name in HANDFUL])


class TestTrial:
    def test_the_answer_is_the_gravest_verdict(self) -> None:
        """With its reasons; what a scope silences is quiet."""
        found = answer(scenario("fires"), run(scenario("fires")))
        assert (found.label, found.expected, found.found) == ("attack", "alert", "alert")
        assert found.reasons
        silenced = answer(scenario("B01-ci-runner"), run(scenario("B01-ci-runner")))
        assert (silenced.found, "ci" in " ".join(silenced.reasons)) == ("quiet", True)

    def test_a_source_to_which_nobody_listens_says_nothing(self) -> None:
        """Its records are counted as irrelevant, and all others are read as before."""
        story = scenario("fires")
        whole, deaf = run(story), run(story, without=("falco",))
        assert whole.summary.alerts == 1
        assert deaf.summary.alerts == 0
        assert deaf.summary.sources["falco"].records == whole.summary.sources["falco"].records
        assert deaf.summary.records == whole.summary.records
        assert deaf.faults == ()

    def test_a_container_that_nobody_fits_is_absent(self) -> None:
        """And so is one that two fit."""
        story = scenario("fires")
        (container,) = story.expected.containers
        nobody = msgspec.structs.replace(container, id="ffffffffffff")
        changed = msgspec.structs.replace(story, expected=msgspec.structs.replace(story.expected, containers=[nobody]))
        told = container_answers(changed, run(changed))
        assert [(found.expected, found.found, found.label) for found in told] == [
            ("alert", "absent", "attack"),
            ("quiet", "alert", "benign"),
        ]

    def test_a_bystander_of_an_attack_is_benign(self) -> None:
        """A container of which nothing is expected is none of the attackers, unless it says so itself."""
        story = scenario("init-container-misbehaves")
        told = {found.expected: found.label for found in container_answers(story, run(story))}
        assert told == {"alert": "attack", "quiet": "benign"}
        missed = scenario("trusted-misbehaves")
        assert [found.label for found in container_answers(missed, run(missed))] == ["attack"]

    def test_a_file_that_is_no_telemetry_is_told(self, tmp_path: Path) -> None:
        """The verdict may stand on less than was given."""
        (tmp_path / "notes.txt").write_text("nothing that anybody wrote\n")
        story = msgspec.structs.replace(scenario("fires"), telemetry=(tmp_path / "notes.txt",))
        (fault,) = evaluate("x", [story], quick=True).faults
        assert fault.where == "fires: notes.txt"
        assert fault.sentence == "nothing in it was recognised"

    def test_ageing_leaves_the_workload_as_young_as_it_was(self) -> None:
        """Habits move back by whole days; the profile's own hours stay."""
        habit = Habit("exec", "/bin/sh")
        entry = Entry("trusted", 3, first_hour=1000, last_hour=1010)
        profile = Profile(WorkloadKey("c", "n", "k", "w", "x"), None, last_hour=1010, entries={habit: entry})
        (older,) = aged([profile], 2)
        assert (older.last_hour, older.entries[habit].first_hour, older.entries[habit].last_hour) == (1010, 952, 962)
        assert profile.entries[habit].last_hour == 1010
        assert aged([profile], 0) == (profile,)


class TestEvaluation:
    def test_figures(self, evaluation: Evaluation) -> None:
        """Two attacks, one of them missed as expected; three benign, one of them an alert as expected."""
        assert (evaluation.labels.attack, evaluation.labels.benign, evaluation.labels.unlabelled) == (2, 3, 1)
        recall, precision = evaluation.scenarios.alert.recall, evaluation.scenarios.alert.precision
        assert (recall.hits, recall.total, precision.hits, precision.total) == (1, 2, 1, 2)
        assert evaluation.scenarios.exact.hits == len(HANDFUL)
        assert evaluation.wrong == ()
        assert [found.scenario for found in evaluation.missed] == ["trusted-misbehaves"]
        assert [found.scenario for found in evaluation.false_alerts] == ["B01-in-prod"]

    def test_each_source_is_left_out_once(self, evaluation: Evaluation) -> None:
        """Without the sensor the attack is lost; without the audit log nobody knows that it is the build's account."""
        assert evaluation.variations is not None
        left_out = {found.setting: found for found in evaluation.variations.without_source}
        assert [change.scenario for change in left_out["falco"].lost] == ["fires"]
        assert [change.scenario for change in left_out["kubernetes_audit"].raised] == ["B01-ci-runner"]
        assert left_out["falco"].scenarios < len(HANDFUL)

    def test_own_settings_change_nothing(self, evaluation: Evaluation) -> None:
        """A factor of one is the run itself; a window twice as long turns 901 s into an alert."""
        assert evaluation.variations is not None
        for variations in (evaluation.variations.time_window, evaluation.variations.lateness):
            assert [found.setting for found in variations] == list(FACTORS)
            own = next(found for found in variations if found.setting == 1)
            assert (own.changed, own.figures) == (0, evaluation.scenarios)
        doubled = next(found for found in evaluation.variations.time_window if found.setting == 2)
        assert doubled.changed == 1

    def test_quick_varies_nothing(self) -> None:
        """The figures are the same."""
        assert evaluate("x", [scenario("fires")], quick=True).variations is None


class TestBackground:
    def test_hours_are_those_of_behaviour(self) -> None:
        """One alert in one clock hour is twenty-four a day."""
        found, faults = measure_background([str(path) for path in scenario("fires").telemetry], DEFAULT_POLICY)
        assert faults == []
        assert (found.alerts, found.hours, found.alerts_per_day) == (1, 1, 24.0)
        assert found.records > 1
        assert found.titles[0].startswith("alert: ")

    def test_telemetry_without_behaviour_has_no_rate(self, tmp_path: Path) -> None:
        """Nothing is divided by nothing, and a stranger is told."""
        (tmp_path / "x.txt").write_text("nothing\n")
        found, faults = measure_background([str(tmp_path / "x.txt")], DEFAULT_POLICY)
        assert (found.hours, found.alerts_per_day) == (0, None)
        assert [fault.sentence for fault in faults] == ["nothing in it was recognised"]


class TestBaselines:
    def test_what_is_learned_is_judged_by(self) -> None:
        """New content with one new destination is told, although a scope silences builds there; a release is not."""
        moved, release = scenario("baseline-moved-tag"), scenario("baseline-release")
        assert answer(moved, run(moved, learned(moved).profiles)).found == "alert"
        assert answer(release, run(release, learned(release).profiles)).found == "quiet"
        assert answer(moved, run(moved)).found == "quiet"

    def test_a_name_approves_what_a_pattern_does_not(self) -> None:
        """Of what alerted while it was learned."""
        states = {
            name: {entry.state for profile in learned(scenario(name)).profiles for entry in profile.entries.values()}
            for name in ("baseline-poisoned", "baseline-pattern-and-alerted", "baseline-approved-by-name")
        }
        assert list(states.values()) == [{"alerted"}, {"alerted"}, {"approved"}]

    def test_what_cannot_be_learned_from_is_told(self, tmp_path: Path) -> None:
        """A baseline may know less than it was meant to."""
        (tmp_path / "notes.txt").write_text("nothing that anybody wrote\n")
        story = scenario("baseline-release")
        spoilt = msgspec.structs.replace(story, to_learn=(*story.to_learn, tmp_path / "notes.txt"))
        (fault,) = evaluate("x", [spoilt], quick=True).faults
        assert fault.where == "baseline-release: notes.txt"

    def test_old_knowledge_expects_nothing(self) -> None:
        """From the day on that the policy's retention is past."""
        variations = evaluate("x", [scenario("baseline-approved-by-name"), scenario("fires")]).variations
        assert variations is not None
        told = {found.setting: (found.scenarios, len(found.raised)) for found in variations.baseline_age}
        assert told == {0: (1, 0), 15: (1, 0), 31: (1, 1), 60: (1, 1)}

    def test_without_containers_only_the_scenario_is_scored(self) -> None:
        """Who mentions no container is not wrong about each of them."""
        story = scenario("fires")
        plain = msgspec.structs.replace(story, expected=msgspec.structs.replace(story.expected, containers=[]))
        found = evaluate("x", [plain], quick=True)
        assert (found.containers.scored, found.scenarios.exact.hits, found.wrong) == (0, 1, ())
