"""Turns finds and behaviours into Sigma rules, one YAML document each.

A rule's id is a name-based UUID of what it looks for, so that the same article gives the same rule again. No date:
the same article would give another rule each day.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._behaviours import Behaviour
from tidewaiter.intel.hunts._finds import Find, is_folder, registry_tail

_NAMESPACE = bytes.fromhex("6ba7b8119dad11d180b400c04fd430c8")
"""RFC 9562's namespace of URLs."""
_HASH_NAMES = (("sha256", "SHA256"), ("sha1", "SHA1"), ("md5", "MD5"))
_FIELDS = {"name": "Image|endswith", "parent": "ParentImage|endswith", "command": "CommandLine|contains"}

Selection = Mapping[str, Sequence[str]]


def escaped(text: str) -> str:
    """Text with Sigma's own wildcards escaped."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def rule_id(*parts: str) -> str:
    """A version 5 UUID (RFC 9562, section 5.5) of the parts."""
    name = "\n".join(("tidewaiter:sigma", *parts)).encode()
    raw = bytearray(hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _scalar(text: str) -> str:
    """A double-quoted YAML scalar: JSON's, whose escapes YAML shares."""
    return msgspec.json.encode(text).decode()


def _rule(
    title: str,
    why: str,
    logsource: Mapping[str, str],
    selections: Sequence[Selection],
    condition: str,
    *,
    level: str,
    expect: str,
    tags: Iterable[str] = (),
) -> str:
    body = [
        line for number, fields in enumerate(selections, 1) for line in (f"  selection_{number}:", *_fields(fields))
    ]
    tagged = [f"  - {tag}" for tag in tags]
    return "\n".join(
        [
            f"title: {_scalar(title)}",
            f"id: {rule_id(*(f'{key}={value}' for key, value in sorted(logsource.items())), *body, condition)}",
            "status: experimental",
            f"description: {_scalar(why)}",
            "author: tidewaiter",
            *(["tags:", *tagged] if tagged else []),
            "logsource:",
            *(f"  {key}: {value}" for key, value in logsource.items()),
            "detection:",
            *body,
            f"  condition: {condition}",
            "falsepositives:",
            f"  - {_scalar(expect)}",
            f"level: {level}",
            "",
        ]
    )


def _fields(fields: Selection) -> Iterable[str]:
    for field, values in fields.items():
        yield f"    {field}:"
        yield from (f"      - {_scalar(value)}" for value in values)


def _template(
    title: str,
    kinds: tuple[str, ...],
    logsource: Mapping[str, str],
    selections: Callable[[Chunk], Sequence[Selection]],
    *,
    condition: str = "1 of selection_*",
    level: str = "high",
    fits: Callable[[Find], bool] = lambda find: True,
) -> Template:
    def write(chunk: Chunk) -> str:
        article = f" of the article {chunk.title}" if chunk.title else " of an article"
        return _rule(
            title,
            f"Looks for indicators{article}.",
            logsource,
            selections(chunk),
            condition,
            level=level,
            expect="Research, sandboxes and blocklists that touch the same indicators",
        )

    return Template(title, kinds, write, fits)


def _hashes(chunk: Chunk) -> Sequence[Selection]:
    wanted = [f"{name}={value}" for kind, name in _HASH_NAMES for value in chunk.of(kind)]
    return ({"Hashes|contains": wanted},)


def _under(field: str) -> Callable[[Chunk], Sequence[Selection]]:
    return lambda chunk: (
        {field: chunk.of("domain")},
        {f"{field}|endswith": tuple(f".{domain}" for domain in chunk.of("domain"))},
    )


def _names(chunk: Chunk) -> Sequence[Selection]:
    return (
        {"Image|endswith": [f"/{escaped(name)}" for name in chunk.of("file_name")]},
        {"Image|startswith": [escaped(folder) for folder in chunk.folders]},
    )


def _behaviour(behaviour: Behaviour) -> str:
    selections = [
        {_FIELDS[clause.field]: [_value(clause.field, escaped(word)) for word in clause.any_of]}
        for clause in behaviour.clauses
    ]
    return _rule(
        behaviour.title,
        f"{behaviour.title}. Sigma's processes name no container, so it looks on hosts, too.",
        {"category": "process_creation", "product": "linux"},
        selections,
        "all of selection_*",
        level="medium",
        expect=behaviour.expect[:1].upper() + behaviour.expect[1:],
        tags=(f"attack.{technique.lower()}" for technique in behaviour.techniques),
    )


def _value(field: str, word: str) -> str:
    return word if field == "command" else f"/{word}"


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


def _escaped(kind: str) -> Callable[[Chunk], tuple[str, ...]]:
    return lambda chunk: tuple(escaped(value) for value in chunk.of(kind))


_PATHS, _URLS, _WALLETS = _escaped("file_path"), _escaped("url"), _escaped("wallet")

DIALECT = Dialect(
    language="sigma",
    target="Sigma",
    writable=lambda value: True,
    behaviour=_behaviour,
    blind={
        "sha512": "no log source of Sigma holds it",
        "email": "Sigma has no category for mail",
        "image": "Sigma's categories have no field for a container's image",
        "image_digest": "Sigma's categories have no field for a container's image",
    },
    templates=(
        _template(
            "Hash of a Known Malicious Program", ("sha256", "sha1", "md5"), {"category": "process_creation"}, _hashes
        ),
        _template(
            "DNS Query for a Known Malicious Domain", ("domain",), {"category": "dns_query"}, _under("QueryName")
        ),
        _template(
            "Connection to a Known Malicious Domain",
            ("domain",),
            {"category": "network_connection"},
            _under("DestinationHostname"),
        ),
        _template(
            "Connection to a Known Malicious Address",
            ("ipv4", "ipv6"),
            {"category": "network_connection"},
            lambda chunk: ({"DestinationIp": chunk.of("ipv4", "ipv6")},),
        ),
        _template(
            "Web Request for a Known Malicious URL",
            ("url",),
            {"category": "proxy"},
            lambda chunk: ({"c-uri": _URLS(chunk)},),
        ),
        _template(
            "Known Malicious URL on a Command Line",
            ("url",),
            {"category": "process_creation"},
            lambda chunk: ({"CommandLine|contains": _URLS(chunk)},),
        ),
        _template(
            "Wallet of an Attacker on a Command Line",
            ("wallet",),
            {"category": "process_creation"},
            lambda chunk: ({"CommandLine|contains": _WALLETS(chunk)},),
        ),
        _template(
            "Known Malicious Program or Script Run",
            ("file_path",),
            {"category": "process_creation"},
            lambda chunk: ({"Image": _PATHS(chunk)}, {"CommandLine|contains": _PATHS(chunk)}),
            fits=_no_folder,
        ),
        _template(
            "Known Malicious File Written",
            ("file_path",),
            {"category": "file_event"},
            lambda chunk: ({"TargetFilename": _PATHS(chunk)},),
            fits=_no_folder,
        ),
        _template(
            "File Name of an Article in One of Its Folders",
            ("file_name",),
            {"category": "process_creation", "product": "linux"},
            _names,
            condition="all of selection_*",
            level="low",
        ),
        _template(
            "Known Malicious Registry Key",
            ("registry_key",),
            {"category": "registry_event", "product": "windows"},
            lambda chunk: (
                {"TargetObject|contains": [escaped(registry_tail(key)) for key in chunk.of("registry_key")]},
            ),
        ),
    ),
)
