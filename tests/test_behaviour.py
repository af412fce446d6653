"""Holds what one exec or connection is by itself: its row, whether it is declared, and how it is written."""

import time

import pytest

from made_events import OUTSIDE, at
from tidewaiter.behaviour import describe, egress_row, exec_row, is_declared, program_names, row_of
from tidewaiter.chain import Action
from tidewaiter.identity import Declared
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy


def execed(*args: str, exe: str | None = None, is_upper_layer: bool = False) -> Action:
    """Somebody ran this."""
    return Action(at(9), "exec", "falco", "f.jsonl", 1, exe=exe, args=args, is_upper_layer=is_upper_layer)


def opened(ip: str | None, port: int | None = 443, *, is_initiator_proven: bool = True) -> Action:
    """Somebody connected there."""
    return Action(
        at(9), "egress", "hubble", "h.jsonl", 1, dst_ip=ip, dst_port=port, is_initiator_proven=is_initiator_proven
    )


@pytest.mark.parametrize(
    ("exe", "args", "names"),
    [
        ("/usr/bin/curl", ("curl", "x"), {"curl"}),
        ("/usr/bin/curl (deleted)", ("curl",), {"curl"}),
        ("/bin/busybox", ("wget",), {"wget"}),
        ("/bin/busybox", ("busybox", "wget"), {"wget"}),
        ("/bin/busybox", ("-ash",), {"ash"}),
        ("/bin/busybox", ("busybox",), {"busybox"}),
        ("/bin/busybox", (), {"busybox"}),
        ("/usr/bin/coreutils", ("/usr/bin/base64",), {"base64"}),
        (None, ("/usr/bin/nc",), {"nc"}),
        (None, (), {""}),
        ("/bin/dash", ("sh", "-c", "x"), {"sh", "dash"}),
        ("/bin/nc.openbsd", ("nc",), {"nc", "nc.openbsd"}),
    ],
)
def test_names_of_a_process(exe: str | None, args: tuple[str, ...], names: set[str]) -> None:
    """The file's, and what a link or a multi-call binary was called as."""
    assert program_names(execed(*args, exe=exe)) == names


def test_drift_comes_before_the_name() -> None:
    """A written file is told as written, whatever it is called."""
    assert exec_row(execed("curl", exe="/home/curl", is_upper_layer=True), DEFAULT_POLICY) == "written_binary"
    assert exec_row(execed("curl", exe="/usr/bin/curl"), DEFAULT_POLICY) == "suspicious_binary"
    assert exec_row(execed("web", exe="/usr/bin/web"), DEFAULT_POLICY) is None


def test_row_of_either_kind() -> None:
    """Execs and connections are asked by their kind."""
    assert row_of(execed("curl"), DEFAULT_POLICY) == "suspicious_binary"
    assert row_of(opened(OUTSIDE), DEFAULT_POLICY) == "external_egress"


def test_internal_networks_are_the_policys() -> None:
    """Only `internal_cidrs` decides inside or outside."""
    policy = TrustPolicy(internal_cidrs=("203.0.113.0/24",))
    assert egress_row(opened(OUTSIDE), policy) is None
    assert egress_row(opened("10.0.0.5"), policy) == "external_egress"


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "224.0.0.1", "0.0.0.0", "::", "", None, "x" * 999],  # noqa: S104  # a destination
)
def test_what_leaves_no_machine_is_nothing(ip: str | None) -> None:
    """Loopback, multicast, no address and rubbish."""
    assert egress_row(opened(ip, 2375), DEFAULT_POLICY) is None


def test_unproven_initiator_weakens_every_destination_but_a_blocked_one() -> None:
    """A block list is about the address, whoever spoke first."""
    assert egress_row(opened(OUTSIDE, is_initiator_proven=False), DEFAULT_POLICY) == "unproven_initiator"
    assert egress_row(opened("169.254.169.254", 80, is_initiator_proven=False), DEFAULT_POLICY) == "unproven_initiator"
    blocking = TrustPolicy(outbound_cidr_block_list=("203.0.113.0/24",))
    assert egress_row(opened(OUTSIDE, is_initiator_proven=False), blocking) == "blocked_egress"


def test_nothing_is_declared_where_nothing_is_known() -> None:
    """No config, no probes, no argv."""
    assert not is_declared(execed("curl"), None, ())
    assert not is_declared(execed(exe="/usr/bin/curl"), Declared(("curl",), (), ()), ())
    assert not is_declared(execed("curl"), Declared((), (), ()), ((),))
    assert not is_declared(execed("curl"), Declared(None, None, None), ())


def test_arguments_told_as_one_string_are_the_same_arguments() -> None:
    """Producers that give one string are split on blanks: only the blanks between words can differ."""
    declared = Declared(("sh", "-c", "curl  -s   x"), (), ())
    assert is_declared(execed("sh", "-c", "curl", "-s", "x"), declared, ())
    assert is_declared(execed("sh", "-c", "curl -s x"), declared, ())
    assert not is_declared(execed("sh", "-c", "curl -s y"), declared, ())


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (execed("curl", "x", exe="/usr/bin/curl"), "/usr/bin/curl x"),
        (execed("wget", "x", exe="/bin/busybox"), "wget x"),
        (execed("/bin/sh", "-c", "x"), "/bin/sh -c x"),
        (execed(exe="/usr/bin/curl"), "/usr/bin/curl"),
        (execed("curl", exe="/usr/bin/curl (deleted)"), "/usr/bin/curl"),
        (execed(), ""),
        (opened(OUTSIDE), "203.0.113.7:443"),
        (opened("2001:db8::1"), "[2001:db8::1]:443"),
        (opened("2001:db8::1", None), "[2001:db8::1]"),
        (opened("::ffff:203.0.113.7"), "203.0.113.7:443"),
    ],
)
def test_how_it_is_written(action: Action, text: str) -> None:
    """A command line as people type it; an address with its port."""
    assert describe(action) == text


@pytest.mark.parametrize("piece", ["; curl x", "&& ' ", '"', "\\", "|", "$(", "\n"])
def test_hostile_shell_string_takes_linear_time(piece: str) -> None:
    """An image config is the attacker's file."""

    def seconds(repeats: int) -> float:
        declared = Declared(("sh", "-c", f"{repeats}" + piece * repeats), (), ())
        begun = time.process_time()
        is_declared(execed("curl", "y"), declared, ())
        return time.process_time() - begun

    short = max(min(seconds(500 + number) for number in range(3)), 0.001)
    assert min(seconds(8_000 + number) for number in range(3)) < 60 * short
