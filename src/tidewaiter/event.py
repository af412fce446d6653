"""Defines the events: the only things that go into the engine, made by sources out of telemetry records.

Rules
- An event says only what its record said. A field that the record does not have is None: unknown, never a guess.
- Times are nanoseconds since the Unix epoch, UTC. `time_ns = None` is allowed only where the class says so (a
  snapshot that carries no time).
- Text comes unescaped and unmasked, as the producer wrote it; the engine masks secrets before it keeps them.
- A digest field holds a checked digest (`digest.py`) or None, and its name says which digest it is.
"""

from typing import Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image_contents import ImageContents


class Where(msgspec.Struct, frozen=True):
    """Where a record stood: the evidence pointer, and the names to use where the record itself gives none."""

    source: str
    """Name of the source (the module in `sources/`) that decoded the record."""
    stream: str
    """The file as the user named it, or `-` for standard input."""
    offset: int
    """Number of the line in the stream, from 1; in a document that is a list, of the element."""
    cluster: str = "default"
    """Cluster for records that name none (`--cluster`)."""
    node: str | None = None
    """Node for records that name none (`--node`, or a syslog prefix); None: nobody said."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What every event carries."""

    time_ns: int | None
    cluster: str
    node: str | None
    """The node the producer named, as written; None where neither the record nor the user named one."""
    where: Where
    native_id: str | None = None
    """The producer's own id of the record (auditID, exec_id, uuid ...), where it has one."""


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """The Kubernetes coordinates of a container, as told by the API server, the CRI, or a sensor that asked them.

    Never filled from container labels alone: an image's author can set labels (DESIGN: Docker labels count only when
    the container's *name* has the kubelet's form and agrees).
    """

    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    container_name: str | None = None
    """Name of the container in the pod's spec."""
    service_account: str | None = None
    workload_kind: str | None = None
    """Kind of the owner, e.g. `Deployment`, where the producer resolved it; a ReplicaSet may be given as it is.
    `ComposeService` for a container of Docker Compose, which is in no pod."""
    workload: str | None = None
    role: Literal["init", "ephemeral"] | None = None
    """What the container is in its pod, where a record without the pod's spec tells it; None: an ordinary one, or not
    told."""


class ImageClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says about the image of one container."""

    reference: str | None = None
    """The name as typed or shown (`nginx:latest`, `repo@sha256:..`, `sha256:..`, an alias)."""
    config_digest: Digest | None = None
    """The classic image ID, where the producer is known to mean that (Docker inspect `.Image`, CRI image id)."""
    config_digest_prefix: str | None = None
    """The first hex characters of the config digest, without `sha256:` (Falco `container.image.id`)."""
    repo_digest: Digest | None = None
    """The digest after `@` in `repository@sha256:..`: an index *or* a manifest; the producer does not say which."""
    repository: str | None = None
    """The repository beside `repo_digest` (`imageID` may name another repository than was typed)."""
    manifest_digest: Digest | None = None
    index_digest: Digest | None = None
    chain_id: Digest | None = None
    """Chain ID of the layers the container's root file system stands on (containerd snapshot parent)."""
    from_runtime: bool = False
    """True where the runtime itself (Docker inspect, CRI, kubelet status) said so: a proven relation on that node.
    False for what a sensor copied."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, as the API server or a daemon's log says it."""

    name: str | None = None
    groups: tuple[str, ...] = ()
    source_ip: str | None = None
    user_agent: str | None = None


class ContainerEvent(Event, frozen=True, kw_only=True):
    """What events about one container carry. At most one of `container_id` and `container_id_prefix` is set."""

    container_id: str | None = None
    """The whole id: 64 hex, or the name somebody chose (`ctr run IMAGE c1`). Without a `docker://` scheme."""
    container_id_prefix: str | None = None
    """The first 12 or more hex characters, from producers that cut the id (Falco 12, Tetragon `docker` 15-31)."""
    runtime: str | None = None
    """`docker`, `containerd`, `cri-o`, `podman`; None where the record does not tell."""
    runtime_namespace: str | None = None
    """containerd's namespace (`moby`, `k8s.io`, `default` ...)."""
    pod: Pod | None = None
    image: ImageClaim | None = None


# --------------------------------------------------------------------------------------------- images


