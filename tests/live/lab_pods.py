"""Asks containerd's CRI socket for pods as a kubelet would, without one.

Source: kubernetes/cri-api `pkg/apis/runtime/v1/api.proto`. The few messages are written by the numbers of their fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import grpc
import msgspec

Value = int | str | bytes | Mapping[str, str] | Sequence[str] | Sequence[bytes]
_TEXT = 2
_HOST = 2
_ANSWER_SECONDS = 60


class Pod(msgspec.Struct, frozen=True):
    """A pod with one container."""

    sandbox_id: str
    container_id: str


class Rights(msgspec.Struct, frozen=True):
    """What a container runs, and what it may do, beyond the usual."""

    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[tuple[str, bool], ...] = ()
    """Path of the host, mounted at the same place, and whether read-only."""
    capabilities: tuple[str, ...] | None = None
    """These and no more, with a read-only root and without new privileges; None: the runtime's usual ones."""
    is_host_pid: bool = False


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(fields: Mapping[int, Value]) -> bytes:
    """A protobuf message: number of a field -> number, text, nested message, map of texts, or texts."""
    out = b""
    for number, value in fields.items():
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
            continue
        if isinstance(value, Mapping):
            pieces = [message({1: key, 2: told}) for key, told in value.items()]
        elif isinstance(value, str | bytes):
            pieces = [value.encode() if isinstance(value, str) else value]
        else:
            pieces = [text.encode() if isinstance(text, str) else text for text in value]
        out += b"".join(_varint(number << 3 | _TEXT) + _varint(len(piece)) + piece for piece in pieces)
    return out


def _security(rights: Rights) -> dict[int, Value]:
    """LinuxContainerSecurityContext, without its namespaces; with the runtime's default seccomp profile."""
    profile = message({1: 0})
    if rights.capabilities is None:
        return {15: profile}
    capabilities = message({1: rights.capabilities, 2: ["ALL"]})
    return {1: capabilities, 7: 1, 11: 1, 15: profile}


def _first_text(data: bytes) -> str:
    """The first field of an answer, which is a short text."""
    assert data[0] == 1 << 3 | _TEXT, data[:40]
    length, begin = data[1], 2
    if length > 0x7F:
        length, begin = length & 0x7F | data[2] << 7, 3
    return data[begin : begin + length].decode()


class Kubelet:
    """What a kubelet does to one containerd. Close it after use."""

    def __init__(self, socket: Path, logs: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix://{socket}", options=[("grpc.enable_http_proxy", 0)])
        self._logs = logs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._channel.close()

    def pull(self, name: str) -> str:
        """Pull an image. Gives what a container of it is to name."""
        return _first_text(self._ask("ImageService/PullImage", {1: message({1: name})}))

    def run(self, image: str, name: str, namespace: str, uid: str, rights: Rights = Rights()) -> Pod:  # noqa: B008 - frozen
        """Start a pod of one container in the host's network."""
        labels = {
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.uid": uid,
        }
        spaces = message({1: _HOST, **({2: _HOST} if rights.is_host_pid else {})})
        sandbox = message(
            {
                1: message({1: name, 2: uid, 3: namespace}),
                3: str(self._logs),
                6: labels,
                8: message({1: f"/kubepods/besteffort/pod{uid}", 2: message({1: spaces})}),
            }
        )
        sandbox_id = _first_text(self._ask("RuntimeService/RunPodSandbox", {1: sandbox}))
        container = message(
            {
                1: message({1: "web"}),
                2: message({1: image}),
                3: rights.command,
                6: [message({1: key, 2: value}) for key, value in rights.environment],
                7: [message({1: path, 2: path, 3: int(read_only)}) for path, read_only in rights.mounts],
                9: {**labels, "io.kubernetes.container.name": "web"},
                10: {"io.kubernetes.container.restartCount": "0"},
                11: f"{uid}.log",
                15: message({1: b"", 2: message({3: spaces, **_security(rights)})}),
            }
        )
        wanted: dict[int, Value] = {1: sandbox_id, 2: container, 3: sandbox}
        container_id = _first_text(self._ask("RuntimeService/CreateContainer", wanted))
        self._ask("RuntimeService/StartContainer", {1: container_id})
        return Pod(sandbox_id, container_id)

    def execute(self, pod: Pod, *command: str) -> None:
        """Run a command in the pod's container and wait for its end."""
        self._ask("RuntimeService/ExecSync", {1: pod.container_id, 2: command, 3: 20})

    @contextmanager
    def pod(self, image: str, name: str, namespace: str, uid: str, rights: Rights = Rights()) -> Iterator[Pod]:  # noqa: B008 - frozen
        """A pod that runs until the context ends."""
        pod = self.run(image, name, namespace, uid, rights)
        yield pod
        self._ask("RuntimeService/StopContainer", {1: pod.container_id})
        self._ask("RuntimeService/RemoveContainer", {1: pod.container_id})
        self._ask("RuntimeService/StopPodSandbox", {1: pod.sandbox_id})
        self._ask("RuntimeService/RemovePodSandbox", {1: pod.sandbox_id})

    def log(self, uid: str) -> list[str]:
        """What a pod's container wrote so far; each line begins with time, stream and a letter."""
        path = self._logs / f"{uid}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return [line.split(" ", 3)[-1] for line in lines]

    def _ask(self, method: str, fields: Mapping[int, Value]) -> bytes:
        call = self._channel.unary_unary(f"/runtime.v1.{method}")
        answered: bytes = call(message(fields), timeout=_ANSWER_SECONDS)
        return answered
