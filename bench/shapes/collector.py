"""Wraps records that name no node as Vector's file and exec sources do: `host` beside `message`.

Source: https://vector.dev/docs/reference/configuration/sources/exec/; the text codec prints keys sorted.
"""

import json

from bench.clock import rfc3339
from bench.world import Node


def collected(node: Node, record: bytes, arrival_ns: int, source_type: str = "exec") -> bytes:
    """The record inside the collector's envelope. `source_type`: `exec`, `file`, `journald`."""
    message = json.dumps(record.decode(), ensure_ascii=False).encode()
    return b'{"host":"%b","message":%b,"source_type":"%b","timestamp":"%b"}' % (
        node.name.encode(), message, source_type.encode(), rfc3339(arrival_ns),
    )  # fmt: skip
