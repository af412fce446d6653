"""Turns every output into one line of JSON: the public contract of docs/alerts.md."""

from tidewaiter.alert import Output
from tidewaiter.sinks import Sink
from tidewaiter.sinks._escape import encode_json


def encode(output: Output) -> bytes:
    """One JSON object and a newline. All fields are there; characters that hide or move are `\\uXXXX`."""
    return encode_json(output)


SINK = Sink(title="JSON Lines", media_type="application/x-ndjson", encode=encode)
