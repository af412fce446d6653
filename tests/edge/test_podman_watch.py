"""Proves with a real Podman that its containers are known for what they are, through the API it shares with Docker."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from daemons import daemon, docker_registry, needed, run
from docker_lab import archive, member, publish, runnable, watching
from runnable import BUSYBOX

from made_events import AN0691
from tidewaiter.alert import ContainerShown
from tidewaiter.engine import Engine
from tidewaiter.event import ContainerEvent, ContainerStart
from tidewaiter.policy_load import read_policy

CONFIG = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
"""
TRUST = 'trust:\n  - {name: ours, image: "REGISTRY/ours/**", state: trusted}\n'


@pytest.fixture
def enter() -> Iterator[ExitStack]:
    """Contexts that end with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.e2e
def test_real_podman(tmp_path: Path, enter: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulled, pulled and given another name, loaded under a name that is trusted: only the last vouches for nothing."""
    needed("podman", "conmon", "docker-registry", "skopeo")
    if os.geteuid() != 0 or not BUSYBOX.exists():
        pytest.skip("only root can run containers in tests; what it would prove was not proven")
    (tmp_path / "containers.conf").write_text(CONFIG)
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    # Its folder for what runs may not have a longer path than 50 characters.
    short = enter.enter_context(TemporaryDirectory(prefix="podman"))
    where = [f"--root={tmp_path}/root", f"--runroot={short}/run", f"--tmpdir={short}/events", "--storage-driver=vfs"]
    podman = ["podman", *where]
    socket = tmp_path / "podman.sock"
    service = [*podman, "--log-level=info", "system", "service", "--time=0", f"unix://{socket}"]
    with docker_registry(tmp_path) as registry, daemon(service, "API service listening on"):
        pulled, loaded = runnable("pulled", f"{registry}/ours/web:1"), runnable("loaded", f"{registry}/ours/db:1")
        publish(pulled, tmp_path)
        with watching(str(socket), "podman") as desk:
            ready = desk.wait_state("ready")
            run(*podman, "pull", "-q", "--tls-verify=false", pulled.names[0])
            desk.wait_record('"Action":"pull"')
            run(*podman, "tag", pulled.names[0], "friendly:1")
            run(*podman, "load", "-q", "-i", str(archive(loaded, tmp_path)))
            desk.wait_record('"Action":"loadfromarchive"')
            run(*podman, "create", "--name=by_tag", pulled.names[0])
            run(*podman, "create", "--name=by_alias", "friendly:1")
            run(*podman, "create", "--name=loaded", loaded.names[0])
            run(*podman, "run", "--name=started", "--network=none", pulled.names[0], "true")
            desk.wait_record('"Action":"die"', "started")
            run(*podman, "rm", "-f", "--all")
            desk.wait_record('"Action":"remove"', "started")
            run(*podman, "rmi", "-f", pulled.names[0], "friendly:1")
            desk.wait_record('"Type":"image"', '"Action":"delete"')
            had = len(desk.records())
            run(*podman, "pull", "-q", "--tls-verify=false", pulled.names[0])
            desk.wait(lambda: [record for record in desk.records()[had:] if b'"Action":"pull"' in record])
            pulls = [member(record, "was_here") for record in desk.records() if b'"Action":"pull"' in record]
    assert ready.sentence.startswith("Podman ")
    # Pulled; told at `podman run`, which fetched nothing; pulled again after it had been removed.
    assert (pulls[0], pulls[-1], True in pulls[1:-1]) == (False, False, True)
    engine = Engine(read_policy("version: 1\n" + TRUST.replace("REGISTRY", registry), "policy.yaml"), AN0691)
    for source, events in desk.decoded():
        engine.feed_record(source, events)
    shown = [one for one in engine.finish(containers=True) if isinstance(one, ContainerShown)]
    assert {
        one.container_name: (one.image.config_digest, one.trust.state, one.digest_consistency) for one in shown
    } == {
        "by_tag": (pulled.config_digest, "trusted", "proven"),
        "by_alias": (pulled.config_digest, "trusted", "proven"),
        "loaded": (loaded.config_digest, "unknown", "unknown"),
        "started": (pulled.config_digest, "trusted", "proven"),
    }
    assert {found.runtime for found in desk.events() if isinstance(found, ContainerEvent)} == {"podman"}
    assert [found for found in desk.events() if isinstance(found, ContainerStart)]
