"""Proves with a real containerd that what it does becomes records, and records the right verdict."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from daemons import containerd, docker_registry, needed, run
from images import oci_layout, tar
from running import Noted, ended, judged, push, runnable, watching

from made_events import Hunted
from tidewaiter.alert import Alert
from tidewaiter.edge.containerd_watch import ContainerdCollector
from tidewaiter.policy import TrustPolicy, TrustRule

ARM = {"architecture": "arm64", "os": "linux"}


@dataclass
class Lab:
    """A containerd and a registry that run, and what the collector has handed in."""

    folder: Path
    address: str
    registry: str
    noted: Noted

    def ctr(self, *command: str) -> str:
        """What containerd's own client prints."""
        return run("ctr", "--address", self.address, *command)

    def pull(self, name: str) -> None:
        """Pull from the registry."""
        self.ctr("images", "pull", "--plain-http", name)

    def run(self, name: str, container: str, *options: str) -> None:
        """Run a container that stays."""
        self.ctr("run", "--detach", *options, name, container)
        self.noted.until_topic("/tasks/start", container_id=container)

    def judge(self, *containers: str, policy: TrustPolicy | None = None) -> Hunted:
        """What is said when these have run curl, by all that was handed in."""
        records = [record for record, _ in self.noted.records]
        return judged(records, *containers, **({} if policy is None else {"policy": policy}))


def alert_of(hunted: Hunted, container: str) -> Alert:
    """The record of one container."""
    (found,) = [alert for alert in hunted.alerts if alert.container_id == container]
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A real containerd, a real registry, and the collector listening."""
    needed("containerd", "ctr", "runc", "docker-registry", "skopeo", "busybox")
    if os.geteuid() != 0:
        pytest.skip("only root can start containerd; what it would prove was not proven")
    folder = tmp_path_factory.mktemp("watched")
    with (
        docker_registry(folder) as registry,
        containerd(folder) as address,
        ended(address),
        watching(ContainerdCollector(address)) as noted,
    ):
        noted.until_state("ready")
        yield Lab(folder, address, registry, noted)


@pytest.mark.e2e
def test_pulled_by_tag_and_run(lab: Lab) -> None:
    """The config is the runtime's word, the pull brought it, and what the config declares is known; Env is not told."""
    web, other = runnable("web"), runnable("web of arm", platform=ARM)
    name = f"{lab.registry}/shop/web:1"
    push(lab.folder, name, web, other)
    lab.pull(name)
    lab.run(name, "web-1")
    alert = alert_of(lab.judge("web-1"), "web-1")
    assert alert.image.config_digest == web.config_digest
    assert alert.image.chain_id == web.chain_id
    assert (alert.digest_consistency, alert.confidence, alert.trust.state) == ("proven", "high", "untrusted")
    assert alert.trust.origins == (f"{lab.registry}/shop/web",)
    pulled = lab.noted.until_topic("/images/create", name=name)
    (present, absent) = pulled["resolved"]["manifests"]
    assert present["cmd"] == ["/bin/sleep", "600"]
    assert absent["missing"]
    assert pulled["resolved"]["sources"] == ["127.0.0.1/shop/web"]
    assert "SECRET" not in str(lab.noted.records)


@pytest.mark.e2e
def test_tag_that_moved(lab: Lab) -> None:
    """What ran before keeps its content, what runs after has the new one, and both are proven."""
    old, new = runnable("before the move"), runnable("after the move")
    name = f"{lab.registry}/shop/moving:1"
    for made, container in ((old, "moving-old"), (new, "moving-new")):
        push(lab.folder, name, made)
        lab.pull(name)
        lab.run(name, container)
    hunted = lab.judge("moving-old", "moving-new")
    for made, container in ((old, "moving-old"), (new, "moving-new")):
        alert = alert_of(hunted, container)
        assert (alert.image.config_digest, alert.digest_consistency) == (made.config_digest, "proven")
    # Who comes later cannot tell the first one's image by its name any more, only by its layers.
    with watching(ContainerdCollector(lab.address)) as later:
        later.until_state("ready")
    hunted = judged([record for record, _ in later.records], "moving-old", "moving-new")
    found = alert_of(hunted, "moving-old")
    assert found.image.chain_id == old.chain_id
    assert found.image.config_digest != new.config_digest
    assert alert_of(hunted, "moving-new").image.config_digest == new.config_digest


@pytest.mark.e2e
def test_local_tag_vouches_for_nothing(lab: Lab) -> None:
    """`ctr images tag` under a trusted name: the content still comes from where it was pulled."""
    evil = runnable("evil")
    name, alias = f"{lab.registry}/evil/tool:1", "docker.io/library/innocent:1"
    push(lab.folder, name, evil)
    lab.pull(name)
    lab.ctr("images", "tag", name, alias)
    lab.run(alias, "tagged-1")
    trusting = TrustPolicy(trust=(TrustRule(name="library", image="docker.io/library/*", state="trusted"),))
    alert = alert_of(lab.judge("tagged-1", policy=trusting), "tagged-1")
    assert alert.image.config_digest == evil.config_digest
    assert (alert.trust.state, alert.trust.origins) == ("untrusted", (f"{lab.registry}/evil/tool",))
    assert alert.digest_consistency == "proven"
    # Who comes after the pull knows that the name is nobody's word, and no more.
    with watching(ContainerdCollector(lab.address)) as later:
        later.until_state("ready")
    alert = alert_of(judged([record for record, _ in later.records], "tagged-1", policy=trusting), "tagged-1")
    assert (alert.image.config_digest, alert.trust.state) == (evil.config_digest, "unknown")


