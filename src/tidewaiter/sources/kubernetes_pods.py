"""Turns Pod and workload objects (kubectl get -o json, kubelet /pods, watch streams) into what runs where.

Rules
- A listing tells no moment: PodStatus and ContainerFacts have `time_ns` None. What the object itself dates is taken:
  `metadata.creationTimestamp` for PodCreate and WorkloadCreate, `startedAt` and `finishedAt` for containers.
- The object is as it is now. Images that were set later, and ephemeral containers, stand in the PodCreate of the
  pod's first moment; who asked, only the audit trail tells.
- `native_id` is `uid:resourceVersion`: one object comes again and again in a watch stream, each version once.
- A status is taken for the kubelet's word (`from_runtime`); who wrote it, an object does not tell.
- An object without a creation time (a manifest) gives no PodCreate or WorkloadCreate.
Format: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import decode_json, time_ns_or_none
from tidewaiter.sources._kubernetes import WORKLOAD_GROUPS, Frame, ObjectMeta, PodObject, WorkloadObject
from tidewaiter.sources._kubernetes_specs import describe_pod, pod_containers, pod_create, workload_create
from tidewaiter.sources._kubernetes_status import status_events


class _Kind(msgspec.Struct, gc=False):
    kind: str | None = None


_KIND: msgspec.json.Decoder[_Kind] = msgspec.json.Decoder(_Kind)
_POD: msgspec.json.Decoder[PodObject] = msgspec.json.Decoder(PodObject)
_WORKLOAD: msgspec.json.Decoder[WorkloadObject] = msgspec.json.Decoder(WorkloadObject)


def decode(record: bytes, where: Where) -> list[Event]:
    """One Pod (elements of a PodList have no kind) or workload object. Raises RecordError for anything else."""
    kind = decode_json(_KIND, record).kind
    if kind in (None, "Pod"):
        return _pod(decode_json(_POD, record), where)
    if kind in WORKLOAD_GROUPS:
        return _workload(decode_json(_WORKLOAD, record), kind, where)
    raise RecordError(f"{kind[:120]!r}: not a kind of object that holds pods")


def _pod(obj: PodObject, where: Where) -> list[Event]:
    metadata = obj.metadata or ObjectMeta()
    if metadata.name is None and metadata.uid is None:
        raise RecordError("a pod without a name")
    native_id = _version(metadata)
    created_ns = time_ns_or_none(metadata.creation_timestamp)
    events: list[Event] = []
    if created_ns is not None:
        asked = Frame(created_ns, where.cluster, where, native_id)
        events.append(pod_create(obj, asked, describe_pod(obj, None, None), None, pod_containers(obj.spec)))
    seen = Frame(None, where.cluster, where, native_id)
    events.extend(status_events(obj, seen, namespace=None, name=None, node=None, from_runtime=True))
    return events


def _workload(obj: WorkloadObject, kind: str, where: Where) -> list[Event]:
    metadata = obj.metadata or ObjectMeta()
    created_ns = time_ns_or_none(metadata.creation_timestamp)
    if created_ns is None:
        return []
    return [workload_create(obj, Frame(created_ns, where.cluster, where, _version(metadata)), kind, None, None, None)]


def _version(metadata: ObjectMeta) -> str | None:
    return f"{metadata.uid}:{metadata.resource_version}" if metadata.uid and metadata.resource_version else None


def recognise(record: Mapping[str, Any]) -> bool:
    """A Pod or workload object; without a kind, what has a pod's name, containers and status."""
    kind, metadata, spec = record.get("kind"), record.get("metadata"), record.get("spec")
    if not isinstance(metadata, Mapping) or not isinstance(spec, Mapping):
        return False
    version = record.get("apiVersion", "")
    group = version.rpartition("/")[0] if isinstance(version, str) else None
    if kind == "Pod":
        return group == ""
    if isinstance(kind, str):
        return group in WORKLOAD_GROUPS.get(kind, ())
    return (
        kind is None
        and isinstance(metadata.get("name"), str)
        and isinstance(spec.get("containers"), list)
        and isinstance(record.get("status"), Mapping)
    )


SOURCE = Source(
    title="Kubernetes objects",
    log_sources=("kubernetes:pods",),
    cannot_see=(
        "Who asked, when a status changed, pods that came and went between two listings, and which of a watch "
        "stream's records are deletions; a mirror pod's uid is not the one its containers carry."
    ),
    decode=decode,
    prefixes=(b'{"kind":"Pod","apiVersion":"v1",', b'{"apiVersion":"v1","kind":"Pod",'),
    recognise=recognise,
    rank=40,
)