class ImagePull(Event, frozen=True, kw_only=True):
    """Somebody asked for an image and got it. A pull that fetched no new bytes is still a pull (Docker)."""

    reference: str
    """What was pulled, as written: `repo:tag`, `repo@sha256:..`."""
    config_digest: Digest | None = None
    repo_digest: Digest | None = None
    """The digest that was asked for or received, index or manifest unknown."""
    index_digest: Digest | None = None
    manifest_digest: Digest | None = None
    client: User | None = None
    """Who pulled: address and user agent, known to the registry only."""
    seen_by: Literal["runtime", "kubelet", "registry", "containerd_name"] = "runtime"
    """`registry`: the registry's own log, which names no node. `containerd_name`: containerd said only that an image
    name was created or updated; a pull, an import and a tag look alike there."""
    pod: Pod | None = None
    """The pod for which the kubelet pulled, where told."""


class ImagePullFailed(Event, frozen=True, kw_only=True):
    """A pull was tried and failed; it opens no chain, but it is counted and shown."""

    reference: str
    reason: str | None = None
    pod: Pod | None = None
    client: User | None = None


class ImageName(Event, frozen=True, kw_only=True):
    """A name began or ceased to stand for content on this node. `time_ns` None: seen in a snapshot."""

    action: Literal["tag", "untag", "load", "import", "commit", "build", "save", "remove", "seen"]
    """`seen`: a listing (docker images, crictl images, RepoTags) showed the name; the rest are the daemon's events."""
    reference: str | None = None
    config_digest: Digest | None = None
    repo_digest: Digest | None = None
    """Target of the name where it is an index or a manifest (containerd)."""
    parent_container_id: str | None = None
    """For `commit`: the container that was made into an image."""


class ImageFacts(Event, frozen=True, kw_only=True):
    """Relations between digests of one image, and what its config declares. Content facts: `time_ns` may be None."""

    index_digest: Digest | None = None
    manifest_digest: Digest | None = None
    config_digest: Digest | None = None
    chain_id: Digest | None = None
    diff_ids: tuple[Digest, ...] = ()
    repo_digests: tuple[Digest, ...] = ()
    """Digests under which a runtime knows `config_digest` (RepoDigests): each an index or a manifest."""
    references: tuple[str, ...] = ()
    """Names shown beside the image (RepoTags and the repositories of RepoDigests as `repo@sha256:..`)."""
    platform: str | None = None
    entrypoint: tuple[str, ...] | None = None
    """None: not known. Empty: known to be empty. The same for `cmd` and `healthcheck`."""
    cmd: tuple[str, ...] | None = None
    healthcheck: tuple[str, ...] | None = None
    """As in the image config: `("CMD", ...)`, `("CMD-SHELL", "...")`, `("NONE",)`."""
    contents: ImageContents | None = None
    """What the layers hold that can run, where all of them were read."""
    proof: Literal["archive", "registry", "daemon", "runtime", "claimed"] = "claimed"
    """`runtime`: inspect output, proven for that node's runtime. `claimed`: found inside telemetry."""


# --------------------------------------------------------------------------------------------- Kubernetes objects


