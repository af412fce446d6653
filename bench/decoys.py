"""Tells the stories that must not alert: the same deeds where they are trusted, too weak, too late, or another's."""

from collections.abc import Callable

from bench.chains import OUTSIDE, STRONG, UNTRUSTED, arm
from bench.clock import MINUTE, SECOND
from bench.life import asked, began, born, connected, ended, executed
from bench.programs import Profile, Program
from bench.shapes import audit, containerd, docker, hubble, kubernetes, tetragon
from bench.tale import Tale
from bench.world import Container, Image, Kind, make_node, trusted_image

JOB = Profile(
    "job",
    1,
    Program("/bin/sh", ("-ec", "/opt/job/run.sh"), "/opt/job"),
    (
        Program("/usr/bin/curl", ("-fsSL", "https://203.0.113.30/rates.json", "-o", "/var/lib/rates/%d.json")),
        Program("/bin/bash", ("-c", "sort -u /var/lib/rates/%d.csv | wc -l")),
    ),
)
_SHELL = Profile("shell", 1, Program("/bin/sh", ("-c", "exec /srv/app --serve"), "/srv"), UNTRUSTED.everyday)
_PYTHON = Profile("script", 1, Program("/usr/bin/python3.11", ("/srv/app.py",), "/srv"), UNTRUSTED.everyday)
_INSIDE = (("10.20.1.5", 5432), ("172.20.4.4", 6379), ("127.0.0.1", 8080), ("192.168.7.7", 443), ("100.64.3.1", 9092))


def trusted(tale: Tale, kind: Kind, *, sensor: str, seconds: int = 60) -> Container:
    """A short job of a trusted image that runs shells and curl and reaches the internet, as its purpose is."""
    needs = {"tetragon": True, "laurel": False}.get(sensor) if kind == "docker" else None
    node = tale.node(kind, has_tetragon=needs)
    image = trusted_image(tale.rng, JOB)
    container = tale.run(node, image, created_ns=tale.begin_ns + 10 * SECOND, namespace=image.repository.split("/")[1])
    born(tale, container, by_person=False)
    began(tale, container, sensor)
    begin = container.started_ns + SECOND
    for number in range(3):
        at = begin + int(tale.rng.random() * seconds * SECOND)
        executed(tale, container, sensor, JOB.everyday[number % 2], at, stage="behaviour")
    target = OUTSIDE[int(tale.rng.random() * len(OUTSIDE))]
    at = begin + int(tale.rng.random() * seconds * SECOND)
    connected(tale, container, sensor, at, *target, stage="behaviour")
    if container.pod:
        record = hubble.egress(container, at + SECOND, 4242, *target)
        tale.tell("hubble", node, at + SECOND, record, "behaviour")
    ended(tale, container, begin + (seconds + 5) * SECOND)
    return container


def _trusted(kind: Kind, sensor: str) -> Callable[[Tale], None]:
    def told(tale: Tale) -> None:
        trusted(tale, kind, sensor=sensor)

    return told


def _quiet(kind: Kind, sensor: str) -> Callable[[Tale], None]:
    """An untrusted image that does only what it is for."""

    def told(tale: Tale) -> None:
        container = arm(tale, kind, sensor=sensor)
        for _ in range(4):
            at = container.started_ns + int((2 + tale.rng.random() * 700) * SECOND)
            executed(tale, container, sensor, UNTRUSTED.everyday[0], at)

    return told


def _inside_only(tale: Tale) -> None:
    """Connections to loopback and to internal addresses, where no baseline says what is usual."""
    container = arm(tale, "docker", sensor="tetragon")
    for address, port in _INSIDE:
        at = container.started_ns + int((2 + tale.rng.random() * 700) * SECOND)
        connected(tale, container, "tetragon", at, address, port)


def _visited(tale: Tale) -> None:
    """The internet reaches an untrusted pod, and the pod answers: neither is an act of the pod."""
    container = arm(tale, "kubernetes", sensor="tetragon")
    for number in range(3):
        at = container.started_ns + int((25 + tale.rng.random() * 600) * SECOND)
        address, _ = OUTSIDE[number]
        arrived = hubble.ingress(container, at, number, address, 9000)
        tale.tell("hubble", container.node, at, arrived)
        answered = hubble.reply(container, at + 1_000_000, number, address, 9000)
        tale.tell("hubble", container.node, at + 1_000_000, answered)
    peers = [peer for peer in tale.fleet.containers if peer.pod]
    peer = peers[int(tale.rng.random() * len(peers))]
    at = container.started_ns + 40 * SECOND
    tale.tell("hubble", container.node, at, hubble.egress(container, at, 99, "", 5432, peer=peer))


