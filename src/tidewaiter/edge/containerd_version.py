"""Turns a containerd's socket into its version and the names of its namespaces.

Source: containerd v1.6 `api/services/version/v1/version.proto`, `api/services/namespaces/v1/namespace.proto`, which 2.x
kept; described by the numbers of their fields, as in `containerd_api.py`. Needs grpcio and protobuf.
"""

from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory

from tidewaiter.image.blob import ReadError

_PACKAGE = "tidewaiter.containerd_version"
_NAMESPACES = 1000
_NAME_CHARACTERS = 76
"""Longest name that containerd itself allows for a namespace."""


def ask_containerd(address: str, timeout_s: float) -> tuple[str, tuple[str, ...]]:
    """(version, namespaces). Raises `ReadError` with what containerd, or the socket, said."""
    classes = _classes()
    channel = grpc.insecure_channel(f"unix://{Path(address).absolute()}", options=[("grpc.enable_http_proxy", 0)])

    def ask(method: str, answer: Any) -> Any:
        call = channel.unary_unary(
            f"/containerd.services.{method}",
            request_serializer=empty_pb2.Empty.SerializeToString,
            response_deserializer=answer.FromString,
        )
        return call(empty_pb2.Empty(), timeout=timeout_s)

    try:
        version = ask("version.v1.Version/Version", classes["VersionResponse"]).version
        # A request without filters is as empty as Empty.
        listed = ask("namespaces.v1.Namespaces/List", classes["ListNamespacesResponse"]).namespaces
    except grpc.RpcError as error:
        said = "".join(sign if sign.isprintable() else " " for sign in str(error.details() or ""))[:200]
        raise ReadError(f"{error.code().name}: {said}") from None
    finally:
        channel.close()
    names = sorted(namespace.name[:_NAME_CHARACTERS] for namespace in listed[:_NAMESPACES])
    return version[:_NAME_CHARACTERS], tuple(names)


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="tidewaiter/version.proto", package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, field in (("VersionResponse", "version"), ("Namespace", "name")):
        added = file.message_type.add(name=message)
        added.field.add(name=field, number=1, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING)
    listed = file.message_type.add(name="ListNamespacesResponse")
    repeated = listed.field.add(name="namespaces", number=1, label=kinds.LABEL_REPEATED, type=kinds.TYPE_MESSAGE)
    repeated.type_name = f".{_PACKAGE}.Namespace"
    pool.Add(file)
    names = ("VersionResponse", "ListNamespacesResponse")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names}
