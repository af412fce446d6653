"""Turns the text of a policy file into a `TrustPolicy`, or into all the faults of the file at once.

The keys of the file, their kinds and their defaults are described for users in docs/policy.md.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from tidewaiter.digest import Digest, parse_digest
from tidewaiter.policy import SECOND_NS, TrustPolicy
from tidewaiter.policy_match import PatternError, compile_glob, compile_names, compile_pattern, parse_network
from tidewaiter.policy_rules import (
    GLOB_FIELDS,
    BaselineRules,
    Behaviours,
    Ceiling,
    ExpectedEffect,
    Forbidden,
    Mirror,
    PolicyTest,
    Scope,
    State,
    Strength,
    Subject,
    TrustRule,
)
from tidewaiter.policy_yaml import Entry, cut, read_yaml
from tidewaiter.reference import ImageReferenceError, parse_reference

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)\Z")
_MAX_DURATION_NS = 3660 * 86_400 * SECOND_NS
_MAX_COUNT = 1_000_000
_RESERVED = ("default", "no origin")

Value = TypeVar("Value")


def parse_duration(text: str) -> int:
    """Nanoseconds of `15m`, `900s`, `1h`, `30d` or plain seconds. Raises ValueError, saying what is allowed."""
    found = _DURATION.match(text)
    duration_ns = int(found[1]) * _UNITS[found[2]] * SECOND_NS if found else -1
    if not 0 <= duration_ns <= _MAX_DURATION_NS:
        raise ValueError(
            f'"{cut(text)}" is not a duration, such as 90s, 15m, 1h, 30d or plain seconds (ten years at most)'
        )
    return duration_ns


def read_policy(text: str, path: str) -> TrustPolicy:
    """Read a policy file's text. Raises `ConfigError` with every fault, each under `path` and its line."""
    top = read_yaml(text, path)
    settings: dict[str, Any] = {}
    for key, entry in top.mapping(_KEYS).items():
        field, read = _KEYS[key]
        value = read(entry)
        if value is not None and field is not None:
            settings[field] = value
    top.faults.raise_any()
    return TrustPolicy(**settings)


# --------------------------------------------------------------------------------------------- single values


def _checked(check: Callable[[str], Value]) -> Callable[[Entry], Value | None]:
    """A reader of text that some function of the core checks or translates."""

    def read(entry: Entry) -> Value | None:
        text = entry.text()
        if text is None:
            return None
        try:
            return check(text)
        except ValueError as error:
            entry.fault(str(error))
            return None

    return read


def _network(text: str) -> str:
    return str(parse_network(text))


def _pattern(text: str) -> str:
    try:
        compile_pattern(text)
    except PatternError as error:
        raise PatternError(f'"{cut(text)}": {error}') from error
    return text


def _glob(text: str) -> str:
    compile_glob(text)
    return text


def _binary(text: str) -> str:
    compile_names([text])
    return text


def _repository_prefix(text: str) -> str:
    """The normal form of a mirror's side: `host` or `host/path`."""
    _, slash, rest = text.partition("/")
    try:
        # Read as the beginning of a repository: a host and nothing else leaves exactly the rest as the path.
        parsed = parse_reference(f"{text}/0/0")
    except ImageReferenceError as error:
        raise ValueError(
            f'"{cut(text)}" is no registry, nor a path in one, such as harbor.corp.example/dockerhub'
        ) from error
    if parsed.registry is None or parsed.path != (f"{rest}/0/0" if slash else "0/0"):
        raise ValueError(f'"{cut(text)}" begins with no registry host, such as docker.io')
    return f"{parsed.registry}{slash}{rest}"


def _reference(text: str) -> str:
    parse_reference(text)
    return text


def _duration(minimum_ns: int = 0) -> Callable[[Entry], int | None]:
    def read(entry: Entry) -> int | None:
        text = entry.text_or_number("a duration, such as 15m")
        if text is None:
            return None
        try:
            duration_ns = parse_duration(text)
        except ValueError as error:
            entry.fault(str(error))
            return None
        if duration_ns < minimum_ns:
            entry.fault(f"at least {minimum_ns // SECOND_NS}s")
            return None
        return duration_ns

    return read


def _version(entry: Entry) -> None:
    if entry.number() not in (None, 1):
        entry.fault("only version 1 is known")


def _choice(literal: Any) -> Callable[[Entry], Any]:
    return lambda entry: entry.choice(get_args(literal))


def _list_of(read: Callable[[Entry], Value | None]) -> Callable[[Entry], tuple[Value, ...]]:
    return lambda entry: tuple(value for item in entry.items() if (value := read(item)) is not None)


def _digests(entry: Entry) -> tuple[Digest, ...]:
    if entry.is_list and not entry.items():
        # Read as "no pins", an emptied list would turn a pin into a rule about the whole image name.
        entry.fault("names no digest; remove the key or give one")
    return tuple(value for item in entry.one_or_more() if (value := _checked(parse_digest)(item)) is not None)


# --------------------------------------------------------------------------------------------- rules, scopes, tests


def _behaviours(entry: Entry) -> Behaviours:
    given = {
        key: value.choice(get_args(Strength)) for key, value in entry.mapping(Behaviours.__struct_fields__).items()
    }
    return Behaviours(**{key: value for key, value in given.items() if value is not None})


def _baseline(entry: Entry) -> BaselineRules:
    given = {key: _BASELINE[key](value) for key, value in entry.mapping(_BASELINE).items()}
    fields = {"retention_ns" if key == "retention" else key: value for key, value in given.items()}
    return BaselineRules(**{field: value for field, value in fields.items() if value is not None})


def _count(entry: Entry) -> int | None:
    count = entry.number()
    if count is not None and not 1 <= count <= _MAX_COUNT:
        entry.fault(f"at least 1 and at most {_MAX_COUNT}")
        return None
    return count


_BASELINE: dict[str, Callable[[Entry], Any]] = {
    "completeness": lambda entry: entry.share(),
    "containers": _count,
    "hours": _count,
    "retention": _duration(minimum_ns=3600 * SECOND_NS),
}


def _mirror(entry: Entry) -> Mirror | None:
    keys = entry.mapping(("mirror", "upstream"), required=("mirror", "upstream"))
    sides = {key: _checked(_repository_prefix)(value) for key, value in keys.items()}
    mirror, upstream = sides.get("mirror"), sides.get("upstream")
    if mirror is None or upstream is None:
        return None
    if mirror == upstream:
        entry.fault("a mirror of itself")
    return Mirror(mirror, upstream)


def _trust_rule(entry: Entry) -> TrustRule | None:
    keys = entry.mapping(("name", "image", "digests", "state"), required=("name", "state"))
    name = keys["name"].text() if "name" in keys else None
    if name in _RESERVED:
        keys["name"].fault(f'"{name}" is what tidewaiter says where no rule matched; choose another name')
    image = _checked(_pattern)(keys["image"]) if "image" in keys else None
    digests = _digests(keys["digests"]) if "digests" in keys else ()
    state: State | None = keys["state"].choice(get_args(State)) if "state" in keys else None
    if entry.is_mapping and not {"image", "digests"} & keys.keys():
        entry.fault("a rule needs image or digests")
    if name is None:
        return None
    return TrustRule(name=name, state=state or "unknown", image=image, digests=digests)


_SCOPE_PLACES = (*GLOB_FIELDS, "group", "image", "digests")


def _scope(entry: Entry) -> Scope | None:
    keys = entry.mapping(("name", *_SCOPE_PLACES, "effect"), required=("name", "effect"))
    name = keys["name"].text() if "name" in keys else None
    fields: dict[str, Any] = {key: _checked(_glob)(keys[key]) for key in (*GLOB_FIELDS, "group") if key in keys}
    if "image" in keys:
        fields["image"] = _checked(_pattern)(keys["image"])
    if "digests" in keys:
        fields["digests"] = _digests(keys["digests"])
    if "effect" in keys:
        fields.update(_effect(keys["effect"]))
    if fields.get("quiet") and not keys.keys() & set(_SCOPE_PLACES):
        entry.fault("would silence everything; say where, e.g. namespace")
    return Scope(name=name, **fields) if name is not None else None


