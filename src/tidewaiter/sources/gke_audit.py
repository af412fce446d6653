"""Turns Kubernetes audit entries in Google Cloud Logging form (GKE) into who asked for which pods and sessions.

Format: https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging and
https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog.
`methodName` is `io.k8s.<group>.<version>.<resource>[.<subresource>].<verb>`, `resourceName`
`<group>/<version>/namespaces/<namespace>/<resource>/<name>[/<subresource>]`; the core group is written `core`.
What each request says is in `_kubernetes_requests.py`; one entry stands for the whole request, so no stage is told.
`operation.id` is the auditID and becomes `native_id`. The entry has one time, `timestamp`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, User, Where
from tidewaiter.sources import Source
from tidewaiter.sources._fields import decode_json
from tidewaiter.sources._kubernetes_requests import Request, is_kubelet, is_relevant, request_events

_METHOD = "io.k8s."
_FIRST_FAILURE = 400


class _Authentication(msgspec.Struct, gc=False, rename="camel"):
    principal_email: str | None = None


class _Caller(msgspec.Struct, gc=False, rename="camel"):
    caller_ip: str | None = None
    caller_ip_upper: str | None = msgspec.field(name="callerIP", default=None)
    """So written by some exporters."""
    caller_supplied_user_agent: str | None = None


class _RpcStatus(msgspec.Struct, gc=False):
    code: int | None = None
    """google.rpc.Code; 0 or absent: it succeeded."""


class _Payload(msgspec.Struct, gc=False, rename="camel"):
    method_name: str
    resource_name: str | None = None
    authentication_info: _Authentication | None = None
    request_metadata: _Caller | None = None
    status: _RpcStatus | None = None
    response_status: _RpcStatus | None = None
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class _Operation(msgspec.Struct, gc=False):
    id: str | None = None


class _Labels(msgspec.Struct, gc=False):
    cluster_name: str | None = None


class _Resource(msgspec.Struct, gc=False):
    labels: _Labels | None = None


class _Answer(msgspec.Struct, gc=False):
    """The answer where it is a Status object instead of what was asked for."""

    kind: Any = None
    code: Any = None


class _Entry(msgspec.Struct, gc=False, rename="camel"):
    proto_payload: _Payload
    insert_id: str | None = None
    operation: _Operation | None = None
    resource: _Resource | None = None
    timestamp: str | None = None


_ENTRY: msgspec.json.Decoder[_Entry] = msgspec.json.Decoder(_Entry)
_ANSWER: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_Answer)


def decode(record: bytes, where: Where) -> list[Event]:
    """One log entry. Entries of other Google services say nothing here. Raises RecordError for what is no entry."""
    entry = decode_json(_ENTRY, record)
    payload = entry.proto_payload
    group, resource, subresource, verb = _split_method(payload.method_name)
    if not is_relevant(verb, group, resource, subresource) or _has_failed(payload):
        return []
    namespace, name = _split_resource(payload.resource_name or "")
    caller = payload.request_metadata or _Caller()
    principal = (payload.authentication_info or _Authentication()).principal_email or None
    labels = (entry.resource or _Resource()).labels or _Labels()
    return request_events(
        Request(
            verb=verb,
            resource=resource,
            subresource=subresource,
            namespace=namespace,
            name=name,
            user=User(
                name=principal,
                source_ip=caller.caller_ip or caller.caller_ip_upper,
                user_agent=caller.caller_supplied_user_agent,
            ),
            is_from_kubelet=is_kubelet(principal),
            request=payload.request,
            response=payload.response,
            asked=entry.timestamp,
            cluster=labels.cluster_name or where.cluster,
            where=where,
            native_id=(entry.operation or _Operation()).id or entry.insert_id,
        )
    )


def _split_method(method: str) -> tuple[str, str, str, str]:
    """(group, resource, subresource, verb); empty texts for a method that is not Kubernetes'.

    Groups may hold dots, so the version (`v1`, `v1beta1`) is what divides.
    """
    parts = method.removeprefix(_METHOD).split(".") if method.startswith(_METHOD) else []
    for place, part in enumerate(parts):
        if place > 0 and part[:1] == "v" and part[1:2].isdecimal():
            rest = parts[place + 1 :]
            group = ".".join(parts[:place])
            if len(rest) == 2:
                return "" if group == "core" else group, rest[0], "", rest[1]
            if len(rest) == 3:
                return "" if group == "core" else group, rest[0], rest[1], rest[2]
    return "", "", "", ""


def _split_resource(text: str) -> tuple[str | None, str | None]:
    """(namespace, name) of `core/v1/namespaces/NS/pods/NAME[/exec]` or `core/v1/nodes/NAME`; None where not told."""
    parts = text.split("/")
    if "namespaces" in parts[2:3]:
        return (parts[3] if len(parts) > 3 else None) or None, (parts[5] if len(parts) > 5 else None) or None
    return None, (parts[3] if len(parts) > 3 else None) or None


def _has_failed(payload: _Payload) -> bool:
    if payload.status is not None and payload.status.code:
        return True
    if payload.response_status is not None and (payload.response_status.code or 0) >= _FIRST_FAILURE:
        return True
    if bytes(memoryview(payload.response)[:1]) != b"{":
        return False
    answer = decode_json(_ANSWER, bytes(payload.response))
    return answer.kind == "Status" and isinstance(answer.code, int) and answer.code >= _FIRST_FAILURE


def recognise(record: Mapping[str, Any]) -> bool:
    """A log entry whose payload is a Kubernetes audit entry."""
    payload = record.get("protoPayload")
    if not isinstance(payload, Mapping):
        return False
    method = payload.get("methodName")
    return isinstance(method, str) and method.startswith(_METHOD)


SOURCE = Source(
    title="GKE audit in Cloud Logging",
    log_sources=("kubernetes:audit", "kubernetes:apiserver"),
    cannot_see=(
        "Requests that GKE's fixed audit policy leaves out, groups of a user, dry runs, and the command of an exec "
        "(its address is not logged); a request body is told for few kinds of request."
    ),
    decode=decode,
    recognise=recognise,
    rank=30,
)
