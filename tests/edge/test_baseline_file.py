"""Proves what a baseline file gives back: all that was written, however it is asked for, and a sentence for faults."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from made_baselines import API, CACHE, CURL, JOB, MINER, NEW, OLD, SERVE, WEB, made
from tidewaiter.baseline import Profile
from tidewaiter.edge.baseline_file import BaselineError, open_baseline, read_profiles
from tidewaiter.edge.baseline_write import write_baseline
from tidewaiter.habit import Habit
from tidewaiter.workload import WorkloadKey


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of the made baseline."""
    file = tmp_path / "baseline.jsonl"
    write_baseline(str(file), made())
    return str(file)


def test_all_that_was_written_is_read(path: str) -> None:
    """Profile by profile, in order."""
    assert list(read_profiles(path)) == made()


def test_a_file_tells_its_clusters_and_hours(path: str) -> None:
    """The last line has the hours that were learned of each cluster."""
    with open_baseline(path) as file:
        assert file.clusters == {"prod", "test"}
        assert file.hours() == {"prod": ((496_000, 496_011), (496_030, 496_030)), "test": ((496_000, 496_000),)}
        assert (file.is_whole, file.warning, file.problems) == (True, None, [])


def test_a_workload_gives_its_contents_the_latest_last(path: str) -> None:
    """Whatever the order of their digests is."""
    with open_baseline(path) as file:
        assert [found.content for found in file.of_workload(WEB)] == [OLD, NEW]
        assert file.of_workload(WEB) == file.of_workload(WEB)
        assert [found.content for found in file.of_workload(JOB)] == [None]
        assert file.of_workload(WorkloadKey("prod", "shop", "Deployment", "web", "sidecar")) == ()


def test_a_content_gives_whoever_runs_it(path: str) -> None:
    """Wherever that is."""
    with open_baseline(path) as file:
        assert {found.key for found in file.of_content(NEW)} == {WEB, CACHE}
        assert file.of_content("sha256:" + "c" * 64) == ()


def test_usual_is_what_somebody_vouches_for_in_the_namespace(path: str) -> None:
    """Not what is unapproved, and not what is usual elsewhere."""
    with open_baseline(path) as file:
        usual = [(SERVE, "shop"), (API, "shop"), (CURL, "shop")]
        assert all(file.is_usual_in("prod", namespace, habit) for habit, namespace in usual)
        assert not file.is_usual_in("prod", "shop", MINER)
        assert not file.is_usual_in("prod", "", SERVE)
        assert not file.is_usual_in("prod", "", MINER)
        assert not file.is_usual_in("test", "shop", SERVE)
        assert not file.is_usual_in("prod", "shop", Habit("egress", SERVE.what))


def test_a_field_that_is_none_does_not_reach_the_terminal(path: str) -> None:
    """Whatever its name is."""
    Path(path).write_bytes(Path(path).read_bytes().replace(b'"starts"', b'"\\u001b[31m\x7f\\u202e"'))
    with pytest.raises(BaselineError, match="unknown field") as told:
        list(read_profiles(path))
    assert str(told.value).isprintable()


@pytest.mark.parametrize(("head", "word"), [(0, ":2: what stands before the first profile"), (2, "out of order")])
def test_entries_that_lost_their_head_are_nobody_elses(path: str, head: int, word: str) -> None:
    """Else a line taken out by hand would give one workload's permissions to another."""
    lines = Path(path).read_bytes().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if line.startswith(b'{"kind":"profile"')]
    del lines[places[head]]
    Path(path).write_bytes(b"".join(lines))
    with pytest.raises(BaselineError, match=word):
        list(read_profiles(path))


