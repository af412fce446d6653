"""Turns an archive of `docker save` that has a `manifest.json` (Docker 1.10 and later) into a view.

Sources: moby docker-image-spec v1.2.md and spec.md, moby daemon/internal/image/tarexport/save.go and load.go. Up to 24
a layer lies in a folder that is named by its v1 id; since 25 everything lies in the blobs of an OCI layout beside it,
which is read too: manifests are what joins the archive to a registry. Docker 25 wrote manifests without layers there;
those say nothing of the image and are passed over.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import ReadError, read_whole
from tidewaiter.image.document import Document, DocumentReader, Unread, parse_value
from tidewaiter.image.folder import Folder, inside, printable
from tidewaiter.image.limits import DESCRIPTORS, DOCUMENT_BYTES, IMAGES, LAYERS
from tidewaiter.image.oci_layout import TABLE as OCI_TABLE
from tidewaiter.image.oci_layout import walk_oci_layout
from tidewaiter.image.view import Fault, Image, Layer, V1Layer, View

TABLE = "manifest.json"
_V1_LAYER = re.compile(r"([0-9a-f]{64})/layer\.tar\Z")
_CONFIG = re.compile(r"(?:([0-9a-f]{64})\.json|blobs/(sha256|sha512)/([0-9a-f]+))\Z")
_BLOB = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]+)\Z")


def read_docker_archive(folder: Folder) -> View:
    """All images of `manifest.json`, and those that only the OCI layout beside it names."""
    return _DockerArchive(folder).view()


class _DockerArchive:
    """One archive while it is read."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._faults: list[Fault] = []
        self._reader = DocumentReader()
        self._layers = 0
        self._documents: dict[str, Document | Unread] = {}

    def view(self) -> View:
        told = [image for entry in self._entries() if (image := self._image(entry)) is not None]
        if OCI_TABLE not in set(self._folder.names()):
            found = dict.fromkeys((*self._folder.faults, *self._faults))
            return View("docker_archive", self._folder.name, tuple(told), faults=tuple(found))
        beside = walk_oci_layout(self._folder).view("docker_archive", self._folder.name)
        used: set[int] = set()
        images = [joined for image in told for joined in self._join(image, beside.images, used)]
        images += [image for n, image in enumerate(beside.images) if n not in used]
        faults = dict.fromkeys((*self._folder.faults, *beside.faults, *self._faults))
        return msgspec.structs.replace(beside, images=tuple(images), faults=tuple(faults))

    def _entries(self) -> Iterator[dict[str, Any]]:
        """What `manifest.json` lists: one object an image."""
        blob = self._folder.get(TABLE)
        try:
            data = read_whole(blob, DOCUMENT_BYTES) if blob is not None else b""
        except ReadError as error:
            self._fault(TABLE, f"it could not be read: {error}", unknown=True)
            return
        if data is None:
            self._fault(TABLE, f"it is longer than {DOCUMENT_BYTES} bytes", unknown=True)
            return
        value, faults = parse_value(data)
        for fault in faults:
            self._fault(TABLE, f"it {fault}", relation="document", unknown=value is not None)
        if not isinstance(value, list):
            if not faults:
                self._fault(TABLE, "it is no list of images", relation="document")
            return
        if len(value) > IMAGES:
            self._fault(TABLE, f"it lists more than {IMAGES} images", unknown=True)
        for entry in value[:IMAGES]:
            if isinstance(entry, dict):
                yield entry
            else:
                self._fault(TABLE, "one of its images is no object", relation="document")

    def _image(self, entry: dict[str, Any]) -> Image | None:
        name = self._path(entry.get("Config"), "Config")
        if name is None:
            return None
        config = self._document(name, f"the config {printable(name)}")
        if isinstance(config, Unread):
            self._fault(printable(name), config.why, relation="config_digest", unknown=True)
        layers = entry.get("Layers")
        if not isinstance(layers, list) or len(layers) > DESCRIPTORS:
            self._fault(TABLE, f'the "Layers" of {printable(name)} are no list of at most {DESCRIPTORS}')
            layers = []
        self._layers += len(layers)
        if self._layers > LAYERS:
            self._fault(TABLE, f"the images have more than {LAYERS} layers together", unknown=True)
            return None
        return Image(
            config=config if isinstance(config, Document) else None,
            layers=tuple(self._layer(path) for path in layers),
            config_claim=_claim(name),
            references=self._tags(entry.get("RepoTags"), name),
        )

    def _layer(self, told: Any) -> Layer:
        path = self._path(told, "Layers")
        if path is None:
            return Layer(None, path=printable(str(told)))
        blob = self._folder.get(path)
        if blob is None:
            self._fault(printable(path), "the layer is not there", relation="layer_digest", unknown=True)
        match = _V1_LAYER.match(path)
        v1 = None
        if match is not None:
            metadata = self._document(f"{match[1]}/json", "the layer's json")
            v1 = V1Layer(match[1], metadata if isinstance(metadata, Document) else None)
        return Layer(blob, path=printable(path), v1=v1)

    def _tags(self, told: Any, name: str) -> tuple[str, ...]:
        if told is None:
            return ()
        if not isinstance(told, list):
            self._fault(TABLE, f'the "RepoTags" of {printable(name)} are no list')
            return ()
        return tuple(dict.fromkeys(tag for tag in told if isinstance(tag, str)))

    def _path(self, told: Any, member: str) -> str | None:
        path = inside(told) if isinstance(told, str) else None
        if path is None:
            self._fault(
                TABLE, f'a name in its "{member}" leads out of the archive or is none: {printable(str(told))!r}'
            )
        return path

    def _document(self, name: str, wanted: str) -> Document | Unread:
        """A document of the archive, read once however often it is named."""
        found = self._documents.get(name)
        if found is None:
            found = self._documents[name] = self._reader.read(self._folder.get(name), wanted)
            if isinstance(found, Document):
                for fault in found.faults:
                    self._fault(printable(name), f"it {fault}", relation="document", unknown=bool(found.members))
        return found

    def _join(self, image: Image, beside: tuple[Image, ...], used: set[int]) -> Iterator[Image]:
        """The image with each manifest beside it that names the same config and the same layers."""
        joined = False
        config = image.config.digest if image.config is not None else None
        for n, other in enumerate(beside):
            if other.config is None or other.config.digest != config:
                continue
            joined = True
            if _blobs(image) == [layer.descriptor.digest for layer in other.layers if layer.descriptor is not None]:
                layers = tuple(
                    msgspec.structs.replace(layer, path=told.path)
                    for layer, told in zip(other.layers, image.layers, strict=True)
                )
                names = tuple(dict.fromkeys((*image.references, *other.references)))
                used.add(n)
                yield msgspec.structs.replace(other, layers=layers, config_claim=image.config_claim, references=names)
            elif not other.layers:
                used.add(n)
                yield image
            else:
                self._differ(config or TABLE, "other layers for this config")
        if not joined:
            if beside and config is not None:
                self._differ(config, "no image of this config")
            yield image

    def _differ(self, subject: str, what: str) -> None:
        self._fault(subject, f"{OCI_TABLE} beside {TABLE} names {what}, so that two readers see two images")

    def _fault(self, subject: str, reason: str, *, relation: str = "structure", unknown: bool = False) -> None:
        self._faults.append(Fault(relation, subject, "unknown" if unknown else "no", reason))


def _claim(name: str) -> Digest | None:
    """The config's digest by its file name."""
    match = _CONFIG.match(name)
    return None if match is None else f"sha256:{match[1]}" if match[1] else f"{match[2]}:{match[3]}"


def _blobs(image: Image) -> list[str | None]:
    """The digests of the layers by their file names."""
    matches = [_BLOB.match(layer.path or "") for layer in image.layers]
    return [f"{match[1]}:{match[2]}" if match is not None else None for match in matches]
