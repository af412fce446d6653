"""Turns CRI-O's log into events: what it pulled, created, started and removed.

Texts: cri-o `server/`: `image_pull.go`, `image_status.go`, `container_create.go`, `container_start.go`,
`container_stop.go`, `container_remove.go`, `sandbox_run_linux.go`, `sandbox_remove.go`, of 1.14 to 1.33.

- 1.14 and before name no container in their lines (`Created container: ns/pod/name`): such lines give no events.
- 1.16 to 1.21 write `Started container <id>: ns/pod/name`; 1.22 and later the fields PID, containerID and description.
- `Pulled image: repository@sha256:..` ends a pull; the tag that was asked for stands on an earlier line only
  (`Pulling image: ..`), so this pull is known by its repository and digest.
- `Image status: ..`, written at each check before a create, prints CRI's answer: the image's id (its config digest)
  beside its names. Its form is gogo's (`&ImageStatusResponse{Image:&Image{Id:..`) or protobuf's (`image:{id:".."`).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tidewaiter.digest import Digest
from tidewaiter.event import (
    ContainerCreate,
    ContainerStart,
    ContainerStop,
    Event,
    ImageFacts,
    ImageName,
    ImagePull,
    Pod,
    Where,
)
from tidewaiter.sources import Source
from tidewaiter.sources._images import digest_of_id, named, pinned_digest, pinned_digests
from tidewaiter.sources._logrus import LogLine, json_message, read_log_line
from tidewaiter.sources._place import OfContainer, happened

_SANDBOX = "POD"
_HIGHEST_PID = 4_194_304  # PID_MAX_LIMIT of the kernel
_ID = r"([0-9a-f]{64})"
_PULLED = re.compile(r"Pulled image: (\S{1,4096})\Z")
_DONE = re.compile(rf"(Created|Started|Stopped|Removed) container {_ID}(?:: (.*))?\Z", re.DOTALL)
_SANDBOX_RAN = re.compile(rf"Ran pod sandbox {_ID} with infra container: (.*)\Z", re.DOTALL)
_SANDBOX_ENDED = re.compile(rf"([Ss]topped|[Rr]emoved) pod sandbox(?: \(already stopped\))?: {_ID}\Z")
_IMAGE_STATUS = re.compile(
    r"Image status: &ImageStatusResponse\{Image:&Image\{Id:([0-9a-f]{64}),"
    r"RepoTags:\[([^\]]*)\],RepoDigests:\[([^\]]*)\],"
)
_IMAGE_STATUS_TEXT = re.compile(r'Image status: image:\{\s*id:"([0-9a-f]{64})"(.*)\Z', re.DOTALL)
_REPO_NAME = re.compile(r'\brepo_(tags|digests):"([^"\\]{1,4096})"')
_OPENINGS = (
    "Pulling image: ",
    "Pulled image: ",
    "Checking image status: ",
    "Image status: ",
    "Attempting to create container",
    "Creating container: ",
    "Created container",
    "Starting container: ",
    "Started container",
    "Stopping container: ",
    "Stopped container ",
    "Removing container: ",
    "Removed container ",
    "Running pod sandbox: ",
    "Ran pod sandbox ",
    "Stopping pod sandbox: ",
    "Stopped pod sandbox",
    "Removing pod sandbox: ",
    "Removed pod sandbox",
)
_TEXT = re.compile(
    rb'(?:time="[^"]{1,64}" level=[a-z]+ msg="|(?:DEBU|INFO|WARN|ERRO)\[\d{4}-[^\]]{1,60}\]\s)'
    rb"(?:(?:" + "|".join(re.escape(opening) for opening in _OPENINGS).encode() + rb")|.*\sname=/runtime\.v1)",
    re.DOTALL,
)


def _pod(description: str | None) -> Pod | None:
    """The pod of a container's description `namespace/pod/container`; `//` where the client gave no labels."""
    parts = (description or "").split("/")
    if len(parts) != 3 or not all(parts):
        return None
    namespace, pod, container = parts
    return Pod(namespace=namespace, name=pod, container_name=None if container == _SANDBOX else container)


