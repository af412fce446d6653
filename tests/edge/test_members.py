"""Proves that a lazily decoded object looks like the decoded one, and what a question looks at."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tidewaiter.edge.members import looked_at, members

RECORD = b'{"a": 1, "b": {"c": [true, null]}, "d": "text", "e": null}'


def test_members_look_like_the_decoded_object() -> None:
    """Whatever way a source looks at an object, it sees plain values."""
    plain = msgspec.json.decode(RECORD)
    found = members(RECORD)
    assert isinstance(found, dict)
    assert found.get("b") == {"c": [True, None]}
    assert found["d"] == "text"
    assert (found.get("nothing"), found.get("nothing", 5), found.get("e", 5)) == (None, 5, None)
    assert ("a" in found, "z" in found, list(found), len(found)) == (True, False, list(plain), 4)
    assert found.keys() == plain.keys()
    assert list(members(RECORD).values()) == list(plain.values())
    assert dict(members(RECORD).items()) == plain
    with pytest.raises(KeyError):
        found["nothing"]


def test_only_what_is_looked_at_is_decoded() -> None:
    """A member that is no valid Unicode hurts only those who look at it, and is then told."""
    found = members(b'{"a": 1, "b": "\xff"}')
    assert found["a"] == 1
    assert not found.is_faulty
    with pytest.raises(UnicodeDecodeError):
        found.get("b")
    assert found.is_faulty


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'"x"', b'{"a":nul}', b'{"a":1}}', b'{"\xff":1}', b"[" * 99999])
def test_what_is_no_object_raises(record: bytes) -> None:
    """The three errors that the decoder knows, and no other."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        members(record)


def _careless(found: Mapping[str, Any]) -> bool:
    return bool(found["a"])


@pytest.mark.parametrize(("question", "names"), [
    (lambda found: "a" in found and "b" in found, {"a"}),
    (lambda found: found.get("a") == 1 or found.get("b") == 2, {"a", "b"}),
    (lambda found: "a" not in found and found.get("b") == 2, {"a", "b"}),
    (lambda found: False, set()),
    (lambda found: len(found) == 1, None),
    (lambda found: any(name.startswith("x") for name in found), None),
    (lambda found: found.keys() <= {"a"} and "b" in found, None),
    (lambda found: 1 in found.values(), None),
    (lambda found: ("a", 1) in found.items(), None),
    (lambda found: bool(found) and "a" in found, None),
    (lambda found: "a" not in found, None),
    (_careless, None),
])  # fmt: skip
def test_what_a_question_looks_at_before_it_says_no(question: Any, names: set[str] | None) -> None:
    """None where the question must always be asked: it sees the whole object, says yes to nothing, or fails."""
    assert looked_at(question) == names
