"""Turns attempts to connect, and what became of them, into flow records: each is told once, with its outcome.

Rules
- A TCP attempt waits for its outcome for a tenth of a second at most. Closed before it was established, or never sent
  at all (no route), it is refused; not answered in that time, it is not.
- A datagram socket that was connected is told with its first datagram: programs connect such sockets merely to learn
  which of several addresses would be used.
"""

from collections import OrderedDict
from collections.abc import Callable

from tidewaiter.edge._bpf_events import FlowTold, OutcomeTold
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.sources._sensor_record import ContainerNamed, FlowRecord

TRIED, OPENED, SENT = 1, 2, 3
OUT_OPENED, OUT_ESTABLISHED, OUT_CLOSED, OUT_SENT = 1, 2, 3, 4
_TCP = 6
_PROTOCOLS = {1: "icmp", _TCP: "tcp", 17: "udp", 33: "dccp", 58: "icmpv6", 132: "sctp", 136: "udplite"}
_PATIENCE_NS = 100_000_000
_MOST_CONNECTED = 16384


class _Attempt:
    __slots__ = ("container", "is_opened", "source", "told")

    def __init__(self, told: FlowTold, container: ContainerNamed | None) -> None:
        self.told = told
        self.container = container
        self.source = told.source
        self.is_opened = told.stage == OPENED


class Flows:
    """The attempts whose outcome is not known yet. For one thread."""

    def __init__(self, names: DnsNames, utc_ns: Callable[[int], int], hand_in: Callable[[FlowRecord], None]) -> None:
        self._names = names
        self._utc_ns = utc_ns
        self._hand_in = hand_in
        self._connecting: OrderedDict[int, _Attempt] = OrderedDict()
        """TCP, oldest first."""
        self._connected: OrderedDict[int, _Attempt] = OrderedDict()
        """Sockets for datagrams, that may be used in an hour or never."""

    def __len__(self) -> int:
        """How many will be told by themselves within a tenth of a second."""
        return len(self._connecting)

    def begin(self, told: FlowTold, container: ContainerNamed | None) -> None:
        """Take in an attempt."""
        attempt = _Attempt(told, container)
        if told.stage == SENT:
            self._tell(attempt, told.boot_ns, is_refused=False)
        elif told.protocol == _TCP:
            # A socket that failed may try again.
            before = self._connecting.pop(told.socket, None)
            if before is not None:
                self._tell(before, before.told.boot_ns, is_refused=True)
            self._connecting[told.socket] = attempt
        else:
            self._connected[told.socket] = attempt
            self._connected.move_to_end(told.socket)
            if len(self._connected) > _MOST_CONNECTED:
                self._connected.popitem(last=False)

    def end(self, told: OutcomeTold) -> None:
        """Take in what became of an attempt; of one that is not known (no container's, or told already) nothing."""
        if told.outcome == OUT_SENT:
            sent = self._connected.pop(told.socket, None)
            if sent is not None:
                sent.source = told.source
                self._tell(sent, told.boot_ns, is_refused=False)
            return
        attempt = self._connecting.get(told.socket)
        if attempt is None:
            return
        attempt.source = told.source or attempt.source
        if told.outcome == OUT_OPENED:
            attempt.is_opened = True
            return
        del self._connecting[told.socket]
        self._tell(attempt, attempt.told.boot_ns, is_refused=told.outcome == OUT_CLOSED)

    def wait_until(self, boot_ns: int) -> None:
        """Tell what has waited long enough at a time."""
        while self._connecting:
            socket, attempt = next(iter(self._connecting.items()))
            if attempt.told.boot_ns + _PATIENCE_NS > boot_ns:
                return
            del self._connecting[socket]
            self._tell(attempt, attempt.told.boot_ns, is_refused=not attempt.is_opened)

    def _tell(self, attempt: _Attempt, boot_ns: int, is_refused: bool) -> None:
        told = attempt.told
        time_ns = self._utc_ns(boot_ns)
        self._hand_in(
            FlowRecord(
                time_ns=time_ns,
                sensor="bpf",
                container=attempt.container,
                protocol=_PROTOCOLS.get(told.protocol, str(told.protocol)),
                dst_ip=told.to,
                dst_port=told.port or None,
                dst_name=self._names.name_of(told.netns, told.to, time_ns),
                src_ip=attempt.source,
                is_refused=is_refused,
                exe=told.exe,
                pid=told.pid,
            )
        )
