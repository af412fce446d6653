"""Measures how well techniques are inferred: on sentences of ATT&CK held out, and on labelled articles of our own.

    python bench/techniques.py [BUNDLE]

A fifth of the groups, programs and campaigns of the release is held out, whole: an index that never saw them is asked
about each of their sentences (the technique of a sentence is the one ATT&CK files it under) and about each of them as
one article. Keyword matching, the base line, takes each technique whose name stands in the text as whole words.
"""

import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "intel"))

from technique_labels import labelled

from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_index import catalogue_of, examples, procedures, technique_index
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import import_bundle, opened
from tidewaiter.intel import techniques
from tidewaiter.intel.article import Article, Block
from tidewaiter.intel.technique_index import NONE, Example, TechniqueIndex, learned
from tidewaiter.intel.techniques import named, names_by_start, techniques_of

BUNDLE = Path(__file__).resolve().parents[2] / "shared" / "attack" / "enterprise-19.1.cti20.json.xz"
_HELD_OUT = 5
"""One actor in so many."""
_FEWEST = 4
"""Sentences of an actor that make an article."""
_THRESHOLDS = (0.25, 0.35, 0.45, 0.55)

Found = Callable[[Article], set[str]]


class Score(msgspec.Struct):
    """Micro-averaged."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, found: set[str], gold: frozenset[str] | set[str], allowed: Iterable[str] = ()) -> None:
        """Count one text."""
        self.right += len(found & gold)
        self.wrong += len(found - gold - set(allowed))
        self.missed += len(gold - found)

    def __str__(self) -> str:
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.right / max(1, self.right + self.missed)
        f1 = 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)
        return f"{precision:9.3f} {recall:6.3f} {f1:5.3f}"


def keywords(index: TechniqueIndex) -> Found:
    """The base line."""
    names = names_by_start(index.catalogue)
    return lambda article: {told for alike, _ in named(article.text, names) for told in alike}


def ours(index: TechniqueIndex) -> Found:
    """What `brief` does."""
    return lambda article: {one.id for one in techniques_of(article, index)}


def held_out(library: Library) -> tuple[TechniqueIndex, dict[str, list[Example]]]:
    """(an index that saw none of some actors, the sentences of each of these)."""
    release = library.release()
    taught, asked = list(examples(library, release, users=False)), defaultdict(list)
    for actor, example in procedures(library, release):
        if zlib.crc32(actor.encode()) % _HELD_OUT:
            taught.append(example)
        else:
            asked[actor].append(example)
    return learned(catalogue_of(library, release), taught), asked


def of_actor(told: Iterable[Example]) -> Article:
    """An actor's sentences as one article."""
    blocks, offset = [], 0
    for one in told:
        text = one.text.replace("xx", "the malware")
        blocks.append(Block("paragraph", text, offset))
        offset += len(text) + 1
    return Article("An actor", tuple(blocks))


def on_sentences(index: TechniqueIndex, asked: Iterable[list[Example]]) -> None:
    """One technique a sentence: the nearest, from a threshold on; without words that give away, without names."""
    told = [(one, index.scores(one.text)) for sentences in asked for one in sentences]
    by_name = Score()
    for one, _ in told:
        by_name.add(keywords(index)(Article("", (Block("paragraph", one.text, 0),))), {one.technique})
    print(f"{len(told)} sentences".ljust(44), "precision recall    F1")
    print("  technique names as keywords".ljust(44), by_name)
    for threshold in _THRESHOLDS:
        score = Score()
        for one, scores in told:
            best = max(scores, key=lambda name: scores[name], default=NONE)
            is_found = best != NONE and scores[best] >= threshold
            score.add({best} if is_found else set(), {one.technique})
        print(f"  nearest by likeness, from {threshold}".ljust(44), score)


def on_actors(index: TechniqueIndex, asked: Iterable[list[Example]]) -> None:
    """All techniques of an article made of one actor's sentences."""
    articles = [(of_actor(told), {one.technique for one in told}) for told in asked if len(told) >= _FEWEST]
    print(f"{len(articles)} actors, each as an article".ljust(44), "precision recall    F1")
    chosen = techniques.LIKE
    ways: list[tuple[str, float, Found]] = [("technique names as keywords", chosen, keywords(index))]
    ways += [(f"ours, likeness from {threshold}", threshold, ours(index)) for threshold in _THRESHOLDS]
    for title, threshold, found in ways:
        techniques.LIKE = threshold
        score = Score()
        for article, gold in articles:
            score.add(found(article), gold)
        print(f"  {title}".ljust(44), score)
    techniques.LIKE = chosen


def on_our_articles(index: TechniqueIndex) -> None:
    """The labelled articles of tests/intel."""
    for name in ("chosen_on", "held_out"):
        told = list(labelled(name))
        print(f"{len(told)} articles of our own ({name})".ljust(44), "precision recall    F1")
        for title, found in (("technique names as keywords", keywords(index)), ("ours", ours(index))):
            score = Score()
            for one in told:
                score.add(found(one.article), one.techniques, one.allowed)
            print(f"  {title}".ljust(44), score)


def main() -> None:
    """Print the tables."""
    bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLE
    if not bundle.exists():
        print(f"skipped: {bundle} is not there; name a bundle of enterprise ATT&CK")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attack.sqlite"
        with opened(path, to_write=True) as store:
            import_bundle(store, read_bundle(str(bundle)))
            library = Library(store)
            begun = time.process_time()
            index = technique_index(library, library.release(), path)
            built = time.process_time()
            technique_index(library, library.release(), path)
            read = time.process_time()
            took = f"built in {built - begun:.1f} s, read in {read - built:.2f} s (CPU)"
            print(f"index of {index.catalogue.release}: {took}")
            unseen, asked = held_out(library)
            on_sentences(unseen, asked.values())
            on_actors(unseen, asked.values())
            on_our_articles(index)


if __name__ == "__main__":
    main()
