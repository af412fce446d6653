"""Laws of the sinks: whatever text telemetry holds, nothing crashes, nothing moves a cursor, and no line runs over."""

import re
import unicodedata

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.alert import (
    Alert,
    BehaviourShown,
    ContainerShown,
    CreatedBy,
    Evidence,
    ImageIdentity,
    Output,
    PulledBy,
    SourceCount,
    Summary,
    TrustShown,
    Workload,
    format_time,
)
from tidewaiter.sinks import jsonl, ocsf, text
from tidewaiter.sinks._escape import clipped, encode_json, visible
from tidewaiter.sinks._page import cells

SETTINGS = settings(deadline=None, max_examples=60)
pytestmark = pytest.mark.property

SGR = re.compile(r"\x1b\[[0-9;]*m")
NASTY = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA1)])) + (
    "\xad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066"
    "\u2067\u2068\u2069\u206f\u3164\ufe0f\ufeff\ufff9\ud800\udcff\udfff\U000e0041\U000e0100\U0001d173"
)
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
TEXTS = (
    st.text(st.sampled_from(NASTY + "ab/:.@ -東é"), max_size=40)
    | st.text(max_size=20)
    | st.text(st.characters(categories=["Cs", "Cf", "Cc", "Mn", "Lo", "Co", "Cn"]), max_size=20)
    | st.sampled_from(
        ["", " ", "a" * 700, "x y " * 400, "[::1]:80", "203.0.113.7:443", "sha256:" + "a" * 64, "f.log:1"]
    )
)
MAYBE = st.none() | TEXTS
TIMES = st.integers(0, 2**62).map(format_time) | st.sampled_from([format_time(0), format_time(10**18)])
EVIDENCE = st.builds(
    Evidence,
    stage=st.sampled_from(["pull", "create", "start", "behaviour", "session"]) | TEXTS,
    time=st.none() | TIMES | TEXTS,
    source=TEXTS,
    record=TEXTS,
    summary=TEXTS,
)
BEHAVIOURS = st.builds(
    BehaviourShown,
    kind=st.sampled_from(["exec", "egress", "drift", "session", "policy"]),
    strength=st.sampled_from(["strong", "weak"]),
    what=TEXTS,
    time=TIMES | TEXTS,
    attribution=st.sampled_from(["container", "pod"]),
    name=MAYBE,
    protocol=MAYBE,
    reason=MAYBE,
)
IMAGES = st.builds(ImageIdentity, *([MAYBE] * 5))
TRUSTS = st.builds(
    TrustShown, st.sampled_from(["trusted", "untrusted", "unknown"]), TEXTS, st.lists(TEXTS, max_size=3).map(tuple)
)
CONSISTENCIES = st.sampled_from(["proven", "by_name", "unknown", "conflicting"])
MANY = st.lists(TEXTS, max_size=4).map(tuple)
PLACE = {
    "cluster": TEXTS,
    "node": TEXTS,
    "container_id": MAYBE,
    "container_name": MAYBE,
    "namespace": MAYBE,
    "pod": MAYBE,
    "workload": st.none() | st.builds(Workload, MAYBE, MAYBE),
    "image": IMAGES,
    "digest_consistency": CONSISTENCIES,
    "trust": TRUSTS,
    "reasons": MANY,
}
ALERTS = st.builds(
    Alert,
    id=TEXTS,
    revision=st.integers(0, 9),
    final=st.booleans(),
    analytic=TEXTS,
    technique=TEXTS,
    verdict=st.sampled_from(["alert", "suspicious", "withdrawn"]),
    severity=st.sampled_from(["informational", "low", "medium", "high", "critical"]),
    confidence=st.sampled_from(["low", "medium", "high"]),
    title=TEXTS,
    time=TIMES | TEXTS,
    pulled_by=st.builds(PulledBy, MAYBE, MAYBE, MAYBE),
    created_by=st.builds(CreatedBy, MAYBE, MANY, MAYBE, MAYBE, MAYBE),
    evidence=st.lists(EVIDENCE, max_size=5).map(tuple),
    behaviours=st.lists(BEHAVIOURS, max_size=5).map(tuple),
    behaviours_omitted=st.integers(0, 2**40),
    missing=MANY,
    incident=TEXTS,
    **PLACE,
)
CONTAINERS = st.builds(ContainerShown, started=st.none() | TIMES, verdict=TEXTS, **PLACE)
COUNTS = st.integers(0, 2**40)
SUMMARIES = st.builds(
    Summary,
    complete=st.booleans(),
    records=COUNTS,
    outcomes=st.dictionaries(st.sampled_from(["used", "rejected", "expired"]) | TEXTS, COUNTS, max_size=4),
    sources=st.dictionaries(TEXTS, st.builds(SourceCount, COUNTS, COUNTS, COUNTS), max_size=4),
    alerts=COUNTS,
    suspicious=COUNTS,
    silenced=COUNTS,
    attempted_pulls=COUNTS,
    evicted=COUNTS,
)
OUTPUTS = ALERTS | CONTAINERS | SUMMARIES


