"""Asks containerd's CRI for pods as a kubelet would, without one: messages are written field by field.

Field numbers: kubernetes `cri-api/pkg/apis/runtime/v1/api.proto`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from daemons import daemon

_NODE = 2
"""NamespaceMode: the host's."""
_ANSWER_SECONDS = 60

Value = str | int | dict[int, "Value"] | list["Value"]


class Kubelet:
    """Pods on one containerd, in the host's network."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(f"unix://{address}", options=[("grpc.enable_http_proxy", 0)])
        self._sandboxes: list[str] = []

    def close(self) -> None:
        """Remove all pods."""
        for sandbox in self._sandboxes:
            self._ask("RuntimeService/StopPodSandbox", {1: sandbox})
            self._ask("RuntimeService/RemovePodSandbox", {1: sandbox})
        self._channel.close()

    def pull(self, image: str) -> str:
        """Pull an image, and give what CRI calls it from then on."""
        return self._ask("ImageService/PullImage", {1: {1: image}})

    def pod(self, name: str, image: str, *, privileged: bool = False) -> tuple[str, str]:
        """Run a pod of one container, `web`: (sandbox, container)."""
        uid = f"uid-of-{name}"
        labels = {
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": "shop",
            "io.kubernetes.pod.uid": uid,
        }
        alone: Value = {1: {1: _NODE}, 6: int(privileged)}
        config: Value = {1: {1: name, 2: uid, 3: "shop"}, 6: _map(labels), 8: {2: alone}}
        sandbox = self._ask("RuntimeService/RunPodSandbox", {1: config})
        self._sandboxes.append(sandbox)
        security: Value = {2: int(privileged), 3: {1: _NODE}}
        wanted: Value = {
            1: {1: "web"},
            2: {1: image},
            9: _map({**labels, "io.kubernetes.container.name": "web"}),
            15: {2: security},
        }
        container = self._ask("RuntimeService/CreateContainer", {1: sandbox, 2: wanted, 3: config})
        self._ask("RuntimeService/StartContainer", {1: container})
        return sandbox, container

    def _ask(self, method: str, request: Value) -> str:
        """The first field of the answer, which is a text in all of them."""
        call = self._channel.unary_unary(f"/runtime.v1.{method}", request_serializer=_written)
        answer: bytes = call(request, timeout=_ANSWER_SECONDS)
        return answer[2 : 2 + answer[1]].decode() if answer[:1] == b"\x0a" else ""


@contextmanager
def kubelet(folder: Path, pause: str) -> Iterator[tuple[str, Kubelet]]:
    """A containerd with CRI of its own: (its socket, who asks it)."""
    socket = folder / "containerd.sock"
    (folder / "config.toml").write_text(
        f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "{folder}/cni"
"""
    )
    with daemon(["containerd", "--config", f"{folder}/config.toml"], "containerd successfully booted"):
        asking = Kubelet(str(socket))
        try:
            yield str(socket), asking
        finally:
            asking.close()


def _map(entries: dict[str, str]) -> list[Value]:
    return [{1: key, 2: value} for key, value in entries.items()]


def _written(message: dict[int, Value]) -> bytes:
    written = bytearray()
    for number, told in message.items():
        for value in told if isinstance(told, list) else [told]:
            if isinstance(value, int):
                written += _number(number << 3) + _number(value)
            else:
                data = value.encode() if isinstance(value, str) else _written(value)  # type: ignore[arg-type]
                written += _number(number << 3 | 2) + _number(len(data)) + data
    return bytes(written)


def _number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _number(value >> 7)
