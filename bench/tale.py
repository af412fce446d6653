"""Collects the records of one planted story, each with the moment it arrives, and what a correct answer says of it."""

import random

import msgspec

from bench.programs import Profile
from bench.shapes.collector import collected
from bench.world import Container, Fleet, Image, Kind, Node, make_container, make_image

_COLLECTED = {"docker": "exec", "containerd": "exec", "cri": "exec", "journal": "journald"}
"""Producers whose records name no node, and how a collector reads them."""


class Told(msgspec.Struct, frozen=True):
    """One record of a story, ready to be written."""

    arrival_ns: int
    producer: str
    record: bytes
    stage: str


class Tale:
    """One story: a container, its records, and the verdict that a correct hunt gives it.

    Each story has its own random numbers, so that it is told the same way however often and in whatever order.
    """

    def __init__(self, seed: str, fleet: Fleet, begin_ns: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - reproducible noise, not a secret
        self.fleet = fleet
        self.begin_ns = begin_ns
        self.verdict: str | None = None
        self.container: Container | None = None
        self.told: list[Told] = []

    def node(self, kind: Kind, *, has_tetragon: bool | None = None) -> Node:
        """One of the fleet's nodes of this kind."""
        fit = [
            node
            for node in self.fleet.nodes
            if node.kind == kind and (has_tetragon is None or node.has_tetragon == has_tetragon)
        ]
        return fit[int(self.rng.random() * len(fit))]

    def run(self, node: Node, image: Image, *, created_ns: int, namespace: str = "", kind: str = "Job") -> Container:
        """A container of this story; the first one is what the verdict speaks of."""
        inside = namespace if node.kind == "kubernetes" else None
        container = make_container(self.rng, node, image, namespace=inside, created_ns=created_ns, kind=kind)
        if self.container is None:
            self.container = container
        return container

    def image(self, reference: str, profile: Profile) -> Image:
        """An image by the name somebody types; short names are Docker Hub's."""
        first = reference.split("/", 1)[0]
        hosted = "/" in reference and ("." in first or ":" in first)
        full = reference if hosted else f"docker.io/{reference if '/' in reference else f'library/{reference}'}"
        repository, tag = full.rsplit(":", 1)
        return make_image(reference, repository, tag, profile)

    def tell(
        self, producer: str, node: Node, time_ns: int, record: bytes, stage: str = "", *, delay_ns: int | None = None
    ) -> None:
        """The record of an event at `time_ns`; it arrives with the producer's steady delay, or the one given."""
        arrival_ns = time_ns + (node.delays[producer] if delay_ns is None else delay_ns)
        source_type = _COLLECTED.get(producer)
        if source_type is not None:
            record = collected(node, record, arrival_ns, source_type)
        self.told.append(Told(arrival_ns, producer, record, stage))
