"""Turns outputs that come at any speed into deliveries to one receiver, in order, tried again while that helps.

Rules
- Handing in never waits. What cannot be delivered yet is kept, up to `KEPT` outputs; beyond that the oldest goes, for a
  later revision of an alert says all that an earlier one said.
- One output after the other, so that revisions arrive in their order.
- What was lost is counted and told; no message shows a password, a token or the path of a URL.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from tidewaiter.alert import Output

KEPT = 10_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_TRIES = 8
"""How often an output is tried that the receiver itself cannot digest."""

Tell = Callable[[str], None]
"""Takes one sentence for people; called from any thread."""


class DestinationError(Exception):
    """A destination that cannot be used as it is written; one sentence, which may be shown."""


class TryLater(Exception):
    """It may go well later. The text is one sentence without secrets."""

    def __init__(self, why: str, after_s: float = 0.0, *, is_hopeless: bool = False) -> None:
        super().__init__(why)
        self.after_s = after_s
        """How long the receiver asked to be left alone."""
        self.is_hopeless = is_hopeless
        """Whether the receiver is there and it may be this output that it fails at."""


class Refused(Exception):
    """It will never go well with this output. The text is one sentence without secrets."""


class Receiver(Protocol):
    """One destination."""

    @property
    def name(self) -> str:
        """For people, without secrets."""

    def deliver(self, output: Output) -> None:
        """Hand one output over; nothing where its form has no use for it. Raises `TryLater` and `Refused`."""

    def close(self) -> None:
        """Let go of connections."""


class Pace(msgspec.Struct, frozen=True):
    """How time passes."""

    wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    """Wait for the event, at most so many seconds."""
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    """From 0 up to 1: many that failed at once do not all come again at once."""

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        whole = min(_FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16), _LONGEST_PAUSE_S)
        return whole * (0.5 + self.chance() / 2)


class Courier:
    """Delivers to one receiver, in a thread of its own."""

    def __init__(self, receiver: Receiver, tell: Tell, pace: Pace, kept: int = KEPT) -> None:
        self.receiver = receiver
        self._tell, self._pace, self._kept = tell, pace, kept
        self._queue: deque[Output] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._until_s = float("inf")
        self._in_hand = False
        """Whether an output was taken out of the queue and is not settled yet."""
        self._overflowed = self._refused = self._left = 0
        self._last_failure = ""
        self._thread = threading.Thread(target=self._run, name=f"to {receiver.name}", daemon=True)
        self._thread.start()

    def send(self, output: Output) -> None:
        """Hand in one output; returns at once."""
        with self._changed:
            if self._closing.is_set():
                self._left += 1
                return
            is_over = len(self._queue) >= self._kept
            if is_over:
                self._queue.popleft()
                self._overflowed += 1
            is_first = is_over and self._overflowed == 1
            self._queue.append(output)
            self._changed.notify()
        if is_first:
            self._tell(f"{self.receiver.name}: more than {self._kept:,} wait; the oldest are dropped")

    def finish(self, until_s: float) -> None:
        """Take in nothing more, and try until so much on the clock to deliver what waits."""
        with self._changed:
            self._until_s = until_s
            self._closing.set()
            self._changed.notify()

    def join(self, within_s: float) -> None:
        """Wait for the thread at most so long; what it has not delivered then is lost."""
        self._thread.join(max(within_s, 0.0))
        with self._changed:
            # A thread that hangs in a connection ends with the process.
            self._left += len(self._queue) + self._in_hand
            self._queue.clear()
            self._in_hand = False

    def problems(self) -> list[str]:
        """What was lost, in one sentence each; empty where nothing was."""
        with self._changed:
            lost = (
                (self._overflowed, "dropped because too many waited"),
                (self._refused, "refused"),
                (self._left, "not delivered before the end"),
            )
            why = f"; the last failure: {self._last_failure}" if self._last_failure else ""
            return [f"{self.receiver.name}: {count:,} {what}{why}" for count, what in lost if count]

    def _run(self) -> None:
        while (output := self._next()) is not None:
            if not self._deliver(output):
                break
            with self._changed:
                self._in_hand = False
        self.receiver.close()

    def _next(self) -> Output | None:
        with self._changed:
            while not self._queue:
                if self._closing.is_set():
                    return None
                self._changed.wait()
            self._in_hand = True
            return self._queue.popleft()

    def _deliver(self, output: Output) -> bool:
        """Try until it is settled; False where time is up before."""
        failures = hopeless = 0
        while True:
            if self._closing.is_set() and self._pace.clock() >= self._until_s:
                return False
            try:
                self.receiver.deliver(output)
            except Refused as error:
                return self._give_up(str(error))
            except TryLater as error:
                failures += 1
                hopeless += error.is_hopeless
                if hopeless >= _TRIES:
                    return self._give_up(f"{error}, {hopeless} times")
                self._note(str(error))
                if failures == 1:
                    self._tell(f"{self.receiver.name}: {error}; trying again")
                self._pause(max(self._pace.pause_s(failures), error.after_s))
                continue
            if failures:
                self._tell(f"{self.receiver.name}: delivers again")
            return True

    def _give_up(self, why: str) -> bool:
        self._note(why)
        with self._changed:
            self._refused += 1
            is_first = self._refused == 1
        if is_first:
            self._tell(f"{self.receiver.name}: {why}; this one is not sent, and others like it are counted")
        return True

    def _note(self, why: str) -> None:
        with self._changed:
            self._last_failure = why

    def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end; when the end begins, what waits is tried once more at once."""
        if not self._closing.is_set():
            self._pace.wait(self._closing, seconds)
            return
        left_s = self._until_s - self._pace.clock()
        self._pace.wait(threading.Event(), min(seconds, max(left_s, 0.0)))
