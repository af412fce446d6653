"""Turns the body of a request to the API server into what it asked to change, as far as that can be told.

Bodies are whole objects (create, apply, PUT), merge patches (parts of an object) or JSON patches (RFC 6902, lists).
A body that was not kept (audit level Metadata, or truncated) is empty or null.
"""

from urllib.parse import parse_qsl

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import decode_json
from tidewaiter.sources._kubernetes import ContainerSpec, PodObject, PodSpec, WorkloadObject


class Operation(msgspec.Struct, gc=False):
    """One step of a JSON patch."""

    op: str | None = None
    path: str | None = None


_POD: msgspec.json.Decoder[PodObject] = msgspec.json.Decoder(PodObject)
_WORKLOAD: msgspec.json.Decoder[WorkloadObject] = msgspec.json.Decoder(WorkloadObject)
_OPERATIONS: msgspec.json.Decoder[list[Operation]] = msgspec.json.Decoder(list[Operation])


def query_of(uri: str) -> list[tuple[str, str]]:
    """The decoded parameters of a request's address, in order; bytes that are no UTF-8 become U+FFFD."""
    return parse_qsl(uri.partition("?")[2], keep_blank_values=True, errors="replace")


def is_dry_run(uri: str) -> bool:
    """Whether the request asked that nothing be stored."""
    return "dryRun" in uri and any(key == "dryRun" and value for key, value in query_of(uri))


def is_object(body: msgspec.Raw) -> bool:
    """Whether the body was kept and is an object (not a JSON patch, not null)."""
    return _opening(body) == b"{"


def _opening(body: msgspec.Raw) -> bytes:
    return bytes(memoryview(body)[:1])


def sent_pod(request: msgspec.Raw) -> PodObject:
    """The pod, or the part of one, that was sent; an empty one where the body was not kept."""
    return decode_json(_POD, bytes(request)) if is_object(request) else PodObject()


def answered_pod(request: msgspec.Raw, response: msgspec.Raw) -> PodObject:
    """The pod as it stands after the request; where the answer is none (a table, a Status), what was sent."""
    answered = PodObject()
    if is_object(response):
        try:
            answered = decode_json(_POD, bytes(response))
        except RecordError:
            answered = PodObject()
    if answered.spec is None and answered.status is None and answered.ephemeral_containers is None:
        return sent_pod(request)
    return answered


def answered_workload(request: msgspec.Raw, response: msgspec.Raw) -> WorkloadObject:
    """The workload as it stands after the request; where the answer is none, what was sent."""
    answered = WorkloadObject()
    if is_object(response):
        try:
            answered = decode_json(_WORKLOAD, bytes(response))
        except RecordError:
            answered = WorkloadObject()
    if answered.spec is None and is_object(request):
        sent = decode_json(_WORKLOAD, bytes(request))
        return WorkloadObject(answered.metadata or sent.metadata, sent.spec)
    return answered


def debug_containers(obj: PodObject) -> list[ContainerSpec]:
    """The ephemeral containers: of the pod's spec, or of an EphemeralContainers object (before Kubernetes 1.23)."""
    in_spec = obj.spec.ephemeral_containers if obj.spec else None
    return in_spec or obj.ephemeral_containers or []


def names_with_image(containers: list[ContainerSpec]) -> frozenset[str]:
    """Names of the containers for which an image is given."""
    return frozenset(container.name for container in containers if container.name and container.image)


def images_set(patch: msgspec.Raw) -> frozenset[str] | None:
    """Names of the containers whose image a patch of a pod sets; None where it sets some but names none."""
    if _opening(patch) == b"[":
        return None if any(_sets_image(path) for path in _paths(patch)) else frozenset()
    spec = sent_pod(patch).spec or PodSpec()
    return names_with_image([*(spec.containers or ()), *(spec.init_containers or ())])


def _sets_image(path: str) -> bool:
    """Whether a JSON pointer is the whole, `/spec`, a list of containers, one container, or the image of one."""
    _, *parts = path.split("/")
    if parts in ([], ["spec"]):
        return True
    return parts[:1] == ["spec"] and parts[1:2] in (["containers"], ["initContainers"]) and parts[3:] in ([], ["image"])


def may_change_template(patch: msgspec.Raw) -> bool:
    """Whether a patch of a workload sets its pod template. Where the patch was not kept it may have."""
    match _opening(patch):
        case b"[":
            return any(
                path in ("", "/spec") or path.startswith(("/spec/template", "/spec/jobTemplate"))
                for path in _paths(patch)
            )
        case b"{":
            spec = decode_json(_WORKLOAD, bytes(patch)).spec
            return spec is not None and (spec.template is not None or spec.job_template is not None)
        case _:
            return True


def _paths(patch: msgspec.Raw) -> list[str]:
    return [step.path or "" for step in decode_json(_OPERATIONS, bytes(patch)) if step.op != "test"]
