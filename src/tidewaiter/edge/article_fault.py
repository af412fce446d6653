"""Turns what keeps an article from being read into one sentence, a missing library into how to install it."""

import importlib
import importlib.util
import sys
from types import ModuleType

from tidewaiter.policy_yaml import cut

MAX_BYTES = 32 * 1024 * 1024
"""Of an article's bytes, unpacked. Reports with pictures have ten."""
MAX_CHARACTERS = 4_000_000
"""Of an article's text: a book has one million."""
_LIBRARIES = ("lxml", "trafilatura", "pypdf", "feedparser", "charset_normalizer", "stix2")


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
        raise _missing((error.name or module).partition(".")[0]) from None


def check_libraries() -> None:
    """Raises `ArticleError` where a library of the extra `brief` is not installed; imports none of them."""
    for name in _LIBRARIES:
        if importlib.util.find_spec(name) is None:
            raise _missing(name)


def _missing(library: str) -> ArticleError:
    return ArticleError(
        f"{cut(library)} is not installed, which briefings need; in tidewaiter's own folder run: "
        f"{cut(sys.executable)} -m pip install -e '.[brief]'"
    )
