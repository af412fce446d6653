"""Turns an archive of `docker save` from before Docker 1.10, which knows layers and no config, into a view.

Source: moby docker-image-spec v1.md and v1.1.md. Each layer lies in a folder that is named by its id, with a `json`
that names its parent; `repositories` names the top layer of each tag, and is absent where an image was saved by its id.
"""

import re
from collections.abc import Iterator

from tidewaiter.image.document import Document, DocumentReader, Unread, read_document
from tidewaiter.image.folder import Folder, printable
from tidewaiter.image.limits import DESCRIPTORS, IMAGES, LAYERS
from tidewaiter.image.view import Fault, Image, Layer, V1Layer, View

TABLE = "repositories"
_METADATA = re.compile(r"([0-9a-f]{64})/json\Z")
_ID = re.compile(r"[0-9a-f]{64}\Z")


def layer_ids(folder: Folder) -> list[str]:
    """The ids of all layers that lie there, sorted."""
    return sorted(match[1] for name in folder.names() if (match := _METADATA.match(name)) is not None)


def read_docker_archive_v1(folder: Folder) -> View:
    """One image for each top layer: those that a tag names, and those that are nobody's parent."""
    return _DockerArchiveV1(folder).view()


class _DockerArchiveV1:
    """One archive while it is read."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._faults: list[Fault] = []
        self._layers: dict[str, Document] = {}
        reader = DocumentReader()
        for layer_id in layer_ids(folder):
            read = reader.read(folder.get(f"{layer_id}/json"), "the layer's json")
            if isinstance(read, Unread):
                self._fault(layer_id, read.why, unknown=True)
                continue
            self._layers[layer_id] = read
            for fault in read.faults:
                self._fault(layer_id, f"the layer's json {fault}", unknown=bool(read.members))
            if read.members.get("id") not in (None, layer_id):
                self._fault(layer_id, "the layer's json calls itself by another id")

    def view(self) -> View:
        names = self._tags()
        parents = {self._parent(layer_id) for layer_id in self._layers}
        for layer_id in self._layers:
            if layer_id not in parents:
                names.setdefault(layer_id, [])
        if len(names) > IMAGES:
            self._fault(TABLE, f"there are more than {IMAGES} images", unknown=True)
        images: list[Image] = []
        layers = 0
        for top, told in list(names.items())[:IMAGES]:
            stack = tuple(self._stack(top))
            layers += len(stack)
            if layers > LAYERS:
                self._fault(TABLE, f"the images have more than {LAYERS} layers together", unknown=True)
                break
            images.append(Image(None, stack, references=tuple(told)))
        faults = tuple(dict.fromkeys((*self._folder.faults, *self._faults)))
        return View("docker_archive_v1", self._folder.name, tuple(images), faults=faults)

    def _tags(self) -> dict[str, list[str]]:
        """Top layer -> the names that `repositories` gives it."""
        found: dict[str, list[str]] = {}
        blob = self._folder.get(TABLE)
        if blob is None:
            return found
        table = read_document(blob, TABLE)
        if isinstance(table, Unread):
            self._fault(TABLE, table.why, unknown=True)
            return found
        for fault in table.faults:
            self._fault(TABLE, f"it {fault}", unknown=bool(table.members))
        for repository, tags in table.members.items():
            for tag, top in tags.items() if isinstance(tags, dict) else ():
                name = printable(f"{repository}:{tag}")
                if not isinstance(top, str) or not _ID.match(top):
                    self._fault(TABLE, f"{name} names no layer")
                elif top not in self._layers:
                    self._fault(top, f"the layer that {name} names is not there", unknown=True)
                else:
                    found.setdefault(top, []).append(f"{repository}:{tag}")
        return found

    def _stack(self, top: str) -> list[Layer]:
        """The layers from the bottom to `top`."""
        stack: list[Layer] = []
        seen: set[str] = set()
        for layer_id in self._down(top):
            if layer_id in seen:
                self._fault(layer_id, "the layer is its own ancestor")
                break
            if len(stack) >= DESCRIPTORS:
                self._fault(top, f"the image has more than {DESCRIPTORS} layers", unknown=True)
                break
            seen.add(layer_id)
            path = f"{layer_id}/layer.tar"
            blob = self._folder.get(path)
            if blob is None:
                self._fault(path, "the layer is not there", relation="layer_digest", unknown=True)
            stack.append(Layer(blob, path=path, v1=V1Layer(layer_id, self._layers.get(layer_id))))
        return stack[::-1]

    def _down(self, top: str) -> Iterator[str]:
        layer_id: str | None = top
        while layer_id is not None:
            yield layer_id
            layer_id = self._parent(layer_id)

    def _parent(self, layer_id: str) -> str | None:
        document = self._layers.get(layer_id)
        told = document.members.get("parent") if document is not None else None
        return told if isinstance(told, str) and _ID.match(told) else None

    def _fault(self, subject: str, reason: str, *, relation: str = "structure", unknown: bool = False) -> None:
        self._faults.append(Fault(relation, subject, "unknown" if unknown else "no", reason))
