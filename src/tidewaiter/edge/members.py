"""Turns a JSON object into its members, each decoded only when somebody looks at it."""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import msgspec

_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decode = msgspec.json.decode


class Members(dict[str, Any]):
    """A JSON object as a dict whose values are decoded when they are asked for.

    Recognising most records takes a look at two or three small members; decoding all others is what would cost.
    Looking at a member raises `ValueError` or `RecursionError` where it is no JSON that can be decoded.
    """

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        super().__init__(raw)
        self.raw = raw
        """The members as they were written."""
        self.is_faulty = False
        """Whether a member was looked at that is no JSON that can be decoded."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if type(value) is msgspec.Raw:
            try:
                self[name] = value = _decode(value)
            except (ValueError, RecursionError):
                self.is_faulty = True
                raise
        return value

    def get(self, name: str, default: Any = None, /) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # a view of the same kind, not dict's own class
        return {name: self[name] for name in self}.values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # as above
        return {name: self[name] for name in self}.items()


def members(record: bytes) -> Members:
    """The members of a JSON object. Raises `msgspec.DecodeError`, `UnicodeDecodeError` or `RecursionError`."""
    return Members(_shallow.decode(record))


def looked_at(question: Callable[[Mapping[str, Any]], bool]) -> frozenset[str] | None:
    """The members that `question` looks at before it says no to an object that has none of them.

    An object that has none of these gets the same answer, since the question sees nothing else of it; so it need not
    be asked. None: the question looks at the object as a whole, and must always be asked.
    """
    empty = _Empty()
    try:
        is_yes = question(empty)
    except Exception:  # a question that fails on an empty object tells nothing about itself
        return None
    return None if is_yes or empty.is_seen_whole else frozenset(empty.asked)


class _Empty(dict[str, Any]):
    """An object without members that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.is_seen_whole = False

    def __missing__(self, name: str) -> Any:
        self.asked.add(name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return False

    def get(self, name: str, default: Any = None, /) -> Any:
        self.asked.add(name)
        return default

    def _see_whole(self) -> Any:
        self.is_seen_whole = True
        return ()

    def __iter__(self) -> Iterator[str]:
        return iter(self._see_whole())

    def __len__(self) -> int:
        return len(self._see_whole())

    def __bool__(self) -> bool:
        return bool(self._see_whole())

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # a view of the same kind, not dict's own class
        self._see_whole()
        return {}.keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # as above
        self._see_whole()
        return {}.values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # as above
        self._see_whole()
        return {}.items()
