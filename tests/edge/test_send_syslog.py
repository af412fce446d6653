"""Proves that syslog messages arrive over UDP, TCP and local sockets, framed as receivers expect, and come again."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from receivers import Time, alert, summary

from tidewaiter.alert import Alert
from tidewaiter.edge.delivery import Refused, TryLater
from tidewaiter.edge.send import open_senders
from tidewaiter.edge.send_syslog import LocalReceiver, NetworkReceiver
from tidewaiter.edge.unwrap import unwrap_text
from tidewaiter.sinks import sinks

JSONL = sinks()["jsonl"].encode
UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def revision(message: bytes) -> int:
    """The revision of the alert that a message carries, read as we read other people's syslog."""
    wrapped = unwrap_text(message)
    assert wrapped is not None
    return msgspec.json.decode(wrapped.payloads[0], type=Alert).revision


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    """A receiver of datagrams on loopback."""
    with socket.socket(socket.AF_INET, UDP) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        yield server


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    """A receiver of streams on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def port(server: socket.socket) -> int:
    found: int = server.getsockname()[1]
    return found


def counted(stream: socket.socket) -> bytes:
    """One message of a stream with counts of octets (RFC 6587 section 3.4.1)."""
    length = b""
    while (digit := stream.recv(1)) not in (b" ", b""):
        length += digit
    return stream.recv(int(length), socket.MSG_WAITALL)


def test_udp_message_is_one_datagram(udp: socket.socket) -> None:
    senders = open_senders([f"syslog://127.0.0.1:{port(udp)}"], environ={})
    for number in range(3):
        senders.send(alert("a", number))
    senders.close(30)
    received = [udp.recv(65_536) for _ in range(3)]
    assert [revision(message) for message in received] == [0, 1, 2]
    assert received[0].startswith(b"<83>1 2026-09-21T14:13:30.250000Z n1 tidewaiter - AN0691 - {")


def test_udp_over_ipv6(udp: socket.socket) -> None:
    try:
        server = socket.socket(socket.AF_INET6, UDP)
        server.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with server:
        server.settimeout(30)
        senders = open_senders([f"syslog://[::1]:{port(server)}"], environ={})
        senders.send(alert())
        senders.close(30)
        assert revision(server.recv(65_536)) == 0


def test_tcp_message_has_its_length_before_it(tcp: socket.socket) -> None:
    receiver = NetworkReceiver("127.0.0.1", port(tcp), TCP, JSONL)
    receiver.deliver(alert("a", 0))
    receiver.deliver(alert("a", 1))
    stream, _ = tcp.accept()
    with stream:
        assert [revision(counted(stream)), revision(counted(stream))] == [0, 1]
    receiver.close()


def test_tcp_connection_that_was_closed_is_made_anew_before_anything_is_lost(tcp: socket.socket) -> None:
    """What is written into a connection that the other side has closed would be lost without an error."""
    receiver = NetworkReceiver("127.0.0.1", port(tcp), TCP, JSONL)
    receiver.deliver(alert("a", 0))
    stream, _ = tcp.accept()
    assert revision(counted(stream)) == 0
    stream.close()
    receiver.deliver(alert("a", 1))
    stream, _ = tcp.accept()
    with stream:
        assert revision(counted(stream)) == 1
    receiver.close()


def test_tcp_receiver_that_is_away_is_waited_for(tcp: socket.socket) -> None:
    at = port(tcp)
    tcp.close()
    said: list[str] = []
    time = Time()
    servers: list[socket.socket] = []

    def wait(event: threading.Event, seconds: float) -> bool:
        if len(time.waits) == 3:
            servers.append(socket.create_server(("127.0.0.1", at)))
        return time.wait(event, seconds)

    pace = msgspec.structs.replace(time.pace(), wait=wait)
    senders = open_senders([f"syslog+tcp://127.0.0.1:{at}"], said.append, environ={}, pace=pace)
    senders.send(alert("a", 5))
    senders.close(3600)
    with servers[0], servers[0].accept()[0] as stream:
        assert revision(counted(stream)) == 5
    assert said == [
        f"syslog+tcp://127.0.0.1:{at}: cannot be reached: connection refused; trying again",
        f"syslog+tcp://127.0.0.1:{at}: delivers again",
    ]


@pytest.mark.parametrize("kind", [UDP, TCP])
def test_local_socket_takes_datagrams_or_lines(tmp_path: Path, kind: socket.SocketKind) -> None:
    """/dev/log is a datagram socket mostly; a stream gets a line for each message."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(path)
        server.settimeout(30)
        if kind == TCP:
            server.listen()
        senders = open_senders([f"syslog+unix://{path}"], environ={})
        senders.send(alert("a", 0))
        senders.send(alert("a", 1))
        senders.close(30)
        if kind == UDP:
            received = [server.recv(65_536), server.recv(65_536)]
        else:
            with server.accept()[0] as stream, stream.makefile("rb") as lines:
                received = lines.read().splitlines()
    assert [revision(message) for message in received] == [0, 1]


