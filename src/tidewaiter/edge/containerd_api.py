"""Turns the published messages of containerd's API, as far as images need them, into calls over its socket.

Source: containerd v1.6 `api/services/images/v1/images.proto`, `api/services/content/v1/content.proto` and
`api/types/descriptor.proto`, which 2.x kept. The messages are described here by the numbers of their fields, instead of
by generated code: a protobuf reader passes over fields that it does not know, so only those that are read stand here.
Needs grpcio and protobuf (`pip install 'tidewaiter[containerd]'`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tidewaiter.digest import Digest
from tidewaiter.image.blob import ReadError

_FILE = "tidewaiter/containerd.proto"
_PACKAGE = "tidewaiter.containerd"
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Descriptor": {"media_type": (1, "string"), "digest": (2, "string"), "size": (3, "int64")},
    "Image": {"name": (1, "string"), "target": (3, "Descriptor")},
    "GetImageRequest": {"name": (1, "string")},
    "GetImageResponse": {"image": (1, "Image")},
    "Info": {"digest": (1, "string"), "size": (2, "int64")},
    "InfoRequest": {"digest": (1, "string")},
    "InfoResponse": {"info": (1, "Info")},
    "ReadContentRequest": {"digest": (1, "string"), "offset": (2, "int64"), "size": (3, "int64")},
    "ReadContentResponse": {"offset": (1, "int64"), "data": (2, "bytes")},
}
_ANSWER_SECONDS = 30
_MESSAGE_BYTES = 16 * 1024 * 1024


class Target(msgspec.Struct, frozen=True):
    """What an image's name stands for."""

    digest: Digest
    size_bytes: int
    media_type: str


class Containerd:
    """The images and the content of one namespace. Close it after use."""

    def __init__(self, address: str, namespace: str) -> None:
        self.address = address
        self._metadata = (("containerd-namespace", namespace),)
        self._classes = _classes()
        self._channel = grpc.insecure_channel(
            f"unix://{Path(address).absolute()}",
            # A proxy of the environment is not for a socket.
            options=[("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.enable_http_proxy", 0)],
        )

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def image(self, name: str) -> Target | None:
        """What an image's name stands for, or None where there is no such image. Raises `ReadError`."""
        found = self._ask("images.v1.Images/Get", "GetImageRequest", "GetImageResponse", name=name)
        if found is None:
            return None
        target = found.image.target
        return Target(target.digest, target.size, target.media_type)

    def size_bytes(self, digest: Digest) -> int | None:
        """How long some content is, or None where it is not there. Raises `ReadError`."""
        found = self._ask("content.v1.Content/Info", "InfoRequest", "InfoResponse", digest=digest)
        return None if found is None else int(found.info.size)

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Some content. Raises `ReadError`."""
        call = self._channel.unary_stream(
            "/containerd.services.content.v1.Content/Read",
            request_serializer=self._classes["ReadContentRequest"].SerializeToString,
            response_deserializer=self._classes["ReadContentResponse"].FromString,
        )
        with self._told():
            answers = call(self._classes["ReadContentRequest"](digest=digest), metadata=self._metadata)
            try:
                for answer in answers:
                    yield answer.data
            finally:
                answers.cancel()

    def _ask(self, method: str, request: str, response: str, **members: Any) -> Any:
        call = self._channel.unary_unary(
            f"/containerd.services.{method}",
            request_serializer=self._classes[request].SerializeToString,
            response_deserializer=self._classes[response].FromString,
        )
        with self._told():
            try:
                return call(self._classes[request](**members), metadata=self._metadata, timeout=_ANSWER_SECONDS)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.NOT_FOUND:
                    return None
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            said = "".join(sign if sign.isprintable() else " " for sign in str(error.details() or ""))[:300]
            raise ReadError(f"containerd at {self.address}: {error.code().name}: {said}") from None


def _classes() -> dict[str, Any]:
    """The message classes, by name."""
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=kinds.LABEL_OPTIONAL)
            if kind in _MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }
