"""Turns what the Docker Engine tells of its containers and images (inspect, lists) into facts about them.

Shapes: https://docs.docker.com/reference/api/engine/ : ContainerInspect, ContainerList, ImageInspect, ImageList and
DistributionInspect; `docker inspect` prints the first and the third as elements of an array. What the ids in them are,
`_docker_objects.py` says.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.event import Event, ImageFacts, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._docker_objects import DockerContainer, DockerImage, container_facts, facts_of_image
from tidewaiter.sources._images import split_by_media_type
from tidewaiter.sources._inspect import Descriptor
from tidewaiter.sources._place import convert, decode_object, happened, has


class _Distribution(msgspec.Struct, rename="pascal"):
    descriptor: Descriptor


def _distribution_facts(distribution: _Distribution, where: Where) -> ImageFacts:
    """What a registry answered the Engine for a name; which name, the record does not tell."""
    descriptor = distribution.descriptor
    index, manifest = split_by_media_type(digest_or_none(descriptor.digest), descriptor.media_type)
    return ImageFacts(**happened(None, where), index_digest=index, manifest_digest=manifest, proof="claimed")


def _is_container(value: Mapping[str, Any]) -> bool:
    if "ImageName" in value:  # Podman
        return False
    if has(value, Id=str, Name=str, Image=str, State=dict, Config=dict):
        return True
    return has(value, Id=str, Names=list, Image=str, ImageID=str, State=str, Created=int)


def _is_image(value: Mapping[str, Any]) -> bool:
    if not has(value, Id=str, RepoTags=(list, type(None))) or "Digest" in value or "Names" in value:  # Podman has these
        return False
    return has(value, RootFS=dict, Architecture=str) or has(
        value, RepoDigests=(list, type(None)), Created=int, Size=int
    )


def _is_distribution(value: Mapping[str, Any]) -> bool:
    return has(value, Descriptor=dict, Platforms=list) and "Id" not in value


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One container or image as the Engine describes it, untimed. Raises RecordError."""
    value = decode_object(record)
    if _is_container(value):
        return [container_facts(convert(value, DockerContainer), where)]
    if _is_image(value):
        return list(facts_of_image(convert(value, DockerImage), where))
    if _is_distribution(value):
        return [_distribution_facts(convert(value, _Distribution), where)]
    raise RecordError(f"{record[:80]!r}: neither a container nor an image of Docker")


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is a container or an image as the Engine describes it."""
    return "kind" not in value and (_is_container(value) or _is_image(value) or _is_distribution(value))


SOURCE = Source(
    title="Docker inspect output",
    log_sources=("docker:inspect",),
    cannot_see="when a name came to stand for its content, where an image came from before a tag, and who acted",
    decode=decode,
    recognise=recognise,
)
