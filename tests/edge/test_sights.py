"""Holds what becomes of conditions: records of sights that are lost and gained, once each."""

import msgspec

from tidewaiter.edge.collector import Condition, Observation
from tidewaiter.edge.sights import SIGHTS, Sights
from tidewaiter.sources._sensor_record import ConditionRecord


def told(observations: list[Observation]) -> list[tuple[int, str, str, str | None]]:
    """The records, as what they say."""
    assert {observation.source for observation in observations} <= {"sensor"}
    records = [msgspec.json.decode(observation.record, type=ConditionRecord) for observation in observations]
    return [(record.time_ns, record.collector, record.sight, record.why) for record in records]


def test_a_sight_is_told_when_it_is_lost_and_when_it_is_back() -> None:
    """Not while it stays away, whatever is said meanwhile."""
    sights = Sights()
    assert sights.tell(Condition("docker", "starting", "looks"), 1) == []
    assert told(sights.tell(Condition("docker", "waiting", "no socket", ("images", "containers")), 2)) == [
        (2, "docker", "images", "no socket"),
        (2, "docker", "containers", "no socket"),
    ]
    assert sights.tell(Condition("docker", "waiting", "still none", ("containers", "images")), 3) == []
    assert told(sights.tell(Condition("docker", "ready", "attached", ("images",)), 4)) == [
        (4, "docker", "containers", None)
    ]
    assert told(sights.tell(Condition("docker", "ready", "attached"), 5)) == [(5, "docker", "images", None)]


def test_collectors_do_not_speak_for_each_other() -> None:
    """Each has its own sights."""
    sights = Sights()
    sights.tell(Condition("sensor", "off", "none", ("execs",)), 1)
    assert sights.tell(Condition("docker", "ready", "attached"), 2) == []
    assert (sights.is_ready, sights.has_seen) == (True, True)
    sights.tell(Condition("podman", "starting", "looks"), 3)
    assert not sights.is_ready


def test_who_goes_on_says_that_nothing_was_seen_meanwhile() -> None:
    """From the moment the other ended; and what that one did not see is open again."""
    records = told(Sights().resume(10, 20))
    lost = [record for record in records if record[3] is not None]
    assert lost == [(10, "tidewaiter", sight, "tidewaiter was not running") for sight in SIGHTS]
    found = {(collector, sight) for time_ns, collector, sight, why in records if why is None and time_ns == 20}
    names = ("tidewaiter", "losses", "docker", "podman", "containerd", "sensor", "conntrack")
    assert found == {(name, sight) for name in names for sight in SIGHTS}


def test_losses_are_told_once_however_long_they_last() -> None:
    """From the last moment at which nothing was lost to the first at which nothing is any more."""
    sights = Sights()
    assert sights.lose((), 1, 2) == []
    begun = told(sights.lose(["sensor"], 2, 3))
    assert [(time_ns, sight) for time_ns, _, sight, why in begun if why] == [
        (2, "execs"),
        (2, "connections"),
        (2, "names"),
    ]
    more = told(sights.lose(["docker_events", "sensor"], 3, 4))
    assert [(time_ns, sight) for time_ns, _, sight, why in more if why] == [(3, "images"), (3, "containers")]
    assert sights.lose(["sensor", "containerd_events"], 4, 5) == []
    ended = told(sights.lose((), 5, 6))
    assert {(time_ns, sight, why) for time_ns, _, sight, why in ended} == {(6, sight, None) for sight in SIGHTS}
