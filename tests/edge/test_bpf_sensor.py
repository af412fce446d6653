"""Proves, with real processes in real cgroups, what the kernel sensor tells of executions."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cages import Cage, bpf_needed, cage, eventually, listening, program
from desks import SensorDesk

from tidewaiter.edge._bpf_reading import Reading
from tidewaiter.edge.bpf_sensor import BpfSensor, attached
from tidewaiter.edge.cgroup_root import open_cgroup_root
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.sources._sensor_record import ExecRecord

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def heard() -> Iterator[SensorDesk]:
    """One sensor for all tests: others' records do not disturb, since each test has a cage of its own."""
    bpf_needed()
    with listening(BpfSensor()) as listener:
        yield listener


def last(heard: SensorDesk, caged: Cage, *args: str) -> ExecRecord:
    """The execution with these arguments, as soon as it has been told."""

    def found() -> list[ExecRecord]:
        return [told for told in heard.execs(caged.id) if told.args == list(args)]

    eventually(lambda: bool(found()), f"{args} is told")
    return found()[-1]


def test_every_execution_is_told_once(heard: SensorDesk) -> None:
    """A thousand of them, none twice, none lost, in their order."""
    lost = heard.lost["sensor"]
    with cage() as caged:
        caged.run("/bin/sh", "-c", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); /bin/true $i; done; /bin/true end")
        last(heard, caged, "/bin/true", "end")
        told = heard.execs(caged.id)
    assert [record.args[1] for record in told if record.args[0] == "/bin/true"] == [
        *(str(number) for number in range(1, 1001)),
        "end",
    ]
    times = [record.time_ns for record in told]
    assert times == sorted(times)
    assert heard.lost["sensor"] == lost


@pytest.mark.parametrize("version", [1, 2])
def test_containers_of_either_cgroup_version_are_known(heard: SensorDesk, version: int) -> None:
    """The id and the runtime come from the path."""
    with cage(version) as caged:
        caged.run("/bin/true", "here")
        told = last(heard, caged, "/bin/true", "here")
    assert told.container is not None
    assert (told.container.id, told.container.runtime) == (caged.id, "docker")
    assert told.sensor == "bpf"


def test_arguments_are_told_as_they_are(heard: SensorDesk) -> None:
    """Empty ones, line feeds, what is no UTF-8, and of very many the first 4 KiB."""
    with cage() as caged:
        caged.run("/bin/true", "", "a\nb", "é", "end")
        last(heard, caged, "/bin/true", "", "a\nb", "é", "end")
        caged.run("/bin/true", os.fsdecode(b"\xff\xfe"))
        last(heard, caged, "/bin/true", "��")
        caged.run("/bin/true", "x" * 10_000)
        last(heard, caged, "/bin/true", "x" * (4096 - len("/bin/true\0")))
        told = heard.execs(caged.id)
    assert [record.is_args_cut for record in told] == [False, False, True]


def test_who_ran_it_is_told(heard: SensorDesk) -> None:
    """Process, parent, the file that the parent runs, user."""
    shell = os.path.realpath("/bin/sh")
    with cage() as caged:
        caged.run("/bin/sh", "-c", "/bin/true child; exit 0")
        child = last(heard, caged, "/bin/true", "child")
        parent = heard.execs(caged.id)[0]
        caged.run(program("setpriv"), "--reuid", "4242", "/bin/true", "other")
        other = last(heard, caged, "/bin/true", "other")
    assert (child.parent_pid, child.parent_exe, child.uid) == (parent.pid, shell, 0)
    assert (parent.exe, parent.parent_pid) == (shell, os.getpid())
    assert other.uid == 4242


