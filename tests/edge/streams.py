"""Makes what the tests of the reader share."""

import json
from collections.abc import Callable
from typing import Any

FLAT = b'{"flat":1}'
DEEP = b'{"deep":{"id":1}}'
PRETTY = json.dumps({"deep": {"id": 1, "list": [1, {"x": []}]}}, indent=2).encode()

Read = Callable[..., Any]


def found(account: Any) -> list[tuple[str, bytes, int]]:
    """(source, record, offset) of each record."""
    return [record[:3] for record in account.records]
