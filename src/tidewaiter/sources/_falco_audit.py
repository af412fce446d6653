"""Turns Falco's alerts about requests to the Kubernetes API server into the sessions that they opened in pods.

Source: https://github.com/falcosecurity/plugins/tree/main/plugins/k8saudit (fields `ka.*`), and the plugins for
EKS, GKE and AKS, which use the same fields.
"""

from typing import Any

import msgspec

from tidewaiter.event import ContainerExec, Event, Pod, User, Where
from tidewaiter.sources._falco_record import Alert, Fields, alert_time_ns, int_or_none, text_or_none
from tidewaiter.sources._fields import decode_json, ip_or_none

_FIELDS = {
    "audit_id": "ka.auditid",
    "code": "ka.response.code",
    "source_ips": "ka.sourceips",
    "name": "ka.target.name",
    "namespace": "ka.target.namespace",
    "resource": "ka.target.resource",
    "subresource": "ka.target.subresource",
    "command": "ka.uri.param[command]",
    "container": "ka.uri.param[container]",
    "groups": "ka.user.groups",
    "user": "ka.user.name",
    "user_agent": "ka.useragent",
}


class _AuditFields(msgspec.Struct, gc=False, rename=_FIELDS):
    """`output_fields` of an alert about a request to the Kubernetes API server."""

    audit_id: Any = None
    code: Any = None
    source_ips: Any = None
    name: Any = None
    namespace: Any = None
    resource: Any = None
    subresource: Any = None
    command: Any = None
    container: Any = None
    groups: Any = None
    user: Any = None
    user_agent: Any = None


class _AuditAlert(msgspec.Struct, gc=False):
    """The same alert again, for its other fields."""

    output_fields: _AuditFields


_DECODER = msgspec.json.Decoder(_AuditAlert)


def sessions(alert: Alert, fields: Fields, record: bytes, where: Where) -> tuple[Event, ...]:
    """An exec into, or an attach to, a pod that was not turned down. `hostname` is where Falco runs, not the pod.

    Raises RecordError as `decode` does.
    """
    told = decode_json(_DECODER, record).output_fields
    code = int_or_none(told.code)
    if told.resource != "pods" or told.subresource not in ("exec", "attach") or (code is not None and code >= 400):
        return ()
    command = text_or_none(told.command)
    attached = ContainerExec(
        time_ns=alert_time_ns(alert, fields),
        cluster=where.cluster,
        node=where.node,
        where=where,
        native_id=text_or_none(told.audit_id) or text_or_none(alert.uuid),
        pod=Pod(
            namespace=text_or_none(told.namespace),
            name=text_or_none(told.name),
            container_name=text_or_none(told.container),
        ),
        command=() if command is None else (command,),
        user=User(
            name=text_or_none(told.user),
            groups=_texts(told.groups),
            source_ip=next((ip for ip in map(ip_or_none, _texts(told.source_ips)) if ip is not None), None),
            user_agent=text_or_none(told.user_agent),
        ),
    )
    return (attached,)


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts, also where it was printed as one text."""
    if type(value) is str:
        return tuple(value.strip("()[]").replace(",", " ").split())
    return tuple(text for text in value if type(text) is str) if type(value) is list else ()
