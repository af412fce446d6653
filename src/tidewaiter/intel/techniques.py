"""Turns an article into the ATT&CK techniques that it tells of, each with the one sentence that shows it best.

Three things show a technique: its id; its name, or words that give it away (`cues.py`), where ATT&CK's own sentences
do not speak against it; and likeness to those sentences (`technique_index.py`). Of an article that tells of no attack
only ids count. The thresholds were chosen on sentences held out and on articles
(`bench/techniques.py`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import Indicator, Technique
from tidewaiter.intel.claims import clauses, is_advice_section, is_cited
from tidewaiter.intel.commands import carried_out, is_rule
from tidewaiter.intel.cues import RIVALS, Cue, cued
from tidewaiter.intel.genre import Genre, genre_with
from tidewaiter.intel.sentences import Told, quoted, sentences_of
from tidewaiter.intel.technique_index import NONE, Catalogue, TechniqueIndex

_ID = re.compile(r"(?<![\w.-])T(?:1\d{3}|0\d{3})(?:\.\d{3})?(?![\w-])(?!\.\d)")
_LINK = re.compile(r"https?://attack\.mitre\.org/(?:versions/v[\d.]{1,8}/)?techniques/(T\d{4})(?:/(\d{3}))?/?(?![\w/])")
_NAME_START = re.compile(r"(?<![\w-])\w")
_START = 3
"""Letters by which names are found; a shorter name (`At`) says nothing."""
NamesByStart = dict[str, list[tuple[str, tuple[str, ...]]]]
"""First letters of a name -> (the name in lower case, the ids that share it)."""
LIKE = 0.5
"""Score from which likeness alone shows a technique, in an article that tells of an attack."""
LIKE_ALONE = 0.5
"""The same for a text of at most three sentences that names neither an attacker nor a victim."""
_SNIPPET = 3
MARGIN = 0.08
"""By how much it must be nearer than the next technique of another family, and than no technique."""
_BEFORE = frozenset({"Reconnaissance", "Resource Development"})
BEFORE = 0.15
"""What is asked for besides of techniques from before an attack: articles seldom tell of them, but list addresses and
domains, which their names are; their names alone show nothing."""
NAMED = 0.12
"""Score that a technique's name, standing in a sentence, needs besides; a name of one word needs `NAMED_ONE`."""
NAMED_ONE = 0.3
CUED = -0.05
"""Score that a giveaway needs besides: it is enough that the sentence does not speak against the technique."""
LISTED = 0.9
"""Score of a name that stands alone in a table or a list about ATT&CK."""
COMMANDED = 0.8
"""Score of what a command in a listing carries out."""
_CUE_WORTH = 0.6
_OF_ATTACK = re.compile(r"(?i)\bATT&CK\b|\bMITRE\b|\btechniques?\b|\bTTPs?\b")
_MOST_CELLS = 100
_FEWEST_GAPS = 3
"""Between words: shorter clauses are like too much."""
_MOST_SENTENCES = 20_000
"""Of an article; what follows is not asked about."""
_MOST = 200
"""Techniques of one article."""
_EVIDENCE = 600


class _Shown(msgspec.Struct, frozen=True):
    """One technique shown by one sentence."""

    id: str
    score: float
    how: str
    told: Told


