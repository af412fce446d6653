"""Proves what `tidewaiter baseline approve` approves, and what it holds back."""

import json
from pathlib import Path

import pytest
from baselining import baseline

from made_baselines import CACHE, MINER, NEW, OLD, SERVE, entry, made, profile
from tidewaiter.baseline import Profile, State
from tidewaiter.edge.baseline_file import read_profiles
from tidewaiter.edge.baseline_write import write_baseline


@pytest.fixture
def path(workroom: Path) -> Path:
    """A file of the made baseline, in the folder in which the commands run."""
    write_baseline("baseline.jsonl", made())
    return workroom / "baseline.jsonl"


def cache() -> dict[str, State]:
    """What the file says now of the container that nobody vouches for."""
    [found] = [found for found in read_profiles("baseline.jsonl") if found.key == CACHE]
    return {habit.what: one.state for habit, one in found.entries.items()}


def others() -> list[Profile]:
    """All but that."""
    return [found for found in read_profiles("baseline.jsonl") if found.key != CACHE]


@pytest.mark.parametrize("name", ["/Container/cache", "Container/cache"])
def test_a_workload_that_is_named_is_approved_as_a_whole(path: Path, name: str) -> None:
    """What alerted is marked, for somebody looked."""
    result = baseline("approve", "baseline.jsonl", name)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "baseline.jsonl: 2 behaviours approved",
        "1 of them is from containers that alerted: marked ALERTED below",
        f"/Container/cache [cache] in cluster prod, {NEW[:19]}",
        "  ALERTED egress  203.0.113.7:4444/tcp",
        "          exec    /usr/bin/serve --port <n>",
    ]
    assert cache() == {MINER.what: "approved", SERVE.what: "approved"}
    assert others() == made()[1:]


@pytest.mark.parametrize("pattern", ["*", "*/cache", "/Container/*", "Container/c[a]che", "*Container/cach?"])
def test_a_pattern_holds_back_what_alerted(path: Path, pattern: str) -> None:
    """And says so."""
    result = baseline("approve", "baseline.jsonl", pattern)
    assert cache() == {MINER.what: "alerted", SERVE.what: "approved"}
    assert "1 behaviour of containers that alerted stay held back" in result.stdout
    assert others() == made()[1:]


def test_a_pattern_never_approves_what_alerted_whatever_it_is_called(workroom: Path) -> None:
    """A workload may have brackets in its name; named exactly it is named."""
    odd = [profile(CACHE.__class__("c", "", "Container", "a[b]", "a"), OLD, {MINER: entry("alerted")})]
    odd.append(profile(CACHE.__class__("c", "", "Container", "ab", "ab"), OLD, {MINER: entry("alerted")}))
    write_baseline("baseline.jsonl", odd)
    assert "2 behaviours of containers" in baseline("approve", "baseline.jsonl", "Container/*").stdout
    baseline("approve", "baseline.jsonl", "Container/a[b]")
    states = {found.key.name: found.entries[MINER].state for found in read_profiles("baseline.jsonl")}
    assert states == {"a[b]": "approved", "ab": "alerted"}


def test_a_content_may_be_named(path: Path) -> None:
    """By the beginning of its digest; another is left alone, and none of that name is a fault."""
    other = made()
    other[0].content = OLD
    write_baseline("baseline.jsonl", [other[0], *made()])
    baseline("approve", "baseline.jsonl", "Container/cache", "sha256:a")
    states = {
        found.content: found.entries[MINER].state for found in read_profiles("baseline.jsonl") if found.key == CACHE
    }
    assert states == {OLD: "approved", NEW: "alerted"}
    assert baseline("approve", "baseline.jsonl", "Container/cache", "sha256:c").exit_code == 2


def test_a_dry_run_changes_nothing(path: Path) -> None:
    """And says the same."""
    before = path.read_bytes()
    dry = baseline("approve", "baseline.jsonl", "Container/cache", "--dry-run").stdout
    assert path.read_bytes() == before
    wet = baseline("approve", "baseline.jsonl", "Container/cache").stdout
    assert dry == wet.replace("2 behaviours approved", "2 behaviours would be approved")


def test_what_is_expected_already_stays_as_it_is(path: Path) -> None:
    """A trusted entry counts only while its image is trusted: approving is not for that. The file is left alone."""
    before = path.stat()
    result = baseline("approve", "baseline.jsonl", "shop/Deployment/web")
    assert result.exit_code == 0
    assert result.stdout == "baseline.jsonl: nothing to approve\n4 behaviours were expected before\n"
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_json_lists_all_that_was_approved(path: Path) -> None:
    """With what it was."""
    document = json.loads(baseline("approve", "baseline.jsonl", "Container/cache", "--format", "json").stdout)
    assert (document["kind"], document["schema"], document["dry_run"]) == ("baseline_approved", 1, False)
    assert [(one["what"], one["before"]) for one in document["approved"]] == [
        (MINER.what, "alerted"),
        (SERVE.what, "unapproved"),
    ]


def test_a_name_that_nobody_has_offers_the_nearest(path: Path) -> None:
    """Nothing is changed."""
    before = path.read_bytes()
    result = baseline("approve", "baseline.jsonl", "shop/Deployment/wbe")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the nearest: shop/Deployment/web" in result.stderr
    assert path.read_bytes() == before


def test_a_broken_line_stops_it_before_anything_is_written(path: Path) -> None:
    """With the line's number."""
    path.write_bytes(path.read_bytes().replace(b'"state":"trusted"', b'"state":"fine"'))
    before = path.read_bytes()
    result = baseline("approve", "baseline.jsonl", "Container/cache")
    assert result.exit_code == 2
    assert "baseline.jsonl:6: no entry" in result.stderr
    assert path.read_bytes() == before
