"""Turns deploys, jobs and restarts into containers that come and go, and keeps who runs now.

A `Rollout` changes only forwards in time: each happening is told when its time has come, so that what runs at any
moment is what the records before it say.
"""

import random

import msgspec

from bench.clock import MINUTE, SECOND
from bench.estate import Estate, Release, Workload, new_container, release, services_for
from bench.habits import Act, Place
from bench.life import began, born, ended, executed
from bench.programs import Program
from bench.shapes import audit, docker, hubble, laurel, tetragon
from bench.tale import Tale
from bench.world import Container, Node, suffix

_OLDEST_NS = 72 * 60 * MINUTE


class Running(msgspec.Struct, frozen=True, eq=False):
    """One container that runs now."""

    container: Container
    release: Release
    workload: Workload | None = None


def sensor_of(node: Node) -> str:
    """Which sensor sees processes on a node."""
    return "tetragon" if node.has_tetragon else "laurel"


class Rollout:
    """Who runs now."""

    def __init__(self, rng: random.Random, estate: Estate, start_ns: int) -> None:
        self.estate = estate
        self.running: dict[int, list[Running]] = {}
        self.containers: dict[str, tuple[int, int]] = {}
        """id -> (number of the workload, number of the release), of every container there ever was."""
        self.deploys: list[dict[str, object]] = []
        self._pulled: set[tuple[str, str]] = set()
        """(node, content)."""
        clusters = [node for node in estate.nodes if node.kind == "kubernetes"]
        for workload in estate.workloads:
            self.running[workload.number] = []
            if workload.kind == "CronJob":
                continue
            nodes: list[Node | None] = [*clusters] if workload.kind == "DaemonSet" else [None] * workload.replicas
            group = suffix(rng, 9)
            for ordinal, node in enumerate(nodes):
                created_ns = start_ns - 20 * MINUTE - int(rng.random() * _OLDEST_NS)
                container = new_container(
                    rng, estate, workload, workload.current.image, created_ns, node=node, ordinal=ordinal, group=group
                )
                self._keep(container, workload)
                self._pulled.add((container.node.name, container.image.config_digest))
                self.running[workload.number].append(Running(container, workload.current, workload))

    def _keep(self, container: Container, workload: Workload) -> None:
        self.containers[container.id] = (workload.number, len(workload.releases) - 1)
        if workload.kind != "CronJob":
            self.estate.containers.append(container)

    def everywhere(self) -> list[Running]:
        """All that run now."""
        return [one for running in self.running.values() for one in running]

    # ------------------------------------------------------------------------------------------- acts

    def record(self, rng: random.Random, one: Running, act: Act, time_ns: int) -> tuple[str, bytes]:
        """(producer, record) of one act of a container: a program that was executed, or a connection."""
        container, number = one.container, int(rng.random() * 4_000_000)
        node, first = container.node, one.release.habits.first
        if isinstance(act, Program):
            if node.has_tetragon:
                return "tetragon", tetragon.process_exec(container, act, number, time_ns, number + 300)
            return "laurel", laurel.execve(node, container, act, first, number, time_ns, number + 300)
        peer = self._peer(rng, act) if act.kind == "service" and container.pod else None
        address = peer.address if peer is not None else _address(rng, act)
        if container.pod and not (node.has_blanks and number % 2):
            return "hubble", hubble.egress(container, time_ns, number, address, act.port, peer=peer, domain=act.name)
        if node.has_tetragon:
            record = tetragon.tcp_connect(container, first, number, time_ns, container.pid, address, act.port)
            return "tetragon", record
        return "laurel", laurel.connect(node, container, first, number, time_ns, number + 300, address, act.port)

    def _peer(self, rng: random.Random, place: Place) -> Container | None:
        serving = self.running[place.target]
        return serving[int(rng.random() * len(serving))].container if serving else None

    def act(self, tale: Tale, one: Running, act: Act, time_ns: int, *, stage: str = "") -> None:
        """One act, told in a story."""
        producer, record = self.record(tale.rng, one, act, time_ns)
        tale.tell(producer, one.container.node, time_ns, record, stage)

    # ------------------------------------------------------------------------------------------- lives

    def start(self, tale: Tale, container: Container, made: Release, *, owner: Workload | None = None) -> Running:
        """A container is pulled for, created and started; its first process and what it runs at its start are seen."""
        node, one = container.node, Running(container, made, owner)
        if owner is not None and owner.kind in ("Deployment", "CronJob"):
            at = container.created_ns - 9 * SECOND
            tale.tell("audit", node, at, audit.create_owner(tale.rng, container, at, owner.uid))
        born(tale, container, by_person=False)
        here = (node.name, container.image.config_digest)
        if here in self._pulled:
            # What is on the node already is not pulled again.
            tale.told = [told for told in tale.told if told.stage != "pull"]
        self._pulled.add(here)
        if node.kind == "docker":
            at = container.started_ns + SECOND
            tale.tell("docker", node, at, docker.inspect_container(container), "facts")
            tale.tell("docker", node, at, docker.inspect_image(container.image), "facts")
        sensor = sensor_of(node)
        began(tale, container, sensor)
        for program in made.habits.startup:
            at = container.started_ns + int((1 + 40 * tale.rng.random()) * SECOND)
            executed(tale, container, sensor, program, at)
        return one

    def deploy(self, tale: Tale, workload: Workload) -> None:
        """The workload gets its next release; its containers follow one by one (`replace`)."""
        made = release(tale.rng, workload, services_for(tale.rng, self.estate))
        workload.releases.append(made)
        self.deploys.append(
            {
                "workload": workload.number,
                "release": len(workload.releases) - 1,
                "time_ns": tale.begin_ns,
                "reference": made.image.reference,
                "novelty": made.novelty,
            }
        )

    def replace(self, tale: Tale, workload: Workload, ordinal: int, group: str) -> None:
        """One container of the workload is replaced by one of the current release."""
        running = self.running[workload.number]
        if ordinal >= len(running):
            return
        old = running[ordinal].container
        node = old.node if workload.kind in ("DaemonSet", "ComposeService") else None
        container = new_container(
            tale.rng, self.estate, workload, workload.current.image, tale.begin_ns + 10 * SECOND, node=node,
            ordinal=ordinal, group=group,
        )  # fmt: skip
        self._keep(container, workload)
        running[ordinal] = self.start(tale, container, workload.current, owner=workload)
        ended(tale, old, container.started_ns + 20 * SECOND)

    def job(self, tale: Tale, workload: Workload) -> None:
        """A CronJob's job runs: a pod that lives some minutes."""
        group = str(tale.begin_ns // MINUTE)
        container = new_container(
            tale.rng, self.estate, workload, workload.current.image, tale.begin_ns + 10 * SECOND, group=group
        )
        self._keep(container, workload)
        one = self.start(tale, container, workload.current, owner=workload)
        lasts_ns = int((60 + 400 * tale.rng.random()) * SECOND)
        for _ in range(6 + int(tale.rng.random() * 10)):
            at = container.started_ns + 2 * SECOND + int(tale.rng.random() * lasts_ns)
            self.act(tale, one, one.release.habits.draw(tale.rng), at)
        ended(tale, container, container.started_ns + lasts_ns + 5 * SECOND)


def _address(rng: random.Random, place: Place) -> str:
    if place.addresses:
        return place.addresses[int(rng.random() * len(place.addresses))]
    return f"10.250.0.{place.target % 250 + 1}"
