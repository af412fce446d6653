"""Turns listed indicators into exact answers: which of them does an image, a process or a connection match.

Rules
- Every question is a look-up in a hash table; an address is looked up once for each length of prefix that is listed.
- A domain covers its subdomains. An image without a tag covers all of its repository.
- What names less than it seems is weak: of a URL only the host is ever seen, and a file's name without a folder is
  that of many files.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from posixpath import basename, normpath
from typing import Literal

import msgspec

from tidewaiter.behaviour import address_of
from tidewaiter.chain import Action
from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.reference import ImageReference, reference_or_none

Disposition = Literal["malicious", "suspicious"]
MATCHED = ("image", "image_digest", "sha256", "domain", "url", "ipv4", "ipv6", "cidr", "file_path", "file_name")
"""Kinds that something seen of a container can match."""
MAX_INDICATORS = 200_000
_REMEMBERED = 65_536
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+\Z")
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/?#:]+)(?::([0-9]{1,5}))?(?:[/?#]|\Z)")
_DELETED = " (deleted)"
_SCRIPT_HOSTS = frozenset({"sh", "bash", "dash", "ash", "zsh", "busybox", "perl", "ruby", "php", "node", "env"})

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class IndicatorError(ValueError):
    """A value is not of its kind's form; says which rule it breaks."""


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="indicator"):
    """One indicator, as a line of an indicator file holds it."""

    schema: int = 1
    type: str
    value: str
    disposition: Disposition = "malicious"
    title: str = ""
    """Of the briefing or article that names it."""
    folders: tuple[str, ...] = ()
    """Of a `file_name`: below which folders it counts."""
    port: int | None = None
    """Of an address, a range or a domain: the only port on which it counts; None: all."""

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.type} {self.value}" + (f" port {self.port}" if self.port is not None else "")

    def is_weak(self) -> bool:
        """Whether a match says little: of a URL with a name only the host is seen, of a file only the name."""
        if self.type == "url":
            return address_of(_host_of(self.value)[0].strip("[]")) is None
        return self.type == "file_name" and not self.folders

    def told(self) -> str:
        """It, for people: with its disposition, and the briefing it stands in."""
        source = f' in "{self.title}"' if self.title else ""
        return f"{self.name}, {self.disposition}{source}"


