"""Defines the evaluation: everything that one run of `eval` found, as it is written in JSON (docs/eval.md)."""

from typing import Literal

import msgspec

from tidewaiter.review.score import Answer, Figures, Variation


class Labels(msgspec.Struct, frozen=True):
    """How many scenarios were scored, by label."""

    total: int
    attack: int
    benign: int
    unlabelled: int
    with_baseline: int


class Background(msgspec.Struct, frozen=True):
    """What telemetry costs in which, as its owner says, nothing bad happened."""

    paths: tuple[str, ...]
    records: int
    hours: int
    """Clock hours in which some container was seen to do something; gaps in a recording do not count."""
    alerts: int
    suspicious: int
    silenced: int
    alerts_per_day: float | None
    """None where not one hour was seen."""
    suspicious_per_day: float | None
    clusters: tuple[str, ...]
    titles: tuple[str, ...]
    """Of the first alerts and suspicious records."""
    policy: str | None = None
    """The file by which it was judged; None: the default policy."""
    baseline: str | None = None

    @property
    def judged(self) -> str:
        """By what it was judged, in words."""
        policy = "by the default policy" if self.policy is None else f"by {self.policy}"
        return f"judged {policy}, {'without a baseline' if self.baseline is None else f'with {self.baseline}'}"


class Fault(msgspec.Struct, frozen=True):
    """Telemetry of a scenario, or of the background, that could not be read as it should."""

    where: str
    sentence: str


class Variations(msgspec.Struct, frozen=True):
    """The score under other settings, and with less to see."""

    time_window: tuple[Variation, ...]
    """By factor."""
    lateness: tuple[Variation, ...]
    """By factor."""
    baseline_age: tuple[Variation, ...]
    """By days; of the scenarios with a baseline."""
    without_source: tuple[Variation, ...]
    """By the source to which nobody listened."""
    without_log_source: tuple[Variation, ...]
    """By ATT&CK log source: to none of the sources that feed it did anybody listen."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="evaluation"):
    """The score of a folder of scenarios."""

    schema: Literal[1] = 1
    version: str
    """Of tidewaiter."""
    folder: str
    labels: Labels
    scenarios: Figures
    containers: Figures
    wrong: tuple[Answer, ...]
    """Answers, about scenarios and about containers, that are not the expected ones."""
    missed: tuple[Answer, ...]
    """Scenarios: attacks without an alert, whatever was expected."""
    false_alerts: tuple[Answer, ...]
    """Scenarios: benign ones with an alert, whatever was expected."""
    variations: Variations | None
    """None where nobody asked for them (`--quick`)."""
    background: Background | None = None
    faults: tuple[Fault, ...] = ()
    seconds: float
    """How long it took."""