def test_what_runs_is_told_whatever_it_was_called(heard: SensorDesk, tmp_path: Path) -> None:
    """Links are followed, relative names are made absolute, a script's interpreter is told with the script."""
    (tmp_path / "innocent").symlink_to("/bin/true")
    script = tmp_path / "script"
    script.write_text("#!/bin/sh -e\nexit 0\n")
    script.chmod(0o755)
    deep = tmp_path / "/".join(["d" * 100] * 8)
    deep.mkdir(parents=True)
    (deep / "program").write_bytes(Path("/bin/true").read_bytes())
    (deep / "program").chmod(0o755)
    with cage() as caged:
        caged.run(str(tmp_path / "innocent"), "1")
        assert last(heard, caged, str(tmp_path / "innocent"), "1").exe == os.path.realpath("/bin/true")
        caged.run("/bin/sh", "-c", f"cd {tmp_path}; ./script 2")
        assert last(heard, caged, "/bin/sh", "-e", "./script", "2").exe == os.path.realpath("/bin/sh")
        caged.run(str(deep / "program"), "3")
        assert last(heard, caged, str(deep / "program"), "3").exe == str(deep / "program")


def test_chroot_hides_nothing(heard: SensorDesk, tmp_path: Path) -> None:
    """Paths are those of the mount namespace."""
    busybox = program("busybox")
    (tmp_path / "busybox").write_bytes(Path(busybox).read_bytes())
    (tmp_path / "busybox").chmod(0o755)
    with cage() as caged:
        caged.run("chroot", str(tmp_path), "/busybox", "true")
        assert last(heard, caged, "/busybox", "true").exe == str(tmp_path / "busybox")


def test_files_that_no_layer_holds_are_told_from_those_of_the_image(heard: SensorDesk, tmp_path: Path) -> None:
    """On overlayfs the upper layer, on tmpfs everything, and what has no name; elsewhere it is not known."""
    for folder in ("lower", "upper", "work", "root", "tmpfs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lower" / "old").write_bytes(Path("/bin/true").read_bytes())
    (tmp_path / "lower" / "old").chmod(0o755)
    with cage() as caged:
        caged.run(
            "/bin/sh",
            "-ec",
            f"""cd {tmp_path}
            mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root
            mount -t tmpfs tmpfs tmpfs
            root/old lower
            cp root/old root/new; root/new upper
            cp root/old tmpfs/new; tmpfs/new tmpfs
            lower/old plain""",
            unshare="--mount",
        )
        assert last(heard, caged, "root/old", "lower").is_upper_layer is False
        assert last(heard, caged, "root/new", "upper").is_upper_layer is True
        assert last(heard, caged, "tmpfs/new", "tmpfs").is_upper_layer is True
        assert last(heard, caged, "lower/old", "plain").is_upper_layer is None


def test_programs_without_a_name_are_told(heard: SensorDesk) -> None:
    """A memfd, and a file that is deleted while a descriptor holds it."""
    code = """if 1:
        import os, sys
        fd = os.memfd_create("harmless")
        os.write(fd, open("/bin/true", "rb").read())
        os.execve(fd, ["from memory"], {})"""
    with cage() as caged:
        caged.run(program("python3"), "-c", code)
        told = last(heard, caged, "from memory")
    assert (told.exe, told.is_upper_layer) == ("/memfd:harmless", True)


def test_the_host_is_not_told_of(heard: SensorDesk) -> None:
    """What runs outside of containers makes no record."""
    with cage() as caged:
        subprocess.run(["/bin/true", caged.id], check=True)  # noqa: S603 - a program of the system
        caged.run("/bin/true", "after")
        last(heard, caged, "/bin/true", "after")
    assert not [told for told in heard.records if isinstance(told, ExecRecord) and caged.id in told.args]


def test_cgroups_inside_a_container_are_the_containers(heard: SensorDesk) -> None:
    """However deep; where the path is too long to tell, what happens there is told without a container."""
    with cage() as caged:
        for depth, name in ((3, "shallow"), (40, "deep")):
            folder = caged.folder.joinpath(*(["n"] * depth))
            folder.mkdir(parents=True)
            caged.run("/bin/sh", "-c", f"echo 0 > {folder}/cgroup.procs; /bin/true {caged.id} {name}; exit 0")
        last(heard, caged, "/bin/true", caged.id, "shallow")

        def deep() -> list[ExecRecord]:
            told = (record for record in heard.records if isinstance(record, ExecRecord))
            return [record for record in told if record.args == ["/bin/true", caged.id, "deep"]]

        eventually(lambda: bool(deep()), "the deep one is told")
    assert deep()[0].container is None


