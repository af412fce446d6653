"""Turns executions and connections into LAUREL's JSON: one audit event, its records joined.

Source: https://github.com/threathunters-io/laurel `json-format.md` and `man/laurel.8.md`; with `container-info = true`
the event carries `CONTAINER_INFO.ID`, and with auditd's `name_format` the top-level `NODE`. `%` and `+` in strings are
percent-encoded.
"""

import os.path
from functools import lru_cache

from bench.clock import SECOND
from bench.escape import compact, plain
from bench.programs import Program
from bench.world import Container, Node

_SYSCALL = (
    b'"SYSCALL":{"arch":"0xc000003e","syscall":%d,"success":"%b","exit":%d,"items":%d,"ppid":%d,"pid":%d,'
    b'"auid":4294967295,"uid":%d,"gid":%d,"euid":%d,"suid":%d,"fsuid":%d,"egid":%d,"sgid":%d,"fsgid":%d,"tty":"(none)",'
    b'"ses":4294967295,"comm":"%b","exe":"%b","subj":"unconfined","key":"%b","ARGV":["0x55%010x","0x55%010x","0x7f%010x",'
    b'"0x8"],"ARCH":"x86_64","SYSCALL":"%b","AUID":"unset","UID":"unknown(%d)","GID":"unknown(%d)"}'
)
_PATHS = (
    b'"PATH":[{"item":0,"name":"%b","inode":%d,"dev":"00:4b","mode":"0o100755","ouid":0,"ogid":0,"rdev":"00:00",'
    b'"nametype":"NORMAL","cap_fp":"0x0","cap_fi":"0x0","cap_fe":0,"cap_fver":"0x0","cap_frootid":"0","OUID":"root",'
    b'"OGID":"root"},{"item":1,"name":"/lib64/ld-linux-x86-64.so.2","inode":%d,"dev":"00:4b","mode":"0o100755","ouid":0,'
    b'"ogid":0,"rdev":"00:00","nametype":"NORMAL","cap_fp":"0x0","cap_fi":"0x0","cap_fe":0,"cap_fver":"0x0",'
    b'"cap_frootid":"0","OUID":"root","OGID":"root"}]'
)
_PARENT = b'"PARENT_INFO":{"ID":"%d.%03d:%d","comm":"%b","exe":"%b","ARGV":%b,"ppid":%d}'


def _encoded(argument: str) -> str:
    """An argument as LAUREL writes it, still a template: `%%` stands for itself and `%d` for a number."""
    return argument.replace("%%", "%%25").replace("+", "%%2b")


@lru_cache(maxsize=8192)
def _program(program: Program) -> tuple[bytes, bytes, bytes, int]:
    """(comm, path, ARGV template, argc)."""
    name = os.path.basename(program.binary)
    argv = [_encoded(program.binary), *map(_encoded, program.arguments)]
    return plain(name[:15]), plain(program.binary), compact(argv), len(argv)


def _head(node: Node, time_ns: int, number: int) -> bytes:
    seconds, fraction = divmod(time_ns, SECOND)
    millisecond, serial = fraction // 1_000_000, number % 10_000_000
    return b'{"ID":"%d.%03d:%d","NODE":"%b",' % (seconds, millisecond, serial, node.name.encode())


def _syscall(
    program: Program, number: int, pid: int, parent: int, *, syscall: int, call: bytes, key: bytes, success: bool = True
) -> bytes:
    comm, path, _, _ = _program(program)
    uid = program.uid
    return _SYSCALL % (
        syscall, b"yes" if success else b"no", 0 if success else -115, 2 if syscall == 59 else 0, parent, pid,
        uid, uid, uid, uid, uid, uid, uid, uid, comm, path, key, number, number + 64, number + 4096, call, uid, uid,
    )  # fmt: skip


def _tail(container: Container | None, parent: Program, parent_pid: int, time_ns: int, number: int) -> bytes:
    comm, path, argv, _ = _program(parent)
    seconds, fraction = divmod(time_ns - 3 * SECOND, SECOND)
    info = _PARENT % (
        seconds, fraction // 1_000_000, (number + 7) % 10_000_000, comm, path,
        argv % number if b"%d" in argv else argv % (), max(parent_pid - 20, 1),
    )  # fmt: skip
    if container is None:
        return info + b"}"
    return b'%b,"CONTAINER_INFO":{"ID":"%b"}}' % (info, container.id.encode())


def execve(
    node: Node, container: Container | None, program: Program, parent: Program, number: int, time_ns: int, pid: int
) -> bytes:
    """`program` was executed on the node; in the container, where one is given."""
    _, path, template, argc = _program(program)
    argv = template % number if b"%d" in template else template % ()
    parent_pid = 1 if container is None else container.pid if pid != container.pid else max(pid - 17, 1)
    return b'%b%b,"EXECVE":{"argc":%d,"ARGV":%b},"CWD":{"cwd":"%b"},%b,"PROCTITLE":{"ARGV":%b},%b' % (
        _head(node, time_ns, number),
        _syscall(program, number, pid, parent_pid, syscall=59, call=b"execve", key=b"exec"),
        argc,
        argv,
        plain(program.cwd),
        _PATHS % (path, 400_000 + number % 99_999, 300_000 + number % 99_999),
        argv,
        _tail(container, parent, parent_pid, time_ns, number),
    )


def connect(
    node: Node, container: Container | None, program: Program, number: int, time_ns: int, pid: int,
    address: str, port: int,
) -> bytes:  # fmt: skip
    """A process opened a connection; in the container, where one is given."""
    _, _, template, _ = _program(program)
    argv = template % number if b"%d" in template else template % ()
    parent_pid = container.pid if container is not None else 1
    return b'%b%b,"SOCKADDR":[{"SADDR":{"family":"ipv4","addr":"%b","port":%d}}],"PROCTITLE":{"ARGV":%b},%b' % (
        _head(node, time_ns, number),
        _syscall(program, number, pid, parent_pid, syscall=42, call=b"connect", key=b"connect", success=False),
        address.encode(),
        port,
        argv,
        _tail(container, program, parent_pid, time_ns, number),
    )
