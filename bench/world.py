"""Makes the fleet in which the telemetry is set: nodes, trusted images, and the containers that run all the time.

Everything is drawn from one seeded generator in a fixed order, so the same options give the same fleet.
"""

import hashlib
import random
from typing import Literal

import msgspec

from bench.clock import HOUR, MINUTE, SECOND
from bench.programs import PROFILES, Profile, Program

Kind = Literal["kubernetes", "docker", "containerd"]
START = "2026-09-21T08:00:00Z"
_TEAMS = ("checkout", "search", "billing", "identity", "media", "ledger", "routing", "insights", "mail", "platform")
_WORDS = ("cart", "quote", "index", "ingest", "feed", "token", "session", "price", "stock", "order", "report", "label")
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_RUNTIME_LOGS: tuple[Literal["events", "journal", "cri"], ...] = ("events", "journal", "cri")

LATENESS: dict[str, tuple[float, float]] = {
    "tetragon": (0.3, 1.5),
    "falco": (0.4, 2.0),
    "hubble": (1.0, 6.0),
    "laurel": (0.5, 3.0),
    "docker": (0.05, 0.5),
    "containerd": (0.05, 0.5),
    "cri": (1.0, 3.0),
    "journal": (0.2, 2.0),
    "audit": (3.0, 19.0),
    "pods": (1.0, 5.0),
}
"""Seconds between an event and its arrival: each producer of each node has a steady delay drawn from this range."""


class Node(msgspec.Struct, frozen=True, eq=False):
    """One machine."""

    name: str
    kind: Kind
    cluster: str
    address: str
    runtime_log: Literal["events", "journal", "cri"]
    """Through which of its logs the container runtime of a Kubernetes node is seen."""
    has_tetragon: bool
    """Docker machines have Tetragon or LAUREL; all others have Tetragon."""
    has_credentials: bool
    """Whether Tetragon there adds the capabilities of each process (`--enable-process-cred`)."""
    has_blanks: bool
    """Whether the build of Tetragon there prints a blank after each comma (`shapes/tetragon.py`)."""
    delays: dict[str, int]
    """Nanoseconds from event to arrival, by producer."""


class Image(msgspec.Struct, frozen=True, eq=False):
    """One image: its names and the digests that each producer shows of it."""

    reference: str
    """As typed: `registry.corp.example/billing/cart:4.2.0`, or short (`alpine`)."""
    repository: str
    """Full: `docker.io/library/alpine`."""
    tag: str
    index_digest: str
    manifest_digest: str
    config_digest: str
    chain_id: str
    profile: Profile


class Container(msgspec.Struct, eq=False):
    """One container, and its pod where it has one."""

    id: str
    node: Node
    image: Image
    name: str
    address: str
    pid: int
    created_ns: int
    started_ns: int
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    workload: str = ""
    workload_kind: str = ""
    owner_uid: str = ""
    service_account: str = "default"
    sandbox_id: str = ""
    identity: int = 0
    """Cilium's security identity of the pod."""
    generate_name: str = ""
    """Of a bare pod whose name the API server made."""
    labels: tuple[tuple[str, str], ...] = ()
    """Docker's, beside the image's own; Docker Compose writes its project and service there."""


class Fleet(msgspec.Struct):
    """The whole fleet."""

    nodes: list[Node]
    images: list[Image]
    containers: list[Container]
    """The long-running ones; all of trusted images."""
    start_ns: int


def hex_id(rng: random.Random) -> str:
    """A container id: 64 random hex characters."""
    return f"{rng.getrandbits(256):064x}"


