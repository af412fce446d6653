"""Makes records as `hunt` writes them, for tests of tuning."""

from typing import Any

import msgspec

from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.review.recorded import History, Record

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
PYTHON = "docker.io/library/python"


def record(id: str = "a" * 32, **fields: Any) -> Record:
    """An alert of a build pod in `ci` whose origin and digest are proven."""
    known: dict[str, Any] = {
        "kind": "alert",
        "id": id,
        "verdict": "alert",
        "cluster": "default",
        "node": "node-a",
        "container_name": "build",
        "namespace": "ci",
        "pod": "build-1",
        "workload": Workload("Job", "build-29310000"),
        "image": ImageIdentity(reference=f"{PYTHON}:3.12", config_digest=ONE),
        "digest_consistency": "proven",
        "trust": TrustShown("untrusted", "default", (PYTHON,)),
        "created_by": CreatedBy(user="system:serviceaccount:ci:runner", groups=("builders",)),
        "time": "2026-09-21T14:13:20.000000000Z",
        "incident": "",
        "title": "it ran curl",
    }
    return Record(**{**known, **fields})


def container(name: str, **fields: Any) -> Record:
    """A container's record, which does not tell who made it."""
    known = {"kind": "container", "verdict": "quiet", "container_id": name, "created_by": None, "time": ""}
    return record("", **{**known, **fields})


def history(*records: Record) -> History:
    """All of these."""
    found = History()
    for one in records:
        found.add(one)
    found.settle()
    return found


def as_line(one: Record) -> bytes:
    """The record as a line of JSON, with all that tuning looks at."""
    return msgspec.json.encode({**msgspec.to_builtins(one), "schema": 1}) + b"\n"
