"""Defines the shape of the events Tetragon exports, as far as they are read, and splits its joined arguments.

Source: `api/v1/tetragon/tetragon.proto` and `events.proto`. protojson leaves out what is empty or zero, and writes
64-bit integers as text; a field that was left out is "" or None here.
"""

import msgspec

CONNECTING = frozenset(
    {
        "tcp_connect",
        "tcp_v4_connect",
        "tcp_v6_connect",
        "inet_stream_connect",
        "__inet_stream_connect",
        "inet_dgram_connect",
        "ip4_datagram_connect",
        "ip6_datagram_connect",
        "security_socket_connect",
        "socket_connect",
    }
)
"""Kernel functions and hooks whose caller opens a connection (besides the system call itself)."""
SENDING = frozenset(
    {
        "udp_sendmsg",
        "udpv6_sendmsg",
        "security_socket_sendmsg",
        "socket_sendmsg",
        "tcp_sendmsg",
        "tcp_sendmsg_locked",
        "tcp_close",
        "ip_output",
        "ip6_output",
        "ip_local_out",
        "__ip_local_out",
        "ip_queue_xmit",
        "__ip_queue_xmit",
    }
)
"""Kernel functions that use a socket, whoever opened it."""
KINDS = (
    "process_exec",
    "process_exit",
    "process_kprobe",
    "process_tracepoint",
    "process_lsm",
    "process_uprobe",
    "process_usdt",
    "process_loader",
    "process_throttle",
    "process_connect",
    "process_close",
    "process_listen",
    "process_accept",
    "process_dns",
    "rate_limit_info",
)
"""The kinds of event, of the open-source release and before it."""


class Image(msgspec.Struct, gc=False):
    id: str = ""
    name: str = ""


class SecurityContext(msgspec.Struct, gc=False):
    privileged: bool = False


class Container(msgspec.Struct, gc=False):
    id: str = ""
    name: str = ""
    image: Image | None = None
    security_context: SecurityContext | None = None


class Pod(msgspec.Struct, gc=False):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    container: Container | None = None
    workload: str = ""
    workload_kind: str = ""


class Inode(msgspec.Struct, gc=False):
    links: int | None = None


class File(msgspec.Struct, gc=False):
    inode: Inode | None = None


class BinaryProperties(msgspec.Struct, gc=False):
    file: File | None = None


class Process(msgspec.Struct, gc=False):
    exec_id: str = ""
    pid: int | None = None
    uid: int | None = None
    cwd: str = ""
    binary: str = ""
    arguments: str = ""
    pod: Pod | None = None
    docker: str = ""
    binary_properties: BinaryProperties | None = None


class Parent(msgspec.Struct, gc=False):
    binary: str = ""
    pid: int | None = None


class Exec(msgspec.Struct, gc=False):
    process: Process | None = None
    parent: Parent | None = None


class Socket(msgspec.Struct, gc=False):
    protocol: str = ""
    saddr: str = ""
    daddr: str = ""
    sport: int | None = None
    dport: int | None = None


class Address(msgspec.Struct, gc=False):
    addr: str = ""
    port: int | None = None


class Argument(msgspec.Struct, gc=False):
    sock_arg: Socket | None = None
    skb_arg: Socket | None = None
    sockaddr_arg: Address | None = None
    int_arg: int | None = None


class Call(msgspec.Struct, gc=False, rename={"returned": "return"}):
    """A kprobe, an LSM hook or a tracepoint."""

    process: Process | None = None
    function_name: str = ""
    event: str = ""
    args: list[Argument] = []
    returned: Argument | None = None
    action: str = ""


class Connection(msgspec.Struct, gc=False):
    """`process_connect` and `process_close`."""

    process: Process | None = None
    source_ip: str = ""
    source_port: int | None = None
    destination_ip: str = ""
    destination_port: int | None = None
    destination_names: list[str] = []
    protocol: str = ""


class Record(msgspec.Struct, gc=False):
    process_exec: Exec | None = None
    process_kprobe: Call | None = None
    process_lsm: Call | None = None
    process_tracepoint: Call | None = None
    process_connect: Connection | None = None
    process_close: Connection | None = None
    node_name: str = ""
    time: str = ""
    cluster_name: str = ""


def split_arguments(text: str) -> list[str]:
    """The arguments in Tetragon's one string (`pkg/process/args.go`, `ArgsDecoder`), without argv[0].

    An argument with a blank stands between quotation marks, and marks inside are not escaped: they are matched like
    brackets. Text that was made to look otherwise is split otherwise; nothing is lost or added but marks and blanks.
    """
    if '"' not in text:
        return text.split(" ") if text else []
    words = text.removeprefix(" ").split(" ")
    closing = _closing_marks(words)
    found: list[str] = []
    index = 0
    while index < len(words):
        last = closing.get(index, index)
        found.append(" ".join(words[index : last + 1])[1:-1] if last > index else words[index])
        index = last + 1
    return found


def _closing_marks(words: list[str]) -> dict[int, int]:
    """For each word that opens a quoted argument, the number of the word that closes it."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for index, word in enumerate(words):
        opens, closes = word[:1] == '"', word[-1:] == '"'
        if word == '"':
            opens = not (closes := bool(opened))
        if opens and not closes:
            opened.append(index)
        elif closes and not opens and opened:
            closing[opened.pop()] = index
    unclosed = frozenset(opened)
    later: int | None = None
    for index in range(len(words) - 1, -1, -1) if unclosed else ():
        if index in unclosed and later is not None:
            closing[index] = later
        if words[index][-1:] == '"':
            later = index
    return closing
