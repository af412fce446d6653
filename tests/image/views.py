"""Opens images that were built in memory, and verifies them, for the tests of all that works on views."""

import io

from images import Tree, tar

from tidewaiter.image.diff import Examined
from tidewaiter.image.docker_archive import TABLE as DOCKER_TABLE
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.docker_archive_v1 import read_docker_archive_v1
from tidewaiter.image.measure import Measurements
from tidewaiter.image.oci_layout import TABLE as OCI_TABLE
from tidewaiter.image.oci_layout import read_oci_layout
from tidewaiter.image.tar_folder import TarFolder
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import Relation, Verification
from tidewaiter.image.view import View


def view_of(tree: Tree, name: str = "image.tar") -> View:
    """The view of a tree as a tar file in memory."""
    data = tar(tree)
    folder = TarFolder(name, io.BytesIO(data), len(data))
    if DOCKER_TABLE in tree:
        return read_docker_archive(folder)
    return read_oci_layout(folder, "oci_archive") if OCI_TABLE in tree else read_docker_archive_v1(folder)


def verify(tree: Tree) -> Verification:
    """What is proven of a tree."""
    return validate(view_of(tree))


def examine(tree: Tree, name: str = "image.tar") -> Examined:
    """A tree with all that a comparison needs."""
    view, measurements = view_of(tree, name), Measurements()
    return Examined(view, validate(view, measurements=measurements), measurements)


def wrong(verification: Verification) -> list[tuple[str, str]]:
    """Every relation that does not hold: its name and its state."""
    return sorted({(each.relation, each.holds) for each in verification.relations if each.holds != "yes"})


def relation(verification: Verification, name: str) -> Relation:
    """The first relation of a name, those that do not hold before the others."""
    return min((each for each in verification.relations if each.relation == name), key=lambda each: each.holds == "yes")