class Indicators:
    """All indicators of a hunt. Raises IndicatorError where a value is not of its kind's form."""

    def __init__(self, listed: Iterable[Listed] = ()) -> None:
        self._digests: dict[Digest, Listed] = {}
        self._images: dict[str, Listed] = {}
        """`registry/path`, or with `:tag`."""
        self._domains: dict[str, list[Listed]] = {}
        self._networks: dict[tuple[int, int], dict[int, list[Listed]]] = {}
        """(version, length of the prefix) -> the prefix -> indicators."""
        self._paths: dict[str, Listed] = {}
        self._names: dict[str, list[Listed]] = {}
        self._known: dict[tuple[object, ...], tuple[Listed, ...]] = {}
        self._count = 0
        for one in sorted(listed, key=_worst_first):
            self._add(one)

    def __len__(self) -> int:
        return self._count

    def _add(self, one: Listed) -> None:
        table = _TABLES.get(one.type)
        if table is None:
            raise IndicatorError(f"{one.type}: nothing that is seen of a container can match it")
        if one.port is not None and not 0 < one.port < 65_536:
            raise IndicatorError("a port is a number from 1 to 65535")
        table(self, one)
        self._count += 1

    # ------------------------------------------------------------------------------------------ questions

    def of_action(self, action: Action) -> tuple[Listed, ...]:
        """The indicators that a process or a connection matches."""
        if action.kind == "exec":
            did: tuple[object, ...] = (action.exe, action.args[:2])
        else:
            did = (action.dst_ip, action.dst_port, action.dst_name)
        found = self._known.get(did)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            matches = self._of_exec(action) if action.kind == "exec" else self._of_connection(action)
            found = self._known[did] = tuple({one.name: one for one in matches}.values())
        return found

    def of_image(
        self, digests: Iterable[Digest], references: Iterable[ImageReference], repositories: Iterable[str]
    ) -> Iterator[tuple[Listed, str]]:
        """The indicators that an image matches, each with the digest or name by which it does."""
        for digest in sorted(set(digests)):
            if digest in self._digests:
                yield self._digests[digest], digest
        names = {repository: repository for repository in repositories}
        for reference in references:
            if reference.repository is not None:
                names[reference.repository] = reference.name
                names[f"{reference.repository}:{reference.tag}"] = reference.name
        for name, shown in sorted(names.items()):
            if name in self._images:
                yield self._images[name], shown

    def _of_exec(self, action: Action) -> Iterator[Listed]:
        path = (action.exe or "").removesuffix(_DELETED)
        ran = [path, *action.args[:1]]
        name = basename(path or (action.args[0] if action.args else ""))
        if name in _SCRIPT_HOSTS or name.startswith("python"):
            # A script is run by the kernel, or by hand, as `INTERPRETER SCRIPT ARGS`.
            ran += action.args[1:2]
        for one in dict.fromkeys(ran):
            whole = normpath(one) if one.startswith("/") else one
            if whole in self._paths:
                yield self._paths[whole]
            for listed in self._names.get(basename(whole), ()):
                if not listed.folders or whole.startswith(listed.folders):
                    yield listed

    def _of_connection(self, action: Action) -> Iterator[Listed]:
        name = (action.dst_name or "").lower().rstrip(".")
        while name:
            yield from _on_port(self._domains.get(name, ()), action)
            name = name.partition(".")[2]
        address = address_of(action.dst_ip or "")
        if address is not None:
            for (version, length), prefixes in self._networks.items():
                if version == address.version:
                    prefix = int(address) >> (address.max_prefixlen - length)
                    yield from _on_port(prefixes.get(prefix, ()), action)

    # ------------------------------------------------------------------------------------------ tables

    def _add_digest(self, one: Listed) -> None:
        digest = digest_or_none(one.value if one.type == "image_digest" else f"sha256:{one.value.lower()}")
        if digest is None:
            raise IndicatorError("a digest is sha256: and 64 lower-case hex characters, a SHA-256 the latter")
        self._digests.setdefault(digest, one)

    def _add_image(self, one: Listed) -> None:
        reference = reference_or_none(one.value)
        if reference is None:
            raise IndicatorError("it is no image reference, such as registry.example/team/image:tag")
        if reference.digest is not None:
            self._digests.setdefault(reference.digest, one)
        elif f":{reference.tag}" in one.value:
            self._images.setdefault(f"{reference.repository}:{reference.tag}", one)
        else:
            self._images.setdefault(reference.repository or "", one)

    def _add_domain(self, one: Listed) -> None:
        name = domain_or_none(one.value)
        if name is None:
            raise IndicatorError("it is no domain, such as evil.example")
        self._domains.setdefault(name, []).append(one)

    def _add_network(self, one: Listed) -> None:
        try:
            network = ipaddress.ip_network(one.value, strict=False)
        except ValueError as error:
            raise IndicatorError("it is no IP address or range, such as 203.0.113.0/24") from error
        prefixes = self._networks.setdefault((network.version, network.prefixlen), {})
        prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        prefixes.setdefault(prefix, []).append(one)

    def _add_url(self, one: Listed) -> None:
        host, port = _host_of(one.value)
        address = address_of(host.strip("[]"))
        held = msgspec.structs.replace(one, port=port if port is not None else one.port)
        if address is not None:
            prefixes = self._networks.setdefault((address.version, address.max_prefixlen), {})
            prefixes.setdefault(int(address), []).append(held)
            return
        name = domain_or_none(host)
        if name is None:
            raise IndicatorError("it is no URL with a host, such as http://evil.example/x")
        self._domains.setdefault(name, []).append(held)

    def _add_path(self, one: Listed) -> None:
        if not one.value.startswith("/") or one.value.endswith("/") or not one.value.isprintable():
            raise IndicatorError("a path of a file is absolute and ends with the file's name")
        self._paths.setdefault(normpath(one.value), one)

    def _add_name(self, one: Listed) -> None:
        if not one.value or "/" in one.value or not one.value.isprintable():
            raise IndicatorError("a file's name has no slash")
        self._names.setdefault(one.value, []).append(one)


_TABLES = {
    **dict.fromkeys(("image_digest", "sha256"), Indicators._add_digest),
    "image": Indicators._add_image,
    "domain": Indicators._add_domain,
    "url": Indicators._add_url,
    **dict.fromkeys(("ipv4", "ipv6", "cidr"), Indicators._add_network),
    "file_path": Indicators._add_path,
    "file_name": Indicators._add_name,
}


def domain_or_none(value: str) -> str | None:
    """A domain in the form that is looked up: lower case, `xn--` for letters beyond ASCII; None where it is none."""
    name = value.lower().rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return name if _DOMAIN.match(name) and not name.rpartition(".")[2].isdigit() else None


def _host_of(url: str) -> tuple[str, int | None]:
    found = _URL.match(url.lower())
    return (found[1], int(found[2]) if found[2] else None) if found is not None else ("", None)


def _on_port(listed: Iterable[Listed], action: Action) -> Iterator[Listed]:
    return (one for one in listed if one.port is None or one.port == action.dst_port)


def _worst_first(one: Listed) -> tuple[bool, bool, str, str]:
    """Of two that match the same, the one that says more counts, whatever their order in the file."""
    return (one.disposition != "malicious", one.is_weak(), one.name, one.title)
