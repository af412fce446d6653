"""Turns trees of `images.py` into the folders that the forms read."""

import io

from images import Tree, tar

from tidewaiter.image.tar_folder import TarFolder
from tidewaiter.image.view import View


def folder_of(tree: Tree) -> TarFolder:
    """A tree as an archive."""
    data = tar(tree)
    return TarFolder("a.tar", io.BytesIO(data), len(data))


def faults_of(view: View) -> dict[str, str]:
    """What is wrong with a view, as `relation holds subject` -> reason."""
    return {f"{fault.relation} {fault.holds} {fault.subject}": fault.reason for fault in view.faults}
