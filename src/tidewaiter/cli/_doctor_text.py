"""Turns the report of `doctor` into a page for people: what is missing first, then what that stands on."""

from collections.abc import Iterable

from tidewaiter.edge.doctor_report import Containers, Digest, LogSource, Measured, Reach, Report, SourceReport
from tidewaiter.edge.doctor_verdict_live import runtime_sentence
from tidewaiter.edge.host import Host
from tidewaiter.sinks._escape import clipped, visible
from tidewaiter.sinks._moments import clock, parse_moment, span
from tidewaiter.sinks._page import BOLD, DIM, GREEN, RED, YELLOW, Page, Span, cut_off

_STATE_STYLES = {"green": GREEN, "amber": YELLOW, "red": f"1;{RED}"}
_LINK = 12
_UNDER = " " * 9
_LABEL = 12
_NS = 1_000_000_000
_GAP_SHOWN = 0.25
"""A silence is shown that takes up so much of a source's time."""
_NAMES_SHOWN = 6
_ALIKE_S = 1.0
"""Clocks closer than this are as good as one: every source tells a thing at its own moment."""


def render(report: Report, page: Page) -> list[str]:
    """The whole page."""
    lines = [*_answer(report, page), "", *_links(report, page)]
    if report.host is not None:
        lines += ["", page.paint("Host", BOLD), *_host(page, report.host)]
    if report.measured is not None:
        lines += ["", *_measured(page, report.measured)]
    if report.containers is not None and report.containers.known:
        lines += ["", page.paint("Containers", BOLD), *_containers(page, report.containers)]
    if report.sources:
        lines += ["", page.paint("Sources", BOLD)]
        are_named = any(source.nodes for source in report.sources.values())
        for name, source in report.sources.items():
            lines += _source(page, name, source, are_named=are_named)
    if report.clocks:
        lines += ["", page.paint("Clocks", BOLD), *_clocks(page, report)]
    if report.read is not None:
        lines += ["", page.paint("Read", BOLD), *_read(page, report)]
    return lines


def _answer(report: Report, page: Page) -> list[str]:
    """What is missing, in one look."""
    if report.whole_chain:
        told = "was seen" if report.subject == "telemetry" else "can be seen"
        lines = page.wrap([Span("WHOLE CHAIN: YES,", f"1;{GREEN}"), Span(f"every step from pull to connection {told}")])
        partly = [entry.link for entry in report.log_sources if entry.state == "amber"]
        partly += ["digest"] if report.digest.state == "amber" else []
        return lines + (_row(page, "in part", [Span(", ".join(partly), YELLOW)]) if partly else [])
    lines = page.wrap([Span("WHOLE CHAIN: NO,", f"1;{RED}"), Span("part of an attack would go unseen")])
    for sentence in report.missing:
        lines += _row(page, "missing", [Span(clipped(sentence, 600))])
    if report.mend is not None:
        lines += _row(page, "first fix", [Span(clipped(report.mend, 400), BOLD)])
    return lines


def _links(report: Report, page: Page) -> list[str]:
    lines = [page.paint(f"  STATE  {'LINK'.ljust(_LINK)}LOG SOURCE", BOLD)]
    entries: dict[str, LogSource | Digest] = {entry.link: entry for entry in report.log_sources}
    before: dict[str, str] = {}
    for link, entry in {**entries, "digest": report.digest}.items():
        state = page.paint(entry.state.ljust(7), _STATE_STYLES[entry.state])
        told = [Span(entry.name)] if isinstance(entry, LogSource) else []
        if isinstance(entry, LogSource) and entry.told_by:
            told.append(Span(f"seen by {', '.join(entry.told_by)}", DIM))
        lines += page.wrap(told, f"  {state}{page.paint(link.ljust(_LINK), BOLD)}", " " * (9 + _LINK))
        if entry.why in before:
            lines += page.wrap([Span(f"as {before[entry.why]}")], _UNDER, _UNDER)
            continue
        before[entry.why] = link
        lines += page.wrap([Span(clipped(entry.why, 600))], _UNDER, _UNDER)
        if entry.mend is not None:
            lines += page.wrap([Span("fix:", YELLOW), Span(clipped(entry.mend, 400))], _UNDER, _UNDER + "     ")
    return lines


# --------------------------------------------------------------------------------------------- a host


