"""Turns alerts of one campaign into one incident: same analytic, same content, same creator, no gap of a day."""

from bisect import bisect_left, insort

from tidewaiter.alert import stable_id

GAP_NS = 24 * 3600 * 1_000_000_000


class Incidents:
    """Names the incident of each alert; the alerts must come in order of time."""

    def __init__(self) -> None:
        self._stretches: dict[str, tuple[int, str]] = {}
        """Incident key -> time of the last alert of the present stretch, and the incident's id."""

    def of(self, time_ns: int, key: str) -> str:
        """The incident's id: it depends on the key and on the first alert of a stretch without a gap of a day."""
        last_ns, name = self._stretches.get(key, (time_ns, ""))
        if not name or time_ns - last_ns > GAP_NS:
            name = stable_id(key, str(time_ns))
        self._stretches[key] = (time_ns, name)
        return name


class OpenIncidents:
    """Names the same incidents while alerts still come and go, in any order."""

    def __init__(self) -> None:
        self._alerts: dict[str, list[tuple[int, str]]] = {}
        """Incident key -> (time, id) of its alerts, in order."""
        self._places: dict[str, tuple[str, int]] = {}
        """Alert id -> incident key and time."""
        self.touched: dict[str, None] = {}
        """Keys to which an alert has come or from which one has gone; who looks at them empties it."""

    def note(self, alert: str, key: str, time_ns: int) -> list[str]:
        """An alert belongs there. Gives back the alerts whose incident has another name by that."""
        if self._places.get(alert) == (key, time_ns):
            return []
        renamed = self.forget(alert)
        self.touched[key] = None
        self._places[alert] = (key, time_ns)
        alerts = self._alerts.setdefault(key, [])
        before = self._first_after(alerts, time_ns, alert)
        insort(alerts, (time_ns, alert))
        return renamed + self._renamed(alerts, time_ns, alert, before)

    def forget(self, alert: str) -> list[str]:
        """There is no such alert any more. Gives back the alerts whose incident has another name by that."""
        if alert not in self._places:
            return []
        key, time_ns = self._places.pop(alert)
        self.touched[key] = None
        alerts = self._alerts[key]
        before = self._first_after(alerts, time_ns, alert)
        alerts.remove((time_ns, alert))
        renamed = self._renamed(alerts, time_ns, alert, before)
        if not alerts:
            del self._alerts[key]
        return renamed

    def of(self, alert: str) -> str:
        """The incident's id."""
        key, time_ns = self._places[alert]
        alerts = self._alerts[key]
        return stable_id(key, str(_first(alerts, bisect_left(alerts, (time_ns, alert)))))

    def touch(self, alert: str) -> None:
        """The record of an alert has changed."""
        if alert in self._places:
            self.touched[self._places[alert][0]] = None

    def stretches(self, key: str) -> list[tuple[str, list[str]]]:
        """The incidents of a key as they are now, in order of time: the id of each, and its alerts in order."""
        found: list[tuple[str, list[str]]] = []
        last_ns: int | None = None
        for time_ns, alert in self._alerts.get(key, ()):
            if last_ns is None or time_ns - last_ns > GAP_NS:
                found.append((stable_id(key, str(time_ns)), []))
            found[-1][1].append(alert)
            last_ns = time_ns
        return found

    @staticmethod
    def _first_after(alerts: list[tuple[int, str]], time_ns: int, alert: str) -> int | None:
        """Time of the first alert in the stretch of the alert that comes next."""
        at = bisect_left(alerts, (time_ns, alert))
        at += at < len(alerts) and alerts[at] == (time_ns, alert)
        return _first(alerts, at) if at < len(alerts) else None

    def _renamed(self, alerts: list[tuple[int, str]], time_ns: int, alert: str, before: int | None) -> list[str]:
        if before == self._first_after(alerts, time_ns, alert):
            return []
        found: list[str] = []
        last_ns: int | None = None
        for later_ns, later in alerts[bisect_left(alerts, (time_ns, alert)) :]:
            if last_ns is not None and later_ns - last_ns > GAP_NS:
                break
            last_ns = later_ns
            if later != alert:
                found.append(later)
        return found


def _first(alerts: list[tuple[int, str]], at: int) -> int:
    """Time of the first alert of the stretch in which the one at an index is."""
    while at > 0 and alerts[at][0] - alerts[at - 1][0] <= GAP_NS:
        at -= 1
    return alerts[at][0]