def test_profiles_that_are_not_asked_for_again_are_let_go(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded, and what was let go is read again."""
    monkeypatch.setattr("tidewaiter.edge.baseline_file._CACHED_ENTRIES", 20)
    with open_baseline(path) as file:
        for _ in range(2):
            for wanted in made():
                assert wanted in file.of_workload(wanted.key)
        assert file._cached <= 20


def test_a_file_that_is_written_anew_gives_what_was_opened(path: str) -> None:
    """`approve` and `learn` replace a file, so whoever reads it goes on with the old one."""
    with open_baseline(path) as file:
        write_baseline(path, made()[:1])
        assert list(file.profiles()) == made()
    assert list(read_profiles(path)) == made()[:1]


# --------------------------------------------------------------------------------------------- cut


def test_a_file_cut_anywhere_gives_whole_profiles_or_a_sentence(path: str, tmp_path: Path) -> None:
    """Never half a profile, never an exception but BaselineError."""
    whole = Path(path).read_bytes()
    used: list[int] = []
    said: list[str] = []
    for size in range(len(whole)):
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(whole[:size])
        try:
            with open_baseline(str(cut)) as file:
                found = list(file.profiles())
                assert found == made()[: len(found)]
                assert found
                if size < len(whole) - 1:
                    assert file.warning is not None
                    assert f"the {len(found)} whole profile" in file.warning
                    assert not file.is_whole
                used.append(len(found))
        except BaselineError as error:
            said.append(str(error))
            used.append(0)
    assert "\n" not in "".join(said)
    assert used == sorted(used)
    assert set(used) == {0, 1, 2, 3, 4}
    assert used[-1] == 4, "only the last line feed is missing"
    assert used[-2] == 3


def test_a_file_cut_while_it_is_read_leaves_profiles_out(path: str) -> None:
    """It is said once, and nobody is killed."""
    with open_baseline(path) as file:
        os.truncate(path, 200)
        assert file.of_workload(WEB) == ()
        assert file.of_workload(WEB) == ()
        assert not file.is_usual_in("prod", "shop", SERVE)
        assert sorted(file.problems) == file.problems
        assert len(file.problems) == 2
        assert "has become shorter" in file.problems[0]


# --------------------------------------------------------------------------------------------- faults

Change = Callable[[bytes], bytes]
END_OF_HEADER = b'"schema":1'


def swapped(content: bytes) -> bytes:
    """The first two profiles in the other order."""
    header, first, second, *rest = content.split(b'{"kind":"profile"')
    return b'{"kind":"profile"'.join([header, second, first, *rest])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: b"", ["the file is empty"]),
        (lambda content: b'{"kind":"alert"}\n', [":1: no baseline", '{"kind":"alert"}']),
        (lambda content: b"\0" * 100, [":1: no baseline", r"\x00"]),
        (lambda content: b"[" * 60_000, [":1: no baseline"]),
        (lambda content: content[:20], ["breaks off in its first line"]),
        (lambda content: content.replace(b'"schema":1', b'"schema":7'), [":1:", "schema 7", "reads schema 1"]),
        (lambda content: b"\x1f\x8b" + content, ["compressed", "gunzip"]),
        (lambda content: b"\x28\xb5\x2f\xfd" + content, ["compressed", "unzstd"]),
        (swapped, [":5: the profile of /Container/cache", "out of order"]),
        (lambda content: content.replace(b'"container":"cache",', b"", 1), [":2: no head of a profile", "container"]),
        (lambda content: content.replace(NEW.encode(), OLD.encode()), ["shop/Deployment/web", "is there twice"]),
        (lambda content: content.replace(b"sha256:", b"x" * 2_500_000, 1), [":2: the line is longer than 1,048,576"]),
        (lambda content: content.replace(b"2026-08-01T16Z/", b"yesterday/"), [":13: the end of the baseline"]),
    ],
)
def test_a_file_that_is_none_is_refused_with_a_sentence(path: str, change: Change, words: list[str]) -> None:
    """One sentence: where, what, and what to do."""
    file = Path(path)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(BaselineError) as caught:
        open_baseline(path)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.replace(b'"state":"alerted"', b'"state":"welcome"'), [":3: no entry", "welcome"]),
        (lambda content: content.replace(b'"state":"alerted"', b'"sate":"alerted"'), [":3: no entry", "sate"]),
        (lambda content: content.replace(b'{"kind":"egress","what":"203', b'"what":"203', 1), [":3: no entry"]),
        (lambda content: content.replace(b"203.0.113.7:4444/tcp", b"\xff\xfe"), [":3: no entry"]),
        (lambda content: content.replace(b'"units":2,', b'"units":-2,'), [":3: no entry", "units"]),
        (lambda content: content.replace(b'"units":2,', b'"units":' + b"[" * 5000 + b","), [":3: no entry"]),
        (lambda content: content.replace(b'"first":"2026-08-01T16Z",', b'"first":"noon",', 2), ["noon", "is no hour"]),
    ],
)
def test_nonsense_in_one_line_is_found_where_it_is_asked_for(path: str, change: Change, words: list[str]) -> None:
    """With the number of its line; the other profiles are not touched."""
    file = Path(path)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(BaselineError) as caught:
        list(read_profiles(path))
    for word in words:
        assert word in str(caught.value)
    with open_baseline(path) as opened:
        assert opened.of_workload(CACHE) == ()
        assert not opened.is_usual_in("prod", "", SERVE)
        assert len(opened.of_workload(WEB)) == 2
        assert opened.problems == [f"{caught.value}; the profile was left out"]


def test_blank_lines_do_no_harm(path: str) -> None:
    """An editor may leave them, and a wrong line behind them is still told by its number."""
    file = Path(path)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\n\n"))
    assert list(read_profiles(path)) == made()
    file.write_bytes(file.read_bytes().replace(b'"alerted"', b'"welcome"'))
    with pytest.raises(BaselineError, match=":5: no entry"):
        list(read_profiles(path))


def test_the_same_entry_twice_is_nonsense(path: str) -> None:
    """Nobody could say which of them counts."""
    file = Path(path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    with pytest.raises(BaselineError, match=":4: the same entry stands twice"):
        list(read_profiles(path))


def test_files_that_were_joined_by_hand_are_refused(path: str, tmp_path: Path) -> None:
    """With the command that joins them."""
    other = tmp_path / "other.jsonl"
    write_baseline(str(other), [made()[-1]])
    write_baseline(path, made()[:1])
    with Path(path).open("ab") as file:
        file.write(other.read_bytes())
    with pytest.raises(BaselineError, match="tidewaiter baseline merge joins files"):
        list(read_profiles(path))


def test_a_profile_that_was_taken_out_by_hand_is_told(path: str) -> None:
    """What is there counts."""
    file = Path(path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[4:]]))
    with open_baseline(path) as opened:
        assert list(opened.profiles()) == made()[1:]
        assert opened.warning is not None
        assert "counts 4 profiles, but 3 are in it" in opened.warning


@pytest.mark.parametrize(("name", "word"), [("absent", "No such file"), (".", "a folder"), ("pipe", "no regular file")])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, word: str) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BaselineError, match=word):
        open_baseline(str(tmp_path / name))


def test_a_huge_profile_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that makes it smaller."""
    monkeypatch.setattr("tidewaiter.edge.baseline_file.PROFILE_LIMIT_BYTES", 100)
    with pytest.raises(BaselineError, match=r":2: the profile has .* baseline prune"):
        list(read_profiles(path))


def test_hidden_characters_do_not_reach_a_terminal(tmp_path: Path) -> None:
    """A baseline is read with `less`, and its sentences are printed."""
    key = WorkloadKey("c", "n", "Pod", "\x9b31m\u202e", "c")
    profile = Profile(key, None, first_hour=1, last_hour=1)
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), [profile])
    assert path.read_bytes().isascii()
    assert list(read_profiles(str(path))) == [profile]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1], lines[1], lines[2]]))
    with pytest.raises(BaselineError) as caught:
        open_baseline(str(path))
    assert str(caught.value).isprintable()