@pytest.mark.e2e
def test_pull_by_digest(lab: Lab) -> None:
    """The pin is the index that was asked for."""
    pinned = runnable("pinned")
    name = f"{lab.registry}/shop/pinned:1"
    push(lab.folder, name, pinned, runnable("pinned of arm", platform=ARM))
    listed = run("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}").strip()
    by_digest = f"{lab.registry}/shop/pinned@{listed}"
    lab.pull(by_digest)
    lab.run(by_digest, "pinned-1")
    alert = alert_of(lab.judge("pinned-1"), "pinned-1")
    assert (alert.image.index_digest, alert.image.config_digest) == (listed, pinned.config_digest)
    assert alert.digest_consistency == "proven"


@pytest.mark.e2e
def test_imported(lab: Lab) -> None:
    """Nobody pulled it: whose it is cannot be told, under whatever name."""
    loaded = runnable("loaded")
    archive = lab.folder / "loaded.tar"
    archive.write_bytes(tar(oci_layout(loaded, ref="1")))
    lab.ctr("images", "import", "--base-name", "docker.io/library/loaded", str(archive))
    lab.run("docker.io/library/loaded:1", "loaded-1")
    trusting = TrustPolicy(trust=(TrustRule(name="library", image="docker.io/library/*", state="trusted"),))
    alert = alert_of(lab.judge("loaded-1", policy=trusting), "loaded-1")
    assert alert.image.config_digest == loaded.config_digest
    assert (alert.trust.state, alert.trust.origins, alert.digest_consistency) == ("unknown", (), "unknown")
    assert not any(found.stage == "pull" for found in alert.evidence)


@pytest.mark.e2e
def test_what_a_container_shares_with_its_host(lab: Lab) -> None:
    """Each of the three makes it critical; a container that shares nothing is none of them."""
    name = f"{lab.registry}/shop/shares:1"
    push(lab.folder, name, runnable("shares"))
    lab.pull(name)
    shares = {
        "privileged": ("--privileged",),
        "host_root_mount": ("--mount", "type=bind,src=/,dst=/host,options=rbind:ro"),
        "host_pid": ("--with-ns", "pid:/proc/1/ns/pid"),
        "nothing": (),
    }
    for what, options in shares.items():
        lab.ctr("containers", "create", *options, name, f"shares-{what}")
        told = lab.noted.until_topic("/containers/create", id=f"shares-{what}")["container"]
        flags = ("privileged", "host_root_mount", "host_pid")
        assert [told[flag] for flag in flags] == [flag == what for flag in flags]
    hunted = lab.judge(*(f"shares-{what}" for what in shares))
    severities = {what: alert_of(hunted, f"shares-{what}").severity for what in shares}
    assert severities == {
        "privileged": "critical",
        "host_root_mount": "critical",
        "host_pid": "critical",
        "nothing": "high",
    }


@pytest.mark.e2e
def test_container_that_was_there_before(lab: Lab) -> None:
    """It was created when it says so, by nobody whom we saw, and is known by its first process."""
    name = f"{lab.registry}/shop/there:1"
    made = runnable("there")
    push(lab.folder, name, made)
    lab.pull(name)
    lab.run(name, "there-1", "--label", "team=payments")
    pid = lab.noted.until_topic("/tasks/start", container_id="there-1")["event"]["pid"]
    with watching(ContainerdCollector(lab.address)) as later:
        later.until_state("ready")
    listed = next(r for r, _ in later.records if r["topic"] == "/containers/listed" and r["event"]["id"] == "there-1")
    assert listed["container"]["pid"] == pid
    assert listed["container"]["labels"]["team"] == "payments"
    alert = alert_of(judged([record for record, _ in later.records], "there-1"), "there-1")
    assert (alert.image.config_digest, alert.digest_consistency) == (made.config_digest, "unknown")
    (create,) = [found for found in alert.evidence if found.stage == "create"]
    assert (create.time or "")[:26] == listed["container"]["created_at"][:26]


@pytest.mark.e2e
def test_container_that_ends_at_once(lab: Lab) -> None:
    """What is gone before it can be looked up still stands on its layers, and ends."""
    name = f"{lab.registry}/shop/brief:1"
    made = runnable("brief")
    push(lab.folder, name, made)
    lab.pull(name)
    lab.ctr("run", "--rm", name, "brief-1", "/bin/true")
    lab.noted.until_topic("/containers/delete", id="brief-1")
    alert = alert_of(lab.judge("brief-1"), "brief-1")
    assert (alert.image.config_digest, alert.image.chain_id) == (made.config_digest, made.chain_id)


@pytest.mark.e2e
def test_exec_into_a_container(lab: Lab) -> None:
    """Both events of an exec are told; what it runs, containerd does not say."""
    name = f"{lab.registry}/shop/entered:1"
    push(lab.folder, name, runnable("entered"))
    lab.pull(name)
    lab.run(name, "entered-1")
    lab.ctr("tasks", "exec", "--exec-id", "e1", "entered-1", "/bin/true")
    assert lab.noted.until_topic("/tasks/exec-added", container_id="entered-1")["event"]["exec_id"] == "e1"
    assert lab.noted.until_topic("/tasks/exec-started", container_id="entered-1")["event"]["pid"] > 0


@pytest.mark.e2e
def test_stop_while_a_listing_is_under_way(lab: Lab) -> None:
    """It ends, whatever is being asked."""
    noted = Noted()
    noted.stopped.set()
    ContainerdCollector(lab.address).run(noted)
    assert noted.conditions[-1].state == "starting"
