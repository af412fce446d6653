"""Checks silences and clock offsets: robust, bounded, and the same in whatever order records come."""

import random

from tidewaiter.edge.doctor_drops import lost_in
from tidewaiter.edge.doctor_times import Moments, Presence, middle_s
from tidewaiter.event import ContainerStart, Event, ProcessExec, Where

SECOND = 1_000_000_000
CONTAINER = "9e" * 32


def test_the_longest_silence() -> None:
    """Between the last second before it and the first after it."""
    presence = Presence()
    for second in (100, 101, 103, 500, 501):
        presence.note(second * SECOND)
    assert presence.longest_gap() == (104 * SECOND, 396 * SECOND)
    assert (presence.first_ns, presence.last_ns) == (100 * SECOND, 501 * SECOND)


def test_no_silence() -> None:
    """Of one record, or none, nothing can be said."""
    presence = Presence()
    assert presence.longest_gap() is None
    presence.note(5 * SECOND)
    assert presence.longest_gap() is None


def test_years_are_bounded_and_order_does_not_matter() -> None:
    """Ever coarser, never larger; shuffled it is the same."""
    times = [minute * 60 * SECOND for minute in range(20_000) if not 9_000 <= minute < 12_000]
    ordered, shuffled = Presence(), Presence()
    for time_ns in times:
        ordered.note(time_ns)
    random.Random(1).shuffle(times)  # noqa: S311 - a test
    for time_ns in times:
        shuffled.note(time_ns)
    assert ordered.longest_gap() == shuffled.longest_gap()
    found = ordered.longest_gap()
    assert found is not None
    assert abs(found[1] - 3_000 * 60 * SECOND) <= 2 * 1024 * SECOND
    assert len(ordered._buckets) <= 4096


def start(source: str, time_ns: int, container: str) -> Event:
    """A container's start."""
    return ContainerStart(
        time_ns=time_ns, cluster="default", node=None, where=Where(source, "-", 1), container_id=container
    )


def run(source: str, time_ns: int, pid: int, exe: str, prefix: str | None = None) -> Event:
    """An execution."""
    return ProcessExec(
        time_ns=time_ns,
        cluster="default",
        node=None,
        where=Where(source, "-", 1),
        exe=exe,
        pid=pid,
        container_id=CONTAINER if prefix is None else None,
        container_id_prefix=prefix,
    )


def offsets(moments: Moments) -> list[int]:
    """Differences of the one pair of sources."""
    return sorted(offset.difference_ns for offset in moments.offsets("default"))


def test_the_same_start_told_twice_is_a_moment() -> None:
    """By two sources; what nobody else saw, and another cluster, count for nothing."""
    moments = Moments()
    for number in range(4):
        container = f"{number:x}" * 64
        moments.note("containerd_events", start("containerd_events", number * SECOND, container))
        moments.note("docker_events", start("docker_events", number * SECOND + 7_000_000, container))
    moments.note("docker_events", start("docker_events", 9, "f" * 64))
    assert offsets(moments) == [7_000_000] * 4
    assert list(moments.offsets("other")) == []
    assert middle_s(offsets(moments)) == 0.007


def test_one_strange_pair_moves_no_median() -> None:
    """And fewer than three say nothing."""
    assert middle_s([3600 * SECOND, 5_000_000, 6_000_000, 7_000_000, 5_000_000]) == 0.006
    assert middle_s([SECOND, SECOND]) is None


def test_what_a_source_tells_twice_is_no_moment() -> None:
    """Another may have meant either; the same record delivered twice is one."""
    moments = Moments()
    moments.note("falco", run("falco", 5, 77, "/bin/sh", CONTAINER[:12]))
    moments.note("falco", run("falco", 5, 77, "/bin/sh", CONTAINER[:12]))
    moments.note("laurel", run("laurel", 9, 77, "/usr/bin/sh"))
    assert offsets(moments) == [4]
    moments.note("falco", run("falco", 6, 77, "/bin/sh", CONTAINER[:12]))
    assert offsets(moments) == []


def test_moments_are_bounded() -> None:
    """The oldest go."""
    moments = Moments()
    for pid in range(60_000):
        moments.note("falco", run("falco", pid, pid, "/bin/sh"))
    assert len(moments._seen) == 50_000


def test_producers_own_up_to_losses() -> None:
    """Each in its own words; anything else, however it looks, is none."""
    rule = b'{"rule":"Falco internal: syscall event drop","output_fields":{"n_drops":"14"}}'
    assert lost_in("falco", rule) == 14
    assert lost_in("falco", rule.replace(b"Falco internal", b"Mine")) is None
    assert lost_in("tetragon", b'{"rate_limit_info":{"number_of_dropped_process_events":"7"}}') == 7
    assert lost_in("hubble", b'{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"4096"}}') == 4096
    assert lost_in("hubble", b'{"lost_events":{"num_events_lost":"many"}}') is None
    assert lost_in("hubble", b'{"lost_events":{"num_events_lost":"-5"}}') is None
    assert lost_in("hubble", b'"lost_events"') is None
    assert lost_in("docker_events", rule) is None
