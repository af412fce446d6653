"""Runs real containers of images that are built here, for tests of the collectors, and judges what those hand in."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemons import run
from desks import Noting, collecting
from images import Image, encode, image, lay_out, oci_index_layout, oci_layout, sha256
from runnable import base_layer

from made_events import AN0691, Hunted, finished
from tidewaiter.edge.collector import Collector, Condition, Observation
from tidewaiter.engine import Engine
from tidewaiter.event import ProcessExec, Where
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.sources import containerd_events


class Noted(Noting):
    """A desk that notes, besides, when each record came."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[dict[str, Any], int]] = []

    def observe(self, observation: Observation) -> None:
        """Note one record."""
        now_ns = time.time_ns()
        with self._news:
            self.records.append((json.loads(observation.record), now_ns))
            super().observe(observation)

    def until_topic(self, topic: str, **members: str) -> dict[str, Any]:
        """Wait for the first record of a topic whose event has these members."""
        found: dict[str, Any] = self.wait(
            lambda: next(
                (r for r, _ in self.records if r["topic"] == topic and members.items() <= r["event"].items()), {}
            )
        )
        return found

    def until_state(self, *states: str) -> Condition:
        """Wait until these states were told one after the other, in the end the last of them."""
        self.wait(lambda: tuple(told.state for told in self.conditions[-len(states) :]) == states)
        return self.conditions[-1]

    def told(self) -> list[str]:
        """Topic and what it is about, of each record."""
        return [f"{r['namespace']} {r['topic']} {next(iter(r['event'].values()), '')}" for r, _ in self.records]


@contextmanager
def watching(collector: Collector) -> Iterator[Noted]:
    """A collector that runs until the context ends."""
    noted = Noted()
    with collecting(collector, noted):
        yield noted


@contextmanager
def ended(address: str) -> Iterator[None]:
    """End what still runs in containerd when the context does: its containers outlive it."""
    try:
        yield
    finally:
        for namespace in run("ctr", "--address", address, "namespaces", "list", "--quiet").split():
            ctr = ("ctr", "--address", address, "--namespace", namespace)
            for task in run(*ctr, "tasks", "list", "--quiet").split():
                run(*ctr, "tasks", "delete", "--force", task)


def judged(records: Iterable[dict[str, Any]], *containers: str, policy: TrustPolicy = DEFAULT_POLICY) -> Hunted:
    """What the engine says when each of these containers has run curl a second after the last record."""
    engine = Engine(policy, AN0691)
    time_ns = 0
    for number, record in enumerate(records):
        where = Where("containerd_events", "containerd.sock", number, node="n1")
        events = containerd_events.decode(encode(record), where)
        time_ns = max([time_ns, *(event.time_ns or 0 for event in events)])
        engine.feed_record("containerd_events", events)
    for container in containers:
        namespace = "default" if len(container) < 64 else None
        event = ProcessExec(
            time_ns=time_ns + 1_000_000_000,
            cluster="default",
            node="n1",
            where=Where("sensor", "kernel", 1),
            container_id=container,
            runtime_namespace=namespace,
            exe="/usr/bin/curl",
            args=("curl", "http://203.0.113.7/x"),
        )
        engine.feed_record("sensor", [event])
    return finished(engine)


def runnable(what: str, *, platform: dict[str, str] | None = None, **settings: Any) -> Image:
    """An image that can run; `what` makes its content its own."""
    told = image(
        {"etc/what": what.encode()},
        platform=platform,
        run={"Cmd": ["/bin/sleep", "600"], "Env": ["PATH=/bin", f"SECRET=of-{what}"], **settings},
    )
    layers = (base_layer(), *told.layers)
    config = json.loads(told.config)
    config["rootfs"]["diff_ids"] = [sha256(layer) for layer in layers]
    config["history"] = [{"created_by": f"layer {n}"} for n in range(len(layers))]
    return replace(told, layers=layers, config=encode(config))


def push(folder: Path, name: str, *images: Image) -> None:
    """Push an image, or an index of several, to a registry on loopback."""
    layout = oci_layout(images[0]) if len(images) == 1 else oci_index_layout(*images)
    place = lay_out(layout, folder / sha256(name.encode() + images[0].config)[7:19])
    run(
        *["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", "--all"],
        *[f"oci:{place}:1.4", f"docker://{name}"],
    )
