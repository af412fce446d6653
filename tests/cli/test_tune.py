"""Checks the command tune: what it proposes, what it writes when told to, and how it says what is wrong."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from made_records import ONE, as_line, container, record
from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.cli.tune import tune
from tidewaiter.policy import load_policy
from tidewaiter.review.recorded import Record

GOLDEN = Path(__file__).parents[1] / "golden" / "cli" / "tune.txt"
SCENARIOS = Path(__file__).parents[1] / "scenarios"
POLICY = "version: 1\n# ours\nscopes:\n  - {name: old, namespace: dev, effect: quiet}  # keep\n"
WEB = record("b" * 32, workload=Workload("Deployment", "web"), incident="1" * 32, title="it ran \x1b[2J wget")
HOST = record(
    "d" * 32,
    node="dock-01",
    namespace=None,
    workload=None,
    container_name="quirky_lamport",
    digest_consistency="by_name",
    image=ImageIdentity(reference="ubuntu"),
    trust=TrustShown("untrusted", "default", ("docker.io/library/ubuntu",)),
    verdict="suspicious",
    created_by=CreatedBy(),
)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(tune, arguments, input=stdin, prog_name="tidewaiter tune", terminal_width=100)


@pytest.fixture(autouse=True)
def folder(workroom: Path) -> Path:
    """A folder with alerts, history and a policy."""
    given = (record(), WEB, record("c" * 32, image=ImageIdentity(config_digest="sha256:" + "3" * 64)), HOST)
    (workroom / "alerts.jsonl").write_bytes(b"".join(map(as_line, (*given, container("c1")))))
    (workroom / "policy.yaml").write_text(POLICY)
    (workroom / "quiet.jsonl").write_bytes(as_line(container("c1")))
    (workroom / "empty").mkdir()
    (workroom / "attacks").mkdir()
    for name in ("A01-kinsing-ubuntu", "A11-commando-cat"):
        (workroom / "attacks" / name).symlink_to(SCENARIOS / name)
    return workroom


def test_page(folder: Path) -> None:
    """What people read, as a whole."""
    result = run("--from", "alerts.jsonl", "aaaa", "bbbb", "dddd", "--policy", "policy.yaml", "--labelled", "attacks")
    assert result.exit_code == 0
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(result.stdout)
    assert result.stdout == GOLDEN.read_text()


def test_a_candidate_that_loses_an_attack_is_rejected_and_never_written(folder: Path) -> None:
    arguments = ("--from", "alerts.jsonl", "--all-suspicious", "--labelled", "attacks", "--write", "policy.yaml")
    result = run(*arguments, "--format", "json")
    [candidate] = json.loads(result.stdout)["candidates"]
    assert candidate["rejected"]
    assert candidate["attacks_lost"] == ["A01-kinsing-ubuntu"]
    written = run(*arguments, "--choose", "1")
    assert written.exit_code == 2
    assert "candidate 1 is rejected: it would lose A01-kinsing-ubuntu" in written.stderr
    assert (folder / "policy.yaml").read_text() == POLICY


def test_json_is_one_document(folder: Path) -> None:
    result = run("--from", "alerts.jsonl", "a" * 32, "--format", "json")
    found = json.loads(result.stdout)
    assert (found["kind"], found["schema"], found["given"]) == ("tuning", 1, 1)
    assert found["history"] == {"alerts": 4, "containers": 1}
    assert found["labelled_attacks"] is found["written"] is None
    first = found["candidates"][0]
    assert first["scope"]["digests"] == [ONE]
    assert (first["effect"], first["attacks_lost"], first["rejected"]) == ("quiet", None, False)
    wider = next(candidate for candidate in found["candidates"] if candidate["way"] == "repository")
    assert [other["id"] for other in wider["also"]] == ["c" * 32]
    assert wider["also_count"] == 1


def test_nothing_is_written_without_being_told(folder: Path) -> None:
    result = run("--from", "alerts.jsonl", "aaaa", "--write", "policy.yaml")
    assert result.exit_code == 0
    assert "nothing was written" in result.stderr
    assert (folder / "policy.yaml").read_text() == POLICY


def test_the_chosen_are_written_after_the_diff_is_shown(folder: Path) -> None:
    result = run("--from", "alerts.jsonl", "aaaa", "1111", "--write", "policy.yaml", "--choose", "1,5")
    assert result.exit_code == 0, result.stderr
    text = (folder / "policy.yaml").read_text()
    assert text.startswith(POLICY)
    assert [line[1:] for line in result.stdout.splitlines() if line.startswith("+") and line[1:2] == " "] == [
        line for line in text.splitlines() if line not in POLICY.splitlines() and line.startswith(" ")
    ]
    after = load_policy(text, "policy.yaml")
    assert (len(after.scopes), len(after.tests), after.run_tests()) == (3, 2, ())
    again = run("--from", "alerts.jsonl", "aaaa", "--write", "policy.yaml", "--format", "json")
    assert json.loads(again.stdout)["already_silent"][0]["alert"] == "a" * 32


def test_the_narrowest_of_each_group_are_named_to_be_written(folder: Path) -> None:
    """Neither what is rejected nor what is no scope is among them, and together they do what is said."""
    arguments = ("--from", "alerts.jsonl", "aaaa", "bbbb", "dddd", "--labelled", "attacks")
    found = json.loads(run(*arguments, "--format", "json").stdout)
    assert found["narrowest"] == [2, 6]
    told = "The narrowest scopes of all groups together would silence 2 of 3 given and 0 other alerts. To add them: "
    assert run(*arguments).stdout.endswith(f"\n{told}--write POLICY --choose 2,6\n")
    assert run(*arguments, "--write", "policy.yaml", "--choose", "2,6").exit_code == 0
    again = run("--from", "alerts.jsonl", "aaaa", "bbbb", "dddd", "--policy", "policy.yaml", "--format", "json")
    assert {silent["alert"] for silent in json.loads(again.stdout)["already_silent"]} == {"a" * 32, "b" * 32}


def test_nothing_in_a_document_steers_a_terminal(folder: Path) -> None:
    (folder / "hostile.jsonl").write_bytes(as_line(record("e" * 32, title="\x9b31m\u202e")))
    result = run("--from", "alerts.jsonl", "aaaa", "--history", "hostile.jsonl", "--format", "json")
    assert result.stdout.strip().isprintable()
    assert "\x9b31m\u202e" in [other["title"] for other in json.loads(result.stdout)["candidates"][-1]["also"]]


def test_a_place_that_no_policy_can_say_is_the_reason(folder: Path) -> None:
    """Not that too little is known of it."""
    (folder / "odd.jsonl").write_bytes(as_line(record("e" * 32, namespace="ci\u202e")))
    [group] = json.loads(run("--from", "odd.jsonl", "eeee", "--format", "json").stdout)["groups"]
    told = "by any scope: the name of the place is not printable or too long for a policy"
    assert (group["candidates"], group["not_offered"]) == ([], [told])


def test_history_is_asked_but_not_tuned(folder: Path) -> None:
    (folder / "more.jsonl").write_bytes(as_line(record("e" * 32)))
    result = run("--from", "alerts.jsonl", "aaaa", "--history", "more.jsonl", "--format", "json")
    assert "e" * 32 in [other["id"] for other in json.loads(result.stdout)["candidates"][-1]["also"]]
    assert run("--from", "alerts.jsonl", "eeee", "--history", "more.jsonl").exit_code == 2


def test_ids_from_standard_input(folder: Path) -> None:
    result = run("--from", "alerts.jsonl", "-", "--format", "json", stdin=f"{'a' * 32}\n  bbbb ")
    assert json.loads(result.stdout)["given"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "alerts.jsonl"), "no id given"),
        (("--from", "alerts.jsonl", "zzzz"), "nearest are"),
        (("--from", "absent.jsonl", "aaaa"), "no such file"),
        (("--from", "policy.yaml", "aaaa"), "holds no record of tidewaiter"),
        (("--from", "-", "-"), "cannot give both"),
        (("--from", "alerts.jsonl", "aaaa", "--choose", "1"), "needs --write"),
        (("--from", "alerts.jsonl", "aaaa", "--write", "policy.yaml", "--choose", "x"), "give numbers"),
        (("--from", "alerts.jsonl", "aaaa", "--write", "policy.yaml", "--choose", "9"), "no candidate 9"),
        (("--from", "alerts.jsonl", "bbbb", "--write", "policy.yaml", "--choose", "2"), "is no scope"),
        (("--from", "alerts.jsonl", "aaaa", "--write", "absent.yaml", "--choose", "1"), "cannot be read"),
        (("--from", "alerts.jsonl", "aaaa", "--labelled", "empty"), "none of 0 scenarios"),
        (("--from", "empty", "aaaa"), "empty: nothing to read: no path given holds a file"),
        (("--from", "quiet.jsonl", "aaaa"), "quiet.jsonl: holds no alert to tune"),
        (("--from", "alerts.jsonl", "aaaa", "--write", "-", "--choose", "1"), "needs the name of a policy file"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments, stdin="")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)


def test_withdrawn_alerts_are_said(folder: Path) -> None:
    gone: Record = record("f" * 32, verdict="withdrawn", revision=1)
    (folder / "gone.jsonl").write_bytes(as_line(gone))
    result = run("--from", "gone.jsonl", "ffff")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "1 of the given alerts were withdrawn: ffff" in result.stderr
    both = run("--from", "gone.jsonl", "--from", "alerts.jsonl", "ffff", "aaaa")
    assert both.exit_code == 0
    assert "withdrawn: ffff" in both.stderr
