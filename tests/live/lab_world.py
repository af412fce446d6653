"""Answers as the outside world does inside the lab's network namespace: HTTP, UDP, and DNS; `python lab_world.py DIR`.

The addresses are documentary ones on the loopback of the namespace, so what containers reach there is outside for
tidewaiter and yet on this machine. Writes one line once everything listens, and runs until it is ended.
"""

import contextlib
import socket
import socketserver
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

OUTSIDE, OUTSIDE_6 = "203.0.113.7", "2001:db8::7"
RESOLVER = "10.254.0.53"
POOL = "pool.example.com"
NAMES = {POOL: (OUTSIDE, OUTSIDE_6)}
HTTP_PORT, ECHO_PORT, CLOSED_PORT, DNS_PORT = 80, 7777, 81, 53
READY = "the world answers"

_TYPES = {4: 1, 6: 28}
_TTL_SECONDS = 60


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"hi\n")

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Web(ThreadingHTTPServer):
    request_queue_size = 1024


class _Web6(_Web):
    address_family = socket.AF_INET6


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, answering = self.request
        answering.sendto(data, self.client_address)


class _Names(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, answering = self.request
        with contextlib.suppress(IndexError, struct.error, ValueError):
            answering.sendto(answer(data), self.client_address)


class _Datagrams(socketserver.UDPServer):
    allow_reuse_address = True
    max_packet_size = 4096


class _Datagrams6(_Datagrams):
    address_family = socket.AF_INET6


def answer(query: bytes) -> bytes:
    """The answer to one DNS query (RFC 1035) for one name; without addresses where the name is not known."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    (kind,) = struct.unpack_from("!H", query, at + 1)
    known = [ip_address(text) for text in NAMES.get(".".join(labels).lower(), ())]
    found = [address.packed for address in known if _TYPES[address.version] == kind]
    flags = 0x8180 if known else 0x8183
    head = query[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0)
    told = [struct.pack("!HHHIH", 0xC00C, kind, 1, _TTL_SECONDS, len(packed)) + packed for packed in found]
    return head + query[12 : at + 5] + b"".join(told)


def main() -> None:
    """Listen everywhere, say so, and answer for ever."""
    servers: list[socketserver.BaseServer] = [
        _Web((OUTSIDE, HTTP_PORT), _Page),
        _Datagrams((OUTSIDE, ECHO_PORT), _Echo),
        _Datagrams((RESOLVER, DNS_PORT), _Names),
        _Datagrams((OUTSIDE, DNS_PORT), _Names),
        _Datagrams6((OUTSIDE_6, DNS_PORT), _Names),
        _Web6((OUTSIDE_6, HTTP_PORT), _Page),
        _Datagrams6((OUTSIDE_6, ECHO_PORT), _Echo),
    ]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    print(READY, flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
