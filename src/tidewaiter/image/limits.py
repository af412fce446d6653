"""Holds the bounds within which an image is read; what goes beyond one is not read on, and said.

A bound that is reached makes a relation `unknown`, never `yes` and never `no`: nothing was disproven.
"""

DOCUMENT_BYTES = 4 * 1024 * 1024
"""Longest index, manifest or config. Registries need take no more (distribution-spec, "Pushing Manifests")."""
DOCUMENT_DEPTH = 100
"""Objects and lists within one another."""
DOCUMENT_VALUES = 250_000
"""Most values in one document: those of a few bytes each take fifty times their length once they are read."""
DOCUMENTS_BYTES = 32 * 1024 * 1024
"""Longest that all documents of one view may be together ..."""
DOCUMENTS_VALUES = 250_000
"""... and most values in them, which take about 100 MB; a thousand ordinary images have as many."""
INDEX_DEPTH = 8
"""Indexes within indexes."""
DESCRIPTORS = 1000
"""Manifests of one index, and layers of one manifest (image-spec names no bound; containerd's own is far lower)."""
IMAGES = 2000
"""Images of one view."""
LAYERS = 20_000
"""Layers of all images of one view, a shared one counted each time."""
STEPS = 10_000
"""Descriptors followed in one view: indexes that hold one another again and again are soon too many."""
ARCHIVE_MEMBERS = 50_000
"""Files of one archive or folder that holds images."""
LAYER_BYTES = 64 * 1024 * 1024 * 1024
"""Most that comes out of one layer."""
RATIO = 200
"""Most that comes out of a compressed layer, as a multiple of what went in ..."""
RATIO_FLOOR_BYTES = 256 * 1024 * 1024
"""... once this much came out: short layers of zeros are compressed better than that."""
AGAIN_BYTES = 8 * 1024 * 1024 * 1024
"""Most that is unpacked again of a packed archive whose members are wanted out of their order, or `RATIO` times its
size where that is more."""
WINDOW_BYTES = 64 * 1024 * 1024
"""Largest Zstandard window: as much memory is needed. Only `zstd --ultra -22` and `--long=27` make larger ones."""
PARTS = 5_000_000
"""Most gzip members, or Zstandard frames and blocks, of one layer: eStargz makes two members for each file."""
TAR_HEADER_BYTES = 1024 * 1024
"""Longest extended header (PAX, GNU long name) of a tar member."""
TAR_RECORDS = 10_000
"""Most records of one extended header."""
TAR_MEMBERS = 2_000_000
"""Most members of one tar file."""
TREE_BYTES = 256 * 1024 * 1024
"""Memory for the file tree of one image: about a million files."""
