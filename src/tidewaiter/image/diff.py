"""Turns two verified views into what is the same and what changed: layers, config keys, files.

Two images have the same content where their diff_ids and run settings are equal, whatever form, packing or manifest
they came in.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.image.diff_files import FileChange, compare_files
from tidewaiter.image.measure import Measurements
from tidewaiter.image.settings import RUN_SETTINGS, inner_config, run_settings, told_config, told_platform
from tidewaiter.image.verification import ImageIdentity, Verdict, Verification
from tidewaiter.image.view import Form, Image, View

_SHARED_WITH_V1 = ("architecture", "author", "config", "created", "os", "variant")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two places."""

    name: str
    form: Form
    verdict: Verdict


class LayerChange(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of either stack, bottom first."""

    change: Literal["same", "removed", "added"]
    diff_id: str | None
    """None where neither its bytes nor the config tell it."""
    a: Digest | None = None
    """The layer as it lies in A; None where A has none such."""
    b: Digest | None = None
    size_bytes: int | None = None
    """Of the layer unpacked."""


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the config; null where a side has none."""

    key: str
    changes_run: bool
    """Whether a runtime starts something else because of it."""
    a: Any
    b: Any


class ImageChange(msgspec.Struct, frozen=True, kw_only=True):
    """The images of one platform."""

    platform: str
    same_content: bool | None
    """None: it could not be told; `reasons` say why."""
    reasons: tuple[str, ...]
    a: ImageIdentity
    b: ImageIdentity
    layers: tuple[LayerChange, ...]
    config: tuple[KeyChange, ...]
    files: tuple[FileChange, ...]


class ImageDiff(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="image_diff"):
    """All that two places have in common and not."""

    schema: Literal[1] = 1
    same_content: bool | None
    a: Side
    b: Side
    platforms: tuple[ImageChange, ...]
    """Those that both have."""
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]


class Examined(msgspec.Struct):
    """A view with all that was found out about it."""

    view: View
    verification: Verification
    measurements: Measurements


class AmbiguousImageError(ValueError):
    """A place holds several images of one platform, and none was chosen; the message is one sentence."""


def diff(a: Examined, b: Examined) -> ImageDiff:
    """Compare platform by platform. Raises `AmbiguousImageError`."""
    ours, theirs = _by_platform(a), _by_platform(b)
    shared = [platform for platform in ours if platform in theirs]
    changes = tuple(_compare(platform, a, ours[platform], b, theirs[platform]) for platform in shared)
    told = {change.same_content for change in changes}
    return ImageDiff(
        same_content=False if False in told or not told else None if None in told else True,
        a=Side(name=a.view.name, form=a.view.form, verdict=a.verification.verdict),
        b=Side(name=b.view.name, form=b.view.form, verdict=b.verification.verdict),
        platforms=changes,
        only_in_a=tuple(platform for platform in ours if platform not in theirs),
        only_in_b=tuple(platform for platform in theirs if platform not in ours),
    )


def _by_platform(side: Examined) -> dict[str, int]:
    """The place of the image of each platform in the view."""
    found: dict[str, int] = {}
    for place, image in enumerate(side.view.images):
        platform = told_platform(image) or "unknown"
        other = side.view.images[found.setdefault(platform, place)]
        if _content_key(other) != _content_key(image):
            raise AmbiguousImageError(
                f"{side.view.name} holds several images of {platform}: choose one by its name or digest"
            )
    return found


def _content_key(image: Image) -> object:
    if image.config is not None:
        return image.config.digest
    return [layer.v1.id if layer.v1 is not None else layer.path for layer in image.layers]


def _compare(platform: str, a: Examined, place_a: int, b: Examined, place_b: int) -> ImageChange:
    image_a, image_b = a.view.images[place_a], b.view.images[place_b]
    ids_a, ids_b = diff_ids_of(image_a, a.measurements), diff_ids_of(image_b, b.measurements)
    config_a, config_b = told_config(image_a), told_config(image_b)
    reasons: list[str] = []
    same: bool | None = True
    if ids_a != ids_b:
        same = False
        reasons.append("the layers differ")
    if config_a is not None and config_b is not None:
        changed = [key for key in RUN_SETTINGS if run_settings(config_a).get(key) != run_settings(config_b).get(key)]
        if changed:
            same = False
            reasons.append(f"run settings differ: {', '.join(changed)}")
    doubts = [*_doubts("A", a, image_a, config_a), *_doubts("B", b, image_b, config_b)]
    if same and doubts:
        same = None
        reasons += doubts
    return ImageChange(
        platform=platform,
        same_content=same,
        reasons=tuple(reasons),
        a=a.verification.images[place_a],
        b=b.verification.images[place_b],
        layers=tuple(_layers(image_a, ids_a, a.measurements, image_b, ids_b, b.measurements)),
        config=tuple(_keys(_comparable(image_a, image_b, config_a), _comparable(image_b, image_a, config_b))),
        files=() if ids_a == ids_b else tuple(compare_files(image_a, a.measurements, image_b, b.measurements)),
    )


