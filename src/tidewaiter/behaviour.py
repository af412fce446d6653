"""Turns what a container did (execs, connections) into behaviours, each with the judging row that weighs it.

Rows, and what they mean: DESIGN rules 2 and 3 of AN0691; their weights are settings of the policy (`behaviours`).
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from posixpath import basename, dirname

from tidewaiter.chain import Action
from tidewaiter.cut import follows, is_long, joined
from tidewaiter.identity import Declared
from tidewaiter.mask import HIDDEN, mask_arguments
from tidewaiter.policy import TrustPolicy

MULTI_CALL = frozenset({"busybox", "toybox", "coreutils", "sbase-box", "ubase-box"})
_INTERPRETERS = frozenset({"sh", "bash", "dash", "ash", "zsh", "busybox", "perl", "ruby", "php", "node", "env"})
_PROGRAM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
"""Folders that are links of each other, or searched alike."""
UNSEEN_ROWS = frozenset({"internal_egress", "unseen_program"})
"""Rows that there are only where a baseline has not seen something."""
METADATA = frozenset({"169.254.169.254", "fd00:ec2::254"})
"""Where clouds tell a machine its own credentials."""
_DNS_PORT = 53
_CONTROL_PORTS = frozenset({2375, 2376, 10250, 10255, 2379})
_SEPARATORS = (";", "&&", "||", "|", "&", "\n")
_DELETED = " (deleted)"
_SHELL_STRING_LIMIT = 65_536


@lru_cache(maxsize=16384)
def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is; of an IPv4-mapped one the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def program_names(action: Action) -> set[str]:
    """The names a process goes by: its binary's, and for multi-call binaries (busybox) what argv[0] says."""
    exe = basename((action.exe or "").removesuffix(_DELETED))
    first = basename(action.args[0]).lstrip("-") if action.args else ""
    if exe in MULTI_CALL or not exe:
        if first in MULTI_CALL and len(action.args) > 1:
            return {basename(action.args[1])}
        return {first or exe}
    # `sh` is a link to dash, `nc` one to nc.openbsd: the process goes by both names, and cannot hide behind either.
    return {exe, first} if first else {exe}


def exec_row(action: Action, policy: TrustPolicy, *, with_baseline: bool = False) -> str | None:
    """The row an exec falls under before anybody asks whether the image declares it; None: no behaviour.

    `with_baseline`: there is a baseline that may not have seen it.
    """
    if action.is_upper_layer:
        return "written_binary"
    if any(policy.is_suspicious_binary(name) for name in program_names(action)):
        return "suspicious_binary"
    return "unseen_program" if with_baseline and (action.exe or action.args) else None


def destination_of(action: Action, policy: TrustPolicy) -> IPv4Address | IPv6Address | None:
    """The address a connection leads to; None where it is not known, or leads nowhere that could matter."""
    return _leads(action, policy)[0]


def egress_row(action: Action, policy: TrustPolicy, *, with_baseline: bool = False) -> str | None:
    """The row a connection falls under; None: no behaviour (loopback, multicast, internal without a baseline)."""
    address, row = _leads(action, policy)
    if address is None or row == "blocked_egress":
        return row
    if row == "internal_egress":
        # What may be the answer to a client says nothing of what the container looks for inside.
        return row if with_baseline and action.is_initiator_proven else None
    return row if action.is_initiator_proven else "unproven_initiator"


def _leads(action: Action, policy: TrustPolicy) -> "_Lead":
    return _lead(action.dst_ip or "", action.dst_port, policy.is_internal, policy.is_blocked)


_Lead = tuple[IPv4Address | IPv6Address, str] | tuple[None, None]
"""An address, and the row of a connection to it whose initiator is proven."""


@lru_cache(maxsize=16384)
def _lead(ip: str, port: int | None, is_internal: Callable[[str], bool], is_blocked: Callable[[str], bool]) -> _Lead:
    address = address_of(ip)
    if address is None or address.is_loopback or address.is_multicast or address.is_unspecified:
        return None, None
    text = str(address)
    if text == "255.255.255.255":
        return None, None
    if is_blocked(text):
        return address, "blocked_egress"
    if address.is_link_local and port == _DNS_PORT and text not in METADATA:
        # A resolver on the node itself (NodeLocal DNSCache, a cloud's 169.254.169.253): it leaves no link.
        return None, None
    if text in METADATA or port in _CONTROL_PORTS:
        return address, "control_plane_egress"
    return address, "internal_egress" if is_internal(text) else "external_egress"


def row_of(action: Action, policy: TrustPolicy, *, with_baseline: bool = False) -> str | None:
    """The row an action falls under by itself; None: it can be no behaviour, whatever else becomes known."""
    if action.kind == "exec":
        return exec_row(action, policy, with_baseline=with_baseline)
    return egress_row(action, policy, with_baseline=with_baseline)


