"""Turns a view into proven, disproven and open relations: all of them, each with both of its sides.

`prove_documents.py`, `prove_layers.py`, `prove_config.py` and `prove_v1_ids.py` hold the relations themselves.
"""

from collections.abc import Iterator, Sequence

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.image.limits import DESCRIPTORS
from tidewaiter.image.measure import Measurements, OnProgress
from tidewaiter.image.prove_config import prove_config
from tidewaiter.image.prove_documents import prove_documents
from tidewaiter.image.prove_layers import prove_layer
from tidewaiter.image.prove_v1_ids import prove_v1_ids
from tidewaiter.image.settings import told_platform
from tidewaiter.image.verification import ImageIdentity, Relation, Verification, verdict_of
from tidewaiter.image.view import Image, View


def validate(
    view: View, *, on_progress: OnProgress | None = None, measurements: Measurements | None = None
) -> Verification:
    """Prove what can be proven of a view, reading each layer's bytes once.

    `on_progress` takes the number of bytes read since it was last called; `measurements` are those of layers that
    somebody read before.
    """
    known = measurements if measurements is not None else Measurements(on_progress)
    # A dict keeps each relation once, and in order: two thousand images may share a thousand layers.
    relations = dict.fromkeys(prove_documents(view))
    identities: list[ImageIdentity] = []
    for image in view.images:
        proofs = [prove_layer(image, place, known) for place in range(len(image.layers))]
        measured = [proof.diff_id for proof in proofs]
        for found in (*(proof.relations for proof in proofs), prove_config(image, measured)):
            relations.update(dict.fromkeys(found))
        relations.update(dict.fromkeys(prove_v1_ids(image, measured)))
        identities.append(_identity(image, measured))
    known_things = {(relation.relation, relation.subject) for relation in relations}
    relations.update(dict.fromkeys(_faults(view, known_things)))
    told = tuple(relations)
    return Verification(verdict=verdict_of(told), form=view.form, images=tuple(identities), relations=told)


def _faults(view: View, told: set[tuple[str, str]]) -> Iterator[Relation]:
    """What reading showed, but for what is open and was said of the same thing already."""
    for fault in view.faults:
        if fault.holds == "no" or (fault.relation, fault.subject) not in told:
            yield Relation(relation=fault.relation, subject=fault.subject, holds=fault.holds, reason=fault.reason)
    if not view.images and not view.others:
        yield Relation(relation="structure", subject=view.name, holds="unknown", reason="it holds no image")


def _identity(image: Image, measured: Sequence[Digest | None]) -> ImageIdentity:
    told = image.diff_ids if image.config is not None else measured
    diff_ids = tuple(digest for digest in told if isinstance(digest, str) and digest_or_none(digest) is not None)
    is_whole = len(diff_ids) == len(told) <= DESCRIPTORS
    named = image.config_descriptor.digest if image.config_descriptor is not None else image.config_claim
    return ImageIdentity(
        index_digest=image.index.digest if image.index is not None else None,
        manifest_digest=image.manifest.digest if image.manifest is not None else None,
        config_digest=image.config.digest if image.config is not None else digest_or_none(named),
        chain_id=chain_id(diff_ids) if is_whole else None,
        diff_ids=diff_ids if is_whole else (),
        platform=told_platform(image),
        references=image.references,
    )
