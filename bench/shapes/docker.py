"""Turns the life of a container into Docker's event stream (Engine API 1.41) and `docker inspect` output.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemEvents. The stream names
no node: a collector's envelope does (`collector.py`).
"""

from functools import lru_cache

from bench.clock import SECOND, rfc3339
from bench.escape import compact_go, go
from bench.world import Container, Image

_CONTAINER = (
    b'{"status":"%b","id":"%b","from":"%b","Type":"container","Action":"%b","Actor":{"ID":"%b","Attributes":{%b%b'
    b'"image":"%b","name":"%b","org.opencontainers.image.vendor":"Example Corp"}},"scope":"local","time":%d,'
    b'"timeNano":%d}'
)
_IMAGE = (
    b'{"status":"%b","id":"%b","Type":"image","Action":"%b","Actor":{"ID":"%b","Attributes":{"name":"%b",'
    b'"org.opencontainers.image.vendor":"Example Corp"}},"scope":"local","time":%d,"timeNano":%d}'
)
_PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
_NEVER = "0001-01-01T00:00:00Z"
_MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"]


@lru_cache(maxsize=16384)
def _fields(container: Container) -> tuple[bytes, bytes, bytes, bytes]:
    labels = b"".join(b'"%b":"%b",' % (go(key), go(value)) for key, value in container.labels)
    return container.id.encode(), go(container.image.reference), go(container.name), labels


def event(container: Container, action: str, time_ns: int, attributes: bytes = b"") -> bytes:
    """A container event: create, start, die, destroy, `exec_create: ..`; `attributes` are JSON members with commas."""
    own, reference, name, labels = _fields(container)
    written = go(action)
    return _CONTAINER % (
        written, own, reference, written, own, labels, attributes, reference, name, time_ns // SECOND, time_ns,
    )  # fmt: skip


def pull(image: Image, time_ns: int) -> bytes:
    """The daemon finished a pull by tag; the tag is all it says."""
    reference, name = go(image.reference), go(image.reference.rsplit(":", 1)[0])
    return _IMAGE % (b"pull", reference, b"pull", reference, name, time_ns // SECOND, time_ns)


def _graph_driver(folder: str) -> dict[str, object]:
    """The layer folders of the classic image store's driver."""
    root = f"/var/lib/docker/overlay2/{folder}"
    return {"Data": {"MergedDir": f"{root}/merged", "UpperDir": f"{root}/diff"}, "Name": "overlay2"}


def inspect_container(container: Container) -> bytes:
    """One element of `docker inspect CONTAINER`. It carries no time of its own."""
    first, image, own = container.image.profile.first, container.image, container.id
    folder = f"/var/lib/docker/containers/{own}"
    return compact_go(
        {
            "Id": own,
            "Created": rfc3339(container.created_ns).decode(),
            "Path": first.binary,
            "Args": list(first.arguments),
            "State": {
                "Status": "running", "Running": True, "Paused": False, "Restarting": False, "OOMKilled": False,
                "Dead": False, "Pid": container.pid, "ExitCode": 0, "Error": "",
                "StartedAt": rfc3339(container.started_ns).decode(), "FinishedAt": _NEVER,
            },
            "Image": image.config_digest,
            "ResolvConfPath": f"{folder}/resolv.conf",
            "HostnamePath": f"{folder}/hostname",
            "HostsPath": f"{folder}/hosts",
            "LogPath": f"{folder}/{own}-json.log",
            "Name": f"/{container.name}",
            "RestartCount": 0,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": {
                "Binds": None, "NetworkMode": "default", "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
                "AutoRemove": False, "CapAdd": None, "CapDrop": None, "Dns": [], "IpcMode": "private", "PidMode": "",
                "Privileged": False, "ReadonlyRootfs": False, "SecurityOpt": None, "Runtime": "runc",
                "MaskedPaths": _MASKED,
            },
            "GraphDriver": _graph_driver(own),
            "Mounts": [],
            "Config": {
                "Hostname": own[:12], "User": str(first.uid), "Tty": False, "Env": [_PATH],
                "Cmd": list(first.arguments), "Image": image.reference, "WorkingDir": first.cwd,
                "Entrypoint": [first.binary],
                "Labels": {**dict(container.labels), "org.opencontainers.image.vendor": "Example Corp"},
            },
            "NetworkSettings": {
                "Bridge": "", "IPAddress": container.address, "IPPrefixLen": 16, "Gateway": "172.17.0.1", "Ports": {},
                "Networks": {"bridge": {"IPAddress": container.address, "Gateway": "172.17.0.1", "IPPrefixLen": 16}},
            },
        }
    )  # fmt: skip


def inspect_image(image: Image) -> bytes:
    """One element of `docker inspect IMAGE`: what the image's config declares, and its names. It carries no time."""
    first = image.profile.first
    layers = [image.chain_id] if image.chain_id else []
    return compact_go(
        {
            "Id": image.config_digest,
            "RepoTags": [image.reference],
            "RepoDigests": [f"{image.reference.rsplit(':', 1)[0]}@{image.index_digest}"],
            "Parent": "",
            "Comment": "",
            "Created": "2026-08-01T00:00:00Z",
            "DockerVersion": "",
            "Author": "",
            "Config": {
                "Hostname": "", "User": str(first.uid), "Env": [_PATH],
                "Cmd": list(first.arguments), "Image": "", "WorkingDir": first.cwd, "Entrypoint": [first.binary],
                "Labels": {"org.opencontainers.image.vendor": "Example Corp"},
            },
            "Architecture": "amd64",
            "Os": "linux",
            "Size": 47_298_347,
            "GraphDriver": _graph_driver(image.chain_id.removeprefix("sha256:")),
            "RootFS": {"Type": "layers", "Layers": layers},
            "Metadata": {"LastTagTime": _NEVER},
        }
    )  # fmt: skip
