"""Turns events of the Docker Engine (its `/events` stream, `docker events` as JSON or as text) into events.

Shapes: https://docs.docker.com/reference/api/engine/version-history (API 1.52 dropped `status`, `id` and `from`) and
https://docs.docker.com/reference/cli/docker/system/events/ (the text form).

Rules
- `Action`, `Actor.ID` and `Actor.Attributes` are read first; the old fields only where those are absent.
- Labels of the container stand among the attributes. The daemon writes `image` and `name` over them, so these two can
  be believed; a label named `execID` or `imageID` hides the daemon's own, so both are taken only in their strict form.
- `Actor.ID` of tag, load, save, import, untag and delete is the config digest with the classic image store. With the
  containerd image store it is the digest of the index or manifest, and the event does not tell which store it was.
- What a collector added (`_docker_happening.py`) tells it, and what a pulled tag stood for.
- The same exec comes twice, as `exec_create` and `exec_start`, with one `exec_id`.
- Attaching is no session: `docker run` in the foreground attaches to its own container.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest, digest_or_none, is_hex
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageName,
    ImagePull,
    ImagePullFailed,
    Where,
)
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._compose import service_of_name
from tidewaiter.sources._docker_happening import Happening, read_json, read_text
from tidewaiter.sources._docker_objects import (
    DockerImage,
    ImageDigests,
    container_facts,
    digests_of,
    facts_of_image,
)
from tidewaiter.sources._dockershim import pod_of_name
from tidewaiter.sources._fields import FULL_ID_LENGTH, split_container_id
from tidewaiter.sources._images import claim_of_name, digest_of_id, named, pinned_digest
from tidewaiter.sources._place import OfContainer, happened, has

_TYPES = tuple(
    ["container", "image", "network", "volume", "plugin", "daemon", "builder", "service", "node", "secret", "config"]
)
_TEXT = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:" + "|".join(_TYPES).encode() + rb") [a-z]\S*(?: |\Z)")

NameAction = Literal["tag", "untag", "load", "import", "commit", "build", "save", "remove", "seen"]
_NAME_ACTIONS: dict[str, NameAction] = {
    "tag": "tag",
    "untag": "untag",
    "load": "load",
    "import": "import",
    "save": "save",
    "delete": "remove",
    "create": "build",  # Engine 28 and later: an image was built (moby PR 47929)
}


def _subject_digest(happening: Happening) -> Digest | None:
    # Before Docker 1.10 an id was 64 hex, and no digest.
    return digest_of_id(happening.subject) if happening.runtime == "podman" else digest_or_none(happening.subject)


def _digests(resolved: DockerImage | None, subject: Digest | None) -> ImageDigests:
    """What an image's id in an event is: told by the image itself, else what it is in the classic store."""
    found = digests_of(resolved) if resolved is not None else ImageDigests()
    return found if found.config or found.target else ImageDigests(config=subject)


def _content_facts(happening: Happening, where: Where) -> Iterator[Event]:
    """What is true of the image under any name."""
    if happening.resolved is not None:
        nameless = msgspec.structs.replace(happening.resolved, repo_tags=None, names=None)
        yield from facts_of_image(nameless, where, happening.time_ns)


def _pull(reference: str, happening: Happening, where: Where) -> Iterator[Event]:
    pinned = pinned_digest(reference)
    pull = ImagePull(**happened(happening.time_ns, where), reference=reference, repo_digest=pinned)
    resolved, asked = happening.resolved, reference_or_none(reference)
    if resolved is not None and asked is not None:
        # A pull leaves a digest beside the repository's name. Without one, somebody else gave the name to this content
        # between the pull and the asking.
        beside = [known for text in resolved.repo_digests or () if (known := reference_or_none(text)) is not None]
        brought = {known.digest for known in beside if known.repository == asked.repository}
        digests = digests_of(resolved)
        if brought:
            pull = msgspec.structs.replace(
                pull,
                config_digest=digests.config,
                repo_digest=pinned or digests.target or (brought.pop() if len(brought) == 1 else None),
                index_digest=digests.index,
                manifest_digest=digests.manifest,
            )
    yield pull


