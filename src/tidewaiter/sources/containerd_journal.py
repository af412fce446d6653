"""Turns containerd's own log (journald, a file) into events: what the CRI plugin says that it did.

Texts: containerd `internal/cri/instrument/instrumented_service.go`, `internal/cri/server/images/image_pull.go` and
`internal/cri/server/events.go`; before 2.0 under `pkg/cri`. Metadata is printed as
`&PodSandboxMetadata{Name:web,Uid:..,Namespace:..,Attempt:0,}`, from cri-api 0.34 on as `name:"web"  uid:".."`.

Rules
- Only what was done counts: `PullImage "x"` begins something, `PullImage "x" returns ..` ends it.
- 1.7 and later end a pull with two lines (`Pulled image ..`, with the digest of the repository, and `.. returns ..`):
  each is a pull of the same content a moment apart.
- Lines of any other Go daemon look the same; this source is asked last and gives no events for what it does not know.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tidewaiter.event import (
    ContainerCreate,
    ContainerStart,
    ContainerStop,
    Event,
    ImageFacts,
    ImagePull,
    ImagePullFailed,
    Pod,
    Where,
)
from tidewaiter.sources import Source
from tidewaiter.sources._images import digest_of_id, named, pinned_digest, pinned_digests
from tidewaiter.sources._logrus import TEXT, LogLine, json_message, read_log_line, unquoted
from tidewaiter.sources._place import OfContainer, happened

_QUOTED = r'"((?:[^"\\]|\\.){1,4096})"'
_ID = r'"([0-9a-f]{64})"'
_METADATA = r"(&\w+\{.{0,2048}?\}|\w+:\".{0,2048}?)"
_GO_MEMBER = re.compile(r"[{,](\w+):([^,{}]*)(?=[,}])")
_TEXT_MEMBER = re.compile(r'(\w+):"((?:[^"\\]|\\.)*)"')
_TASK_EXIT = r"(?:&TaskExit\{ContainerID:([0-9a-f]{64}),ID:\1,|container_id:\"([0-9a-f]{64})\"\s+id:\"\2\")"


def _members(metadata: str) -> dict[str, str]:
    """The members of a printed protobuf message, in either form, with lower-case names."""
    found = _GO_MEMBER.findall(metadata) if metadata.startswith("&") else _TEXT_MEMBER.findall(metadata)
    return {name.lower(): unquoted(value) for name, value in found}


def _of(container_id: str, line: LogLine, where: Where, pod: Pod | None = None) -> OfContainer:
    return {
        **happened(line.time_ns, where),
        "container_id": container_id,
        "container_id_prefix": None,
        "runtime": "containerd",
        "runtime_namespace": "k8s.io",
        "pod": pod,
        "image": None,
    }


def _pulled(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    reference, image_id, tag, repo_digest = (unquoted(text or "") for text in match.groups())
    names = named((tag, repo_digest))
    config_digest = digest_of_id(image_id)
    return [
        ImagePull(
            **happened(line.time_ns, where),
            reference=reference,
            config_digest=config_digest,
            repo_digest=pinned_digest(repo_digest),
        ),
        ImageFacts(
            **happened(line.time_ns, where),
            config_digest=config_digest,
            repo_digests=pinned_digests(names),
            references=names,
            proof="runtime",
        ),
    ]


def _pull_returned(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    reference, image = (unquoted(text) for text in match.groups())
    digest = pinned_digest(image)
    return [
        ImagePull(
            **happened(line.time_ns, where),
            reference=reference,
            config_digest=digest_of_id(image),
            repo_digest=digest or pinned_digest(reference),
        )
    ]


def _pull_failed(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    reason = line.fields.get("error") or None
    return [ImagePullFailed(**happened(line.time_ns, where), reference=unquoted(match[1]), reason=reason)]


def _sandbox_run(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    members = _members(match[1])
    pod = Pod(namespace=members.get("namespace"), name=members.get("name"), uid=members.get("uid"))
    return [ContainerCreate(**_of(match[2], line, where, pod if pod.name else None), is_sandbox=True)]


def _container_created(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    name = _members(match[1]).get("name")
    return [ContainerCreate(**_of(match[2], line, where, Pod(container_name=name) if name else None), name=name)]


def _container_started(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    return [ContainerStart(**_of(match[1], line, where))]


def _container_stopped(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    return [ContainerStop(**_of(match[1] or match[2], line, where))]


def _container_removed(match: re.Match[str], line: LogLine, where: Where) -> list[Event]:
    return [ContainerStop(**_of(match[1], line, where), removed=True)]


_Reading = Callable[[re.Match[str], LogLine, Where], list[Event]]
_READINGS: tuple[tuple[re.Pattern[str], _Reading], ...] = tuple(
    (re.compile(text + r"\Z", re.DOTALL), reading)
    for text, reading in (
        (
            rf'Pulled image {_QUOTED} with image id {_QUOTED}, repo tag "([^"]*)", repo digest "([^"]*)"(?:, size .*)?',
            _pulled,
        ),
        (rf"PullImage {_QUOTED} returns image reference {_QUOTED}", _pull_returned),
        (rf"PullImage {_QUOTED} failed", _pull_failed),
        (rf"RunPodSandbox for {_METADATA} returns sandbox id {_ID}", _sandbox_run),
        (
            rf'CreateContainer within sandbox "[0-9a-f]{{64}}" for {_METADATA} returns container id {_ID}',
            _container_created,
        ),
        (rf"StartContainer for {_ID} returns successfully", _container_started),
        (rf"StopContainer for {_ID} returns successfully()", _container_stopped),
        (rf"StopPodSandbox for {_ID} returns successfully()", _container_stopped),
        (rf"(?:TaskExit event(?: in podsandbox handler)?|received exit event) {_TASK_EXIT}.*", _container_stopped),
        (rf"RemoveContainer for {_ID} returns successfully", _container_removed),
        (rf"RemovePodSandbox {_ID} returns successfully", _container_removed),
    )
)
_OPENINGS = (
    "PullImage ",
    "Pulled image ",
    "RunPodSandbox ",
    "StopPodSandbox ",
    "RemovePodSandbox ",
    "CreateContainer within sandbox ",
    "StartContainer ",
    "StopContainer ",
    "RemoveContainer ",
    "TaskExit event ",
    "received exit event ",
    "ImageCreate event ",
    "ImageUpdate event ",
    "ImageDelete event ",
)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One line of containerd's log; no events for what tells nothing of images or containers. Raises RecordError."""
    line = read_log_line(record)
    if line.message.startswith(_OPENINGS):
        for pattern, reading in _READINGS:
            match = pattern.match(line.message)
            if match is not None:
                return reading(match, line, where)
    return []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is a log line whose message opens as the CRI plugin's do."""
    return (json_message(value) or "").startswith(_OPENINGS)


def recognise_text(line: bytes) -> bool:
    """Whether a line is one of logrus's text forms, whichever daemon wrote it."""
    return TEXT.match(line) is not None


SOURCE = Source(
    title="containerd's log",
    log_sources=("containerd:journal",),
    cannot_see="which image a container was created from, containers that were not made through the CRI, who asked, "
    "and what a process did",
    decode=decode,
    recognise=recognise,
    recognise_text=recognise_text,
    rank=95,
)
