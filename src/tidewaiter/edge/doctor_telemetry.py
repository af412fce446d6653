"""Turns recorded telemetry into a report of what can be seen in it, read as `hunt` reads it, every record decoded."""

from collections import Counter
from collections.abc import Sequence

from tidewaiter.edge.batch import Batch
from tidewaiter.edge.doctor_drops import lost_in
from tidewaiter.edge.doctor_measure import Findings, Known, Measure
from tidewaiter.edge.doctor_report import Read, Report, Unread
from tidewaiter.edge.doctor_verdict import best_mend, judge_recorded
from tidewaiter.edge.hunt import UNRECOGNISED, Hunt, OnProgress
from tidewaiter.edge.reader import ReadOptions

_STRANGERS_SHOWN = 20
_CHARACTERS = 120
_MORE = "read more of the same time: all records of the machines whose containers these are"


class _Reading(Hunt):
    """A hunt that also looks for what producers say they lost."""

    def _take(self, batch: Batch) -> None:
        super()._take(batch)
        for source, record in zip(batch.sources, batch.records, strict=True):
            lost = lost_in(source, record)
            if lost is not None:
                self.engine.ledger.drop(source, lost)


def examine_telemetry(
    files: Sequence[str],
    options: ReadOptions,
    *,
    source: str | None = None,
    unreadable: Sequence[tuple[str, str]] = (),
    horizon_ns: int | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """What the files show. `unreadable`: paths that could not even be opened, with the reason.

    Raises KeyError for a `source` that there is not.
    """
    measure = Measure(horizon_ns)
    reading = _Reading(measure, files, options, source=source, quick=False, on_progress=on_progress)
    reading.run()
    findings = measure.conclude()
    log_sources, digest, missing = judge_recorded(findings.sources, findings.containers)
    if not missing and not findings.containers.whole:
        missing = (_of_no_container(findings),)
    unread = [*unreadable, *((problem.stream, problem.sentence) for problem in reading.problems)]
    records = measure.ledger.records
    return Report(
        subject="telemetry",
        whole_chain=not missing,
        missing=missing,
        mend=(best_mend(log_sources, digest) or _MORE) if missing else None,
        log_sources=log_sources,
        digest=digest,
        containers=findings.containers,
        sources=findings.sources,
        clocks=findings.clocks,
        read=Read(
            records=records,
            recognised=records - measure.ledger.counts.get(UNRECOGNISED, {}).get("rejected", 0),
            files=len(files),
            unread=tuple(Unread(stream=stream, why=why) for stream, why in unread),
            strangers=tuple(
                Unread(stream=stream, why=first.text[:_CHARACTERS] if first is not None else "")
                for stream, first in list(reading.strangers.items())[:_STRANGERS_SHOWN]
            ),
            strangers_total=len(reading.strangers),
        ),
        measured=None,
        host=None,
    )


def _of_no_container(findings: Findings) -> str:
    """Every link was seen, but not of one container: what the nearest lacked."""

    def nearness(container: Known) -> tuple[int, str]:
        return (len(container.lacking), container.case.chain.key)

    nearest = min(findings.known, key=nearness)
    alike = Counter(c.lacking for c in findings.known if len(c.lacking) == len(nearest.lacking))
    lacking, count = min(alike.items(), key=lambda entry: (-entry[1], entry[0]))
    told = " and ".join(lacking)
    return (
        f"every link was seen, but of no single container all of them: {count:,} of {len(findings.known):,} lack only "
        f"{told}"
    )
