"""Holds inside which window AN0691 weighs a behaviour, and what an image or a pod declares (rules 4 and 5)."""

from typing import Any

import pytest
from an0691_cases import CURL, EVIL, POD, judged, strengths, verdict
from msgspec.structs import replace

from made_events import (
    Hunted,
    S,
    asked,
    at,
    connected,
    created,
    described,
    digest,
    entered,
    hunted,
    image_facts,
    ran,
    started,
    stopped,
)
from tidewaiter.event import Event, ImageClaim, Pod, PodContainer

NS = 1e-9

# ------------------------------------------------------------------------------------------------ rule 4: time


@pytest.mark.parametrize(
    ("seconds", "expected", "reason"),
    [
        (1, "alert", None),
        (901, "alert", None),
        (901 + NS, "suspicious", "late"),
        (90_000, "suspicious", "late"),
        (-29, "alert", None),
        (-29 - NS, "suspicious", "early"),
    ],
)
def test_window_is_inclusive_and_clocks_may_differ_by_the_skew(
    seconds: float, expected: str, reason: str | None
) -> None:
    """0 <= behaviour - start <= 900 s; up to 30 s before the start counts as at the start."""
    whole = int(seconds)
    exact = replace(connected(9, "a"), time_ns=at(whole) + round((seconds - whole) * S))
    events: list[Event] = [started(1, "a", image=ImageClaim(reference=EVIL)), exact]
    run = hunted(sorted(events, key=lambda event: event.time_ns or 0))
    assert (run.only.verdict, run.only.severity) == (expected, "high" if expected == "alert" else "medium")
    if reason is not None:
        assert any(text.startswith(reason) for text in run.only.reasons)


def test_restart_moves_the_anchor() -> None:
    """A container that was started again an hour later misbehaves inside a window again."""
    again = [stopped(3599, "a"), started(3600, "a"), ran(3610, "a", "curl", "x")]
    assert verdict(judged(again)) == "alert"
    assert verdict(judged([again[-1]])) == "suspicious"


def test_anchor_is_the_create_where_no_start_was_seen_and_else_the_first_sight() -> None:
    """Latest start, else create, else first sighting."""
    assert hunted([created(0, "a", EVIL), ran(900, "a", "curl", "x")]).only.verdict == "alert"
    late = hunted([created(0, "a", EVIL), ran(901, "a", "curl", "x")]).only
    assert (late.verdict, late.severity) == ("suspicious", "medium")
    unseen = hunted([ran(0, "a", "id"), ran(901, "a", "curl", "x")]).only
    assert any(text.startswith("late") for text in unseen.reasons)


def test_create_anchors_what_came_before_the_first_start_that_was_seen() -> None:
    """The first start was missed, and the container was started again later: its create still opens the window."""
    assert hunted([created(0, "a", EVIL), ran(10, "a", "curl", "x"), started(600, "a")]).only.verdict == "alert"
    assert hunted([created(0, "a", EVIL), connected(10, "a"), started(600, "a")]).only.verdict == "alert"


def test_create_opens_its_window_and_no_longer_one() -> None:
    """What came before the first start that was seen, but long after the create, is late."""
    late = hunted([created(0, "a", EVIL), ran(901, "a", "curl", "x"), started(2000, "a")]).only
    assert late.verdict == "suspicious"
    assert any(text.startswith("late") for text in late.reasons)
    early = hunted([ran(10, "a", "curl", "x"), created(100, "a", EVIL), started(101, "a")]).only
    assert any(text.startswith("early") for text in early.reasons)


def test_pods_flow_before_the_first_start_that_was_seen_is_early() -> None:
    """Another container of the pod may have done it: it does not prove that this one ran."""
    flow = connected(50, None, pod=Pod(namespace="shop", name="web"))
    run = hunted([asked(-1, "web", {"c": EVIL}), created(0, "a", EVIL, pod=POD), flow, started(600, "a")])
    assert run.only.verdict == "suspicious"
    assert any(text.startswith("early") for text in run.only.reasons)


def test_strong_behaviour_of_a_container_nobody_saw_begin_is_suspicious() -> None:
    """Perhaps it was infected later: `missing` says what was not seen."""
    alert = hunted([ran(9, "a", "curl", "x", image=ImageClaim(reference=EVIL))]).only
    assert (alert.verdict, alert.severity) == ("suspicious", "medium")
    assert {"create: not reported by the container runtime", "start: not observed"} <= set(alert.missing)
    assert any("compromised later" in text for text in alert.reasons)


@pytest.mark.parametrize("stage", [created(0, "a", EVIL), started(1, "a"), asked(0, "web", {"c": EVIL})])
def test_one_of_create_and_start_is_enough(stage: Event) -> None:
    """Any of the stages that AN0691 names, at the runtime or at the API server, opens the chain."""
    assert hunted([stage, ran(9, "a", "curl", "x", pod=POD)]).only.verdict == "alert"


def test_weak_behaviours_stay_suspicious_however_many() -> None:
    """A hundred weak ones are not a strong one."""
    many = [entered(9 + number, "a", "ls", native_id=f"s{number}") for number in range(20)]
    run = judged(many)
    assert (run.only.verdict, run.only.severity, len(run.only.behaviours)) == ("suspicious", "low", 20)


