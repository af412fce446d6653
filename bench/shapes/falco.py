"""Turns executions and connections into Falco's JSON alerts (`json_output: true`).

Source: https://falco.org/docs/concepts/outputs/formatting/; keys are sorted, `container.id` is the first 12
characters.
"""

import os.path
from functools import lru_cache

from bench.clock import clock_nine, rfc3339
from bench.escape import plain
from bench.programs import Program
from bench.world import Container

_EXEC_RULES: tuple[tuple[bytes, bytes], ...] = (
    (b"Notice", b"Terminal shell in container"),
    (b"Warning", b"Launch Suspicious Network Tool in Container"),
    (b"Notice", b"Launch Package Management Process in Container"),
    (b"Informational", b"Spawned process in container"),
)
_TAGS = b'["T1059","container","maturity_stable","mitre_execution","shell"]'
_EXEC = (
    b'{"hostname":"%b","output":"%b: %b %b | evt_type=execve user=root process=%b proc_exepath=%b parent=%b command=%b '
    b'terminal=0 exe_flags=EXE_WRITABLE %b","output_fields":{%b,"evt.arg.flags":"EXE_WRITABLE","evt.time":%d,'
    b'"evt.type":"execve",%b,"proc.cmdline":"%b","proc.exepath":"%b","proc.name":"%b","proc.pid":%d,"proc.pname":"%b",'
    b'"proc.tty":0,"user.loginuid":-1,"user.name":"root","user.uid":%d},"priority":"%b","rule":"%b","source":"syscall",'
    b'"tags":%b,"time":"%b"}'
)
_CONNECT = (
    b'{"hostname":"%b","output":"%b: Notice Unexpected outbound connection | connection=%b evt_type=connect user=root '
    b'process=%b command=%b %b","output_fields":{%b,"evt.time":%d,"evt.type":"connect","fd.cip":"%b","fd.cport":%d,'
    b'"fd.l4proto":"tcp","fd.name":"%b","fd.rip":"%b","fd.rport":%d,"fd.sip":"%b","fd.sport":%d,%b,"proc.cmdline":"%b",'
    b'"proc.exepath":"%b","proc.name":"%b","proc.pid":%d,"proc.pname":"%b","user.loginuid":-1,"user.name":"root",'
    b'"user.uid":%d},"priority":"Notice","rule":"Unexpected outbound connection destination","source":"syscall",'
    b'"tags":["container","mitre_command_and_control","network"],"time":"%b"}'
)


@lru_cache(maxsize=16384)
def _names(container: Container) -> tuple[bytes, bytes, bytes]:
    """(container fields, k8s fields, the end of the output line) of a container."""
    image = container.image
    name = container.name
    if container.pod:
        name = f"k8s_{container.name}_{container.pod}_{container.namespace}_{container.pod_uid}_0"
    fields = (
        b'"container.id":"%b","container.image.repository":"%b","container.image.tag":"%b","container.name":"%b"'
        % (container.id[:12].encode(), plain(image.repository), plain(image.tag), plain(name))
    )
    kubernetes = b'"k8s.ns.name":%b,"k8s.pod.name":%b' % (
        (b'"%b"' % plain(container.namespace), b'"%b"' % plain(container.pod)) if container.pod else (b"null", b"null")
    )
    line = b"container_id=%b container_name=%b container_image_repository=%b container_image_tag=%b" % (
        container.id[:12].encode(), plain(name), plain(image.repository), plain(image.tag),
    )  # fmt: skip
    return fields, kubernetes, line


@lru_cache(maxsize=8192)
def _program(program: Program) -> tuple[bytes, bytes, bytes]:
    """(name, path, command line template)."""
    name = os.path.basename(program.binary)
    return plain(name), plain(program.binary), plain(" ".join((name.replace("%", "%%"), *program.arguments)))


def execve(container: Container, program: Program, number: int, time_ns: int, pid: int, parent: str = "runc") -> bytes:
    """A rule about an execution in the container fired."""
    fields, kubernetes, line = _names(container)
    name, path, template = _program(program)
    command = template % number if b"%d" in template else template % ()
    priority, rule = _EXEC_RULES[number % len(_EXEC_RULES)]
    return _EXEC % (
        container.node.name.encode(), clock_nine(time_ns), priority, rule, name, path, parent.encode(), command, line,
        fields, time_ns, kubernetes, command, path, name, pid, parent.encode(), program.uid, priority, rule, _TAGS,
        rfc3339(time_ns),
    )  # fmt: skip


def connect(
    container: Container, program: Program, number: int, time_ns: int, pid: int, address: str, port: int
) -> bytes:
    """A rule about an outbound connection of the container fired."""
    fields, kubernetes, line = _names(container)
    name, path, template = _program(program)
    command = template % number if b"%d" in template else template % ()
    source, source_port, target = container.address.encode(), 32768 + number % 28000, address.encode()
    connection = b"%b:%d->%b:%d" % (source, source_port, target, port)
    return _CONNECT % (
        container.node.name.encode(), clock_nine(time_ns), connection, name, command, line, fields, time_ns, source,
        source_port, connection, target, port, target, port, kubernetes, command, path, name, pid, b"runc", program.uid,
        rfc3339(time_ns),
    )  # fmt: skip