def test_local_daemon_that_is_started_again_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    receiver = LocalReceiver(str(path), JSONL)
    for number in range(2):
        with pytest.raises(TryLater, match="cannot be reached"):
            receiver.deliver(alert("a", number))
        with socket.socket(socket.AF_UNIX, UDP) as server:
            server.bind(str(path))
            receiver.deliver(alert("a", number))
            assert revision(server.recv(65_536)) == number
        path.unlink()
    receiver.close()


def test_ocsf_travels_as_the_text_of_a_message(udp: socket.socket) -> None:
    """What the form has no use for is not sent."""
    senders = open_senders([f"ocsf=syslog://127.0.0.1:{port(udp)}"], environ={})
    senders.send(summary())
    senders.send(alert())
    senders.close(30)
    wrapped = unwrap_text(udp.recv(65_536))
    assert wrapped is not None
    assert msgspec.json.decode(wrapped.payloads[0])["class_uid"] == 2004
    assert senders.problems() == []


def test_long_alert_is_made_shorter_and_says_so(udp: socket.socket) -> None:
    """A receiver that cuts a message off would leave JSON that nobody can read."""
    whole = alert()
    long = msgspec.structs.replace(whole, evidence=whole.evidence * 200)
    receiver = NetworkReceiver("127.0.0.1", port(udp), UDP, JSONL)
    receiver.deliver(long)
    receiver.close()
    received = udp.recv(65_536)
    assert len(received) <= 8192
    wrapped = unwrap_text(received)
    assert wrapped is not None
    shown = msgspec.json.decode(wrapped.payloads[0], type=Alert)
    assert shown.missing[0].startswith("left out for its size: ")
    assert (shown.id, shown.behaviours) == (whole.id, whole.behaviours)


def test_what_cannot_be_made_short_enough_is_refused(udp: socket.socket) -> None:
    receiver = NetworkReceiver("127.0.0.1", port(udp), UDP, lambda output: b'"' + b"x" * 10_000 + b'"\n')
    with pytest.raises(Refused, match="longer than 8,192 bytes"):
        receiver.deliver(alert())


def test_receiver_that_does_not_read_is_given_up_after_a_while(
    tcp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed, so that the half of a message in it is forgotten."""

    def full(connected: socket.socket, data: bytes) -> None:
        connected.send(data[:10])
        raise TimeoutError

    receiver = NetworkReceiver("127.0.0.1", port(tcp), TCP, JSONL)
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "sendall", full)
        with pytest.raises(TryLater, match="does not answer within 10 s"):
            receiver.deliver(alert())
    with tcp.accept()[0] as stream:
        assert len(stream.recv(100)) == 10
        assert stream.recv(100) == b""
    receiver.deliver(alert("a", 4))
    with tcp.accept()[0] as stream:
        assert revision(counted(stream)) == 4
    receiver.close()
