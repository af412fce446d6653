"""Checks reading of what hunt and watch wrote: forms, revisions, other kinds of records, and other files."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from made_records import as_line, container, record
from tidewaiter.edge.recorded_alerts import RecordsError, read_records

Write = Callable[..., Path]
SUMMARY = b'{"kind":"summary","schema":1,"complete":true}\n'
INCIDENT = b'{"kind":"incident","schema":1,"id":"x","members":[]}\n'


def test_alerts_containers_and_the_rest(write: Write) -> None:
    path = write(as_line(record()) + INCIDENT + as_line(container("c1")) + b"\n" + SUMMARY)
    read = read_records([str(path)])
    assert (read.alerts, read.containers, read.unread, read.problems) == (1, 1, 0, [])
    assert read.history.alerts == {"a" * 32: record()}


def test_revisions_over_several_files_plain_and_compressed(write: Write) -> None:
    first = write(gzip.compress(as_line(record(revision=1, verdict="withdrawn"))), "b.jsonl.gz")
    second = write(as_line(record()), "a.jsonl")
    read = read_records([str(second), str(first)])
    assert (read.history.alerts, read.history.withdrawn) == ({}, {"a" * 32})


def test_fields_that_are_not_known_are_passed_over(write: Write) -> None:
    line = as_line(record())[:-2] + b',"new":{"deep":[1]}}\n'
    assert read_records([str(write(line))]).alerts == 1


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b'{"kind":"alert","schema":1}',
        b'{"kind":"alert","schema":2}',
        b'{"kind":"policy_check","schema":1}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_lines_of_another_kind_are_counted(write: Write, line: bytes) -> None:
    read = read_records([str(write(as_line(record()) + line + b"\n"))])
    assert (read.alerts, read.unread) == (1, 1)
    assert "1 lines are no record" in read.problems[0]


def test_a_file_of_something_else_is_refused(write: Write) -> None:
    with pytest.raises(RecordsError, match="holds no record of tidewaiter"):
        read_records([str(write(b'{"a":1}\n'))])


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="no such file"):
        read_records([str(tmp_path / "absent.jsonl")])


def test_a_cut_file_gives_what_stands_in_it(write: Write) -> None:
    whole = gzip.compress(b"".join(as_line(record(f"{n:032x}")) for n in range(2000)), compresslevel=1)
    read = read_records([str(write(whole[: len(whole) * 3 // 4], "cut.gz"))])
    assert 0 < read.alerts < 2000
    assert any("cut" in problem or "end" in problem for problem in read.problems)
