"""Makes the everyday records of the fleet's trusted containers and of the machines: most of the stream."""

import random
from collections.abc import Callable

from bench.chains import OUTSIDE
from bench.clock import SECOND
from bench.programs import HOST_PROGRAMS
from bench.shapes import audit, containerd, cri, docker, falco, hubble, kubernetes, laurel, tetragon
from bench.shapes.collector import collected
from bench.world import Container, Fleet, Node

Produced = tuple[str, bytes]
_INSIDE = ("10.96.0.10", "10.70.4.12", "10.88.31.7", "172.20.9.9", "192.168.40.5")

MIX: dict[str, int] = {
    "exec": 360, "host_exec": 40, "exit": 85, "connect": 75, "falco": 70, "hubble": 150, "laurel": 85, "docker": 30,
    "containerd": 14, "cri": 6, "audit": 77, "pods": 8,
}  # fmt: skip
"""How many of a thousand records are of each kind. Executions are the bulk, as where Tetragon runs on every node."""


class Background:
    """Draws one everyday record after another."""

    def __init__(self, rng: random.Random, fleet: Fleet) -> None:
        self._random = rng.random
        self._rng = rng
        containers = fleet.containers
        self._nodes = fleet.nodes
        self._tetragon = [one for one in containers if one.node.has_tetragon]
        self._laurel = [one for one in containers if one.node.kind == "docker" and not one.node.has_tetragon]
        self._all = containers
        self._pods = [one for one in containers if one.pod]
        self._docker = [one for one in containers if one.node.kind == "docker"]
        self._containerd = [one for one in containers if one.node.kind != "docker" and one.node.runtime_log == "events"]
        self._cri = [one for one in containers if one.pod and one.node.runtime_log == "cri"]
        makers: dict[str, Callable[[int], Produced]] = {
            "exec": self._exec, "host_exec": self._host_exec, "exit": self._exit, "connect": self._connect,
            "falco": self._falco, "hubble": self._hubble, "laurel": self._laurel_event, "docker": self._docker_event,
            "containerd": self._containerd_event, "cri": self._cri_snapshot, "audit": self._audit, "pods": self._pod,
        }  # fmt: skip
        self._makers = [makers[name] for name, share in MIX.items() for _ in range(share)]

    def record(self, arrival_ns: int) -> Produced:
        """One record that arrives at this moment: (producer, JSON line without its end)."""
        return self._makers[int(self._random() * len(self._makers))](arrival_ns)

    def _pick(self, containers: list[Container]) -> Container:
        """Busy containers are picked more often than idle ones."""
        return containers[int(self._random() ** 2 * len(containers))]

    def _when(self, producer: str, node: Node, arrival_ns: int) -> int:
        return arrival_ns - node.delays[producer] - int(self._random() * 20_000_000)

    def _target(self, number: int) -> tuple[str, int]:
        if number % 5 == 0:
            return OUTSIDE[number // 5 % len(OUTSIDE)]
        return _INSIDE[number % len(_INSIDE)], (443, 5432, 8080, 53)[number % 4]

    def _exec(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._tetragon), int(self._random() * 4_000_000)
        program = container.image.profile.everyday[number % len(container.image.profile.everyday)]
        time_ns = self._when("tetragon", container.node, arrival_ns)
        return "tetragon", tetragon.process_exec(container, program, number, time_ns, number + 300)

    def _exit(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._tetragon), int(self._random() * 4_000_000)
        program = container.image.profile.everyday[number % len(container.image.profile.everyday)]
        time_ns = self._when("tetragon", container.node, arrival_ns)
        return "tetragon", tetragon.process_exit(container, program, number, time_ns, number + 300)

    def _host_exec(self, arrival_ns: int) -> Produced:
        node, number = self._nodes[int(self._random() * len(self._nodes))], int(self._random() * 4_000_000)
        program = HOST_PROGRAMS[number % len(HOST_PROGRAMS)]
        time_ns = self._when("tetragon", node, arrival_ns)
        return "tetragon", tetragon.host_exec(node, program, number, time_ns, number + 300)

    def _connect(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._tetragon), int(self._random() * 4_000_000)
        time_ns, first = self._when("tetragon", container.node, arrival_ns), container.image.profile.first
        address, port = self._target(number)
        record = tetragon.tcp_connect(container, first, number, time_ns, container.pid, address, port)
        return "tetragon", record

    def _falco(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._all), int(self._random() * 4_000_000)
        time_ns = self._when("falco", container.node, arrival_ns)
        program = container.image.profile.everyday[number % len(container.image.profile.everyday)]
        if number % 3:
            return "falco", falco.execve(container, program, number, time_ns, number + 300)
        return "falco", falco.connect(container, program, number, time_ns, number + 300, *self._target(number))

    def _hubble(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._pods), int(self._random() * 0xFFFFFFFF)
        time_ns, kind = self._when("hubble", container.node, arrival_ns), number % 8
        address, port = OUTSIDE[number % len(OUTSIDE)]
        if kind == 0:
            return "hubble", hubble.egress(container, time_ns, number, address, port)
        if kind == 1:
            return "hubble", hubble.ingress(container, time_ns, number, address, 8080)
        if kind == 2:
            return "hubble", hubble.reply(container, time_ns, number, address, 8080)
        peer = self._pods[int(self._random() * len(self._pods))]
        return "hubble", hubble.egress(container, time_ns, number, "", 8080, peer=peer)

    def _laurel_event(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._laurel), int(self._random() * 4_000_000)
        node, profile = container.node, container.image.profile
        time_ns, kind = self._when("laurel", node, arrival_ns), number % 4
        if kind == 0:
            program = HOST_PROGRAMS[number // 4 % len(HOST_PROGRAMS)]
            return "laurel", laurel.execve(node, None, program, HOST_PROGRAMS[0], number, time_ns, number + 300)
        program = profile.everyday[number // 4 % len(profile.everyday)]
        if kind == 1:
            address, port = self._target(number // 4)
            return "laurel", laurel.connect(node, container, program, number, time_ns, number + 300, address, port)
        return "laurel", laurel.execve(node, container, program, profile.first, number, time_ns, number + 300)

    def _docker_event(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._docker), int(self._random() * 4_000_000)
        time_ns = self._when("docker", container.node, arrival_ns)
        command = "curl -f http://127.0.0.1:8080/healthz"
        actions = (f"exec_create: {command}", f"exec_start: {command}", "exec_die", "top")
        attributes = b'"execID":"%064x",' % (number * 0x9E3779B97F4A7C15)
        record = docker.event(container, actions[number % 4], time_ns, attributes)
        return "docker", collected(container.node, record, arrival_ns)

    def _containerd_event(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._containerd), int(self._random() * 4_000_000)
        time_ns = self._when("containerd", container.node, arrival_ns)
        if number % 2:
            record = containerd.exec_started(container, time_ns, number, number + 300)
        else:
            record = containerd.exit_event(container, time_ns, number + 300, f"{number:064x}", 0)
        return "containerd", collected(container.node, record, arrival_ns)

    def _cri_snapshot(self, arrival_ns: int) -> Produced:
        container = self._pick(self._cri)
        return "cri", collected(container.node, cri.inspect(container), arrival_ns)

    def _audit(self, arrival_ns: int) -> Produced:
        container, number = self._pick(self._pods), int(self._random() * 4_000_000)
        time_ns = self._when("audit", container.node, arrival_ns)
        if number % 16 == 0:
            return "audit", audit.patch_status(self._rng, container, time_ns)
        return "audit", audit.noise(self._rng, container.node, container.namespace, container.pod, number, time_ns)

    def _pod(self, arrival_ns: int) -> Produced:
        return "pods", kubernetes.pod(self._pick(self._pods))


def earlier(fleet: Fleet, container: Container, number: int) -> list[tuple[int, str, bytes]]:
    """How a long-running container is known before the stream begins: (arrival, producer, record).

    Pods by the cluster's list; bare containerd's by its events of up to two hours ago; Docker's half by `docker
    inspect`, half by events.
    """
    node = container.node
    if container.pod:
        return [(fleet.start_ns, "pods", kubernetes.pod(container))]
    if node.kind == "docker" and number % 2:
        return [(fleet.start_ns, "docker", collected(node, docker.inspect_container(container), fleet.start_ns))]
    created, started = container.created_ns, container.started_ns
    if node.kind == "docker":
        records = [(created, docker.event(container, "create", created))]
        records.append((started, docker.event(container, "start", started)))
        return [(at + SECOND // 4, "docker", collected(node, record, at + SECOND // 4)) for at, record in records]
    records = [(created, record) for record in containerd.create(container, created)]
    records.append((started, containerd.start(container, started)))
    return [(at + SECOND // 4, "containerd", collected(node, record, at + SECOND // 4)) for at, record in records]
