"""Turns processes and connections into Tetragon's JSON export: `process_exec`, `process_exit`, `process_kprobe`.

Source: https://tetragon.io/docs/concepts/events/ and the field order of api/v1/tetragon/tetragon.proto, which is the
order in which the exporter prints. The exporter is Go's protojson: it escapes only what JSON demands, and it prints a
blank after each comma, or none, by the build of the program (protobuf-go `internal/detrand`). Both kinds are here.
"""

from binascii import b2a_base64
from functools import lru_cache

from bench.clock import rfc3339, rfc3339_second
from bench.escape import compact, plain
from bench.programs import Program
from bench.world import Container, Node

_CAPABILITIES = (
    "CAP_CHOWN", "DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
)  # fmt: skip
_CREDENTIALS = b'"cap":%b,' % compact({"permitted": _CAPABILITIES, "effective": _CAPABILITIES})
_PROCESS = (
    b'{"exec_id":"%b","pid":%d,"uid":%d,"cwd":"%b","binary":"%b","arguments":"%b","flags":"%b","start_time":"%b",'
    b'"auid":4294967295,%b"parent_exec_id":"%b",%b"tid":%d,"in_init_tree":%b}'
)
_SOCK = (
    b'"function_name":"tcp_connect","args":[{"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","protocol":"IPPROTO_TCP",'
    b'"saddr":"%b","daddr":"%b","sport":%d,"dport":%d,"cookie":"%d","state":"TCP_SYN_SENT"}}],'
    b'"action":"KPROBE_ACTION_POST","policy_name":"connect","return_action":"KPROBE_ACTION_POST"'
)
_BOOT_NS = 86_400_000_000_000


def _quoted(argument: str) -> str:
    """As Tetragon joins arguments: those with blanks are put in quotes, nothing inside is escaped."""
    return f'"{argument}"' if " " in argument or not argument else argument


def _credentials(node: Node) -> bytes:
    """The members that only the process itself has, not its parent: capabilities where the node's agent adds them."""
    return b'"refcnt":1,' + _CREDENTIALS if node.has_credentials else b'"refcnt":1,'


@lru_cache(maxsize=8192)
def program_parts(program: Program) -> tuple[bytes, bytes, bytes]:
    """(binary, arguments as a template with at most one %d, cwd), ready to go between quotes."""
    return plain(program.binary), plain(" ".join(map(_quoted, program.arguments))), plain(program.cwd)


@lru_cache(maxsize=16384)
def _attribution(container: Container) -> bytes:
    """The members that name the container: `pod` (Kubernetes only) and `docker`, the first 31 characters of the id."""
    docker = b'"docker":"%b",' % container.id[:31].encode()
    if not container.pod:
        return docker
    image = container.image
    pod: dict[str, object] = {
        "namespace": container.namespace,
        "name": container.pod,
        "uid": container.pod_uid,
        "container": {
            "id": f"containerd://{container.id}",
            "name": container.name,
            "image": {"id": f"{image.repository}@{image.index_digest}", "name": f"{image.repository}:{image.tag}"},
            "start_time": rfc3339_second(container.started_ns).decode(),
            "pid": 1 + container.pid % 200,
        },
        "pod_labels": {
            "app.kubernetes.io/instance": f"{container.namespace}-{container.name}",
            "app.kubernetes.io/name": container.name,
            "app.kubernetes.io/version": image.tag,
            "pod-template-hash": container.pod.rsplit("-", 2)[-2],
        },
        "workload": container.workload,
        "workload_kind": container.workload_kind,
    }
    return b'"pod":%b,%b' % (compact(pod), docker)


def exec_id(node: Node, time_ns: int, pid: int) -> bytes:
    """Tetragon's id of a process: base64 of node, nanoseconds since boot, and pid."""
    text = b"%b:%d:%d" % (node.name.encode(), time_ns % _BOOT_NS, pid)
    return b2a_base64(text, newline=False)


@lru_cache(maxsize=16384)
def _first_process(container: Container) -> tuple[bytes, bytes]:
    """(exec_id, the whole object) of the container's first process, which is the parent of all others here."""
    binary, arguments, cwd = program_parts(container.image.profile.first)
    own = exec_id(container.node, container.started_ns, container.pid)
    shim = exec_id(container.node, container.created_ns, container.pid - 17)
    process = _PROCESS % (
        own, container.pid, container.image.profile.first.uid, cwd, binary, arguments % (), b"execve rootcwd clone",
        rfc3339(container.started_ns), _attribution(container), shim, b"", container.pid, b"true",
    )  # fmt: skip
    return own, process


