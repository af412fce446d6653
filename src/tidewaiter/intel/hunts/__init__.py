"""Turns what a briefing found into hunts: queries of each language that has the fields to look for it.

A language is added as one file `intel/hunts/NAME.py` with a module-level `DIALECT`. It is found by walking this
package. Each has one template for each kind of indicator; many values are spread over several hunts.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

import msgspec

from tidewaiter.intel.briefing import HUNTED, Hunt, Indicator, Language, Technique
from tidewaiter.intel.hunts._behaviours import Behaviour, behaviours_for
from tidewaiter.intel.hunts._finds import Find, finds, folders

MAX_VALUES = 100
"""In one query: what the consoles of all targets take."""
MAX_CHARACTERS = 8_000
"""Of values in one query."""


class Chunk(msgspec.Struct, frozen=True):
    """What one query looks for."""

    finds: tuple[Find, ...]
    folders: tuple[str, ...] = ()
    """Where the article says that files lie; for file names, which mean little without."""
    title: str = ""
    """Of the article."""

    def of(self, *kinds: str) -> tuple[str, ...]:
        """The values of these kinds, in order."""
        return tuple(find.value for find in self.finds if find.type in kinds)


class Template(msgspec.Struct, frozen=True):
    """How a language looks for one kind of indicator."""

    title: str
    kinds: tuple[str, ...]
    write: Callable[[Chunk], str]
    fits: Callable[[Find], bool] = lambda find: True


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One language: what it can say."""

    language: Language
    target: str
    """What runs it, for people."""
    templates: tuple[Template, ...]
    writable: Callable[[str], bool]
    """Whether the language has a way to write exactly this value."""
    behaviour: Callable[[Behaviour], str] | None = None
    sees_containers: bool = False
    """Whether its tables tell a process in a container from one beside it."""
    blind: Mapping[str, str] = {}
    """Kinds it cannot look for, and why."""


@cache
def dialects() -> dict[str, Dialect]:
    """All languages by name, found by walking this package."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = ((name, importlib.import_module(f"{__name__}.{name}")) for name in modules if not name.startswith("_"))
    return {name: module.DIALECT for name, module in found}


def hunts_for(indicators: Sequence[Indicator], techniques: Sequence[Technique], *, title: str = "") -> tuple[Hunt, ...]:
    """The hunts of a briefing, by language: for its malicious and suspicious indicators, and for its behaviours.

    `title` is the article's; it goes into rules and files that outlive the briefing. Nothing to look for: no hunt.
    """
    looked_for = finds(indicators)
    shown = "".join(letter if letter.isprintable() else " " for letter in title)[:200].strip()
    behaviours = behaviours_for(techniques)
    return tuple(
        hunt
        for dialect in dialects().values()
        for hunt in (*_indicator_hunts(dialect, looked_for, shown), *_behavioural_hunts(dialect, behaviours))
    )


def not_hunted(indicators: Sequence[Indicator]) -> tuple[str, ...]:
    """Of the malicious and suspicious indicators, which no query looks for and why, one sentence each."""
    looked_for = finds(indicators)
    covered = {kind for find in looked_for for kind in (find.type, find.indicator.type)}
    wanted = [indicator for indicator in indicators if indicator.disposition in HUNTED]
    unsound = {indicator.value for indicator in wanted if indicator.type in _KINDS} - {
        find.indicator.value for find in looked_for
    }
    sentences = [
        f"{_names(kind)}: no query language here has a field for them."
        for kind in sorted({indicator.type for indicator in wanted} - _KINDS)
    ]
    if unsound:
        sentences.append(f"Left out of every query, since not of their kind's form: {len(unsound)}.")
    for dialect in dialects().values():
        sentences += [
            f"{dialect.target}: no hunt for {_names(kind)}, because {reason}."
            for kind, reason in dialect.blind.items()
            if kind in covered
        ]
        unwritable = sum(not dialect.writable(find.value) for find in looked_for if find.type not in dialect.blind)
        if unwritable:
            sentences.append(f"{dialect.target}: {unwritable} values left out that it has no way to write exactly.")
    if "file_name" in covered and not folders(looked_for):
        sentences.append("File names: the article names no folder, and a name alone is found everywhere.")
    return tuple(sentences)


def _indicator_hunts(dialect: Dialect, looked_for: Sequence[Find], title: str) -> Iterator[Hunt]:
    for template in dialect.templates:
        places = () if "file_name" not in template.kinds else _writable(dialect, folders(looked_for))
        if template.kinds == ("file_name",) and not places:
            continue  # `setup.sh` is the name of a thousand files; with a folder beside it, it is worth a look
        wanted = [
            find
            for find in looked_for
            if find.type in template.kinds and dialect.writable(find.value) and template.fits(find)
        ]
        chunks = list(_chunks(wanted))
        for number, part in enumerate(chunks, 1):
            count = f" ({number} of {len(chunks)})" if len(chunks) > 1 else ""
            yield Hunt(
                language=dialect.language,
                title=template.title + count,
                query=template.write(Chunk(part, places, title)),
                indicators=tuple(find.value for find in part),
            )


def _behavioural_hunts(dialect: Dialect, behaviours: Iterable[Behaviour]) -> Iterator[Hunt]:
    if dialect.behaviour is not None:
        for behaviour in behaviours:
            if behaviour.inside_only and not dialect.sees_containers:
                continue
            title = f"{behaviour.title} ({', '.join(behaviour.techniques)})"
            yield Hunt(language=dialect.language, title=title, query=dialect.behaviour(behaviour))


def _writable(dialect: Dialect, values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for value in values if dialect.writable(value))[:20]


def _chunks(wanted: Sequence[Find]) -> Iterator[tuple[Find, ...]]:
    chunk: list[Find] = []
    characters = 0
    for find in wanted:
        if chunk and (len(chunk) == MAX_VALUES or characters + len(find.value) > MAX_CHARACTERS):
            yield tuple(chunk)
            chunk, characters = [], 0
        chunk.append(find)
        characters += len(find.value)
    if chunk:
        yield tuple(chunk)


_KINDS = frozenset({"md5", "sha1", "sha256", "sha512", "domain", "url", "ipv4", "ipv6", "email"}) | frozenset(
    {"file_name", "file_path", "registry_key", "wallet", "image", "image_digest"}
)
_NAMES = {"cve": "CVEs", "ipv4": "IPv4 addresses", "ipv6": "IPv6 addresses", "email": "e-mail addresses"} | {
    kind: kind.upper() for kind in ("md5", "sha1", "sha256", "sha512")
}


def _names(kind: str) -> str:
    return _NAMES.get(kind, f"{kind.replace('_', ' ')}s")
