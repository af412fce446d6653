"""Makes the estate in which the week is set: nodes, workloads, and the releases that each workload goes through.

Everything is drawn from seeded generators in a fixed order, so the same options give the same estate.
"""

import hashlib
import random
from typing import Literal

import msgspec

from bench.clock import HOUR, SECOND
from bench.habits import Habits, api, inside, make_habits, pick, program, shell
from bench.programs import Profile
from bench.world import Container, Image, Node, hex_id, make_node, suffix, uuid

WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet", "CronJob", "ComposeService"]
DAY = 24 * HOUR
NOVELTY = (("external", 0.02), ("internal", 0.06), ("program", 0.06))
"""What a release brings that its workload never did, and in what share of releases."""
_TEAMS = ("checkout", "search", "billing", "identity", "media", "ledger", "routing", "insights", "mail", "platform")
_THINGS = ("cart", "quote", "index", "ingest", "feed", "token", "session", "price", "stock", "order", "report", "label")
_ROLES = ("api", "worker", "web", "sync", "cache", "gateway", "store")
_PUBLIC = (
    "docker.io/library/redis", "docker.io/library/postgres", "docker.io/library/rabbitmq", "docker.io/grafana/grafana",
    "docker.io/library/nginx", "quay.io/minio/minio", "docker.io/library/memcached", "ghcr.io/dexidp/dex",
    "docker.io/prom/blackbox-exporter", "docker.io/library/wordpress", "docker.io/library/ghost",
    "quay.io/keycloak/keycloak",
)  # fmt: skip


class Release(msgspec.Struct, frozen=True, eq=False):
    """One image content of a workload, and what the workload does on it."""

    image: Image
    habits: Habits
    novelty: str | None = None
    """What is new in it that was never done before (NOVELTY)."""


class Workload(msgspec.Struct, eq=False):
    """One workload; `releases` grows with each deploy, the last is the current one."""

    number: int
    namespace: str
    """Kubernetes namespace, or the project of Docker Compose."""
    kind: WorkloadKind
    name: str
    is_trusted: bool
    replicas: int
    busyness: float
    """How often its containers are picked, in parts of others'."""
    is_office: bool
    """It has little to do at night and at the weekend."""
    days_between: float
    """Deploys, on average."""
    repository: str
    uid: str
    host: Node | None = None
    """Of a Compose service: the machine it runs on."""
    every_hours: int = 0
    """Of a CronJob: 1, 24 or 168."""
    at_hour: int = 0
    releases: list[Release] = msgspec.field(default_factory=list)

    @property
    def path(self) -> str:
        """`NAMESPACE/KIND/NAME`."""
        return f"{self.namespace}/{self.kind}/{self.name}"

    @property
    def current(self) -> Release:
        """The release that new containers get."""
        return self.releases[-1]


class Estate(msgspec.Struct):
    """All of it; `nodes` and `containers` are named as a `Fleet`'s, so that stories can be told of it."""

    nodes: list[Node]
    workloads: list[Workload]
    containers: list[Container] = msgspec.field(default_factory=list)


def content(reference: str, build: str, habits: Habits, name: str) -> Image:
    """An image whose digests follow from its repository and its build: one name may stand for many."""
    repository, tag = reference.rsplit(":", 1)

    def digest(what: str) -> str:
        return "sha256:" + hashlib.sha256(f"{what} {repository} {build}".encode()).hexdigest()

    profile = Profile(name, 1, habits.first, ())
    return Image(
        reference, repository, tag, digest("index"), digest("manifest"), digest("config"), digest("chain"), profile
    )


def release(rng: random.Random, workload: Workload, services: tuple[int, ...], *, may_be_new: bool = True) -> Release:
    """The next release: new content, under a new tag or (one in four) under the old one."""
    count = len(workload.releases)
    if not count:
        made = make_habits(rng, workload.name, services, is_public=not workload.is_trusted)
        tag = f"{1 + int(rng.random() * 5)}.{int(rng.random() * 20)}.0"
        return Release(content(f"{workload.repository}:{tag}", "0", made, workload.name), made)
    made, novelty, drawn = workload.current.habits, None, rng.random()
    for what, share in NOVELTY if may_be_new else ():
        if drawn < share:
            novelty = what
            break
        drawn -= share
    if novelty == "external":
        made = made.with_act(api(rng), 0.03)
    elif novelty == "internal":
        made = made.with_act(inside(rng, services), 0.03)
    elif novelty == "program":
        made = made.with_act(program(rng, "/opt/new/bin") if workload.is_trusted else shell(rng), 0.03)
    tag = workload.current.image.tag
    if rng.random() < 0.75:
        major, minor, _ = tag.split(".")
        tag = f"{major}.{int(minor) + 1}.0"
    return Release(content(f"{workload.repository}:{tag}", str(count), made, workload.name), made, novelty)


