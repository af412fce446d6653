"""The sensor without BPF: real processes in a cgroup that is named like a container, lost events, and garbage."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from desks import SensorDesk
from hypothesis import given
from hypothesis import strategies as st
from sensor_places import container_cgroup, made_id, needs_root, running

from tidewaiter.edge import proc_sensor
from tidewaiter.edge.netlink import Overflow
from tidewaiter.edge.proc_sensor import ProcSensor, probe
from tidewaiter.sources._sensor_record import ExecRecord

NOBODY = 2**22 + 7
"""A process id that Linux gives to nobody."""


@pytest.fixture
def listening() -> None:
    """Skip where the kernel does not tell of processes."""
    needs_root()
    why = probe()
    if why is not None:
        pytest.skip(f"{why}; what this would prove was not proven")


def in_cgroup(procs: Any, script: str, **how: Any) -> subprocess.Popen[bytes]:
    """A shell that joins the cgroup, becomes another one there, and runs a script."""
    command = ["sh", "-c", f'echo $$ > {procs}; exec sh -c "$1"', "sh", script]
    return subprocess.Popen(command, **how)  # noqa: S603 - the test's own script


@pytest.mark.e2e
@pytest.mark.usefixtures("listening")
def test_a_thousand_short_processes_are_seen_where_they_were() -> None:
    """Most end within a millisecond: each is told in its container, with its parent and its user."""
    name, desk, sensor = made_id(1), SensorDesk(), ProcSensor()
    with container_cgroup(name) as procs, running(sensor, desk):
        script = "i=0; while [ $i -lt 1000 ]; do /bin/true arg$i; i=$((i+1)); done; exec /bin/true the-end"
        assert in_cgroup(procs, script).wait() == 0
        desk.wait(lambda: len(desk.execs(name)) >= 1002 or desk.lost["sensor"] > 0)
    told = desk.execs(name)
    if desk.lost["sensor"] == 0:
        # 1,000, the shell and the end; and the shell's first life, where that is read after it joined.
        assert len(told) in (1002, 1003)
    short = [record for record in told if record.args[:1] != ["sh"] and "the-end" not in record.args]
    for record in short[:1000]:
        assert record.container is not None
        assert (record.container.runtime, record.sensor, record.uid) == ("docker", "proc", os.getuid())
        assert not record.args or record.args[0] == "/bin/true"
    known = [record.args[1] for record in told if len(record.args) == 2 and record.args[1].startswith("arg")]
    assert known == sorted(known, key=lambda argument: int(argument.removeprefix("arg")))
    everywhere = [record for record in desk.records if isinstance(record, ExecRecord)]
    assert sensor.seen == len(everywhere)
    assert sensor.without_arguments == sum(not record.args for record in everywhere)
    assert len({record.parent_pid for record in short if record.args}) <= 2


@pytest.mark.e2e
@pytest.mark.usefixtures("listening")
def test_what_ran_before_has_children_that_are_attributed() -> None:
    """The tree begins with what is there; what the host runs, and we, is not told."""
    name, desk = made_id(2), SensorDesk()
    with container_cgroup(name) as procs:
        shell = in_cgroup(procs, "echo; read line; /bin/true late", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert shell.stdout is not None
        shell.stdout.readline()
        with running(ProcSensor(), desk):
            subprocess.run(["/bin/true", "of-the-host"], check=True)
            shell.communicate(b"go\n")
            desk.wait(lambda: bool(desk.execs(name)))
    assert [record.parent_pid for record in desk.execs(name)] == [shell.pid]
    assert all(record.container is not None for record in desk.records if hasattr(record, "container"))
    assert not any("of-the-host" in getattr(record, "args", ()) for record in desk.records)
    ready = desk.conditions[0]
    assert (ready.state, ready.blind) == ("ready", ("names",))


@pytest.mark.e2e
@pytest.mark.usefixtures("listening")
def test_a_file_without_a_name_is_none_of_the_image() -> None:
    """Malware runs from memory so; the arguments may be no UTF-8."""
    code = (
        "import os, sys; f = os.memfd_create('x', 0); os.write(f, open('/bin/sleep', 'rb').read());"
        "open(sys.argv[1], 'w').write(str(os.getpid())); os.execve(f, [b'\\xffname', b'30'], {})"
    )
    name, desk = made_id(3), SensorDesk()
    with container_cgroup(name) as procs, running(ProcSensor(), desk):
        process = subprocess.Popen([sys.executable, "-c", code, str(procs)])  # noqa: S603 - the test's own code
        desk.wait(lambda: bool(desk.execs(name)))
        process.kill()
        process.wait()
    (told,) = desk.execs(name)
    assert (told.exe, told.args, told.is_upper_layer) == ("memfd:x", ["\ufffdname", "30"], True)
    assert told.parent_exe == os.path.realpath("/proc/self/exe")


def event(what: int, *numbers: int) -> bytes:
    """A message of the proc connector."""
    return bytes(36) + struct.pack("=IIQ", what, 0, 10**12) + struct.pack(f"={len(numbers)}I", *numbers)


@pytest.mark.e2e
def test_a_process_that_makes_a_session_is_looked_at() -> None:
    """A runtime's process does so after it joined the container, before it runs anything there."""
    name, sensor = made_id(4), ProcSensor()
    with container_cgroup(name) as procs:
        shell = in_cgroup(procs, "echo; read line", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert shell.stdout is not None
        shell.stdout.readline()
        sensor.take(event(0x80, shell.pid, shell.pid), SensorDesk(), 0.0)
        shell.communicate(b"\n")
    process = sensor.tree.get(shell.pid)
    assert process is not None
    assert process.container.id == name


class Lossy:
    """Stands in for the socket: answers, loses events, then the test ends."""

    def __init__(self, desk: SensorDesk, answers: Iterator[bytes | Overflow | None]) -> None:
        self._desk = desk
        self._answers = answers

    def __call__(self, protocol: int, groups: int) -> "Lossy":
        return self

    def __enter__(self) -> "Lossy":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def send(self, message: bytes) -> None:
        """As `Netlink.send`."""

    def receive(self) -> bytes | None:
        """As `Netlink.receive`."""
        answer = next(self._answers, None)
        if isinstance(answer, Overflow):
            raise answer
        if answer is None:
            self._desk.stopped.set()
        return answer


def test_lost_events_are_counted_and_the_tree_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says how many it dropped."""
    desk, sensor = SensorDesk(), ProcSensor()
    rebuilt: list[int] = []
    monkeypatch.setattr(sensor.tree, "rebuild", lambda pids, except_pid: rebuilt.append(except_pid))
    answers = iter([event(0, 0), Overflow(7), Overflow(5), event(1, 1, 1, NOBODY, NOBODY), None])
    monkeypatch.setattr(proc_sensor, "Netlink", Lossy(desk, answers))
    sensor.run(desk)
    assert desk.lost["sensor"] == 12
    assert rebuilt == [os.getpid()] * 2


def test_a_kernel_that_refuses_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission to open, no permission to ask, no answer."""

    def closed(protocol: int, groups: int) -> Lossy:
        raise PermissionError(1, "Operation not permitted")

    desk = SensorDesk()
    monkeypatch.setattr(proc_sensor, "Netlink", closed)
    ProcSensor().run(desk)
    monkeypatch.setattr(proc_sensor, "Netlink", Lossy(desk, iter([event(0, 1)])))
    ProcSensor().run(desk)
    monkeypatch.setattr(proc_sensor, "_ANSWER_SECONDS", 0)
    ProcSensor().run(desk)
    assert [told.state for told in desk.conditions] == ["off"] * 3
    assert {told.blind for told in desk.conditions} == {("execs", "names")}
    assert all("proc connector" in told.sentence for told in desk.conditions)
    assert ["CAP_NET_ADMIN" in told.sentence for told in desk.conditions] == [True, True, False]
    assert "--pid=host" in desk.conditions[2].sentence


events = st.tuples(st.sampled_from([0, 1, 2, 4, 0x80, 0x200, 0x80000000, 77]), st.lists(st.just(NOBODY), max_size=5))


@pytest.mark.property
@given(st.binary(max_size=120) | events.map(lambda parts: event(parts[0], *parts[1])), st.integers(0, 120))
def test_no_message_breaks_it(datagram: bytes, length: int) -> None:
    """Cut, unknown, of processes that are gone."""
    desk = SensorDesk()
    ProcSensor().take(datagram[:length], desk, 0.0)
    assert desk.records == []
