"""Turns what an alert says was not seen into what it means, and which telemetry would show it next time.

Log sources are those that ATT&CK names for AN0691 (docs/analytics/an0691.md); `tidewaiter sources` lists what is read.
"""

import msgspec

from tidewaiter.alert import Alert


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the chain that was not seen."""

    missing: str
    """In the words of the alert."""
    means: str
    log_source: str | None
    """ATT&CK's name for it; None where it is no matter of logs."""
    supplied_by: str


_PULLS = "containerd or Docker events, containerd's or CRI-O's log, kubelet events, the registry's log or notifications"
_SENSORS = "auditd, LAUREL, Falco, Tetragon, Tracee, KubeArmor, or the sensor of tidewaiter watch"
_KNOWN = (
    (
        "pull:",
        "the origin is inferred from the image name, not from an observed pull",
        "containerd:events (DC0015 Image Creation)",
        _PULLS,
    ),
    (
        "fresh pull:",
        "the image was already on the node; older telemetry says who pulled it",
        "containerd:events (DC0015 Image Creation)",
        f"older telemetry of the node (provenance is kept for 30 days), or {_PULLS}",
    ),
    (
        "create and start:",
        "the collector had gaps: creates and starts may be missing",
        "kubernetes:audit (DC0072), kubernetes:events (DC0077)",
        "the runtime's own events, without gaps; tidewaiter doctor says what is not attached",
    ),
    (
        "create:",
        "the runtime did not report what was requested, and when",
        "kubernetes:audit (DC0072 Container Creation)",
        "Docker, containerd or CRI events of the create; Kubernetes audit log, admission reviews",
    ),
    (
        "start:",
        "the window is measured from the create, the request or the first record instead",
        "kubernetes:events (DC0077 Container Start)",
        "containerd or Docker events of the start; kubelet events, pod status",
    ),
    (
        "image content:",
        "no record says which bytes ran; a tag can be moved",
        "containerd:events (DC0015 Image Creation)",
        "docker inspect or crictl inspect output, pod lists, containerd's log; or --facts with the image itself",
    ),
    (
        "image config:",
        "the image's own entrypoint or health check may count as suspicious",
        None,
        "docker inspect of the image, or --facts with an archive, a layout or `tidewaiter image facts` output",
    ),
    (
        "who:",
        "no record says whom to ask; the runtime's API may have been used directly",
        "kubernetes:audit (DC0072 Container Creation)",
        "the Kubernetes audit log or admission reviews; a registry's log for who pulled",
    ),
    ("exec:", "programs may have run unobserved", "auditd:SYSCALL (DC0064 Command Execution)", _SENSORS),
    (
        "egress:",
        "connections may have been made unobserved",
        "NSM:Flow (DC0085 Network Traffic Content)",
        "Hubble, Tetragon, Falco, Tracee, Zeek, Suricata, VPC flow logs, or the sensor of tidewaiter watch",
    ),
    (
        "DNS names:",
        "destinations are known by IP address only",
        "NSM:Flow (DC0085 Network Traffic Content)",
        "Hubble with DNS visibility, Falco, Tetragon; tidewaiter watch as root",
    ),
    (
        "what came later:",
        "the container was dropped at a limit on memory; its later behaviour is missing",
        None,
        "tidewaiter hunt over the recording, or fewer containers for one watch",
    ),
    ("left out for its size:", "the receiver limits the size of a record", None, "the JSON Lines of the same run"),
)


def gaps_of(alert: Alert) -> tuple[Gap, ...]:
    """What was missing, in the order of the alert."""
    return tuple(gap_of(missing) for missing in alert.missing)


def gap_of(missing: str) -> Gap:
    """What one of them means."""
    for prefix, means, log_source, supplied_by in _KNOWN:
        if missing.startswith(prefix):
            return Gap(missing=missing, means=means, log_source=log_source, supplied_by=supplied_by)
    return Gap(missing=missing, means="unknown to this version", log_source=None, supplied_by="tidewaiter doctor")