def _host(page: Page, host: Host) -> list[str]:
    kernel = host.kernel
    lines = _row(
        page,
        "kernel",
        [
            Span(f"{visible(kernel.release or 'of unknown version')},"),
            _yes_no("BTF", kernel.btf),
            _yes_no("BPF", kernel.bpf_syscall),
            _yes_no("proc connector", kernel.proc_connector),
            _yes_no("audit", kernel.audit, end=""),
        ],
    )
    lines += _row(page, "libbpf", [Span(visible(kernel.libbpf)) if kernel.libbpf else Span("libbpf.so.1: no", YELLOW)])
    if kernel.lockdown not in (None, "none"):
        lines += _row(page, "lockdown", [Span(visible(kernel.lockdown or ""), YELLOW)])
    cgroups = host.cgroups
    told = f"{cgroups.mode or 'none mounted'}" + (f", cgroup2 at {visible(cgroups.cgroup2)}" if cgroups.cgroup2 else "")
    lines += _row(page, "cgroups", [Span(told)])
    events = {True: "reports events", False: "reports no events", None: "does not say whether it reports events"}
    lines += _row(page, "conntrack", [Span(events[kernel.conntrack_events] if kernel.conntrack else "not loaded")])
    lines += _row(page, "audit", [Span(_audit(host))])
    lines += _row(page, "user", [Span(_user(host))])
    for socket in host.sockets:
        style = "" if socket.state == "answers" else YELLOW if socket.state in ("silent", "forbidden") else DIM
        lines += _row(page, socket.runtime, [Span(clipped(runtime_sentence(socket), 400), style)])
    if host.kubelet:
        lines += _row(page, "kubelet", [Span("its files are on this host")])
    return lines + _row(page, "sensor", [Span(f"{host.sensor.chosen}:", BOLD), Span(clipped(host.sensor.why, 400))])


def _audit(host: Host) -> str:
    audit = host.audit
    if not host.kernel.audit:
        return "not in this kernel"
    if audit.enabled is None:
        return "no permission to ask (needs CAP_AUDIT_CONTROL)"
    rules = {True: "recorded", False: "not recorded", None: "not known"}
    lost = f", {audit.lost:,} records lost since boot" if audit.lost else ""
    return (
        f"{'enabled' if audit.enabled else 'not enabled'}, executions {rules[audit.execve_rule]}, "
        f"connections {rules[audit.connect_rule]}{lost}"
    )


def _user(host: Host) -> str:
    held = host.permissions.capabilities
    useful = ("bpf", "perfmon", "net_admin", "sys_admin", "sys_ptrace", "audit_read", "audit_control")
    shown = [name for name in useful if name in held]
    uid = "unknown" if host.permissions.uid is None else str(host.permissions.uid)
    return f"uid {uid}, {len(held)} capabilities" + (f", with {', '.join(shown)}" if shown else "")


def _yes_no(what: str, is_there: bool, end: str = ",") -> Span:
    return Span(f"{what} {'yes' if is_there else 'no'}{end}", "" if is_there else YELLOW, glued=True)


# --------------------------------------------------------------------------------------------- what was read


def _measured(page: Page, measured: Measured) -> list[str]:
    lines = [page.paint(f"Measured for {measured.seconds:g} s", BOLD)]
    for one in measured.collectors:
        lines += _row(page, clipped(one.collector, 11), [Span(f"{one.state}:", BOLD), Span(clipped(one.sentence, 400))])
    for name, count in measured.lost.items():
        lines += _row(page, "lost", [Span(f"{count:,} records of {clipped(name, 40)}", RED)])
    return lines


def _containers(page: Page, containers: Containers) -> list[str]:
    counts = (
        ("with a pull", containers.pulled),
        ("with an image name", containers.named),
        ("with a digest", containers.with_digest),
        ("with a create", containers.created),
        ("with a start", containers.started),
        ("with executions", containers.ran),
        ("with connections", containers.connected),
    )
    told = [
        Span(f"{count:,} {words},", YELLOW if count < containers.known else "", glued=True) for words, count in counts
    ]
    whole = Span(f"{containers.whole:,} with all of them", GREEN if containers.whole else YELLOW, glued=True)
    return _row(page, f"{containers.known:,} known", [*told, whole])


def _source(page: Page, name: str, source: SourceReport, *, are_named: bool) -> list[str]:
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in source.outcomes.items())
    lines = page.wrap([Span(f"{source.records:,} records: {outcomes}")], f"  {page.paint(name, BOLD)}  ", "      ")
    first, last = parse_moment(source.first), parse_moment(source.last)
    if first is not None and last is not None:
        told = f"{clock(first)} to {clock(last)} ({span(last - first)})"
        lines += _detail(page, [Span(told)]) + _gap(page, source, last - first)
    links = ", ".join(f"{link} {count:,}" for link, count in source.links.items())
    lines += _detail(page, [Span(f"reports: {links or 'nothing about images or containers'}", DIM)])
    for noun, reach in (("executions", source.execs), ("connections", source.flows)):
        if reach is not None:
            lines += _detail(page, _reach(noun, reach))
    if are_named:
        lines += _detail(page, _nodes(source))
    expired = source.outcomes.get("expired", 0)
    if expired:
        words = f"{expired:,} came too late to count: read unsorted files separately"
        lines += _detail(page, [Span(words, YELLOW)])
    if source.dropped is not None:
        lines += _detail(page, [Span(f"lost, by its own count: {source.dropped:,}", RED if source.dropped else "")])
    if source.arrival is not None:
        timing = source.arrival
        ahead = "; its clock is ahead of ours" if timing.min_s < 0 else ""
        lines += _detail(
            page,
            [
                Span(
                    f"delay from event to arrival: minimum {timing.min_s * 1000:.1f} ms, "
                    f"median {timing.median_s * 1000:.1f} ms{ahead}"
                )
            ],
        )
    return lines


