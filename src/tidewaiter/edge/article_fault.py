"""Turns what keeps an article from being read into one sentence, a missing library into how to install it."""

import importlib
from types import ModuleType

from tidewaiter.policy_yaml import cut

MAX_BYTES = 32 * 1024 * 1024
"""Of an article's bytes, unpacked. Reports with pictures have ten."""
MAX_CHARACTERS = 4_000_000
"""Of an article's text: a book has one million."""


class ArticleError(Exception):
    """An article that cannot be read: one sentence."""


def too_large(shown: str) -> ArticleError:
    """Of more bytes than are read."""
    return ArticleError(f"{shown}: larger than {MAX_BYTES >> 20} MiB; no article is, so it was not read")


def needed(module: str) -> ModuleType:
    """A module of the extra `brief`, or one that needs it, imported when it is asked for. Raises `ArticleError`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise ArticleError(
            f"{cut(missing)} is not installed, which is needed to read this; install it with: "
            "pip install 'tidewaiter[brief]'"
        ) from None
