"""Turns the host's resolv.conf into the resolvers that its containers are given, where none are named for them.

Docker (moby `libnetwork`) and Podman leave out addresses of the loopback, which mean another machine inside; where
systemd-resolved stands behind one, they take what that asks; where nothing is left, Docker gives Google's. Only the
host's own file is read, not a container's: that one can be written by the container.

Source: https://man7.org/linux/man-pages/man5/resolv.conf.5.html
"""

from ipaddress import ip_address
from pathlib import Path

_RESOLV_CONF = Path("/etc/resolv.conf")
_BEHIND_SYSTEMD = Path("/run/systemd/resolve/resolv.conf")
_OF_SYSTEMD = "127.0.0.53"
_OF_DOCKER = ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")
_MOST_BYTES = 65_536
_MOST = 8


def host_resolvers(path: Path = _RESOLV_CONF, behind_systemd: Path = _BEHIND_SYSTEMD) -> list[str]:
    """Addresses, as in the file, without those of the loopback."""
    named = _named(path)
    if named == [_OF_SYSTEMD]:
        named = _named(behind_systemd)
    left = [address for address in named if not ip_address(address).is_loopback]
    return left[:_MOST] or list(_OF_DOCKER)


def _named(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST_BYTES).decode("ascii", "replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    told = [word[1].partition("%")[0] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return [address for address in told if _is_address(address)]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
