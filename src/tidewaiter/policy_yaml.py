"""Turns the text of a YAML settings file into entries that know their line, and collects every fault found in them.

Nothing is constructed: only plain text, numbers, lists and mappings are read. Anchors, aliases, tags of one's own,
deep nesting and large files are refused, so a hostile file costs no more than its size.
"""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import TypeVar

import yaml

from tidewaiter.policy import ConfigError

MAX_CHARACTERS = 1 << 20
_MAX_DEPTH = 16
_MAX_TEXT = 512
_MAX_FAULTS = 200
_MAX_SHOWN = 120
_TAG = "tag:yaml.org,2002:"
_KINDS = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
    "seq": "a list",
    "map": "a mapping",
}
_SCALARS_IN_QUOTES = frozenset({"int", "float", "bool", "timestamp"})
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SHARE = re.compile(r"(?:0(?:\.[0-9]{1,6})?|1(?:\.0{1,6})?)\Z")
_NUMBER = re.compile(r"-?[0-9]{1,18}\Z")

Word = TypeVar("Word", bound=str)


def printable(text: str) -> str:
    """`text` with everything that does not print (controls, bidi overrides, surrogates) written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def cut(text: str) -> str:
    """`text` made printable and short enough for a message."""
    return printable(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")


class Faults:
    """The faults of one file, to be raised together."""

    def __init__(self, path: str) -> None:
        self.path = printable(path)
        self._found: list[tuple[int, str]] = []
        self._omitted = 0

    def add(self, line: int, place: str, message: str) -> None:
        """Note a fault at a line (from 1); `place` is the key's path, e.g. `scopes[2].effect`, or empty."""
        if len(self._found) < _MAX_FAULTS:
            self._found.append((line, ": ".join(part for part in (f"{self.path}:{line}", place, message) if part)))
        else:
            self._omitted += 1

    def raise_any(self) -> None:
        """Raise `ConfigError` with all faults, in the order of their lines, if there are any."""
        if self._found:
            faults = [fault for _, fault in sorted(self._found, key=lambda found: found[0])]
            raise ConfigError([*faults, f"{self.path}: {self._omitted} more faults"] if self._omitted else faults)


class Entry:
    """One value of the file, its place and its line. Each reading method notes a fault and gives None if it cannot."""

    def __init__(self, node: yaml.Node, place: str, faults: Faults) -> None:
        self._node = node
        self._kind = node.tag.removeprefix(_TAG)
        self.place = place
        self.line: int = node.start_mark.line + 1
        self.faults = faults

    def fault(self, message: str) -> None:
        """Note what is wrong with this value."""
        self.faults.add(self.line, self.place, message)

    def _wrong_kind(self, wanted: str) -> None:
        seen = _KINDS.get(self._kind, f"the tag {cut(self._node.tag)!r}")
        quotes = "; put it in quotes" if wanted == "text" and self._kind in _SCALARS_IN_QUOTES else ""
        self.fault(f"expected {wanted}, found {seen}{quotes}")

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_nothing(self) -> bool:
        """Whether the key is there without a value."""
        return self._kind == "null"

    def text(self) -> str | None:
        """The value as text of 1 to 512 printable characters."""
        if not isinstance(self._node, yaml.ScalarNode) or self._kind != "str":
            self._wrong_kind("text")
            return None
        value: str = self._node.value
        if not 0 < len(value) <= _MAX_TEXT:
            self.fault(f"text has 1 to {_MAX_TEXT} characters, this has {len(value)}")
            return None
        if not value.isprintable():
            self.fault(f'"{cut(value)}" holds characters that do not print')
            return None
        return value

    def choice(self, options: Collection[Word]) -> Word | None:
        """The value, if it is one of a few words."""
        if self._kind != "str":
            self._wrong_kind(f"one of {', '.join(options)}")
            return None
        value = self.text()
        if value is None:
            return None
        for option in options:
            if value == option:
                return option
        self.fault(f'"{cut(value)}" is not one of {", ".join(options)}')
        return None

    def number(self) -> int | None:
        """The value as a whole decimal number; other notations of YAML (octal, sexagesimal) are refused."""
        if self._kind != "int" or not _NUMBER.match(self._node.value):
            self._wrong_kind("a whole number")
            return None
        return int(self._node.value)

    def share(self) -> float | None:
        """The value as a share of one: 0 to 1, written as a decimal number of at most six places."""
        if self._kind not in ("int", "float"):
            self._wrong_kind("a share, such as 0.95")
            return None
        if not _SHARE.match(self._node.value):
            self.fault(f'"{cut(self._node.value)}" is no share from 0 to 1, such as 0.95')
            return None
        return float(self._node.value)

    def text_or_number(self, wanted: str) -> str | None:
        """The value as it stands in the file, be it text or a whole number; `wanted` names it in the fault."""
        if self._kind == "int" and _NUMBER.match(self._node.value):
            return str(self._node.value)
        if self._kind != "str":
            self._wrong_kind(wanted)
            return None
        return self.text()

    def items(self) -> "list[Entry]":
        """The elements of a list."""
        if not isinstance(self._node, yaml.SequenceNode) or self._kind != "seq":
            self._wrong_kind("a list")
            return []
        return [Entry(node, f"{self.place}[{at}]", self.faults) for at, node in enumerate(self._node.value)]

    def one_or_more(self) -> "list[Entry]":
        """The elements of a list, or the value itself where it is no list."""
        return self.items() if self.is_list else [self]

    def mapping(self, keys: Collection[str], required: Collection[str] = ()) -> "dict[str, Entry]":
        """The values by key. Faults: an unknown key, a key given twice, a required key that is missing."""
        if not isinstance(self._node, yaml.MappingNode) or self._kind != "map":
            self._wrong_kind("a mapping")
            return {}
        found: dict[str, Entry] = {}
        meant: set[str] = set()
        for key_node, value_node in self._node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.add(line, self.place, "a key is a word, not a list or mapping")
                continue
            key: str = key_node.value
            place = f"{self.place}.{cut(key)}" if self.place else cut(key)
            if key in found:
                self.faults.add(line, place, f"given twice; first on line {found[key].line}")
            elif key in keys:
                found[key] = Entry(value_node, place, self.faults)
            else:
                near = get_close_matches(key[:64], keys, n=1)
                meant.update(near)
                hint = f'did you mean "{near[0]}"?' if near else f"the keys here are {', '.join(keys)}"
                self.faults.add(line, place, f"no such key; {hint}")
        for key in required:
            if key not in found and key not in meant:
                self.fault(f'"{key}" is missing')
        return found


