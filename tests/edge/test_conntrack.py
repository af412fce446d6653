"""Connections without BPF: real ones in a network namespace, the kernel's messages byte by byte, and whose they are."""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemons import needed, run
from desks import SensorDesk
from hypothesis import given
from hypothesis import strategies as st
from sensor_places import needs_root, running

from tidewaiter.edge import conntrack
from tidewaiter.edge.collector import Desk
from tidewaiter.edge.conntrack import Conntrack, Flow, flows, probe
from tidewaiter.edge.container_networks import ContainerNetworks

CLONE_NEWNET = 0x40000000


def attribute(kind: int, body: bytes) -> bytes:
    """One netlink attribute, padded."""
    return struct.pack("=HH", len(body) + 4, kind) + body + bytes(-len(body) % 4)


def message(
    src: str = "172.17.0.2",
    dst: str = "203.0.113.7",
    port: int = 443,
    number: int = 6,
    state: int | None = 1,
    kind: int = 0x100,
) -> bytes:
    """What the kernel sends of a connection."""
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    first = 3 if ":" in src else 1
    ends = attribute(first, socket.inet_pton(family, src)) + attribute(first + 1, socket.inet_pton(family, dst))
    ports = attribute(1, bytes([number])) + attribute(2, b"\x9c\x40") + attribute(3, struct.pack("!H", port))
    body = struct.pack("=BBH", family, 0, 0) + attribute(0x8001, attribute(0x8001, ends) + attribute(0x8002, ports))
    if state is not None:
        body += attribute(0x8004, attribute(0x8001, attribute(1, bytes([state]))))
    return struct.pack("=IHHII", 16 + len(body), kind, 0x600, 0, 0) + body


def test_a_new_connection_is_read() -> None:
    """TCP and UDP, both versions of the address; several in a datagram."""
    datagram = message() + message("2001:db8::2", "2001:db8::7", 53, 17, None)
    assert list(flows(datagram)) == [
        Flow("tcp", "172.17.0.2", "203.0.113.7", 443),
        Flow("udp", "2001:db8::2", "2001:db8::7", 53),
    ]


def test_what_began_before_it_was_tracked_is_told_apart() -> None:
    """Who opened it is not known."""
    assert [flow.is_begun for state in (1, 3, 8) for flow in flows(message(state=state))] == [True, False, False]


@pytest.mark.parametrize("datagram", [b"", message(kind=0x101), message(number=1), message()[:60], b"\0" * 40])
def test_what_is_no_new_connection_gives_nothing(datagram: bytes) -> None:
    """Other messages, other protocols, cut ones."""
    assert list(flows(datagram)) == []


@pytest.mark.property
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_no_bytes_break_it(piece: bytes, start: int, end: int) -> None:
    """A message with a piece replaced, or anything at all."""
    whole = message()
    for datagram in (piece, whole[:start] + piece + whole[end:]):
        for flow in flows(datagram):
            assert flow.protocol in ("tcp", "udp")


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
cali1\t0500F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
flannel.1\t0001F40A\t0001F40A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
broken
"""
LOCAL = """Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 172.17.0.1
        /32 host LOCAL
     |-- 172.17.0.0
        /16 link UNICAST
"""
ROUTES_6 = (
    "20010db8000100000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 "
    "00000100 00000001 00000000 00000001  docker0\n"
    "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 "
    "00000100 00000001 00000000 00000001  docker0\nbroken\n"
)
LOCAL_6 = "20010db8000100000000000000000001 03 40 00 80  docker0\nbroken\n"


def test_an_address_behind_a_bridge_is_a_containers(tmp_path: Path) -> None:
    """The host's own, its neighbours', those behind a gateway and everybody else's are not."""
    for name, text in [("route", ROUTES), ("fib_trie", LOCAL), ("ipv6_route", ROUTES_6), ("if_inet6", LOCAL_6)]:
        (tmp_path / name).write_text(text)
    networks = ContainerNetworks(str(tmp_path))
    assert not networks.holds("172.17.0.2")
    networks.refresh()
    for ip in ("172.17.0.2", "10.244.0.5", "2001:db8:1::2"):
        assert networks.holds(ip)
        assert networks.holds(ip)
    for ip in ("172.17.0.1", "10.0.2.7", "10.244.1.9", "203.0.113.7", "127.0.0.1", "2001:db8:1::1", "fe80::1", "::1"):
        assert not networks.holds(ip)


