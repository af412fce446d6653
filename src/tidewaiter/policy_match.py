"""Turns the patterns of a trust policy (image names, binary names, addresses, shell globs) into fast matchers.

Every matcher takes time linear in the text it is given, for the text comes from telemetry and may be an attacker's.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tidewaiter.reference import DOCKER_HUB, ImageReferenceError, parse_reference

Matcher = Callable[[str], bool]
"""Whether one text matches."""

_MAX_PATTERN = 512
_MAX_BASENAME = 255
_MAX_ADDRESS = 64
_CIDR = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
_MAPPED = IPv6Network("::ffff:0:0/96")


class PatternError(ValueError):
    """A pattern, a CIDR or a glob of the policy breaks its rules; the text says which rule."""


# --------------------------------------------------------------------------------------------- image names


def normal_pattern(pattern: str) -> str:
    """The whole-name form of an image pattern: `alpine` is `docker.io/library/alpine`, `**/redis` stays as it is.

    Raises `PatternError`. `*` stands for text within one path segment; `**`, alone between slashes, for any number of
    segments. A pattern without a registry is completed as a reference would be, unless it begins with `**`.
    """
    if not pattern or len(pattern) > _MAX_PATTERN:
        raise PatternError(f"an image pattern has 1 to {_MAX_PATTERN} characters")
    if "@" in pattern or _HEX64.match(pattern):
        raise PatternError("an image pattern names a repository; a digest belongs under digests")
    segments = pattern.split("/")
    if any("**" in segment and segment != "**" for segment in segments):
        raise PatternError("** stands alone between slashes; within one segment write *")
    if ":" in segments[-1]:
        raise PatternError("an image pattern names a repository, without a tag (tags move: pin with digests)")
    if segments[0] == "**":
        normal = pattern
    elif len(segments) == 1 and ("." in pattern or pattern == "localhost"):
        raise PatternError(f'a registry alone names no repository; did you mean "{pattern}/**"?')
    else:
        normal = _with_registry(segments)
    _check(normal)
    return normal


def _with_registry(segments: list[str]) -> str:
    first, rest = segments[0], segments[1:]
    try:
        probe = parse_reference(f"{_filled(first)}/0/0")
    except ImageReferenceError as error:
        raise PatternError(f"{first!r} can neither be a registry host nor part of a repository path") from error
    if rest and probe.path == "0/0" and probe.registry is not None:
        registry = first.lower() if "*" in first else probe.registry
    else:
        registry, rest = DOCKER_HUB, segments
    if registry == DOCKER_HUB and len(rest) == 1 and rest != ["**"]:
        rest = ["library", *rest]
    return "/".join((registry, *rest))


def _filled(pattern: str) -> str:
    """The pattern with every wildcard replaced by text that is allowed wherever a wildcard is: host, port and path."""
    return pattern.replace("**", "0/0").replace("*", "0")


def _check(normal: str) -> None:
    """Refuse a pattern that no normalised repository can match, by reading an example of it as a reference."""
    if normal == "**":
        return
    example = _filled(normal if not normal.startswith("**/") else f"x.example/{normal[3:]}")
    try:
        parsed = parse_reference(example).repository
    except ImageReferenceError as error:
        raise PatternError("no repository can match (a host, then a path of lower-case letters and digits)") from error
    if parsed != example:
        raise PatternError("no repository can match (a host, then a path of lower-case letters and digits)")


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Matcher:
    """The matcher of an image pattern over normalised `registry/path` names. Raises `PatternError`."""
    expression = re.compile(_expression(normal_pattern(pattern).split("/")), re.DOTALL)

    def matches(repository: str) -> bool:
        return expression.fullmatch(f"{repository}/") is not None

    return matches


def _expression(segments: list[str]) -> str:
    """A regular expression over names with a `/` after *every* segment.

    What stands before the last wildcard of its kind sits in an atomic group: the leftmost place is as good as any later
    one, so nothing is ever tried twice and matching stays linear.
    """
    blocks: list[str] = [""]
    for segment in segments:
        if segment == "**":
            blocks.append("")
        else:
            blocks[-1] += f"{_segment(segment)}/"
    first, *others = blocks
    if not others:
        return first
    middle = "".join(f"(?>(?:[^/]*/)*?{block})" for block in others[:-1] if block)
    return first + middle + (f"(?:[^/]*/)*?{others[-1]}" if others[-1] else "(?:[^/]*/)+")


def _segment(segment: str) -> str:
    if segment == "*":
        return "[^/]+"
    head, *rest = segment.split("*")
    if not rest:
        return re.escape(head)
    middle = "".join(f"(?>[^/]*?{re.escape(part)})" for part in rest[:-1] if part)
    return f"{re.escape(head)}{middle}[^/]*{re.escape(rest[-1])}"


# --------------------------------------------------------------------------------------------- globs


@lru_cache(maxsize=4096)
def compile_glob(glob: str) -> Matcher:
    """The matcher of a shell glob (`*`, `?`, `[a-z]`), case-sensitive, over the whole text. Raises `PatternError`."""
    if not glob or len(glob) > _MAX_PATTERN:
        raise PatternError(f"a glob has 1 to {_MAX_PATTERN} characters")
    try:
        expression = re.compile(fnmatch.translate(glob))
    except (re.error, OverflowError) as error:
        raise PatternError(f"{glob!r} is no shell glob") from error

    def matches(text: str) -> bool:
        return expression.match(text) is not None

    return matches


def compile_names(globs: Iterable[str]) -> Matcher:
    """The matcher of binaries: takes a path or a bare name, looks at the basename. Raises `PatternError`."""
    exact: set[str] = set()
    wild: list[Matcher] = []
    for glob in globs:
        if "/" in glob:
            raise PatternError("a binary is named without its folder; write the last part of the path")
        if any(character in glob for character in "*?["):
            wild.append(compile_glob(glob))
        elif glob:
            exact.add(glob)
        else:
            raise PatternError("a binary needs a name")

    @lru_cache(maxsize=8192)
    def cached(basename: str) -> bool:
        return basename in exact or any(matches(basename) for matches in wild)

    def matches_binary(name: str) -> bool:
        basename = name.rpartition("/")[2]
        # No file has a longer name: such text is rubbish and must not fill the cache.
        return cached(basename) if len(basename) <= _MAX_BASENAME else False

    return matches_binary


# --------------------------------------------------------------------------------------------- addresses


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """The network of `10.0.0.0/8`, `fc00::/7` or one address. Raises `PatternError`.

    A network of IPv4-mapped IPv6 addresses is the IPv4 network it stands for.
    """
    shown = repr(text[:120])
    if not _CIDR.match(text):
        raise PatternError(f"{shown} is no CIDR, such as 10.0.0.0/8")
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise PatternError(f"{shown} is no CIDR, such as 10.0.0.0/8") from error
    if "/" in text and ip_address(text.partition("/")[0]) != network.network_address:
        raise PatternError(f'{shown} has bits set after its prefix; did you mean "{network}"?')
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


def compile_networks(cidrs: Iterable[str]) -> Matcher:
    """The matcher of addresses inside any of `cidrs`; text that is no address is inside none. Raises `PatternError`."""
    ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for cidr in cidrs:
        network = parse_network(cidr)
        ranges[network.version].append((int(network.network_address), int(network.netmask)))

    @lru_cache(maxsize=65536)
    def cached(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number = int(address)
        return any(number & mask == first for first, mask in ranges[address.version])

    def contains(text: str) -> bool:
        return len(text) <= _MAX_ADDRESS and cached(text)

    return contains
