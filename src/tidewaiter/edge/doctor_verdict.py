"""Turns what was seen, or can be seen, into green, amber or red for each log source of AN0691 (recorded telemetry).

One rule throughout. Green: nearly all of it is there and joined to containers. Amber: a part. Red: nothing, or nothing
that can be joined. A log source stands for its link of the chain: who tells the link does not matter, only that it is
told. `doctor_verdict_live.py` judges a host in the same way.
"""

from collections.abc import Callable, Iterable, Mapping

from tidewaiter.edge.doctor_report import Containers, Digest, LogSource, Reach, SourceReport, State

NEARLY_ALL = 0.9
LOG_SOURCES = {
    "image": ("containerd:events", "DC0015 Image Creation"),
    "create": ("kubernetes:audit", "DC0072 Container Creation"),
    "start": ("kubernetes:events", "DC0077 Container Start"),
    "process": ("auditd:SYSCALL", "DC0064 Command Execution"),
    "connection": ("NSM:Flow", "DC0085 Network Traffic Content"),
}
"""Link of the chain -> AN0691's log source and ATT&CK's data component."""
_GUIDE = "docs/sources-guide.md"
_RUNTIME = {
    "docker_events": "docker inspect of containers and images",
    "docker_inspect": "docker events",
    "podman": "podman inspect",
    "containerd_events": "`ctr images ls` or `crictl inspecti`",
    "containerd_journal": "`crictl inspect` and `crictl inspecti`",
    "crio": "`crictl inspect` and `crictl inspecti`",
}
_NAMING = "use LAUREL, Falco or Tetragon: they name the container in each record"
_FOR_PIDS = "give `ctr events` or `docker inspect` of the same machine and time, or use LAUREL, Falco or Tetragon"

Verdict = tuple[State, str, str | None]


def log_source(link: str, told_by: Iterable[str], verdict: Verdict) -> LogSource:
    """The verdict on a link, under the name that AN0691 gives it."""
    name, component = LOG_SOURCES[link]
    state, why, mend = verdict
    return LogSource(name=name, link=link, component=component, state=state, told_by=tuple(told_by), why=why, mend=mend)


def judge_recorded(
    sources: Mapping[str, SourceReport], containers: Containers
) -> tuple[tuple[LogSource, ...], Digest, tuple[str, ...]]:
    """(the log sources, the digest, what is missing for a whole chain: nothing where one was seen)."""
    rules: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, SourceReport], Containers], Verdict]]] = {
        "image": (("pull", "name"), _image),
        "create": (("create", "asked"), _create),
        "start": (("start",), _start),
        "process": (("process",), lambda told, known: _behaviour(told, known, "process")),
        "connection": (("connection",), lambda told, known: _behaviour(told, known, "connection")),
    }
    judged = tuple(
        log_source(link, _told_by(sources, links), rule(sources, containers)) for link, (links, rule) in rules.items()
    )
    digest = _digest(sources, containers)
    return judged, digest, missing_links(judged, digest)


def missing_links(log_sources: Iterable[LogSource], digest: Digest) -> tuple[str, ...]:
    """One sentence for each reason why links are not seen: `image, create: no container runtime answers`."""
    links: dict[str, list[str]] = {}
    for one in log_sources:
        if one.state == "red":
            links.setdefault(one.why, []).append(one.link)
    if digest.state == "red":
        links.setdefault(digest.why, []).append("digest")
    return tuple(f"{', '.join(named)}: {why}" for why, named in links.items())


def best_mend(log_sources: Iterable[LogSource], digest: Digest) -> str | None:
    """The one line that does most: of the first link that is red, else amber."""
    told = list(log_sources)
    dark = [entry.link for entry in told if entry.state == "red" and not entry.told_by]
    if dark == ["process", "connection"]:
        return f"run a sensor of processes and connections: `tidewaiter watch --record`, Falco or Tetragon ({_GUIDE})"
    entries: list[LogSource | Digest] = [*told, digest]
    return next((e.mend for state in ("red", "amber") for e in entries if e.state == state and e.mend), None)


def share(part: int, whole: int) -> str:
    """`12 of 40 (30 %)`, cut and not rounded."""
    return f"{part:,} of {whole:,} ({100 * part // whole} %)" if whole else "none"


# --------------------------------------------------------------------------------------------- links


def _image(sources: Mapping[str, SourceReport], containers: Containers) -> Verdict:
    pulls, names = _count(sources, "pull"), _count(sources, "name")
    if not pulls and not names:
        told = "no image pull and no image name was seen"
        return "red", told, f"record `docker events` or `ctr events` ({_GUIDE})"
    if not pulls:
        told = f"no pull was seen, only names of images already present ({names:,})"
        return "amber", told, "record `docker events` or containerd's log continuously: a pull is reported only once"
    if not containers.known:
        return "amber", f"{_counted(pulls, 'pull')}, but no container is known", _runtime_mend(sources)
    if not containers.pulled:
        told = f"{_counted(pulls, 'pull')}, but none of an image that a known container was made from"
        return "amber", told, "read pulls and containers from the same machines and the same time"
    told = f"{_counted(pulls, 'pull')}; pull known for {share(containers.pulled, containers.known)} containers"
    if containers.pulled < NEARLY_ALL * containers.known:
        return "amber", told, "read older telemetry: images present before the first record have no pull"
    return "green", told, None


def _create(sources: Mapping[str, SourceReport], containers: Containers) -> Verdict:
    created, known = containers.created, containers.known
    if not created:
        told = f"no create was seen for any of {_counted(known, 'known container')}" if known else "no create was seen"
        return "red", told, f"record `docker events`, `ctr events` or the Kubernetes audit log ({_GUIDE})"
    told = f"create known for {share(created, known)} containers"
    if containers.in_pods and not containers.asked:
        told += "; creators are not named, because the API server's request was not seen"
        return "amber", told, f"enable the Kubernetes audit log at level RequestResponse for pods ({_GUIDE})"
    if created < NEARLY_ALL * known:
        return "amber", told, "read further back, or add `docker inspect`, `crictl inspect` or pod lists"
    return "green", told if containers.in_pods else f"{told}; no Kubernetes here", None


