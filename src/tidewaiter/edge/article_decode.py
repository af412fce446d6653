"""Turns bytes into text: by byte order mark, by what the server and the page say, else by what fits."""

import codecs
import re

from tidewaiter.edge.article_fault import ArticleError, needed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9._:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9._:-]{1,40})", re.IGNORECASE)
_LATIN = frozenset({"ascii", "iso8859-1", "cp1252"})
"""What servers say without knowing; browsers read all three as Windows-1252."""
_SAMPLE = 1 << 16
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decoded(data: bytes, shown: str, charset: str | None = None) -> str:
    """The text of bytes; what cannot be read becomes U+FFFD. Raises `ArticleError` where they are no text."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _read(data[len(mark) :], name)
    wide = _without_mark(data)
    if wide is not None:
        return _read(data, wide)
    if len(_CONTROLS.findall(data[:_SAMPLE])) > len(data[:_SAMPLE]) // 100:
        raise ArticleError(f"{shown}: is neither text, HTML, Markdown, PDF nor a feed; its bytes are no text")
    try:
        # Few texts in other encodings happen to be UTF-8, and many that are UTF-8 are said to be something else.
        return _clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    told = _known(charset) or _declared(data)
    if told is None or told == "utf-8":
        told = "utf-8" if _is_nearly_utf8(data) else _guessed(data)
    return _read(data, "cp1252" if told in _LATIN else told)


def _read(data: bytes, name: str) -> str:
    return _clean(data.decode(name, "replace"))


def _clean(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


def _without_mark(data: bytes) -> str | None:
    """UTF-16 whose mark is missing: every other byte of Western text is zero."""
    sample = data[:512]
    if len(sample) < 4:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most = len(sample) // 2 * 3 // 4
    if odd >= most and not even:
        return "utf-16-le"
    return "utf-16-be" if even >= most and not odd else None


def _declared(data: bytes) -> str | None:
    found = _XML.match(data[:1024]) or _META.search(data[:4096])
    return _known(found[1].decode("ascii")) if found else None


def _known(name: str | None) -> str | None:
    """The codec's own name, if it is one for text that we have."""
    try:
        told = codecs.lookup((name or "").strip())
        "".encode(told.name)  # raises for codecs that turn bytes into bytes
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if told.name in ("idna", "punycode", "unicode-escape", "raw-unicode-escape") else told.name


def _is_nearly_utf8(data: bytes) -> bool:
    """Cut in the middle, or with a few broken bytes: still far more letters than faults."""
    text = data[:_SAMPLE].decode("utf-8", "replace")
    faults = text.count("\ufffd")
    return faults * 4 < sum(character > "\x7f" for character in text) - faults


def _guessed(data: bytes) -> str:
    """Told by its letters; Western alphabets are too alike for that, and most of their texts are Windows-1252."""
    best = needed("charset_normalizer").from_bytes(data[:_SAMPLE]).best()
    name = _known(best.encoding if best is not None else None) or "cp1252"
    letters = [letter for letter in data[:_SAMPLE].decode(name, "replace") if letter > "\x7f"]
    return "cp1252" if sum(letter < "\u0250" for letter in letters) * 2 >= len(letters) else name
