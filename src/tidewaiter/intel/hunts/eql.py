"""Turns finds and behaviours into Elastic EQL over ECS fields.

Every field is optional (`?field`), so that a query runs where an integration that would bring the field is missing.
`==` and `in` know no wildcards in Elasticsearch's EQL, and text is searched for with functions that know none either.
"""

from collections.abc import Iterable

from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._behaviours import Behaviour
from tidewaiter.intel.hunts._finds import Find, image_names, is_folder, registry_tail

_HASHES = ("md5", "sha1", "sha256", "sha512")
_FIELDS = {"name": "?process.name", "parent": "?process.parent.name", "command": "?process.command_line"}


def quoted(text: str) -> str:
    """A string literal; the values are printable, so only its own quote and the escape need one."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(values: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, values))})"


def _any(conditions: Iterable[str]) -> str:
    return " or\n  ".join(conditions)


def _holding(field: str, values: Iterable[str]) -> Iterable[str]:
    return (f"stringContains~({field}, {quoted(value)})" for value in values)


def _hashes(chunk: Chunk) -> str:
    wanted = [(kind, chunk.of(kind)) for kind in _HASHES if chunk.of(kind)]
    fields = (f"?{owner}.hash.{kind} in~ {_listed(values)}" for owner in ("process", "file") for kind, values in wanted)
    return f"any where\n  {_any(fields)}"


def _domains(chunk: Chunk) -> str:
    domains = chunk.of("domain")
    fields = ("?dns.question.name", "?destination.domain", "?url.domain")
    exact = [f"{field} in~ {_listed(domains)}" for field in fields]
    under = [f"endsWith~({field}, {quoted('.' + name)})" for field in fields for name in domains]
    return f"any where\n  {_any(exact + under)}"


def _addresses(chunk: Chunk) -> str:
    listed = _listed(chunk.of("ipv4", "ipv6"))
    return f"any where\n  {_any(f'?{end}.ip in {listed}' for end in ('destination', 'source'))}"


def _urls(chunk: Chunk) -> str:
    urls = chunk.of("url")
    fields = [f"{field} in~ {_listed(urls)}" for field in ("?url.full", "?url.original")]
    return f"any where\n  {_any([*fields, *_holding('?process.command_line', urls)])}"


def _emails(chunk: Chunk) -> str:
    listed = _listed(chunk.of("email"))
    return f"any where\n  {_any(f'?email.{who}.address in~ {listed}' for who in ('from', 'sender', 'to'))}"


def _paths(chunk: Chunk) -> str:
    paths = chunk.of("file_path")
    fields = [f"{field} in {_listed(paths)}" for field in ("?process.executable", "?file.path")]
    return f"any where\n  {_any([*fields, *_holding('?process.command_line', paths)])}"


def _names(chunk: Chunk) -> str:
    places = " or ".join(f"startsWith~(?process.executable, {quoted(folder)})" for folder in chunk.folders)
    return f"process where ?process.name in {_listed(chunk.of('file_name'))} and ({places})"


def _images(chunk: Chunk) -> str:
    conditions: list[str] = []
    for value in chunk.of("image"):
        names, tag = image_names(value)
        if tag is None:
            conditions.append(f"?container.image.name in {_listed(names)}")
            conditions += [f"startsWith(?container.image.name, {quoted(name + end)})" for name in names for end in ":@"]
        else:
            conditions.append(f"?container.image.name in {_listed(f'{name}:{tag}' for name in names)}")
            conditions.append(f"(?container.image.name in {_listed(names)} and ?container.image.tag == {quoted(tag)})")
    return f"any where\n  {_any(conditions)}"


def _behaviour(behaviour: Behaviour) -> str:
    lines = ['process where event.type == "start" and ?container.id != null']
    for clause in behaviour.clauses:
        field = _FIELDS[clause.field]
        if clause.field == "command":
            lines.append(f"and ({' or '.join(_holding(field, clause.any_of))})")
        else:
            lines.append(f"and {field} in {_listed(clause.any_of)}")
    return "\n  ".join(lines)


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


DIALECT = Dialect(
    language="eql",
    target="Elastic (EQL)",
    writable=lambda value: True,
    behaviour=_behaviour,
    sees_containers=True,
    blind={"image_digest": "EQL does not search arrays, and ECS keeps an image's digests in one; ES|QL looks for them"},
    templates=(
        Template("Hashes of programs and files", ("md5", "sha1", "sha256", "sha512"), _hashes),
        Template("Domains", ("domain",), _domains),
        Template("Addresses", ("ipv4", "ipv6"), _addresses),
        Template("URLs in requests and on command lines", ("url",), _urls),
        Template("E-mail addresses", ("email",), _emails),
        Template("Paths of programs, scripts and files", ("file_path",), _paths, _no_folder),
        Template("File names in the article's folders (weak)", ("file_name",), _names),
        Template(
            "Registry keys",
            ("registry_key",),
            lambda chunk: (
                "registry where\n  " + _any(_holding("?registry.path", map(registry_tail, chunk.of("registry_key"))))
            ),
        ),
        Template(
            "Wallets on command lines",
            ("wallet",),
            lambda chunk: "process where\n  " + _any(_holding("?process.command_line", chunk.of("wallet"))),
        ),
        Template("Containers of these images", ("image",), _images),
    ),
)