def test_weak_behaviour_after_the_window_is_nothing() -> None:
    """Only strong ones are told when they are late."""
    assert verdict(judged([entered(2000, "a", "ls", native_id="s1")])) == "quiet"


def test_no_behaviour_is_no_alert() -> None:
    """An untrusted image that does nothing of interest is listed, and nothing more."""
    run = judged([ran(9, "a", "web")])
    assert run.alerts == []
    assert run.about("a").reasons[-1] == "no behaviour of interest was seen"


def test_sandbox_is_quiet() -> None:
    """The pause container of a pod runs nothing."""
    assert hunted([created(0, "a", EVIL, is_sandbox=True), CURL]).alerts == []


# ------------------------------------------------------------------------------------------------ rule 5: declared


def with_config(*events: Event, **declared: Any) -> Hunted:
    """The container's image config is known: what is not given is known to be empty."""
    told = {"entrypoint": (), "cmd": (), "healthcheck": (), **declared}
    facts = image_facts(None, config_digest=digest("C"), proof="runtime", **told)
    return judged([facts, described(None, "a", "C"), *events])


SHELL_CMD = ("sh", "-c", "curl -sf http://203.0.113.7/x | sort; exec wget -q y && FOO=1 web")
CHECK = ("CMD-SHELL", "curl -f http://localhost/ || exit 1")


@pytest.mark.parametrize(
    ("declared", "exe", "args", "strength"),
    [
        ({"cmd": ("curl", "x")}, "/usr/bin/curl", ("curl", "x"), "weak"),
        ({"cmd": ("/usr/bin/curl", "x")}, "/usr/bin/curl", ("curl", "x"), "weak"),
        ({"cmd": ("curl", "x")}, "/usr/bin/curl", ("curl", "y"), "strong"),
        ({"cmd": ("curl", "x")}, "/usr/bin/curl", ("curl", "x", "y"), "strong"),
        ({"entrypoint": ("curl",), "cmd": ("x",)}, "/usr/bin/curl", ("curl", "x"), "weak"),
        ({"entrypoint": ("curl",), "cmd": ("x",)}, "/usr/bin/curl", ("curl", "z"), "strong"),
        ({"entrypoint": ("/run.sh",), "cmd": ("web",)}, "/bin/dash", ("/bin/sh", "/run.sh", "web"), "weak"),
        ({"entrypoint": ("/run.sh",), "cmd": ("web",)}, "/bin/bash", ("bash", "/run.sh", "web"), "weak"),
        ({"entrypoint": ("/run.sh",), "cmd": ("web",)}, "/bin/bash", ("bash", "/run.sh", "sh"), "strong"),
        ({"entrypoint": ("/run.sh",), "cmd": ("web",)}, "/bin/bash", ("bash", "/home/run.sh", "web"), "strong"),
        ({"entrypoint": ("/app.py",)}, "/usr/bin/python3.11", ("python3", "/app.py"), "weak"),
        ({"cmd": ("python", "app.py")}, "/usr/local/bin/python3.11", ("python", "app.py"), "weak"),
        ({"cmd": ("python", "app.py")}, "/usr/local/bin/python3.11", ("python3.11", "-c", "x"), "strong"),
        ({"cmd": SHELL_CMD}, "/bin/sh", SHELL_CMD, "weak"),
        ({"cmd": SHELL_CMD}, "/usr/bin/curl", ("curl", "-sf", "http://203.0.113.7/x"), "weak"),
        ({"cmd": SHELL_CMD}, "/usr/bin/wget", ("wget", "-q", "y"), "weak"),
        ({"cmd": SHELL_CMD}, "/usr/bin/wget", ("wget", "-q", "z"), "strong"),
        ({"cmd": SHELL_CMD}, "/bin/sh", ("sh", "-c", "curl -sf http://203.0.113.7/x"), "strong"),
        ({"healthcheck": CHECK}, "/bin/sh", ("/bin/sh", "-c", CHECK[1]), "weak"),
        ({"healthcheck": CHECK}, "/bin/busybox", ("/bin/sh", "-c", CHECK[1]), "weak"),
        ({"healthcheck": CHECK}, "/usr/bin/curl", ("curl", "-f", "http://localhost/"), "weak"),
        ({"healthcheck": CHECK}, "/usr/bin/curl", ("curl", "-f", "http://203.0.113.7/"), "strong"),
        ({"healthcheck": ("CMD", "curl", "-f", "x")}, "/usr/bin/curl", ("curl", "-f", "x"), "weak"),
        ({"healthcheck": ("CMD", "curl", "-f", "x")}, "/usr/bin/curl", ("curl", "-f", "y"), "strong"),
        ({"healthcheck": ("NONE",)}, "/usr/bin/curl", ("curl", "NONE"), "strong"),
        ({"cmd": ("sh", "-c", "unbalanced ' quote")}, "/usr/bin/curl", ("curl",), "strong"),
        ({}, "/usr/bin/curl", ("curl",), "strong"),
    ],
)
def test_declared_is_what_the_image_config_says_and_nothing_like_it(
    declared: dict[str, Any], exe: str, args: tuple[str, ...], strength: str
) -> None:
    """Entrypoint with cmd, the healthcheck, and a script run by an interpreter: exactly these, and no others."""
    run = with_config(ran(9, "a", *args, exe=exe), **declared)
    assert strengths(run) == [strength]
    assert run.only.behaviours[0].reason == ("declared_binary" if strength == "weak" else "suspicious_binary")


