"""Holds the sinks: each module here turns what the engine gives out into bytes for one receiver, without any I/O.

A sink is added as one file `sinks/NAME.py` with a module-level `SINK`. It is found by walking this package. Delivery,
retry and acknowledgement are not its business.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

import msgspec

from tidewaiter.alert import Output

Encode = Callable[[Output], bytes]
"""One output in, its bytes out, ready to be appended to a stream; empty where this receiver has no use for that kind.

Never raises: an output can hold whatever an attacker's process wrote."""


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver's format."""

    title: str
    """What the format is called, for people."""
    media_type: str
    """The media type of the whole stream."""
    encode: Encode


@cache
def sinks() -> dict[str, Sink]:
    """All sinks by name (`--format NAME`), found by walking this package."""
    found = ((module.name, importlib.import_module(f"{__name__}.{module.name}")) for module in _modules())
    return {name: module.SINK for name, module in found if hasattr(module, "SINK")}


def _modules() -> list[pkgutil.ModuleInfo]:
    return sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