class PodContainer(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a pod's spec."""

    name: str
    image: str | None = None
    kind: Literal["container", "init", "ephemeral"] = "container"
    image_pull_policy: str | None = None
    privileged: bool = False
    host_root_mount: bool = False
    """Mounts the host's `/` (a hostPath volume with path `/`)."""
    probes: tuple[tuple[str, ...], ...] = ()
    """argv of exec probes and lifecycle hooks."""


class WorkloadCreate(Event, frozen=True, kw_only=True):
    """Somebody created (or changed the pod template of) a Deployment, Job, DaemonSet ... through the API server."""

    kind: str
    namespace: str | None
    name: str | None
    uid: str | None = None
    owner_kind: str | None = None
    owner_name: str | None = None
    owner_uid: str | None = None
    user: User | None = None
    containers: tuple[PodContainer, ...] = ()


class PodCreate(Event, frozen=True, kw_only=True):
    """A pod (or an ephemeral container in it) was asked for at the API server: *before* any pull."""

    pod: Pod
    owner_kind: str | None = None
    owner_name: str | None = None
    owner_uid: str | None = None
    generate_name: str | None = None
    """What the API server made the name from, of a pod that has no owner."""
    user: User | None = None
    containers: tuple[PodContainer, ...] = ()
    host_pid: bool = False
    host_network: bool = False
    assigned_node: str | None = None
    """`spec.nodeName` or the target of a binding."""


class PodStatus(Event, frozen=True, kw_only=True):
    """Where a pod runs and under which addresses. `time_ns` None: an untimed snapshot."""

    pod: Pod
    assigned_node: str | None = None
    ips: tuple[str, ...] = ()
    host_ips: tuple[str, ...] = ()
    host_network: bool = False


# --------------------------------------------------------------------------------------------- containers


class ContainerFacts(ContainerEvent, frozen=True, kw_only=True):
    """A runtime or the API server described a container (inspect, pod status): relations, not a moment.

    `time_ns` may be None. `created_ns` and `started_ns` are moments *told by* the record; they open the stages
    create and start like the events of those names.
    """

    created_ns: int | None = None
    started_ns: int | None = None
    finished_ns: int | None = None
    name: str | None = None
    """The container's own name (Docker's, without the slash)."""
    pid: int | None = None
    """Host pid of the container's first process."""
    privileged: bool | None = None
    host_root_mount: bool | None = None
    host_pid: bool | None = None
    dns_servers: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    is_sandbox: bool = False
    """The pause container of a pod."""


class ContainerCreate(ContainerEvent, frozen=True, kw_only=True):
    """A container was created by the runtime (in Kubernetes: after the pull)."""

    name: str | None = None
    user: User | None = None
    privileged: bool | None = None
    host_root_mount: bool | None = None
    host_pid: bool | None = None
    is_sandbox: bool = False


class ContainerStart(ContainerEvent, frozen=True, kw_only=True):
    """A container's first process was started. May come many times for one container (docker restart)."""

    name: str | None = None
    pid: int | None = None
    """Host pid of the first process (containerd TaskStart)."""


class ContainerStop(ContainerEvent, frozen=True, kw_only=True):
    """A container's first process ended, or the container was removed."""

    removed: bool = False
    """True where the container itself went away (docker destroy, containerd container delete)."""


class ContainerExec(ContainerEvent, frozen=True, kw_only=True):
    """Somebody attached to a container: docker exec, kubectl exec/attach/debug."""

    command: tuple[str, ...] = ()
    user: User | None = None
    exec_id: str | None = None
    pid: int | None = None
    """Host pid of the new process (containerd TaskExecStarted)."""
    interactive: bool | None = None


# --------------------------------------------------------------------------------------------- behaviour


class ProcessExec(ContainerEvent, frozen=True, kw_only=True):
    """A process image was executed."""

    exe: str | None
    """Path of the binary; a bare name where the producer gives no path (Falco `proc.name`)."""
    args: tuple[str, ...] = ()
    """argv, argv[0] first. Producers that give one string are split on blanks by their source, which says so."""
    cwd: str | None = None
    pid: int | None = None
    """Host pid."""
    parent_pid: int | None = None
    parent_exe: str | None = None
    uid: int | None = None
    is_upper_layer: bool | None = None
    """True: the file was written after the container started (overlay upper layer). None: not known."""


class NetworkFlow(ContainerEvent, frozen=True, kw_only=True):
    """A connection, or the attempt of one."""

    dst_ip: str | None
    dst_port: int | None = None
    dst_name: str | None = None
    """DNS name of the destination where the producer knew it."""
    src_ip: str | None = None
    protocol: str | None = None
    """`tcp`, `udp`, `icmp` ...; lower case."""
    direction: Literal["egress", "ingress", "unknown"] = "egress"
    """Seen from the container (or from `src_ip`, where no container is named)."""
    is_initiator_proven: bool = True
    """False where the record does not tell who opened the connection (VPC flow logs)."""
    is_reply: bool = False
    is_refused: bool = False
    """Dropped by a policy, or refused by the other side: an attempt is a behaviour like any other."""
    exe: str | None = None
    pid: int | None = None


Sight = Literal["images", "containers", "execs", "connections", "names"]
"""What a collector can lose sight of: image pulls and names; creates and starts; processes; flows; DNS names."""


class Blindness(Event, frozen=True, kw_only=True):
    """From this moment on a collector does not see, or sees again, a part of what happens on its node."""

    collector: str
    sight: Sight
    why: str | None
    """For people: why it is not seen; None: it is seen."""


class Tick(Event, frozen=True, kw_only=True):
    """Time went on: closes windows and frees state. Made by the run loop, never by a source."""
