"""Defines the fields of Falco's alerts that are read, and how their loose values become text, numbers and truths.

Source: https://falco.org/docs/reference/rules/supported-fields/. Falco prints numbers and truths as such, but rules,
plugins and forwarders make text of them, and "<NA>" or null of what is not known.
"""

from typing import Any

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import checked_time_ns, parse_time_ns

_UNKNOWN = frozenset({"", "<NA>"})
_HIGHEST_INT = 2**63
_EARLIEST_NS = 946_684_800 * 10**9  # 2000-01-01: an `evt.time` before it was not in nanoseconds

_FIELDS = {
    "container_full_id": "container.full_id",
    "container_id": "container.id",
    "image_digest": "container.image.digest",
    "image_id": "container.image.id",
    "image_repository": "container.image.repository",
    "image_tag": "container.image.tag",
    "container_mounts": "container.mounts",
    "container_name": "container.name",
    "container_privileged": "container.privileged",
    "container_type": "container.type",
    "evt_flags": "evt.arg.flags",
    "evt_hostname": "evt.hostname",
    "evt_rawres": "evt.rawres",
    "evt_res": "evt.res",
    "evt_time": "evt.time",
    "evt_type": "evt.type",
    "client_ip": "fd.cip",
    "fd_protocol": "fd.l4proto",
    "fd_name": "fd.name",
    "remote_ip": "fd.rip",
    "remote_name": "fd.rip.name",
    "remote_port": "fd.rport",
    "server_ip": "fd.sip",
    "server_name": "fd.sip.name",
    "server_port": "fd.sport",
    "deployment": "k8s.deployment.name",
    "node_name": "k8s.node.name",
    "namespace": "k8s.ns.name",
    "pod_name": "k8s.pod.name",
    "pod_uid": "k8s.pod.uid",
    "ka_name": "ka.target.name",
    "args": "proc.args",
    "cmdline": "proc.cmdline",
    "cwd": "proc.cwd",
    "exe": "proc.exe",
    "exepath": "proc.exepath",
    "is_from_memfd": "proc.is_exe_from_memfd",
    "is_upper_layer": "proc.is_exe_upper_layer",
    "name": "proc.name",
    "pexepath": "proc.pexepath",
    "pid": "proc.pid",
    "pname": "proc.pname",
    "ppid": "proc.ppid",
    "uid": "user.uid",
}


# In the order of Falco's own output (sorted), so that the decoder finds each field at its first look.
class Fields(msgspec.Struct, gc=False, rename=_FIELDS):
    """`output_fields` of an alert about a system call: what the rule's output names, and what `append_output` adds."""

    container_full_id: Any = None
    container_id: Any = None
    image_digest: Any = None
    image_id: Any = None
    image_repository: Any = None
    image_tag: Any = None
    container_mounts: Any = None
    container_name: Any = None
    container_privileged: Any = None
    container_type: Any = None
    evt_flags: Any = None
    evt_hostname: Any = None
    evt_rawres: Any = None
    evt_res: Any = None
    evt_time: Any = None
    evt_type: Any = None
    client_ip: Any = None
    fd_protocol: Any = None
    fd_name: Any = None
    remote_ip: Any = None
    remote_name: Any = None
    remote_port: Any = None
    server_ip: Any = None
    server_name: Any = None
    server_port: Any = None
    deployment: Any = None
    node_name: Any = None
    namespace: Any = None
    pod_name: Any = None
    pod_uid: Any = None
    ka_name: Any = None
    args: Any = None
    cmdline: Any = None
    cwd: Any = None
    exe: Any = None
    exepath: Any = None
    is_from_memfd: Any = None
    is_upper_layer: Any = None
    name: Any = None
    pexepath: Any = None
    pid: Any = None
    pname: Any = None
    ppid: Any = None
    uid: Any = None


class Alert(msgspec.Struct, gc=False):
    """One alert; its `output` is not read."""

    hostname: Any = None
    output_fields: Fields | None = None
    rule: Any = None
    source: Any = None
    time: Any = None
    uuid: Any = None


def alert_time_ns(alert: Alert, fields: Fields) -> int:
    """The moment of the event in nanoseconds: `time`, else a credible `evt.time`. Raises RecordError for neither."""
    if type(alert.time) is str:
        try:
            return parse_time_ns(alert.time)
        except RecordError:
            pass  # falcosidekick has passed on times with an unreadable zone; the event's own may be sound
    time_ns = int_or_none(fields.evt_time)
    if time_ns is None or time_ns < _EARLIEST_NS:
        raise RecordError(f"alert at {str(alert.time)[:120]!r}: neither `time` nor `evt.time` is a credible time")
    return checked_time_ns(time_ns)


def text_or_none(value: Any) -> str | None:
    """The value if it is text that says something."""
    return value if type(value) is str and value not in _UNKNOWN else None


def int_or_none(value: Any) -> int | None:
    """The whole number of 63 bits in `value`, which may be written as text."""
    if type(value) is str and len(value) < 20 and value.removeprefix("-").isdecimal():
        value = int(value)
    return value if type(value) is int and -_HIGHEST_INT < value < _HIGHEST_INT else None


def bool_or_none(value: Any) -> bool | None:
    """The truth in `value`, which may be written as text."""
    if type(value) is str:
        return {"true": True, "false": False}.get(value)
    return value if type(value) is bool else None
