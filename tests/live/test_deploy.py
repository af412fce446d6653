"""Proves that the files of deploy/ are sound, and that what they allow is enough for the sensor and both sockets."""

import configparser
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import lab_world
import pytest
import yaml
from lab import Lab, run
from lab_images import Push
from lab_pods import Kubelet, Rights
from lab_traces import wait_until
from live_watch import COMMAND, SOURCES, Watching, environment

from tidewaiter.cli import main
from tidewaiter.policy_load import read_policy

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CAPABILITIES = ("BPF", "PERFMON", "NET_ADMIN")
"""Enough, as the tests below prove on this kernel, and none too many."""


def unit() -> dict[str, str]:
    """The service section of the systemd unit."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys have capitals
    parser.read(DEPLOY / "tidewaiter.service", encoding="utf-8")
    return dict(parser["Service"])


def manifest(kind: str) -> dict[str, Any]:
    """The one object of a kind in the Kubernetes manifest."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes" / "daemonset.yaml").read_text(encoding="utf-8"))
    (found,) = [document for document in documents if document["kind"] == kind]
    return dict(found)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile: name and all that follows it."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines()]


def pod() -> dict[str, Any]:
    """The pod of the DaemonSet."""
    return dict(manifest("DaemonSet")["spec"]["template"]["spec"])


def test_every_file_lists_the_same_capabilities() -> None:
    """The unit, the manifest, the image's label and the page agree."""
    assert unit()["CapabilityBoundingSet"].split() == [f"CAP_{name}" for name in CAPABILITIES]
    (container,) = pod()["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": list(CAPABILITIES)}
    (label,) = [told for name, told in instructions() if name == "LABEL"]
    assert f'capabilities="{" ".join(CAPABILITIES)}"' in label
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"--cap-add (\w+)", page)) == CAPABILITIES
    assert tuple(re.findall(r"^\| `CAP_(\w+)` \|", page, re.M)) == CAPABILITIES


def test_unit_is_started_again_whatever_ended_it() -> None:
    """Status 1 counts as success, because alerts end so, and so does a fault; wrong options would end alike again."""
    assert set(unit()["SuccessExitStatus"].split()) == {"1", "3"}
    assert (unit()["Restart"], unit()["RestartPreventExitStatus"]) == ("always", "2")


