"""Turns an alert that would be revised without end into one that is revised ever more seldom.

A container that runs the same tool a thousand times a second changes its alert as often: a count, the latest times. So
does a health check, and so does each further record of a start or stop that was known. Such a revision rests for a
tick at first, then ever longer; what changes the story (`_TELLING`, a behaviour of a kind that was not there) is given
out at once.
"""

import msgspec

from tidewaiter.alert import Alert

AT_EASE = 16
"""Revisions of one alert among which new behaviours are given out as they come."""
LONGEST_TICKS = 1024
"""The longest rest."""
_TELLING = (
    *("verdict", "severity", "confidence", "title", "digest_consistency", "trust", "image", "reasons"),
    *("incident", "container_name"),
)


class Rests:
    """What rests, by its id, and for how long: ever longer. Time is counted in ticks."""

    def __init__(self) -> None:
        self._ticks = 0
        self._until: dict[str, int] = {}
        """Id -> the tick with which its rest ends."""
        self._rests: dict[str, int] = {}
        """Id -> how often it has rested."""
        self._rested: set[str] = set()
        """Those whose rest has ended with this tick."""

    def tick(self) -> list[str]:
        """Time went on. Gives back those whose rest has ended: they may have changed meanwhile."""
        self._ticks += 1
        ended = [known for known, until in self._until.items() if until <= self._ticks]
        for known in ended:
            del self._until[known]
        self._rested = set(ended)
        return ended

    def holds(self, name: str) -> bool:
        """Whether it rests; whoever has just rested does not, once."""
        if name in self._rested:
            self._rested.discard(name)
            return False
        if name not in self._until:
            rests = self._rests.get(name, 0)
            self._rests[name] = rests + 1
            self._until[name] = self._ticks + min(2 ** min(rests, 30), LONGEST_TICKS)
        return True

    def forget(self, name: str) -> None:
        """It is no more."""
        self._until.pop(name, None)
        self._rests.pop(name, None)
        self._rested.discard(name)


class Calm:
    """Which alerts rest."""

    def __init__(self) -> None:
        self._rests = Rests()

    def tick(self) -> list[str]:
        """Time went on. Gives back the alerts whose rest has ended."""
        return self._rests.tick()

    def holds(self, alert: Alert, before: bytes, revision: int) -> bool:
        """Whether a new revision rests; `before` is the record of the last one, as JSON, `revision` its number."""
        known = msgspec.json.decode(before, type=Alert)
        if any(getattr(alert, name) != getattr(known, name) for name in _TELLING):
            return False
        if not set(alert.missing) <= set(known.missing):
            return False
        if revision < AT_EASE and not _did(alert) <= _did(known):
            return False
        return self._rests.holds(alert.id)

    def forget(self, alert_id: str) -> None:
        """The alert is no more."""
        self._rests.forget(alert_id)


def _did(alert: Alert) -> set[tuple[str, str, str, str | None]]:
    """What was done, however often."""
    return {(done.kind, done.strength, done.what, done.name) for done in alert.behaviours}
