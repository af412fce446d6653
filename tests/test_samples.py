"""Proves every source on its samples: each record is recognised as the folder's source, and decodes to the events in
the golden file beside it. `pytest tests/test_samples.py --refresh` writes the golden files anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidewaiter.edge.read import decode, read, recogniser_of
from tidewaiter.event import Event
from tidewaiter.sources import RecordError, sources

SAMPLES = Path(__file__).resolve().parent / "samples"
CASES = sorted(path for path in SAMPLES.glob("*/*.in.*"))
_LEFT_OUT = {"where", "cluster"}


def golden_of(case: Path) -> Path:
    """`tests/samples/falco/0.41.in.jsonl` -> `tests/samples/falco/0.41.out.jsonl`."""
    return case.with_name(case.name.partition(".in.")[0] + ".out.jsonl")


def told(value: Any) -> Any:
    """A Struct as its fields that are not at their default; anything else as plain data."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        pairs = ((field.name, getattr(value, field.name), field.default) for field in fields)
        return {name: told(held) for name, held, default in pairs if held != default and held is not None}
    if isinstance(value, tuple | list):
        return [told(one) for one in value]
    return value


def line_of(event: Event) -> dict[str, Any]:
    """An event as a line of the golden file."""
    fields = {name: value for name, value in told(event).items() if name not in _LEFT_OUT}
    return {"line": event.where.offset, "event": type(event).__name__, **fields}


def lines_of(case: Path) -> Iterator[dict[str, Any]]:
    """The golden lines that a sample gives now."""
    for batch in read(str(case)):
        for index, name in enumerate(batch.sources):
            where = batch.where(index)
            try:
                events = decode(sources()[name], batch.records[index], where)
            except RecordError as error:
                yield {"line": where.offset, "event": "RecordError", "why": str(error)}
                continue
            yield from (line_of(event) for event in events)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_each_record_is_recognised_as_its_own_source(case: Path) -> None:
    """A sample in `samples/NAME` holds records of the source NAME only, and the reader finds that out by itself."""
    recogniser = recogniser_of()
    found = 0
    for batch in read(str(case), recogniser=recogniser):
        assert set(batch.sources) <= {case.parent.name}
        assert batch.unread == []
        assert batch.problems == []
        found += len(batch.records)
    assert found > 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_sample_decodes_to_its_golden_events(case: Path, request: pytest.FixtureRequest) -> None:
    """Decoding gives the same events, field by field, as when the golden file was last looked at by a person."""
    now = [msgspec.json.encode(line).decode() for line in lines_of(case)]
    golden = golden_of(case)
    if request.config.getoption("--refresh"):
        golden.write_text("".join(line + "\n" for line in now), encoding="utf-8")
    assert golden.exists(), f"{golden.name} is missing: run pytest with --refresh, and read what it wrote"
    assert now == golden.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_source_that_is_named_reads_its_samples_alike(case: Path) -> None:
    """`--source NAME` finds the same records in a file of NAME as recognising does."""
    forced = recogniser_of(case.parent.name)
    told_apart = [(batch.records, list(batch.offsets)) for batch in read(str(case))]
    assert [(batch.records, list(batch.offsets)) for batch in read(str(case), recogniser=forced)] == told_apart


def test_every_source_has_samples_and_every_folder_a_source() -> None:
    """No source goes unproven, and no sample lies where nothing reads it."""
    folders = {path.name for path in SAMPLES.iterdir() if path.is_dir()}
    assert folders == set(sources())
    assert {case.parent.name for case in CASES} == folders


def test_no_opening_of_a_source_opens_another_sources_records() -> None:
    """Openings decide at once, so no two sources may claim the same one."""
    claims = [(prefix, name) for name, source in sources().items() for prefix in source.prefixes]
    for prefix, name in claims:
        assert {other for opening, other in claims if opening.startswith(prefix)} == {name}


def test_every_golden_file_belongs_to_a_sample() -> None:
    """A renamed sample leaves no golden file behind."""
    assert {golden_of(case) for case in CASES} >= set(SAMPLES.glob("*/*.out.jsonl"))
