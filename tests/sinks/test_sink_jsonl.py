"""Proves that the JSON Lines are the contract, whatever text they hold."""

import msgspec
from sample_alerts import docker_alert, hostile_alert
from sample_outputs import golden, samples

from tidewaiter.alert import Output
from tidewaiter.sinks.jsonl import encode


def test_golden() -> None:
    """The lines people build on; UPDATE_GOLDEN=1 rewrites the file."""
    golden("outputs.jsonl", b"".join(encode(output) for output in samples().values()).decode("utf-8"))


def test_one_line_for_each_output() -> None:
    """A newline inside a text cannot end the line."""
    assert all(encode(output).count(b"\n") == 1 for output in samples().values())


def test_output_comes_back_as_it_was() -> None:
    """All but the hostile ones, whose surrogates JSON cannot carry."""
    for name, output in samples().items():
        if "hostile" not in name:
            assert msgspec.json.decode(encode(output), type=Output) == output


def test_unknown_fields_are_null_and_present() -> None:
    line = msgspec.json.decode(encode(docker_alert()))
    assert line["workload"] is None
    assert line["created_by"] == {"user": None, "groups": [], "source_ip": None, "user_agent": None, "via": None}


def test_hostile_text_is_survived_and_printable() -> None:
    """Surrogates do not stop the stream, and a terminal that shows the line is not written to by the attacker."""
    encoded = encode(hostile_alert())
    line = msgspec.json.decode(encoded)
    assert line["node"].startswith("\x1b]0;owned\x07")
    assert r"\ud800" in line["node"]
    assert "\u202e" in line["node"]
    assert b"\x1b" not in encoded
    assert "\u202e" not in encoded.decode("utf-8")