class _Refused(yaml.MarkedYAMLError):
    """YAML that would load, but that a settings file has no use for."""


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it untyped
        if getattr(event, "anchor", None) is not None:
            raise _Refused(
                None, None, "anchors and aliases (& and *) are not allowed; put such text in quotes", event.start_mark
            )
        if self.depth >= _MAX_DEPTH:
            raise _Refused(None, None, f"nested deeper than {_MAX_DEPTH} levels", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(text: str, path: str) -> Entry:
    """The top of the file. Raises `ConfigError` where the text is no YAML that can be read at all."""
    faults = Faults(path)
    if len(text) > MAX_CHARACTERS:
        raise ConfigError([f"{faults.path}: larger than {MAX_CHARACTERS} characters"])
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "unreadable"
        message = problem if isinstance(error, _Refused) else f"not YAML: {problem}"
        raise _syntax(faults, text, mark.line if mark else 0, mark.column if mark else 0, message) from error
    except yaml.reader.ReaderError as error:
        before = _LINE_BREAK.split(text[: error.position])
        message = f"not YAML: the character U+{error.character:04X} is not allowed"
        raise _syntax(faults, text, len(before) - 1, len(before[-1]), message) from error
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError) as error:
        # PyYAML lets through what int() and chr() raise on absurd escapes and version numbers.
        line, column = (loader.line, loader.column) if loader is not None else (0, 0)
        raise _syntax(faults, text, line, column, f"not YAML: {error}") from error
    if node is None or node.tag == f"{_TAG}null":
        raise ConfigError([f"{faults.path}: the file is empty; a policy begins with version: 1"])
    return Entry(node, "", faults)


def _syntax(faults: Faults, text: str, line: int, column: int, message: str) -> ConfigError:
    """A fault with the source line and a caret under the place. `line` and `column` count from 0."""
    lines = _LINE_BREAK.split(text)
    source = lines[line] if line < len(lines) else ""
    start = max(0, column - _MAX_SHOWN // 2)
    window = "".join(c if c.isprintable() else "?" for c in source[start : start + _MAX_SHOWN].replace("\t", " "))
    caret = " " * (column - start) + "^"
    return ConfigError([f"{faults.path}:{line + 1}:{column + 1}: {cut(message)}\n    {window}\n    {caret}"])
