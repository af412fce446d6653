"""Holds that people read what a baseline knows, and from where a behaviour is known."""

import msgspec
from sample_alerts import docker_alert, suspicious_alert

from tidewaiter.alert import BaselineShown
from tidewaiter.sinks import sinks

KNOWN = BaselineShown(
    workload="shop/Deployment/web\x1b[2J",
    container="c",
    content="new",
    predecessor="sha256:" + "a" * 64,
    completeness=0.9499,
    completeness_at_least=0.9,
    mature=False,
    pods=4,
    starts=12,
    container_hours=1400,
    hours_of_day=24,
    weekdays=5,
)


def _read(text: bytes) -> str:
    return " ".join(text.decode().split())


def test_alert_tells_whose_baseline_and_how_complete() -> None:
    """In words, rounded down, and escaped."""
    alert = docker_alert()
    first = msgspec.structs.replace(alert.behaviours[0], known="predecessor")
    alert = msgspec.structs.replace(alert, baseline=KNOWN, behaviours=(first, *alert.behaviours[1:]))
    text = _read(sinks()["text"].encode(alert))
    assert (
        "baseline shop/Deployment/web\\x1b[2J treats this content as new; 94.9 % complete (at least 90 %), not mature:"
        in text
    )
    assert "1,400 container-hours, 12 starts, 24 of 24 hours, 5 of 7 weekdays" in text
    assert "known from other content of this workload" in text


def test_suspicious_record_tells_it_in_short() -> None:
    """Whose, what, how complete."""
    text = _read(sinks()["text"].encode(msgspec.structs.replace(suspicious_alert(), baseline=KNOWN)))
    assert "treats this content as new; 94.9 % complete (at least 90 %), not mature" in text
    assert "container-hours" not in text


def test_without_a_baseline_there_is_no_word_of_it() -> None:
    """As before."""
    assert "baseline" not in _read(sinks()["text"].encode(docker_alert()))
