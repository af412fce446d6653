"""Holds the desk: order, bounds, and the count of what did not fit."""

from threading import Event as Signal
from threading import Thread

from tidewaiter.edge.collector import Condition, Observation
from tidewaiter.edge.inbox import Inbox
from tidewaiter.edge.recording import RECORD_LIMIT_BYTES


def seen(number: int, size: int = 1) -> Observation:
    """A record that is told from others."""
    return Observation("sensor", str(number), b"x" * size)


def test_what_is_handed_in_comes_out_in_its_order() -> None:
    """Conditions among records; no more at once than asked for."""
    inbox = Inbox(Signal())
    told: list[Observation | Condition] = [seen(1), Condition("sensor", "ready", "s"), seen(2), seen(3)]
    for item in told:
        inbox.tell(item) if isinstance(item, Condition) else inbox.observe(item)
    assert inbox.held == 3
    assert inbox.take(3, 0) == told[:3]
    assert inbox.take(3, 0) == told[3:]
    assert (inbox.take(3, 0), inbox.held, inbox.take_lost()) == ([], 0, {})


def test_what_does_not_fit_is_counted_by_source() -> None:
    """In number, in bytes, and what is too long by itself; room that is made is used."""
    inbox = Inbox(Signal(), cap=2, cap_bytes=100)
    for number in range(5):
        inbox.observe(seen(number))
    inbox.lose("docker_events", 7)
    assert inbox.take_lost() == {"sensor": 3, "docker_events": 7}
    assert inbox.take_lost() == {}
    inbox.take(9, 0)
    for number in range(3):
        inbox.observe(seen(number, size=60))
    assert inbox.take_lost() == {"sensor": 2}
    inbox = Inbox(Signal())
    inbox.observe(seen(1, RECORD_LIMIT_BYTES + 1))
    assert (inbox.held, inbox.take_lost()) == (0, {"sensor": 1})


def test_conditions_told_after_the_end_say_nothing() -> None:
    """A collector that ends because it shall is not lost sight of; its last records count."""
    inbox = Inbox(Signal())
    inbox.stopped.set()
    inbox.tell(Condition("sensor", "off", "s", ("execs",)))
    inbox.observe(seen(1))
    assert inbox.take(9, 0) == [seen(1)]


def test_waking_ends_the_waiting() -> None:
    """Without anything to give."""
    inbox = Inbox(Signal())
    inbox.wake()
    assert inbox.take(9, 60) == []


def test_nothing_is_lost_between_threads() -> None:
    """Many hand in while one takes."""
    inbox = Inbox(Signal(), cap=1_000_000)

    def hand_in() -> None:
        for number in range(2000):
            inbox.observe(seen(number))

    threads = [Thread(target=hand_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = 0
    while taken < 8000:
        taken += len(inbox.take(50, 60))
    for thread in threads:
        thread.join()
    assert (taken, inbox.held, inbox.take_lost()) == (8000, 0, {})