def techniques_of(
    article: Article, index: TechniqueIndex | None, indicators: Sequence[Indicator] = ()
) -> tuple[Technique, ...]:
    """The techniques that an article tells of, in the order of their evidence; without an index only those whose ids
    it gives, without names. `indicators`: the article's, which tell whether it is one on an attack."""
    told = [one for _, one in zip(range(_MOST_SENTENCES), sentences_of(article), strict=False)]
    shown = list(_explicit(told, index.catalogue if index is not None else None))
    if index is not None:
        shown += _inferred(told, index, genre_with(article, indicators, told))
    best: dict[str, _Shown] = {}
    for one in shown:
        known = best.get(one.id)
        if known is None or (one.how, -one.score, one.told.offset) < (known.how, -known.score, known.told.offset):
            best[one.id] = one
    kept = [one for one in best.values() if one.how == "explicit" or not _is_told_closer(one, best)]
    kept = sorted(kept, key=lambda one: (one.how, -one.score, one.told.offset, one.id))[:_MOST]
    return tuple(
        Technique(
            id=one.id,
            name=index.catalogue.names.get(one.id) if index is not None else None,
            score=round(one.score, 2),
            how="explicit" if one.how == "explicit" else "inferred",
            evidence=quoted(one.told.text, _EVIDENCE),
            offset=one.told.offset,
        )
        for one in sorted(kept, key=lambda one: (one.told.offset, one.id))
    )


def _is_told_closer(one: _Shown, best: dict[str, _Shown]) -> bool:
    """Whether a technique's own sub-technique is told of too, so that it adds nothing."""
    return "." not in one.id and any(other.startswith(f"{one.id}.") for other in best)


# ---------------------------------------------------------------------------------------------- ids


def _explicit(told: Sequence[Told], catalogue: Catalogue | None) -> Iterator[_Shown]:
    seen: set[tuple[int, str]] = set()
    for one in told:
        if is_cited(one):
            continue
        ids = [match.group() for match in _ID.finditer(one.text)] + [_of_link(*told) for told in _links(one.text)]
        for name in ids:
            living = name if catalogue is None else _living(name, catalogue)
            if living is not None:
                yield _Shown(living, 1.0, "explicit", one)
        # A link is of the block, not of a sentence: it belongs to the block's first.
        if one.block.links and (one.block.offset, "") not in seen:
            seen.add((one.block.offset, ""))
            for target in one.block.links[:1000]:
                for parent, sub in _links(target[:500]):
                    living = _of_link(parent, sub) if catalogue is None else _living(_of_link(parent, sub), catalogue)
                    if living is not None:
                        yield _Shown(living, 1.0, "explicit", one)


def _links(text: str) -> list[tuple[str, str]]:
    return _LINK.findall(text)


def _of_link(parent: str, sub: str) -> str:
    return f"{parent}.{sub}" if sub else parent


def _living(name: str, catalogue: Catalogue) -> str | None:
    """The technique of an id, or the one that took its place."""
    return name if name in catalogue.names else catalogue.successors.get(name)


# ---------------------------------------------------------------------------------------------- sentences


def _inferred(told: Sequence[Told], index: TechniqueIndex, genre: Genre) -> Iterator[_Shown]:
    is_attack = genre.tells_of_attack
    if not is_attack and genre.sentences > _SNIPPET:
        return
    names = names_by_start(index.catalogue)
    exact = dict(entry for alike in names.values() for entry in alike)
    for one in told:
        yield from _listed(one, exact)
        if is_attack and one.block.kind == "code":
            yield from _commanded(one, index.catalogue)
        # Who writes an id behind a sentence has said which technique it tells of.
        parts = [] if _ID.search(one.text) else list(clauses(one))
        cues = cued(_lowered(one.text)) if is_attack and parts else []
        for clause in parts:
            yield from (
                _Shown(name, min(score, 1.0), "inferred", one)
                for name, score in _of_clause(clause, cues, names, index, LIKE if is_attack else LIKE_ALONE)
            )


def _commanded(one: Told, catalogue: Catalogue) -> Iterator[_Shown]:
    """The techniques that a line of a listing carries out."""
    if is_rule(one.block.text) or is_advice_section(one):
        return
    for ids in carried_out(one.text):
        name = next((name for name in ids if name in catalogue.names), None)
        if name is not None:
            yield _Shown(name, COMMANDED, "inferred", one)


