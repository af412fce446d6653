"""Proves how outputs are delivered to one receiver: in order, again and again, bounded, and counted where lost."""

import threading

import pytest
from receivers import Time, alert

from tidewaiter.alert import Alert, Output
from tidewaiter.edge.delivery import Courier, Pace, Refused, TryLater


class Made:
    """A receiver that fails as a list says, and takes everything when that is used up."""

    name = "made"

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.taken: list[tuple[str, int]] = []
        self.is_closed = False

    def deliver(self, output: Output) -> None:
        assert isinstance(output, Alert)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.taken.append((output.id, output.revision))

    def close(self) -> None:
        self.is_closed = True


class Held(Made):
    """A receiver that holds on to the first output until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held, self.go = threading.Event(), threading.Event()

    def deliver(self, output: Output) -> None:
        self.is_held.set()
        self.go.wait(30)
        super().deliver(output)


@pytest.fixture
def said() -> list[str]:
    """What the user is told."""
    return []


def sent(courier: Courier, *outputs: Output) -> Courier:
    """Hands in, and waits until everything is settled."""
    for output in outputs:
        courier.send(output)
    courier.finish(float("inf"))
    courier.join(30)
    return courier


def revisions(count: int) -> list[Alert]:
    return [alert("a", number) for number in range(count)]


def test_outputs_arrive_in_order_and_the_receiver_is_closed(said: list[str]) -> None:
    receiver = Made()
    courier = sent(Courier(receiver, said.append, Time().pace()), *revisions(20))
    assert [revision for _, revision in receiver.taken] == list(range(20))
    assert receiver.is_closed
    assert (said, courier.problems()) == ([], [])


def test_what_fails_is_tried_again_before_what_follows_it(said: list[str]) -> None:
    """The pauses double; the user is told when it begins and when it is over, and not in between."""
    receiver, time = Made(*[TryLater("cannot be reached")] * 3), Time()
    courier = sent(Courier(receiver, said.append, time.pace()), *revisions(2))
    assert [revision for _, revision in receiver.taken] == [0, 1]
    assert [wait for wait in time.waits if wait] == [1, 2, 4]
    assert said == ["made: cannot be reached; trying again", "made: delivers again"]
    assert courier.problems() == []


def test_pauses_end_growing_and_vary() -> None:
    """Many that failed at once do not all come again at once."""
    assert [Pace(chance=lambda: 1.0).pause_s(failures) for failures in (1, 2, 6, 7, 8, 10_000)] == [
        1,
        2,
        32,
        60,
        60,
        60,
    ]
    assert Pace(chance=lambda: 0.0).pause_s(3) == 2


def test_receiver_that_asks_for_more_time_gets_it(said: list[str]) -> None:
    time = Time()
    sent(Courier(Made(TryLater("busy", 42)), said.append, time.pace()), alert())
    assert time.waits[0] == 42


def test_refused_output_is_counted_and_the_next_one_is_sent(said: list[str]) -> None:
    receiver = Made(Refused("answers 400"), None, Refused("answers 400"))
    courier = sent(Courier(receiver, said.append, Time().pace()), *revisions(3))
    assert [revision for _, revision in receiver.taken] == [1]
    assert courier.problems() == ["made: 2 refused; the last failure: answers 400"]
    assert len(said) == 1


def test_output_that_the_receiver_cannot_digest_is_given_up(said: list[str]) -> None:
    """One record that crashes the receiver does not hold up all that follow."""
    receiver = Made(*[TryLater("answers 500", is_hopeless=True)] * 8)
    courier = sent(Courier(receiver, said.append, Time().pace()), *revisions(2))
    assert [revision for _, revision in receiver.taken] == [1]
    assert courier.problems() == ["made: 1 refused; the last failure: answers 500, 8 times"]


def test_output_is_never_given_up_because_the_receiver_is_away(said: list[str]) -> None:
    receiver = Made(*[TryLater("cannot be reached")] * 500)
    courier = sent(Courier(receiver, said.append, Time().pace()), alert())
    assert len(receiver.taken) == 1
    assert courier.problems() == []


def test_oldest_goes_where_too_many_wait(said: list[str]) -> None:
    """Handing in never waits; a later revision says all that an earlier one said."""
    receiver = Held()
    courier = Courier(receiver, said.append, Time().pace(), kept=3)
    courier.send(alert("a", 0))
    assert receiver.is_held.wait(30)
    for output in revisions(6)[1:]:
        courier.send(output)
    receiver.go.set()
    sent(courier)
    assert [revision for _, revision in receiver.taken] == [0, 3, 4, 5]
    assert courier.problems() == ["made: 2 dropped because too many waited"]
    assert said == ["made: more than 3 wait; the oldest are dropped"]


def test_end_does_not_wait_for_a_receiver_that_hangs(said: list[str]) -> None:
    receiver = Held()
    courier = Courier(receiver, said.append, Time().pace())
    for output in revisions(3):
        courier.send(output)
    assert receiver.is_held.wait(30)
    courier.finish(0.0)
    courier.join(0.0)
    assert courier.problems() == ["made: 3 not delivered before the end"]
    receiver.go.set()


def test_end_gives_a_receiver_that_is_away_its_time_and_no_more(said: list[str]) -> None:
    """What waits out a long pause is tried at once when the end begins, and within the time that is left."""
    time = Time()
    waiting, go = threading.Event(), threading.Event()

    def wait(event: threading.Event, seconds: float) -> bool:
        if not waiting.is_set():
            waiting.set()
            go.wait(30)
        return time.wait(event, seconds)

    receiver = Made(*[TryLater("cannot be reached", 300)] * 50)
    courier = Courier(receiver, said.append, Pace(wait=wait, clock=lambda: time.now_s, chance=lambda: 1.0))
    for output in revisions(3):
        courier.send(output)
    assert waiting.wait(30)
    courier.finish(305.0)
    go.set()
    courier.join(30)
    assert time.waits == [300, 5]
    assert courier.problems() == ["made: 3 not delivered before the end; the last failure: cannot be reached"]


def test_what_is_handed_in_after_the_end_is_counted(said: list[str]) -> None:
    courier = sent(Courier(Made(), said.append, Time().pace()))
    courier.send(alert())
    assert courier.problems() == ["made: 1 not delivered before the end"]


def test_nothing_sent_is_no_problem(said: list[str]) -> None:
    assert sent(Courier(Made(), said.append, Time().pace())).problems() == []