def test_without_routes_nobody_is_a_container(tmp_path: Path) -> None:
    """No files, or rubbish in them."""
    networks = ContainerNetworks(str(tmp_path / "none"))
    networks.refresh()
    assert not networks.holds("172.17.0.2")
    (tmp_path / "route").write_bytes(b"\xff\0x\n" + b"eth0 zz 0 0 0 0 0 zz\n")
    networks = ContainerNetworks(str(tmp_path))
    networks.refresh()
    assert not networks.holds("172.17.0.2")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "modprobe"),
        ({"nf_conntrack_count": "5"}, "CONFIG_NF_CONNTRACK_EVENTS"),
        ({"nf_conntrack_count": "5", "nf_conntrack_events": "0"}, "sysctl -w"),
        ({"nf_conntrack_count": "5", "nf_conntrack_events": "2"}, None),
    ],
)
def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str | None) -> None:
    """With the command that mends it."""
    monkeypatch.setattr(conntrack, "_setting", lambda path: settings.get(path.rpartition("/")[2]))
    why = probe()
    assert (why is None) if said is None else (why is not None and said in why)


def test_a_socket_that_may_not_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root."""

    def closed(protocol: int, groups: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(conntrack, "Netlink", closed)
    desk = SensorDesk()
    Conntrack().run(desk)
    (told,) = desk.conditions
    assert (told.state, told.blind) == ("off", ("connections",))
    assert "CAP_NET_ADMIN" in told.sentence


def enter(namespace: str) -> None:
    """Move this thread into a network namespace."""
    file = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(file, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(file)


class InNamespace:
    """A collector that runs in a network namespace."""

    name = "conntrack"

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        enter(self._namespace)
        Conntrack().run(desk)


@pytest.fixture
def networks() -> Iterator[tuple[str, str]]:
    """The network namespaces of a host and of a container, between them a pair of devices."""
    needs_root()
    needed("ip", "iptables", "ip6tables", "nsenter")
    host, inside = (f"tw-{kind}-{os.getpid()}" for kind in ("host", "inside"))
    with ExitStack() as until_end:
        for namespace in (host, inside):
            if subprocess.run([shutil.which("ip") or "", "netns", "add", namespace], capture_output=True).returncode:  # noqa: S603
                pytest.skip("no network namespace can be made here; what this would prove was not proven")
            until_end.callback(run, "ip", "netns", "del", namespace)
        run("ip", "-n", host, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", inside)
        for namespace, device, number in ((host, "v0", 1), (inside, "v1", 2)):
            run("ip", "-n", namespace, "addr", "add", f"172.30.0.{number}/24", "dev", device)
            run("ip", "-n", namespace, "-6", "addr", "add", f"2001:db8:30::{number}/64", "dev", device, "nodad")
            run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", host, "link", "set", "lo", "up")
        run("ip", "-n", host, "addr", "add", "203.0.113.7/32", "dev", "lo")
        run("ip", "-n", host, "-6", "addr", "add", "2001:db8:99::7/128", "dev", "lo")
        run("ip", "-n", inside, "route", "add", "default", "via", "172.30.0.1")
        run("ip", "-n", inside, "-6", "route", "add", "default", "via", "2001:db8:30::1")
        yield host, inside


def connect(namespace: str, count: int) -> None:
    """Open connections out of a namespace: a fourth each of TCP and UDP, IPv4 and IPv6, each to a port of its own."""

    def go() -> None:
        enter(namespace)
        for number in range(count):
            family, address = ((socket.AF_INET, "203.0.113.7"), (socket.AF_INET6, "2001:db8:99::7"))[number // 2 % 2]
            kind = (socket.SOCK_STREAM, socket.SOCK_DGRAM)[number % 2]
            with socket.socket(family, kind) as end:
                end.settimeout(5)
                end.connect_ex((address, 2000 + number))  # refused: nobody listens there
                if kind == socket.SOCK_DGRAM:
                    end.send(b"x")

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()


@pytest.mark.e2e
def test_real_connections_are_told_by_address(networks: tuple[str, str]) -> None:
    """Every one, though all are refused; the host's own are not. Before a rule asks for tracking, none can be seen."""
    host, inside = networks
    desk = SensorDesk()
    with running(InNamespace(host), desk):
        waiting = desk.state("conntrack")
        for program in ("iptables", "ip6tables"):
            run("nsenter", f"--net=/run/netns/{host}", program, "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW")
        connect(inside, 100)
        connect(host, 4)
        desk.wait(lambda: len(desk.flows()) >= 100)
    assert waiting is not None
    assert (waiting.state, waiting.blind) == ("waiting", ("connections",))
    ready = desk.state("conntrack")
    assert ready is not None
    assert (ready.state, ready.blind) == ("ready", ())
    told = desk.flows()
    assert sorted(flow.dst_port or 0 for flow in told) == list(range(2000, 2100))
    assert {(flow.src_ip, flow.dst_ip) for flow in told} == {
        ("172.30.0.2", "203.0.113.7"),
        ("2001:db8:30::2", "2001:db8:99::7"),
    }
    assert {(flow.protocol, flow.container, flow.sensor) for flow in told} == {
        ("tcp", None, "conntrack"),
        ("udp", None, "conntrack"),
    }
