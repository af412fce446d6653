"""Turns what was proven of a view into image_facts records, which `hunt --facts` and the engine take.

A record says only what a relation proved: an image about which anything was disproven gives none.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.files import FileTable
from tidewaiter.image.holdings import holdings
from tidewaiter.image.measure import Measurements
from tidewaiter.image.settings import healthcheck, run_settings, words
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import ImageIdentity, Relation, Verification
from tidewaiter.image.view import Form, Image, View

Proof = Literal["archive", "registry", "daemon"]
_PROOFS: dict[Form, Proof] = {"registry": "registry", "docker": "daemon", "containerd": "daemon"}


class ImageFactsRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="image_facts"):
    """Digests of one image that were proven to belong together, and what its config declares."""

    schema: Literal[1] = 1
    index_digest: Digest | None = None
    manifest_digest: Digest | None = None
    config_digest: Digest | None = None
    chain_id: Digest | None = None
    diff_ids: tuple[Digest, ...] = ()
    """Empty where a layer could not be measured, and so is `chain_id` null."""
    platform: str | None = None
    entrypoint: tuple[str, ...] | None = None
    """None: not known. Empty: the config has none. The same for `cmd` and `healthcheck`."""
    cmd: tuple[str, ...] | None = None
    healthcheck: tuple[str, ...] | None = None
    references: tuple[str, ...] = ()
    """Names that stand beside the image. They are told, not proven: nothing in an image proves its name."""
    executables: dict[str, Digest] | None = None
    """Absolute path of what can run -> diff_id of the layer that wrote it; None where not all layers were read."""
    links: dict[str, str] = {}
    """Absolute path of a symbolic link on the way to such -> its target, as written."""
    tools: tuple[str, ...] = ()
    """Paths of shells, package managers, download tools, interpreters and compilers."""
    proof: Proof


def examine(view: View, measurements: Measurements) -> tuple[Verification, list[ImageFactsRecord]]:
    """Prove a view and take its facts, each layer of an image read once for both."""
    tables: list[FileTable] = []
    for image in view.images:
        tables.append(FileTable())
        for index, layer in enumerate(image.layers):
            measurements.of(layer, partial(tables[-1].add, index))
    verification = validate(view, measurements=measurements)
    return verification, facts_of(view, verification, tables)


def facts_of(view: View, verification: Verification, tables: Sequence[FileTable | None] = ()) -> list[ImageFactsRecord]:
    """One record for each image of the view of which something is proven; `verification` is that of this view.

    `tables` are the file trees of its images, in their order, where they were read.
    """
    everyones = set().union(*(_subjects(image) for image in view.images))
    proof = _PROOFS.get(view.form, "archive")
    records: list[ImageFactsRecord] = []
    known = tables or [None] * len(view.images)
    for image, identity, table in zip(view.images, verification.images, known, strict=True):
        own = _subjects(image)
        relations = [
            relation
            for relation in verification.relations
            # What is wrong with no image in particular is held against each.
            if relation.subject in own or relation.subject not in everyones
        ]
        if any(relation.holds == "no" for relation in relations):
            continue
        record = _record(image, identity, relations, proof, table)
        if record is not None and record not in records:
            records.append(record)
    return records


def _record(
    image: Image, identity: ImageIdentity, relations: list[Relation], proof: Proof, table: FileTable | None
) -> ImageFactsRecord | None:
    proven = {(relation.relation, relation.found) for relation in relations if relation.holds == "yes"}
    doubted = {relation.subject for relation in relations if relation.relation == "document"}

    def if_proven(relation: str, digest: Digest | None) -> Digest | None:
        return digest if (relation, digest) in proven and digest not in doubted else None

    config_digest = if_proven("config_digest", identity.config_digest)
    config = image.config.members if image.config is not None and config_digest is not None else None
    chain = if_proven("chain_id", identity.chain_id)
    if config_digest is None and chain is None:
        return None
    run = run_settings(config) if config is not None else {}
    held = holdings(table, identity.diff_ids) if table is not None and chain is not None else None
    return ImageFactsRecord(
        index_digest=if_proven("index_digest", identity.index_digest),
        manifest_digest=if_proven("manifest_digest", identity.manifest_digest),
        config_digest=config_digest,
        chain_id=chain,
        diff_ids=identity.diff_ids if chain is not None else (),
        platform=identity.platform if config is not None else None,
        entrypoint=words(run.get("Entrypoint")) if config is not None else None,
        cmd=words(run.get("Cmd")) if config is not None else None,
        healthcheck=healthcheck(config) if config is not None else None,
        references=identity.references,
        executables=held.executables if held is not None else None,
        links=held.links if held is not None else {},
        tools=held.tools if held is not None else (),
        proof=proof,
    )


def _subjects(image: Image) -> set[str]:
    found = {image.config_claim} if image.config_claim is not None else set()
    for document in (image.index, image.manifest, image.config):
        if document is not None:
            found.add(document.digest)
    for descriptor in (
        image.manifest_descriptor,
        image.config_descriptor,
        *(layer.descriptor for layer in image.layers),
    ):
        if descriptor is not None:
            found.add(descriptor.digest)
    found |= {layer.path for layer in image.layers if layer.path is not None}
    return found | {layer.v1.id for layer in image.layers if layer.v1 is not None}
