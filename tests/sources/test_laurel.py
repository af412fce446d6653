"""LAUREL's JSON: both places of the container, percent-encoding, and what processes write staying theirs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, NetworkFlow, ProcessExec, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.laurel import SOURCE, decode, recognise

SAMPLES = Path(__file__).parents[1] / "samples" / "laurel"
WHERE = Where("laurel", "audit.jsonl", 1, node="from-user")
CONTAINER = "4c01db0b339c" + "77aa" * 13
ID = "1789996420.994:5102"


def decoded(record: dict[str, Any] | bytes) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), WHERE))


def ran(**parts: Any) -> ProcessExec:
    """The execution that a record with these parts tells of; `syscall` changes fields of SYSCALL."""
    said = {"arch": "0xc000003e", "syscall": 59, "success": "yes", "pid": 2, "ppid": 1, "uid": 0, "exe": "/bin/x"}
    (event,) = decoded({"ID": ID, "SYSCALL": said | parts.pop("syscall", {}), **parts})
    assert isinstance(event, ProcessExec)
    return event


def connected(sockaddr: Any, **said: Any) -> list[Event]:
    """What a connect with this SOCKADDR gives."""
    call = {"arch": "0xc000003e", "syscall": 42, "success": "yes", "exit": 0, "pid": 2, "exe": "/bin/x"} | said
    return decoded({"ID": ID, "SYSCALL": call, "SOCKADDR": sockaddr})


def sample(name: str) -> list[Event]:
    """The events of one sample file."""
    return [event for line in (SAMPLES / name).read_bytes().splitlines() for event in decoded(line)]


def test_current_shape_names_the_container_in_pid() -> None:
    """0.7 and later: SYSCALL.PID.container.id; the spawner is the parent only if it has the parent's pid."""
    curl, connect, refused, cron = sample("0.8-pid-container.in.jsonl")
    assert isinstance(curl, ProcessExec)
    assert (curl.container_id, curl.container_id_prefix) == (CONTAINER, None)
    assert curl.args == ("curl", "-fsSL", "-w", "%{http_code}+", "http://203.0.113.7/x")
    assert (curl.exe, curl.cwd, curl.pid, curl.parent_pid, curl.parent_exe) == (
        "/usr/bin/curl",
        "/app",
        4121,
        4120,
        "/bin/busybox",
    )
    assert (curl.node, curl.native_id, curl.time_ns) == ("node-a.example", ID, 1_789_996_420_994_000_000)
    assert isinstance(connect, NetworkFlow)
    assert (connect.container_id, connect.dst_ip, connect.dst_port) == (CONTAINER, "203.0.113.7", 80)
    assert not connect.is_refused
    assert isinstance(refused, NetworkFlow)
    assert (refused.dst_ip, refused.dst_port, refused.is_refused) == ("2001:db8::1", 443, True)
    assert isinstance(cron, ProcessExec)
    assert cron.container_id is None


def test_older_shape_names_it_at_the_top() -> None:
    """CONTAINER_INFO.ID; a container's id inside an argument is an argument."""
    curl, shell, su = sample("0.6-container-info.in.jsonl")
    assert isinstance(curl, ProcessExec)
    assert isinstance(shell, ProcessExec)
    assert isinstance(su, ProcessExec)
    assert curl.args == ("curl", "-fsSL", "http://203.0.113.7/x")
    assert [event.container_id for event in (curl, shell, su)] == [CONTAINER, CONTAINER, None]
    assert [event.parent_exe for event in (curl, shell, su)] == ["/bin/busybox", "/bin/ash", None]
    assert su.args == ("su", "-")
    assert {event.node for event in (curl, shell, su)} == {"from-user"}


def test_percent_encoding_is_undone_once() -> None:
    """`%25` is a percent sign; bytes that are no UTF-8 become the replacement character; `+` stays."""
    argv = ["%252b", "a+b", "%c3%a9", "%ff", "50%", "%0a"]
    assert ran(EXECVE={"argc": 6, "ARGV": argv}).args == ("%2b", "a+b", "é", "\ufffd", "50%", "\n")
    assert ran(syscall={"exe": "/opt/a%20b"}, CWD={"cwd": "/%25"}).exe == "/opt/a b"


def test_call_is_known_by_name_where_numbers_are_dropped() -> None:
    """`translate.drop-raw` leaves SYSCALL only; then there is no user id either."""
    (event,) = decoded({"ID": ID, "SYSCALL": {"ARCH": "x86_64", "SYSCALL": "execve", "success": "yes", "pid": 3}})
    assert isinstance(event, ProcessExec)
    assert (event.pid, event.uid) == (3, None)


def test_spawner_that_is_the_process_itself_is_no_parent() -> None:
    """SPAWNED_BY names what the process was before its execve."""
    assert ran(syscall={"SPAWNED_BY": {"pid": 2, "exe": "/bin/sh"}}).parent_exe is None
    assert ran(syscall={"SPAWNED_BY": {"pid": 1, "exe": "/bin/sh"}}).parent_exe == "/bin/sh"


