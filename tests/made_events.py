"""Makes events by hand for tests of the core, and runs them through an engine."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from tidewaiter.alert import Alert, ContainerShown, Summary
from tidewaiter.analytics import analytics
from tidewaiter.calm import LONGEST_TICKS
from tidewaiter.digest import Digest
from tidewaiter.engine import Engine
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageClaim,
    ImageFacts,
    ImageName,
    ImagePull,
    NetworkFlow,
    Pod,
    PodContainer,
    PodCreate,
    PodStatus,
    ProcessExec,
    Tick,
    User,
    Where,
)
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy, TrustRule

S = 1_000_000_000
T = 1_790_000_000 * S + 250_000_000
"""The moment that all times of the tests are told from; no whole second, for those mean `some time in this second`."""

AN0691 = analytics()["AN0691"]
UBUNTU = "docker.io/library/ubuntu:latest"
OURS = "registry.corp.example/web:1"
CORPORATE = TrustPolicy(trust=(TrustRule(name="ours", image="registry.corp.example/**", state="trusted"),))
"""Trusts one registry, and no other."""
OUTSIDE = "203.0.113.7"
RUNTIME_SOURCES = {"docker": "docker_events", "containerd": "containerd_events"}


def at(seconds: float) -> int:
    """So many seconds after (or before) `T`, in nanoseconds."""
    return T + round(seconds * S)


def digest(word: str) -> Digest:
    """A digest that stands for a word; `digest("sha256:..")` is the digest itself."""
    return word if word.startswith("sha256:") else "sha256:" + sha256(word.encode()).hexdigest()


def cid(word: str) -> str:
    """A container id of 64 hex characters that stands for a word; a text of 64 characters is the id itself."""
    return word if len(word) == 64 else sha256(f"container {word}".encode()).hexdigest()


def where(source: str, line: int = 1) -> Where:
    """Where a record of a source stood."""
    return Where(source, f"{source}.jsonl", line)


def _carried(seconds: float | None, source: str, fields: dict[str, Any]) -> dict[str, Any]:
    line = fields.pop("line", None)
    told: dict[str, Any] = {
        "time_ns": None if seconds is None else at(seconds),
        "cluster": fields.pop("cluster", "default"),
        "node": fields.pop("node", "n1"),
        "where": where(source, line if line is not None else 1000 + round((seconds or 0) * 1000)),
    }
    return told


def _named(container: str | None, fields: dict[str, Any]) -> dict[str, Any]:
    """How a record names a container: by its whole id, or by a prefix of `prefix` characters."""
    length = fields.pop("prefix", None)
    if container is None:
        return {}
    if length is not None:
        return {"container_id_prefix": cid(container)[:length]}
    return {"container_id": cid(container)}


# ------------------------------------------------------------------------------------------------ images


def pulled(seconds: float, reference: str, *, source: str = "containerd_journal", **fields: Any) -> ImagePull:
    """Somebody pulled an image."""
    return ImagePull(**_carried(seconds, source, fields), reference=reference, **fields)


def named(
    seconds: float | None, action: str, reference: str | None, *, source: str = "docker_events", **fields: Any
) -> ImageName:
    """A name began to stand for content."""
    told = _carried(seconds, source, fields)
    return ImageName(**told, action=action, reference=reference, **fields)  # type: ignore[arg-type]  # any text


def image_facts(seconds: float | None = None, *, source: str = "docker_inspect", **fields: Any) -> ImageFacts:
    """Digests of one image, side by side."""
    return ImageFacts(**_carried(seconds, source, fields), **fields)


# ------------------------------------------------------------------------------------------------ containers


def created(
    seconds: float, container: str, reference: str | None = UBUNTU, *, source: str = "containerd_events", **fields: Any
) -> ContainerCreate:
    """The runtime created a container."""
    image = fields.pop("image", None) or (None if reference is None else ImageClaim(reference=reference))
    return ContainerCreate(
        **_carried(seconds, source, fields), **_named(container, fields), image=image, **{"runtime": "docker", **fields}
    )


def started(seconds: float, container: str, *, source: str = "containerd_events", **fields: Any) -> ContainerStart:
    """A container's first process was started."""
    return ContainerStart(**_carried(seconds, source, fields), **_named(container, fields), **fields)


def stopped(seconds: float, container: str, *, source: str = "containerd_events", **fields: Any) -> ContainerStop:
    """A container's first process ended."""
    return ContainerStop(**_carried(seconds, source, fields), **_named(container, fields), **fields)


def described(
    seconds: float | None, container: str, config: str | None = None, *, source: str = "cri", **fields: Any
) -> ContainerFacts:
    """The runtime described a container, and the config digest of its image."""
    image = fields.pop("image", None)
    if image is None and config is not None:
        image = ImageClaim(config_digest=digest(config), from_runtime=True)
    return ContainerFacts(**_carried(seconds, source, fields), **_named(container, fields), image=image, **fields)


def entered(
    seconds: float, container: str | None, *command: str, source: str = "kubernetes_audit", **fields: Any
) -> ContainerExec:
    """Somebody attached to a container; `user` is a name."""
    user = fields.pop("user", "alice")
    return ContainerExec(
        **_carried(seconds, source, fields),
        **_named(container, fields),
        command=command,
        user=None if user is None else User(name=user),
        **fields,
    )


