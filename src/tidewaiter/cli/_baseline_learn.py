"""Turns `tidewaiter baseline learn` into a baseline file, and into how much is known now and what was held back."""

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import click
import msgspec

from tidewaiter.alert import Summary
from tidewaiter.baseline import Profile
from tidewaiter.cli._baseline_known import Known, known_of, table
from tidewaiter.cli._baseline_merge import overlaps
from tidewaiter.cli._baseline_named import FORM, pattern_of
from tidewaiter.cli._baseline_page import baseline_page, counted, faults_told, hours_lines, opened, tell_omitted
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._form import form_option
from tidewaiter.cli._given import check_source, given_facts, nothing_to_read, stranger_to, too_late
from tidewaiter.cli._image_page import columns
from tidewaiter.cli._progress import Progress
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.cli._times import duration_ns, moment_ns
from tidewaiter.edge.baseline_file import BaselineFile
from tidewaiter.edge.baseline_write import About, Written, check_target, merged, write_baseline
from tidewaiter.edge.learning import Learned
from tidewaiter.edge.learning import learn as learn_from
from tidewaiter.edge.paths import expand
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.learn import Held
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, GREEN, RED, YELLOW, Page, Span

EXIT_INCOMPLETE = 3
_LEAST_KNOWN, _HELD_BACK = 10, 12


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="baseline_learned"):
    """What a run learned."""

    schema: int = 1
    file: str
    complete: bool
    """Whether all that was to be read was read."""
    profiles: int
    entries: int
    mature: int
    """Of the containers how many are known well enough to judge by."""
    hours_counted_twice: dict[str, int]
    held: Held
    summary: Summary
    containers: tuple[Known, ...]
    """The least known first."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write; may be the file of --baseline.")
@click.option("--policy", "policy_path", metavar="FILE", help="Trust policy; without one nothing is vouched for.")
@click.option("--baseline", "old_path", metavar="OLD", help="Learn on: judge by it, and keep what it knows.")
@click.option(
    "--facts", "facts_paths", multiple=True, metavar="FILE", help="Image facts, or an image (archive, layout) to prove."
)
@click.option(
    "--approve",
    "approve",
    multiple=True,
    metavar="PATTERN",
    help="Also expect what these workloads did, but for what alerted: NAMESPACE/KIND/NAME, * stands for any.",
)
@click.option("--cluster", default="default", show_default=True, help="Cluster of records that name none.")
@click.option("--node", help="Node of records that name none.")
@click.option("--source", metavar="NAME", help="Read every record as this source's.")
@click.option("--since", callback=moment_ns, metavar="TIME", help="Leave out behaviour from before.")
@click.option("--until", callback=moment_ns, metavar="TIME", help="Leave out everything from after.")
@click.option("--lateness", callback=duration_ns, metavar="TIME", help="How late records may come.  [default: 60s]")
@form_option
def learn(
    paths: tuple[str, ...],
    output: str,
    policy_path: str | None,
    old_path: str | None,
    facts_paths: tuple[str, ...],
    approve: tuple[str, ...],
    cluster: str,
    node: str | None,
    source: str | None,
    since: int | None,
    until: int | None,
    lateness: int | None,
    form: str,
) -> None:
    """Learn from recorded telemetry what each workload does.

    It is kept by image content, and how much of it all is known is said.
    Reads what `hunt` reads, also the recordings of `watch --record`. What a trusted image did is expected from then
    on; what any other did is written down and held back until somebody approves it, and so is what alerted.

    \b
    Examples:
      tidewaiter baseline learn /var/log/telemetry/ --policy policy.yaml -o baseline.jsonl
      tidewaiter baseline learn today/ --policy policy.yaml --baseline baseline.jsonl -o baseline.jsonl

    Exit status: 0 however little was learned, 2 usage, 3 not all could be read (what could be was learned).
    """
    if since is not None and until is not None and since > until:
        raise UsageFault("--since: lies after --until, so nothing could be learned")
    if source is not None:
        check_source(source)
    for pattern in approve:
        pattern_of(pattern)
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    if lateness is not None:
        policy = msgspec.structs.replace(policy, lateness_ns=lateness)
    expansion = expand(paths)
    if not expansion.files:
        raise UsageFault(nothing_to_read(paths, expansion.problems))
    with ExitStack() as stack:
        stack.enter_context(faults_told())
        check_target(output)
        old = stack.enter_context(opened(old_path)) if old_path is not None else None
        if policy_path is None:
            click.echo(
                "no policy given: no image is trusted, so everything learned is held back; give --policy FILE", err=True
            )
        with Progress(expansion.files) as progress:
            learned = learn_from(
                expansion.files,
                policy,
                ReadOptions(cluster=cluster, node=node),
                facts=given_facts(facts_paths),
                source=source,
                since_ns=since,
                until_ns=until,
                baseline=old,
                approve=approve,
                on_progress=progress.show,
            )
        written, twice = _write(output, learned, old, policy)
        tell_omitted(written)
        if old is not None:
            _talk_of(old, learned)
    unread = [*expansion.problems, *((problem.stream, problem.sentence) for problem in learned.problems)]
    for path, sentence in unread:
        click.echo(f"incomplete: {printable(path)}: {sentence}", err=True)
    for stream in list(learned.strangers)[:10]:
        click.echo(f"{printable(stream)}: nothing in it was recognised (see: tidewaiter sources)", err=True)
    late = too_late(learned.engine)
    if late is not None:
        click.echo(late, err=True)
    for name, count in twice.items():
        click.echo(
            f"warning: {counted(count, 'hour')} of cluster {clipped(name, 80)} {'was' if count == 1 else 'were'} "
            "learned before and will be counted twice; leave them out with --since",
            err=True,
        )
    with opened(output) as file:
        rows = sorted(known_of(file.profiles(), policy), key=lambda row: (row.completeness.share, row.key))
        _talk_of_approval(approve, {row.key.path for row in rows})
        report = Report(
            file=printable(output),
            complete=not unread and not learned.strangers,
            profiles=written.profiles,
            entries=written.entries,
            mature=sum(row.completeness.is_mature for row in rows),
            hours_counted_twice=twice,
            held=learned.held,
            summary=learned.summary(),
            containers=tuple(rows),
        )
        if form == "json":
            write_bytes(encode_json(report))
        else:
            write_text("\n".join(render(report, hours_lines(file.hours()), baseline_page())) + "\n")
    sys.exit(EXIT_INCOMPLETE if unread else 0)


def _write(
    output: str, learned: Learned, old: BaselineFile | None, policy: TrustPolicy
) -> tuple[Written, dict[str, int]]:
    """Write what was learned, with what was known. Gives also cluster -> how many hours were learned twice."""
    fresh = About()
    if old is None:
        return write_baseline(output, fresh.count(learned.profiles), fresh), {}
    about = About(old.hours())
    streams: list[Iterator[Profile]] = [old.profiles(), about.count(fresh.count(learned.profiles))]
    written = write_baseline(output, merged(streams, policy.is_suspicious_binary), about)
    return written, overlaps([old.hours(), fresh.hours])


def _talk_of(old: BaselineFile, learned: Learned) -> None:
    stranger = stranger_to(old, learned.engine.state.clusters)
    for sentence in (*([stranger] if stranger is not None else []), *old.problems):
        click.echo(sentence, err=True)


def _talk_of_approval(patterns: Sequence[str], paths: set[str]) -> None:
    """Who misspells a workload would else believe that it is approved."""
    for pattern in patterns:
        if not any(map(pattern_of(pattern), paths)):
            nobody = f"--approve {cut(pattern)} approved nothing: no known workload has this name"
            click.echo(f"warning: {nobody} ({FORM})", err=True)


# --------------------------------------------------------------------------------------------- the report


def render(report: Report, hours: Sequence[str], page: Page) -> list[str]:
    """How much is known first, then what is known least, then what was held back."""
    lines = [*page.wrap(_headline(report), hang="  "), *hours]
    lines.append(f"{counted(report.profiles, 'profile')}, {report.entries:,} entries in {report.file}")
    if report.containers:
        least = report.containers[:_LEAST_KNOWN]
        more = len(report.containers) - len(least)
        title = f"The {len(least)} least known of {len(report.containers):,}" if more else "How much is known"
        lines += ["", page.paint(title, BOLD), *table(page, least)]
    lines += _held_back(report, page)
    outcomes = {name: count for name, count in report.summary.outcomes.items() if count}
    told = ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
    lines += ["", f"{counted(report.summary.records, 'record')} read" + (f": {told}" if told else "")]
    if not report.complete:
        lines.append(page.paint("incomplete: some input could not be read or recognised; see stderr", YELLOW))
    return lines


def _headline(report: Report) -> list[Span]:
    total = len(report.containers)
    if not total:
        return [Span("NOTHING LEARNED:", f"1;{RED}"), Span("no container activity was observed")]
    of = f"{report.mature:,} of {counted(total, 'container')}"
    if report.mature == total:
        return [
            Span("MATURE:", f"1;{GREEN}"),
            Span(f"all {counted(total, 'container')} are known well enough to judge by"),
        ]
    if not report.mature:
        return [
            Span("IMMATURE:", f"1;{YELLOW}"),
            Span(f"too little data: none of {counted(total, 'container')} is known well enough to judge by."),
            Span("New behaviour counts as it does without a baseline. Learn from more telemetry with --baseline FILE"),
        ]
    return [Span("PARTLY MATURE:", f"1;{YELLOW}"), Span(f"{of} are known well enough to judge by")]


def _held_back(report: Report, page: Page) -> list[str]:
    """What expects nothing, and the commands that change it."""
    held: dict[str, Counter[str]] = {}
    for row in report.containers:
        states = {state: count for state, count in row.states.items() if state in ("unapproved", "alerted")}
        if states:
            held.setdefault(row.key.path, Counter()).update(states)
    if not held:
        return []
    unapproved, alerted = (sum(states[name] for states in held.values()) for name in ("unapproved", "alerted"))
    words = (
        f"Held back: {counted(unapproved, 'behaviour')} of images that are not trusted, "
        f"{alerted:,} of containers that alerted "
        f"({report.held.chains_alerted:,} of {counted(report.held.chains, 'container')} did)"
    )
    lines = ["", *page.wrap([Span(words, BOLD)], hang="  "), "None of this counts as expected until you approve it."]
    ranked = sorted(held, key=lambda path: (-held[path].total(), path))
    quiet = [path for path in ranked if not held[path]["alerted"]]
    loud = [path for path in ranked if held[path]["alerted"]]
    lines += _commands("Approve what is legitimate:", "approve", quiet, held, report.file)
    lines += _commands(
        "Review what alerted first. Approving a workload by its exact name approves that, too:",
        "show",
        loud,
        held,
        report.file,
    )
    if report.held.given_up:
        lines.append(f"{report.held.given_up:,} entries were dropped at a size limit")
    return lines


def _commands(title: str, verb: str, paths: list[str], held: dict[str, Counter[str]], file: str) -> list[str]:
    if not paths:
        return []
    cells = [
        (
            f"{held[path]['unapproved']:,} unapproved",
            *([f"{held[path]['alerted']:,} alerted"] if held[path]["alerted"] else []),
            f"tidewaiter baseline {verb} {_quoted(file)} {_quoted(path)}",
        )
        for path in paths[:_HELD_BACK]
    ]
    lines = [title, *(f"  {line}" for line in columns(cells, right=frozenset({0, len(cells[0]) - 2})))]
    if len(paths) > _HELD_BACK:
        lines.append(f"  ... and {len(paths) - _HELD_BACK:,} more (--format json lists all)")
    return lines


def _quoted(text: str) -> str:
    return clipped(shlex.quote(text), 400)
