"""Turns calls into questions to containerd over its socket, as far as images, containers and events need them.

Source: containerd v1.6 `api/services/*/v1/*.proto`, which 2.x kept; the messages are those of `containerd_messages`.
"""

import os

# Nothing here forks to go on with a connection; without this, gRPC writes to stderr whenever somebody else forks.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec

from tidewaiter.digest import Digest
from tidewaiter.edge.containerd_messages import message_class, text_of_time
from tidewaiter.image.blob import ReadError

_ANSWER_SECONDS = 30
_MESSAGE_BYTES = 16 * 1024 * 1024
_LABELS_KEPT = 256
_PARENTS = 4
_IS_RUNNING = 2
_SOURCE_LABEL = "containerd.io/distribution.source."
_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    # A proxy of the environment is not for a socket.
    ("grpc.enable_http_proxy", 0),
    # Else a new connection waits as long as the one before, to a containerd that has ended, was told to.
    ("grpc.use_local_subchannel_pool", 1),
    # No keepalive: a socket whose other end is gone says so, and grpc-go hangs up on whoever pings every few minutes.
)


class Target(msgspec.Struct, frozen=True):
    """What an image's name stands for."""

    digest: Digest
    size_bytes: int
    media_type: str
    updated_at: str | None = None
    """RFC 3339: when the name was last given or confirmed."""


class Content(msgspec.Struct, frozen=True):
    """What containerd tells of some content without sending it."""

    size_bytes: int
    repositories: tuple[str, ...]
    """From where it was pulled, `registry/path`, the registry without its port; nothing for what was not pulled."""


