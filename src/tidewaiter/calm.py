"""Turns an alert that would be revised without end into one that is revised ever more seldom.

A container that runs the same tool a thousand times a second changes its alert as often: a count, the latest times.
Such a revision may rest; what changes the story (`_TELLING`) is given out at once, however often it comes.
"""

import msgspec

from tidewaiter.alert import Alert

AT_EASE = 16
"""Revisions of one alert that are given out as they come."""
_LONGEST_TICKS = 64
_TELLING = ("verdict", "severity", "confidence", "title", "digest_consistency", "trust", "image", "reasons", "incident")


class Calm:
    """Which alerts rest. Time is counted in ticks."""

    def __init__(self) -> None:
        self._ticks = 0
        self._until: dict[str, int] = {}
        """Alert id -> the tick with which its rest ends."""

    def tick(self) -> list[str]:
        """Time went on. Gives back the alerts whose rest has ended: they may have changed meanwhile."""
        self._ticks += 1
        ended = [alert_id for alert_id, until in self._until.items() if until <= self._ticks]
        for alert_id in ended:
            del self._until[alert_id]
        return ended

    def holds(self, alert: Alert, before: bytes, revision: int) -> bool:
        """Whether a new revision may rest; `before` is the record of the last one, as JSON, `revision` its number.

        What is not held begins a rest, the longer the more often the alert was revised.
        """
        if revision < AT_EASE:
            return False
        known = msgspec.json.decode(before, type=Alert)
        if any(getattr(alert, name) != getattr(known, name) for name in _TELLING):
            return False
        if alert.id in self._until:
            return True
        self._until[alert.id] = self._ticks + min(2 ** min(revision - AT_EASE + 1, 8), _LONGEST_TICKS)
        return False

    def forget(self, alert_id: str) -> None:
        """The alert is no more."""
        self._until.pop(alert_id, None)