def test_healthcheck_that_is_told_late_withdraws_the_alert() -> None:
    """A final record knows everything, whenever it was told."""
    check, probe = ran(9, "a", "curl", "-f", "x"), ("CMD", "curl", "-f", "x")
    facts = image_facts(None, config_digest=digest("C"), cmd=("web",), healthcheck=probe, proof="runtime")
    assert verdict(judged([check])) == "alert"
    assert verdict(judged([check, described(None, "a", "C"), facts])) == "suspicious"


def test_declared_command_with_a_secret_in_it_is_declared() -> None:
    """What was masked is still the same command."""
    check = ("CMD-SHELL", "redis-cli --pass=geheim ping")
    assert strengths(with_config(ran(9, "a", "/bin/sh", "-c", check[1], exe="/bin/sh"), healthcheck=check)) == ["weak"]


def test_declared_command_of_five_thousand_characters_is_declared() -> None:
    """A long script in the image config is still that script."""
    script = "; ".join(f"echo {number}" for number in range(600))
    assert strengths(with_config(ran(9, "a", "sh", "-c", script), cmd=("sh", "-c", script))) == ["weak"]
    assert strengths(with_config(ran(9, "a", "sh", "-c", script + "; id"), cmd=("sh", "-c", script))) == ["strong"]
    hush = f"{script}; web --password=geheim"
    assert strengths(with_config(ran(9, "a", "sh", "-c", hush), cmd=("sh", "-c", hush))) == ["weak"]
    run = ran(9, "a", "/bin/sh", "/run.sh", script, exe="/bin/dash")
    assert strengths(with_config(run, entrypoint=("/run.sh", script))) == ["weak"]


def test_override_of_the_command_declares_nothing() -> None:
    """What a user or a pod runs instead of the image's command is the user's: also as the first process."""
    run = with_config(ran(1.1, "a", "sh", "-c", "curl x", parent_exe="/usr/bin/containerd-shim"), cmd=("web",))
    assert verdict(run) == "alert"


@pytest.mark.parametrize(
    ("seconds", "parent", "strength"),
    [
        (1.1, None, "weak"),
        (6, None, "weak"),
        (6.1, None, "strong"),
        (1.1, "/usr/bin/containerd-shim-runc-v2", "weak"),
        (1.1, "/usr/bin/runc", "weak"),
        (1.1, "/usr/sbin/dockerd", "weak"),
        (1.1, "/usr/bin/bash", "strong"),
        (-20, None, "weak"),
    ],
)
def test_first_process_is_treated_as_declared_where_the_config_is_not_known(
    seconds: float, parent: str | None, strength: str
) -> None:
    """Within five seconds of the start, and not the child of anything but a runtime."""
    assert strengths(judged([ran(seconds, "a", "sh", "-c", "x", parent_exe=parent)])) == [strength]


def test_second_process_is_not_the_first() -> None:
    """Only the earliest is treated so."""
    assert strengths(judged([ran(1.1, "a", "sh", "-c", "x"), ran(1.2, "a", "curl", "x")])) == ["weak", "strong"]


def test_first_process_seen_by_two_sensors_is_the_first_twice() -> None:
    """Falco and Tetragon tell the same process a moment apart."""
    twice = [ran(1.1, "a", "sh", "-c", "x"), ran(1.11, "a", "sh", "-c", "x", source="tetragon")]
    assert set(strengths(judged(twice))) == {"weak"}


PROBE = ("sh", "-c", "curl -f http://localhost/ready")


def probed(*events: Event, probe: tuple[str, ...] = PROBE) -> Hunted:
    """The pod's spec has a probe."""
    pod = asked(-1, "web", [PodContainer(name="c", image=EVIL, probes=(probe,))])
    return hunted([pod, created(0, "a", EVIL, pod=POD), started(1, "a"), *events])


def test_probe_matches_its_exact_argv() -> None:
    """The probe is weak; the same program with other arguments, or what the probe starts, is not it."""
    assert strengths(probed(ran(9, "a", *PROBE))) == ["weak"]
    assert strengths(probed(ran(9, "a", "sh", "-c", "curl -f http://203.0.113.7/"))) == ["strong"]
    assert strengths(probed(ran(9, "a", "sh"))) == ["strong"]


def test_probe_with_a_secret_in_it_is_the_probe() -> None:
    """What was masked is still the same command."""
    probe = ("mysqladmin", "ping", "--password=geheim")
    wrapped = ("sh", "-c", " ".join(probe))
    assert strengths(probed(ran(9, "a", *wrapped), probe=wrapped)) == ["weak"]
