"""Turns the life of a container into containerd's events (gRPC, as JSON) and its CRI plugin's journal lines.

Source: https://github.com/containerd/containerd `docs/ops.md` and `api/events/*.proto`; the journal's lines are logrus
text of `internal/cri/server`. Neither names the node: a collector's envelope does (`collector.py`).
"""

from bench.clock import SECOND, rfc3339
from bench.escape import compact_go
from bench.world import Container, Image

PAUSE = "registry.k8s.io/pause:3.9"
_RUNTIME = {"name": "io.containerd.runc.v2", "options": {"type_url": "containerd.runc.v1.Options", "value": "SAE="}}


def _event(time_ns: int, namespace: str, topic: str, event: dict[str, object]) -> bytes:
    return b'{"timestamp":"%b","namespace":"%b","topic":"%b","event":%b}' % (
        rfc3339(time_ns), namespace.encode(), topic.encode(), compact_go(event),
    )  # fmt: skip


def namespace_of(container: Container) -> str:
    """containerd's namespace: `k8s.io` under the kubelet, else `default`."""
    return "k8s.io" if container.pod else "default"


def pull_events(image: Image, time_ns: int, namespace: str) -> list[bytes]:
    """What one pull makes containerd say: the layers' snapshot, then a name for tag, config and digest."""
    labels = {"io.cri-containerd.image": "managed"} if namespace == "k8s.io" else {}
    names = [f"{image.repository}:{image.tag}"]
    if namespace == "k8s.io":
        names += [image.config_digest, f"{image.repository}@{image.index_digest}"]
    key = f"extract-{time_ns % 1_000_000_000}-xQ2z {image.chain_id}"
    events = [
        _event(time_ns, namespace, "/snapshot/prepare", {"key": key, "snapshotter": "overlayfs"}),
        _event(time_ns + SECOND, namespace, "/snapshot/commit", {"key": key, "name": image.chain_id}),
    ]
    for number, name in enumerate(names):
        body: dict[str, object] = {"name": name, "labels": labels} if labels else {"name": name}
        events.append(_event(time_ns + SECOND + 1_000_000 * (number + 1), namespace, "/images/create", body))
    return events


def create(container: Container, time_ns: int) -> list[bytes]:
    """The container's snapshot on top of the image's chain, then the container."""
    namespace = namespace_of(container)
    reference = f"{container.image.repository}:{container.image.tag}"
    snapshot: dict[str, object] = {"key": container.id, "parent": container.image.chain_id}
    return [
        _event(time_ns - 2_000_000, namespace, "/snapshot/prepare", snapshot),
        _event(time_ns, namespace, "/containers/create", {"id": container.id, "image": reference, "runtime": _RUNTIME}),
    ]


def start(container: Container, time_ns: int) -> bytes:
    """The first process was started."""
    event: dict[str, object] = {"container_id": container.id, "pid": container.pid}
    return _event(time_ns, namespace_of(container), "/tasks/start", event)


def sandbox(container: Container, time_ns: int) -> list[bytes]:
    """The pod's sandbox container was created and started."""
    own = container.sandbox_id
    return [
        _event(time_ns, "k8s.io", "/containers/create", {"id": own, "image": PAUSE, "runtime": _RUNTIME}),
        _event(time_ns + 90_000_000, "k8s.io", "/tasks/start", {"container_id": own, "pid": container.pid - 40}),
    ]


def exec_started(container: Container, time_ns: int, number: int, pid: int) -> bytes:
    """Somebody, most often a probe, ran a command in the container."""
    exec_id = f"{number:064x}"
    event: dict[str, object] = {"container_id": container.id, "exec_id": exec_id, "pid": pid}
    return _event(time_ns, namespace_of(container), "/tasks/exec-started", event)


def exit_event(container: Container, time_ns: int, pid: int, process: str, status: int) -> bytes:
    """A process that the runtime had started ended: the first one where `process` is the container's own id."""
    exited = rfc3339(time_ns - 1_000_000).decode()
    event: dict[str, object] = {
        "container_id": container.id, "id": process, "pid": pid, "exit_status": status, "exited_at": exited,
    }  # fmt: skip
    return _event(time_ns, namespace_of(container), "/tasks/exit", event)


def delete(container: Container, time_ns: int) -> list[bytes]:
    """Task and container were removed."""
    namespace = namespace_of(container)
    gone: dict[str, object] = {
        "container_id": container.id, "pid": container.pid, "exited_at": rfc3339(time_ns - SECOND).decode(),
    }  # fmt: skip
    return [
        _event(time_ns, namespace, "/tasks/delete", gone),
        _event(time_ns + 30_000_000, namespace, "/containers/delete", {"id": container.id}),
    ]


def _journal(time_ns: int, level: str, message: str) -> bytes:
    escaped = message.replace("\\", "\\\\").replace('"', '\\"')
    return f'time="{rfc3339(time_ns).decode()}" level={level} msg="{escaped}"'.encode()


def journal_pull(image: Image, time_ns: int) -> list[bytes]:
    """The journal's two lines of a pull; the second gives config digest and repository digest together."""
    reference = f"{image.repository}:{image.tag}"
    return [
        _journal(time_ns, "info", f'PullImage "{reference}"'),
        _journal(
            time_ns + 2 * SECOND,
            "info",
            f'Pulled image "{reference}" with image id "{image.config_digest}", repo tag "{reference}", '
            f'repo digest "{image.repository}@{image.index_digest}", size "48211022" in 1.961s',
        ),
    ]


def journal_pull_failed(reference: str, time_ns: int) -> list[bytes]:
    """The journal's lines of a pull that failed."""
    error = f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": not found'
    return [
        _journal(time_ns, "info", f'PullImage "{reference}"'),
        f'time="{rfc3339(time_ns + SECOND).decode()}" level=error msg="PullImage \\"{reference}\\" failed" '
        f'error="rpc error: code = NotFound desc = {error.replace(chr(34), chr(92) + chr(34))}"'.encode(),
    ]


def journal_sandbox(container: Container, time_ns: int) -> bytes:
    """The journal says which pod a sandbox belongs to."""
    uid, namespace = container.pod_uid, container.namespace
    metadata = f"&PodSandboxMetadata{{Name:{container.pod},Uid:{uid},Namespace:{namespace},Attempt:0,}}"
    return _journal(time_ns, "info", f'RunPodSandbox for {metadata} returns sandbox id "{container.sandbox_id}"')


def journal_create(container: Container, time_ns: int) -> list[bytes]:
    """The journal's lines of a container's creation in a sandbox."""
    where = f'CreateContainer within sandbox "{container.sandbox_id}" for'
    metadata = f"&ContainerMetadata{{Name:{container.name},Attempt:0,}}"
    return [
        _journal(time_ns - 60_000_000, "info", f"{where} container {metadata}"),
        _journal(time_ns, "info", f'{where} {metadata} returns container id "{container.id}"'),
    ]


def journal_start(container: Container, time_ns: int) -> list[bytes]:
    """The journal's lines of a container's start."""
    return [
        _journal(time_ns - 50_000_000, "info", f'StartContainer for "{container.id}"'),
        _journal(time_ns, "info", f'StartContainer for "{container.id}" returns successfully'),
    ]