def _start(sources: Mapping[str, SourceReport], containers: Containers) -> Verdict:
    started, known = containers.started, containers.known
    if not started:
        told = f"no start was seen for any of {_counted(known, 'known container')}" if known else "no start was seen"
        return (
            "red",
            told,
            f"record the runtime's events (`docker events`, `ctr events`) or Kubernetes events ({_GUIDE})",
        )
    told = f"start known for {share(started, known)} containers"
    if started < NEARLY_ALL * known:
        return "amber", told, "read further back, or add `docker inspect`, `crictl inspect` or pod lists"
    return "green", told, None


def _behaviour(sources: Mapping[str, SourceReport], containers: Containers, link: str) -> Verdict:
    """Executions or connections."""
    noun = "execution" if link == "process" else "connection"
    reached = _reach(sources, link)
    if not reached.seen:
        sessions = _count(sources, "session") if link == "process" else 0
        also = f"; only {_counted(sessions, 'session')} (exec or attach)" if sessions else ""
        return "red", f"no {noun} was seen{also}", _sensor_mend(sources, link)
    joined = share(reached.container, reached.seen)
    if not reached.container:
        if reached.named:
            told = f"{_counted(reached.seen, noun)}, none in a container that other records know"
            return "red", told, _runtime_mend(sources)
        told = f"{_counted(reached.seen, noun)}, of the host or not attributable to a container"
        return "red", told, _join_mend(sources, link)
    told = f"{joined} {noun}s attributed to containers"
    # Of records that name no container nobody can tell how many are the host's own.
    if reached.named and reached.container >= NEARLY_ALL * reached.named:
        hosts = reached.seen - reached.named
        if hosts and reached.container <= reached.named:
            told = f"{share(reached.container, reached.named)} {noun}s that name a container attributed"
            told += f"; {hosts:,} name none"
        return "green", told, None
    if reached.container >= NEARLY_ALL * reached.seen:
        return "green", told, None
    if reached.named:
        return "amber", told, _runtime_mend(sources)
    return "amber", f"{told}; the rest belongs to the host or could not be attributed", _join_mend(sources, link)


def _digest(sources: Mapping[str, SourceReport], containers: Containers) -> Digest:
    known, proven = containers.known, containers.with_digest
    if not known:
        return Digest(state="red", why="no container is known", mend=_runtime_mend(sources))
    told = f"config digest known for {share(proven, known)} containers"
    state: State = "red" if not proven else "amber" if proven < NEARLY_ALL * known else "green"
    return Digest(state=state, why=told, mend=_digest_mend(sources) if state != "green" else None)


# --------------------------------------------------------------------------------------------- mending


def _runtime_mend(sources: Mapping[str, SourceReport]) -> str:
    if any(name in sources for name in ("docker_events", "docker_inspect")):
        return "give `docker events` and `docker inspect` of the same machine and time"
    if "podman" in sources:
        return "give `podman events` and `podman inspect` of the same machine and time"
    if any(name in sources for name in _RUNTIME):
        return "give `ctr events` or the runtime's log of the same machine and time"
    return f"add the runtime's records: `docker events` and `docker inspect`, or `ctr events` ({_GUIDE})"


def _digest_mend(sources: Mapping[str, SourceReport]) -> str:
    known = next((add for name, add in _RUNTIME.items() if name in sources), None)
    if known is not None:
        return f"add {known} ({_GUIDE}), or `tidewaiter hunt --facts` with the image"
    return f"add `docker inspect`, `crictl inspecti` or pod lists with their status ({_GUIDE})"


def _sensor_mend(sources: Mapping[str, SourceReport], link: str) -> str:
    if link == "process":
        return f"run a sensor of processes: `tidewaiter watch --record`, Falco, Tetragon or LAUREL ({_GUIDE})"
    if "tetragon" in sources:
        return f"give Tetragon the policy `connections` ({_GUIDE})"
    if "falco" in sources:
        return f"give Falco the rule `Connection from a container` ({_GUIDE})"
    if any(name in sources for name in ("auditd", "laurel")):
        return f"add audit rules for connect ({_GUIDE})"
    return f"run a sensor of connections: `tidewaiter watch --record`, Falco, Tetragon or Hubble ({_GUIDE})"


def _join_mend(sources: Mapping[str, SourceReport], link: str) -> str:
    """What joins records that name no container: by process, or by address."""
    if link == "process" or _told_by(sources, (link,)) == ["auditd"]:
        is_given = any(name in sources for name in ("docker_inspect", "containerd_events"))
        return _NAMING if is_given else _FOR_PIDS
    return "add pod lists, pod status or `docker inspect` of the same time: they say which container had an address"


# --------------------------------------------------------------------------------------------- counting


def _told_by(sources: Mapping[str, SourceReport], links: Iterable[str]) -> list[str]:
    return [name for name, source in sources.items() if any(source.links.get(link) for link in links)]


def _count(sources: Mapping[str, SourceReport], link: str) -> int:
    return sum(source.links.get(link, 0) for source in sources.values())


def _reach(sources: Mapping[str, SourceReport], link: str) -> Reach:
    whole = Reach()
    for source in sources.values():
        part = source.execs if link == "process" else source.flows
        if part is not None:
            whole.seen += part.seen
            whole.named += part.named
            whole.container += part.container
            whole.image_name += part.image_name
            whole.config_digest += part.config_digest
    return whole


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
