"""Turns what a user named into an open view, with one sentence where there is none, and reads it with progress."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._progress import Meter
from tidewaiter.edge.images import NoImage, OpenOptions, open_view
from tidewaiter.edge.registry_http import RegistryOptions
from tidewaiter.image.blob import ReadError
from tidewaiter.image.facts import ImageFactsRecord, examine
from tidewaiter.image.measure import Measurements
from tidewaiter.image.settings import told_platform
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import Verification
from tidewaiter.image.view import Image, View
from tidewaiter.policy_yaml import printable
from tidewaiter.reference import ImageReferenceError, reference_or_none

Command = Callable[..., Any]

_REGISTRY = (
    click.option("--plain-http", is_flag=True, help="Speak http with a registry that is not on this machine."),
    click.option(
        "--docker-config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Docker's config.json, which names the credentials of registries.",
    ),
)
_DAEMONS = (click.option("--namespace", metavar="NAME", help="containerd's namespace; that of Kubernetes is k8s.io."),)
_CHOICE = (
    click.option("--platform", metavar="OS/ARCH", help="Of several platforms, this one: linux/amd64, linux/arm/v7."),
    click.option("--name", metavar="NAME", help="Of several images, the one of this name or digest."),
)


def target_options(command: Command) -> Command:
    """Add the options that say how an image is got at; the command takes them together as `options`."""

    @wraps(command)
    def taking(plain_http: bool, docker_config: Path | None, namespace: str | None, **others: Any) -> Any:
        registry = RegistryOptions(plain_http=plain_http, docker_config=docker_config)
        return command(options=OpenOptions(registry=registry, containerd_namespace=namespace), **others)

    return _with(taking, (*_REGISTRY, *_DAEMONS))


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for add in reversed(options):
        command = add(command)
    return command


class Choice(msgspec.Struct, frozen=True):
    """Which of several images is meant."""

    platform: str | None = None
    name: str | None = None

    def of(self, view: View) -> View:
        """The view with only the images that were meant. Raises `UsageFault` where that leaves none."""
        images = tuple(image for image in view.images if self._means(image))
        if images or not view.images:
            return msgspec.structs.replace(view, images=images)
        raise UsageFault(f"{printable(view.name)} holds no such image; it holds: {_listed(view)}")

    def _means(self, image: Image) -> bool:
        if self.platform is not None and told_platform(image) != self.platform:
            return False
        return self.name is None or _is_named(image, self.name)


def choice_options(command: Command) -> Command:
    """Add the options that choose one of several images; the command takes them together as `choice`."""

    @wraps(command)
    def taking(platform: str | None, name: str | None, **others: Any) -> Any:
        return command(choice=Choice(platform, name), **others)

    return _with(taking, _CHOICE)


def _is_named(image: Image, name: str) -> bool:
    digests = [document.digest for document in (image.index, image.manifest, image.config) if document is not None]
    bare = name.removeprefix("sha256:")
    if len(bare) >= 12 and any(digest.removeprefix("sha256:").startswith(bare) for digest in digests):
        return True
    wanted = reference_or_none(name)
    return any(
        told == name
        or (wanted is not None and (known := reference_or_none(told)) is not None and known.name == wanted.name)
        for told in image.references
    )


def is_one_image(view: View) -> bool:
    """Whether all images of a view are one and the same, perhaps under several manifests."""
    return len({image.config.digest if image.config is not None else id(image) for image in view.images}) == 1


def the_only_image(view: View) -> Image:
    """The one image of a view. Raises `UsageFault` where it holds several of different content, or none."""
    if is_one_image(view):
        return view.images[0]
    if not view.images:
        raise UsageFault(f"{printable(view.name)} holds no image")
    raise UsageFault(f"{printable(view.name)} holds several images; choose one: {_listed(view)} (--platform, --name)")


def _listed(view: View) -> str:
    told = (" ".join([told_platform(image) or "platform unknown", *image.references[:1]]) for image in view.images)
    names = list(dict.fromkeys(printable(name)[:120] for name in told))
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


@contextmanager
def opened(target: str, options: OpenOptions) -> Iterator[View]:
    """The view of a target. Raises `UsageFault` where there is no image, or where it cannot be had."""
    try:
        with open_view(target, options) as view:
            yield view
    except (NoImage, ImageReferenceError) as error:
        raise UsageFault(printable(str(error))) from error
    except ReadError as error:
        raise UsageFault(f"{printable(target)}: {printable(str(error))}") from error
    except OSError as error:
        raise UsageFault(f"{printable(target)}: cannot be read: {error.strerror or error}") from error


def verified(view: View) -> Verification:
    """Prove a view, telling on stderr how far it is."""
    with Meter(layer_bytes(view.images)) as meter:
        return validate(view, on_progress=meter.add)


def examined(view: View) -> tuple[Verification, list[ImageFactsRecord]]:
    """Prove a view and take its facts, telling on stderr how far it is."""
    with Meter(layer_bytes(view.images)) as meter:
        return examine(view, Measurements(meter.add))


def layer_bytes(images: Sequence[Image]) -> int:
    """How many bytes the layers have, each counted once; 0 where not all tell."""
    sizes = {layer.blob.name: layer.blob.size_bytes for image in images for layer in image.layers if layer.blob}
    known = [size for size in sizes.values() if size is not None]
    return sum(known) if len(known) == len(sizes) else 0
