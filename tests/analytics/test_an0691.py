"""Holds which behaviours AN0691 weighs as strong, weak or nothing (rules 2 and 3)."""

from typing import Any

import pytest
from an0691_cases import judged, strengths, verdict

from made_events import (
    OUTSIDE,
    connected,
    created,
    described,
    digest,
    entered,
    hunted,
    image_facts,
    ran,
    started,
)
from tidewaiter.policy import TrustPolicy

# ------------------------------------------------------------------------------------------------ rule 2: execs


def test_exec_that_runtime_and_kernel_tell_is_one_behaviour() -> None:
    """The kernel's words stay, at the kernel's time; that the runtime was asked before decides when it was."""
    asked = entered(9, "a", "sh", "-c", "id", source="docker_events", user=None, native_id="s1")
    again = entered(60, "a", "sh", "-c", "id", source="docker_events", user=None, native_id="s2")
    seen = ran(9.05, "a", "sh", "-c", "id", exe="/bin/busybox", source="sensor")
    run = judged([asked, seen])
    assert [shown.what for shown in run.only.behaviours] == ["sh -c id"]
    assert run.only.behaviours[0].time == judged([seen]).only.time
    assert run.only.time == judged([asked]).only.time
    inner = ran(12, "a", "sh", "-c", "id", exe="/bin/busybox", source="sensor")
    between = connected(10, "a")
    assert [shown.kind for shown in judged([asked, seen, between, inner]).only.behaviours] == ["exec", "egress", "exec"]
    assert [len(judged(events).only.behaviours) for events in ([asked], [asked, seen, again])] == [1, 2]


def test_first_process_is_declared_before_its_start_is_told() -> None:
    """The kernel is quicker than the runtime, and no alert comes that the start would take back."""
    first = ran(0.5, "a", "sh", "/app.sh", parent_exe="/usr/bin/runc")
    assert [verdict(hunted([created(0, "a"), *events])) for events in ([first], [first, started(0.6, "a")])] == [
        "suspicious",
        "suspicious",
    ]


def test_health_check_is_no_session() -> None:
    """Docker tells of each; and a shell that somebody opens after a day of them is seen without any sensor."""
    facts = image_facts(config_digest=digest("C"), healthcheck=("CMD", "wget", "x"), proof="runtime")
    checks = [entered(n, "a", "wget", "x", source="docker_events", user=None, native_id=f"c{n}") for n in range(2, 100)]
    told = [facts, described(0, "a", "C"), *checks]
    assert verdict(judged(told)) == "quiet"
    shell = entered(100, "a", "sh", source="docker_events", user=None, native_id="s1")
    run = judged([*told, shell])
    assert [shown.what for shown in run.only.behaviours] == ["sh"]
    assert [stage.summary for stage in run.only.evidence if stage.stage == "session"] == ["attached: sh"]


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
