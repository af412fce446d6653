"""Turns Hubble flows (`hubble observe -o json`, the exporter's log, bare flows) into flows of the pod that sent them.

Rules
- A flow is one packet or message as Cilium saw it, from `source` to `destination`. It says something about the pod at
  its source; about the pod at its destination it says nothing here. Only pods of the node that saw the flow have an
  endpoint `ID`: where the flow was seen coming in and its source has none, the source's node is not known.
- `is_reply` may be absent: then it is not known. TCP flags tell more: SYN alone begins, SYN with ACK answers.
- A flow whose two ends have no pod name, and whose source is not known to be something else than a pod, is told by its
  source address.

Sources: cilium `api/v1/flow/flow.proto`, `api/v1/observer/observer.proto`
(https://docs.cilium.io/en/stable/_api/v1/flow/README/).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, NetworkFlow, Pod, Where
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._fields import decode_json, ip_or_none, parse_time_ns

_POD_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}\Z")
"""Kubernetes object names are DNS subdomains (RFC 1123); anything else is no pod."""
_SERVICE_ACCOUNT = "k8s:io.cilium.k8s.policy.serviceaccount="
_NO_PODS = frozenset(
    f"reserved:{name}"
    for name in ("host", "world", "world-ipv4", "world-ipv6", "remote-node", "kube-apiserver", "health", "ingress")
)
"""Identities of things that are no pods. `unmanaged`, `init` and `unknown` may be pods Cilium does not know yet."""
_REFUSED = frozenset({"DROPPED", "ERROR", 2, 3})
_INGRESS = frozenset({"INGRESS", 1})
"""Enumerations come by name; by number from exporters set so."""
_LARGEST_PORT = 65535
_ICMP_REPLIES = frozenset({("icmp", 0), ("icmpv6", 129)})

_NOTHING = msgspec.Raw(b"")

Port = int | None


class _Workload(msgspec.Struct, gc=False):
    name: str | None = None
    kind: str | None = None


class _Endpoint(msgspec.Struct, gc=False):
    id: int | None = msgspec.field(default=None, name="ID")
    cluster_name: str | None = None
    namespace: str | None = None
    labels: list[str] | None = None
    pod_name: str | None = None
    workloads: list[_Workload] | None = None


class _Addresses(msgspec.Struct, gc=False):
    source: str | None = None
    destination: str | None = None


class _Flags(msgspec.Struct, gc=False):
    syn: bool | None = msgspec.field(default=None, name="SYN")
    ack: bool | None = msgspec.field(default=None, name="ACK")


class _Ports(msgspec.Struct, gc=False):
    destination_port: Port = None
    flags: _Flags | None = None


class _Icmp(msgspec.Struct, gc=False):
    type: int | None = None


class _Layer4(msgspec.Struct, gc=False):
    tcp: _Ports | None = msgspec.field(default=None, name="TCP")
    udp: _Ports | None = msgspec.field(default=None, name="UDP")
    sctp: _Ports | None = msgspec.field(default=None, name="SCTP")
    icmp: _Icmp | None = msgspec.field(default=None, name="ICMPv4")
    icmpv6: _Icmp | None = msgspec.field(default=None, name="ICMPv6")


class _Layer7(msgspec.Struct, gc=False):
    dns: msgspec.Raw = _NOTHING


class _Flow(msgspec.Struct, gc=False):
    time: str | None = None
    uuid: str | None = None
    verdict: str | int | None = None
    ip: _Addresses | None = msgspec.field(default=None, name="IP")
    l4: _Layer4 | None = None
    source: _Endpoint | None = None
    destination: _Endpoint | None = None
    node_name: str | None = None
    destination_names: list[str] | None = None
    traffic_direction: str | int | None = None
    """Direction of the connection, not of the packet, seen from the endpoint on the node that saw it."""
    l7: _Layer7 | None = None
    reply: bool | None = None
    """Deprecated, and never written when false."""
    is_reply: bool | None = None
    sock_xlate_point: str | int | None = None
    """Set on flows of type SOCK: which way the socket's address was translated (service to backend, or back)."""


class _Record(_Flow, gc=False):
    """`{"flow":{..},"node_name":..,"time":..}`, or the fields of the flow at the top."""

    flow: _Flow | None = None
    lost_events: msgspec.Raw = _NOTHING
    node_status: msgspec.Raw = _NOTHING
    agent_event: msgspec.Raw = _NOTHING
    debug_event: msgspec.Raw = _NOTHING


