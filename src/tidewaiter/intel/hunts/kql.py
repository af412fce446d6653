"""Turns finds and behaviours into KQL for Defender XDR's advanced hunting, which Sentinel takes too.

No query names a column of time: Defender calls it `Timestamp`, Sentinel `TimeGenerated`, and both consoles have a
picker for it. `isfuzzy` lets a query run where a licence brings only some of the tables.
"""

from collections.abc import Callable, Iterable

from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._behaviours import Behaviour
from tidewaiter.intel.hunts._finds import Find, image_names, is_folder, registry_tail

_HASH_COLUMNS = (("sha256", "SHA256"), ("sha1", "SHA1"), ("md5", "MD5"))


def quoted(text: str) -> str:
    """A string literal; the values are printable, so only its own quote and the escape need one."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(values: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, values))})"


def _holding(column: str, values: Iterable[str]) -> str:
    return " or ".join(f"{column} contains {quoted(value)}" for value in values)


def _union(*tables: str) -> str:
    return "union isfuzzy=true withsource=FoundIn\n  " + ",\n  ".join(f"({table})" for table in tables)


def _hashes(chunk: Chunk) -> str:
    def of(kinds: tuple[tuple[str, str], ...], prefix: str = "") -> str:
        parts = ((prefix + column, chunk.of(kind)) for kind, column in kinds)
        return " or ".join(f"{column} in~ {_listed(values)}" for column, values in parts if values)

    tables = [f"{table} | where {of(_HASH_COLUMNS)}" for table in ("DeviceProcessEvents", "DeviceFileEvents")]
    tables.append(f"DeviceImageLoadEvents | where {of(_HASH_COLUMNS)}")
    tables.append(f"DeviceNetworkEvents | where {of(_HASH_COLUMNS, 'InitiatingProcess')}")
    if chunk.of("sha256"):
        tables.append(f"EmailAttachmentInfo | where {of(_HASH_COLUMNS[:1])}")
    return _union(*tables)


def _domains(chunk: Chunk) -> str:
    domains = chunk.of("domain")
    under = " or ".join(f"Host endswith {quoted('.' + domain)}" for domain in domains)
    return (
        "DeviceNetworkEvents\n"
        f"| where RemoteUrl has_any {_listed(domains)}\n"
        '| extend Host = iff(RemoteUrl has "://", parse_url(RemoteUrl).Host, split(RemoteUrl, "/")[0])\n'
        '| extend Host = tostring(split(Host, ":")[0])\n'
        f"| where Host in~ {_listed(domains)} or {under}"
    )


def _urls(chunk: Chunk) -> str:
    urls = chunk.of("url")
    return _union(
        f"DeviceNetworkEvents | where RemoteUrl in~ {_listed(urls)}",
        f"UrlClickEvents | where Url in~ {_listed(urls)}",
        f"EmailUrlInfo | where Url in~ {_listed(urls)}",
        f"DeviceProcessEvents | where {_holding('ProcessCommandLine', urls)}",
        f"CloudProcessEvents | where {_holding('ProcessCommandLine', urls)}",
    )


def _paths(chunk: Chunk) -> str:
    paths = chunk.of("file_path")
    ran = f"FolderPath in~ {_listed(paths)} or {_holding('ProcessCommandLine', paths)}"
    return _union(
        f"DeviceProcessEvents | where {ran}",
        f"CloudProcessEvents | where {ran}",
        f"DeviceFileEvents | where FolderPath in~ {_listed(paths)}",
    )


def _names(chunk: Chunk) -> str:
    places = " or ".join(f"FolderPath startswith {quoted(folder)}" for folder in chunk.folders)
    condition = f"FileName in~ {_listed(chunk.of('file_name'))} and ({places})"
    return _union(*(f"{table} | where {condition}" for table in ("DeviceProcessEvents", "CloudProcessEvents")))


def _images(chunk: Chunk) -> str:
    parts: list[str] = []
    for value in chunk.of("image"):
        names, tag = image_names(value)
        if tag is None:
            parts.append(f"ContainerImageName in~ {_listed(names)}")
            parts += [f"ContainerImageName startswith {quoted(name + end)}" for name in names for end in ":@"]
        else:
            parts.append(f"ContainerImageName in~ {_listed(f'{name}:{tag}' for name in names)}")
    return "CloudProcessEvents\n| where " + "\n    or ".join(parts)


def _behaviour(behaviour: Behaviour) -> str:
    lines = ["CloudProcessEvents", "| where isnotempty(ContainerId)"]
    for clause in behaviour.clauses:
        if clause.field == "command":
            lines.append(f"| where {_holding('ProcessCommandLine', clause.any_of)}")
        else:
            column = "FileName" if clause.field == "name" else 'tostring(split(ParentProcessName, "/")[-1])'
            lines.append(f"| where {column} in~ {_listed(clause.any_of)}")
    return "\n".join(lines)


def _one(table: str, condition: Callable[[Chunk], str]) -> Callable[[Chunk], str]:
    return lambda chunk: f"{table}\n| where {condition(chunk)}"


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


def _wallets(chunk: Chunk) -> str:
    condition = _holding("ProcessCommandLine", chunk.of("wallet"))
    return _union(*(f"{table} | where {condition}" for table in ("DeviceProcessEvents", "CloudProcessEvents")))


DIALECT = Dialect(
    language="kql",
    target="Defender and Sentinel",
    writable=lambda value: True,
    behaviour=_behaviour,
    sees_containers=True,
    blind={
        "sha512": "Defender's tables hold SHA-256, SHA-1 and MD5",
        "image_digest": "no table of advanced hunting holds the digest of a running image",
    },
    templates=(
        Template("Hashes of programs, files and attachments", ("sha256", "sha1", "md5"), _hashes),
        Template("Domains in connections", ("domain",), _domains),
        Template(
            "Addresses in connections",
            ("ipv4", "ipv6"),
            _one("DeviceNetworkEvents", lambda chunk: f"RemoteIP in {_listed(chunk.of('ipv4', 'ipv6'))}"),
        ),
        Template("URLs in connections, mail and command lines", ("url",), _urls),
        Template(
            "E-mail addresses",
            ("email",),
            _one(
                "EmailEvents",
                lambda chunk: " or ".join(
                    f"{column} in~ {_listed(chunk.of('email'))}"
                    for column in ("SenderFromAddress", "SenderMailFromAddress", "RecipientEmailAddress")
                ),
            ),
        ),
        Template("Paths of programs, scripts and files", ("file_path",), _paths, _no_folder),
        Template("File names in the article's folders (weak)", ("file_name",), _names),
        Template(
            "Registry keys",
            ("registry_key",),
            _one(
                "DeviceRegistryEvents",
                lambda chunk: _holding("RegistryKey", map(registry_tail, chunk.of("registry_key"))),
            ),
        ),
        Template("Wallets on command lines", ("wallet",), _wallets),
        Template("Containers of these images", ("image",), _images),
    ),
)
