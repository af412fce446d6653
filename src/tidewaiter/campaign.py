"""Turns alerts of one campaign into one incident: same analytic, same content, same creator, no gap of a day."""

from tidewaiter.alert import stable_id

GAP_NS = 24 * 3600 * 1_000_000_000


def incidents(alerts: list[tuple[int, str]]) -> list[str]:
    """The incident id of each (time_ns, incident key), in the order given.

    Alerts of one key belong together until a day passes without one. The id depends on the key and on the day-free
    stretch's first alert, so it does not change with the order of arrival.
    """
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    found: dict[int, str] = {}
    for place, (time_ns, key) in sorted(enumerate(alerts), key=lambda entry: entry[1]):
        if key not in last or time_ns - last[key] > GAP_NS:
            first[key] = time_ns
        last[key] = time_ns
        found[place] = stable_id(key, str(first[key]))
    return [found[place] for place in range(len(alerts))]