def test_pod_has_no_more_than_it_needs() -> None:
    """Not privileged, no token, nothing writable of the host but its own state, and every volume is mounted."""
    (container,) = pod()["containers"]
    context = container["securityContext"]
    assert (context["privileged"], context["allowPrivilegeEscalation"]) == (False, False)
    assert context["readOnlyRootFilesystem"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert "hostNetwork" not in pod()
    mounts = {mount["name"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert {name for name, is_read_only in mounts.items() if not is_read_only} == {"state", "tmp"}
    assert {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}} in container["env"]
    assert "--node=$(NODE_NAME)" in container["args"]


def test_policy_of_the_manifest_is_a_policy() -> None:
    """What a cluster begins with is read without a fault."""
    policy = read_policy(manifest("ConfigMap")["data"]["policy.yaml"], "policy.yaml")
    assert [rule.name for rule in policy.trust] == ["ours", "kubernetes"]


def test_commands_are_commands_of_tidewaiter() -> None:
    """Each file starts `watch` with options that it has."""
    watch = main.get_command(click.Context(main), "watch")
    assert watch is not None
    known = {option for parameter in watch.params for option in parameter.opts}
    words = [unit()["ExecStart"], " ".join(pod()["containers"][0]["args"]), dict(instructions())["CMD"]]
    for told in words:
        assert "watch" in told
        used = set(re.findall(r"--[a-z-]+", told))
        assert used
        assert used <= known


def test_containerfile_copies_what_is_there() -> None:
    """Its parts come in an order that builds, and every file that it copies exists."""
    names = [name for name, _ in instructions()]
    assert names[0] == "FROM"
    assert set(names) <= {"FROM", "COPY", "RUN", "ENV", "LABEL", "VOLUME", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    for name, told in instructions():
        if name == "COPY" and not told.startswith("--from="):
            for source in told.split()[:-1]:
                assert (DEPLOY.parent / source).exists(), source


def test_unit_is_one_for_systemd(tmp_path: Path) -> None:
    """systemd knows every key, and rates the exposure as no worse than OK."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine; what it would prove was not proven")
    if os.geteuid() != 0:
        pytest.skip("systemd-analyze wants folders of the system's, which only root has; nothing was proven")
    whole = (DEPLOY / "tidewaiter.service").read_text(encoding="utf-8")
    copied = tmp_path / "tidewaiter.service"
    copied.write_text(whole.replace("/opt/tidewaiter/bin/tidewaiter", "/bin/true"))
    assert run("systemd-analyze", "verify", "--man=no", str(copied)) == ""
    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(copied))
    (level,) = re.findall(r"exposure level for tidewaiter.service: ([\d.]+)", told)
    assert float(level) < 3


# ------------------------------------------------------------------------------------------- with real daemons


def restricted(*capabilities: str) -> list[str]:
    """What stands before a command to run it as root with these capabilities and no more."""
    wanted = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    return ["setpriv", f"--bounding-set={wanted}", f"--inh-caps={wanted}", f"--ambient-caps={wanted}", "--no-new-privs"]


def condition(watch: Watching, collector: str) -> str:
    """The last line of its talk about a collector."""
    return [line for line in watch.talk if line.startswith(f"{collector}:")][-1]


@pytest.mark.e2e
def test_capabilities_are_enough(lab: Lab, tmp_path: Path) -> None:
    """With exactly those that are listed, the kernel sensor and both daemons are attached."""
    with Watching(lab, tmp_path / "state", prefix=restricted(*CAPABILITIES)) as watch:
        pass
    said = "\n".join(watch.talk)
    assert str(lab.docker_socket) in condition(watch, "docker"), said
    assert str(lab.containerd_socket) in condition(watch, "containerd"), said
    assert "BPF" in condition(watch, "sensor"), said


@pytest.mark.e2e
@pytest.mark.parametrize("taken", CAPABILITIES)
def test_no_capability_is_too_many(lab: Lab, tmp_path: Path, taken: str) -> None:
    """Without any one of them there is no kernel sensor, and that is said; the daemons are watched all the same."""
    left = [name for name in CAPABILITIES if name != taken]
    options = ("--sensor", "bpf")
    with Watching(lab, tmp_path / "state", *options, prefix=restricted(*left)) as watch:
        pass
    assert f"CAP_{taken}" in condition(watch, "sensor")
    assert str(lab.docker_socket) in condition(watch, "docker")


@pytest.mark.e2e
def test_pod_with_these_rights_sees_its_neighbours(lab: Lab, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """As the DaemonSet runs it (Python and tidewaiter lent by the machine), it alerts on another pod."""
    (spec,) = pod()["containers"]
    here = environment(lab)
    lent = [sys.prefix, sys.base_prefix, str(SOURCES), "/usr", "/lib", "/lib64", str(policy.parent), str(lab.folder)]
    places = [mount["mountPath"] for mount in spec["volumeMounts"] if mount["name"] in ("cgroup", "btf")]
    state = tmp_path / "state"
    state.mkdir()
    rights = Rights(
        command=(*COMMAND, "watch", "--format", "jsonl", "--state", str(state), "--policy", str(policy)),
        environment=tuple((name, here[name]) for name in ("PYTHONPATH", "CONTAINERD_ADDRESS")),
        mounts=(
            *((path, True) for path in dict.fromkeys([*lent, *places]) if Path(path).exists()),
            (str(state), False),
        ),
        capabilities=tuple(spec["securityContext"]["capabilities"]["add"]),
        is_host_pid=pod()["hostPID"],
    )
    with Kubelet(lab.containerd_socket, tmp_path) as kubelet:
        image = kubelet.pull(pushed("evil/web:1.0").name)
        with kubelet.pod(image, "tidewaiter", "tidewaiter", "watching", rights):
            wait_until(lambda: any("ready" in line for line in kubelet.log("watching")), "ready", 30)
            with kubelet.pod(image, "web-0", "payments", "neighbour") as neighbour:
                kubelet.execute(neighbour, "/bin/wget", "-qO-", f"http://{lab_world.OUTSIDE}/")

                def alerts() -> list[str]:
                    lines = [line for line in kubelet.log("watching") if '"kind":"alert"' in line]
                    return [line for line in lines if neighbour.container_id in line]

                connected = f"{lab_world.OUTSIDE}:80"
                wait_until(lambda: any(connected in line for line in alerts()), "an alert with the connection", 20)
    talk = "\n".join(kubelet.log("watching"))
    assert "sensor: BPF" in talk, talk
