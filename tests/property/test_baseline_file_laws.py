"""Proves laws of baseline files: nothing is lost in writing, and merging as a stream is merging in memory."""

import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from made_baselines import NEW, SERVE, WEB, baselines, made
from tidewaiter.baseline import Profile, merge
from tidewaiter.cli import main
from tidewaiter.edge.baseline_file import BaselineError, open_baseline, read_profiles
from tidewaiter.edge.baseline_hours import common, hour_of, hour_text, hours_in, span_of, span_text, united
from tidewaiter.edge.baseline_lines import order_of
from tidewaiter.edge.baseline_write import write_baseline
from tidewaiter.workload import WorkloadKey

pytestmark = pytest.mark.property

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)).map(lambda span: (span[0], sum(span))), max_size=6)


@settings(deadline=None, max_examples=60)
@given(baselines)
def test_what_is_written_is_read(profiles: list[Profile]) -> None:
    """Whatever stands in names and habits; and the same profiles give the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "one")
        written = write_baseline(path, profiles)
        assert (written.profiles, written.entries) == (len(profiles), sum(len(found.entries) for found in profiles))
        assert list(read_profiles(path)) == profiles
        again = str(Path(folder) / "two")
        write_baseline(again, read_profiles(path))
        assert Path(path).read_bytes() == Path(again).read_bytes()


@settings(deadline=None, max_examples=60)
@given(baselines)
def test_asking_is_looking_through_all(profiles: list[Profile]) -> None:
    """Each question of the protocol is answered as a list of all profiles would."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "one")
        write_baseline(path, profiles)
        with open_baseline(path) as file:
            for profile in profiles:
                alike = [found for found in profiles if found.key == profile.key]
                alike.sort(key=lambda found: (found.last_hour, found.content or ""))
                assert list(file.of_workload(profile.key)) == alike
                if profile.content is not None:
                    of_content = [found for found in profiles if found.content == profile.content]
                    assert all(found in file.of_content(profile.content) for found in of_content)
                for habit in profile.entries:
                    expects = any(
                        found.entries[habit].state in ("approved", "trusted")
                        for found in profiles
                        if (found.key.cluster, found.key.namespace) == (profile.key.cluster, profile.key.namespace)
                        and habit in found.entries
                    )
                    assert file.is_usual_in(profile.key.cluster, profile.key.namespace, habit) is expects
            assert file.problems == []


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_whatever_is_in_a_file_it_is_told_in_a_sentence(data: st.DataObject) -> None:
    """Bytes changed, put in and taken out anywhere: profiles, or one printable sentence, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one"
        write_baseline(str(path), made())
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(content)))
            stop = start + data.draw(st.sampled_from([0, 1, 2, 30, 400]))
            content[start:stop] = data.draw(
                st.one_of(st.binary(max_size=3), st.sampled_from([b"\n", b'"', b"}", b"null", b"[" * 3000, b"1e999"]))
            )
        path.write_bytes(content)
        try:
            with open_baseline(str(path)) as file:
                for key in {*file.keys, WEB}:
                    file.of_workload(key)
                    file.is_usual_in(key.cluster, key.namespace, SERVE)
                file.of_content(NEW)
                sentences = [*file.problems, *filter(None, [file.warning])]
                list(file.profiles())
                file.hours()
        except BaselineError as error:
            sentences = [str(error)]
        assert all(sentence.isprintable() for sentence in sentences)


@settings(deadline=None, max_examples=40)
@given(st.lists(baselines, min_size=2, max_size=3))
def test_files_merge_as_profiles_do(files: list[list[Profile]]) -> None:
    """As a stream as in memory, in whatever order and whatever groups."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / str(number)) for number in range(len(files))]
        for path, profiles in zip(paths, files, strict=True):
            write_baseline(path, profiles)

        def merge_files(*names: str) -> str:
            target = str(Path(folder) / f"m{len(list(Path(folder).iterdir()))}")
            result = CliRunner().invoke(main, ["baseline", "merge", *names, "-o", target])
            assert result.exit_code == 0, result.output
            return target

        whole = merge_files(*paths)
        in_memory: dict[tuple[WorkloadKey, str], list[Profile]] = {}
        for profile in (one for profiles in files for one in profiles):
            in_memory.setdefault(order_of(profile), []).append(profile)
        expected = [merge(alike) if len(alike) > 1 else alike[0] for _, alike in sorted(in_memory.items())]
        assert list(read_profiles(whole)) == expected
        assert Path(merge_files(*reversed(paths))).read_bytes() == Path(whole).read_bytes()
        assert Path(merge_files(merge_files(*paths[:2]), *paths[2:])).read_bytes() == Path(whole).read_bytes()
        assert Path(merge_files(paths[0], merge_files(*paths[1:]))).read_bytes() == Path(whole).read_bytes()


@given(st.integers(-1_000_000, 10_000_000))
def test_an_hour_is_its_text(hour: int) -> None:
    """There and back."""
    assert hour_of(hour_text(hour)) == hour
    assert span_of(span_text((hour, hour + 2))) == (hour, hour + 2)


@given(spans, spans)
def test_spans_are_sets_of_hours(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Unions, intersections and counts are those of the sets."""

    def hours(found: list[tuple[int, int]]) -> set[int]:
        return {hour for first, last in found for hour in range(first, last + 1)}

    assert hours(list(united(one))) == hours(one)
    assert hours_in(united(one)) == len(hours(one))
    assert common(united(one), united(other)) == len(hours(one) & hours(other))
    assert all(after > last + 1 for (_, last), (after, _) in zip(united(one), united(one)[1:], strict=False))
