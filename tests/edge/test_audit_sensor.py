"""The sensor by audit records: events put together, containers found, rules judged; and the real thing, read only."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from daemons import needed, run
from desks import SensorDesk
from hypothesis import given
from hypothesis import strategies as st
from sensor_places import container_cgroup, made_id, needs_root, running

from tidewaiter.edge import audit_sensor
from tidewaiter.edge.audit_sensor import AuditSensor, missing_rule, probe
from tidewaiter.edge.host import Audit
from tidewaiter.sources._sensor_record import ContainerNamed, ExecRecord

WEB = ContainerNamed("a" * 64, "docker")
STAMP = "1789996420.994:5102"
CALL = (
    "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid={ppid} pid={pid} auid=4294967295 "
    'uid=33 gid=33 euid=33 tty=(none) ses=4294967295 comm="nc" exe="/bin/nc" key=(null)'
)


def sent(kind: int, text: str, stamp: str = STAMP) -> bytes:
    """One record as the kernel sends it."""
    body = f"audit({stamp}): {text}".encode()
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def execution(pid: int, ppid: int, stamp: str = STAMP) -> list[bytes]:
    """The records of one execve."""
    return [
        sent(1300, CALL.format(pid=pid, ppid=ppid), stamp),
        sent(1309, 'argc=3 a0="nc" a1="203.0.113.7" a2=2D6520612062', stamp),
        sent(1307, 'cwd="/tmp"', stamp),
        sent(1302, 'item=0 name="/bin/nc"', stamp),
        sent(1327, "proctitle=6E63", stamp),
        sent(1320, "", stamp),
    ]


class Proc:
    """Stands in for /proc."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.containers: dict[int, ContainerNamed | None] = {}
        monkeypatch.setattr(audit_sensor, "container_now", self._container)
        monkeypatch.setattr(audit_sensor, "exe_now", lambda pid: f"/exe/of/{pid}" if pid in self.containers else None)

    def _container(self, pid: int) -> ContainerNamed | None:
        if pid not in self.containers:
            raise ProcessLookupError
        return self.containers[pid]


@pytest.fixture
def proc(monkeypatch: pytest.MonkeyPatch) -> Proc:
    """A /proc without processes."""
    return Proc(monkeypatch)


def told(sensor: AuditSensor, *records: bytes) -> list[ExecRecord]:
    """What a sensor makes of some records."""
    desk = SensorDesk()
    for record in records:
        sensor.take(record, desk)
    return [record for record in desk.records if isinstance(record, ExecRecord)]


def test_an_event_is_put_together_and_read_like_a_recorded_log(proc: Proc) -> None:
    """Records of other events may stand between."""
    proc.containers |= {7: WEB, 6: WEB}
    mine, other = execution(7, 6), execution(8, 1, "1789996420.994:5103")
    (record,) = told(AuditSensor(), *(one for pair in zip(mine, other, strict=True) for one in pair))[:1]
    assert record == ExecRecord(
        time_ns=1_789_996_420_994_000_000,
        sensor="audit",
        container=WEB,
        pid=7,
        parent_pid=6,
        parent_exe="/exe/of/6",
        uid=33,
        exe="/bin/nc",
        args=["nc", "203.0.113.7", "-e a b"],
        cwd="/tmp",  # noqa: S108 - what the record says
    )


@pytest.mark.parametrize(
    ("shown", "container", "is_told"),
    [
        ({7: WEB}, WEB, True),
        ({6: WEB}, WEB, True),
        ({7: None, 6: WEB}, WEB, True),
        ({7: None, 6: None}, None, False),
        ({7: None}, None, False),
        ({6: None}, None, False),
        ({}, None, True),
    ],
)
def test_the_container_is_the_processs_or_its_parents(
    proc: Proc, shown: dict[int, ContainerNamed | None], container: ContainerNamed | None, is_told: bool
) -> None:
    """What is the host's is not told; what is not known is, since the engine may know the process."""
    proc.containers |= shown
    sensor = AuditSensor()
    assert [record.container for record in told(sensor, *execution(7, 6))] == ([container] if is_told else [])
    assert sensor.unattributed == int(is_told and container is None)


def test_a_parent_that_ended_is_remembered_for_a_moment(proc: Proc) -> None:
    """Later its id may be somebody else's."""
    proc.containers[7] = WEB
    sensor = AuditSensor()
    told(sensor, *execution(7, 6))
    proc.containers.clear()
    assert [r.container for r in told(sensor, *execution(8, 7, "1789996422.0:5104"))] == [WEB]
    assert [r.container for r in told(sensor, *execution(9, 7, "1789996430.0:5105"))] == [None]


