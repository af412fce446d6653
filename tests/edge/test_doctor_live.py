"""Checks the measurement of a host with made-up collectors, and what is said of hosts that lack things."""

import json
import time
from pathlib import Path

import pytest
from hosts import DOCKER, NO_CONTAINERD, RECORDING, lay_out
from hosts import host as host_of

from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.doctor_live import examine_host, find_collectors, look, measure_host
from tidewaiter.edge.doctor_report import Report
from tidewaiter.edge.host import Host, Socket

CONTAINER = "9e" * 32
CONFIG = "sha256:" + "3" * 64


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A modern host with Docker."""
    return host_of(lay_out(tmp_path), DOCKER, NO_CONTAINERD)


def states(report: Report) -> dict[str, str]:
    """Link -> colour."""
    return {**{entry.link: str(entry.state) for entry in report.log_sources}, "digest": report.digest.state}


def why(report: Report, link: str) -> str:
    """The reason and the cure, as one text."""
    entry = next(entry for entry in report.log_sources if entry.link == link)
    return f"{entry.why} | {entry.mend}"


# --------------------------------------------------------------------------------------------- what is offered


def test_a_whole_host(host: Host) -> None:
    """Docker answers and BPF can be used: everything can be seen."""
    report = examine_host(host)
    assert set(states(report).values()) == {"green"}
    assert (report.whole_chain, report.missing, report.mend) == (True, (), None)
    assert (report.subject, report.containers, report.read, report.measured) == ("host", None, None, None)


def test_no_runtime(tmp_path: Path) -> None:
    """One sentence for all four links: what was looked for, and how to mend it."""
    report = examine_host(host_of(lay_out(tmp_path), NO_CONTAINERD))
    assert len(report.missing) == 1
    assert report.missing[0].startswith("image, create, start, digest: no container runtime answers")
    assert "/run/containerd/containerd.sock" in report.missing[0]
    assert "CONTAINERD_ADDRESS" in (report.mend or "")
    assert states(report)["process"] == "green"


def test_a_socket_that_may_not_be_used(tmp_path: Path) -> None:
    """Who may not, is told to become root; another runtime that answers keeps the rest in sight."""
    shut = Socket(runtime="docker", address="/run/docker.sock", state="forbidden", why="user 1000 may not read it")
    report = examine_host(host_of(lay_out(tmp_path), shut, NO_CONTAINERD))
    assert "root" in (report.mend or "")
    assert "user 1000 may not read it" in report.missing[0]
    answering = Socket(runtime="containerd", address="/c", state="answers", why=None, version="2.1", namespaces=())
    report = examine_host(host_of(tmp_path, shut, answering))
    assert (report.whole_chain, states(report)["image"]) == (True, "amber")


@pytest.mark.parametrize(
    ("changed", "process", "connection"),
    [
        ({}, "green", "green"),
        ({"sys__kernel__btf__vmlinux": None}, "amber", "amber"),
        ({"sys__kernel__btf__vmlinux": None, "proc__sys__net__netfilter__nf_conntrack_events": "0"}, "amber", "red"),
        ({"sys__kernel__btf__vmlinux": None, "proc__sys__net__netfilter__nf_conntrack_count": None}, "amber", "red"),
        ({"sys__kernel__btf__vmlinux": None, "proc__net__connector": "Name ID\n"}, "amber", "red"),
        ({"proc__self__status": "Uid:\t7\t7\t7\t7\nCapEff:\t0\n"}, "red", "red"),
    ],
)
def test_what_the_sensor_can_see(tmp_path: Path, changed: dict[str, str | None], process: str, connection: str) -> None:
    """BPF, the proc connector with and without conntrack, audit, nothing."""
    report = examine_host(host_of(lay_out(tmp_path, **changed), DOCKER, audit=RECORDING))
    assert (states(report)["process"], states(report)["connection"]) == (process, connection)
    assert report.whole_chain is (connection != "red")
    if changed.get("proc__sys__net__netfilter__nf_conntrack_events") == "0":
        assert "sysctl net.netfilter.nf_conntrack_events=1" in why(report, "connection")


def test_audit_without_a_rule_sees_nothing(tmp_path: Path) -> None:
    """It would have to be switched on first."""
    root = lay_out(tmp_path, sys__kernel__btf__vmlinux=None, proc__net__connector=None)
    assert states(examine_host(host_of(root, DOCKER)))["process"] == "red"


def test_with_a_kubelet_somebody_is_missing(tmp_path: Path) -> None:
    """Who asked for a pod is known to the API server only."""
    report = examine_host(host_of(lay_out(tmp_path), DOCKER, kubelet=True))
    assert states(report)["create"] == "amber"
    assert "audit log" in why(report, "create")
    assert report.whole_chain


def test_this_host_can_be_looked_at() -> None:
    """Whatever it is, there is an answer."""
    report = examine_host(look())
    assert [entry.name for entry in report.log_sources] == [
        "containerd:events",
        "kubernetes:audit",
        "kubernetes:events",
        "auditd:SYSCALL",
        "NSM:Flow",
    ]


# --------------------------------------------------------------------------------------------- what is measured


def docker(action: str) -> bytes:
    """An event of the Docker daemon, now."""
    now_ns = time.time_ns()
    actor = {"ID": CONTAINER, "Attributes": {"image": "hub.example/cache:latest", "name": "cache"}}
    event = {"Type": "container", "Action": action, "Actor": actor, "scope": "local", "time": now_ns // 10**9}
    return json.dumps(event | {"timeNano": now_ns}).encode()


def inspected() -> bytes:
    """The container as inspect tells it."""
    return json.dumps(
        {
            "Id": CONTAINER,
            "Created": "2026-09-21T14:13:20Z",
            "Path": "/cache",
            "Args": [],
            "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-09-21T14:13:21Z"},
            "Image": CONFIG,
            "Name": "/cache",
            "Config": {"Image": "hub.example/cache:latest"},
            "HostConfig": {},
            "GraphDriver": {"Name": "overlay2", "Data": {}},
            "NetworkSettings": {"Networks": {}},
        }
    ).encode()


def executed(container: str = CONTAINER) -> bytes:
    """An execution, as Falco tells it."""
    fields = {"container.id": container[:12], "evt.type": "execve", "proc.cmdline": "sh", "proc.exepath": "/bin/sh"}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    told = {"output": "x", "output_fields": fields, "priority": "Notice", "rule": "r", "source": "syscall"}
    return json.dumps(told | {"hostname": "n", "tags": [], "time": f"{stamp}.000000000Z"}).encode()


class Playing:
    """A collector that hands in what it was given, and is then as it was told to be."""

    def __init__(
        self, name: str, *records: tuple[str, bytes], condition: Condition | None = None, lost: int = 0
    ) -> None:
        self.name = name
        self._records = records
        self._condition = condition or Condition(name, "ready", "plays")
        self._lost = lost

    def run(self, desk: Desk) -> None:
        """Play."""
        for source, record in self._records:
            desk.observe(Observation(source, "made up", record))
        if self._lost:
            desk.lose("falco", self._lost)
        desk.tell(self._condition)
        desk.stopped.wait(10)


def test_what_comes_is_counted_and_joined(host: Host) -> None:
    """Executions lead to their container, its image and its digest; times are taken."""
    dock = Playing("docker", ("docker_events", docker("create")), ("docker_inspect", inspected()))
    sensor = Playing("sensor", ("falco", executed()), ("falco", executed()), ("falco", b"{"))
    report = measure_host(host, 0.2, [dock, sensor])
    execs = report.sources["falco"].execs
    assert execs is not None
    assert (execs.seen, execs.container, execs.image_name, execs.config_digest) == (2, 2, 2, 2)
    assert report.sources["falco"].outcomes["rejected"] == 1
    assert report.containers is not None
    assert (report.containers.known, report.containers.with_digest) == (1, 1)
    assert report.whole_chain
    assert "2 of 2 (100 %) executions" in why(report, "process")
    assert report.measured is not None
    assert [(one.collector, one.state) for one in report.measured.collectors] == [
        ("docker", "ready"),
        ("sensor", "ready"),
    ]


def test_what_cannot_be_joined_takes_the_chain_away(host: Host) -> None:
    """Executions of containers that no runtime knows."""
    report = measure_host(host, 0.2, [Playing("sensor", ("falco", executed("5f" * 32)))])
    assert (states(report)["process"], report.whole_chain) == ("red", False)


def test_containers_of_a_runtime_that_is_not_asked(host: Host) -> None:
    """Joined by their id, and of what image nobody says: in part."""
    created = json.loads(docker("start"))
    del created["Actor"]["Attributes"]["image"]
    dock = Playing("docker", ("docker_events", json.dumps(created).encode()))
    report = measure_host(host, 0.2, [dock, Playing("sensor", ("falco", executed()))])
    assert states(report)["process"] == "amber"
    assert "image known for 0 of 1" in why(report, "process")


def test_losses_are_told(host: Host) -> None:
    """A sensor that lost records is amber, and how many is said."""
    dock = Playing("docker", ("docker_events", docker("create")), ("docker_inspect", inspected()))
    report = measure_host(host, 0.2, [dock, Playing("sensor", ("falco", executed()), lost=12)])
    assert report.sources["falco"].dropped == 12
    assert report.measured is not None
    assert report.measured.lost == {"falco": 12}
    assert states(report)["process"] == "amber"


def test_a_blind_sensor_is_red_whatever_the_host_offers(host: Host) -> None:
    """What it says itself counts."""
    off = Condition("sensor", "off", "the kernel refused the program", ("execs", "connections", "names"))
    report = measure_host(host, 0.05, [Playing("sensor", condition=off)])
    assert (states(report)["process"], states(report)["connection"]) == ("red", "red")
    assert report.missing == ("process, connection: sensor: the kernel refused the program",)


def test_a_quiet_host_keeps_its_colours(host: Host) -> None:
    """Nothing ran: that proves nothing."""
    report = measure_host(host, 0.05, [Playing("sensor")])
    assert report.whole_chain
    assert "none seen while measuring" in why(report, "process")


def test_news_is_timed_and_what_was_there_is_not(host: Host) -> None:
    """Only what arrives while it is measured tells how fast news comes."""

    class Late(Playing):
        def run(self, desk: Desk) -> None:
            desk.observe(Observation("docker_inspect", "made up", inspected()))
            desk.tell(Condition(self.name, "ready", "plays"))
            while not desk.stopped.wait(0.02):
                desk.observe(Observation("docker_events", "made up", docker("start")))

    report = measure_host(host, 0.4, [Late("docker")])
    assert report.sources["docker_inspect"].arrival is None
    arrival = report.sources["docker_events"].arrival
    assert arrival is not None
    assert arrival.records > 0
    assert arrival.min_s <= arrival.median_s


def test_collectors_of_what_does_not_answer_are_not_made() -> None:
    """Only the sensor is left."""
    assert [one for one in find_collectors([NO_CONTAINERD]) if one.name in ("docker", "containerd", "podman")] == []
