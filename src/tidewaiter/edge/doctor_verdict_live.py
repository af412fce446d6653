"""Turns what a host offers, and what a measurement on it came to, into green, amber or red for each log source.

What is offered is judged first; a measurement can only take away from it. A quiet host proves nothing, and is not held
against it.
"""

from collections.abc import Sequence

from tidewaiter.edge.doctor_measure import Findings
from tidewaiter.edge.doctor_report import Collected, Digest, LogSource, Reach, State
from tidewaiter.edge.doctor_verdict import LOG_SOURCES, NEARLY_ALL, Verdict, log_source, missing_links, share
from tidewaiter.edge.host import Host, Socket
from tidewaiter.edge.host_sensor import sees_conntrack
from tidewaiter.edge.runtime_sockets import VARIABLES

_SIGHTS = {
    "image": "images",
    "create": "containers",
    "start": "containers",
    "process": "execs",
    "connection": "connections",
}
_OTHERS = "check that the runtimes of all containers here answer at their sockets"
_NAMES = {"docker": "Docker", "containerd": "containerd", "podman": "Podman"}


def judge_host(
    host: Host, collected: Sequence[Collected] | None = None, findings: Findings | None = None
) -> tuple[tuple[LogSource, ...], Digest, tuple[str, ...]]:
    """(the log sources, the digest, what is missing for a whole chain: nothing where all of it can be seen)."""
    blind = {sight: one for one in collected or () for sight in one.blind}
    judged = []
    for link in LOG_SOURCES:
        told_by, verdict = _offered(host, link)
        if _SIGHTS[link] in blind and verdict[0] != "red":
            verdict = _blinded(verdict, blind[_SIGHTS[link]], told_by)
        if findings is not None and verdict[0] != "red":
            verdict = _measured(link, verdict, findings)
        judged.append(log_source(link, told_by, verdict))
    digest = _digest(host, findings)
    return tuple(judged), digest, missing_links(judged, digest)


def runtime_sentence(socket: Socket) -> str:
    """What was looked for, and what was found."""
    name = _NAMES[socket.runtime]
    if socket.state != "answers":
        return f"{name} at {socket.address}: {socket.why}"
    told = [f"{name} {socket.version or 'of unknown version'} answers at {socket.address}"]
    if socket.api is not None:
        told.append(f"API {socket.api}")
    if socket.storage_driver is not None:
        told.append(f"storage {socket.storage_driver}")
    if socket.image_store is not None:
        told.append("containerd's image store" if socket.image_store == "containerd" else "its own image store")
    if socket.namespaces is not None:
        told.append(f"namespaces {', '.join(socket.namespaces)}" if socket.namespaces else "no namespaces yet")
    return ", ".join(told)


def runtime_mend(socket: Socket) -> str:
    """How to be answered at a socket that does not answer."""
    if socket.state == "forbidden":
        return f"run it as root (sudo), or as a user who may use {socket.address}"
    if socket.state == "silent":
        return f"check whether {_NAMES[socket.runtime]} runs and is healthy; {socket.why}"
    return f"start {_NAMES[socket.runtime]}, or name its socket in {VARIABLES[socket.runtime]}"


# --------------------------------------------------------------------------------------------- what is offered


def _offered(host: Host, link: str) -> tuple[tuple[str, ...], Verdict]:
    if link == "process":
        return (host.sensor.chosen,) if host.sensor.chosen != "none" else (), _process(host)
    if link == "connection":
        is_told = host.sensor.chosen == "bpf" or (host.sensor.chosen == "proc" and _has_conntrack(host))
        told_by = ("bpf" if host.sensor.chosen == "bpf" else "conntrack",) if is_told else ()
        return told_by, _connection(host)
    answering = tuple(socket.runtime for socket in host.sockets if socket.state == "answers")
    return answering, _lifecycle(host, link)


def _lifecycle(host: Host, link: str) -> Verdict:
    answering = [socket for socket in host.sockets if socket.state == "answers"]
    failing = [socket for socket in host.sockets if socket.state in ("forbidden", "silent")]
    if not answering:
        told = "; ".join(runtime_sentence(socket) for socket in failing or host.sockets)
        mend = runtime_mend(failing[0]) if failing else "start Docker, containerd or Podman, or name its socket"
        if not failing:
            mend += " in DOCKER_HOST, CONTAINERD_ADDRESS or CONTAINER_HOST"
        return "red", f"no container runtime answers ({told})", mend
    told = " and ".join(_NAMES[socket.runtime] for socket in answering) + (
        " answers" if len(answering) == 1 else " answer"
    )
    if failing:
        return "amber", f"{told}, but not {runtime_sentence(failing[0])}", runtime_mend(failing[0])
    if link == "create" and host.kubelet:
        told += "; a kubelet has run here, and only the API server's audit log names who created a pod"
        return "amber", told, "give the API server's audit log to `tidewaiter hunt` (docs/sources-guide.md)"
    return "green", told, None


