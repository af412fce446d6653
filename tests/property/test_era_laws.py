"""Laws of what waits and what is settled, over hours: process ids, addresses and names of pods are used again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import PIDS, by_time, numbered, outcome_of, worlds

from engine_cases import EVIL, engine
from made_events import CORPORATE, OURS, at, cid, connected, created, feed, ran, started
from tidewaiter.event import Event

pytestmark = pytest.mark.property
SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)

HOURS = 2 * 3600
_MOMENTS = ("time_ns", "created_ns", "started_ns", "finished_ns")


def later(event: Event, era: int) -> Event:
    """The same, so many times two hours later, by other containers of pods of the same name."""
    told: dict[str, Any] = {
        name: known + era * HOURS * 10**9 for name in _MOMENTS if (known := getattr(event, name, None)) is not None
    }
    for name in ("pid", "parent_pid"):
        # The first process of each container has the id of one before; what it starts has another each time.
        known = getattr(event, name, None)
        if known is not None and known not in PIDS.values():
            told[name] = known + era * 1000
    for name in ("container_id", "container_id_prefix"):
        known = getattr(event, name, None)
        if known is not None:
            word = next(word for word in PIDS if cid(word).startswith(known))
            told[name] = cid(f"{word}{era}")[: len(known)]
    pod = getattr(event, "pod", None)
    if pod is not None and pod.uid is not None:
        told["pod"] = msgspec.structs.replace(pod, uid=f"{pod.uid}-{era}")
    return msgspec.structs.replace(event, **told)


def eras_of(told: list[list[Event]]) -> list[list[Event]]:
    """Worlds that follow each other, each record in a line of its own."""
    events = numbered([later(event, era) for era, world in enumerate(told) for event in world])
    ends = [at(era * HOURS + HOURS / 2) for era in range(len(told))]
    return [
        [e for e in events if (e.time_ns or 0) < end and (not era or (e.time_ns or 0) >= ends[era - 1])]
        for era, end in enumerate(ends)
    ]


def life(reference: str, acts: list[Event]) -> list[Event]:
    """A container that is created and started, and what is told of its processes."""
    return [created(0, "a", reference), started(1, "a", pid=100), *acts]


told_by_pid = st.builds(
    life,
    st.sampled_from([OURS, EVIL]),
    st.lists(
        st.sampled_from(
            [
                ran(9, None, "sh", pid=101, parent_pid=100, source="auditd"),
                ran(9.5, None, "curl", "x", pid=102, parent_pid=101, source="auditd"),
                ran(9.7, None, "id", pid=103, parent_pid=101, source="auditd"),
                ran(20, None, "sh", "-c", "x", pid=104, parent_pid=100, source="auditd"),
                connected(31, None, pid=100),
                connected(32, None, pid=102),
            ]
        ),
        max_size=5,
    ),
)


@SETTINGS
@given(st.lists(worlds, min_size=2, max_size=3) | st.lists(told_by_pid, min_size=2, max_size=3), st.randoms())
def test_order_within_the_lateness_changes_nothing_hours_after_an_id_was_used_before(
    told: list[list[Event]], chance: Any
) -> None:
    """Whatever waits since, whoever is settled, and however often what waits is looked through."""
    expected, mixed = engine(CORPORATE), engine(CORPORATE)
    for era in eras_of(told):
        feed(expected, by_time(era))
        chance.shuffle(era)
        for event in era:
            feed(mixed, [event])
            mixed.correlator.sweep()
    assert outcome_of(mixed) == outcome_of(expected)