def _effect(entry: Entry) -> dict[str, Any]:
    if not entry.is_mapping:
        word = entry.text_or_number("quiet, or a mapping of ceiling, require and forbid")
        if word not in (None, "quiet"):
            entry.fault(f'"{cut(str(word))}" is no effect; write quiet, or a mapping of ceiling, require and forbid')
        return {"quiet": word == "quiet"}
    keys = entry.mapping(("ceiling", "require", "forbid"))
    effect: dict[str, Any] = {}
    if "ceiling" in keys:
        effect["ceiling"] = keys["ceiling"].choice(get_args(Ceiling))
    if "require" in keys:
        effect["require"] = keys["require"].choice(("trusted",))
    if "forbid" in keys:
        things = [item.choice(get_args(Forbidden)) for item in keys["forbid"].one_or_more()]
        effect["forbid"] = tuple(thing for thing in things if thing is not None)
        if not things and keys["forbid"].is_list:
            keys["forbid"].fault("forbids nothing; remove the key or name something")
    if not keys:
        entry.fault("says nothing; write quiet, or give ceiling, require or forbid")
    return effect


def _test(entry: Entry) -> PolicyTest:
    allowed = ("image", "digest", *GLOB_FIELDS, "group", "expect", "expect_effect")
    keys = entry.mapping(allowed)
    fields: dict[str, Any] = {key: keys[key].text() for key in GLOB_FIELDS if key in keys}
    if "group" in keys:
        fields["groups"] = tuple(text for item in keys["group"].one_or_more() if (text := item.text()) is not None)
    if "digest" in keys:
        fields["digests"] = _digests(keys["digest"])
    effects: tuple[ExpectedEffect, ...] = ()
    if "expect_effect" in keys:
        words = [item.choice(get_args(ExpectedEffect)) for item in keys["expect_effect"].one_or_more()]
        effects = tuple(word for word in words if word is not None)
    if entry.is_mapping and not keys.keys() & {"expect", "expect_effect"}:
        entry.fault("expects nothing; give expect or expect_effect")
    return PolicyTest(
        where=f"{entry.faults.path}:{entry.line}: {entry.place}",
        image=_checked(_reference)(keys["image"]) if "image" in keys else None,
        subject=Subject(**fields),
        expect=keys["expect"].choice(get_args(State)) if "expect" in keys else None,
        expect_effects=effects,
    )


def _list_or_nothing(
    read: Callable[[Entry], Value | None], unique: str | None = None
) -> Callable[[Entry], tuple[Value, ...]]:
    """A reader of a list whose entries may all be commented out; `unique` is the field that tells them apart."""

    def read_all(entry: Entry) -> tuple[Value, ...]:
        if entry.is_nothing:
            return ()
        found: list[Value] = []
        lines: dict[str, int] = {}
        for item in entry.items():
            value = read(item)
            if value is None:
                continue
            found.append(value)
            label: str | None = getattr(value, unique) if unique is not None else None
            if label in lines:
                item.fault(f'{unique} "{cut(label)}" is taken; first on line {lines[label]}')
            elif label is not None:
                lines[label] = item.line
        return tuple(found)

    return read_all


_KEYS: dict[str, tuple[str | None, Callable[[Entry], Any]]] = {
    "version": (None, _version),
    "default": ("default", lambda entry: entry.choice(("untrusted", "unknown"))),
    "time_window": ("time_window_ns", _duration(minimum_ns=SECOND_NS)),
    "clock_skew": ("clock_skew_ns", _duration()),
    "lateness": ("lateness_ns", _duration()),
    "provenance_retention": ("provenance_retention_ns", _duration()),
    "internal_cidrs": ("internal_cidrs", _list_of(_checked(_network))),
    "outbound_cidr_block_list": ("outbound_cidr_block_list", _list_of(_checked(_network))),
    "suspicious_binaries": ("suspicious_binaries", _list_of(_checked(_binary))),
    "behaviours": ("behaviours", _behaviours),
    "debug_containers": ("debug_containers", _choice(Ceiling)),
    "baseline": ("baseline", _baseline),
    "mirrors": ("mirrors", _list_or_nothing(_mirror, unique="mirror")),
    "trust": ("trust", _list_or_nothing(_trust_rule, unique="name")),
    "scopes": ("scopes", _list_or_nothing(_scope, unique="name")),
    "tests": ("tests", _list_or_nothing(_test)),
}
"""Each key of the file: the field of `TrustPolicy` it fills (None: none) and how it is read."""
