"""Turns admission reviews (what an admission webhook is sent) into who asked for which pods and workloads.

Format: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ (`admission.k8s.io`,
v1 and v1beta1).

Rules
- A review has no time of its own. A created object has one (`metadata.creationTimestamp`, whole seconds), so only
  CREATE of pods and workloads is told; an exec, an update or a debug container cannot be placed in time and gives
  nothing: take the audit log for those.
- A review asks; another webhook may still refuse. Where the record holds a `response` that refuses, or the request
  is a dry run, it gives nothing.
- `native_id` is the review's own uid: one for each webhook that is asked about the same request.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, User, Where
from tidewaiter.sources import Source
from tidewaiter.sources._fields import decode_json
from tidewaiter.sources._kubernetes import ObjectMeta
from tidewaiter.sources._kubernetes_requests import Request, is_relevant, request_events


class _Kind(msgspec.Struct, gc=False):
    group: str | None = None
    resource: str | None = None


class _User(msgspec.Struct, gc=False):
    username: str | None = None
    groups: list[str] | None = None


class _Request(msgspec.Struct, gc=False, rename="camel"):
    operation: str
    resource: _Kind
    uid: str | None = None
    sub_resource: str | None = None
    name: str | None = None
    namespace: str | None = None
    user_info: _User | None = None
    object: msgspec.Raw = msgspec.Raw()
    dry_run: bool | None = None


class _Response(msgspec.Struct, gc=False):
    allowed: bool | None = None


class _Review(msgspec.Struct, gc=False):
    request: _Request
    response: _Response | None = None


class _Dated(msgspec.Struct, gc=False):
    metadata: ObjectMeta | None = None


_REVIEW: msgspec.json.Decoder[_Review] = msgspec.json.Decoder(_Review)
_DATED: msgspec.json.Decoder[_Dated] = msgspec.json.Decoder(_Dated)


def decode(record: bytes, where: Where) -> list[Event]:
    """One AdmissionReview. Raises RecordError for what is none."""
    review = decode_json(_REVIEW, record)
    request, resource = review.request, review.request.resource
    is_refused = review.response is not None and review.response.allowed is False
    if (
        request.operation != "CREATE"
        or request.dry_run
        or is_refused
        or request.sub_resource
        or not is_relevant("create", resource.group, resource.resource, None)
    ):
        return []
    metadata = decode_json(_DATED, bytes(request.object)).metadata or ObjectMeta()
    if metadata.creation_timestamp is None:
        return []
    user = request.user_info or _User()
    return request_events(
        Request(
            verb="create",
            resource=resource.resource or "",
            namespace=request.namespace or None,
            name=request.name or None,
            user=User(name=user.username or None, groups=tuple(user.groups or ())),
            request=request.object,
            asked=metadata.creation_timestamp,
            cluster=where.cluster,
            where=where,
            native_id=request.uid,
        )
    )


def recognise(record: Mapping[str, Any]) -> bool:
    """An AdmissionReview that holds a request."""
    version = record.get("apiVersion")
    return (
        record.get("kind") == "AdmissionReview"
        and isinstance(version, str)
        and version.startswith("admission.k8s.io/")
        and isinstance(record.get("request"), Mapping)
    )


SOURCE = Source(
    title="Kubernetes admission reviews",
    log_sources=("kubernetes:admission",),
    cannot_see=(
        "Whether the request was granted in the end, the client's address, and when anything but a creation was "
        "asked: a review carries no time, so sessions and debug containers are left to the audit log."
    ),
    decode=decode,
    prefixes=(b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/',),
    recognise=recognise,
    rank=30,
)
