"""Turns one imported release of ATT&CK into a folder of pages that link to each other and ask nobody for anything."""

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from markupsafe import Markup

from tidewaiter.attack import NOUNS
from tidewaiter.edge.attack_examples import Example, examples, of_neighbour
from tidewaiter.edge.attack_library import Found, Library, Neighbour, Release
from tidewaiter.edge.attack_shown import AttackObject, Citation, citations_of, record
from tidewaiter.edge.attack_store import StoreError
from tidewaiter.policy_yaml import printable
from tidewaiter.web.attack_markup import rendered
from tidewaiter.web.page import render

KINDS = tuple(dict.fromkeys(NOUNS.values()))
"""Kinds of objects that have pages."""
_MARK = ".tidewaiter-attack-site"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_TITLES = {
    "software": "software",
    "data_source": "data sources",
    "matrix": "matrices",
    "detection_strategy": "detection strategies",
}


class Built(msgspec.Struct, frozen=True):
    """What was written."""

    folder: str
    pages: int
    size_bytes: int


def build(library: Library, release: Release, folder: str) -> Built:
    """Write the site of one release. The folder must be new, empty, or an earlier site. Raises `StoreError`."""
    target = Path(os.path.realpath(folder))
    try:
        if target.exists() and not _is_replaceable(target):
            raise StoreError(f"{printable(folder)}: is neither empty nor a site written before; name another folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            pages = size_bytes = 0
            for name, text in _Site(library, release).pages():
                (work / name).parent.mkdir(exist_ok=True)
                size_bytes += (work / name).write_bytes(text.encode("utf-8", "replace"))
                pages += 1
            (work / _MARK).write_text(f"{release.domain} {release.name}\n")
            work.chmod(0o755)
            old = work.with_name(f"{work.name}.old")
            if target.exists():
                os.replace(target, old)
            os.replace(work, target)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{printable(folder)}: cannot be written: {error.strerror or error}") from None
    return Built(folder, pages, size_bytes)


def _is_replaceable(folder: Path) -> bool:
    """Whether it is a folder that is empty, or holds an earlier site and nothing besides."""
    if not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    strange = [name for name in names - {_MARK, "objects"} if not name.endswith(".html")]
    return not names or (_MARK in names and not strange)


class _Site:
    """The pages of one release."""

    def __init__(self, library: Library, release: Release) -> None:
        self._library, self._release = library, release
        self._found = {one.stix_id: one for one in library.listed(release, KINDS)}
        self._near = library.all_neighbours(release)
        self._examples = examples(library, release)
        self._pages: dict[str, str] = {}
        """ATT&CK id or STIX id -> page of the object; of several with one id the living one."""
        for one in sorted(self._found.values(), key=lambda one: (one.is_dead, one.type != "technique", one.stix_id)):
            page = f"objects/{_UNSAFE.sub('_', one.id)}.html"
            taken = one.id in self._pages
            self._pages[one.stix_id] = f"objects/{_UNSAFE.sub('_', one.stix_id)}.html" if taken else page
            self._pages.setdefault(one.id, page)
        self._living = {one.id: one.stix_id for one in self._found.values() if not one.is_dead}
        held = {one.type for one in self._found.values()}
        self._kinds = [(kind, title(kind)) for kind in KINDS if kind in held]
        self._shared = {"release": release, "statement": library.statement(release), "kinds": self._kinds}

    def pages(self) -> Iterator[tuple[str, str]]:
        counts = {kind: sum(one.type == kind for one in self._found.values()) for kind in KINDS}
        yield "index.html", self._render("attack_index.html", "", counts=counts)
        yield "licence.html", self._render("attack_licence.html", "")
        for kind, _ in self._kinds:
            listed = sorted(
                ((one, self._pages[one.stix_id]) for one in self._found.values() if one.type == kind),
                key=lambda pair: (pair[0].is_dead, pair[0].id),
            )
            yield f"{kind}.html", self._render("attack_list.html", "", kind=kind, title=title(kind), listed=listed)
        for one in self._found.values():
            yield self._pages[one.stix_id], self._object(one)
        yield "explorer.html", self._explorer()

    def _render(self, template: str, root: str, **context: Any) -> str:
        return render(template, {**self._shared, "root": root, **context})

    def _object(self, found: Found) -> str:
        told = self._record(found)
        said = [of_neighbour(self._examples, found.id, one) if one.via is None else None for one in told.relations]
        cited = _cited(told, said)
        numbers = {name: number for number, name in enumerate(cited, 1)}
        text = rendered(told.description, numbers, self._from_object)
        groups: dict[str, list[tuple[Neighbour, str | None, Markup | None]]] = {}
        for one, example in zip(told.relations, said, strict=True):
            words = one.relation.replace("_", " ") + (" (from)" if one.direction == "in" else "")
            html = rendered(example.text, numbers, self._from_object) if example is not None else None
            groups.setdefault(words, []).append((one, self._from_object(one.id), html))
        context = {"told": told, "text": text, "groups": sorted(groups.items()), "cited": list(cited.values())}
        return self._render("attack_object.html", "../", **context)

    def _from_object(self, wanted: str) -> str | None:
        page = self._pages.get(wanted)
        return f"../{page}" if page is not None else None

    def _record(self, found: Found) -> AttackObject:
        near = [one for one in self._near.get(found.stix_id, []) if one.type in KINDS]
        if found.type == "analytic":
            near += [
                msgspec.structs.replace(beyond, via=one.id)
                for one in near
                if one.relation == "analytic_of"
                for beyond in self._of(one.id)
                if (beyond.relation, beyond.direction) == ("detects", "out")
            ]
        detected = [found.id, *(one.id for one in near if (one.relation, one.direction) == ("detects", "out"))]
        tactics = (
            o.name for name in detected for o in self._of(name) if (o.relation, o.direction) == ("tactic", "out")
        )
        return record(self._library, found, self._release, near, tuple(dict.fromkeys(tactics)))

    def _of(self, wanted: str) -> list[Neighbour]:
        return self._near.get(self._living.get(wanted, ""), [])

    # ------------------------------------------------------------------------------------------ explorer

    def _explorer(self) -> str:
        living = [one for one in self._found.values() if not one.is_dead]
        places = {one.stix_id: place for place, one in enumerate(living)}
        ids = {one.id: places[one.stix_id] for one in living}
        edges = [
            [place, ids[one.id], one.relation]
            for stix_id, place in places.items()
            for one in self._near.get(stix_id, [])
            if one.direction == "out" and one.id in ids
        ]
        nodes = [[one.id, one.name, one.type, self._pages[one.stix_id]] for one in living]
        script = render("attack_explorer.js", {})
        # What is between the tags is hashed as it stands there.
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        data = json.dumps({"nodes": nodes, "edges": edges}, separators=(",", ":")).replace("<", "\\u003c")
        return self._render("attack_explorer.html", "", script=script, script_sha256=digest, data=data)


def _cited(told: AttackObject, said: Iterable[Example | None]) -> dict[str, Citation]:
    """Name -> source, of an object's own text first, then of what is said of its relations."""
    cited = {one.name: one for one in told.citations}
    for example in said:
        for one in citations_of(example.stix) if example is not None else ():
            cited.setdefault(one.name, one)
    return cited


def title(kind: str) -> str:
    """What many objects of a kind are called."""
    return _TITLES.get(kind, f"{kind.replace('_', ' ')}s")