def test_a_runtime_that_starts_the_container_is_no_behaviour_of_it(heard: SensorDesk, tmp_path: Path) -> None:
    """runc executes itself in the container's cgroup; only what the container runs is told."""
    runc = program("runc")
    root = tmp_path / "rootfs"
    root.mkdir()
    (root / "busybox").write_bytes(Path(program("busybox")).read_bytes())
    (root / "busybox").chmod(0o755)
    with cage(1) as caged:
        named = str(caged.folder.relative_to("/sys/fs/cgroup/pids"))
        subprocess.run([runc, "spec", "--bundle", str(tmp_path)], check=True)  # noqa: S603 - the test's own command
        config = (tmp_path / "config.json").read_text()
        config = config.replace('"terminal": true', '"terminal": false').replace('"sh"', '"/busybox", "true", "inside"')
        config = config.replace('"linux": {', f'"linux": {{"cgroupsPath": "/{named}",', 1)
        (tmp_path / "config.json").write_text(config)
        subprocess.run(  # noqa: S603 - the test's own command
            [runc, "--root", str(tmp_path / "state"), "run", "--bundle", str(tmp_path), caged.id[:12]],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        last(heard, caged, "/busybox", "true", "inside")
        assert [told.args for told in heard.execs(caged.id)] == [["/busybox", "true", "inside"]]
        caged.folder.mkdir(exist_ok=True)  # runc has removed it


def test_the_runtimes_own_copy_is_left_out_and_others_are_not(heard: SensorDesk, tmp_path: Path) -> None:
    """A child of the host's runc, put into the container's cgroup, that executes itself; and one of another program."""
    with cage() as caged:
        for name in ("runc", "other"):
            (tmp_path / name).write_bytes(Path(os.path.realpath("/bin/sh")).read_bytes())
            (tmp_path / name).chmod(0o755)
            subprocess.run(  # noqa: S603 - the test's own command
                [tmp_path / name, "-c", f"(echo 0 > {caged.folder}/cgroup.procs; exec /bin/true init); exit 0"],
                check=True,
            )
        assert last(heard, caged, "/bin/true", "init").parent_exe == str(tmp_path / "other")
        assert len(heard.execs(caged.id)) == 1


def test_nobody_inside_can_look_like_the_runtime(heard: SensorDesk, tmp_path: Path) -> None:
    """A parent called runc, a cgroup of its own for the child, the arguments: all that an attacker can choose."""
    fake = tmp_path / "runc"
    fake.write_bytes(Path(os.path.realpath("/bin/sh")).read_bytes())
    fake.chmod(0o755)
    with cage() as caged:
        inner = caged.folder / "inner"
        inner.mkdir()
        caged.run(str(fake), "-c", f"(echo 0 > {inner}/cgroup.procs; exec /bin/true init); exit 0")
        told = last(heard, caged, "/bin/true", "init")
    assert told.parent_exe == str(fake)


def test_what_does_not_fit_into_the_ring_is_counted() -> None:
    """Nobody reads while it happens; told and lost together are all."""
    bpf_needed()
    with cage() as caged, ExitStack() as until_end:
        root = open_cgroup_root()
        if root is None:
            pytest.skip("no root of cgroup version 2")
        until_end.callback(os.close, root)
        loaded = until_end.enter_context(attached(root, 32768))
        listener = SensorDesk()
        reading = Reading(listener, loaded, DnsNames())
        caged.run("/bin/sh", "-c", "i=0; while [ $i -lt 400 ]; do i=$((i+1)); /bin/true $i; done")
        while reading.take():
            pass
    assert 0 < len(listener.execs(caged.id)) < 401
    assert len(listener.execs(caged.id)) + listener.lost["sensor"] >= 401


def test_nothing_stays_in_the_kernel() -> None:
    """Programs, maps and links go with the run."""
    bpf_needed()

    def open_files() -> list[str]:
        links = (Path(entry.path) for entry in os.scandir("/proc/self/fd"))
        return sorted(os.readlink(link) for link in links if link.is_symlink() and "bpf" in os.readlink(link))

    before = open_files()
    with listening(BpfSensor()) as listener:
        during = open_files()
    assert len(during) > len(before)
    assert open_files() == before
    assert [told.state for told in listener.conditions] == ["starting", "ready"]
    assert listener.conditions[-1].blind == ()