class Connection:
    """A connection to one containerd, for all its namespaces. Close it after use; that ends every call of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(f"unix://{Path(address).absolute()}", options=list(_OPTIONS))

    def close(self) -> None:
        """Close the connection. May be called from any thread, more than once."""
        self._channel.close()

    def version(self, within_s: float) -> str:
        """The version of what answers. Raises `ReadError`, also where that is not containerd."""
        with self._told():
            try:
                answer = self._unary("version.v1.Version/Version", "Empty", "VersionResponse", None, within_s)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                    raise ReadError(f"what listens at {self.address} is not containerd") from None
                raise
        return str(answer.version)

    def namespaces(self) -> list[str]:
        """The names of all namespaces. Raises `ReadError`."""
        answer = self.ask("namespaces.v1.Namespaces/List", "Empty", "ListNamespacesResponse", None)
        return [found.name for found in answer.namespaces] if answer is not None else []

    def subscribe(self) -> Iterator[Any]:
        """The Envelopes of all events of all namespaces, from this call on. Raises `ReadError`."""
        return self.stream("events.v1.Events/Subscribe", "SubscribeRequest", "Envelope", None)

    def ask(self, method: str, request: str, response: str, namespace: str | None, **members: Any) -> Any:
        """One answer, or None where there is no such thing. Raises `ReadError`."""
        with self._told():
            try:
                return self._unary(method, request, response, namespace, _ANSWER_SECONDS, **members)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.NOT_FOUND:
                    return None
                raise

    def stream(self, method: str, request: str, response: str, namespace: str | None, **members: Any) -> Iterator[Any]:
        """Answer after answer. Raises `ReadError`."""
        with self._told():
            answers = self._streaming(method, request, response, namespace, **members)
        return self._each(answers)

    def _each(self, answers: Any) -> Iterator[Any]:
        try:
            while True:
                with self._told():
                    answer = next(answers, None)
                if answer is None:
                    return
                yield answer
        finally:
            answers.cancel()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            said = "".join(sign if sign.isprintable() else " " for sign in str(error.details() or ""))[:300]
            raise ReadError(f"containerd at {self.address}: {error.code().name}: {said}") from None
        except ValueError:
            # So grpc refuses calls of a channel that was closed.
            raise ReadError(f"containerd at {self.address}: the connection was closed") from None

    def _unary(
        self, method: str, request: str, response: str, namespace: str | None, within_s: float, **members: Any
    ) -> Any:
        call = self._channel.unary_unary(
            f"/containerd.services.{method}",
            request_serializer=message_class(request).SerializeToString,
            response_deserializer=message_class(response).FromString,
        )
        return call(message_class(request)(**members), metadata=_metadata(namespace), timeout=within_s)

    def _streaming(self, method: str, request: str, response: str, namespace: str | None, **members: Any) -> Any:
        call = self._channel.unary_stream(
            f"/containerd.services.{method}",
            request_serializer=message_class(request).SerializeToString,
            response_deserializer=message_class(response).FromString,
        )
        return call(message_class(request)(**members), metadata=_metadata(namespace))


class Containerd:
    """The images, the content and the containers of one namespace. Every method raises `ReadError`."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.namespace = namespace
        self._connection = connection

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._connection.address

    def image(self, name: str) -> Target | None:
        """What an image's name stands for, or None where there is no such image."""
        found = self._ask("images.v1.Images/Get", "GetImageRequest", "GetImageResponse", name=name)
        return None if found is None else _target(found.image)

    def images(self) -> list[tuple[str, Target]]:
        """All names of images, and what they stand for."""
        found = self._ask("images.v1.Images/List", "Empty", "ListImagesResponse")
        return [] if found is None else [(image.name, _target(image)) for image in found.images]

    def content(self, digest: Digest) -> Content | None:
        """What is told of some content, or None where it is not there."""
        found = self._ask("content.v1.Content/Info", "InfoRequest", "InfoResponse", digest=digest)
        if found is None:
            return None
        repositories = [
            f"{label.key.removeprefix(_SOURCE_LABEL)}/{path}"
            for label in found.info.labels
            if label.key.startswith(_SOURCE_LABEL)
            for path in label.value.split(",")
        ]
        return Content(int(found.info.size), tuple(sorted(repositories)[:_LABELS_KEPT]))

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Some content."""
        asked = ("content.v1.Content/Read", "ReadContentRequest", "ReadContentResponse")
        for answer in self._connection.stream(*asked, self.namespace, digest=digest):
            yield answer.data

    def container(self, container_id: str) -> Any:
        """A Container, or None where there is none of that id."""
        found = self._ask("containers.v1.Containers/Get", "GetContainerRequest", "ContainerMessage", id=container_id)
        return None if found is None else found.container

    def containers(self) -> Iterator[Any]:
        """All Containers, one by one: their specs are long."""
        for answer in self._connection.stream(
            "containers.v1.Containers/ListStream", "Empty", "ContainerMessage", self.namespace
        ):
            yield answer.container

    def tasks(self) -> dict[str, Any]:
        """Container id -> the Process that is or was its first one."""
        found = self._ask("tasks.v1.Tasks/List", "Empty", "ListTasksResponse")
        return {} if found is None else {task.id: task for task in found.tasks}

    def snapshot_chain(self, snapshotter: str, key: str) -> str | None:
        """The name of the image layers that a container's snapshot stands on; None where it stands on none.

        Between them may lie one whose owners were moved for a user namespace, or dockerd's `<id>-init`.
        """
        for _ in range(_PARENTS):
            asked = ("snapshots.v1.Snapshots/Stat", "StatSnapshotRequest", "StatSnapshotResponse")
            found = self._ask(*asked, snapshotter=snapshotter, key=key) if key else None
            key = found.info.parent if found is not None else ""
            if key.startswith("sha256:") and len(key) == 71:
                return key
        return None

    def _ask(self, method: str, request: str, response: str, **members: Any) -> Any:
        return self._connection.ask(method, request, response, self.namespace, **members)


def is_running(task: Any) -> bool:
    """Whether a Process runs (api/types/task/task.proto, `Status`; paused ones count as running)."""
    return int(task.status) in (_IS_RUNNING, 4, 5)


def _metadata(namespace: str | None) -> tuple[tuple[str, str], ...]:
    return (("containerd-namespace", namespace),) if namespace is not None else ()


def _target(image: Any) -> Target:
    target = image.target
    updated_at = text_of_time(image.updated_at) if image.HasField("updated_at") else None
    return Target(target.digest, target.size, target.media_type, updated_at)
