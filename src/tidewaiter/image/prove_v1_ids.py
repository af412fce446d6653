"""Turns the v1 ids that folders of an archive claim into relations, each recomputed from the layers and the config."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from tidewaiter.digest import Digest
from tidewaiter.image.settings import told_config
from tidewaiter.image.v1_ids import v1_ids
from tidewaiter.image.verification import Relation
from tidewaiter.image.view import Image


def prove_v1_ids(image: Image, measured: Sequence[Digest | None]) -> Iterator[Relation]:
    """One relation for each layer that has a v1 id; one that does not recompute is open, since ids were random once."""
    if all(layer.v1 is None for layer in image.layers):
        return
    known = [digest for digest in takewhile(lambda digest: digest is not None, measured) if digest is not None]
    made = v1_ids(known, told_config(image) if len(known) == len(measured) else None)
    for place, layer in enumerate(image.layers):
        if layer.v1 is None:
            continue
        claimed = layer.v1.id
        possible = sorted(made[place]) if place < len(made) else []
        if claimed in possible:
            found: str | None = claimed
            reason = "expected by the folder's name, found over the chain ID, the id below and the config"
        else:
            found = possible[0] if len(possible) == 1 else None
            reason = (
                "it does not recompute; before Docker 1.10 ids were random"
                if possible
                else "a layer at or below it could not be measured"
            )
        yield Relation(
            relation="v1_id",
            subject=claimed,
            holds="yes" if claimed in possible else "unknown",
            expected=claimed,
            found=found,
            reason=reason,
        )
