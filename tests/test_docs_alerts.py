"""Proves that docs/alerts.md documents the output contract: every field, every outcome, and examples that hold."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tidewaiter import alert
from tidewaiter.alert import Output
from tidewaiter.ledger import OUTCOMES
from tidewaiter.sinks import sinks

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "alerts.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Alert": alert.Alert,
    "workload": alert.Workload,
    "image": alert.ImageIdentity,
    "trust": alert.TrustShown,
    "pulled_by": alert.PulledBy,
    "created_by": alert.CreatedBy,
    "evidence": alert.Evidence,
    "behaviours": alert.BehaviourShown,
    "baseline": alert.BaselineShown,
    "attack": alert.AttackNames,
    "Incident": alert.Incident,
    "members": alert.IncidentMember,
    "Container": alert.ContainerShown,
    "Summary": alert.Summary,
    "sources": alert.SourceCount,
}


def section(heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
    assert found is not None, f"docs/alerts.md has no section {heading!r}"
    return found.group(1)


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of a section's table, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_field_is_documented(heading: str) -> None:
    """In the order of the code, and no field that is gone."""
    record = SECTIONS[heading]
    tag = ["kind"] if record.__struct_config__.tag is not None else []
    wanted = [*tag, *(field.encode_name for field in msgspec.structs.fields(record))]
    assert [name.strip("`") for name, *_ in rows(heading)] == wanted


def test_every_record_has_a_section() -> None:
    """A Struct added to the output is added to the page."""
    shown = [found for found in vars(alert).values() if isinstance(found, type) and issubclass(found, msgspec.Struct)]
    assert set(shown) == set(SECTIONS.values())


@pytest.mark.parametrize("heading", SECTIONS)
def test_fields_that_can_be_null_say_when(heading: str) -> None:
    """`never` stands exactly where the type has no None; a part that is never null may say that its fields are."""
    nullable = {
        field.encode_name: type(None) in get_args(field.type) for field in msgspec.structs.fields(SECTIONS[heading])
    }
    for name, _, when in rows(heading):
        field = name.strip("`")
        if field == "reason":
            # The type allows None; the analytic of this version always gives a row.
            continue
        assert when.startswith("never") != nullable.get(field, False), f"{heading}.{field}: {when!r}"


def test_every_outcome_is_documented() -> None:
    assert [name.strip("`") for name, _ in rows("outcomes")] == list(OUTCOMES)


def test_values_of_closed_sets_are_documented() -> None:
    """A verdict, a severity or a kind that is added is added to the page."""
    told: dict[str, tuple[Any, str]] = {
        "verdict": (alert.Verdict, "Alert"),
        "severity": (alert.Severity, "Alert"),
        "confidence": (alert.Confidence, "Alert"),
        "consistency": (alert.Consistency, "digest consistency"),
        "state": (alert.TrustShown.__annotations__["state"], "trust"),
        "kind": (alert.BehaviourShown.__annotations__["kind"], "behaviours"),
        "strength": (alert.BehaviourShown.__annotations__["strength"], "behaviours"),
        "known": (get_args(alert.BehaviourShown.__annotations__["known"])[0], "behaviours"),
        "content": (alert.BaselineShown.__annotations__["content"], "baseline"),
        "attribution": (alert.BehaviourShown.__annotations__["attribution"], "behaviours"),
    }
    missing = [
        f"{name}: {value}"
        for name, (values, heading) in told.items()
        for value in get_args(values)
        if f"`{value}`" not in section(heading)
    ]
    assert missing == []


def test_examples_are_whole_records() -> None:
    """Each example decodes into its record and has every field: what is encoded again is what stands there."""
    examples = re.findall(r"^```json\n(.*?)\n```", PAGE, re.M | re.S)
    decoded = [msgspec.json.decode(example, type=Output) for example in examples]
    assert [type(output) for output in decoded] == [alert.Alert, alert.Incident, alert.Summary]
    assert [msgspec.json.encode(output).decode() for output in decoded] == examples


def test_example_of_a_summary_adds_up() -> None:
    example = re.findall(r'^\{"kind":"summary".*$', PAGE, re.M)[0]
    summary = msgspec.json.decode(example, type=alert.Summary)
    assert sum(summary.outcomes.values()) == summary.records
    assert sum(source.records for source in summary.sources.values()) == summary.records
    assert list(summary.outcomes) == list(OUTCOMES)


def test_every_form_is_described() -> None:
    """`--format` and the page know the same forms."""
    assert all(f"--format {name}" in PAGE for name in sinks())
