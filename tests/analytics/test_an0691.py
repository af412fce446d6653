"""Holds which behaviours AN0691 weighs as strong, weak or nothing, and inside which window (rules 2 to 5)."""

from typing import Any

import pytest
from an0691_cases import CURL, EVIL, POD, judged, strengths, verdict
from msgspec.structs import replace

from made_events import (
    OUTSIDE,
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
from tidewaiter.event import Event, ImageClaim, PodContainer
from tidewaiter.policy import TrustPolicy

NS = 1e-9

# ------------------------------------------------------------------------------------------------ rule 2: execs


@pytest.mark.parametrize(
    "name",
    [
        *("sh", "bash", "dash", "ash", "zsh", "curl", "wget", "nc", "ncat", "socat", "python", "python3.12", "perl"),
        *("ruby", "php", "apk", "apt", "apt-get", "yum", "dnf", "chroot", "nsenter", "base64", "masscan", "zgrab"),
        *("tor", "ssh", "docker", "kubectl", "crontab"),
    ],
)
def test_suspicious_binary_that_is_not_declared_is_strong(name: str) -> None:
    """Each of the default names is an alert, high, and its row is named."""
    run = judged([ran(9, "a", name, "-x")])
    assert (run.only.verdict, run.only.severity) == ("alert", "high")
    assert run.only.behaviours[0].kind == "exec"
    assert run.only.behaviours[0].reason == "suspicious_binary"
    assert f"suspicious_binary: /usr/bin/{name} -x (strong)" in run.only.reasons


@pytest.mark.parametrize(
    ("exe", "args", "expected"),
    [
        ("/usr/sbin/nginx", ("nginx", "-g", "daemon off;"), "quiet"),
        ("/usr/bin/curly", ("curly",), "quiet"),
        ("/usr/bin/CURL", ("CURL",), "quiet"),
        ("/bin/busybox", ("wget", "x"), "alert"),
        ("/bin/busybox", ("busybox", "wget", "x"), "alert"),
        ("/bin/busybox", ("-sh",), "alert"),
        ("/bin/busybox", ("ls", "/"), "quiet"),
        ("/bin/busybox", ("/usr/bin/wget",), "alert"),
        ("/usr/bin/curl", ("nginx",), "alert"),
        ("/usr/bin/curl", (), "alert"),
        ("/usr/bin/curl (deleted)", ("curl",), "alert"),
        ("curl", ("curl",), "alert"),
        (None, ("/usr/bin/curl",), "alert"),
        (None, (), "quiet"),
        ("", (), "quiet"),
        ("/proc/self/exe", ("init",), "quiet"),
    ],
)
def test_program_is_what_its_binary_says_and_busybox_what_argv0_says(
    exe: str | None, args: tuple[str, ...], expected: str
) -> None:
    """The basename of the file decides; a multi-call binary is what it was called as."""
    assert verdict(judged([ran(9, "a", *args, exe=exe)])) == expected


def test_binary_that_no_layer_holds_is_drift() -> None:
    """Written after the start, whatever its name: strong, and of its own kind."""
    run = judged([ran(9, "a", "/tmp/x", is_upper_layer=True)])  # noqa: S108  # a path in a container
    assert (run.only.verdict, run.only.behaviours[0].kind) == ("alert", "drift")
    assert run.only.behaviours[0].reason == "written_binary"
    assert verdict(judged([ran(9, "a", "/tmp/x", is_upper_layer=False)])) == "quiet"  # noqa: S108


# ------------------------------------------------------------------------------------------------ rule 2: egress


@pytest.mark.parametrize(
    ("ip", "port", "row"),
    [
        (OUTSIDE, 443, "external_egress"),
        ("192.0.2.1", 80, "external_egress"),
        ("2001:db8::1", 443, "external_egress"),
        ("::ffff:203.0.113.7", 443, "external_egress"),
        ("172.32.0.1", 443, "external_egress"),
        ("100.128.0.1", 443, "external_egress"),
        (OUTSIDE, 53, "external_egress"),
        (OUTSIDE, None, "external_egress"),
        ("169.254.169.254", 80, "control_plane_egress"),
        ("::ffff:169.254.169.254", 80, "control_plane_egress"),
        ("fd00:ec2::254", 80, "control_plane_egress"),
        ("10.0.0.5", 2375, "control_plane_egress"),
        ("10.0.0.5", 2376, "control_plane_egress"),
        ("10.0.0.5", 10250, "control_plane_egress"),
        ("10.0.0.5", 10255, "control_plane_egress"),
        ("10.0.0.5", 2379, "control_plane_egress"),
        ("10.0.0.5", 443, None),
        ("10.0.0.5", 2380, None),
        ("172.16.0.1", 443, None),
        ("192.168.1.1", 443, None),
        ("100.64.0.1", 443, None),
        ("fc00::1", 443, None),
        ("fe80::1", 443, None),
        ("fe80::1%eth0", 443, None),
        ("::ffff:10.0.0.5", 443, None),
        ("127.0.0.1", 2375, None),
        ("127.0.0.11", 53, None),
        ("::1", 443, None),
        ("224.0.0.251", 5353, None),
        ("ff02::1", 443, None),
        ("255.255.255.255", 67, None),
        ("0.0.0.0", 80, None),  # noqa: S104  # a destination
        ("rubbish", 80, None),
        ("", 80, None),
    ],
)
def test_destination_decides_what_a_connection_is(ip: str, port: int | None, row: str | None) -> None:
    """Outside, metadata and control plane are strong; loopback, multicast and internal addresses are nothing."""
    run = judged([connected(9, "a", ip, port)])
    assert [shown.reason for alert in run.alerts for shown in alert.behaviours] == ([row] if row else [])
    assert verdict(run) == ("alert" if row else "quiet")


@pytest.mark.parametrize(
    ("ip", "port", "what"),
    [(OUTSIDE, 443, "203.0.113.7:443"), ("2001:db8::1", 443, "[2001:db8::1]:443"), (OUTSIDE, None, "203.0.113.7")],
)
def test_connection_is_written_as_address_and_port(ip: str, port: int | None, what: str) -> None:
    """IPv6 in brackets; name and protocol stand apart."""
    [shown] = judged([connected(9, "a", ip, port, dst_name="c2.example")]).only.behaviours
    assert (shown.what, shown.name, shown.protocol, shown.kind) == (what, "c2.example", "tcp", "egress")


def test_blocked_network_is_strong_even_inside() -> None:
    """The operator's list outranks the internal networks."""
    policy = TrustPolicy(outbound_cidr_block_list=("10.9.0.0/16",))
    assert judged([connected(9, "a", "10.9.1.1")], policy).only.behaviours[0].reason == "blocked_egress"
    assert verdict(judged([connected(9, "a", "10.8.1.1")], policy)) == "quiet"


def test_refused_connection_is_a_behaviour_like_any_other() -> None:
    """The attempt counts, and the record says that it failed."""
    [shown] = judged([connected(9, "a", is_refused=True)]).only.behaviours
    assert (shown.strength, shown.what) == ("strong", f"{OUTSIDE}:443 (refused)")


@pytest.mark.parametrize("how", [{"is_initiator_proven": False}, {"direction": "unknown"}])
def test_flow_of_which_nobody_knows_the_initiator_is_weak(how: dict[str, Any]) -> None:
    """A VPC flow log does not tell who opened the connection."""
    run = judged([connected(9, "a", **how)])
    assert (run.only.verdict, run.only.behaviours[0].reason) == ("suspicious", "unproven_initiator")


def test_dns_to_the_configured_resolver_is_nothing() -> None:
    """Port 53 of that address, and nothing else of it."""
    resolver = described(None, "a", dns_servers=("203.0.113.53",))
    assert verdict(judged([resolver, connected(9, "a", "203.0.113.53", 53, protocol="udp")])) == "quiet"
    assert verdict(judged([resolver, connected(9, "a", "203.0.113.53", 443)])) == "alert"
    assert verdict(judged([resolver, connected(9, "a", "203.0.113.54", 53)])) == "alert"


# ------------------------------------------------------------------------------------------------ rule 3: sessions


def test_session_of_a_named_human_is_weak() -> None:
    """Alice typed `bash`: worth a look, no alarm."""
    run = judged([entered(9, "a", "bash", native_id="s1")])
    assert (run.only.verdict, run.only.severity) == ("suspicious", "low")
    [shown] = run.only.behaviours
    assert (shown.kind, shown.reason, shown.what) == ("session", "interactive_session", "alice attached: bash")


def test_what_runs_inside_her_session_counts_inside_it() -> None:
    """The shell, and what she starts from it, are hers; what runs beside it is not."""
    session = entered(9, "a", "bash", native_id="s1")
    shell = ran(9.5, "a", "bash", pid=500, parent_pid=1)
    child = ran(20, "a", "curl", "x", pid=501, parent_pid=500)
    between = ran(20, "a", "env", pid=502, parent_pid=500)
    grandchild = ran(21, "a", "wget", "x", pid=503, parent_pid=502)
    run = judged([session, shell, child, between, grandchild])
    assert (run.only.verdict, set(strengths(run))) == ("suspicious", {"weak"})
    beside = ran(20, "a", "curl", "x", pid=601, parent_pid=1)
    assert verdict(judged([session, shell, child, beside])) == "alert"


def test_command_of_her_session_is_known_without_process_ids() -> None:
    """A sensor that tells no pids: the same command at the same time is the session's."""
    events = [entered(9, "a", "curl", "x", native_id="s1"), ran(9.2, "a", "curl", "x")]
    assert verdict(judged(events)) == "suspicious"
    assert verdict(judged([*events, ran(9.3, "a", "curl", "y")])) == "alert"
    assert verdict(judged([*events, ran(60, "a", "curl", "x")])) == "alert"


def test_her_session_in_a_busy_container_is_hers_too() -> None:
    """A hundred processes before the session do not hide whose child a process is."""
    busy = [ran(6 + number / 100, "a", "worker", pid=1000 + number, parent_pid=1) for number in range(100)]
    session = [
        entered(9, "a", "bash", native_id="s1"),
        ran(9.5, "a", "bash", pid=500, parent_pid=1),
        ran(20, "a", "curl", "x", pid=501, parent_pid=500),
    ]
    assert verdict(judged([*busy, *session])) == "suspicious"


@pytest.mark.xfail(strict=True, reason="of the processes that are no behaviours the 64 smallest pids are remembered")
def test_her_session_through_other_programs_in_a_busy_container_is_hers_too() -> None:
    """Also where between her shell and curl stands a program that is no behaviour by itself."""
    busy = [ran(6 + number / 100, "a", "worker", pid=100 + number, parent_pid=1) for number in range(100)]
    session = [
        entered(9, "a", "bash", native_id="s1"),
        ran(9.5, "a", "bash", pid=500, parent_pid=1),
        ran(20, "a", "sudo", "curl", "x", pid=501, parent_pid=500),
        ran(20.1, "a", "curl", "x", pid=502, parent_pid=501),
    ]
    assert verdict(judged([*busy, *session])) == "suspicious"


@pytest.mark.parametrize("user", ["system:serviceaccount:shop:robot", None])
@pytest.mark.parametrize(("command", "expected"), [(("sh", "-c", "id"), "alert"), (("ls",), "quiet"), ((), "quiet")])
def test_session_of_nobody_in_particular_is_what_it_runs(
    user: str | None, command: tuple[str, ...], expected: str
) -> None:
    """A service account's exec, and `docker exec` by nobody knows whom, count like any other process."""
    assert verdict(judged([entered(9, "a", *command, user=user, native_id="s1")])) == expected


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
    events: list[Event] = [created(-60, "a", EVIL), started(1, "a"), exact]
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


@pytest.mark.xfail(strict=True, reason="where any start is known, a create is no anchor")
def test_create_anchors_what_came_before_the_first_start_that_was_seen() -> None:
    """The first start was missed, and the container was started again later: its create still opens the window."""
    assert hunted([created(0, "a", EVIL), ran(10, "a", "curl", "x"), started(600, "a")]).only.verdict == "alert"


def test_strong_behaviour_of_a_container_nobody_saw_begin_is_suspicious() -> None:
    """Perhaps it was infected later: `missing` says what was not seen."""
    alert = hunted([ran(9, "a", "curl", "x", image=ImageClaim(reference=EVIL))]).only
    assert (alert.verdict, alert.severity) == ("suspicious", "medium")
    assert {"create: not observed at the runtime", "start: not observed"} <= set(alert.missing)
    assert any("infected later" in text for text in alert.reasons)


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


@pytest.mark.xfail(strict=True, reason="arguments are cut before they are compared with what the image declares")
def test_declared_command_of_five_thousand_characters_is_declared() -> None:
    """A long script in the image config is still that script."""
    script = "; ".join(f"echo {number}" for number in range(600))
    assert strengths(with_config(ran(9, "a", "sh", "-c", script), cmd=("sh", "-c", script))) == ["weak"]


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