# ------------------------------------------------------------------------------------------------ behaviour


def ran(
    seconds: float, container: str | None, *argv: str, exe: str | None = "", source: str = "falco", **fields: Any
) -> ProcessExec:
    """A process was executed; `exe` is found below /usr/bin where it is not given."""
    path = (f"/usr/bin/{argv[0]}" if argv and "/" not in argv[0] else (argv or ("",))[0]) if exe == "" else exe
    return ProcessExec(**_carried(seconds, source, fields), **_named(container, fields), exe=path, args=argv, **fields)


def connected(
    seconds: float, container: str | None, ip: str | None = OUTSIDE, port: int | None = 443, **fields: Any
) -> NetworkFlow:
    """Somebody opened a connection."""
    source = fields.pop("source", "tetragon")
    return NetworkFlow(
        **_carried(seconds, source, fields),
        **_named(container, fields),
        dst_ip=ip,
        dst_port=port,
        **{"protocol": "tcp", **fields},
    )


# ------------------------------------------------------------------------------------------------ Kubernetes


def pod_of(name: str, container: str | None = None, **fields: Any) -> Pod:
    """A pod's coordinates."""
    return Pod(**{"namespace": "shop", "name": name, "container_name": container, **fields})


def asked(
    seconds: float, name: str, containers: Sequence[PodContainer] | dict[str, str] = (), **fields: Any
) -> PodCreate:
    """Somebody asked the API server for a pod; `containers` are their names and images."""
    user = fields.pop("user", "alice")
    pod = fields.pop("pod", None) or pod_of(name, uid=fields.pop("uid", None))
    if isinstance(containers, dict):
        containers = [PodContainer(name=called, image=image) for called, image in containers.items()]
    fields = {"node": None, **fields}
    return PodCreate(
        **_carried(seconds, "kubernetes_audit", fields),
        pod=pod,
        user=None if user is None else User(name=user),
        containers=tuple(containers),
        **fields,
    )


def placed(seconds: float | None, name: str, node: str | None = "n1", *ips: str, **fields: Any) -> PodStatus:
    """The API server told where a pod runs, and its addresses."""
    pod = fields.pop("pod", None) or pod_of(name, uid=fields.pop("uid", None))
    fields = {"node": None, **fields}
    return PodStatus(**_carried(seconds, "kubernetes_pods", fields), pod=pod, assigned_node=node, ips=ips, **fields)


# ------------------------------------------------------------------------------------------------ runs


class Hunted(msgspec.Struct):
    """What a run over events gave."""

    engine: Engine
    alerts: list[Alert]
    containers: list[ContainerShown]
    summary: Summary

    @property
    def only(self) -> Alert:
        """The one record that was given out."""
        assert len(self.alerts) == 1, [(alert.container_id, alert.verdict, alert.reasons) for alert in self.alerts]
        return self.alerts[0]

    def about(self, container: str) -> ContainerShown:
        """What is shown of one container, alert or not."""
        found = [shown for shown in self.containers if shown.container_id == cid(container)]
        assert len(found) == 1, [shown.container_id for shown in self.containers]
        return found[0]

    def alert_of(self, container: str) -> Alert | None:
        """The record of one container, if there is one."""
        found = [alert for alert in self.alerts if alert.container_id == cid(container)]
        assert len(found) < 2
        return found[0] if found else None


def hunted(events: Iterable[Event], policy: TrustPolicy = DEFAULT_POLICY, **options: Any) -> Hunted:
    """Feed each event as a record of its own, and finish."""
    engine = Engine(policy, AN0691, **options)
    feed(engine, events)
    return finished(engine)


def feed(engine: Engine, events: Iterable[Event]) -> list[Alert]:
    """Feed each event as a record of its own; what was given out at once."""
    given: list[Alert] = []
    for event in events:
        given += [output for output in engine.feed_record(event.where.source, [event]) if isinstance(output, Alert)]
    return given


def rested(engine: Engine, seconds: float = 0) -> list[Alert]:
    """Tick until nothing rests any more, with the clock at so many seconds; what was given out."""
    tick = Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))
    outputs = [output for _ in range(LONGEST_TICKS + 1) for output in engine.tick(tick)]
    return [output for output in outputs if isinstance(output, Alert)]


def finished(engine: Engine) -> Hunted:
    """End the stream."""
    outputs = list(engine.finish(containers=True))
    alerts = [output for output in outputs if isinstance(output, Alert)]
    verdicts = [alert.verdict for alert in alerts]
    summary = engine.summary(True, verdicts.count("alert"), verdicts.count("suspicious"))
    return Hunted(engine, alerts, [shown for shown in outputs if isinstance(shown, ContainerShown)], summary)


def attack(container: str = "a", reference: str = UBUNTU, **fields: Any) -> list[Event]:
    """A container that is created, started, and runs curl against an address outside."""
    return [
        created(0, container, reference, **fields),
        started(1, container, **fields),
        ran(10, container, "curl", "-s", f"http://{OUTSIDE}/x", **fields),
        connected(11, container, port=80, **fields),
    ]