def _spoof(sensor: str) -> Callable[[Tale], None]:
    """A trusted container, and the machine itself, run commands that contain the armed container's id and fake JSON."""

    def told(tale: Tale) -> None:
        armed = arm(tale, "docker", sensor=sensor)
        neighbours = [other for other in tale.fleet.containers if other.node is armed.node]
        fake = {
            "tetragon": f'{{"process_exec":{{"process":{{"docker":"{armed.id[:31]}","binary":"/usr/bin/curl"}}}}}}',
            "falco": f'"container.id":"{armed.id[:12]}","proc.name":"curl"',
            "laurel": f'"CONTAINER_INFO":{{"ID":"{armed.id}"}}',
        }[sensor]
        programs = (
            Program("/bin/sh", ("-c", f"echo '{fake}'")),
            Program("/usr/bin/curl", ("-d", fake, "https://203.0.113.30/hook")),
            Program("/usr/bin/wget", ("-qO-", f"http://203.0.113.30/{armed.id}")),
        )
        for number, program in enumerate(programs):
            at = armed.started_ns + (20 + 10 * number) * SECOND
            executed(tale, neighbours[number % len(neighbours)], sensor, program, at)
        if sensor == "tetragon":
            at = armed.started_ns + 60 * SECOND
            program = Program("/usr/bin/docker", ("exec", armed.id, "sh", "-c", "curl http://198.51.100.23/"))
            tale.tell("tetragon", armed.node, at, tetragon.host_exec(armed.node, program, 0, at, 4040))

    return told


def _near_twin(tale: Tale) -> None:
    """A trusted container on the same machine, whose id has the same first eleven characters, runs curl."""
    armed = arm(tale, "docker", sensor="falco")
    twin = tale.run(armed.node, trusted_image(tale.rng, JOB), created_ns=armed.created_ns + 20 * SECOND)
    other = "0" if armed.id[11] != "0" else "1"
    twin.id = armed.id[:11] + other + twin.id[12:]
    born(tale, twin)
    began(tale, twin, "falco")
    for number in range(3):
        executed(tale, twin, "falco", STRONG[number], twin.started_ns + (10 + number) * SECOND, stage="behaviour")


def _same_node_name(tale: Tale) -> None:
    """In another cluster a node and a pod bear the same names, and there the pod reaches out.

    Of that cluster only the flows are in the stream: they name a pod of which no container is known.
    """
    armed = arm(tale, "kubernetes", sensor="tetragon")
    node = make_node(tale.rng, armed.node.name, "kubernetes", "west", int(armed.node.name[-3:]))
    twin = Container(
        id=f"{tale.rng.getrandbits(256):064x}", node=node, image=trusted_image(tale.rng, JOB), name=armed.name,
        address="10.91.3.3", pid=armed.pid, created_ns=armed.created_ns, started_ns=armed.started_ns,
        namespace=armed.namespace, pod=armed.pod, pod_uid=f"{tale.rng.getrandbits(128):032x}", workload=armed.workload,
        workload_kind=armed.workload_kind, identity=4711,
    )  # fmt: skip
    for number in range(3):
        at = armed.started_ns + (40 + 10 * number) * SECOND
        tale.tell("hubble", node, at, hubble.egress(twin, at, number, *OUTSIDE[number]), "behaviour")


def _pull_failed(tale: Tale) -> None:
    """The pod was asked for, its image could not be had, and nothing ran."""
    nodes = [node for node in tale.fleet.nodes if node.kind == "kubernetes" and node.runtime_log == "journal"]
    node = nodes[int(tale.rng.random() * len(nodes))]
    image = tale.image("docker.io/typo-squad/ngnix:latest", UNTRUSTED)
    container = tale.run(node, image, created_ns=tale.begin_ns + 10 * SECOND, namespace="sandbox", kind="Pod")
    asked(tale, container, by_person=True)
    at = container.created_ns
    tale.tell("journal", node, at - SECOND, containerd.journal_sandbox(container, at - SECOND))
    for record in containerd.journal_pull_failed(kubernetes.reference(container), at):
        tale.tell("journal", node, at + SECOND, record, "failed")
    record = audit.patch_status(tale.rng, container, at + 2 * SECOND, running=False)
    tale.tell("audit", node, at + 2 * SECOND, record, "failed")


