"""Checks the command eval: what it prints, writes and answers, over copies of shipped scenarios."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from evaluations import HOSTILE, an_answer, an_evaluation

from tidewaiter.cli._eval_text import render
from tidewaiter.cli.eval import eval as eval_command
from tidewaiter.edge.baseline_write import About, write_baseline
from tidewaiter.edge.scenario import read_scenario
from tidewaiter.edge.trial import learned
from tidewaiter.review.evaluation import Background
from tidewaiter.sinks._page import Page, unpainted

SCENARIOS = Path(__file__).parents[1] / "scenarios"
GOLDEN = Path(__file__).parents[1] / "golden" / "eval"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(eval_command, arguments, prog_name="tidewaiter eval", terminal_width=120)


@pytest.fixture
def folder(workroom: Path) -> str:
    """A folder with three scenarios, the name of which is short."""
    for name in ("fires", "B01-ci-runner", "B01-in-prod"):
        shutil.copytree(SCENARIOS / name, workroom / "mine" / name)
    return "mine"


def expect_otherwise(name: str) -> None:
    """Make a scenario expect what does not come."""
    path = Path("mine", name, "expect.toml")
    path.write_text(path.read_text().replace('verdict = "alert"', 'verdict = "suspicious"'))


class TestScore:
    def test_all_as_expected(self, folder: str) -> None:
        result = run(folder)
        assert result.exit_code == 0
        assert result.stderr == ""
        assert result.stdout.startswith("AS EXPECTED mine: 3 of 3 scenarios (1 attack, 2 benign, 0 without a label;")
        assert "Without one source" in result.stdout

    def test_one_otherwise(self, folder: str) -> None:
        expect_otherwise("fires")
        result = run(folder, "--quick")
        assert result.exit_code == 1
        assert "fires: expected suspicious, found alert" in result.stdout
        assert "Without one source" not in result.stdout

    def test_only_some(self, folder: str) -> None:
        expect_otherwise("fires")
        result = run(folder, "--quick", "--only", "B01-*")
        assert (result.exit_code, "2 of 2 scenarios" in result.stdout) == (0, True)

    def test_json(self, folder: str) -> None:
        expect_otherwise("fires")
        result = run(folder, "--format", "json")
        found = json.loads(result.stdout)
        assert (found["kind"], found["schema"], found["folder"]) == ("evaluation", 1, "mine")
        assert found["scenarios"]["exact"]["hits"] == 2
        assert found["labels"] == {"total": 3, "attack": 1, "benign": 2, "unlabelled": 0, "with_baseline": 0}
        assert {entry["scenario"] for entry in found["wrong"]} == {"fires"}
        assert {entry["setting"] for entry in found["variations"]["without_source"]} >= {"falco", "kubernetes_audit"}
        assert found["background"] is None

    def test_page(self, folder: str) -> None:
        Path("page.html").write_text("old")
        assert run(folder, "--quick", "--html", "page.html").exit_code == 0
        assert "Every verdict is as expected" in Path("page.html").read_text()
        assert sorted(os.listdir()) == ["mine", "page.html"]

    def test_groups_of_scenarios(self, folder: str) -> None:
        """Folders in FOLDER may group them; two of one name are two, and a folder without any is told."""
        for group in ("attacks", "benign"):
            shutil.copytree(SCENARIOS / "fires", Path(folder, group, "fires"))
        Path(folder, "forgotten").mkdir()
        Path(folder, "forgotten", "expected.toml").write_text("x")
        expect_otherwise("attacks/fires")
        result = run(folder, "--format", "json")
        found = json.loads(result.stdout)
        assert (found["labels"]["total"], {entry["scenario"] for entry in found["wrong"]}) == (5, {"attacks/fires"})
        lost = [change["scenario"] for entry in found["variations"]["without_source"] for change in entry["lost"]]
        assert {"fires", "attacks/fires", "benign/fires"} <= set(lost)
        assert result.stderr == "incomplete: forgotten: holds no expect.toml, so nothing in it was scored\n"
        assert "1 of 1 scenarios" in run(folder, "--quick", "--only", "benign/*").stdout

    def test_background(self, folder: str) -> None:
        telemetry = str(SCENARIOS / "fires" / "*.json*")
        result = run(folder, "--quick", "--background", telemetry, "--policy", str(SCENARIOS / "fires" / "policy.yaml"))
        assert "24.00 alerts and 0.00 suspicious records per day" in " ".join(result.stdout.split())

    def test_background_with_a_baseline(self, folder: str) -> None:
        story = read_scenario(SCENARIOS / "baseline-approved-by-name")
        write_baseline("known.jsonl", learned(story).profiles, About({}))
        background = ("--background", str(SCENARIOS / story.name / "*.jsonl"))
        policy = ("--policy", str(SCENARIOS / story.name / "policy.yaml"))
        without = run(folder, "--quick", *background, *policy, "--format", "json")
        beside = run(folder, "--quick", *background, *policy, "--baseline", "known.jsonl", "--format", "json")
        found = [json.loads(result.stdout)["background"]["alerts"] for result in (without, beside)]
        assert found == [1, 0]


class TestFaults:
    def test_a_baseline_that_is_none(self, folder: str) -> None:
        Path("known.jsonl").write_text("nonsense\n")
        telemetry = str(SCENARIOS / "fires" / "falco.jsonl")
        result = run(folder, "--quick", "--background", telemetry, "--baseline", "known.jsonl")
        assert result.exit_code == 2
        assert result.stderr.startswith("known.jsonl:1: no baseline")
        assert len(result.stderr.splitlines()) == 1

    def test_nothing_to_score(self, workroom: Path) -> None:
        result = run(".")
        assert result.exit_code == 3
        assert result.stderr == ".: holds no scenario (a folder with expect.toml): nothing to score\n"

    def test_nothing_of_that_name(self, folder: str) -> None:
        assert run(folder, "--only", "x*").exit_code == 3

    def test_every_faulty_scenario_is_told(self, folder: str) -> None:
        Path(folder, "fires", "policy.yaml").unlink()
        Path(folder, "B01-in-prod", "expect.toml").write_text('about = "x"\nverdcit = "quiet"\n')
        result = run(folder)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            'mine/B01-in-prod/expect.toml: verdcit: no such key; did you mean "verdict"?',
            "mine/fires/policy.yaml: is missing; every scenario has a policy of its own (an empty one is: version: 1)",
        ]

    def test_no_such_folder(self, workroom: Path) -> None:
        result = run("nowhere")
        assert (result.exit_code, result.stderr) == (2, "nowhere: cannot be listed: No such file or directory\n")

    def test_a_policy_without_a_background(self, folder: str) -> None:
        result = run(folder, "--policy", "policy.yaml")
        assert result.exit_code == 2
        assert result.stderr == "--policy and --baseline are for --background; a scenario brings its own\n"

    def test_a_background_that_is_not_there(self, folder: str) -> None:
        result = run(folder, "--background", "nowhere")
        assert (result.exit_code, result.stderr) == (2, "nowhere: no such file or folder\n")

    def test_a_page_that_cannot_be_written(self, folder: str) -> None:
        result = run(folder, "--quick", "--html", "no/such/folder.html")
        assert result.exit_code == 2
        assert result.stderr == "no/such/folder.html: cannot be written: No such file or directory\n"

    def test_telemetry_that_ends_early_is_said(self, folder: str) -> None:
        Path(folder, "fires", "more.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00")
        result = run(folder, "--quick")
        assert result.exit_code == 0
        assert result.stderr.startswith("incomplete: fires: more.jsonl.gz: ")

    @pytest.mark.parametrize(
        ("page", "sentence"),
        [
            ("mine/fires/policy.yaml", "lies in the scenario fires and would be read as telemetry of it"),
            ("mine/fires/new.html", "lies in the scenario fires and would be read as telemetry of it"),
            ("here.jsonl", "is what is read, and would be lost"),
            ("mine/../p.yaml", "is what is read, and would be lost"),
        ],
    )
    def test_the_page_is_written_over_nothing_that_is_read(self, folder: str, page: str, sentence: str) -> None:
        shutil.copy(SCENARIOS / "fires" / "falco.jsonl", "here.jsonl")
        Path("p.yaml").write_text("version: 1\n")
        before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        result = run(folder, "--quick", "--html", page, "--background", "here.jsonl", "--policy", "p.yaml")
        assert (result.exit_code, result.stderr) == (2, f"{page}: {sentence}; name another file\n")
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


class TestText:
    @pytest.mark.parametrize("width", [80, 120])
    def test_golden(self, request: pytest.FixtureRequest, width: int) -> None:
        """What people read, no line of it wider than their terminal; --refresh writes it anew."""
        text = "\n".join(render(an_evaluation(), Page(width, False))) + "\n"
        if request.config.getoption("--refresh"):
            (GOLDEN / f"evaluation-{width}.txt").write_text(text)
        assert text == (GOLDEN / f"evaluation-{width}.txt").read_text()
        assert max(map(len, text.splitlines())) <= width

    def test_what_was_not_measured_is_said(self, folder: str) -> None:
        assert "Alerts per day were not measured" in run(folder, "--quick").stdout

    def test_a_background_says_by_what_it_was_judged(self) -> None:
        stated = Background(("a/", "\x1b[2J"), 1, 1, 0, 0, 0, 0.0, 0.0, (), (), "p.yaml", "b.jsonl")
        evaluation = msgspec.structs.replace(an_evaluation(), background=stated)
        text = " ".join(" ".join(render(evaluation, Page(80, False))).split())
        assert "a/, \\x1b[2J: 1 records" in text
        assert "judged by p.yaml, with b.jsonl" in text

    def test_colours_change_no_word(self) -> None:
        plain = render(an_evaluation(), Page(110, False))
        coloured = render(an_evaluation(), Page(110, True))
        assert coloured != plain
        assert [unpainted(line) for line in coloured] == plain

    def test_hostile_names(self) -> None:
        """No escape sequence of a name or a reason reaches the terminal."""
        evaluation = an_evaluation(an_answer(HOSTILE, "attack", "alert", "quiet", HOSTILE), folder=HOSTILE)
        text = "\n".join(render(evaluation, Page(80, False)))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\x1b[31m" in text
