"""Turns sentences of which the technique is known into an index that says which techniques a new sentence tells of.

The method is a linear one: each technique has a weight for each feature (`words.py`), at first the centroid of its
examples (tf-idf), then moved where an example is nearer to another technique (passive-aggressive updates: Crammer et
al., JMLR 7, 2006). Plain Python: the same examples give the same index on every machine, and it needs no library.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tidewaiter.intel.words import features

NONE = ""
"""Of an example that tells of no technique: advice, or what a group or a program is."""
_EPOCHS = 2
_MARGIN = 0.5
_STEP = 0.1
_FEWEST = 2
"""Examples that a feature must occur in."""
_FAINT = 0.01
"""Weights below it are dropped at the end."""

Weights = dict[str, dict[int, float]]


class Example(msgspec.Struct, frozen=True):
    """One sentence, and the ATT&CK id of the technique it tells of, or `NONE`."""

    text: str
    technique: str


class Catalogue(msgspec.Struct, frozen=True):
    """What a release of ATT&CK holds that is no sentence."""

    release: str
    """As people say it: `enterprise 19.1`."""
    content_sha256: str
    names: dict[str, str]
    """Living techniques, by id."""
    tactics: dict[str, tuple[str, ...]]
    """Names of the tactics of each living technique."""
    order: tuple[str, ...]
    """Names of all tactics, in the order of the matrix."""
    successors: dict[str, str] = {}
    """Ids that are revoked -> the living technique that took their place."""


class TechniqueIndex(msgspec.Struct, frozen=True):
    """A release of ATT&CK, ready to be asked about sentences."""

    catalogue: Catalogue
    classes: tuple[str, ...]
    rarity: dict[str, float]
    """Of each feature: its inverse document frequency."""
    weights: Weights
    """Feature -> place in `classes` -> weight."""

    def scores(self, sentence: str) -> dict[str, float]:
        """How near a sentence is to each technique, `NONE` among them; about 0 to 1.2. Those it has nothing in common
        with are left out."""
        scores = _scored(_vector(features(sentence), self.rarity), self.weights, len(self.classes))
        return {technique: score for technique, score in zip(self.classes, scores, strict=True) if score}


def learned(catalogue: Catalogue, examples: Sequence[Example]) -> TechniqueIndex:
    """The index of a release, from its examples. Some seconds for 17,000 of them."""
    words = [features(example.text) for example in examples]
    rarity = _rarity(words)
    classes = tuple(sorted({example.technique for example in examples}))
    place = {technique: number for number, technique in enumerate(classes)}
    vectors = [_vector(told, rarity) for told in words]
    labels = [place[example.technique] for example in examples]
    weights = _centroids(vectors, labels, rarity)
    for epoch in range(_EPOCHS):
        for number in sorted(range(len(labels)), key=lambda number: zlib.crc32(b"%d %d" % (epoch, number))):
            _correct(weights, vectors[number], labels[number], len(classes))
    kept = {
        feature: {number: round(weight, 4) for number, weight in row.items() if abs(weight) >= _FAINT}
        for feature, row in weights.items()
    }
    return TechniqueIndex(catalogue, classes, {name: round(told, 4) for name, told in rarity.items()}, kept)


def _rarity(words: Iterable[Sequence[str]]) -> dict[str, float]:
    total, holding = 0, Counter[str]()
    for told in words:
        total += 1
        holding.update(set(told))
    return {
        feature: math.log((1 + total) / (1 + count)) + 1
        for feature, count in sorted(holding.items())
        if count >= _FEWEST
    }


def _vector(words: Iterable[str], rarity: Mapping[str, float]) -> list[tuple[str, float]]:
    """The features of a sentence that are known, weighed, of length 1."""
    counts = Counter(word for word in words if word in rarity)
    weighed = [(word, (1 + math.log(count)) * rarity[word]) for word, count in counts.items()]
    length = math.sqrt(sum(weight * weight for _, weight in weighed)) or 1.0
    return [(word, weight / length) for word, weight in weighed]


def _centroids(vectors: list[list[tuple[str, float]]], labels: list[int], rarity: Iterable[str]) -> Weights:
    sums: dict[int, dict[str, float]] = {}
    for vector, label in zip(vectors, labels, strict=True):
        row = sums.setdefault(label, {})
        for feature, weight in vector:
            row[feature] = row.get(feature, 0.0) + weight
    weights: Weights = {feature: {} for feature in rarity}
    for label, row in sums.items():
        length = math.sqrt(sum(weight * weight for weight in row.values())) or 1.0
        for feature, weight in row.items():
            weights[feature][label] = weight / length
    return weights


def _scored(vector: Iterable[tuple[str, float]], weights: Weights, classes: int) -> list[float]:
    scores = [0.0] * classes
    for feature, weight in vector:
        for label, told in weights[feature].items():
            scores[label] += weight * told
    return scores


def _correct(weights: Weights, vector: list[tuple[str, float]], label: int, classes: int) -> None:
    """Move the weights where another technique comes too near."""
    scores = _scored(vector, weights, classes)
    own, scores[label] = scores[label], -math.inf
    nearest = max(scores)
    loss = _MARGIN - (own - nearest)
    if loss <= 0 or classes < 2:
        return
    rival, step = scores.index(nearest), min(_STEP, loss / 2)
    for feature, weight in vector:
        row = weights[feature]
        row[label] = row.get(label, 0.0) + step * weight
        row[rival] = row.get(rival, 0.0) - step * weight
