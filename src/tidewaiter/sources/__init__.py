"""Holds the sources: each module here turns one producer's records (bytes) into events, without any I/O.

A source is added as one file `sources/NAME.py` with a module-level `SOURCE`. It is found by walking this package.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from tidewaiter.event import Event, Where

Decode = Callable[[bytes, Where], Iterable[Event]]
"""One record in, its events out (none where the record says nothing about images, containers or behaviour).

Raises `RecordError`, and nothing else, whatever the bytes are."""


class RecordError(ValueError):
    """One telemetry record breaks its producer's format. The record is counted `rejected`; the stream goes on."""


class Skim(msgspec.Struct, frozen=True):
    """How to tell, without parsing, which containers a record of the producer's own compact JSON may speak of.

    The quick path skips a record only when every value found belongs to a container that can no longer matter, so a
    skim may list too many keys, never too few.
    """

    prefixes: tuple[bytes, ...]
    """Openings of the records this skim is true for, e.g. `b'{"process_exec":{'`."""
    keys: tuple[bytes, ...] = ()
    """Openings of the JSON members that can name the record's container, up to and with the colon and any fixed
    nesting, e.g. `b'"docker":'` or `b'"container":{"id":'`."""
    guards: tuple[bytes, ...] = ()
    """The bare key names (`b'"docker"'`), one for each of `keys`: where a guard occurs more often than its key, the
    record's shape is not the known one and it is parsed."""
    pods: bool = False
    """True: the values are pod names, not container ids."""
    bare: bool = False
    """True: a record without any of the keys cannot be about a container."""
    words: tuple[tuple[bytes, ...], ...] | None = None
    """Where given: a record in which no word of one of these groups occurs, anywhere, has nothing to say, whatever
    else it holds."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One telemetry producer: how its records are recognised and decoded, and what it cannot see."""

    title: str
    """The producer's name for people."""
    log_sources: tuple[str, ...]
    """The ATT&CK log sources it feeds, `name` or `name:channel` (AN0691: `containerd:events`, `kubernetes:audit`,
    `kubernetes:events`, `auditd:SYSCALL`, `NSM:Flow`; others in the same form)."""
    cannot_see: str
    """One sentence: what this producer does not tell, however well it is configured."""
    decode: Decode
    prefixes: tuple[bytes, ...] = ()
    """Openings that, in the producer's own compact JSON, identify it for certain. An optimisation only."""
    openings: tuple[tuple[bytes, Callable[[bytes], bool]], ...] = ()
    """As `prefixes`, where the opening alone is shared with others: the opening, and a quick test that is certain."""
    recognise: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether a JSON object has this producer's shape; looks at key names and types, never at order or white space."""
    recognise_text: Callable[[bytes], bool] | None = None
    """Whether a line that is not JSON has this producer's shape."""
    join_key: Callable[[bytes], bytes | None] | None = None
    """For text producers that spread one event over several lines: the key that such lines share (auditd's serial).
    `decode` then gets the lines joined by newlines."""
    is_header: Callable[[bytes], bool] | None = None
    """For text producers whose columns are named by header lines: whether a line is one. `decode` then gets the
    stream's header lines before the record, joined by newlines."""
    rank: int = 50
    """Order of recognition where shapes overlap; lower is asked first."""
    skim: Skim | None = None


@cache
def sources() -> dict[str, Source]:
    """All sources by name, in order of recognition."""
    found: list[tuple[int, str, Source]] = []
    for module in pkgutil.iter_modules(__path__):
        source = getattr(importlib.import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if source is not None:
            found.append((source.rank, module.name, source))
    return {name: source for _, name, source in sorted(found, key=lambda entry: entry[:2])}
