"""Turns a policy file's text and new scopes into the text with them added, everything else as its author left it.

The text is changed at two places, below `scopes` and below `tests`; then it is read again, and must say exactly what it
said before and the additions. Names in it come from telemetry: they are written as quoted text, and what does not come
back as it went in is refused.
"""

import json
import os
import re
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import yaml

from tidewaiter.policy import ConfigError, TrustPolicy, load_policy
from tidewaiter.policy_rules import GLOB_FIELDS, Scope
from tidewaiter.policy_yaml import MAX_CHARACTERS, cut, printable
from tidewaiter.review.recorded import Record

_FIELDS = (*GLOB_FIELDS, "group", "image", "digests")
_LINE = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+\\Z", re.S)
"""A line with its end, as YAML counts lines."""


class EditError(ValueError):
    """The additions cannot be written: one sentence."""


class Addition(msgspec.Struct, frozen=True):
    """A scope to be added, and where it comes from."""

    scope: Scope
    comment: str
    example: Record
    """An alert that it silences: the case under `tests` that proves it."""


def item_of(scope: Scope) -> list[str]:
    """The scope as lines of a YAML list."""
    fields = {"name": scope.name, **{key: getattr(scope, key) for key in _FIELDS if getattr(scope, key)}}
    lines = [f"{key}: {_value(value)}" for key, value in fields.items()]
    lines.append("effect: quiet" if scope.quiet else "effect: {ceiling: suspicious}")
    return _item(lines)


def case_of(addition: Addition) -> list[str]:
    """A case under `tests`: the alert's own container gets the effect."""
    scope, record = addition.scope, addition.example
    subject = record.subject()
    told: dict[str, object] = {}
    if scope.image is not None:
        told["image"] = scope.image
    if scope.digests:
        told["digest"] = next(digest for digest in scope.digests if digest in record.proven_digests)
    told |= {key: getattr(subject, key) for key in GLOB_FIELDS if getattr(scope, key) is not None}
    told["expect_effect"] = "quiet" if scope.quiet else "suspicious"
    return _item([f"{key}: {_value(value)}" for key, value in told.items()])


def _item(lines: list[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def added(text: str, additions: Sequence[Addition], path: str) -> str:
    """The policy's text with the additions. Raises `EditError`, or `ConfigError` where the text itself has faults."""
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    before = load_policy(body, path)
    taken = {scope.name for scope in before.scopes}
    for addition in additions:
        if addition.scope.name in taken:
            raise EditError(f'{printable(path)}: the scope "{addition.scope.name}" is there already')
        _sayable(addition)
    end = "\r\n" if "\r\n" in text else "\n"
    scopes = [_commented(addition.comment, item_of(addition.scope)) for addition in additions]
    cases = [case_of(addition) for addition in additions]
    try:
        for key, items in (("scopes", scopes), ("tests", cases)):
            body = _appended(body, key, items, end, path)
    except yaml.YAMLError as error:
        raise EditError(f"{printable(path)}: not written, since it could not be read afterwards") from error
    _check(before, body, additions, path)
    return mark + body


def replace_file(path: str, text: str) -> None:
    """Write a file that is there anew, whole or not at all, with the owner and rights it had. Raises OSError."""
    target = os.path.realpath(path)
    found = os.stat(target)
    number, name = tempfile.mkstemp(prefix=".tidewaiter-", dir=os.path.dirname(target))
    try:
        with open(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            with suppress(PermissionError):
                os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _value(value: object) -> str:
    """Text, or texts, that YAML reads back as they are: JSON's quotes, of which YAML has the same two escapes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _commented(comment: str, lines: list[str]) -> list[str]:
    return [f"# {cut(comment)}", *lines]


def _sayable(addition: Addition) -> None:
    for line in (*item_of(addition.scope), *case_of(addition)):
        if not line.isprintable():
            raise EditError(f'"{cut(line)}" holds characters that do not print, and cannot stand in a policy')


# ------------------------------------------------------------------------------------------------ the place


def _appended(text: str, key: str, items: Sequence[Sequence[str]], end: str, path: str) -> str:
    """The text with items after the last of the list under a key of the top; the key comes last where it is not yet."""
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(top, yaml.MappingNode) or top.flow_style:
        raise EditError(f"{printable(path)}: write one key a line, not all in braces, so that it can be added to")
    found = next((pair for pair in top.value if pair[0].value == key), None)
    if found is None:
        return f"{_with_end(text, end)}{end}{key}:{end}{_lines(items, '  ', end)}"
    name, value = found
    if isinstance(value, yaml.SequenceNode) and value.flow_style:
        if value.value:
            raise EditError(
                f"{printable(path)}:{value.start_mark.line + 1}: {key} is a list in brackets; "
                "write one entry a line, so that it can be added to"
            )
        # Without its empty brackets it is a key that waits for a list below it.
        text = text[: value.start_mark.index].rstrip(" ") + text[value.end_mark.index :]
        line, indent = int(name.end_mark.line), "  "
    elif isinstance(value, yaml.SequenceNode):
        line, indent = _last_line(value.value[-1]), " " * value.start_mark.column
    else:
        line, indent = int(name.end_mark.line), "  "
    lines = _LINE.findall(text)
    above, below = "".join(lines[: line + 1]), "".join(lines[line + 1 :])
    return f"{_with_end(above, end)}{_lines(items, indent, end)}{below}"


def _lines(items: Sequence[Sequence[str]], indent: str, end: str) -> str:
    return "".join(f"{indent}{line}{end}" for item in items for line in item)


def _with_end(text: str, end: str) -> str:
    return text if not text or text.endswith("\n") else text + end


def _last_line(node: yaml.Node) -> int:
    """The last line on which something of a value stands (a block's own end mark lies behind comments and blanks)."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False) or not node.value:
        return int(node.end_mark.line)
    if isinstance(node, yaml.MappingNode):
        return max(_last_line(part) for pair in node.value for part in pair)
    return max(map(_last_line, node.value))


# ------------------------------------------------------------------------------------------------ the proof


def _check(before: TrustPolicy, text: str, additions: Sequence[Addition], path: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise EditError(f"{printable(path)}: would be larger than {MAX_CHARACTERS} characters")
    try:
        after = load_policy(text, path)
    except ConfigError as error:
        raise EditError(f"{printable(path)}: not written, since it could not be read afterwards: {error}") from error
    wanted = msgspec.structs.replace(before, scopes=(*before.scopes, *(a.scope for a in additions)), tests=())
    same_tests = [(t.image, t.subject, t.expect, t.expect_effects) for t in before.tests] == [
        (t.image, t.subject, t.expect, t.expect_effects) for t in after.tests[: len(before.tests)]
    ]
    is_whole = len(after.tests) == len(before.tests) + len(additions)
    if msgspec.structs.replace(after, tests=()) != wanted or not same_tests or not is_whole:
        raise EditError(f"{printable(path)}: not written, since it would not say the same as before and the additions")
    if failures := after.run_tests():
        raise EditError(f"{printable(path)}: not written, since policy test would fail: {printable(failures[0])}")