_DECODER = msgspec.json.Decoder(_Record)
_OTHERS = ("lost_events", "node_status", "agent_event", "debug_event")


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object is a flow, wrapped or bare, or one of the other things that Hubble writes between them."""
    wrapped = record.get("flow")
    flow = wrapped if isinstance(wrapped, Mapping) else record
    ends = [flow[name] for name in ("source", "destination") if name in flow]
    if ends and all(isinstance(end, Mapping) for end in ends) and ("IP" in flow or "l4" in flow):
        return flow is wrapped or "verdict" in flow
    return "node_name" in record and any(isinstance(record.get(name), Mapping) for name in _OTHERS)


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """One line of Hubble's JSON. Raises RecordError where it is no flow, or one without a time or a destination."""
    outer = decode_json(_DECODER, record)
    flow = outer.flow
    if flow is None:
        if any(map(bytes, (outer.lost_events, outer.node_status, outer.agent_event, outer.debug_event))):
            return iter(())
        if outer.verdict is None and outer.ip is None and outer.l4 is None:
            raise RecordError(f"{record[:120]!r}: neither a flow nor another event of Hubble")
        flow = outer
    time = flow.time or outer.time
    if time is None:
        raise RecordError(f"{record[:120]!r}: a flow without a time")
    time_ns = parse_time_ns(time)
    source = flow.source
    if (flow.l7 is not None and bytes(flow.l7.dns) not in (b"", b"null")) or _is_translated_back(flow):
        return iter(())
    pod = _pod(source) if source is not None else None
    if pod is None and not _may_be_pod(source, flow.destination):
        return iter(())
    addresses = flow.ip or _Addresses()
    dst_ip = ip_or_none(addresses.destination)
    dst_name = flow.destination_names[0] if flow.destination_names else None
    if dst_ip is None and dst_name is None:
        raise RecordError(f"{record[:120]!r}: a flow without a destination")
    src_ip = ip_or_none(addresses.source)
    if pod is None and src_ip is None:
        return iter(())
    protocol, dst_port, is_reply, is_start = _transport(flow.l4)
    if flow.is_reply is not None or flow.reply:
        is_reply = bool(flow.is_reply or flow.reply)
    cluster, node = _place(flow, flow.node_name or outer.node_name, where)
    return iter(
        (
            NetworkFlow(
                time_ns=time_ns,
                cluster=cluster,
                node=node,
                where=where,
                native_id=flow.uuid or None,
                pod=pod,
                dst_ip=dst_ip,
                dst_port=dst_port,
                dst_name=dst_name,
                src_ip=src_ip,
                protocol=protocol,
                is_initiator_proven=not is_reply and (is_start or flow.is_reply is False or _is_socket_call(flow)),
                is_reply=is_reply,
                is_refused=flow.verdict in _REFUSED,
            ),
        )
    )


def _pod(end: _Endpoint) -> Pod | None:
    if not end.pod_name or _POD_NAME.match(end.pod_name) is None:
        return None
    workload = end.workloads[0] if end.workloads else _Workload()
    account = None
    for label in end.labels or ():
        if label.startswith(_SERVICE_ACCOUNT):
            account = label[len(_SERVICE_ACCOUNT) :] or None
    return Pod(
        namespace=end.namespace or None,
        name=end.pod_name,
        service_account=account,
        workload_kind=workload.kind or None,
        workload=workload.name or None,
    )


def _may_be_pod(source: _Endpoint | None, destination: _Endpoint | None) -> bool:
    """Whether a source without a name may be a pod. Not where the other end has a name.

    Such a flow stays inside the cluster, and the quick path reads the one name it has as the flow's.
    """
    if destination is not None and destination.pod_name:
        return False
    return source is None or _NO_PODS.isdisjoint(source.labels or ())


def _transport(l4: _Layer4 | None) -> tuple[str | None, int | None, bool, bool]:
    """(protocol, destination port, whether it answers, whether it begins), as far as the packet itself shows it."""
    if l4 is None:
        return None, None, False, False
    for protocol, ports in (("tcp", l4.tcp), ("udp", l4.udp), ("sctp", l4.sctp)):
        if ports is not None:
            port = ports.destination_port
            flags = ports.flags or _Flags()
            return (
                protocol,
                port if port is not None and 0 < port <= _LARGEST_PORT else None,
                bool(flags.syn and flags.ack),
                bool(flags.syn and not flags.ack),
            )
    for protocol, icmp in (("icmp", l4.icmp), ("icmpv6", l4.icmpv6)):
        if icmp is not None:
            return protocol, None, (protocol, icmp.type or 0) in _ICMP_REPLIES, False
    return None, None, False, False


def _is_socket_call(flow: _Flow) -> bool:
    """Whether the flow is a socket's own call towards its destination (connect, sendmsg)."""
    return isinstance(flow.sock_xlate_point, str) and flow.sock_xlate_point.endswith("_FWD")


def _is_translated_back(flow: _Flow) -> bool:
    return isinstance(flow.sock_xlate_point, str) and flow.sock_xlate_point.endswith("_REV")


def _place(flow: _Flow, name: str | None, where: Where) -> tuple[str, str | None]:
    """(cluster, node) of the flow's source. Hubble's `cluster/node` is split.

    The record's cluster counts only where the user named none (`--cluster`); the source's own goes before the node's,
    since meshed clusters see each other's pods.
    """
    source = flow.source or _Endpoint()
    cluster, slash, node = (name or "").partition("/")
    if not slash:
        cluster, node = "", cluster
    told = source.cluster_name or cluster
    is_elsewhere = flow.traffic_direction in _INGRESS and not source.id
    return told if told and where.cluster == "default" else where.cluster, None if is_elsewhere else node or where.node


SOURCE = Source(
    title="Cilium Hubble flows",
    log_sources=("NSM:Flow", "cni:netflow", "container:cni"),
    cannot_see=(
        "The container and the process: a flow belongs to a whole pod; nor pods in the host's network, loopback, and "
        "a pod whose name Cilium did not know yet when it talks to another pod."
    ),
    decode=decode,
    prefixes=(b'{"flow":{"time":"',),
    recognise=recognise,
    skim=Skim(prefixes=(b'{"flow":{"time":"',), keys=(b'"pod_name":',), guards=(b'"pod_name"',), pods=True),
)
