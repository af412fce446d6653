"""Holds which actions are one and the same habit, and which are not."""

import pytest

from made_events import OUTSIDE, at
from tidewaiter.chain import Action
from tidewaiter.cut import cut
from tidewaiter.habit import Habit, habit_of, parent_of
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy


def ran(*args: str, exe: str | None = None, is_upper_layer: bool = False, parent_exe: str | None = None) -> Action:
    """Somebody ran this."""
    return Action(at(9), "exec", "falco", "f.jsonl", 1, exe, args, is_upper_layer=is_upper_layer, parent_exe=parent_exe)


def opened(ip: str | None, port: int | None = 443, *, name: str | None = None, protocol: str | None = None) -> Action:
    """Somebody connected there."""
    return Action(at(9), "egress", "hubble", "h.jsonl", 1, dst_ip=ip, dst_port=port, dst_name=name, protocol=protocol)


def what(action: Action, policy: TrustPolicy = DEFAULT_POLICY) -> str | None:
    """The text of the action's habit."""
    habit = habit_of(action, policy)
    return None if habit is None else habit.what


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (ran("curl", "-fsS", "http://x.example/17", exe="/usr/bin/curl"), "/usr/bin/curl -fsS http://x.example/<n>"),
        (ran("curl", exe="/usr/bin/curl (deleted)"), "/usr/bin/curl"),
        (ran("/usr/bin/nc", "-l", "4444"), "/usr/bin/nc -l 4444"),
        (ran("wget", "-q", "x", exe="/bin/busybox"), "/bin/busybox wget -q x"),
        (ran("/bin/wget", "-q", "x", exe="/bin/busybox"), "/bin/busybox wget -q x"),
        (ran("busybox", "wget", "-q", "x", exe="/bin/busybox"), "/bin/busybox wget -q x"),
        (ran("-ash", exe="/bin/busybox"), "/bin/busybox ash"),
        (ran("busybox", exe="/bin/busybox"), "/bin/busybox busybox"),
        (ran(exe="/bin/busybox"), "/bin/busybox"),
        (ran("busybox", "sh", "-c", "nc evil 4444", exe="/bin/busybox"), "/bin/busybox sh -c nc evil 4444"),
        (ran("curl", exe="/usr/bin/curl", is_upper_layer=True), "<written>/usr/bin/curl"),
        (ran("a", exe="<written>/a"), "<<written>/a"),
    ],
)
def test_the_habit_of_an_exec(action: Action, expected: str) -> None:
    """Path and shape of the arguments; argv[0] only of a file that is many programs."""
    assert what(action) == expected


def test_an_exec_of_which_nothing_is_known_is_no_habit() -> None:
    """It has no name."""
    assert habit_of(ran(), DEFAULT_POLICY) is None
    assert habit_of(ran(""), DEFAULT_POLICY) is None


def test_command_lines_that_were_cut_stay_different() -> None:
    """The mark of what was cut is no number that differs every time."""
    one, other = (cut(("/bin/sh", "-c", "echo " * 2000 + end)) for end in ("good", "evil"))
    assert what(ran(*one)) != what(ran(*other))
    assert len(what(ran(*one)) or "") <= 256


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (opened(OUTSIDE), f"{OUTSIDE}:443/tcp"),
        (opened(OUTSIDE, 53, protocol="udp"), f"{OUTSIDE}:53/udp"),
        (opened(OUTSIDE, None, protocol="icmp"), f"{OUTSIDE}/icmp"),
        (opened(OUTSIDE, name="API-2.Example.com."), "api-2.example.com:443/tcp"),
        (opened("2001:db8::1"), "[2001:db8::1]:443/tcp"),
        (opened(f"::ffff:{OUTSIDE}"), f"{OUTSIDE}:443/tcp"),
        (opened("10.42.3.17", 5432), "10.42.3.17:5432/tcp"),
        (
            opened("10.42.3.17", 6379, name="redis-3.redis.prod.svc.cluster.local"),
            "redis-<n>.redis.prod.svc.cluster.local:6379/tcp",
        ),
        (opened(OUTSIDE, 6379, name="redis-3.redis.prod.svc"), "redis-3.redis.prod.svc:6379/tcp"),
        (opened("169.254.169.254", 80, name="metadata.google.internal"), "169.254.169.254:80/tcp"),
        (opened("127.0.0.1"), None),
        (opened("224.0.0.1"), None),
        (opened("255.255.255.255"), None),
        (opened("169.254.20.10", 53), None),
        (opened(None, name="example.com"), None),
        (opened("no address"), None),
    ],
)
def test_the_habit_of_a_connection(action: Action, expected: str | None) -> None:
    """Its host's name, else its address, with port and protocol."""
    assert what(action) == expected


def test_a_name_is_no_excuse_for_a_blocked_address() -> None:
    """What the policy blocks is a habit of its own, whatever it is called."""
    policy = TrustPolicy(outbound_cidr_block_list=(f"{OUTSIDE}/32",))
    assert what(opened(OUTSIDE, name="good.example"), policy) == f"{OUTSIDE}:443/tcp"


@pytest.mark.parametrize("name", ["good.example:443/tcp", "a b", "x/y", "good.example\n", "*"])
def test_a_text_that_is_no_name_names_nothing(name: str) -> None:
    """It could pretend to be another destination."""
    assert what(opened(OUTSIDE, name=name)) == f"{OUTSIDE}:443/tcp"


@pytest.mark.parametrize(
    ("exe", "parent"),
    [
        ("/usr/bin/bash", "bash"),
        ("/usr/bin/bash (deleted)", "bash"),
        ("/usr/bin/containerd-shim-runc-v2", "(runtime)"),
        ("runc:[2:INIT]", "(runtime)"),
        ("/proc/self/exe", "(runtime)"),
        ("/usr/bin/runc", "(runtime)"),
        ("/opt/runcher", "runcher"),
        (None, None),
        ("", None),
        ("/", None),
    ],
)
def test_parents(exe: str | None, parent: str | None) -> None:
    """Names of programs; the runtimes are all one."""
    assert parent_of(ran("x", parent_exe=exe)) == parent


def test_an_ordinary_and_a_remembered_command_line_are_shaped_alike() -> None:
    """What is long is not remembered."""
    assert what(ran("run", "x" * 2000, "5")) != what(ran("run", "x" * 2000, "y"))
    assert what(ran("run", "x" * 2000, "5")) == what(ran("run", "x" * 2000, "6"))
    assert habit_of(ran("run", "5"), DEFAULT_POLICY) == Habit("exec", "run <n>")