def _image_events(happening: Happening, where: Where) -> Iterator[Event]:
    name = happening.attributes.get("name")
    here = happened(happening.time_ns, where)
    if happening.action in ("pull", "pull-error"):
        # Podman has the id there, or nothing.
        reference = name if happening.runtime == "podman" else happening.subject or name
        if not reference:
            raise RecordError("a Docker pull event names its image in Actor.ID")
        if happening.action == "pull" and not happening.was_here:
            yield from _pull(reference, happening, where)
        elif happening.action == "pull-error":
            yield ImagePullFailed(**here, reference=reference, reason=happening.attributes.get("error"))
        yield from _content_facts(happening, where)
        return
    action = _NAME_ACTIONS.get(happening.action)
    if action is None:
        return
    digests = _digests(happening.resolved, _subject_digest(happening))
    tags = named(happening.resolved.repo_tags) if happening.resolved is not None else ()
    names: Iterable[str | None]
    if action in ("load", "import"):
        # All that were loaded have new names. The event's own is the digest again, or (Podman) that of the archive.
        names = tags or [name if name and digest_or_none(name) is None and happening.runtime == "docker" else None]
    elif happening.runtime == "podman" and f"localhost/{name}" in tags:
        names = [f"localhost/{name}"]  # Podman repeats what was typed
    else:
        names = [name if name and digest_or_none(name) is None else None]  # `save` repeats the digest, too
    for reference in names:
        yield ImageName(
            **here,
            action=action,
            reference=reference,
            config_digest=digests.config,
            repo_digest=digests.target,
        )
    yield from _content_facts(happening, where)


def _container_events(happening: Happening, where: Where) -> Iterator[Event]:
    attributes = happening.attributes
    action, _, command = happening.action.partition(": ")
    # An id that the CLI's documentation elides (`0fdb...ff37`) is no id: the event stays without a container.
    container_id, prefix, _ = split_container_id(happening.subject)
    name = attributes.get("name")
    pod, is_sandbox = pod_of_name(name, attributes)
    common: OfContainer = {
        **happened(happening.time_ns, where),
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": happening.runtime,
        "runtime_namespace": None,
        "pod": pod or service_of_name(name, attributes),
        "image": claim_of_name(attributes.get("image")),
    }
    facts: ContainerFacts | None = None
    if happening.container is not None and happening.container.id == container_id:
        # Of moments the event itself tells its own; what inspect tells would be a second one, beside it.
        facts = msgspec.structs.replace(
            container_facts(happening.container, where, happening.time_ns),
            created_ns=None,
            started_ns=None,
            finished_ns=None,
        )
        common["image"] = facts.image
    if action == "create":
        yield ContainerCreate(**common, name=name, is_sandbox=is_sandbox)
    elif action == "start":
        yield ContainerStart(**common, name=name, pid=facts.pid if facts is not None else None)
    elif action in ("die", "stop", "destroy"):
        # `kill` only says that a signal was sent; `die` follows if it killed.
        yield ContainerStop(**common, removed=action == "destroy")
    elif action in ("exec_create", "exec_start"):
        exec_id = attributes.get("execID", "")
        yield ContainerExec(
            **common,
            command=tuple(command.split()),  # the daemon joined argv with blanks; they cannot be told apart
            exec_id=exec_id if len(exec_id) == FULL_ID_LENGTH and is_hex(exec_id) else None,
        )
    elif action == "commit":
        digests = _digests(happening.resolved, digest_or_none(attributes.get("imageID")))
        yield ImageName(
            **happened(happening.time_ns, where),
            action="commit",
            reference=attributes.get("imageRef") or None,
            config_digest=digests.config,
            repo_digest=digests.target,
            parent_container_id=container_id,
        )
    if facts is not None:
        yield facts
    yield from _content_facts(happening, where)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One event of the Engine, as JSON or as a line of `docker events`. Raises RecordError.

    Networks, volumes and the daemon itself give no events here; nor do attach, kill, pause, top, health and the like.
    """
    happening = read_json(record) if record.lstrip()[:1] == b"{" else read_text(record)
    if happening.type == "image":
        return list(_image_events(happening, where))
    if happening.type == "container":
        return list(_container_events(happening, where))
    return []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is an Engine event: Type, Action and Actor, or the four fields of before API 1.22."""
    if has(value, Type=str, Action=str, Actor=dict):
        return has(value, time=int) or has(value, timeNano=int)
    return has(value, status=str, id=str, time=int) and value.keys() <= {"status", "id", "from", "time", "timeNano"}


def recognise_text(line: bytes) -> bool:
    """Whether a line is one of `docker events`: a time, a type, an action."""
    return _TEXT.match(line) is not None


def _is_engine_event(record: bytes) -> bool:
    return b'"Type":"' in record and b'"Action":"' in record and b'"Actor":{' in record


SOURCE = Source(
    title="Docker Engine events",
    log_sources=("docker:events", "docker:daemon", "docker:runtime"),
    cannot_see="which content a pulled tag stood for, who asked, failed pulls, and what a process did after it started",
    decode=decode,
    prefixes=(b'{"status":"exec_', *(f'{{"Type":"{kind}","Action":"'.encode() for kind in _TYPES)),
    openings=((b'{"status":"', _is_engine_event),),
    recognise=recognise,
    recognise_text=recognise_text,
    # Health checks are most of what a daemon tells: of a settled container they say nothing new.
    skim=Skim(
        prefixes=(b'{"status":"exec_', b'{"Type":"container","Action":"exec_'),
        keys=(b'"id":', b'"ID":'),
        guards=(b'"id"', b'"ID"'),
    ),
)