def _late_exec(tale: Tale) -> None:
    """The strong behaviour comes after the window has closed."""
    container = arm(tale, "docker", sensor="tetragon")
    at = container.started_ns + 15 * MINUTE + int((2 + tale.rng.random() * 60) * SECOND)
    executed(tale, container, "tetragon", STRONG[0], at, stage="behaviour")


def _late_flow(tale: Tale) -> None:
    """As before, seen by pod only."""
    container = arm(tale, "kubernetes", sensor="hubble")
    at = container.started_ns + 15 * MINUTE + int((2 + tale.rng.random() * 60) * SECOND)
    tale.tell("hubble", container.node, at, hubble.egress(container, at, 12, *OUTSIDE[0]), "behaviour")


def _own_image(tale: Tale, profile: Profile) -> Image:
    """An untrusted image of this profile. One name never stands for images that declare different things."""
    return tale.image(f"quay.io/{profile.name}-tools/runner:{1 + int(tale.rng.random() * 9)}", profile)


def _declared(profile: Profile, *, with_config: bool) -> Callable[[Tale], None]:
    """The first process is a suspicious binary, and is what the image declares: weak."""

    def told(tale: Tale) -> None:
        node = tale.node("docker", has_tetragon=True)
        image = _own_image(tale, profile)
        container = tale.run(node, image, created_ns=tale.begin_ns + 10 * SECOND)
        born(tale, container)
        if with_config:
            tale.tell("docker", node, container.created_ns, docker.inspect_image(image), "facts")
        began(tale, container, "tetragon", profile.first)
        tale.told[-1] = type(tale.told[-1])(
            tale.told[-1].arrival_ns, tale.told[-1].producer, tale.told[-1].record, "behaviour"
        )

    return told


def armed_weakly(tale: Tale) -> None:
    """The smallest armed container: created, started, and a first process that is a shell."""
    node = tale.node("docker", has_tetragon=True)
    container = tale.run(node, _own_image(tale, _SHELL), created_ns=tale.begin_ns)
    created, started = container.created_ns, container.started_ns
    tale.tell("docker", node, created, docker.event(container, "create", created), "create")
    tale.tell("docker", node, started, docker.event(container, "start", started), "start")
    at = started + 40_000_000
    tale.tell("tetragon", node, at, tetragon.first_exec(container, _SHELL.first, at), "behaviour")


SILENT: dict[str, Callable[[Tale], None]] = {
    "trusted-docker-tetragon": _trusted("docker", "tetragon"),
    "trusted-docker-falco": _trusted("docker", "falco"),
    "trusted-docker-laurel": _trusted("docker", "laurel"),
    "trusted-kubernetes-tetragon": _trusted("kubernetes", "tetragon"),
    "trusted-kubernetes-falco": _trusted("kubernetes", "falco"),
    "trusted-containerd-tetragon": _trusted("containerd", "tetragon"),
    "untrusted-quiet-docker": _quiet("docker", "tetragon"),
    "untrusted-quiet-kubernetes": _quiet("kubernetes", "tetragon"),
    "untrusted-quiet-containerd": _quiet("containerd", "tetragon"),
    "untrusted-inside-only": _inside_only,
    "untrusted-visited": _visited,
    "spoofed-tetragon": _spoof("tetragon"),
    "spoofed-falco": _spoof("falco"),
    "spoofed-laurel": _spoof("laurel"),
    "near-twin-id": _near_twin,
    "same-node-name": _same_node_name,
    "pull-failed": _pull_failed,
}
"""Stories of which nothing may be reported."""

SUSPICIOUS: dict[str, Callable[[Tale], None]] = {
    "late-exec": _late_exec,
    "late-flow": _late_flow,
    "declared-shell": _declared(_SHELL, with_config=False),
    "declared-interpreter": _declared(_PYTHON, with_config=True),
}
"""Stories whose container must be `suspicious`, and no more."""
