"""Proves what is said where containerd is not there, is not one, or goes away and comes back."""

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cages import eventually
from daemons import containerd, needed, run
from images import oci_layout, tar
from running import Noted, ended, judged, runnable, watching

from tidewaiter.edge import containerd_watch
from tidewaiter.edge.collector import Condition
from tidewaiter.edge.containerd_watch import ContainerdCollector


def first_wait(address: str) -> Condition:
    """What is said of an address at which there is no containerd."""
    with watching(ContainerdCollector(address)) as noted:
        return noted.until_state("starting", "waiting")


def test_no_socket(tmp_path: Path) -> None:
    """A host without containerd is blind to nothing; it is told where was looked."""
    told = first_wait(str(tmp_path / "containerd.sock"))
    assert "there is no such socket" in told.sentence
    assert "CONTAINERD_ADDRESS" in told.sentence
    assert told.blind == ()


def test_what_stays_so_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is tried."""
    monkeypatch.setattr(containerd_watch, "_LONGEST_WAIT_SECONDS", 0.01)
    tries: list[int] = []
    collector = ContainerdCollector(str(tmp_path / "x"))
    looked = collector._what_is_wrong

    def look() -> object:
        tries.append(1)
        return looked()

    monkeypatch.setattr(collector, "_what_is_wrong", look)
    with watching(collector) as noted:
        eventually(lambda: len(tries) > 3, "it is tried again and again")
        assert [told.state for told in noted.conditions] == ["starting", "waiting"]


def test_no_socket_but_a_file(tmp_path: Path) -> None:
    """Whoever wrote the address meant another one."""
    (tmp_path / "containerd.sock").write_text("")
    told = first_wait(str(tmp_path / "containerd.sock"))
    assert "is not a socket" in told.sentence
    assert told.blind == ("images", "containers")


def test_nobody_listens(tmp_path: Path) -> None:
    """A socket that was left behind."""
    address = str(tmp_path / "containerd.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address)
    told = first_wait(address)
    assert "Connection refused" in told.sentence
    assert "Start containerd, or name its socket" in told.sentence
    assert "what processes do is" in told.sentence
    assert told.blind == ("images", "containers")


def test_not_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may connect to any socket, so the refusal is made up."""

    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied", address)

    address = str(tmp_path / "containerd.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        monkeypatch.setattr(socket.socket, "connect", refuse)
        told = first_wait(address)
    assert "may not be asked by this user" in told.sentence
    assert told.blind == ("images", "containers")


def test_not_containerd(tmp_path: Path) -> None:
    """Another daemon that speaks gRPC, such as CRI-O."""
    address = str(tmp_path / "crio.sock")
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_insecure_port(f"unix://{address}")
    server.start()
    try:
        told = first_wait(address)
    finally:
        server.stop(None).wait()
    assert "is not containerd" in told.sentence


def test_end_before_it_began(tmp_path: Path) -> None:
    """It ends at once, and has said nothing that is not so."""
    noted = Noted()
    noted.stopped.set()
    ContainerdCollector(str(tmp_path / "x")).run(noted)
    assert [told.state for told in noted.conditions] == ["starting"]


@pytest.mark.e2e
def test_containerd_that_is_started_anew(tmp_path: Path) -> None:
    """Meanwhile nothing is seen, which is said; then what runs is listed again, and makes no second container."""
    needed("containerd", "ctr", "runc", "busybox")
    if os.geteuid() != 0:
        pytest.skip("only root can start containerd; what it would prove was not proven")
    archive = tmp_path / "image.tar"
    made = runnable("lasting")
    archive.write_bytes(tar(oci_layout(made, ref="1")))
    address = str(tmp_path / "containerd.sock")
    with watching(ContainerdCollector(address)) as noted:
        with containerd(tmp_path):
            noted.until_state("ready")
            run("ctr", "--address", address, "images", "import", "--base-name", "docker.io/library/it", str(archive))
            run("ctr", "--address", address, "run", "--detach", "docker.io/library/it:1", "lasting")
            started = noted.until_topic("/tasks/start", container_id="lasting")
        told = noted.until_state("ready", "waiting")
        assert told.blind == ("images", "containers")
        with containerd(tmp_path), ended(address):
            assert noted.until_state("ready").blind == ()
            listed = noted.until_topic("/containers/listed", id="lasting")
            assert listed["container"]["pid"] == started["event"]["pid"]
            hunted = judged([record for record, _ in noted.records], "lasting")
    (alert,) = hunted.alerts
    assert alert.image.config_digest == made.config_digest


def test_threads_are_gone(tmp_path: Path) -> None:
    """A collector that has ended leaves none behind."""
    before = set(threading.enumerate())
    first_wait(str(tmp_path / "x"))
    assert set(threading.enumerate()) <= before