def uuid(rng: random.Random) -> str:
    """A random uuid."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def suffix(rng: random.Random, length: int) -> str:
    """Random characters as Kubernetes appends to generated names."""
    return "".join(_SUFFIX[int(rng.random() * len(_SUFFIX))] for _ in range(length))


def make_image(reference: str, repository: str, tag: str, profile: Profile) -> Image:
    """An image whose digests follow from its name."""

    def digest(what: str) -> str:
        return "sha256:" + hashlib.sha256(f"{what} {repository}:{tag}".encode()).hexdigest()

    return Image(
        reference, repository, tag, digest("index"), digest("manifest"), digest("config"), digest("chain"), profile
    )


def trusted_image(rng: random.Random, profile: Profile) -> Image:
    """A new image of the company's registry, or of the Kubernetes project's for its own components."""
    if profile.name == "coredns":
        repository = "registry.k8s.io/coredns/coredns"
        return make_image(f"{repository}:v1.11.1", repository, "v1.11.1", profile)
    team = _TEAMS[int(rng.random() * len(_TEAMS))]
    word = _WORDS[int(rng.random() * len(_WORDS))]
    repository = f"registry.corp.example/{team}/{word}-{profile.name}"
    tag = f"{1 + int(rng.random() * 9)}.{int(rng.random() * 30)}.{int(rng.random() * 10)}"
    return make_image(f"{repository}:{tag}", repository, tag, profile)


def make_node(rng: random.Random, name: str, kind: Kind, cluster: str, number: int) -> Node:
    """One node with its steady delays."""
    delays = {producer: int((low + rng.random() * (high - low)) * SECOND) for producer, (low, high) in LATENESS.items()}
    address = f"10.{10 if cluster == 'default' else 11}.{number // 250}.{number % 250 + 1}"
    runtime_log = _RUNTIME_LOGS[number % 3] if kind == "kubernetes" else "events"
    has_tetragon = kind != "docker" or number % 2 == 0
    return Node(name, kind, cluster, address, runtime_log, has_tetragon, number % 2 == 0, number % 4 == 3, delays)


def make_container(
    rng: random.Random, node: Node, image: Image, *, namespace: str | None, created_ns: int, kind: str = "Deployment"
) -> Container:
    """A container on a node; with a pod around it where a namespace is given."""
    start_ns = created_ns + int((0.3 + rng.random()) * SECOND)
    word = image.repository.rsplit("/", 1)[1]
    container = Container(
        id=hex_id(rng),
        node=node,
        image=image,
        name=f"{word}-{1 + int(rng.random() * 9)}-{suffix(rng, 4)}",
        address=f"172.{17 + int(rng.random() * 4)}.{int(rng.random() * 250)}.{2 + int(rng.random() * 250)}",
        pid=2000 + int(rng.random() * 4_000_000),
        created_ns=created_ns,
        started_ns=start_ns,
    )
    if namespace is not None:
        container.name = word
        container.namespace = namespace
        container.workload = word
        container.workload_kind = kind
        if kind == "Pod":
            container.pod = f"{word}-{suffix(rng, 5)}"
            container.workload = container.pod
        elif kind == "Job":
            container.workload = f"{word}-{29_600_000 + int(rng.random() * 99_999)}"
            container.pod = f"{container.workload}-{suffix(rng, 5)}"
        else:
            container.pod = f"{word}-{suffix(rng, 9)}-{suffix(rng, 5)}"
        container.pod_uid = uuid(rng)
        container.owner_uid = uuid(rng)
        container.service_account = word if rng.random() < 0.5 else "default"
        container.sandbox_id = hex_id(rng)
        container.identity = 1000 + int(rng.random() * 60_000)
        container.address = f"10.{64 + int(rng.random() * 60)}.{int(rng.random() * 250)}.{2 + int(rng.random() * 250)}"
    return container


def make_fleet(rng: random.Random, *, nodes: int, containers: int, start_ns: int) -> Fleet:
    """The fleet: of five nodes three are Kubernetes's, one runs Docker and one bare containerd, in turn."""
    kinds: tuple[Kind, ...] = ("kubernetes", "docker", "kubernetes", "containerd", "kubernetes")
    fleet = Fleet([], [], [], start_ns)
    for number in range(nodes):
        fleet.nodes.append(make_node(rng, f"node-{number:03d}", kinds[number % len(kinds)], "default", number))
    profiles = [profile for profile in PROFILES for _ in range(profile.weight)]
    for number in range(max(8, containers // 20)):
        fleet.images.append(trusted_image(rng, profiles[number % len(profiles)]))
    for number in range(containers):
        node = fleet.nodes[number % nodes]
        image = fleet.images[int(rng.random() * len(fleet.images))]
        namespace = image.repository.split("/")[1] if node.kind == "kubernetes" else None
        # Containers known by events were created in the recorded hours before, all others up to two days ago.
        hours = 1.6 if node.kind == "containerd" or (node.kind == "docker" and number % 2 == 0) else 48
        created_ns = start_ns - 20 * MINUTE - int(rng.random() * hours * HOUR)
        fleet.containers.append(make_container(rng, node, image, namespace=namespace, created_ns=created_ns))
    return fleet


def first_program(container: Container) -> Program:
    """The container's first process, as its image declares it."""
    return container.image.profile.first