def is_declared(action: Action, declared: Declared | None, probes: Iterable[Sequence[str]]) -> bool:
    """Whether the image's own config (Entrypoint, Cmd, Healthcheck), or a probe of the pod, runs exactly this.

    A pod's or user's override of the command declares nothing. Probes match their exact argv.
    """
    if _matches(action, declared, probes):
        return True
    if not is_long(action.args) and not any(HIDDEN in arg for arg in action.args):
        return False
    # What was kept of the process was masked, and then perhaps cut: the declaration, masked alike, is what it can be
    # held against.
    hidden = None if declared is None else Declared(*(part and mask_arguments(part) for part in _parts(declared)))
    return _matches(action, hidden, [mask_arguments(probe) for probe in probes])


def _parts(declared: Declared) -> tuple[tuple[str, ...] | None, ...]:
    return (declared.entrypoint, declared.cmd, declared.healthcheck)


def _matches(action: Action, declared: Declared | None, probes: Iterable[Sequence[str]]) -> bool:
    if any(_same(action, probe) for probe in probes):
        return True
    if declared is None:
        return False
    entrypoint, cmd = declared.entrypoint or (), declared.cmd or ()
    started = (*entrypoint, *cmd)
    if started and (_same(action, started) or _interprets(action, started) or _in_shell_string(action, started)):
        return True
    check = declared.healthcheck or ()
    if check[:1] == ("CMD",):
        return _same(action, check[1:]) or _interprets(action, check[1:])
    if check[:1] == ("CMD-SHELL",) and len(check) > 1:
        shell = ("/bin/sh", "-c", check[1])
        return _same(action, shell) or _in_shell_string(action, shell)
    return False


def describe(action: Action) -> str:
    """The action as people write it: the command line, or `ADDR:PORT` (IPv6 in brackets)."""
    if action.kind == "exec":
        path = (action.exe or "").removesuffix(_DELETED)
        if not action.args:
            return path
        called = basename(action.args[0])
        # `python3` is shown as it was called, though the file is python3.11; another name altogether is not believed.
        is_link = bool(called) and basename(path) != called and basename(path).startswith(called)
        shown = action.args[0] if not path or is_link or basename(path) in MULTI_CALL else path
        return " ".join([shown, *action.args[1:]])
    address = address_of(action.dst_ip or "")
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address or action.dst_ip)
    return f"{host}:{action.dst_port}" if action.dst_port is not None else host


def _same(action: Action, argv: Sequence[str]) -> bool:
    if not argv or not action.args:
        return False
    paths = {action.args[0], (action.exe or "").removesuffix(_DELETED)}
    return any(_same_program(path, argv[0]) for path in paths) and follows(argv[1:], action.args)


def _same_program(path: str, declared: str) -> bool:
    """Whether a path that a sensor shows is the declared one, as far as links let one say."""
    name, wanted = basename(path), basename(declared)
    # `python` is a link to `python3.11`: a sensor shows the file, the image config the link.
    if name != wanted and not (name.startswith(wanted) and name[len(wanted) :][:1].isdigit()):
        return False
    folders = {dirname(path), dirname(declared)}
    return path == declared or "" in folders or folders <= _PROGRAM_FOLDERS


def _interprets(action: Action, argv: Sequence[str]) -> bool:
    """A script is run by the kernel as `INTERPRETER SCRIPT ARGS`."""
    if len(action.args) < 2 or not _same_program(action.args[1], argv[0]):
        return False
    name = basename((action.exe or action.args[0]).removesuffix(_DELETED))
    is_interpreter = name in _INTERPRETERS or name.startswith("python")
    return is_interpreter and follows(argv[1:], action.args, 2)


def _in_shell_string(action: Action, argv: Sequence[str]) -> bool:
    """Whether the declared `sh -c STRING` holds the action as one of its simple commands."""
    if len(argv) < 3 or argv[1] != "-c" or basename(argv[0]) not in _INTERPRETERS or not action.args:
        return False
    wanted = joined([basename(action.args[0]), *action.args[1:]])
    return wanted in _simple_commands(argv[2])


@lru_cache(maxsize=1024)
def _simple_commands(text: str) -> frozenset[str]:
    found: set[str] = set()
    parts = [text[:_SHELL_STRING_LIMIT]]
    for separator in _SEPARATORS:
        parts = [piece for part in parts for piece in part.split(separator)]
    for part in parts:
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        if words and words[0] == "exec":
            words = words[1:]
        if words:
            found.add(joined([basename(words[0]), *words[1:]]))
    return frozenset(found)
