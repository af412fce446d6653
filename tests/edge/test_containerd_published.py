"""Compares the fields that are read with containerd's published .proto files, where Debian's package has put them."""

import re
from pathlib import Path

import pytest

from tidewaiter.edge.containerd_messages import FIELDS

PUBLISHED = Path("/usr/share/gocode/src/github.com/containerd/containerd/api")
OTHER_NAMES = {
    "Label": (),
    "Any": (),
    "Empty": (),
    "Timestamp": (),
    "NameEvent": ("ImageCreate", "ImageUpdate", "NamespaceCreate", "NamespaceUpdate"),
    "TaskEvent": ("TaskOOM", "TaskPaused", "TaskResumed", "TaskCheckpointed"),
    "TaskExec": ("TaskExecStarted",),
    "ContainerMessage": ("GetContainerResponse", "ListContainerMessage"),
    "Snapshot": ("Info",),
}
"""Our name -> the published ones, where they differ; nothing for those of protobuf itself."""
_MESSAGE = re.compile(r"^message (\w+)\s*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s*(?:repeated )?([\w.]+(?:<[^>]+>)?)\s+(\w+)\s*=\s*(\d+)", re.MULTILINE)


def published() -> dict[str, list[dict[str, tuple[int, str]]]]:
    """Message -> its fields, for each file that has one of the name: name -> number and type."""
    found: dict[str, list[dict[str, tuple[int, str]]]] = {}
    for path in sorted(PUBLISHED.rglob("*.proto")):
        for name, body in _MESSAGE.findall(path.read_text()):
            # What is declared within a message stands deeper than its own fields.
            own = "\n".join(line for line in body.splitlines() if not line.startswith("\t\t"))
            fields = {field: (int(number), kind) for kind, field, number in _FIELD.findall(own)}
            found.setdefault(name, []).append(fields)
    return found


def test_field_numbers_are_the_published_ones() -> None:
    """Numbers and wire types; a message that several services name alike is one of them."""
    if not PUBLISHED.is_dir():
        pytest.skip("golang-github-containerd-containerd-dev is not installed; field numbers were not compared")
    theirs = published()
    wire = {"string": "string", "bytes": "bytes", "int64": "int64", "uint32": "uint32", "Status": "int32"}
    for ours, fields in FIELDS.items():
        for name in OTHER_NAMES.get(ours, (ours,)):
            candidates = theirs[name]
            assert any(
                all(
                    field in told
                    and told[field][0] == number
                    and wire.get(told[field][1].rpartition(".")[2], kind) == kind
                    for field, (number, kind) in ((f, (n, k.removesuffix("*"))) for f, (n, k) in fields.items())
                )
                for told in candidates
            ), (ours, name, fields, candidates)
