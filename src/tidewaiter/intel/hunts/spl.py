"""Turns finds and behaviours into Splunk SPL over the CIM data models, accelerated or not.

In `tstats ... where` a `*` is a wildcard even inside quotes and nothing escapes it; a backtick starts a macro, and a
`$` a token of a dashboard or of `map`. Values with one of these are left out, and those with a backslash at their end:
before a wildcard nobody says whether it would be one.
"""

from collections.abc import Callable, Iterable

from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._behaviours import Behaviour
from tidewaiter.intel.hunts._finds import Find, is_folder, registry_tail

_FIELDS = {"name": "Processes.process_name", "parent": "Processes.parent_process_name", "command": "Processes.process"}
_PROCESS = "Processes.user Processes.parent_process_name Processes.process_name Processes.process"


def quoted(text: str, *, before: str = "", after: str = "") -> str:
    """A quoted string; `before` and `after` are wildcards around the literal text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{before}{escaped}{after}"'


def writable(value: str) -> bool:
    """Whether SPL can say exactly this value."""
    return not set("*`$") & set(value) and not value.endswith("\\")


def _exactly(field: str, values: Iterable[str]) -> str:
    return f"{field} IN ({', '.join(quoted(value) for value in values)})"


def _holding(field: str, values: Iterable[str]) -> str:
    return f"{field} IN ({', '.join(quoted(value, before='*', after='*') for value in values)})"


def _under(field: str, domains: Iterable[str]) -> str:
    names = (name for domain in domains for name in (quoted(domain), quoted(f".{domain}", before="*")))
    return f"{field} IN ({', '.join(names)})"


def _search(model: str, condition: str, by: str) -> str:
    dataset = by.partition(".")[0]
    return (
        f"| tstats count min(_time) as first_seen max(_time) as last_seen from datamodel={model}\n"
        f"    where {condition}\n"
        f"    by {by}\n"
        f'| rename "{dataset}.*" as "*"\n'
        "| convert ctime(first_seen) ctime(last_seen)"
    )


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


def _template(
    title: str,
    kinds: tuple[str, ...],
    model: str,
    condition: Callable[[Chunk], str],
    by: str,
    fits: Callable[[Find], bool] = lambda find: True,
) -> Template:
    return Template(title, kinds, lambda chunk: _search(model, condition(chunk), by), fits)


def _paths(chunk: Chunk) -> str:
    paths = chunk.of("file_path")
    return f"({_exactly('Processes.process_path', paths)} OR {_holding('Processes.process', paths)})"


def _names(chunk: Chunk) -> str:
    places = ", ".join(quoted(folder, after="*") for folder in chunk.folders)
    return f"{_exactly('Processes.process_name', chunk.of('file_name'))} AND Processes.process_path IN ({places})"


def _behaviour(behaviour: Behaviour) -> str:
    conditions = (
        _holding(_FIELDS[clause.field], clause.any_of)
        if clause.field == "command"
        else _exactly(_FIELDS[clause.field], clause.any_of)
        for clause in behaviour.clauses
    )
    return _search("Endpoint.Processes", " AND ".join(conditions), f"Processes.dest {_PROCESS}")


_HASHES = ("md5", "sha1", "sha256", "sha512")
_ADDRESSES = ("ipv4", "ipv6")

DIALECT = Dialect(
    language="spl",
    target="Splunk",
    writable=writable,
    behaviour=_behaviour,
    blind={
        "image": "CIM has no field for a container's image",
        "image_digest": "CIM has no field for a container's image",
    },
    templates=(
        # `process_hash` and `file_hash` may hold several in one text (`MD5=..,SHA256=..`), hence the wildcards.
        _template(
            "Hashes of programs that ran",
            _HASHES,
            "Endpoint.Processes",
            lambda chunk: _holding("Processes.process_hash", chunk.of(*_HASHES)),
            f"Processes.dest {_PROCESS} Processes.process_hash",
        ),
        _template(
            "Hashes of files",
            _HASHES,
            "Endpoint.Filesystem",
            lambda chunk: _holding("Filesystem.file_hash", chunk.of(*_HASHES)),
            "Filesystem.dest Filesystem.user Filesystem.file_path Filesystem.file_hash",
        ),
        _template(
            "Domains that were looked up",
            ("domain",),
            "Network_Resolution.DNS",
            lambda chunk: _under("DNS.query", chunk.of("domain")),
            "DNS.src DNS.query",
        ),
        _template(
            "Domains in web requests",
            ("domain",),
            "Web.Web",
            lambda chunk: _under("Web.url_domain", chunk.of("domain")),
            "Web.src Web.user Web.url_domain Web.url",
        ),
        _template(
            "Addresses in network traffic",
            _ADDRESSES,
            "Network_Traffic.All_Traffic",
            lambda chunk: (
                f"({_exactly('All_Traffic.dest_ip', chunk.of(*_ADDRESSES))}"
                f" OR {_exactly('All_Traffic.src_ip', chunk.of(*_ADDRESSES))})"
            ),
            "All_Traffic.src_ip All_Traffic.dest_ip All_Traffic.dest_port All_Traffic.action",
        ),
        _template(
            "URLs in web requests",
            ("url",),
            "Web.Web",
            lambda chunk: _exactly("Web.url", chunk.of("url")),
            "Web.src Web.user Web.url",
        ),
        _template(
            "URLs and wallets on command lines",
            ("url", "wallet"),
            "Endpoint.Processes",
            lambda chunk: _holding("Processes.process", chunk.of("url", "wallet")),
            f"Processes.dest {_PROCESS}",
        ),
        _template(
            "E-mail addresses",
            ("email",),
            "Email.All_Email",
            lambda chunk: (
                f"({_exactly('All_Email.src_user', chunk.of('email'))}"
                f" OR {_exactly('All_Email.recipient', chunk.of('email'))})"
            ),
            "All_Email.src_user All_Email.recipient All_Email.subject",
        ),
        _template(
            "Paths of programs and scripts that ran",
            ("file_path",),
            "Endpoint.Processes",
            _paths,
            f"Processes.dest {_PROCESS} Processes.process_path",
            fits=_no_folder,
        ),
        _template(
            "Paths of files",
            ("file_path",),
            "Endpoint.Filesystem",
            lambda chunk: _exactly("Filesystem.file_path", chunk.of("file_path")),
            "Filesystem.dest Filesystem.user Filesystem.action Filesystem.file_path",
            fits=_no_folder,
        ),
        _template(
            "File names in the article's folders (weak)",
            ("file_name",),
            "Endpoint.Processes",
            _names,
            f"Processes.dest {_PROCESS} Processes.process_path",
        ),
        _template(
            "Registry keys",
            ("registry_key",),
            "Endpoint.Registry",
            lambda chunk: _holding("Registry.registry_path", map(registry_tail, chunk.of("registry_key"))),
            "Registry.dest Registry.user Registry.action Registry.registry_path",
        ),
    ),
)
