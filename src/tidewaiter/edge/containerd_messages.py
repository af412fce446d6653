"""Turns the numbers of the fields in containerd's published messages into classes that read and write those messages.

Source: containerd v1.6 `api/services/*/v1/*.proto`, `api/types/*.proto` and `api/events/*.proto`, which 2.x kept. The
messages are described here instead of by generated code, which is bound to one release of protobuf: a reader passes
over fields that it does not know, so only those that are read stand here. Where one message has another name there but
the same fields, one stands for both; a map is written on the wire as a list of its entries, and read as one here.
"""

import datetime
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FILE = "tidewaiter/containerd.proto"
_PACKAGE = "tidewaiter.containerd"
_LIST = "*"
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    # google.protobuf
    "Empty": {},
    "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    # containerd.types, containerd.v1.types
    "Label": {"key": (1, "string"), "value": (2, "string")},
    "Descriptor": {"media_type": (1, "string"), "digest": (2, "string"), "size": (3, "int64")},
    "Process": {
        "id": (2, "string"),
        "pid": (3, "uint32"),
        "status": (4, "int32"),
        "exited_at": (10, "Timestamp"),
    },
    # services/version, services/namespaces
    "VersionResponse": {"version": (1, "string")},
    "Namespace": {"name": (1, "string")},
    "ListNamespacesResponse": {"namespaces": (1, "Namespace*")},
    # services/images
    "Image": {"name": (1, "string"), "target": (3, "Descriptor"), "updated_at": (8, "Timestamp")},
    "GetImageRequest": {"name": (1, "string")},
    "GetImageResponse": {"image": (1, "Image")},
    "ListImagesResponse": {"images": (1, "Image*")},
    # services/content
    "Info": {"digest": (1, "string"), "size": (2, "int64"), "labels": (5, "Label*")},
    "InfoRequest": {"digest": (1, "string")},
    "InfoResponse": {"info": (1, "Info")},
    "ReadContentRequest": {"digest": (1, "string"), "offset": (2, "int64"), "size": (3, "int64")},
    "ReadContentResponse": {"offset": (1, "int64"), "data": (2, "bytes")},
    # services/snapshots
    "StatSnapshotRequest": {"snapshotter": (1, "string"), "key": (2, "string")},
    "Snapshot": {"name": (1, "string"), "parent": (2, "string")},
    "StatSnapshotResponse": {"info": (1, "Snapshot")},
    # services/containers
    "Container": {
        "id": (1, "string"),
        "labels": (2, "Label*"),
        "image": (3, "string"),
        "spec": (5, "Any"),
        "snapshotter": (6, "string"),
        "snapshot_key": (7, "string"),
        "created_at": (8, "Timestamp"),
    },
    "GetContainerRequest": {"id": (1, "string")},
    "ContainerMessage": {"container": (1, "Container")},
    # services/tasks
    "ListTasksResponse": {"tasks": (1, "Process*")},
    # services/events
    "SubscribeRequest": {"filters": (1, "string*")},
    "Envelope": {
        "timestamp": (1, "Timestamp"),
        "namespace": (2, "string"),
        "topic": (3, "string"),
        "event": (4, "Any"),
    },
    # events
    "NameEvent": {"name": (1, "string"), "labels": (2, "Label*")},
    "ContainerCreate": {"id": (1, "string"), "image": (2, "string")},
    "ContainerUpdate": {
        "id": (1, "string"),
        "image": (2, "string"),
        "labels": (3, "Label*"),
        "snapshot_key": (4, "string"),
    },
    "ContainerDelete": {"id": (1, "string")},
    "SnapshotPrepare": {"key": (1, "string"), "parent": (2, "string")},
    "SnapshotCommit": {"key": (1, "string"), "name": (2, "string")},
    "SnapshotRemove": {"key": (1, "string")},
    "TaskEvent": {"container_id": (1, "string")},
    "TaskCreate": {"container_id": (1, "string"), "bundle": (2, "string"), "pid": (6, "uint32")},
    "TaskStart": {"container_id": (1, "string"), "pid": (2, "uint32")},
    "TaskDelete": {
        "container_id": (1, "string"),
        "pid": (2, "uint32"),
        "exit_status": (3, "uint32"),
        "exited_at": (4, "Timestamp"),
        "id": (5, "string"),
    },
    "TaskExit": {
        "container_id": (1, "string"),
        "id": (2, "string"),
        "pid": (3, "uint32"),
        "exit_status": (4, "uint32"),
        "exited_at": (5, "Timestamp"),
    },
    "TaskExec": {"container_id": (1, "string"), "exec_id": (2, "string"), "pid": (3, "uint32")},
}
"""Message -> field -> its number and its type; `*` marks a list."""
EVENTS: dict[str, str] = {
    **{f"/images/{done}": "NameEvent" for done in ("create", "update", "delete")},
    **{f"/namespaces/{done}": "NameEvent" for done in ("create", "update", "delete")},
    "/containers/create": "ContainerCreate",
    "/containers/update": "ContainerUpdate",
    "/containers/delete": "ContainerDelete",
    "/snapshot/prepare": "SnapshotPrepare",
    "/snapshot/commit": "SnapshotCommit",
    "/snapshot/remove": "SnapshotRemove",
    "/tasks/create": "TaskCreate",
    "/tasks/start": "TaskStart",
    "/tasks/exit": "TaskExit",
    "/tasks/delete": "TaskDelete",
    "/tasks/exec-added": "TaskExec",
    "/tasks/exec-started": "TaskExec",
    **{f"/tasks/{done}": "TaskEvent" for done in ("oom", "paused", "resumed", "checkpointed")},
}
"""Topic -> the message that an event of it carries."""


@cache
def message_class(name: str) -> Any:
    """The class of a message by its name here; it has `FromString` and `SerializeToString`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def members_of(message: Any, name: str) -> dict[str, Any]:
    """A message of that name as JSON has it: what is empty left out, labels as an object, times as text."""
    members: dict[str, Any] = {}
    for field, (_, kind) in FIELDS[name].items():
        value = getattr(message, field)
        if kind == "Timestamp":
            value = text_of_time(value) if message.HasField(field) else None
        elif kind == f"Label{_LIST}":
            value = {label.key: label.value for label in value}
        if value:
            members[field] = value
    return members


def text_of_time(time: Any) -> str | None:
    """A Timestamp in RFC 3339 with nanoseconds, UTC; None where it lies beyond the years 1 to 9999."""
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time.seconds)
    except OverflowError:
        return None
    return f"{moment.isoformat()}.{time.nanos:09d}Z" if 0 <= time.nanos < 1_000_000_000 else None


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field_name, (number, told) in fields.items():
            kind = told.removesuffix(_LIST)
            label = kinds.LABEL_OPTIONAL if kind == told else kinds.LABEL_REPEATED
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in FIELDS:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool.Add(file)
    return pool
