"""Proves that a baseline is written whole or not at all, and as a stream."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_baselines import CURL, HOUR, MINER, NEW, WEB, entry, made, profile
from tidewaiter.baseline import Profile, merge
from tidewaiter.edge.baseline_file import BaselineError, read_profiles
from tidewaiter.edge.baseline_write import About, check_target, merged, write_baseline
from tidewaiter.habit import Habit


def test_a_file_is_lines_that_diff_can_compare(tmp_path: Path) -> None:
    """A changed entry is a changed line, and nothing else but its head."""
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), made())
    before = path.read_bytes().splitlines()
    assert len(before) == 1 + 4 + 7 + 1
    changed = made()
    changed[0].entries[sorted(changed[0].entries)[0]].state = "approved"
    write_baseline(str(path), changed)
    after = path.read_bytes().splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), made()[:1])
    before = path.read_bytes()

    def broken() -> Iterator[Profile]:
        yield made()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_baseline(str(path), broken())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.jsonl"]


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays."""
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), made()[:1])
    before = path.read_bytes()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BaselineError, match=r"cannot be written: No space left on device"):
        write_baseline(str(path), made())
    assert path.read_bytes() == before


@pytest.mark.parametrize("held", [b'{"kind":"Event"}\n', b"version: 1\n", b"\x1f\x8b\x08", b"\n"])
def test_only_a_baseline_is_written_over(tmp_path: Path, held: bytes) -> None:
    """Anything else is more likely the telemetry that is being read, or the policy."""
    path = tmp_path / "baseline.jsonl"
    path.write_bytes(held)
    with pytest.raises(BaselineError, match="something else than a baseline"):
        write_baseline(str(path), made())
    assert path.read_bytes() == held
    path.write_bytes(b"")
    write_baseline(str(path), made())
    write_baseline(str(path), made())
    assert list(read_profiles(str(path))) == made()


def test_what_is_out_of_order_is_not_written(tmp_path: Path) -> None:
    """Readers rely on it."""
    with pytest.raises(ValueError, match="out of order"):
        write_baseline(str(tmp_path / "baseline.jsonl"), reversed(made()))
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_is_its_owners_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    """Habits may tell secrets of a shop, although secrets are masked."""
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), made())
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    write_baseline(str(path), made())
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file it names is replaced."""
    (tmp_path / "folder").mkdir()
    link = tmp_path / "baseline.jsonl"
    link.symlink_to(tmp_path / "folder" / "real.jsonl")
    write_baseline(str(link), made())
    assert link.is_symlink()
    assert list(read_profiles(str(tmp_path / "folder" / "real.jsonl"))) == made()


@pytest.mark.parametrize(("name", "word"), [(".", "regular file"), ("no/such", "no such folder"), ("pipe", "regular")])
def test_where_nothing_can_be_written_is_told_before(tmp_path: Path, name: str, word: str) -> None:
    """Before hours are spent on learning."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BaselineError, match=word):
        check_target(str(tmp_path / name))


def test_the_hours_are_those_of_the_profiles_and_what_was_known(tmp_path: Path) -> None:
    """Hours in which nothing ran in between are not claimed."""
    about = About({"prod": ((HOUR - 10, HOUR - 5),), "gone": ((1, 2),)})
    assert list(about.count(made())) == made()
    assert about.hours == {
        "gone": ((1, 2),),
        "prod": ((HOUR - 10, HOUR - 5), (HOUR, HOUR + 11), (HOUR + 30, HOUR + 30)),
        "test": ((HOUR, HOUR),),
    }


def test_streams_of_other_profiles_become_one_in_order() -> None:
    """Each stream is sorted."""
    assert list(merged([made()[1::2], made()[::2], []])) == made()


def test_a_profile_that_is_too_large_loses_first_what_expects_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile container may not make a file that nobody can read; how much went is told."""
    monkeypatch.setattr("tidewaiter.edge.baseline_lines.WRITTEN_BYTES", 300)
    path = str(tmp_path / "baseline.jsonl")
    states = {"a": "unapproved", "b": "approved", "c": "alerted", "d": "trusted"}
    entries = {Habit("exec", name): entry(state) for name, state in states.items()}  # type: ignore[arg-type]
    written = write_baseline(path, [profile(WEB, NEW, entries)])
    assert (written.entries, written.omitted) == (3, 1)
    [found] = read_profiles(path)
    assert [habit.what for habit in found.entries] == ["b", "c", "d"]


def test_a_flood_does_not_wash_away_that_its_content_alerted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any such entry the content would be known, and quiet for good."""
    monkeypatch.setattr("tidewaiter.edge.baseline_lines.WRITTEN_BYTES", 300)
    path = str(tmp_path / "baseline.jsonl")
    entries = {Habit("exec", f"/{number}"): entry() for number in range(9)}
    write_baseline(path, [profile(WEB, NEW, {**entries, CURL: entry("alerted"), MINER: entry("alerted")})])
    [found] = read_profiles(path)
    assert [one.state for one in found.entries.values()] == ["alerted", "trusted", "trusted"]


def test_counts_beyond_all_bounds_can_be_read_again(tmp_path: Path) -> None:
    """Merged out of files that people wrote themselves."""
    path = str(tmp_path / "baseline.jsonl")
    most = profile(WEB, NEW, {MINER: entry(units=2**63 - 1)}, units=2**63 - 1, starts=2**63 - 1)
    write_baseline(path, [merge([most, most, most])])
    [found] = read_profiles(path)
    assert found.units == found.starts == found.entries[MINER].units == 2**63 - 1
