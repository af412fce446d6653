"""Proves that each attempt to connect is told once, with its outcome where that comes soon."""

from tidewaiter.edge._bpf_events import FlowTold, OutcomeTold
from tidewaiter.edge._bpf_flows import (
    OPENED,
    OUT_CLOSED,
    OUT_ESTABLISHED,
    OUT_OPENED,
    OUT_SENT,
    SENT,
    TRIED,
    Flows,
)
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.sources._sensor_record import ContainerNamed, FlowRecord

MS = 1_000_000
CONTAINER = ContainerNamed(id="c" * 64)


class Told(Flows):
    """Flows that keep what they hand in."""

    def __init__(self) -> None:
        self.records: list[FlowRecord] = []
        super().__init__(DnsNames(), lambda boot_ns: boot_ns + 1000, self.records.append)

    def attempt(self, stage: int, protocol: int = 6, at: int = 0, socket: int = 1) -> None:
        """An attempt to reach one address."""
        self.begin(FlowTold(at, socket, 10, 20, 443, protocol, stage, "192.0.2.1", None, "/bin/x"), CONTAINER)

    def became(self, outcome: int, at: int = 1, socket: int = 1) -> None:
        """What became of it."""
        self.end(OutcomeTold(at, socket, outcome, "192.0.2.9"))

    def refused(self) -> list[bool]:
        """Of each record that was handed in."""
        return [record.is_refused for record in self.records]


def test_outcomes_are_told() -> None:
    """Established is not refused, closed before is."""
    for outcome, refused in ((OUT_ESTABLISHED, False), (OUT_CLOSED, True)):
        flows = Told()
        flows.attempt(TRIED)
        flows.became(OUT_OPENED)
        assert flows.records == []
        flows.became(outcome)
        flows.became(OUT_CLOSED)
        assert flows.refused() == [refused]
        assert (flows.records[0].src_ip, flows.records[0].time_ns) == ("192.0.2.9", 1000)
        assert len(flows) == 0


def test_nobody_waits_longer_than_a_tenth_of_a_second() -> None:
    """What was never sent is refused; what was sent and not answered is not."""
    flows = Told()
    flows.attempt(TRIED, socket=1)
    flows.attempt(OPENED, socket=2, at=1 * MS)
    flows.wait_until(99 * MS)
    assert flows.records == []
    flows.wait_until(100 * MS)
    assert flows.refused() == [True]
    flows.wait_until(101 * MS)
    assert flows.refused() == [True, False]
    flows.became(OUT_CLOSED, socket=2)
    assert len(flows.records) == 2


def test_a_socket_may_try_again() -> None:
    """The attempt before is told as what failed."""
    flows = Told()
    flows.attempt(TRIED)
    flows.attempt(TRIED, at=5)
    flows.became(OUT_ESTABLISHED)
    assert flows.refused() == [True, False]


def test_datagrams_are_told_when_they_are_sent() -> None:
    """At once where they name an address; of a connected socket the first, at its own time."""
    flows = Told()
    flows.attempt(SENT, protocol=17)
    flows.attempt(TRIED, protocol=17, socket=2)
    flows.wait_until(10**15)
    assert len(flows.records) == 1
    flows.became(OUT_SENT, at=77, socket=2)
    flows.became(OUT_SENT, at=78, socket=2)
    assert [(record.protocol, record.time_ns) for record in flows.records] == [("udp", 1000), ("udp", 1077)]


def test_sockets_that_send_nothing_are_forgotten() -> None:
    """The oldest first, without bound on how many are connected."""
    flows = Told()
    for socket in range(20_000):
        flows.attempt(TRIED, protocol=17, socket=socket)
    for socket in (0, 19_999):
        flows.became(OUT_SENT, socket=socket)
    assert len(flows.records) == 1