def _listed(one: Told, exact: Mapping[str, tuple[str, ...]]) -> Iterator[_Shown]:
    """The techniques of which a cell of a table, or an item of a list, about ATT&CK holds just the name."""
    block = one.block
    if block.kind not in ("table", "list") or not any(map(_OF_ATTACK.search, (*block.headings, *block.columns))):
        return
    if is_cited(one):
        return
    for cell in block.cells[:_MOST_CELLS] or (one.text,):
        alike = exact.get(cell.strip(" \t.:").lower(), ())
        if len(alike) == 1:
            yield _Shown(alike[0], LISTED, "inferred", one)


def _of_clause(
    clause: str, cues: Sequence[Cue], names: NamesByStart, index: TechniqueIndex, least: float
) -> Iterator[tuple[str, float]]:
    scores = index.scores(clause)
    living = index.catalogue.names
    given_away = {next((name for name in ids if name in living), "") for ids, _ in cued(_lowered(clause), cues)} - {""}
    given_away = {name for name in given_away if scores.get(name, 0.0) >= CUED}
    for name in sorted(given_away):
        yield name, _CUE_WORTH + scores.get(name, 0.0) / 2
    if least == LIKE:
        for alike, is_one_word in named(clause, names):
            name = max(alike, key=lambda name: (scores.get(name, 0.0), name))
            if _is_rivalled(name, given_away):
                continue
            if not _is_before(name, index) and scores.get(name, 0.0) >= (NAMED_ONE if is_one_word else NAMED):
                yield name, _CUE_WORTH + scores[name] / 2
    if clause.count(" ") < _FEWEST_GAPS:
        return
    nothing = scores.pop(NONE, 0.0)
    ranked = sorted(((score, name) for name, score in scores.items()), reverse=True)[:3]
    if ranked and _is_like(ranked, nothing, least):
        name = ranked[0][1]
        # Words that give away one sub-technique speak against its sisters.
        sisters = {other for other in given_away if _family(other) == _family(name)}
        if _is_rivalled(name, given_away):
            return
        is_far = _is_before(name, index) and ranked[0][0] < least + BEFORE
        if not is_far and (not sisters or name in sisters):
            yield name, ranked[0][0]


def _is_rivalled(name: str, given_away: Collection[str]) -> bool:
    return any(rival in given_away for rival in RIVALS.get(name, ()))


def _lowered(text: str) -> str:
    """A text in lower case; `CronJob`, so written, is the Kubernetes kind."""
    return text.replace("CronJob", "Kubernetes CronJob").lower()


def _is_like(ranked: Sequence[tuple[float, str]], nothing: float, least: float) -> bool:
    """Whether the first stands out: from those of other families, and from what tells of no technique."""
    score, name = ranked[0]
    others = [told for told, other in ranked[1:] if _family(other) != _family(name)]
    return score >= least and score - max([nothing, *others[:1]]) >= MARGIN


def _is_before(name: str, index: TechniqueIndex) -> bool:
    return _BEFORE.issuperset(index.catalogue.tactics.get(name, ("",)))


def _family(name: str) -> str:
    return name.partition(".")[0]


def names_by_start(catalogue: Catalogue) -> NamesByStart:
    """The names of the living techniques, by which a text is searched."""
    ids: dict[str, list[str]] = {}
    for name, told in catalogue.names.items():
        if len(told) >= _START:
            ids.setdefault(told.lower(), []).append(name)
    found: NamesByStart = {}
    for told, alike in ids.items():
        found.setdefault(told[:_START], []).append((told, tuple(alike)))
    return found


def named(text: str, names: NamesByStart) -> Iterator[tuple[tuple[str, ...], bool]]:
    """(ids that share a name, whether it is one word) for each name that stands in a text as whole words."""
    low = text.lower()
    for start in _NAME_START.finditer(low):
        place = start.start()
        for told, alike in names.get(low[place : place + _START], ()):
            end = place + len(told)
            if low.startswith(told, place) and not low[end : end + 1].isalnum() and low[end : end + 1] != "_":
                yield alike, " " not in told