def test_events_without_an_end_are_bounded(proc: Proc) -> None:
    """The oldest is read as it is."""
    proc.containers[7] = WEB
    sensor = AuditSensor()
    starts = [sent(1300, CALL.format(pid=7, ppid=6), f"1789996420.0:{serial}") for serial in range(1030)]
    assert len(told(sensor, *starts)) == 6


def test_ourselves_and_other_calls_are_not_told(proc: Proc) -> None:
    """A failed execve, a connect, our own."""
    proc.containers[7] = proc.containers[os.getpid()] = WEB
    failed = [one.replace(b"success=yes", b"success=no") for one in execution(7, 6)]
    connected = [one.replace(b"syscall=59", b"syscall=42") for one in execution(7, 6)]
    assert told(AuditSensor(), *failed, *connected, *execution(os.getpid(), 6)) == []


@pytest.mark.property
@given(st.sampled_from([1300, 1309, 1320, 1327, 9]), st.binary(max_size=200), st.integers(0, 40))
def test_no_record_breaks_it(kind: int, body: bytes, cut: int) -> None:
    """Whatever stands in it."""
    sensor, desk = AuditSensor(), SensorDesk()
    for record in (body, sent(kind, body.decode("latin-1"))[: 60 - cut], sent(kind, body.decode("latin-1"))):
        sensor.take(record, desk)
    sensor.take(sent(1320, ""), desk)
    assert desk.records == []


@pytest.mark.parametrize(
    ("enabled", "has_rule", "said"),
    [
        (False, True, "auditctl -e 1"),
        (True, False, "auditctl -a"),
        (True, False, "login user"),
        (True, True, None),
        (True, None, None),
        (None, None, None),
    ],
)
def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, enabled: bool | None, has_rule: bool | None, said: str | None
) -> None:
    """Audit that is off, no rule for everybody. What may not be asked is not missed: CAP_AUDIT_READ is enough."""
    audit = Audit(enabled=enabled, execve_rule=has_rule, connect_rule=False, lost=0)
    monkeypatch.setattr(audit_sensor, "ask_audit", lambda: audit)
    why = missing_rule()
    assert (why is None) if said is None else (why is not None and said in why)


def test_a_socket_that_may_not_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root."""

    def closed(protocol: int, groups: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(audit_sensor, "Netlink", closed)
    desk = SensorDesk()
    AuditSensor().run(desk)
    (condition,) = desk.conditions
    assert (condition.state, condition.blind) == ("off", ("execs", "names"))
    assert "CAP_AUDIT_READ" in condition.sentence
    assert probe() == condition.sentence


LOGIN = 424242
"""A login user whom nobody has: the rule of the test watches its own processes only."""


@contextmanager
def audited() -> Iterator[None]:
    """A rule for the processes of that login user; afterwards all is as it was."""
    needed("auditctl")
    before = run("auditctl", "-s"), run("auditctl", "-l")
    enabled = before[0].partition("enabled ")[2][:1]
    if enabled not in ("0", "1"):
        pytest.skip("audit is locked on this machine; what this would prove was not proven")
    what = ["always,exit", "-F", "arch=b64", "-S", "execve", "-F", f"auid={LOGIN}"]
    run("auditctl", "-e", "1")
    try:
        run("auditctl", "-a", *what)
        try:
            yield
        finally:
            run("auditctl", "-d", *what)
    finally:
        run("auditctl", "-e", enabled)
    assert run("auditctl", "-l") == before[1]


@pytest.mark.e2e
def test_real_audit_records_are_told_where_they_were() -> None:
    """Every execution of a shell in a cgroup that is named like a container, with its arguments."""
    needs_root()
    why = probe()
    if why is not None:
        pytest.skip(f"{why}; what this would prove was not proven")
    name, desk = made_id(5), SensorDesk()
    script = "i=0; while [ $i -lt 100 ]; do /bin/true arg$i; i=$((i+1)); done"
    code = (
        "import os, sys; open('/proc/self/loginuid', 'w').write(sys.argv[1]);"
        "open(sys.argv[2], 'w').write(str(os.getpid())); os.execv('/bin/sh', ['sh', '-c', sys.argv[3]])"
    )
    with container_cgroup(name) as procs, audited(), running(AuditSensor(), desk):
        subprocess.run([sys.executable, "-c", code, str(LOGIN), str(procs), script], check=True)  # noqa: S603
        desk.wait(lambda: len(desk.execs(name)) >= 101 or desk.lost["sensor"] > 0)
    known = [record for record in desk.execs(name) if record.args[:1] == ["/bin/true"]]
    if desk.lost["sensor"] == 0:
        assert [record.args[1] for record in known] == [f"arg{number}" for number in range(100)]
    assert {record.uid for record in known} == {0}
    condition = desk.conditions[0]
    assert (condition.state, condition.blind) == ("waiting", ("execs", "names"))
    assert "auditctl -a" in condition.sentence
