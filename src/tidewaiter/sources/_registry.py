"""Turns what a registry says of one request (host, repository, tag or digest, client address) into checked values."""

from tidewaiter.digest import digest_or_none
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import ip_or_none


def client_address(address: str | None) -> str | None:
    """The IP address of `address:port`, `[address]:port` or a bare address; None where it is none."""
    if not address:
        return None
    bare = ip_or_none(address)
    if bare is not None:
        return bare
    host, _, port = address.rpartition(":")
    return ip_or_none(host.removeprefix("[").removesuffix("]")) if port.isdecimal() else None


def image_name(host: str | None, repository: str, asked: str) -> str:
    """`host/repository:tag` or `host/repository@digest` of a request to a registry.

    Raises RecordError where the host is not told, or would be read as a path: `cache/app` is Docker Hub's `cache/app`.
    """
    separator = "@" if digest_or_none(asked) else ":"
    name = f"{host}/{repository}{separator}{asked}"
    reference = reference_or_none(name)
    if not host or reference is None or reference.path is None or not reference.path.endswith(repository):
        raise RecordError(f"{name[:120]!r}: no image of a registry is named so")
    if "." not in host and ":" not in host and host.lower() != "localhost":
        raise RecordError(f"{host[:80]!r}: not a host that an image can be named by")
    return name
