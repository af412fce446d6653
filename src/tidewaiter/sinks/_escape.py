"""Turns text that an attacker may have written into text that can be shown: what hides or moves becomes an escape.

Escaped is every character that does not fill a cell of its own: controls (C0, C1, DEL), bidirectional marks,
overrides and isolates, line and paragraph separators, zero-width and other format characters, combining marks and
variation selectors, blanks other than the space, letters that look like nothing, surrogates, and code points without
a meaning. A backslash stays as it is, so `\\x1b` in the output may be an escape or those four characters: the JSON
output is exact.
"""

import re
import unicodedata

import msgspec

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# Letters and symbols with an empty glyph: Hangul fillers and the blank Braille pattern.
_EMPTY_GLYPHS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_WORD_LIMIT = 120
_LONG_WORD = re.compile(rf"[^ ]{{{_WORD_LIMIT + 1},}}")
_MAYBE_HIDDEN = re.compile(r"[^\x00-\x7e]")


def is_hidden(char: str) -> bool:
    """Whether a character has to be escaped before it is shown."""
    if not char.isprintable() or char in _EMPTY_GLYPHS:
        return True
    return char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me")


def visible(text: str) -> str:
    """The text with every hidden character written as `\\n`, `\\x1b`, `\\u202e` or `\\U000e0001`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if is_hidden(char) else char for char in text)


def clipped(text: str, limit: int) -> str:
    """The text made visible and, beyond about `limit` characters shown, cut out of its middle.

    What is cut is counted: `curl -s .. [+1,234 characters] .. | sh`. The end stays, since padding would hide it, and so
    does what follows a long word: of such a word only the ends are shown (`aW1wb3J0..[+312]..Cg`).
    """
    if len(text) > _WORD_LIMIT:
        text = _LONG_WORD.sub(_shorter_word, text)
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    if len(text) <= limit and len(whole := visible(text)) <= limit:
        return whole
    head, start = _taken(text, limit * 4 // 5)
    tail, end = _taken(text[::-1], limit // 5)
    cut = len(text) - start - end
    return f"{''.join(head).rstrip()} .. [+{cut:,} characters] .. {''.join(reversed(tail)).lstrip()}"


def encode_json(value: object) -> bytes:
    """One line of JSON that a terminal may print: hidden characters are `\\uXXXX`, which every reader undoes.

    `value` is whatever msgspec encodes. A lone surrogate, which UTF-8 cannot hold, becomes the six characters
    `\\udcff`.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value)))
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded + b"\n"
    # Outside of strings JSON is ASCII, so every match stands inside a string.
    return _MAYBE_HIDDEN.sub(_json_escape, encoded.decode("utf-8")).encode("utf-8") + b"\n"


def _taken(text: str, room: int) -> tuple[list[str], int]:
    """What of the beginning of a text can be shown in so many characters, and how much of the text that is."""
    shown: list[str] = []
    for char in text:
        piece = _escape(char) if is_hidden(char) else char
        room -= len(piece)
        if room < 0:
            break
        shown.append(piece)
    return shown, len(shown)


def _shorter_word(match: re.Match[str]) -> str:
    word = match.group()
    return f"{word[:72]}..[+{len(word) - 90}]..{word[-18:]}"


def _escape(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    char = match.group()
    if not is_hidden(char):
        return char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value
