"""Turns what collectors say of themselves into records of what is not seen, so that alerts and recordings hold it."""

from collections.abc import Collection
from typing import get_args

import msgspec

from tidewaiter.edge.collector import Condition, Observation
from tidewaiter.event import Sight
from tidewaiter.sources._sensor_record import ConditionRecord

SIGHTS: tuple[Sight, ...] = get_args(Sight)
_COLLECTORS = ("docker", "podman", "containerd", "sensor", "conntrack")
_OURSELVES = "tidewaiter"
_NOT_RUNNING = "tidewaiter was not running"
_LOSSES = "losses"
_TOO_MUCH = "more happened at once than could be taken in, and records were lost"
_TOLD_BY_SENSOR: tuple[Sight, ...] = ("execs", "connections", "names")
_TOLD_BY_RUNTIMES: tuple[Sight, ...] = ("images", "containers")
_STREAM = "conditions"


class Sights:
    """What each collector does not see, as it was told last."""

    def __init__(self) -> None:
        self.conditions: dict[str, Condition] = {}
        """Collector -> its last condition."""
        self.has_seen = False
        """Whether any collector was ever ready."""
        self._losing: tuple[Sight, ...] = ()

    def tell(self, condition: Condition, time_ns: int) -> list[Observation]:
        """Take in a condition; gives a record for every sight that is lost or gained by it."""
        before = self.conditions.get(condition.collector)
        was = before.blind if before is not None else ()
        self.conditions[condition.collector] = condition
        self.has_seen = self.has_seen or condition.state == "ready"
        lost = [sight for sight in SIGHTS if sight in condition.blind and sight not in was]
        found = [sight for sight in SIGHTS if sight in was and sight not in condition.blind]
        return [
            *(_record(time_ns, condition.collector, sight, condition.sentence) for sight in lost),
            *(_record(time_ns, condition.collector, sight, None) for sight in found),
        ]

    def lose(self, sources: Collection[str], since_ns: int, time_ns: int) -> list[Observation]:
        """Records of these sources were lost between two moments, none of others; an attacker may have made it so."""
        was, told = self._losing, {*_TOLD_BY_SENSOR} if "sensor" in sources else set[Sight]()
        if set(sources) - {"sensor"}:
            told.update(_TOLD_BY_RUNTIMES)
        self._losing = tuple(sight for sight in SIGHTS if sight in told)
        return [
            *(_record(since_ns, _LOSSES, sight, _TOO_MUCH) for sight in self._losing if sight not in was),
            *(_record(time_ns, _LOSSES, sight, None) for sight in was if sight not in told),
        ]

    def resume(self, left_ns: int, time_ns: int) -> list[Observation]:
        """Somebody watched before, up to a moment: nothing was seen since, and what he did not see holds no more."""
        return [
            *(_record(left_ns, _OURSELVES, sight, _NOT_RUNNING) for sight in SIGHTS),
            *(_record(time_ns, name, sight, None) for name in (_OURSELVES, _LOSSES, *_COLLECTORS) for sight in SIGHTS),
        ]

    @property
    def is_ready(self) -> bool:
        """Whether no collector that spoke is still starting."""
        return all(condition.state != "starting" for condition in self.conditions.values())


def _record(time_ns: int, collector: str, sight: Sight, why: str | None) -> Observation:
    record = ConditionRecord(time_ns=time_ns, collector=collector, sight=sight, why=why)
    return Observation("sensor", _STREAM, msgspec.json.encode(record))
