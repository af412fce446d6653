"""Turns what people type as times and durations into nanoseconds."""

import re
from datetime import UTC, datetime

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.policy_load import parse_duration
from tidewaiter.policy_yaml import printable

_NS = 1_000_000_000
_FRACTION = re.compile(r"[.,](\d+)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


def duration_ns(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """`90`, `60s`, `15m`, `2h`, `30d` as nanoseconds; a usage error where the text is no duration."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageFault(f"{param.opts[0]}: {error}") from None


def moment_ns(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """An RFC 3339 time or a date (UTC where no zone is written) as nanoseconds since the epoch."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{text}T00:00:00" if _DAY.match(text) else text)
    except ValueError:
        sentence = (
            f'"{printable(text)}" is not a time; write one such as 2026-09-21T14:13:00Z, or a date: 2026-09-21 (UTC)'
        )
        raise UsageFault(f"{param.opts[0]}: {sentence}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # datetime counts microseconds; an alert's own time, which one may well give back here, has nine digits.
    fraction = _FRACTION.search(text)
    return int(moment.timestamp()) * _NS + int(fraction[1][:9].ljust(9, "0") if fraction is not None else 0)
