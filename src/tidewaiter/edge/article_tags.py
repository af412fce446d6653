"""Turns hostile HTML into HTML that a parser reads in time: pictures in it and tags of thousands of attributes are cut.

libxml2 takes a time that grows with the square of a tag's attributes, and a picture that is written into a page
(`src="data:..."`) may be larger than all the rest.
"""

import re
from collections.abc import Iterator

from tidewaiter.edge.article_fault import ArticleError

MOST_BYTES = 8 * 1024 * 1024
MOST_TAGS = 500_000
_PICTURE = re.compile(rb"""=\s*(?:"data:[^"]*"|'data:[^']*')""", re.IGNORECASE)
_TOKEN = re.compile(rb"""<[A-Za-z]|>|=\s*(["'])""")
_MOST_BARE = 4096
"""Bytes of a tag that are not in quotes: names of attributes, for the most part."""


def trimmed(data: bytes, shown: str) -> bytes:
    """HTML without what only costs. Raises `ArticleError` where much is left."""
    data = _PICTURE.sub(b'=""', data)
    if len(data) > MOST_BYTES:
        raise ArticleError(f"{shown}: is HTML of more than {MOST_BYTES >> 20} MiB without its pictures; no article is")
    if data.count(b"<") > MOST_TAGS:
        raise ArticleError(f"{shown}: is HTML of more than {MOST_TAGS} tags; no article is, so it was not read")
    kept: list[bytes] = []
    place = 0
    for start, end in _monstrous(data):
        kept.append(data[place:start])
        place = end
    return b"".join([*kept, data[place:]]) if kept else data


def _monstrous(data: bytes) -> Iterator[tuple[int, int]]:
    """Where tags begin and end that have more bare bytes than any tag needs.

    A quote counts where the standard says that it begins a value: after an equals sign (WHATWG HTML, 13.2.5.37).
    """
    place, start, bare = 0, -1, 0
    while (token := _TOKEN.search(data, place)) is not None:
        if start < 0:
            if token[0].startswith(b"<"):
                start, bare = token.start(), 0
            place = token.end()
            continue
        bare += token.end() - place
        place = token.end()
        if token[1]:
            closed = data.find(token[1], place)
            place = closed + 1 if closed >= 0 else len(data)
        elif token[0] == b">":
            if bare > _MOST_BARE:
                yield start, place
            start = -1
    if start >= 0 and bare + len(data) - place > _MOST_BARE:
        yield start, len(data)