def _workload(rng: random.Random, number: int, total: int, hosts: list[Node], names: set[str]) -> Workload:
    place = number / total
    is_trusted = rng.random() >= 0.2
    kind: WorkloadKind = "Deployment"
    if place >= 0.93:
        kind = "ComposeService"
    elif place >= 0.80:
        kind, is_trusted = "CronJob", number % 4 != 0
    elif place >= 0.72:
        kind = "StatefulSet"
    elif number < max(1, total // 100):
        kind, is_trusted = "DaemonSet", True
    team = pick(rng, _TEAMS)
    name = ""
    while not name or name in names:
        name = f"{pick(rng, _THINGS)}-{pick(rng, _ROLES)}" + (
            "" if rng.random() < 0.4 else f"-{int(rng.random() * 90)}"
        )
    names.add(name)
    host = None
    if kind == "ComposeService":
        host = hosts[number // 3 % len(hosts)]
        team = f"stack{number // 3 % len(hosts)}"
        is_trusted = number % 2 == 0
    repository = f"registry.corp.example/{team}/{name}" if is_trusted else pick(rng, _PUBLIC)
    return Workload(
        number, team, kind, name, is_trusted,
        replicas=1 if kind in ("ComposeService", "CronJob") else 1 + int(rng.random() * rng.random() * 6),
        busyness=0.3 + 1.4 * rng.random() ** 2,
        is_office=rng.random() < 0.4,
        days_between=10 ** rng.random(),
        repository=repository,
        uid=uuid(rng),
        host=host,
        every_hours=(1, 24, 4, 24, 168)[number % 5] if kind == "CronJob" else 0,
        at_hour=int(rng.random() * 24),
    )  # fmt: skip


def make_estate(rng: random.Random, *, nodes: int, workloads: int) -> Estate:
    """Nodes (one in ten runs Docker, the others are Kubernetes's) and workloads, each with its first release."""
    docker = max(2, nodes // 10)
    made = [
        make_node(rng, f"node-{number:02d}", "docker" if number >= nodes - docker else "kubernetes", "default", number)
        for number in range(nodes)
    ]
    estate = Estate(made, [])
    names: set[str] = set()
    for number in range(workloads):
        estate.workloads.append(_workload(rng, number, workloads, made[-docker:], names))
    for workload in estate.workloads:
        workload.releases.append(release(rng, workload, services_for(rng, estate)))
    return estate


def services_for(rng: random.Random, estate: Estate) -> tuple[int, ...]:
    """Numbers of some workloads that serve: what a workload may call."""
    serving = [one.number for one in estate.workloads if one.kind in ("Deployment", "StatefulSet")]
    return tuple(pick(rng, serving) for _ in range(4))


def new_container(
    rng: random.Random, estate: Estate, workload: Workload, image: Image, created_ns: int, *, node: Node | None = None,
    ordinal: int = 0, started_ns: int = 0, group: str = "",
) -> Container:  # fmt: skip
    """A container of a workload, its pod around it; `group`: the hash or number of what owns the pod."""
    if node is None:
        node = workload.host or pick(rng, [one for one in estate.nodes if one.kind == "kubernetes"])
    container = Container(
        id=hex_id(rng), node=node, image=image, name=workload.name, pid=2000 + int(rng.random() * 4_000_000),
        address=f"172.{17 + int(rng.random() * 4)}.{int(rng.random() * 250)}.{2 + int(rng.random() * 250)}",
        created_ns=created_ns, started_ns=started_ns or created_ns + int((0.3 + rng.random()) * SECOND),
    )  # fmt: skip
    if workload.kind == "ComposeService":
        container.name = f"{workload.namespace}-{workload.name}-{ordinal + 1}"
        container.labels = compose_labels(workload.namespace, workload.name, ordinal + 1)
        return container
    container.namespace, container.workload, container.workload_kind = workload.namespace, workload.name, workload.kind
    tail = suffix(rng, 5)
    if workload.kind in ("Deployment", "CronJob"):
        container.pod = f"{workload.name}-{group or suffix(rng, 9)}-{tail}"
    else:
        container.pod = f"{workload.name}-{ordinal}" if workload.kind == "StatefulSet" else f"{workload.name}-{tail}"
    container.pod_uid = uuid(rng)
    container.owner_uid = uuid(random.Random(f"{workload.uid}/{group}"))  # noqa: S311 - reproducible noise
    container.service_account = workload.name
    container.sandbox_id = hex_id(rng)
    container.identity = 1000 + workload.number
    container.address = pod_address(rng)
    return container


def pod_address(rng: random.Random) -> str:
    """An address out of the cluster's range for pods."""
    return f"10.{64 + int(rng.random() * 60)}.{int(rng.random() * 250)}.{2 + int(rng.random() * 250)}"


def compose_labels(project: str, service: str, number: int) -> tuple[tuple[str, str], ...]:
    """What Docker Compose writes on its containers."""
    return (
        ("com.docker.compose.container-number", str(number)),
        ("com.docker.compose.oneoff", "False"),
        ("com.docker.compose.project", project),
        ("com.docker.compose.service", service),
        ("com.docker.compose.version", "2.29.7"),
    )
