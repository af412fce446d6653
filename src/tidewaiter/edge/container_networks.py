"""Turns the host's routes into the answer whether an address is one of a container on this host.

An address is one of a container where the host reaches it directly (no gateway), by another device than the one that
leads out, and it is not the host's own. Everybody else's connections are not the containers'.

Sources: linux `net/ipv4/fib_trie.c` (/proc/net/route, /proc/net/fib_trie), `net/ipv6/route.c` (/proc/net/ipv6_route),
`net/ipv6/addrconf.c` (/proc/net/if_inet6).
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress

_FOLDER = "/proc/thread-self/net"
_GATEWAY = 0x2
_MOST_LINES = 100_000
_LARGEST_MEMO = 16384

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ContainerNetworks:
    """The networks as of the last `refresh`."""

    def __init__(self, folder: str = _FOLDER) -> None:
        self._folder = folder
        self._own: set[str] = set()
        self._near: list[Network] = []
        self._known: dict[str, bool] = {}

    def refresh(self) -> None:
        """Read routes and addresses anew. What cannot be read is taken for nothing: no address is a container's."""
        routes = list(_routes(self._folder))
        leading_out = {device for network, is_direct, device in routes if network.prefixlen == 0}
        self._near = [
            network
            for network, is_direct, device in routes
            if is_direct and device not in leading_out and device != "lo" and network.prefixlen > 0
        ]
        self._own = set(_own_addresses(self._folder))
        self._known = {}

    def holds(self, ip: str) -> bool:
        """Whether an address, in its normal form, is one of a container here."""
        known = self._known.get(ip)
        if known is None:
            if len(self._known) >= _LARGEST_MEMO:
                self._known.clear()
            known = self._known[ip] = self._is_near(ip)
        return known

    def _is_near(self, ip: str) -> bool:
        address = ipaddress.ip_address(ip)
        if ip in self._own or address.is_loopback or address.is_multicast:
            return False
        return any(network.version == address.version and address in network for network in self._near)


def _routes(folder: str) -> Iterator[tuple[Network, bool, str]]:
    """(network, whether it is reached without a gateway, device) of each route."""
    for row in _rows(f"{folder}/route"):
        with suppress(ValueError, IndexError, OSError):
            address, mask = (socket.inet_ntoa(int(row[at], 16).to_bytes(4, "little")) for at in (1, 7))
            yield ipaddress.IPv4Network((address, mask), strict=False), not int(row[3], 16) & _GATEWAY, row[0]
    for row in _rows(f"{folder}/ipv6_route"):
        with suppress(ValueError, IndexError, OSError):
            network = ipaddress.IPv6Network((bytes.fromhex(row[0]), int(row[1], 16)), strict=False)
            if not network.is_link_local and not network.is_multicast:
                yield network, not int(row[8], 16) & _GATEWAY, row[9]


def _own_addresses(folder: str) -> Iterator[str]:
    last = ""
    for row in _rows(f"{folder}/fib_trie"):
        if row[0] == "|--":
            last = row[1]
        elif row[:3] == ["/32", "host", "LOCAL"]:
            yield last
    for row in _rows(f"{folder}/if_inet6"):
        with suppress(ValueError):
            yield str(ipaddress.IPv6Address(bytes.fromhex(row[0])))


def _rows(path: str) -> Iterator[list[str]]:
    with suppress(OSError), open(path, encoding="ascii", errors="replace") as table:
        for number, line in enumerate(table):
            if number >= _MOST_LINES:
                return
            row = line.split()
            if len(row) > 1:
                yield row
