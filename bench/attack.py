"""Measures the library of ATT&CK on whole releases: `python -m bench.attack BUNDLE...`, or `make bench-attack`.

Importing is a whole process each, start-up included, with the kernel's peak of its memory. Answers are measured inside
one process, from the question to the record: every object that has a page is shown once, in a fixed order.
"""

import argparse
import hashlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from bench.process import run
from tidewaiter.edge.attack_changes import difference
from tidewaiter.edge.attack_coverage import coverage
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_shown import shown
from tidewaiter.edge.attack_store import opened
from tidewaiter.web.attack_site import KINDS, build

_WORDS = (
    "container escape", "docker", "apt29", "powershell", "credential dumping", "lsass", "mimikatz", "image",
    "malicious image", "scheduled task", "kubernetes api", "execve", "cozy bear", "phishing", "kubectl exec",
    "supply chain", "t1204.003", "process creation", "a", "the",
)  # fmt: skip
_PROGRAM = "from tidewaiter.cli import main; main()"
_LOADS = re.compile(r"<(?:link|img|iframe|object|embed|form|video|audio)\b|<script[^>]* src=|@import")
"""In texts `<` is escaped, so these are tags."""


def _timed(questions: Iterable[Callable[[], object]]) -> list[float]:
    """Milliseconds that each question took."""
    took = []
    for question in questions:
        begin = time.perf_counter()
        question()
        took.append((time.perf_counter() - begin) * 1e3)
    return sorted(took)


def _row(name: str, took: list[float], target: str) -> str:
    median, last = statistics.median(took), took[int(len(took) * 0.99) - 1] if len(took) > 1 else took[0]
    return f"| {name} | {len(took)} | {median:.1f} | {last:.1f} | {took[-1]:.1f} | {target} |"


def _imports(bundles: list[str], store: Path) -> None:
    print("| import | seconds | peak MB | store MB |\n| --- | ---: | ---: | ---: |")
    command = [sys.executable, "-c", _PROGRAM, "attack", "import", "--store", str(store)]
    for number, bundle in enumerate([*bundles, *bundles[:1]]):
        before = hashlib.sha256(store.read_bytes()).hexdigest() if store.exists() else ""
        ran = run([*command, bundle], store.with_name("import.out"))
        again = ""
        if number == len(bundles):
            same = hashlib.sha256(store.read_bytes()).hexdigest() == before
            again = f", again: the store is {'the same' if same else 'NOT THE SAME'}"
        size = store.stat().st_size / 1e6
        print(f"| {Path(bundle).name}{again} | {ran.seconds:.1f} | {ran.peak_bytes / 1e6:.0f} | {size:.1f} |")


def _answers(library: Library) -> None:
    print("\n| answer | asked | median ms | p99 ms | max ms | target |\n| --- | ---: | ---: | ---: | ---: | --- |")
    release = library.release()
    ids = [one.stix_id for one in library.listed(release, KINDS)]
    print(_row("show, every object", _timed([partial(shown, library, i, release) for i in ids]), "< 50 ms"))
    texts = [partial(shown, library, i, release, has_texts=True) for i in ids]
    print(_row("show --all, every object", _timed(texts), ""))
    searches = [partial(library.search, w, release) for w in _WORDS]
    print(_row("search", _timed(searches), "< 200 ms"))
    pairs = [(a, b) for a in library.releases() for b in library.releases() if a.row < b.row]
    diffs = [partial(difference, library.store, a, b) for a, b in pairs]
    if diffs:
        print(_row("diff, every pair", _timed(diffs), "< 3,000 ms"))
    print(_row("coverage", _timed([lambda: coverage(library, release)]), ""))


def _site(library: Library, folder: Path) -> None:
    begin = time.perf_counter()
    built = build(library, library.release(), str(folder))
    seconds = time.perf_counter() - begin
    pages = sorted(folder.rglob("*.html"))
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    licensed = sum("with the permission of The MITRE Corporation" in text for text in texts.values())
    loading = sum(_LOADS.search(text) is not None for text in texts.values())
    largest = max(pages, key=lambda page: page.stat().st_size)
    print("\n| site | |\n| --- | ---: |")
    print(f"| seconds | {seconds:.1f} |\n| pages | {built.pages} |\n| MB | {built.size_bytes / 1e6:.1f} |")
    print(f"| largest page | {largest.name}, {largest.stat().st_size / 1e6:.2f} MB |")
    print(f"| pages with the licence line | {licensed} |\n| pages that load something | {loading} |")


def main() -> None:
    """Import, ask, build; the tables go to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+", help="bundles of ATT&CK, the oldest first")
    with tempfile.TemporaryDirectory() as work:
        store = Path(work) / "attack.sqlite"
        _imports(parser.parse_args().bundles, store)
        with opened(store) as connection:
            library = Library(connection)
            _answers(library)
            _site(library, Path(work) / "site")


if __name__ == "__main__":
    main()
