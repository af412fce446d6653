"""Turns what a container did once (a command line, a connection) into the habit that it is an instance of.

Two actions are of one habit where only that differs which differs every time: numbers, random names, addresses of
pods. What an attacker chooses (the program, the host it talks to, a script's text) is never left out.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from posixpath import basename
from typing import Literal

import msgspec

from tidewaiter.behaviour import METADATA, MULTI_CALL, destination_of
from tidewaiter.chain import Action
from tidewaiter.cut import TEXT_KEPT, is_long
from tidewaiter.policy import TrustPolicy
from tidewaiter.shape import IsInternal, bounded, escaped, shape_of, shape_of_host, shape_of_path

HabitKind = Literal["exec", "egress"]

RUNTIME = "(runtime)"
_RUNTIMES = ("runc", "crun", "youki", "runsc", "conmon", "containerd", "dockerd", "crio", "podman", "kata-runtime")
_WRITTEN = "<written>"
_DELETED = " (deleted)"
_PARENT_KEPT = 64
_REMEMBERED = 1024
"""Characters of a command line that is worth remembering: a longer one is hardly run twice."""
_DNS_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}\Z")


class Habit(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something that a container does again and again."""

    kind: HabitKind
    what: str
    """Of an exec the path and the shape of its arguments (`shape.py`), `<written>` before it where the file was written
    after the container started; of a connection `HOST:PORT/PROTOCOL`, HOST being a DNS name, an address (IPv6 in
    brackets) or a workload (`NAMESPACE/KIND/NAME`)."""


def habit_of(action: Action, policy: TrustPolicy) -> Habit | None:
    """The habit of an action; None where it can be none (loopback, multicast, DNS to a link-local resolver)."""
    if action.kind != "exec":
        return _destination(action, policy)
    size = sum(map(len, action.args)) + len(action.exe or "")
    ran = _ran if size <= _REMEMBERED else _ran.__wrapped__
    return ran(action.exe, action.args, action.is_upper_layer, policy.is_internal)


def parent_of(action: Action) -> str | None:
    """The program that started an exec, as a baseline keeps it: its name; `(runtime)` for a container runtime; None
    where nobody told."""
    return _parent(action.parent_exe[-TEXT_KEPT:]) if action.parent_exe else None


def to_host(host: str, action: Action) -> Habit:
    """The habit of connecting to a host as this action does."""
    port = "" if action.dst_port is None else f":{action.dst_port}"
    return Habit("egress", bounded(f"{host}{port}/{escaped(action.protocol or 'tcp').lower()}"))


@lru_cache(maxsize=8192)
def _ran(exe: str | None, args: tuple[str, ...], is_written: bool, is_internal: IsInternal) -> Habit | None:
    path = (exe or (args[0] if args else "")).removesuffix(_DELETED)
    if not path:
        return None
    program, rest = path, args[1:]
    if basename(path) in MULTI_CALL and args:
        # The same file is many programs: argv tells which.
        called = basename(args[0]).lstrip("-")
        if called in MULTI_CALL and rest:
            called, rest = basename(rest[0]), rest[1:]
        program = called
    kept = rest[-1:] if is_long(args) else ()
    """The mark of a command line that was cut: it tells two apart."""
    words = [_WRITTEN * is_written + shape_of_path(path)]
    if program != path:
        words.append("<blank>".join(escaped(program).split()))
    words.append(shape_of(program, rest[: len(rest) - len(kept)], is_internal))
    words.extend(map(escaped, kept))
    return Habit("exec", bounded(" ".join(filter(None, words))))


@lru_cache(maxsize=1024)
def _parent(exe: str) -> str | None:
    name = basename(exe.removesuffix(_DELETED))
    if name in _RUNTIMES or name.startswith(("containerd-shim", "runc:[")) or exe.startswith("/proc/self/exe"):
        return RUNTIME
    return bounded(name[:_PARENT_KEPT]) or None


def _destination(action: Action, policy: TrustPolicy) -> Habit | None:
    address = destination_of(action, policy)
    if address is None:
        return None
    text = str(address)
    name = (action.dst_name or "").rstrip(".").lower()
    if text in METADATA or policy.is_blocked(text) or not _DNS_NAME.match(name):
        # A name is no excuse for an address that the rules name.
        return to_host(f"[{text}]" if isinstance(address, IPv6Address) else text, action)
    return to_host(shape_of_host(name) if policy.is_internal(text) else name, action)