def test_socketcall_is_told_apart_by_its_first_register() -> None:
    """On i386 connect is socketcall 3; bind is 2."""
    address = [{"saddr": "%02%00%00P%cb%00q%07%00%00%00%00%00%00%00%00"}]
    for register, count in (("0x3", 1), ("0x2", 0)):
        assert len(connected(address, arch="0x40000003", syscall=102, ARGV=[register])) == count


@pytest.mark.parametrize(
    "sockaddr",
    [
        [],
        None,
        [{"saddr": "%01%00/var/run/docker.sock%00", "SADDR": "{saddr_fam=local path=/var/run/docker.sock}"}],
        [{"SADDR": {"saddr_fam": "vsock", "cid": "3", "port": "22"}}],
        [{"SADDR": {"addr": "203.0.113.7", "port": "70000"}}],
        [{"SADDR": {"addr": 7, "port": None}}],
        [{"SADDR": {"addr": "203.0.113.7", "port": 0}}],
        [{}],
    ],
)
def test_no_address_no_flow(sockaddr: Any) -> None:
    """Local and virtual sockets, impossible ports, a looked-up route, nothing at all."""
    assert connected(sockaddr) == []


def test_enriched_text_and_object_are_both_read() -> None:
    """auditd's own enrichment is text, LAUREL's an object."""
    for enriched in ("{ saddr_fam=inet laddr=203.0.113.7 lport=443 }", {"addr": "203.0.113.7", "port": "443"}):
        (event,) = connected([{"SADDR": enriched}])
        assert isinstance(event, NetworkFlow)
        assert (event.dst_ip, event.dst_port) == ("203.0.113.7", 443)


def test_failed_execution_and_other_records_are_nothing() -> None:
    """A failed execve, a call that is no behaviour, and a session record."""
    assert decoded({"ID": ID, "SYSCALL": {"arch": "0xc000003e", "syscall": 59, "success": "no", "exit": -2}}) == []
    assert decoded({"ID": ID, "SYSCALL": {"arch": "0xc000003e", "syscall": 257, "success": "yes"}}) == []
    assert decoded({"ID": ID, "USER_LOGIN": {"pid": 1}}) == []


@pytest.mark.parametrize("container", [{"id": "host"}, {"id": "ABCDEF"}, {"id": None}, {}, None, {"id": "../../x"}])
def test_odd_container_is_unknown(container: Any) -> None:
    """Anything but an id of 64 lower-case hex is none."""
    assert ran(syscall={"PID": {"container": container}}).container_id is None


def test_container_with_two_ids_is_rejected() -> None:
    """Parsers differ on which of two equal keys holds, so neither does."""
    ids = f'{{"id":"{CONTAINER}","id":"{"0" * 64}"}}'
    call = f'"SYSCALL":{{"SYSCALL":"execve","success":"yes","PID":{{"container":{ids}}}}}'
    with pytest.raises(RecordError, match="more than one"):
        decoded(f'{{"ID":"{ID}",{call}}}'.encode())
    info = f'"CONTAINER_INFO":{ids.replace("id", "ID")}'
    with pytest.raises(RecordError, match="more than one"):
        decoded(f'{{"ID":"{ID}","SYSCALL":{{"SYSCALL":"execve","success":"yes"}},{info}}}'.encode())


@pytest.mark.parametrize("argv", [["a", None, 5, True, 1.5, 10**400], []])
def test_odd_arguments_do_no_harm(argv: list[Any]) -> None:
    """Numbers and gaps where text should be."""
    assert len(ran(EXECVE={"ARGV": argv}).args) == len(argv)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b"[]",
        b'{"ID":7}',
        b'{"ID":"82591cbc0488d83d"}',
        b'{"ID":"1.5"}',
        b'{"ID":"999999999999.000:1","SYSCALL":{}}',
        b'{"ID":"1789996420.994:1","SYSCALL":[]}',
        b'{"ID":"1789996420.994:1","SYSCALL":{"SYSCALL":"execve","success":"yes","exe":"\xff"}}',
        b'{"ID":"1789996420.994:1","SYSCALL":{"SYSCALL":"execve","success":"yes","exe":"\\ud800"}}',
        b'{"ID":"1789996420.994:1","x":' + b"[" * 100_000,
        b'{"ID":"1789996420.994:1","SYSCALL":{"SYSCALL":"execve","success":"yes","PID":{"container":{"id":7}}}}',
        b'{"ID":"1789996420.994:1"',
        b'\xef\xbb\xbf{"ID":"1789996420.994:1"}',
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """Wrong types, no stamp, an impossible time, broken text, bottomless nesting."""
    with pytest.raises(RecordError):
        decoded(record)


def test_recognised_by_the_stamp_in_its_id() -> None:
    """Podman's events have an ID too."""
    assert recognise({"ID": ID, "SYSCALL": {}})
    assert not recognise({"ID": "82591cbc0488d83d", "Image": "x", "Status": "create"})
    assert not recognise({"Id": ID})


def test_source_feeds_the_audit_log_source() -> None:
    """And says that the inner one of nested containers is not seen."""
    assert SOURCE.log_sources == ("auditd:SYSCALL",)
    assert "nested" in SOURCE.cannot_see