@lru_cache(maxsize=4096)
def _host_parent(node: Node) -> tuple[bytes, bytes]:
    own = exec_id(node, 7_000_000_000, 1)
    process = _PROCESS % (
        own, 1, 0, b"/", b"/usr/lib/systemd/systemd", b"--switched-root --system --deserialize=31",
        b"procFS auid rootcwd", rfc3339(1_780_000_000_000_000_000), b"", b"", b"", 1, b"false",
    )  # fmt: skip
    return own, process


def _printed(node: Node, record: bytes) -> bytes:
    """The record as the node's build prints it. No string here ends in a comma: only members are moved apart."""
    return record.replace(b',"', b', "') if node.has_blanks else record


def _tail(node: Node, time_ns: int) -> bytes:
    """What follows the event: the node, the time, and the cluster where the exporter was told its name."""
    cluster = b"" if node.cluster == "default" else b',"cluster_name":"%b"' % node.cluster.encode()
    return b'"node_name":"%b","time":"%b"%b}' % (node.name.encode(), rfc3339(time_ns), cluster)


def _process(container: Container, program: Program, number: int, time_ns: int, pid: int) -> tuple[bytes, bytes]:
    binary, arguments, cwd = program_parts(program)
    parent_id, parent = _first_process(container)
    process = _PROCESS % (
        exec_id(container.node, time_ns, pid), pid, program.uid, cwd, binary,
        arguments % number if b"%d" in arguments else arguments % (), b"execve clone", rfc3339(time_ns - 90_000),
        _attribution(container), parent_id, _credentials(container.node), pid, b"false",
    )  # fmt: skip
    return process, parent


def process_exec(container: Container, program: Program, number: int, time_ns: int, pid: int) -> bytes:
    """`program` was executed in the container, as a child of its first process."""
    process, parent = _process(container, program, number, time_ns, pid)
    record = b'{"process_exec":{"process":%b,"parent":%b},%b' % (process, parent, _tail(container.node, time_ns))
    return _printed(container.node, record)


def first_exec(container: Container, program: Program, time_ns: int) -> bytes:
    """The container's first process was executed; its parent, the shim, is outside any container."""
    binary, arguments, cwd = program_parts(program)
    parent_id, parent = _host_parent(container.node)
    process = _PROCESS % (
        exec_id(container.node, time_ns, container.pid), container.pid, program.uid, cwd, binary, arguments % (),
        b"execve rootcwd clone", rfc3339(time_ns - 90_000), _attribution(container), parent_id,
        _credentials(container.node), container.pid, b"true",
    )  # fmt: skip
    record = b'{"process_exec":{"process":%b,"parent":%b},%b' % (process, parent, _tail(container.node, time_ns))
    return _printed(container.node, record)


def process_exit(container: Container, program: Program, number: int, time_ns: int, pid: int) -> bytes:
    """A process of the container ended."""
    process, parent = _process(container, program, number, time_ns - 40_000_000, pid)
    record = b'{"process_exit":{"process":%b,"parent":%b,"time":"%b"},%b' % (
        process, parent, rfc3339(time_ns), _tail(container.node, time_ns),
    )  # fmt: skip
    return _printed(container.node, record)


def tcp_connect(
    container: Container, program: Program, number: int, time_ns: int, pid: int, address: str, port: int
) -> bytes:
    """A process of the container opened a TCP connection."""
    process, parent = _process(container, program, number, time_ns - 5_000_000, pid)
    sock = _SOCK % (container.address.encode(), address.encode(), 32768 + number % 28000, port, 2**63 + time_ns)
    record = b'{"process_kprobe":{"process":%b,"parent":%b,%b},%b' % (
        process, parent, sock, _tail(container.node, time_ns),
    )  # fmt: skip
    return _printed(container.node, record)


def host_exec(node: Node, program: Program, number: int, time_ns: int, pid: int) -> bytes:
    """A process outside any container was executed."""
    binary, arguments, cwd = program_parts(program)
    parent_id, parent = _host_parent(node)
    process = _PROCESS % (
        exec_id(node, time_ns, pid), pid, program.uid, cwd, binary,
        arguments % number if b"%d" in arguments else arguments % (), b"execve clone", rfc3339(time_ns - 90_000), b"",
        parent_id, _credentials(node), pid, b"false",
    )  # fmt: skip
    record = b'{"process_exec":{"process":%b,"parent":%b},%b' % (process, parent, _tail(node, time_ns))
    return _printed(node, record)
