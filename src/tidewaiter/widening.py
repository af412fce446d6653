"""Turns habits that are too many of one kind into fewer, wider ones, so that a profile is bounded.

Rules
- It looks at the set of habits only, and what was widened once stays so: parts of a set may be widened apart and put
  together in any order, with the same result (which the laws of `baseline.merge` stand on).
- More than 32 shapes of a program's arguments become `PROGRAM <any>`; those of a suspicious program tell
  everything: of these the first 256 in order stay, and the rest goes into `PROGRAM <rest>`, which expects nothing.
- More than 8 addresses of a network (/24, of IPv6 /64), at one port, become the network; more than 8 such networks of
  an internal /16 become that.
- Of the addresses of one name, too, more than 8 of a network become the network; the first 8 networks in order stay.
- More than 1024 programs, or destinations, are cut: those that are last in order go into `<rest>`.

No container can pretend to either: a `<` that it writes is doubled (`shape.py`).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from posixpath import basename

from tidewaiter.behaviour import MULTI_CALL
from tidewaiter.habit import Habit
from tidewaiter.policy import DEFAULT_POLICY

SHAPES_KEPT = 32
SPARED_KEPT = 256
ADDRESSES_KEPT = 8
GROUPS_KEPT = 1024
_NETWORKS_KEPT = 8
ANY = " <any>"
REST = "<rest>"

Spares = Callable[[str], bool]
"""Whether the arguments of a program, given by its name, are never to be widened."""


def widened(habits: Iterable[Habit], spares: Spares = DEFAULT_POLICY.is_suspicious_binary) -> dict[Habit, Habit]:
    """Habit -> the wider one that takes its place; those that stay as they are do not appear."""
    groups: dict[tuple[str, str], list[Habit]] = {}
    for habit in habits:
        if habit.what != REST:
            groups.setdefault((habit.kind, _group(habit)), []).append(habit)
    found: dict[Habit, Habit] = {}
    for kind in ("exec", "egress"):
        for _, name in sorted(group for group in groups if group[0] == kind)[GROUPS_KEPT:]:
            found |= dict.fromkeys(groups.pop((kind, name)), Habit(kind, REST))
    for (kind, name), alike in groups.items():
        if kind == "egress":
            found |= _networks(alike)
        elif len(alike) > SHAPES_KEPT or Habit("exec", name + ANY) in alike:
            found |= _spared(name, alike) if _is_spared(name, spares) else _any(name, alike)
    return {habit: wider for habit, wider in found.items() if habit != wider}


def wider(habit: Habit) -> list[Habit]:
    """The habits that may stand in its place, the narrowest first."""
    if habit.kind == "exec":
        return [Habit("exec", _group(habit) + ANY)]
    return [Habit("egress", text) for text in _path(habit.what)[1:] if text != habit.what]


def kept_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Of the addresses of a name, and of networks that stand for some, those that are kept, in order."""
    networks: dict[str, set[str]] = {}
    for address in addresses:
        networks.setdefault(network_of(address), set()).add(address)
    kept: set[str] = set()
    for network, inside in sorted(networks.items())[:_NETWORKS_KEPT]:
        kept |= {network} if network in inside or len(inside) > ADDRESSES_KEPT else inside
    return tuple(sorted(kept))


@lru_cache(maxsize=16_384)
def network_of(address: str) -> str:
    """The network that may stand for an address (/24, of IPv6 /64); of a network, and of what is no address, itself."""
    try:
        net = ip_network(address)
    except ValueError:
        return address
    smallest = 64 if isinstance(net, IPv6Network) else 24
    return str(net.supernet(new_prefix=smallest)) if net.prefixlen > smallest else address


def _any(program: str, alike: list[Habit]) -> dict[Habit, Habit]:
    return dict.fromkeys(alike, Habit("exec", program + ANY))


def _is_spared(program: str, spares: Spares) -> bool:
    """Whether somebody calls it so: `/bin/busybox sh`, `/usr/bin/nc.openbsd`."""
    name = basename(program.rpartition(" ")[2])
    return spares(name) or spares(name.partition(".")[0])


def _spared(program: str, alike: list[Habit]) -> dict[Habit, Habit]:
    rest = Habit("exec", f"{program} {REST}")
    return dict.fromkeys([habit for habit in sorted(alike) if habit != rest][SPARED_KEPT:], rest)


def _networks(alike: list[Habit]) -> dict[Habit, Habit]:
    """Of destinations of one group, all of one port, those that become a network."""
    found: dict[Habit, Habit] = {}
    paths = {habit: _path(habit.what) for habit in alike}
    for level in range(1, max(map(len, paths.values()))):
        parts: dict[str, set[str]] = {}
        for path in paths.values():
            parts.setdefault(path[level], set()).add(path[level - 1])
        full = {net for net, inside in parts.items() if len(inside) > ADDRESSES_KEPT or net in inside}
        found |= {habit: Habit("egress", path[level]) for habit, path in paths.items() if path[level] in full}
    return found


def _group(habit: Habit) -> str:
    """What is widened or cut together; no widening moves a habit out of its group."""
    if habit.kind == "egress":
        return _path(habit.what)[-1]
    program, _, rest = habit.what.partition(" ")
    return f"{program} {rest.partition(' ')[0]}" if rest and basename(program) in MULTI_CALL else program


@lru_cache(maxsize=16_384)
def _path(what: str) -> tuple[str, ...]:
    """A destination and the networks that it may become, the narrowest first; of a network, which stands for what is
    below it too, as many."""
    host, _, port = what.rpartition(":")
    try:
        net = ip_network(host.strip("[]"))
    except ValueError:
        return (what,)
    if isinstance(net, IPv6Network):
        return (what, f"[{net.supernet(new_prefix=64)}]:{port}") if net.prefixlen >= 64 else (what,)
    if net.prefixlen < 24:
        return (what,) * 3 if net.prefixlen == 16 and _is_internal(net) else (what,)
    small = net.supernet(new_prefix=24)
    large = small.supernet(new_prefix=16)
    return (what, f"{small}:{port}", f"{large}:{port}") if _is_internal(large) else (what, f"{small}:{port}")


def _is_internal(net: IPv4Network) -> bool:
    return DEFAULT_POLICY.is_internal(str(net[0])) and DEFAULT_POLICY.is_internal(str(net[-1]))
