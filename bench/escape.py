"""Turns text into JSON strings as the producers' own encoders write them."""

import json

_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def plain(text: str) -> bytes:
    """The inside of a JSON string: only what JSON demands is escaped (Falco, LAUREL, Tetragon)."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


def go(text: str) -> bytes:
    """The inside of a JSON string as Go's encoding/json writes it: `<`, `>` and `&` are escaped as well.

    Source: https://pkg.go.dev/encoding/json#Marshal (Hubble, Docker, Kubernetes).
    """
    return json.dumps(text, ensure_ascii=False)[1:-1].translate(_HTML).encode()


def compact(value: object) -> bytes:
    """A value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def compact_go(value: object) -> bytes:
    """A value as compact JSON, escaped as Go does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_HTML).encode()
