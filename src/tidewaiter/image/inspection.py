"""Turns a view into what is worth knowing of each image at a glance: identity, run settings, layers, what could run."""

from functools import partial
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.contents import Contents, what_runs
from tidewaiter.image.descriptor import Compression
from tidewaiter.image.files import FileTable
from tidewaiter.image.measure import Measurements
from tidewaiter.image.settings import inner_config, run_settings, told_config, told_platform
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import ImageIdentity, Verdict
from tidewaiter.image.view import Form, Image, View


class LayerShown(msgspec.Struct, frozen=True, kw_only=True):
    """One layer, as it was found."""

    layer_digest: Digest | None
    """Measured; else as the manifest tells it."""
    diff_id: Digest | None
    """Measured; None where the layer could not be unpacked."""
    media_type: str | None
    compression: Compression | None
    size_bytes: int | None
    """As it lies there, packed or not."""
    plain_bytes: int | None
    """Unpacked."""
    created_by: str | None
    """What the config's history says made it: a claim."""


class ImageShown(msgspec.Struct, frozen=True, kw_only=True):
    """One image."""

    identity: ImageIdentity
    platform: str | None
    created: str | None
    author: str | None
    run: dict[str, Any]
    """Entrypoint, Cmd, Env, User, WorkingDir, Healthcheck, ExposedPorts, Volumes, StopSignal, Shell: what is set."""
    labels: dict[str, str]
    layers: tuple[LayerShown, ...]
    contents: Contents | None
    """None where not one layer could be read."""


class OtherShown(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the images, which never runs."""

    kind: str
    digest: Digest
    media_type: str | None
    about: Digest | None


class Inspection(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="image_inspection"):
    """All that was seen."""

    schema: Literal[1] = 1
    name: str
    form: Form
    verdict: Verdict
    """As `image verify` would give it for these images."""
    images: tuple[ImageShown, ...]
    others: tuple[OtherShown, ...]


def inspect(view: View, measurements: Measurements) -> Inspection:
    """Read every layer of the view's images, and look at what is in them."""
    contents = [_contents(image, measurements) for image in view.images]
    verification = validate(view, measurements=measurements)
    return Inspection(
        name=view.name,
        form=view.form,
        verdict=verification.verdict,
        images=tuple(
            _shown(image, identity, found, measurements)
            for image, identity, found in zip(view.images, verification.images, contents, strict=True)
        ),
        others=tuple(
            OtherShown(kind=other.kind, digest=other.digest, media_type=other.media_type, about=other.about)
            for other in view.others
        ),
    )


def _contents(image: Image, measurements: Measurements) -> Contents | None:
    table = FileTable()
    read = [measurements.of(layer, partial(table.add, place)) for place, layer in enumerate(image.layers)]
    return what_runs(table) if any(read) else None


def _shown(image: Image, identity: ImageIdentity, contents: Contents | None, measurements: Measurements) -> ImageShown:
    config = told_config(image) or {}
    labels = inner_config(config).get("Labels")
    return ImageShown(
        identity=identity,
        platform=told_platform(image),
        created=_text(config.get("created")),
        author=_text(config.get("author")) or None,
        run=run_settings(config),
        labels={key: told for key, told in labels.items() if isinstance(told, str)} if isinstance(labels, dict) else {},
        layers=_layers(image, config, measurements),
        contents=contents,
    )


def _layers(image: Image, config: dict[str, Any], measurements: Measurements) -> tuple[LayerShown, ...]:
    history = config.get("history")
    steps = [
        step
        for step in (history if isinstance(history, list) else ())
        if isinstance(step, dict) and step.get("empty_layer") is not True
    ]
    found: list[LayerShown] = []
    for place, layer in enumerate(image.layers):
        measured, told = measurements.of(layer), layer.descriptor
        found.append(
            LayerShown(
                layer_digest=measured.layer_digest if measured is not None else told.digest if told else None,
                diff_id=measured.diff_id if measured is not None else None,
                media_type=told.media_type if told is not None else None,
                compression=measured.compression if measured is not None else None,
                size_bytes=measured.size_bytes if measured is not None else told.size_bytes if told else None,
                plain_bytes=measured.plain_bytes if measured is not None else None,
                # Where the counts differ nobody knows which step made which layer.
                created_by=_text(steps[place].get("created_by")) if len(steps) == len(image.layers) else None,
            )
        )
    return tuple(found)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
