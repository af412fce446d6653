"""Turns containerd's events (`ctr events` lines, or its gRPC envelopes as JSON) into events.

Shapes: containerd `api/events/*.proto` and `api/types/event.proto`; `ctr events` prints `TIME NAMESPACE TOPIC JSON`.
In JSON the envelope may have lower-case or capitalised keys, and `nerdctl events` writes the event as a JSON text. The
three-column lines of containerd's 2017 pre-releases (`TIME   TOPIC   k=v k=v`) are read too.

Rules
- An image event tells a name, never a digest. A collector may add `resolved`: what the name stood for at that moment.
- `/images/listed` and `/containers/listed` are a collector's own: what was there when it came. They open no stage at
  the time of the record; a container was created when it says so, and a name has stood since it was last updated.
- A name `sha256:<hex>` is the CRI plugin's alias of an image by its config digest.
- `/snapshot/prepare` tells the chain ID a container's file system stands on; the snapshot's key is the container's id.
- Labels tell a pod only in namespace `k8s.io` and beside the CRI plugin's own mark: elsewhere an image's author or a
  user of `ctr` wrote them.
- In namespace `moby` dockerd makes a new containerd container at every start and deletes it at every stop, so create
  and delete there say nothing of the Docker container's own life.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidewaiter.digest import digest_or_none, is_hex
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageClaim,
    Pod,
    Where,
)
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._containerd_envelope import Described, Happening, read_json, read_text
from tidewaiter.sources._containerd_images import facts_beside_container, image_events, image_of_container
from tidewaiter.sources._fields import FULL_ID_LENGTH, time_ns_or_none
from tidewaiter.sources._place import OfContainer, happened, has

_MOBY = "moby"
_KUBERNETES = "k8s.io"
_BUILDKIT = "buildkit"
_INIT_KEY = "-init-key"
_LONGEST_ID = 256
_TEXT = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* [+-]\d{4} \S+ +(?:\S+ )?/[a-z]+/\S+ ")


def _pod(labels: Mapping[str, str] | None) -> tuple[Pod | None, bool]:
    """(pod, is_sandbox) from the labels that the CRI plugin keeps; nothing without its mark."""
    kind = (labels or {}).get("io.cri-containerd.kind")
    if labels is None or kind not in ("container", "sandbox"):
        return None, False
    pod = Pod(
        namespace=labels.get("io.kubernetes.pod.namespace"),
        name=labels.get("io.kubernetes.pod.name"),
        uid=labels.get("io.kubernetes.pod.uid"),
        container_name=labels.get("io.kubernetes.container.name"),
    )
    return pod if pod.name else None, kind == "sandbox"


def _snapshot_owner(namespace: str | None, key: str | None) -> str | None:
    """The container whose file system a snapshot is; None for the layers of an image, a build or a mount.

    dockerd prepares `<id>-init-key` on the image's chain and the container on top of it
    (moby `daemon/containerd/image_snapshot.go`).
    """
    if not key or namespace == _BUILDKIT or key.startswith("extract-") or "/" in key or " " in key:
        return None
    if namespace == _MOBY:
        key = key.removesuffix(_INIT_KEY)
    is_full_id = len(key) == FULL_ID_LENGTH and is_hex(key)
    return key if is_full_id or (namespace not in (_MOBY, _KUBERNETES) and len(key) <= _LONGEST_ID) else None


def _container_events(happening: Happening, where: Where) -> Iterator[Event]:
    topic, payload, namespace = happening.topic, happening.payload(), happening.namespace
    is_moby = namespace == _MOBY
    container = happening.container or Described()
    labels = payload.labels or container.labels
    pod, is_sandbox = _pod(labels) if namespace == _KUBERNETES else (None, False)
    common: OfContainer = {
        **happened(happening.time_ns, where),
        "container_id": None,
        "container_id_prefix": None,
        "runtime": "docker" if is_moby else "containerd",
        "runtime_namespace": namespace,
        "pod": pod,
        "image": image_of_container(payload.image, happening, is_config_store=namespace == _KUBERNETES),
    }
    if topic == "/snapshot/prepare":
        parent, owner = digest_or_none(payload.parent), _snapshot_owner(namespace, payload.key)
        if parent is not None and owner is not None:
            common.update({"container_id": owner, "image": ImageClaim(chain_id=parent)})
            yield ContainerFacts(**common)
        return
    container_id = payload.id if topic.startswith("/containers/") else payload.task
    if not container_id or len(container_id) > _LONGEST_ID:
        raise RecordError(f"{topic}: the event names its container")
    common["container_id"] = container_id
    if topic == "/containers/create" and not is_moby:
        yield ContainerCreate(
            **common,
            privileged=container.privileged,
            host_root_mount=container.host_root_mount,
            host_pid=container.host_pid,
            is_sandbox=is_sandbox,
        )
        yield from facts_beside_container(happening, happened(happening.time_ns, where))
    elif topic == "/containers/listed" or (topic == "/containers/create" and happening.container is not None):
        created_ns = time_ns_or_none(container.created_at)
        common["time_ns"] = created_ns
        yield ContainerFacts(
            **common,
            created_ns=None if is_moby else created_ns,
            finished_ns=time_ns_or_none(container.exited_at),
            pid=container.pid or None,
            privileged=container.privileged,
            host_root_mount=container.host_root_mount,
            host_pid=container.host_pid,
            is_sandbox=is_sandbox,
        )
        yield from facts_beside_container(happening, happened(created_ns, where))
    elif topic == "/containers/update" and pod is not None:
        yield ContainerFacts(**common, is_sandbox=is_sandbox)
    elif topic == "/containers/delete":
        yield ContainerStop(**common, removed=not is_moby)
    elif topic == "/tasks/start":
        yield ContainerStart(**common, pid=payload.pid)
    elif (topic == "/tasks/exit" and payload.id == container_id) or topic == "/runtime/delete":
        yield ContainerStop(**common)
    elif topic == "/tasks/exec-started":
        yield ContainerExec(**common, exec_id=payload.exec_id or payload.exec_id_camel, pid=payload.pid)


_IMAGE_TOPICS = frozenset({"/images/create", "/images/update", "/images/delete", "/images/listed"})
_CONTAINER_TOPICS = frozenset(
    {
        "/containers/create",
        "/containers/update",
        "/containers/delete",
        "/containers/listed",
        "/tasks/start",
        "/tasks/exit",
        "/tasks/exec-started",
        "/snapshot/prepare",
        "/runtime/delete",
    }
)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One event of containerd in any of its shapes; none for topics that tell nothing here. Raises RecordError."""
    happening = read_json(record) if record.lstrip()[:1] == b"{" else read_text(record)
    if happening.topic in _IMAGE_TOPICS:
        return list(image_events(happening, where))
    if happening.topic in _CONTAINER_TOPICS:
        return list(_container_events(happening, where))
    return []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is an envelope: a time, a namespace, a topic that is a path, and an event."""
    if has(value, timestamp=str, namespace=str, topic=str, event=(dict, str)):
        return bool(value["topic"].startswith("/"))
    return has(value, Timestamp=str, Namespace=str, Topic=str, Event=(dict, str)) and value["Topic"].startswith("/")


def recognise_text(line: bytes) -> bool:
    """Whether a line is one of `ctr events`: Go's form of a time, and a topic that is a path."""
    return _TEXT.match(line) is not None


_ENVELOPE = re.compile(rb'\{"timestamp":"[^"\\]{1,40}","namespace":"[^"\\]{0,80}","topic":"/')


def _is_envelope(record: bytes) -> bool:
    return _ENVELOPE.match(record) is not None


SOURCE = Source(
    title="containerd events",
    log_sources=("containerd:events", "containerd:runtime"),
    cannot_see="the digest behind an image name, and whether the name came by pull, import or tag (unless a collector "
    "asked at once), who asked, failed pulls, and what an exec ran",
    decode=decode,
    openings=((b'{"timestamp":"', _is_envelope),),
    recognise=recognise,
    recognise_text=recognise_text,
    # Probes of settled containers.
    skim=Skim(prefixes=(b'{"timestamp":"',), keys=(b'"container_id":',), guards=(b'"container_id"',)),
)
