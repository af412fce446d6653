"""Turns alerts of one campaign into one incident: same analytic, same content, same creator, no gap of a day."""

from tidewaiter.alert import stable_id

GAP_NS = 24 * 3600 * 1_000_000_000


class Incidents:
    """Names the incident of each alert; the alerts must come in order of time."""

    def __init__(self) -> None:
        self._stretches: dict[str, tuple[int, int]] = {}
        """Incident key -> time of the first and of the last alert of the present stretch."""

    def of(self, time_ns: int, key: str) -> str:
        """The incident's id: it depends on the key and on the first alert of a stretch without a gap of a day."""
        first_ns, last_ns = self._stretches.get(key, (time_ns, time_ns))
        if time_ns - last_ns > GAP_NS:
            first_ns = time_ns
        self._stretches[key] = (first_ns, time_ns)
        return stable_id(key, str(first_ns))