def _process(host: Host) -> Verdict:
    sensor = host.sensor
    if sensor.chosen == "bpf":
        return "green", f"sensor bpf: {sensor.why}", None
    if sensor.chosen == "proc":
        return (
            "amber",
            f"sensor proc: {sensor.why}; arguments of very short-lived processes may be missing",
            sensor.mend,
        )
    if sensor.chosen == "audit" and host.audit.execve_rule:
        return "amber", f"sensor audit: {sensor.why}; containers are known by process ids only", sensor.mend
    return "red", f"no sensor of processes can be used: {sensor.why}", sensor.mend


def _connection(host: Host) -> Verdict:
    sensor = host.sensor
    if sensor.chosen == "bpf":
        return "green", "sensor bpf: TCP and UDP, refused connections too", None
    if sensor.chosen == "proc" and _has_conntrack(host):
        told = (
            "conntrack: containers known by address only; host-network containers and refused connections are not seen"
        )
        return "amber", told, sensor.mend
    kernel = host.kernel
    if kernel.conntrack and kernel.conntrack_events is False:
        mend = "sysctl net.netfilter.nf_conntrack_events=1"
        return "red", "conntrack reports no events (net.netfilter.nf_conntrack_events is 0)", mend
    return "red", f"no sensor of connections can be used: {sensor.why}", sensor.mend


def _has_conntrack(host: Host) -> bool:
    return sees_conntrack(host.kernel, host.permissions)


# --------------------------------------------------------------------------------------------- what was measured


def _blinded(verdict: Verdict, by: Collected, told_by: tuple[str, ...]) -> Verdict:
    """A collector says that it does not see this: what others see stays."""
    others = [name for name in told_by if name != by.collector]
    state: State = "amber" if others and by.collector != "sensor" else "red"
    return state, f"{by.collector}: {by.sentence}", verdict[2]


def _measured(link: str, verdict: Verdict, findings: Findings) -> Verdict:
    """What the measurement takes away, and in any case what it saw."""
    state, why, mend = verdict
    if link not in ("process", "connection"):
        return verdict
    noun = "execution" if link == "process" else "connection"
    reach = Reach()
    for source in findings.sources.values():
        part = source.execs if link == "process" else source.flows
        if part is not None:
            reach.seen += part.seen
            reach.container += part.container
            reach.image_name += part.image_name
    lost = sum(source.dropped or 0 for source in findings.sources.values())
    if not reach.seen:
        return state, f"{why}; none seen while measuring", mend
    told = f"{why}; measured: {share(reach.container, reach.seen)} {noun}s attributed to containers"
    if not reach.container:
        return "red", told, mend or _OTHERS
    if reach.container < NEARLY_ALL * reach.seen:
        return "amber", told, mend or _OTHERS
    if reach.image_name < NEARLY_ALL * reach.container:
        # The sensor sees the containers of every runtime here, also of one that is not asked.
        told += f", image known for {share(reach.image_name, reach.container)}"
        return "amber", told, mend or _OTHERS
    if lost:
        return "amber", f"{told}, {lost:,} lost", mend or "give it more processor time, or fewer containers"
    return state, told, mend


def _digest(host: Host, findings: Findings | None) -> Digest:
    answering = [socket for socket in host.sockets if socket.state == "answers"]
    if not answering:
        _, why, mend = _lifecycle(host, "image")
        return Digest(state="red", why=why, mend=mend)
    if findings is not None and findings.containers.known:
        containers = findings.containers
        told = f"config digest known for {share(containers.with_digest, containers.known)} containers"
        if not containers.with_digest:
            return Digest(state="red", why=told, mend=_OTHERS)
        if containers.with_digest < NEARLY_ALL * containers.known:
            return Digest(state="amber", why=told, mend=_OTHERS)
        return Digest(state="green", why=told, mend=None)
    names = " and ".join(_NAMES[socket.runtime] for socket in answering)
    return Digest(state="green", why=f"{names} can report it when images and containers appear", mend=None)