def _of(container_id: str, description: str | None, line: LogLine, where: Where) -> OfContainer:
    return {
        **happened(line.time_ns, where),
        "container_id": container_id,
        "container_id_prefix": None,
        "runtime": "cri-o",
        "runtime_namespace": None,
        "pod": _pod(description),
        "image": None,
    }


def _pid(text: str | None) -> int | None:
    pid = int(text) if text and text.isdecimal() and len(text) <= len(str(_HIGHEST_PID)) else 0
    return pid if 0 < pid <= _HIGHEST_PID else None


def _container_events(line: LogLine, where: Where) -> list[Event]:
    if line.message == "Started container":
        container_id = line.fields.get("containerID", "")
        if not re.fullmatch(_ID, container_id):
            return []
        common = _of(container_id, line.fields.get("description"), line, where)
        return [ContainerStart(**common, pid=_pid(line.fields.get("PID")))]
    match = _DONE.match(line.message)
    if match is None:
        return []
    action, container_id, description = match.groups()
    common = _of(container_id, description, line, where)
    if action == "Created":
        return [ContainerCreate(**common, name=common["pod"].container_name if common["pod"] else None)]
    if action == "Started":
        return [ContainerStart(**common)]
    return [ContainerStop(**common, removed=action == "Removed")]


def _sandbox_events(line: LogLine, where: Where) -> list[Event]:
    match = _SANDBOX_RAN.match(line.message)
    if match is not None:
        return [ContainerCreate(**_of(match[1], match[2], line, where), is_sandbox=True)]
    match = _SANDBOX_ENDED.match(line.message)
    if match is not None:
        return [ContainerStop(**_of(match[2], None, line, where), removed=match[1].lower() == "removed")]
    return []


def _image_status(message: str) -> tuple[Digest | None, tuple[str, ...], tuple[str, ...]] | None:
    """(config_digest, tags, pinned names) of an answer to ImageStatus in either of its printed forms."""
    match = _IMAGE_STATUS.match(message)
    if match is not None:
        return digest_of_id(match[1]), named(match[2].split()), named(match[3].split())
    match = _IMAGE_STATUS_TEXT.match(message)
    if match is None:
        return None
    names = _REPO_NAME.findall(match[2])
    tags, pins = ([name for kind, name in names if kind == wanted] for wanted in ("tags", "digests"))
    return digest_of_id(match[1]), named(tags), named(pins)


def _image_events(line: LogLine, where: Where) -> list[Event]:
    here = happened(line.time_ns, where)
    match = _PULLED.match(line.message)
    if match is not None:
        name = match[1]
        return [
            ImagePull(**here, reference=name, config_digest=digest_of_id(name), repo_digest=pinned_digest(name)),
        ]
    status = _image_status(line.message)
    if status is None:
        return []
    config_digest, tags, pins = status
    facts = ImageFacts(
        **here,
        config_digest=config_digest,
        repo_digests=pinned_digests(pins),
        references=(*tags, *pins),
        proof="runtime",
    )
    return [facts, *(ImageName(**here, action="seen", reference=tag, config_digest=config_digest) for tag in tags)]


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One line of CRI-O's log; no events for what tells nothing of images or containers. Raises RecordError."""
    line = read_log_line(record)
    if line.message.startswith(("Pulled image: ", "Image status: ")):
        return _image_events(line, where)
    if "pod sandbox" in line.message[:24]:
        return _sandbox_events(line, where)
    return _container_events(line, where) if line.message.startswith(_OPENINGS) else []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is a log line that opens as CRI-O's do, or that names the CRI call it belongs to."""
    message = json_message(value)
    name = value.get("name")
    is_call = isinstance(name, str) and name.startswith("/runtime.v1")
    return message is not None and (is_call or message.startswith(_OPENINGS))


def recognise_text(line: bytes) -> bool:
    """Whether a line is one of logrus's text forms that opens as CRI-O's do, or names the CRI call it belongs to."""
    return _TEXT.match(line) is not None


SOURCE = Source(
    title="CRI-O's log",
    log_sources=("crio:log",),
    cannot_see="which image a container was created from, the tag that a pulled digest was asked for by, failed pulls, "
    "who asked, and what a process did",
    decode=decode,
    recognise=recognise,
    recognise_text=recognise_text,
    rank=60,
)
