"""Turns an alert into the graph of its image's names and digests: what is known, and how surely each leads to the next.

What is not known has its place in the graph all the same, so that the gap can be seen. Whether a name led to these
bytes is `digest_consistency`; relations between digests stand in an alert only where they were verified.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from tidewaiter.alert import Alert, Consistency

Kind = Literal["origin", "reference", "index", "manifest", "config", "chain", "container"]
Proof = Literal["proven", "by_name", "unknown", "conflicting"]
MOST_ORIGINS = 4
_WORDS: dict[Consistency, str] = {
    "proven": "a pull and the container have this content",
    "by_name": "pull and container share a name that did not move, or the same layers; not proven by digest",
    "unknown": "no observed pull can be linked to this container",
    "conflicting": "verified facts contradict each other",
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A name or a digest; `text` is None where it is not known."""

    id: str
    kind: Kind
    label: str
    text: str | None
    note: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How one leads to the other."""

    source: str
    target: str
    proof: Proof
    label: str


class Relations(msgspec.Struct, frozen=True, kw_only=True):
    """The graph, and what it comes to."""

    consistency: Consistency
    words: str
    trust: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    origins_omitted: int


def relations_of(alert: Alert) -> Relations:
    """The names and digests of an alert's image."""
    image, trust = alert.image, alert.trust
    decided = f"{trust.state} by rule {trust.rule}"
    origins: tuple[str | None, ...] = trust.origins[:MOST_ORIGINS] or (None,)
    nodes = [
        Node(id=f"origin{place}", kind="origin", label="origin", text=origin, note=decided)
        for place, origin in enumerate(origins)
    ]
    nodes += [
        Node(id="reference", kind="reference", label="reference", text=image.reference, note="as typed; tags can move"),
        Node(id="index", kind="index", label="index digest", text=image.index_digest, note="all platforms"),
        Node(id="manifest", kind="manifest", label="manifest digest", text=image.manifest_digest, note="one platform"),
        Node(id="config", kind="config", label="config digest", text=image.config_digest, note="this is the image"),
        Node(id="chain", kind="chain", label="chain ID", text=image.chain_id, note="identifies layers only"),
        Node(
            id="container",
            kind="container",
            label="container",
            text=alert.container_id or alert.container_name or alert.pod,
            note=f"on {alert.node}",
        ),
    ]
    known = {node.id for node in nodes if node.text is not None}
    return Relations(
        consistency=alert.digest_consistency,
        words=_WORDS[alert.digest_consistency],
        trust=decided,
        nodes=tuple(nodes),
        links=tuple(_links(alert, [node.id for node in nodes if node.kind == "origin"], known)),
        origins_omitted=max(len(trust.origins) - MOST_ORIGINS, 0),
    )


def _links(alert: Alert, origins: list[str], known: set[str]) -> Iterator[Link]:
    consistency = alert.digest_consistency
    is_pulled = any(evidence.stage == "pull" for evidence in alert.evidence)
    for origin in origins:
        proof: Proof = consistency if is_pulled else "by_name" if origin in known else "unknown"
        label = "pulled as" if is_pulled else "named, no pull seen"
        yield Link(source=origin, target="reference", proof=_if_known(proof, origin, "reference", known), label=label)
    # A name leads to the first digest that is known behind it: an index, or an image of one platform.
    first = next((name for name in ("index", "manifest", "config") if name in known), "config")
    named: Proof = "conflicting" if consistency == "conflicting" else "proven" if consistency == "proven" else "by_name"
    yield Link(source="reference", target=first, proof=_if_known(named, "reference", first, known), label="pointed to")
    for source, target, label in (
        ("index", "manifest", "contains"),
        ("manifest", "config", "names"),
        ("config", "chain", "has layers"),
    ):
        yield Link(source=source, target=target, proof=_if_known("proven", source, target, known), label=label)
    runs: Proof = "conflicting" if consistency == "conflicting" else "proven"
    yield Link(source="container", target="config", proof=_if_known(runs, "container", "config", known), label="runs")


def _if_known(proof: Proof, source: str, target: str, known: set[str]) -> Proof:
    return proof if {source, target} <= known else "unknown"