def _comparable(image: Image, other: Image, config: dict[str, Any] | None) -> dict[str, Any]:
    """The config; beside the metadata of a layer, which stands for a config in old archives, what both can hold."""
    told = config or {}
    if image.config is not None and other.config is not None:
        return told
    return {key: told[key] for key in _SHARED_WITH_V1 if key in told}


def _doubts(side: str, examined: Examined, image: Image, config: dict[str, Any] | None) -> Iterator[str]:
    """Why equality of what was read does not prove equality of the images."""
    if examined.verification.verdict == "broken":
        yield f"{side} is broken"
    if any(
        relation.relation == "document" and relation.holds == "unknown" for relation in examined.verification.relations
    ):
        yield f"a document of {side} can be read in two ways"
    if config is None:
        yield f"the config of {side} could not be had"
    missing = [layer for layer in image.layers if _measured_id(layer, examined.measurements) is None]
    if missing:
        yield f"{len(missing)} of {len(image.layers)} layers of {side} could not be measured"


def _measured_id(layer: Any, measurements: Measurements) -> Digest | None:
    measured = measurements.of(layer)
    return measured.diff_id if measured is not None else None


def diff_ids_of(image: Image, measurements: Measurements) -> list[str | None]:
    """The diff_id of each layer: measured, else as the config lists it, else None."""
    claimed = image.diff_ids
    found: list[str | None] = []
    for place, layer in enumerate(image.layers):
        told = claimed[place] if place < len(claimed) else None
        found.append(_measured_id(layer, measurements) or (digest_or_none(told) if isinstance(told, str) else None))
    return found


def _layers(
    image_a: Image,
    ids_a: Sequence[str | None],
    measured_a: Measurements,
    image_b: Image,
    ids_b: Sequence[str | None],
    measured_b: Measurements,
) -> Iterator[LayerChange]:
    def change(word: Literal["same", "removed", "added"], at_a: int | None, at_b: int | None) -> LayerChange:
        one = measured_a.of(image_a.layers[at_a]) if at_a is not None else None
        two = measured_b.of(image_b.layers[at_b]) if at_b is not None else None
        known = one or two
        return LayerChange(
            change=word,
            diff_id=ids_a[at_a] if at_a is not None else ids_b[at_b] if at_b is not None else None,
            a=one.layer_digest if one is not None else None,
            b=two.layer_digest if two is not None else None,
            size_bytes=known.plain_bytes if known is not None else None,
        )

    matcher = SequenceMatcher(None, list(ids_a), list(ids_b), autojunk=False)
    for word, from_a, to_a, from_b, to_b in matcher.get_opcodes():
        if word == "equal":
            for place in range(to_a - from_a):
                yield change("same", from_a + place, from_b + place)
            continue
        for place in range(from_a, to_a):
            yield change("removed", place, None)
        for place in range(from_b, to_b):
            yield change("added", None, place)


def _keys(a: dict[str, Any], b: dict[str, Any]) -> Iterator[KeyChange]:
    run_a, run_b = run_settings(a), run_settings(b)
    for key in RUN_SETTINGS:
        if run_a.get(key) != run_b.get(key):
            yield KeyChange(key=f"config.{key}", changes_run=True, a=run_a.get(key), b=run_b.get(key))
    inner_a, inner_b = inner_config(a), inner_config(b)
    for key in sorted((inner_a.keys() | inner_b.keys()) - set(RUN_SETTINGS)):
        if (inner_a.get(key) or None) != (inner_b.get(key) or None):
            yield KeyChange(key=f"config.{key}", changes_run=False, a=inner_a.get(key), b=inner_b.get(key))
    for key in sorted((a.keys() | b.keys()) - {"config", "rootfs"}):
        if (a.get(key) or None) != (b.get(key) or None):
            yield KeyChange(key=key, changes_run=False, a=a.get(key), b=b.get(key))
