"""Turns the kernel's connection tracking into records of the connections that containers opened: without BPF.

Rules
- A new entry is a connection that began, seen from whoever opened it, before its addresses were translated.
- Only addresses are known: the engine finds the container by the address that the runtime told.
- Of a connection that the firewall dropped there is no entry, and none of what does not pass the host's stack.

Sources: linux `include/uapi/linux/netfilter/nfnetlink_conntrack.h`, `nf_conntrack_tcp.h`, `nfnetlink.h`;
Documentation/networking/nf_conntrack-sysctl.rst.
"""

import ipaddress
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.container_networks import ContainerNetworks
from tidewaiter.edge.netlink import Netlink, messages
from tidewaiter.sources._sensor_record import FlowRecord

_NETLINK_NETFILTER = 12
_GROUP_NEW = 1
_NEW = 1 << 8
"""Subsystem ctnetlink, message IPCTNL_MSG_CT_NEW."""
_NFGENMSG_BYTES = 4
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF
_PORT = struct.Struct("!H")
_TUPLE_ORIGINAL, _PROTOCOL_INFO = 1, 4
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_V4_SRC, _V4_DST, _V6_SRC, _V6_DST = 1, 2, 3, 4
_NUMBER, _DST_PORT = 1, 3
_TCP_INFO, _TCP_STATE = 1, 1
_SYN_SENT = 1
_PROTOCOLS = {6: "tcp", 17: "udp"}

_EVENTS = "/proc/sys/net/netfilter/nf_conntrack_events"
_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
_LOOK_SECONDS = 10.0
_ENCODER = msgspec.json.Encoder()
_SEEN = (
    "connections of containers are seen through connection tracking in the host's network namespace: by address, TCP "
    "and UDP, without the process. Not seen: connections that the firewall drops, those of containers in the host's "
    "network, and those inside one container or one bridge"
)


_MEND = (
    "Docker's own rules begin it; else: modprobe nf_conntrack_netlink; iptables -I FORWARD -m conntrack --ctstate NEW"
)
_IDLE = f"connections are not seen yet: no firewall rule here asks the kernel to track any. {_MEND}"


class Flow(msgspec.Struct, frozen=True, gc=False):
    """What one new entry says."""

    protocol: str
    src_ip: str
    dst_ip: str
    dst_port: int | None
    is_begun: bool = True
    """False for a TCP connection that was there before the kernel began to track it."""


class Conntrack:
    """A collector. Made for one run."""

    name = "conntrack"

    def __init__(self) -> None:
        self._networks = ContainerNetworks()
        self._is_tracking = False
        self._told: str | None = None
        self._next_look = 0.0

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        try:
            with Netlink(_NETLINK_NETFILTER, _GROUP_NEW) as socket:
                for datagram in socket.follow(desk):
                    is_first = datagram is not None and not self._is_tracking
                    self._is_tracking = self._is_tracking or is_first
                    if is_first or time.monotonic() >= self._next_look:
                        self._look(desk)
                    if datagram is not None:
                        self.take(datagram, desk)
        except OSError as error:
            why = (
                f"connections are not seen: the kernel's connection tracking cannot be listened to ({error.strerror}). "
                "Run as root, or with CAP_NET_ADMIN, in the host's network namespace, with nf_conntrack_netlink loaded"
            )
            desk.tell(Condition(self.name, "off", why, ("connections",)))

    def take(self, datagram: bytes, desk: Desk) -> None:
        """Take in one datagram of the kernel, as it came."""
        for flow in flows(datagram):
            if flow.is_begun and self._networks.holds(flow.src_ip):
                record = FlowRecord(
                    time_ns=time.time_ns(),
                    sensor="conntrack",
                    container=None,
                    protocol=flow.protocol,
                    dst_ip=flow.dst_ip,
                    dst_port=flow.dst_port,
                    src_ip=flow.src_ip,
                )
                desk.observe(Observation("sensor", "conntrack", _ENCODER.encode(record)))

    def _look(self, desk: Desk) -> None:
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._networks.refresh()
        self._is_tracking = self._is_tracking or _setting(_COUNT) not in (None, "0")
        why = probe() or (None if self._is_tracking else _IDLE)
        if self._told == (why or _SEEN):
            return
        self._told = why or _SEEN
        if why is None:
            desk.tell(Condition(self.name, "ready", _SEEN))
        else:
            desk.tell(Condition(self.name, "waiting", why, ("connections",)))


def probe() -> str | None:
    """None where connections are tracked and told here, else one sentence: what is missing and how to mend it."""
    told = _setting(_EVENTS)
    if _setting(_COUNT) is None:
        return f"connections are not seen: there is no connection tracking here (no {_COUNT}). {_MEND}"
    if told is None:
        return (
            "connections are not seen: this kernel tells no events of connection tracking (CONFIG_NF_CONNTRACK_EVENTS)"
        )
    if told == "0":
        return (
            "connections are not seen: events of connection tracking are off. Switch them on: "
            "sysctl -w net.netfilter.nf_conntrack_events=1"
        )
    return None


def flows(datagram: bytes) -> Iterator[Flow]:
    """The new TCP and UDP connections in a datagram. What is cut or of another form gives none."""
    for kind, _, body in messages(datagram):
        if kind == _NEW:
            with suppress(struct.error, ValueError, IndexError):
                flow = _flow(dict(_attributes(body[_NFGENMSG_BYTES:])))
                if flow is not None:
                    yield flow


def _flow(entry: dict[int, bytes]) -> Flow | None:
    original = dict(_attributes(entry.get(_TUPLE_ORIGINAL, b"")))
    ends = dict(_attributes(original.get(_TUPLE_IP, b"")))
    kind = dict(_attributes(original.get(_TUPLE_PROTOCOL, b"")))
    src, dst = ends.get(_V4_SRC) or ends.get(_V6_SRC), ends.get(_V4_DST) or ends.get(_V6_DST)
    protocol = _PROTOCOLS.get(kind.get(_NUMBER, b"\0")[0])
    if src is None or dst is None or protocol is None:
        return None
    port = _PORT.unpack(kind[_DST_PORT])[0] if _DST_PORT in kind else None
    info = dict(_attributes(dict(_attributes(entry.get(_PROTOCOL_INFO, b""))).get(_TCP_INFO, b"")))
    state = info.get(_TCP_STATE)
    is_begun = protocol != "tcp" or state is None or state[0] == _SYN_SENT
    return Flow(protocol, str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), port, is_begun)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size or at + length > len(body):
            return
        yield kind & _TYPE_MASK, body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _setting(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return None
