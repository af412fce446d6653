"""Makes the incidents that the golden files of the outputs show."""

from collections.abc import Callable

import msgspec
from sample_alerts import docker_alert, hostile_alert, kubernetes_alert

from tidewaiter.alert import Alert, Incident, format_time, stable_id
from tidewaiter.incident import dissolved, gathered, part_of

BEGIN_NS = 1_790_000_019_400_000_000


def _campaign(first: Alert, name: str, size: int, **fields: object) -> Incident:
    """So many alerts, a minute apart; every other one on a node of its own."""
    alerts = [
        msgspec.structs.replace(
            first,
            id=stable_id(name, str(number)),
            time=format_time(BEGIN_NS + number * 60_000_000_000),
            node=f"{first.node}-{number // 2}",
            container_id=stable_id("container", str(number)) * 2,
            **fields,
        )
        for number in range(size)
    ]
    record = gathered(part_of(alert) for alert in alerts).record(stable_id(name))
    assert record is not None
    return record


def pods_incident() -> Incident:
    """Somebody's pods on many nodes."""
    return _campaign(kubernetes_alert(), "pods", 17)


def docker_incident() -> Incident:
    """Two containers on one host, seen live."""
    record = _campaign(docker_alert(), "docker", 2)
    return msgspec.structs.replace(record, revision=1, final=False)


def vast_incident() -> Incident:
    """More members than are shown."""
    return _campaign(docker_alert(), "vast", 1_000, severity="low", verdict="suspicious")


def withdrawn_incident() -> Incident:
    """One of whose alerts one is left."""
    record = docker_incident()
    gone = dissolved(record, [record.members[1].alert])
    return msgspec.structs.replace(gone, revision=2)


def hostile_incident() -> Incident:
    """Every text is hostile."""
    return _campaign(hostile_alert(), "hostile", 2)


INCIDENTS: dict[str, Callable[[], Incident]] = {
    "pods": pods_incident,
    "docker": docker_incident,
    "withdrawn": withdrawn_incident,
    "hostile": hostile_incident,
}
