"""Proves how indicator files are read: three forms, and one sentence for each fault."""

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hunt_samples import EVERY_KIND, indicator
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.chain import Action
from tidewaiter.edge import indicator_file
from tidewaiter.edge.indicator_file import IndicatorFileError, read_indicators
from tidewaiter.intel.briefing import Briefing, Source
from tidewaiter.intel.hunts import hunts_for


def written(folder: Path, text: str | bytes) -> str:
    """A file with this content."""
    path = folder / "indicators"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def kinds(path: str) -> list[str]:
    """The kind of each indicator, as it was read."""
    return [one.type for _, one in indicator_file._entries(path, indicator_file._text(path))]


def test_one_value_a_line(tmp_path: Path) -> None:
    """Comments, blank lines, and defanged values; what kind it is the value's form says."""
    lines = {
        "203.0.113[.]7": "ipv4",
        "203.0.113.7:8080": "ipv4",
        "203.0.113.0/24": "cidr",
        "2001:db8::7": "ipv6",
        "[2001:db8::7]:443": "ipv6",
        "evil[.]example": "domain",
        "evil.example:8443": "domain",
        "hxxps://evil[.]example/x": "url",
        "evil/miner:1.2": "image",
        "ghcr.example/evil/miner@sha256:" + "ab" * 32: "image",
        "sha256:" + "ab" * 32: "image_digest",
        "ab" * 32: "sha256",
        "/opt/.x/kinsing": "file_path",
        "kdevtmpfsi": "file_name",
    }
    path = written(tmp_path, "\ufeff# campaign\n\n" + "\r\n".join(lines) + "\n")
    assert kinds(path)[-len(lines) :] == list(lines.values())
    assert len(read_indicators(path).indicators) == len(lines)


def test_a_briefing_as_json_and_our_own_hunt_say_the_same(tmp_path: Path) -> None:
    """Only what is malicious or suspicious, and what a container can match."""
    context = indicator("domain", "github.example", "context")
    briefing = Briefing(
        title="Report\u202e",
        severity="high",
        severity_reasons=(),
        source=Source(url=None, publisher=None, date=None, sha256=None),
        summary=(),
        indicators=(*EVERY_KIND, context),
        techniques=(),
        phases=(),
        hunts=(),
        why="",
        not_used=(),
    )
    whole = read_indicators(written(tmp_path, msgspec.json.encode(briefing))).indicators
    pretty = read_indicators(written(tmp_path, msgspec.json.format(msgspec.json.encode(briefing)))).indicators
    own = "".join(h.query for h in hunts_for(briefing.indicators, (), title="Report") if h.language == "tidewaiter")
    lines = read_indicators(written(tmp_path, own)).indicators
    listed = read_indicators(written(tmp_path, msgspec.json.encode([briefing, briefing]))).indicators
    # image, image with a tag, digest, SHA-256, domain, two addresses, URL, path, name
    assert len(whole) == len(pretty) == len(lines) == len(listed) == 10
    met = Action(1, "egress", "s", "f", 1, dst_ip="192.0.2.7", dst_port=80)
    assert [one.title for one in whole.of_action(met)] == ["Report"]
    assert not whole.of_action(Action(1, "egress", "s", "f", 1, dst_ip="1.1.1.1", dst_name="github.example"))


def test_kinds_that_nothing_can_match_are_counted(tmp_path: Path) -> None:
    """They are no fault: a list is made for many tools."""
    path = written(tmp_path, '{"type":"md5","value":"x"}\n{"type":"md5","value":"y"}\n203.0.113.7\n')
    assert read_indicators(path).ignored == {"md5": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no indicator that a container can match (found: nothing)"),
        ("# nothing\n", "found: nothing"),
        ('{"type":"md5","value":"x"}', "found: 1 md5"),
        ('{"type":"domain"', ":1: no JSON"),
        ('{"type":"domain"}', "neither an indicator nor a briefing"),
        ('{"kind":"alert","type":"domain","value":"evil.example"}', "neither an indicator nor a briefing"),
        ('{"type":"domain","value":"evil.example","disposition":"benign"}', "neither an indicator nor a briefing"),
        ('{"type":"domain","value":"evil"}', "evil: it is no domain"),
        ('{"type":"domain","value":"\\u001b[31m"}', "it is no domain"),
        ("[1, 2]", "[0]: neither"),
        ("203.0.113.7\nthis is a sentence", ":2: this is a sentence: neither"),
        ("http://", "it is no URL"),
        ("203.0.113.7:99999", "a port is a number from 1 to 65535"),
        (b"\xff\xfe", "no UTF-8 text (byte 0)"),
        ("[[[", "neither a digest"),
        ("[" * 100_000, "neither a digest"),
        ('{"a":' * 100_000, "no JSON"),
    ],
)
def test_faults_are_one_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    """What was read, which rule it broke, what was seen, where."""
    with pytest.raises(IndicatorFileError) as caught:
        read_indicators(written(tmp_path, text))
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither size nor number is without end."""
    monkeypatch.setattr(indicator_file, "MAX_BYTES", 64)
    with pytest.raises(IndicatorFileError, match="larger than"):
        read_indicators(written(tmp_path, "a" * 65))
    monkeypatch.setattr(indicator_file, "MAX_INDICATORS", 2)
    with pytest.raises(IndicatorFileError, match="more than 2"):
        read_indicators(written(tmp_path, "10.0.0.1\n10.0.0.2\n10.0.0.3\n"))
    with pytest.raises(IndicatorFileError, match="cannot be read"):
        read_indicators(str(tmp_path / "absent"))


@pytest.mark.property
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_escape_as_anything_but_a_fault(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Users make mistakes."""
    path = written(tmp_path_factory.mktemp("lists"), raw)
    with suppress(IndicatorFileError):
        read_indicators(path)
