"""Turns finds and behaviours into Elastic ES|QL over ECS fields.

Digests are asked for with the match operator, which alone looks into fields of several values.
"""

from collections.abc import Callable, Iterable

from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._behaviours import Behaviour
from tidewaiter.intel.hunts._finds import Find, image_names, is_folder, registry_tail

_HASHES = ("md5", "sha1", "sha256", "sha512")
_FIELDS = {"name": "process.name", "parent": "process.parent.name", "command": "process.command_line"}


def quoted(text: str) -> str:
    """A string literal; the values are printable, so only its own quote and the escape need one."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def pattern(text: str) -> str:
    """Text with its own wildcards escaped, for `LIKE`."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _listed(values: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, values))})"


def _holding(field: str, values: Iterable[str]) -> list[str]:
    return [f"{field} LIKE {quoted(f'*{pattern(value)}*')}" for value in values]


def _search(conditions: Iterable[str]) -> str:
    return "FROM logs-*\n| WHERE " + "\n    OR ".join(conditions) + "\n| SORT @timestamp DESC\n| LIMIT 1000"


def _hashes(chunk: Chunk) -> list[str]:
    wanted = [(kind, chunk.of(kind)) for kind in _HASHES if chunk.of(kind)]
    return [f"{owner}.hash.{kind} IN {_listed(values)}" for owner in ("process", "file") for kind, values in wanted]


def _domains(chunk: Chunk) -> list[str]:
    domains = chunk.of("domain")
    fields = ("dns.question.name", "destination.domain", "url.domain")
    exact = [f"TO_LOWER({field}) IN {_listed(domains)}" for field in fields]
    return exact + [f"ENDS_WITH(TO_LOWER({field}), {quoted('.' + name)})" for field in fields for name in domains]


def _urls(chunk: Chunk) -> list[str]:
    urls = chunk.of("url")
    fields = [f"{field} IN {_listed(urls)}" for field in ("url.full", "url.original")]
    return fields + _holding("process.command_line", urls)


def _emails(chunk: Chunk) -> list[str]:
    return [f"email.{who}.address : {quoted(value)}" for value in chunk.of("email") for who in ("from", "sender", "to")]


def _addresses(chunk: Chunk) -> list[str]:
    return [f"{end}.ip IN {_listed(chunk.of('ipv4', 'ipv6'))}" for end in ("destination", "source")]


def _paths(chunk: Chunk) -> list[str]:
    paths = chunk.of("file_path")
    fields = [f"{field} IN {_listed(paths)}" for field in ("process.executable", "file.path")]
    return fields + _holding("process.command_line", paths)


def _names(chunk: Chunk) -> list[str]:
    places = " OR ".join(f"STARTS_WITH(process.executable, {quoted(folder)})" for folder in chunk.folders)
    return [f"process.name IN {_listed(chunk.of('file_name'))} AND ({places})"]


def _images(chunk: Chunk) -> list[str]:
    conditions: list[str] = []
    for value in chunk.of("image"):
        names, tag = image_names(value)
        for name in names:
            whole = name if tag is None else f"{name}:{tag}"
            split = "" if tag is None else f" AND container.image.tag : {quoted(tag)}"
            conditions.append(f"container.image.name : {quoted(whole)}")
            if split:
                conditions.append(f"(container.image.name : {quoted(name)}{split})")
    return conditions


def _behaviour(behaviour: Behaviour) -> str:
    lines = ["FROM logs-*", "| WHERE container.id IS NOT NULL"]
    for clause in behaviour.clauses:
        field = _FIELDS[clause.field]
        if clause.field == "command":
            lines.append(f"| WHERE {' OR '.join(_holding(field, clause.any_of))}")
        else:
            lines.append(f"| WHERE {field} IN {_listed(clause.any_of)}")
    return "\n".join([*lines, "| SORT @timestamp DESC", "| LIMIT 1000"])


def _of(conditions: Callable[[Chunk], list[str]]) -> Callable[[Chunk], str]:
    return lambda chunk: _search(conditions(chunk))


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


DIALECT = Dialect(
    language="esql",
    target="Elastic (ES|QL)",
    writable=lambda value: True,
    behaviour=_behaviour,
    sees_containers=True,
    templates=(
        Template("Hashes of programs and files", ("md5", "sha1", "sha256", "sha512"), _of(_hashes)),
        Template("Domains", ("domain",), _of(_domains)),
        Template("Addresses", ("ipv4", "ipv6"), _of(_addresses)),
        Template("URLs in requests and on command lines", ("url",), _of(_urls)),
        Template("E-mail addresses", ("email",), _of(_emails)),
        Template("Paths of programs, scripts and files", ("file_path",), _of(_paths), _no_folder),
        Template("File names in the article's folders (weak)", ("file_name",), _of(_names)),
        Template(
            "Registry keys",
            ("registry_key",),
            _of(lambda chunk: _holding("registry.path", map(registry_tail, chunk.of("registry_key")))),
        ),
        Template(
            "Wallets on command lines",
            ("wallet",),
            _of(lambda chunk: _holding("process.command_line", chunk.of("wallet"))),
        ),
        Template("Containers of these images", ("image",), _of(_images)),
        Template(
            "Containers of images with these digests",
            ("image_digest",),
            _of(lambda chunk: [f"container.image.hash.all : {quoted(value)}" for value in chunk.of("image_digest")]),
            # What runs is known by the digest of its manifest, index or config, never by one of its layers.
            lambda find: find.indicator.role not in ("layer", "diff_id", "chain_id"),
        ),
    ),
)
