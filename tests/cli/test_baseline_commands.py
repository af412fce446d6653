"""Proves what `tidewaiter baseline show|diff|merge|prune` print and write."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from baselining import baseline

from made_baselines import HOUR, MINER, NEW, OLD, SERVE, WEB, entry, made, profile
from tidewaiter.baseline import Entry, Profile
from tidewaiter.edge.baseline_file import read_profiles
from tidewaiter.edge.baseline_write import write_baseline
from tidewaiter.habit import Habit
from tidewaiter.workload import WorkloadKey

Golden = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def completeness(known_completeness: None) -> None:
    """How much is known is estimated elsewhere."""


@pytest.fixture
def path(workroom: Path) -> Path:
    """A file of the made baseline, in the folder in which the commands run."""
    write_baseline("baseline.jsonl", made())
    return workroom / "baseline.jsonl"


# --------------------------------------------------------------------------------------------- show


def test_show_tells_how_much_of_each_workload_is_known(path: Path, baseline_golden: Golden) -> None:
    """All of them, in the order of the file."""
    result = baseline("show", "baseline.jsonl")
    assert result.exit_code == 0
    baseline_golden("show.txt", result.stdout)


def test_show_tells_all_that_a_workload_does(path: Path, baseline_golden: Golden) -> None:
    """By content, the latest last."""
    baseline_golden("show-workload.txt", baseline("show", "baseline.jsonl", "shop/Deployment/web").stdout)


def test_show_takes_the_beginning_of_a_digest(path: Path) -> None:
    """With its algorithm or without; how much is known is told of all contents."""
    for text in (NEW[:12], NEW[7:12], NEW):
        shown = baseline("show", "baseline.jsonl", "shop/*", "--content", text).stdout
        assert "13 container-hours" in shown
        assert NEW[:19] in shown
        assert OLD[:19] not in shown


def test_show_gives_json(path: Path) -> None:
    """Of all workloads, and of one."""
    everything = json.loads(baseline("show", "baseline.jsonl", "--format", "json").stdout)
    assert (everything["kind"], everything["whole"], everything["profiles"]) == ("baseline_shown", True, 4)
    assert [row["key"]["name"] for row in everything["containers"]] == ["cache", "web", "nightly"]
    some = json.loads(baseline("show", "baseline.jsonl", "Container/cache", "--format", "json").stdout)
    [container] = some["containers"]
    assert [found["what"] for found in container["profiles"][0]["entries"]] == [MINER.what, SERVE.what]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shop/Deployment/wed"], ["no workload has the name shop/Deployment/wed", "the nearest: shop/Deployment/web"]),
        (["cach"], ["/Container/cache"]),
        (["\x1b[2J/x"], [r"\x1b[2J/x"]),
        (["shop/Deployment/web", "--content", "sha256:"], ["2 contents begin with sha256:", "write more of it"]),
        (["shop/Deployment/web", "--content", "sha256:f"], ["sha256:f is not in the baseline", OLD]),
        (["--content", OLD], ["of which workload?"]),
    ],
)
def test_show_offers_what_is_nearest(path: Path, arguments: list[str], words: list[str]) -> None:
    """Where nothing is called so."""
    result = baseline("show", "baseline.jsonl", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    for word in words:
        assert word in result.stderr


def test_what_an_attacker_wrote_does_not_reach_the_terminal(workroom: Path) -> None:
    """Neither in names nor in habits."""
    key = WorkloadKey("c\x1b[1m", "n\u202e", "Pod", "p\x9b", "c\r")
    what = Habit("exec", "/bin/\x1b[2Jsh\u200b")
    write_baseline("hostile.jsonl", [profile(key, "x\x07", {what: entry("alerted", parents=("\x1b]0;",))})])
    write_baseline("empty.jsonl", [])
    for command in (
        ["show", "hostile.jsonl"],
        ["show", "hostile.jsonl", "*"],
        ["diff", "empty.jsonl", "hostile.jsonl"],
    ):
        for form in ("text", "json"):
            told = baseline(*command, "--format", form).stdout
            assert told.replace("\n", "").isprintable()
    told = baseline("approve", "hostile.jsonl", "*", "--dry-run").stdout
    assert told.replace("\n", "").isprintable()


def test_a_cut_baseline_is_shown_as_far_as_it_goes(path: Path) -> None:
    """And that is said."""
    path.write_bytes(path.read_bytes()[:-100])
    result = baseline("show", "baseline.jsonl")
    assert result.exit_code == 0
    assert "warning: baseline.jsonl: the baseline breaks off; the 3 whole profiles" in result.stderr
    assert "3 profiles" in result.stdout


# --------------------------------------------------------------------------------------------- diff


def changed() -> list[Profile]:
    """The made baseline after a day: approved, unlearned, a new content and one that went."""
    found = made()
    for entry_ in found[0].entries.values():
        entry_.state = "approved"
    web = next(one for one in found if (one.key, one.content) == (WEB, OLD))
    del web.entries[SERVE]
    web.entries[Habit("exec", "/bin/true")] = entry()
    found[2] = profile(WEB, "sha256:" + "c" * 64, {SERVE: entry(hour=48)})
    return found


def test_diff_reads_like_a_patch(path: Path, baseline_golden: Golden) -> None:
    """New, gone and changed, by workload and content; counts are no difference."""
    write_baseline("next.jsonl", changed())
    result = baseline("diff", "baseline.jsonl", "next.jsonl")
    assert result.exit_code == 1
    baseline_golden("diff.txt", result.stdout)


def test_diff_of_the_same_is_nothing(path: Path) -> None:
    """Also where it was seen more often."""
    more = made()
    for one in more:
        one.units += 10
        for entry_ in one.entries.values():
            entry_.units += 10
            entry_.last_hour += 1
    write_baseline("more.jsonl", more)
    result = baseline("diff", "baseline.jsonl", "more.jsonl")
    assert (result.exit_code, result.stdout) == (0, "no difference\n")
    document = json.loads(baseline("diff", "baseline.jsonl", "more.jsonl", "--format", "json").stdout)
    assert document == {"kind": "baseline_diff", "schema": 1, "profiles": [], "same": True}


def test_diff_gives_json(path: Path) -> None:
    """The same, for programs; swapped it is the other way round."""
    write_baseline("next.jsonl", changed())
    forth, back = (
        json.loads(baseline("diff", *pair, "--format", "json").stdout)
        for pair in (("baseline.jsonl", "next.jsonl"), ("next.jsonl", "baseline.jsonl"))
    )
    assert not forth["same"]
    other = {"new": "gone", "gone": "new", "changed": "changed"}
    assert [other[one["change"]] for one in forth["profiles"]] == [one["change"] for one in back["profiles"]]
    assert [one["change"] for one in forth["profiles"]] == ["changed", "changed", "gone", "new"]


# --------------------------------------------------------------------------------------------- merge


def test_merge_adds_what_was_learned_apart(path: Path) -> None:
    """Whatever the order of the files; what is written may be one of those that are read."""
    write_baseline("one.jsonl", made()[:2])
    write_baseline("two.jsonl", made()[1:])
    assert baseline("merge", "one.jsonl", "two.jsonl", "-o", "both.jsonl").exit_code == 0
    assert baseline("merge", "two.jsonl", "one.jsonl", "-o", "one.jsonl").exit_code == 0
    assert Path("both.jsonl").read_bytes() == Path("one.jsonl").read_bytes()
    units = {(found.key, found.content): found.units for found in read_profiles("both.jsonl")}
    twice = made()[1]
    assert units == {(one.key, one.content): one.units * (2 if one == twice else 1) for one in made()}


def test_merge_says_which_hours_count_twice(path: Path) -> None:
    """By cluster; hours that only one of the files has are not told."""
    result = baseline("merge", "baseline.jsonl", "baseline.jsonl", "-o", "twice.jsonl", "--format", "json")
    assert "13 hours of cluster prod are in more than one file" in result.stderr
    assert "1 hour of cluster test is in more than one file" in result.stderr
    assert json.loads(result.stdout)["hours_counted_twice"] == {"prod": 13, "test": 1}
    later = profile(WEB, NEW, {SERVE: entry(hour=500)}, first_hour=HOUR + 500, last_hour=HOUR + 500)
    write_baseline("later.jsonl", [later])
    result = baseline("merge", "baseline.jsonl", "later.jsonl", "-o", "both.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "both.jsonl: 4 profiles, 7 entries, out of 2 files\n"


def test_merge_keeps_what_is_left_of_a_cut_file(path: Path) -> None:
    """It is the remedy that the other commands name."""
    path.write_bytes(path.read_bytes()[:-20])
    for command in (["approve", "baseline.jsonl", "*"], ["prune", "baseline.jsonl"]):
        refused = baseline(*command)
        assert refused.exit_code == 2
        assert "nothing was changed: tidewaiter baseline merge FILE -o NEW" in refused.stderr
    result = baseline("merge", "baseline.jsonl", "-o", "left.jsonl")
    assert result.exit_code == 0
    assert "breaks off" in result.stderr
    assert list(read_profiles("left.jsonl")) == made()[:3]


# --------------------------------------------------------------------------------------------- prune


def old_and_new() -> list[Profile]:
    """A workload with an entry and a content that were not seen for long."""
    entries = {SERVE: Entry("trusted", 3, HOUR, HOUR + 1000), MINER: Entry("approved", 1, HOUR, HOUR + 1)}
    old = profile(WEB, OLD, {SERVE: entry()})
    return [old, profile(WEB, NEW, entries, first_hour=HOUR, last_hour=HOUR + 1000)]


def test_prune_takes_out_what_was_not_seen_for_long(workroom: Path) -> None:
    """Entries by their content's time, contents by their cluster's: nobody asks a clock."""
    write_baseline("baseline.jsonl", old_and_new())
    dry = baseline("prune", "baseline.jsonl", "--unseen-for", "30d", "--dry-run").stdout
    assert list(read_profiles("baseline.jsonl")) == old_and_new()
    result = baseline("prune", "baseline.jsonl")
    assert result.stdout == "baseline.jsonl: 2 entries went, 1 profile as a whole\n        2  shop/Deployment/web\n"
    assert dry == result.stdout.replace("went", "would go")
    [left] = read_profiles("baseline.jsonl")
    assert (left.content, list(left.entries)) == (NEW, [SERVE])
    assert baseline("prune", "baseline.jsonl").stdout == "baseline.jsonl: 0 entries went\n"


def test_prune_leaves_what_alerted_as_long_as_its_content(workroom: Path) -> None:
    """Else the content of an attack that ran on would be known to do no wrong."""
    entries = {SERVE: Entry("trusted", 3, HOUR, HOUR + 1000), MINER: Entry("alerted", 1, HOUR, HOUR + 1)}
    write_baseline("baseline.jsonl", [profile(WEB, NEW, entries, last_hour=HOUR + 1000)])
    assert baseline("prune", "baseline.jsonl").stdout == "baseline.jsonl: 0 entries went\n"
    [left] = read_profiles("baseline.jsonl")
    assert list(left.entries) == [MINER, SERVE]


def test_prune_takes_out_what_was_named(path: Path) -> None:
    """Into another file, where one is named."""
    result = baseline("prune", "baseline.jsonl", "--workload", "Container/*", "-o", "rest.jsonl", "--format", "json")
    document = json.loads(result.stdout)
    assert (document["profiles"], document["workloads"]) == (1, {"/Container/cache": 2})
    assert list(read_profiles("rest.jsonl")) == made()[1:]
    assert list(read_profiles("baseline.jsonl")) == made()
    baseline("prune", "baseline.jsonl", "--content", NEW[:12])
    assert {found.content for found in read_profiles("baseline.jsonl")} == {OLD, None}


def test_prune_of_both_takes_out_what_both_say(workroom: Path) -> None:
    """Old, and of this workload."""
    write_baseline("baseline.jsonl", old_and_new())
    result = baseline("prune", "baseline.jsonl", "--unseen-for", "30d", "--content", OLD)
    assert "1 entries went, 1 profile as a whole" in result.stdout
    assert [found.content for found in read_profiles("baseline.jsonl")] == [NEW]
    assert baseline("prune", "baseline.jsonl", "--unseen-for", "30s").exit_code == 2
