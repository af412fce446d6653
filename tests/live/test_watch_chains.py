"""Proves that chains and look-alikes on a real Docker get the right verdict at once: none is given and taken back."""

from pathlib import Path
from typing import Any

import lab_world
import pytest
from lab import Lab
from lab_docker import Docker
from lab_images import Push, Pushed, push
from live_watch import Record, Watching

pytestmark = pytest.mark.e2e

WGET = f"wget -qO- http://{lab_world.OUTSIDE}/"
CHECK = "wget -qO- http://127.0.0.1:9/ || exit 0"
CHECKED = {"Healthcheck": {"Test": ["CMD-SHELL", CHECK], "Interval": 1_000_000_000}}
SCRIPT = b"#!/bin/sh\nwhile :; do sleep 1; done\n"
_REVISIONS = 8


def did(record: Record) -> list[str]:
    """What a record shows of what was done."""
    return [behaviour["what"] for behaviour in record["behaviours"]]


def test_chains_and_look_alikes(lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """Each has its verdict, and no record of it ever said another."""
    ran: dict[str, tuple[str, str | None]] = {}

    def run(name: str, wanted: str | None, image: Pushed, *command: str, **host: object) -> str:
        docker.pull(image.name)
        container = docker.run(image.name, *command, **host)
        ran[name] = (container, wanted)
        return container

    served: dict[str, Any] = {
        "files": {"app.sh": SCRIPT},
        "settings": {**CHECKED, "Entrypoint": ["/bin/sh", "/app.sh"]},
    }
    evil = pushed("evil/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        run("trusted script with a health check", None, push(lab, "ours/chains:1", **served))
        run("declared script and health check", "suspicious", push(lab, "evil/chains:1", **served))
        other = run("no process of interest", None, evil)
        run("init in front", None, evil, Init=True)
        docker.execute(run("resolver", None, evil), "nslookup", lab_world.POOL)
        run("network of another", "alert", evil, "sh", "-c", WGET, NetworkMode=f"container:{other}", Dns=[])
        run("host's network", "alert", evil, "sh", "-c", WGET, NetworkMode="host")
        run("host's processes", "alert", evil, "sh", "-c", WGET, PidMode="host")
        run("host's root", "alert", evil, "sh", "-c", WGET, Binds=["/:/host"])
        run("gone at once", "alert", evil, "sh", "-c", WGET, AutoRemove=True)
        run("metadata", "alert", evil, "nslookup", "a.example", "169.254.169.254")
        run("control plane inside", "alert", evil, "telnet", "10.9.9.9", "2375")
        run("written by itself", "alert", evil, "sh", "-c", "cp /bin/busybox /tmp/ls; /tmp/ls")
        later = docker.create(evil.name, "sh", "-c", WGET)
        entered = run("entered", "alert", evil)
        for command in ("id", WGET):
            docker.execute(entered, "sh", "-c", command)
        docker.start(later)
        ran["created, and started later"] = later, "alert"
        for container, wanted in ran.values():
            if wanted is not None:
                watch.record(container)
        checked = ran["declared script and health check"][0]
        watch.record(checked, lambda record: len(record["behaviours"]) > _REVISIONS)
    told = watch.finals()
    found = {name: told[container]["verdict"] if container in told else None for name, (container, _) in ran.items()}
    assert found == {name: wanted for name, (_, wanted) in ran.items()}
    for name, (container, wanted) in ran.items():
        assert {record["verdict"] for record in watch.records(container)} <= {wanted}, name
        assert {record["digest_consistency"] for record in watch.records(container)} <= {"proven", "by_name"}, name
        assert len(watch.records(container)) <= _REVISIONS, name
    assert did(told[entered]) == ["sh -c id", f"sh -c {WGET}", WGET, f"{lab_world.OUTSIDE}:80"]
    for name in ("host's processes", "host's root"):
        assert told[ran[name][0]]["severity"] == "critical", name
    assert not any(stage["stage"] == "session" for stage in told[checked]["evidence"])
