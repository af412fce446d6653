"""Proves, with real sockets in network namespaces of their own, what the kernel sensor tells of connections."""

from collections.abc import Iterator

import pytest
from cages import Cage, bpf_needed, cage, eventually, listening, program
from desks import SensorDesk

from tidewaiter.edge.bpf_sensor import BpfSensor
from tidewaiter.sources._sensor_record import FlowRecord

pytestmark = pytest.mark.e2e

_PRELUDE = """
import errno, os, selectors, socket, struct, threading
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM

def listener(family, address):
    made = socket.socket(family)
    made.bind((address, 0))
    made.listen()
    return made

def attempt(made, to):
    try:
        made.connect(to)
    except OSError:
        pass
"""
_LAST = """
attempt(socket.socket(), ("198.51.100.1", 65001))  # without a route: told last, when nobody waits any more
"""


@pytest.fixture(scope="module")
def heard() -> Iterator[SensorDesk]:
    """One sensor for all tests."""
    bpf_needed()
    with listening(BpfSensor()) as listener:
        yield listener


def flows(heard: SensorDesk, caged: Cage, code: str) -> list[FlowRecord]:
    """What is told of a Python program in a new network namespace that has nothing but loopback."""
    run(caged, code + _LAST)
    eventually(lambda: any(told.dst_port == 65001 for told in heard.flows(caged.id)), "the last connection is told")
    return [told for told in heard.flows(caged.id) if told.dst_port != 65001]


def run(caged: Cage, code: str) -> None:
    """Run a Python program in a new network namespace that has nothing but loopback."""
    program("ip")
    python = program("python3")
    caged.run("/bin/sh", "-ec", f"ip link set lo up; exec {python} -c '{_PRELUDE}{code}'", unshare="--net")


def shown(told: list[FlowRecord]) -> list[tuple[str, str, int | None, bool]]:
    """What matters of flows."""
    return [(flow.protocol, flow.dst_ip, flow.dst_port, flow.is_refused) for flow in told]


def test_connections_are_told_with_their_outcome(heard: SensorDesk) -> None:
    """Accepted, refused, without a route: TCP over both versions of IP, and one mapped into the other."""
    with cage() as caged:
        told = flows(
            heard,
            caged,
            """
four, six = listener(AF_INET, "127.0.0.1"), listener(AF_INET6, "::1")
for family, address, port in (
    (AF_INET, "127.0.0.1", four.getsockname()[1]),
    (AF_INET6, "::ffff:127.0.0.1", four.getsockname()[1]),
    (AF_INET6, "::1", six.getsockname()[1]),
    (AF_INET, "127.0.0.2", 9),
    (AF_INET6, "::1", 9),
    (AF_INET, "203.0.113.7", 443),
    (AF_INET6, "2001:db8::7", 443),
):
    attempt(socket.socket(family), (address, port))
""",
        )
    ports = [flow.dst_port for flow in told]
    assert sorted(shown(told)) == sorted(
        [
            ("tcp", "127.0.0.1", ports[0], False),
            ("tcp", "127.0.0.1", ports[1], False),
            ("tcp", "::1", ports[2], False),
            ("tcp", "127.0.0.2", 9, True),
            ("tcp", "::1", 9, True),
            ("tcp", "203.0.113.7", 443, True),
            ("tcp", "2001:db8::7", 443, True),
        ]
    )
    assert {flow.src_ip for flow in told if not flow.is_refused} == {"127.0.0.1", "::1"}
    assert {flow.direction for flow in told} == {"egress"}
    assert all(flow.exe is not None and "python" in flow.exe and flow.pid for flow in told)


def test_connections_that_nobody_waits_for_are_told(heard: SensorDesk) -> None:
    """Non-blocking ones, and those whose first data goes with the SYN (TCP Fast Open)."""
    with cage() as caged:
        told = flows(
            heard,
            caged,
            """
four = listener(AF_INET, "127.0.0.1")
for port in (four.getsockname()[1], 9):
    made = socket.socket()
    made.setblocking(False)
    assert made.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS, errno.ECONNREFUSED)
    selectors_of = selectors.DefaultSelector()
    selectors_of.register(made, selectors.EVENT_WRITE)
    selectors_of.select(5)
fast = socket.socket()
fast.sendto(b"data", 0x20000000, four.getsockname())
later = socket.socket()
later.setsockopt(socket.IPPROTO_TCP, 30, 1)
later.connect(four.getsockname())
later.send(b"data")
""",
        )
    assert [flow.is_refused for flow in told].count(True) == 1
    assert {(flow.dst_ip, flow.dst_port) for flow in told if flow.is_refused} == {("127.0.0.1", 9)}
    assert len(told) == 4


