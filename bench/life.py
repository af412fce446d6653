"""Tells how containers come to life, by Docker, by containerd and under Kubernetes, in the producers' own records."""

from bench.clock import SECOND
from bench.programs import Program
from bench.shapes import audit, containerd, cri, docker, falco, laurel, tetragon
from bench.tale import Tale
from bench.world import Container

_KUBECTL = "kubectl/v1.31.4 (linux/amd64) kubernetes/a78aa47"
_PEOPLE = ("alice", "bert", "chandra", "dunya")


def born(tale: Tale, container: Container, *, pulled_ns: int | None = None, by_person: bool = True) -> None:
    """Pull, create and start, as the container's node shows them. `pulled_ns`: when, if not just before."""
    if container.node.kind == "docker":
        _docker(tale, container, pulled_ns)
    elif container.node.kind == "containerd":
        _containerd(tale, container, pulled_ns)
    else:
        _kubernetes(tale, container, pulled_ns, by_person)


def _docker(tale: Tale, container: Container, pulled_ns: int | None) -> None:
    node = container.node
    pulled = container.created_ns - 2 * SECOND if pulled_ns is None else pulled_ns
    tale.tell("docker", node, pulled, docker.pull(container.image, pulled), "pull")
    tale.tell("docker", node, container.created_ns, docker.event(container, "create", container.created_ns), "create")
    tale.tell("docker", node, container.started_ns, docker.event(container, "start", container.started_ns), "start")


def _containerd(tale: Tale, container: Container, pulled_ns: int | None) -> None:
    node, namespace = container.node, containerd.namespace_of(container)
    pulled = container.created_ns - 4 * SECOND if pulled_ns is None else pulled_ns
    for record in containerd.pull_events(container.image, pulled, namespace):
        tale.tell("containerd", node, pulled + SECOND, record, "pull")
    for record in containerd.create(container, container.created_ns):
        tale.tell("containerd", node, container.created_ns, record, "create")
    tale.tell("containerd", node, container.started_ns, containerd.start(container, container.started_ns), "start")


def _kubernetes(tale: Tale, container: Container, pulled_ns: int | None, by_person: bool) -> None:
    asked(tale, container, by_person)
    node, created, started = container.node, container.created_ns, container.started_ns
    pulled = created - 4 * SECOND if pulled_ns is None else pulled_ns
    if node.runtime_log == "journal":
        tale.tell("journal", node, created - 5 * SECOND, containerd.journal_sandbox(container, created - 5 * SECOND))
        for record in containerd.journal_pull(container.image, pulled):
            tale.tell("journal", node, pulled + 2 * SECOND, record, "pull")
        for record in containerd.journal_create(container, created):
            tale.tell("journal", node, created, record, "create")
        for record in containerd.journal_start(container, started):
            tale.tell("journal", node, started, record, "start")
    else:
        for record in containerd.sandbox(container, created - 5 * SECOND):
            tale.tell("containerd", node, created - 5 * SECOND, record)
        for record in containerd.pull_events(container.image, pulled, "k8s.io"):
            tale.tell("containerd", node, pulled + SECOND, record, "pull")
        for record in containerd.create(container, created):
            tale.tell("containerd", node, created, record, "create")
        tale.tell("containerd", node, started, containerd.start(container, started), "start")
        if node.runtime_log == "cri":
            tale.tell("cri", node, started + SECOND, cri.inspect(container), "facts")
    record = audit.patch_status(tale.rng, container, started + 2 * SECOND)
    tale.tell("audit", node, started + 2 * SECOND, record, "facts")


def asked(tale: Tale, container: Container, by_person: bool) -> None:
    """The pod was created at the API server, by a person or for a workload, and given its node."""
    node, begun = container.node, container.created_ns - 8 * SECOND
    if by_person:
        person = audit.human(_PEOPLE[int(tale.rng.random() * len(_PEOPLE))])
        record = audit.create_pod(tale.rng, container, begun, person, _KUBECTL, "192.0.2.77")
    else:
        record = audit.create_pod_by_controller(tale.rng, container, begun)
    tale.tell("audit", node, begun, record, "asked")
    tale.tell("audit", node, begun + SECOND, audit.bind(tale.rng, container, begun + SECOND))


def began(tale: Tale, container: Container, sensor: str, program: Program | None = None) -> None:
    """The container's first process was seen, so that no later one is taken for it."""
    first = container.image.profile.first if program is None else program
    time_ns = container.started_ns + 40_000_000
    if sensor == "tetragon":
        tale.tell("tetragon", container.node, time_ns, tetragon.first_exec(container, first, time_ns), "first")
    else:
        executed(tale, container, sensor, first, time_ns, stage="first", pid=container.pid)


def executed(
    tale: Tale, container: Container, sensor: str, program: Program, time_ns: int, *, stage: str = "", pid: int = 0
) -> None:
    """A program was executed in the container, as seen by Tetragon, Falco or LAUREL."""
    node, number = container.node, int(tale.rng.random() * 1_000_000)
    pid = pid or 100_000 + number
    if sensor == "tetragon":
        record = tetragon.process_exec(container, program, number, time_ns, pid)
    elif sensor == "falco":
        record = falco.execve(container, program, number, time_ns, pid)
    else:
        record = laurel.execve(node, container, program, container.image.profile.first, number, time_ns, pid)
    tale.tell(sensor, node, time_ns, record, stage)


def connected(
    tale: Tale, container: Container, sensor: str, time_ns: int, address: str, port: int, *, stage: str = ""
) -> None:
    """A process of the container opened a connection, as seen by Tetragon, Falco or LAUREL."""
    node, number = container.node, int(tale.rng.random() * 1_000_000)
    program, pid = container.image.profile.first, container.pid
    if sensor == "tetragon":
        record = tetragon.tcp_connect(container, program, number, time_ns, pid, address, port)
    elif sensor == "falco":
        record = falco.connect(container, program, number, time_ns, pid, address, port)
    else:
        record = laurel.connect(node, container, program, number, time_ns, pid, address, port)
    tale.tell(sensor, node, time_ns, record, stage)


def ended(tale: Tale, container: Container, time_ns: int) -> None:
    """The container's first process ended and the container was removed."""
    node = container.node
    if node.kind == "docker":
        for number, (action, attributes) in enumerate((("die", b'"exitCode":"0",'), ("destroy", b""))):
            at = time_ns + number * SECOND
            tale.tell("docker", node, at, docker.event(container, action, at, attributes), "stop")
    elif node.runtime_log != "journal":
        record = containerd.exit_event(container, time_ns, container.pid, container.id, 0)
        tale.tell("containerd", node, time_ns, record, "stop")
        for record in containerd.delete(container, time_ns + SECOND):
            tale.tell("containerd", node, time_ns + SECOND, record, "stop")
