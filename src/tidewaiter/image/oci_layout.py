"""Turns an OCI layout, as a folder or as a tar file, into a view.

Source: image-spec image-layout.md. `index.json` is the layout's table and no index: only blobs have digests. Blobs may
be missing (a sparse layout); names stand in the annotations of the table, and nowhere deeper.
"""

from tidewaiter.image.descriptor import Descriptor
from tidewaiter.image.document import Unread, read_document
from tidewaiter.image.folder import Folder
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.view import Form, View

TABLE, MARK = "index.json", "oci-layout"
VERSION = "1.0.0"
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def read_oci_layout(folder: Folder, form: Form) -> View:
    """All images that the layout's table names, through indexes of any depth."""
    graph = walk_oci_layout(folder)
    mark = read_document(folder.get(MARK), MARK)
    if isinstance(mark, Unread):
        graph.fault("structure", MARK, f"{mark.why}, so that this is no OCI layout by the letter")
    elif mark.members.get("imageLayoutVersion") != VERSION:
        graph.fault("structure", MARK, f"it does not say that the layout's version is {VERSION}", holds="unknown")
    return graph.view(form, folder.name)


def walk_oci_layout(folder: Folder) -> Graph:
    """What the layout's table leads to; the folder's own faults are in it."""
    graph = Graph(lambda digest: folder.get(f"blobs/{digest.replace(':', '/', 1)}"))
    table = read_document(folder.get(TABLE), TABLE)
    if isinstance(table, Unread):
        graph.fault("structure", TABLE, table.why, holds="unknown")
        graph.faults.extend(folder.faults)
        return graph
    for fault in table.faults:
        graph.fault("document", TABLE, f"it {fault}", holds="unknown" if table.members else "no")
    if "layers" in table.members or "config" in table.members:
        graph.fault("media_type", TABLE, "it has the members of a manifest, so that two readers can see two images")
    graph.walk(_root(descriptor) for descriptor in graph.descriptors(table, "manifests", TABLE))
    graph.faults.extend(folder.faults)
    return graph


def _root(descriptor: Descriptor) -> Root:
    names = (descriptor.annotations.get(name) for name in _NAMES)
    return Root(descriptor, tuple(name for name in names if name))