def _gap(page: Page, source: SourceReport, length_ns: int) -> list[str]:
    """The longest silence, where it is a good part of the source's time."""
    gap = source.gap
    since_ns = parse_moment(gap.since) if gap is not None else None
    if gap is None or since_ns is None or gap.seconds * _NS < _GAP_SHOWN * length_ns:
        return []
    return _detail(page, [Span(f"silent for {span(gap.seconds * _NS)} from {clock(since_ns)}", YELLOW)])


def _reach(noun: str, reach: Reach) -> list[Span]:
    parts = (
        ("in known containers,", reach.container),
        ("with the image's name,", reach.image_name),
        ("with its digest", reach.config_digest),
    )
    spans = [Span(f"{noun} {reach.seen:,}:", glued=True)]
    for words, count in parts:
        style = GREEN if count == reach.seen else RED if not count else YELLOW
        spans.append(Span(f"{100 * count // reach.seen} % {words}", style, glued=True))
    if reach.named < reach.seen:
        spans.append(Span(f"({reach.seen - reach.named:,} name no container)", DIM, glued=True))
    return spans


def _nodes(source: SourceReport) -> list[Span]:
    names = list(source.nodes)
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    told = ", ".join(clipped(name, 60) for name in names[:_NAMES_SHOWN])
    clusters = [clipped(name, 60) for name in source.clusters if name != "default"][:_NAMES_SHOWN]
    ends = f"; cluster {', '.join(clusters)}" if clusters else ""
    if not names:
        return [Span(f"no node named{ends}", YELLOW)]
    some = f"; {source.unnamed_nodes:,} events name none" if source.unnamed_nodes else ""
    return [Span(f"node {told}{more}{some}{ends}", DIM)]


def _clocks(page: Page, report: Report) -> Iterable[str]:
    for entry in report.clocks:
        node = clipped(entry.node, 60) if entry.node else "no node named"
        pair = (
            f"{entry.source} and {entry.beside} ({node}, {entry.moments:,} moment{'' if entry.moments == 1 else 's'}):"
        )
        if entry.offset_s is None:
            verdict = Span("too few events seen by both", DIM)
        elif abs(entry.offset_s) < _ALIKE_S:
            verdict = Span(f"in sync ({entry.offset_s:+.3f} s)", GREEN)
        else:
            verdict = Span(f"{entry.source} is {entry.offset_s:+.3f} s off", YELLOW)
        yield from page.wrap([Span(pair), verdict], "  ", "      ")


def _read(page: Page, report: Report) -> list[str]:
    read = report.read
    if read is None:
        return []
    share = f" ({100 * read.recognised // read.records} %)" if read.records else ""
    files = f"{read.files:,} file{'' if read.files == 1 else 's'}"
    told = f"{read.records:,} in {files}, source recognised for {read.recognised:,}{share}"
    lines = _row(page, "records", [Span(told)])
    if report.sources and not any(source.nodes for source in report.sources.values()):
        words = "none is named: give --node NAME if all of it is from one machine"
        lines += _row(page, "nodes", [Span(words, YELLOW)])
    for unread in read.unread:
        lines += _row(page, "incomplete", [Span(f"{clipped(unread.stream, 200)}: {clipped(unread.why, 300)}", RED)])
    for stranger in read.strangers[:_NAMES_SHOWN]:
        begins = f", which begins: {cut_off(visible(stranger.why), 40)}" if stranger.why else ""
        words = f"nothing was recognised in {clipped(stranger.stream, 200)}{begins}"
        lines += _row(page, "strange", [Span(words, DIM)])
    if read.strangers_total > _NAMES_SHOWN:
        lines += _row(page, "strange", [Span(f"and in {read.strangers_total - _NAMES_SHOWN:,} more files", DIM)])
    return lines


def _row(page: Page, label: str, spans: Iterable[Span]) -> list[str]:
    return page.wrap(spans, "  " + page.paint(label.ljust(_LABEL), DIM), " " * (2 + _LABEL))


def _detail(page: Page, spans: Iterable[Span]) -> list[str]:
    return page.wrap(spans, "      ", "        ")
