"""Turns Kubernetes API server audit events (`audit.k8s.io`) into who asked for which pods, workloads and sessions.

Format: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/; v1beta1 has the same shape, v1alpha1 is
read as far as it has. What each request says is in `_kubernetes_requests.py`.

Rules
- A request is logged at several stages under one `auditID`, which becomes `native_id`. ResponseStarted and
  ResponseComplete give the same events with the same time, so that counting once by `native_id` is enough (an exec
  has both). RequestReceived and Panic give none: the first does not tell whether the request was allowed, and the
  second means that it was not answered. A record without a stage (cut by a shipper) is taken as answered.
- A request that was refused or failed (status code 400 and above) gives nothing.
- What somebody asked for has the time at which the request came (`requestReceivedTimestamp`), which is before the
  pull; a pod status has the time of the answer (`stageTimestamp`).
- The user is the acting one: `impersonatedUser` where somebody impersonates. The address is the first of `sourceIPs`,
  the one nearest to the client; all but the last come from headers that a client can set.
- The node is what the pod's spec says, or the kubelet that wrote the status, never the host that wrote the log.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, User, Where
from tidewaiter.sources import Skim, Source
from tidewaiter.sources._fields import decode_json
from tidewaiter.sources._kubernetes_requests import TELLING_WORDS, Request, is_kubelet, is_relevant, request_events

_UNANSWERED = frozenset({"RequestReceived", "Panic"})
_FIRST_FAILURE = 400


class _Reference(msgspec.Struct, gc=False, rename="camel"):
    resource: str | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None
    api_group: str | None = None


class _ResponseStatus(msgspec.Struct, gc=False):
    code: int | None = None
    status: str | None = None


class _Head(msgspec.Struct, gc=False, rename="camel"):
    """What decides whether the rest is read: nearly all records are reads, watches and leases."""

    verb: str
    stage: str | None = None
    object_ref: _Reference | None = None


class _User(msgspec.Struct, gc=False):
    username: str | None = None
    groups: list[str] | None = None


class _Audit(msgspec.Struct, gc=False, rename="camel"):
    verb: str
    object_ref: _Reference
    audit_id: str | None = msgspec.field(name="auditID", default=None)
    request_uri: str | None = msgspec.field(name="requestURI", default=None)
    user: _User | None = None
    impersonated_user: _User | None = None
    source_ips: list[str] | None = msgspec.field(name="sourceIPs", default=None)
    user_agent: str | None = None
    response_status: _ResponseStatus | None = None
    request_object: msgspec.Raw = msgspec.Raw()
    response_object: msgspec.Raw = msgspec.Raw()
    request_received_timestamp: str | None = None
    stage_timestamp: str | None = None
    timestamp: str | None = None
    """v1alpha1 and the first v1beta1 have only this."""


_HEAD: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)
_AUDIT: msgspec.json.Decoder[_Audit] = msgspec.json.Decoder(_Audit)


def decode(record: bytes, where: Where) -> list[Event]:
    """One audit event of any stage and level. Raises RecordError for what is no audit event."""
    head = decode_json(_HEAD, record)
    target = head.object_ref
    if (
        target is None
        or head.stage in _UNANSWERED
        or not is_relevant(head.verb, target.api_group, target.resource, target.subresource)
    ):
        return []
    audit = decode_json(_AUDIT, record)
    outcome = audit.response_status or _ResponseStatus()
    if (outcome.code is not None and outcome.code >= _FIRST_FAILURE) or outcome.status == "Failure":
        return []
    actor = audit.impersonated_user or audit.user or _User()
    groups = tuple(actor.groups or ())
    return request_events(
        Request(
            verb=audit.verb,
            resource=target.resource or "",
            subresource=target.subresource or "",
            namespace=target.namespace or None,
            name=target.name or None,
            user=User(
                name=actor.username or None,
                groups=groups,
                source_ip=next(iter(audit.source_ips or ()), None),
                user_agent=audit.user_agent,
            ),
            is_from_kubelet=audit.impersonated_user is None and is_kubelet(actor.username, groups),
            code=outcome.code,
            uri=audit.request_uri or "",
            request=audit.request_object,
            response=audit.response_object,
            asked=audit.request_received_timestamp or audit.timestamp,
            done=audit.stage_timestamp or audit.timestamp,
            cluster=where.cluster,
            where=where,
            native_id=audit.audit_id,
        )
    )


def recognise(record: Mapping[str, Any]) -> bool:
    """An audit event by its kind, or (in a batch, where elements may leave the kind out) by its own members."""
    version = record.get("apiVersion")
    if isinstance(version, str) and version.startswith("audit.k8s.io/"):
        return record.get("kind") in (None, "Event")
    return (
        isinstance(record.get("auditID"), str)
        and isinstance(record.get("verb"), str)
        and isinstance(record.get("stage"), str)
        and (isinstance(record.get("requestURI"), str) or isinstance(record.get("objectRef"), Mapping))
    )


SOURCE = Source(
    title="Kubernetes audit",
    log_sources=("kubernetes:audit", "kubernetes:apiserver"),
    cannot_see=(
        "What the audit policy leaves out: at level Metadata no image, no uid and no generated pod name is told. "
        "Static pods, a kubelet asked directly, and what a session typed after it began are never told."
    ),
    decode=decode,
    prefixes=(b'{"kind":"Event","apiVersion":"audit.k8s.io/',),
    recognise=recognise,
    rank=30,
    # Most of an audit log is leases, lists and watches.
    skim=Skim(prefixes=(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1"',), words=TELLING_WORDS),
)