def test_datagrams_are_told_once_for_each_socket_and_address(heard: SensorDesk) -> None:
    """With an address and on a connected socket, over both versions of IP; a thousand of them are one."""
    with cage() as caged:
        told = flows(
            heard,
            caged,
            """
for family, address, port in (
    (AF_INET, "127.0.0.1", 1001), (AF_INET6, "::1", 1002), (AF_INET6, "::ffff:127.0.0.1", 1003)
):
    made = socket.socket(family, SOCK_DGRAM)
    for _ in range(1000):
        made.sendto(b"x", (address, port))
    made = socket.socket(family, SOCK_DGRAM)
    made.connect((address, port + 10))
    for _ in range(1000):
        try:
            made.send(b"x")
        except OSError:
            pass  # what the one before was answered
made = socket.socket(AF_INET, SOCK_DGRAM)
made.connect(("127.0.0.1", 65535))
for port in (1021, 1022):
    made.sendto(b"x", ("127.0.0.1", port))
""",
        )
    assert sorted(shown(told)) == sorted(
        ("udp", address, port, False)
        for address, port in (
            ("127.0.0.1", 1001),
            ("127.0.0.1", 1011),
            ("::1", 1002),
            ("::1", 1012),
            ("127.0.0.1", 1003),
            ("127.0.0.1", 1013),
            ("127.0.0.1", 1021),
            ("127.0.0.1", 1022),
        )
    )


def test_a_datagram_socket_that_sends_nothing_is_nothing(heard: SensorDesk) -> None:
    """The C library connects such sockets to sort the addresses of a name."""
    with cage() as caged:
        assert flows(heard, caged, 'socket.socket(AF_INET, SOCK_DGRAM).connect(("127.0.0.1", 65535))') == []


def test_no_address_is_the_own_machine(heard: SensorDesk) -> None:
    """connect() to 0.0.0.0 reaches loopback."""
    with cage() as caged:
        told = flows(
            heard, caged, 'attempt(socket.socket(), ("0.0.0.0", 9)); attempt(socket.socket(AF_INET6), ("::", 9))'
        )
    assert sorted(shown(told)) == [("tcp", "127.0.0.1", 9, True), ("tcp", "::1", 9, True)]


def test_five_hundred_connections_are_all_told(heard: SensorDesk) -> None:
    """TCP and UDP, both versions of IP."""
    lost = heard.lost["sensor"]
    with cage() as caged:
        told = flows(
            heard,
            caged,
            """
four, six = listener(AF_INET, "127.0.0.1"), listener(AF_INET6, "::1")
for number in range(125):
    for family, made in ((AF_INET, four), (AF_INET6, six)):
        socket.create_connection(made.getsockname()[:2]).close()
        made.accept()[0].close()
        socket.socket(family, SOCK_DGRAM).sendto(b"x", (made.getsockname()[0], 2000 + number))
""",
        )
    assert len(told) == 500
    assert heard.lost["sensor"] == lost
    assert not any(flow.is_refused for flow in told)
    assert len({(flow.dst_ip, flow.dst_port) for flow in told if flow.protocol == "udp"}) == 250


def test_addresses_have_the_names_that_dns_gave(heard: SensorDesk) -> None:
    """Over UDP and over TCP, from a server inside the network namespace."""
    code = """
def message(query, name, address):
    question = b"".join(bytes([len(part)]) + part for part in name.split(b".")) + bytes([0, 0, 1, 0, 1])
    answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + answer

made = socket.socket(AF_INET, SOCK_DGRAM)
made.bind(("127.0.0.1", 53))
client = socket.socket(AF_INET, SOCK_DGRAM)
client.connect(("127.0.0.1", 53))
client.send(b"ab")
query, back = made.recvfrom(512)
made.sendto(message(query, b"pool.example.com", "203.0.113.7"), back)
client.recv(512)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 53))
server.listen()
client = socket.create_connection(("127.0.0.1", 53))
answer = message(b"cd", b"tcp.example.com", "203.0.113.8")
server.accept()[0].sendall(struct.pack("!H", len(answer)) + answer)
client.recv(512)
for address in ("203.0.113.7", "203.0.113.8", "203.0.113.9"):
    attempt(socket.socket(), (address, 443))
"""
    with cage() as caged:
        told = flows(heard, caged, code.replace("'", '"'))
    names = {flow.dst_ip: flow.dst_name for flow in told if flow.dst_port == 443}
    assert names == {"203.0.113.7": "pool.example.com", "203.0.113.8": "tcp.example.com", "203.0.113.9": None}


def test_a_flood_is_cut_off_and_counted(heard: SensorDesk) -> None:
    """One container cannot fill the ring and so hide the others."""
    before = heard.lost["sensor"]
    with cage() as caged:
        run(
            caged,
            """
made = socket.socket(AF_INET, SOCK_DGRAM)
for number in range(60000):
    made.sendto(b"x", ("127.%d.%d.1" % (number >> 8, number & 255), 1234))
""",
        )
        heard.wait(lambda: len(heard.flows(caged.id)) + heard.lost["sensor"] - before >= 60000)
        assert len(heard.flows(caged.id)) < 60000