def is_harmless(char: str) -> bool:
    """Whether a character fills a cell, moves nothing and hides nothing; told apart from the code under test."""
    return char == " " or not (
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me") or char in BIDI
    )


@given(OUTPUTS, st.integers(40, 200))
@SETTINGS
def test_text_holds_no_control_but_line_breaks(output: Output, width: int) -> None:
    """No control and no bidirectional character, from whatever field."""
    shown = text.render(output, width=width)
    assert all(char == "\n" or is_harmless(char) for char in shown)
    shown.encode("utf-8")


@given(OUTPUTS, st.integers(40, 200))
@SETTINGS
def test_colours_are_the_only_other_codes(output: Output, width: int) -> None:
    """Without our own SGR codes the coloured text is the plain one."""
    assert SGR.sub("", text.render(output, width=width, color=True)) == text.render(output, width=width)


@given(OUTPUTS, st.integers(64, 200))
@SETTINGS
def test_no_line_runs_over_but_for_a_long_word(output: Output, width: int) -> None:
    """A line that is too wide would fit without its last word."""
    for line in text.render(output, width=width).split("\n"):
        if cells(line) > width:
            assert cells(line.rpartition(" ")[0].rstrip()) <= width
            assert cells(line.rpartition(" ")[2]) > width // 4


@given(st.lists(CONTAINERS, max_size=5), st.integers(64, 200), st.booleans())
@SETTINGS
def test_table_stays_within_its_width(containers: list[ContainerShown], width: int, color: bool) -> None:
    """Cells are cut; a row never runs over, and nothing hostile comes through."""
    lines = SGR.sub("", text.render_containers(containers, width=width, color=color)).split("\n")
    assert all(cells(line) <= width for line in lines)
    assert all(is_harmless(char) for line in lines for char in line)


@given(OUTPUTS)
@SETTINGS
def test_alert_is_not_longer_than_a_person_reads(output: Output) -> None:
    """Text out of telemetry is cut wherever it stands."""
    assert len(text.render(output)) < 40_000


@given(OUTPUTS)
@SETTINGS
def test_json_line_is_one_printable_line_that_comes_back(output: Output) -> None:
    """What surrogates there were are text now; all else is as it was."""
    line = jsonl.encode(output)
    assert all(is_harmless(char) for char in line.removesuffix(b"\n").decode("utf-8"))
    read = msgspec.json.decode(line, type=Output)
    try:
        assert msgspec.json.decode(msgspec.json.encode(output), type=Output) == read
    except UnicodeEncodeError:
        assert "\\\\ud" in line.decode("utf-8")


@given(OUTPUTS)
@SETTINGS
def test_every_alert_is_a_finding_and_nothing_else_is(output: Output) -> None:
    """One line of JSON with what the class requires, whatever the fields hold."""
    line = ocsf.encode(output)
    if not isinstance(output, Alert):
        assert line == b""
        return
    assert all(is_harmless(char) for char in line.removesuffix(b"\n").decode("utf-8"))
    read = msgspec.json.decode(line)
    for required in ("activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time"):
        assert required in read
    assert all(set(evidence) - {"name", "container"} for evidence in read.get("evidences", ()))


@given(TEXTS)
def test_visible_text_is_harmless_and_stays_so(shown: str) -> None:
    """Escaping twice is escaping once."""
    assert all(is_harmless(char) for char in visible(shown))
    assert visible(visible(shown)) == visible(shown)


@given(TEXTS, st.integers(5, 600))
def test_clipped_text_is_about_as_long_as_allowed(shown: str, limit: int) -> None:
    """The limit, and the note of what was cut."""
    assert len(clipped(shown, limit)) <= limit + len(" .. [+1,000,000 characters] .. ")


@given(st.recursive(st.none() | TEXTS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_any_value_is_encoded(value: object) -> None:
    """Lone surrogates and hidden characters stop nothing."""
    assert msgspec.json.decode(encode_json(value)) is not NotImplemented
