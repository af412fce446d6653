"""Holds that the resolvers of the host are read as Docker reads them for a container."""

from pathlib import Path

import pytest

from tidewaiter.edge.host_resolvers import host_resolvers

DOCKERS = ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("# a comment\nsearch example\nnameserver 185.12.64.1\nnameserver\t2a01:4ff:ff00::add:1\n", None),
        ("nameserver 127.0.0.53\noptions edns0\n", ["192.0.2.1"]),
        ("nameserver 127.0.0.1\nnameserver 192.0.2.9\n", ["192.0.2.9"]),
        ("nameserver fe80::1%eth0\n", ["fe80::1"]),
        ("nameserver ::1\nnameserver\nnameserver nowhere\n\xff", DOCKERS),
        (None, DOCKERS),
    ],
)
def test_resolvers_of_the_host(told: str | None, wanted: list[str] | None, tmp_path: Path) -> None:
    """Without the loopback's; behind systemd-resolved what it asks; Docker's own where nothing is left."""
    behind = tmp_path / "behind"
    behind.write_text("nameserver 192.0.2.1\n")
    path = tmp_path / "resolv.conf"
    if told is not None:
        path.write_text(told)
    assert host_resolvers(path, behind) == (wanted or ["185.12.64.1", "2a01:4ff:ff00::add:1"])
