"""Turns what is known of one container into hits: the listed indicators that its image or what it did matches.

One hit for each indicator, the earliest: that it was met is what counts, not how often.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tidewaiter.behaviour import describe
from tidewaiter.chain import Action, Chain
from tidewaiter.digest import Digest
from tidewaiter.image_contents import ImageContents
from tidewaiter.indicators import Indicators, Listed
from tidewaiter.reference import ImageReference, reference_or_none
from tidewaiter.resolve import Provenance

_HITS_KEPT = 48


class Hit(msgspec.Struct, frozen=True):
    """One indicator that a container met."""

    listed: Listed
    what: str
    """What met it, as people write it."""
    action: Action | None = None
    """None: its image."""
    is_pods: bool = False
    """Only its pod is known to have done so."""


def hits_of(
    chain: Chain,
    found: Provenance,
    digests: Iterable[Digest],
    own: Iterable[Action],
    pods: Iterable[Action],
    indicators: Indicators,
) -> tuple[Hit, ...]:
    """The hits of one container, image first.

    `digests`: all that are known of its image; `own`, `pods`: what it, and its pod, did while it was open.
    """
    hits: dict[str, Hit] = {}
    images = indicators.of_image(digests, _references(chain, found), found.repositories)
    for listed, shown in images:
        hits.setdefault(listed.name, Hit(listed, shown))
    acted = [(action, False) for action in own] + [(action, True) for action in pods]
    for action, is_pods in sorted(acted, key=lambda one: (one[0].time_ns, one[1], one[0].order)):
        for listed in indicators.of_action(action):
            hits.setdefault(listed.name, Hit(listed, describe(action), action, is_pods))
    return tuple(hits.values())[:_HITS_KEPT]


def digests_of(chain: Chain, found: Provenance, contents: ImageContents | None) -> Iterator[Digest]:
    """Every digest that anybody holds for the image: whoever lists one wants to hear of a claim, too."""
    image = found.image
    told = [image.index_digest, image.manifest_digest, image.config_digest, image.chain_id, *found.proven_digests]
    for claim in chain.claims:
        one = claim.image
        told += [one.repo_digest, one.manifest_digest, one.index_digest, one.config_digest, one.chain_id]
    told += [reference.digest for reference in _references(chain, found)]
    yield from (digest for digest in told if digest is not None)
    if contents is not None:
        yield from set(contents.executables.values())


def _references(chain: Chain, found: Provenance) -> Iterator[ImageReference]:
    texts = [claim.image.reference for claim in chain.claims]
    texts += [origin.pull.reference for origin in found.origins]
    texts += [found.spec.container.image] if found.spec is not None else []
    parsed = [found.reference, *map(reference_or_none, texts)]
    yield from (reference for reference in parsed if reference is not None)
