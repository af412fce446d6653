"""Turns the graph of an image's names and digests into a drawing: boxes and arrows, in three rows.

Above what people wrote (origins, the reference), below it what the bytes are (index, manifest, config, chain ID), and
at the bottom the container that runs them.
"""

from typing import Any

from tidewaiter.review.relations import Node, Relations

WIDTH = 1040
_BOX, _GAP, _HIGH = 200, 80, 58
_WIDE = 400
_BETWEEN = 58
_ABOVE = 8
_CHARACTERS, _WIDE_CHARACTERS = 24, 50
_DIGESTS = ("index", "manifest", "config", "chain")
_PROOFS = {"proven": "proven", "by_name": "by name", "unknown": "unknown", "conflicting": "conflicting"}

Shown = dict[str, Any]


def draw_relations(relations: Relations) -> Shown:
    """Boxes with their texts, arrows with their labels, and how large it is."""
    origins = [node for node in relations.nodes if node.kind == "origin"]
    boxes: dict[str, Shown] = {}
    for place, node in enumerate(origins):
        boxes[node.id] = _box(node, 0, _ABOVE + place * (_HIGH + 12), _WIDE)
    names_end = _ABOVE + len(origins) * (_HIGH + 12) - 12
    bytes_top = names_end + _BETWEEN
    for node in relations.nodes:
        if node.kind == "reference":
            boxes[node.id] = _box(node, WIDTH - _WIDE, _ABOVE + (names_end - _ABOVE - _HIGH) / 2, _WIDE)
        elif node.kind in _DIGESTS:
            boxes[node.id] = _box(node, _DIGESTS.index(node.kind) * (_BOX + _GAP), bytes_top, _BOX)
        elif node.kind == "container":
            boxes[node.id] = _box(node, 2 * (_BOX + _GAP), bytes_top + _HIGH + _BETWEEN, _BOX)
    links = []
    for link in relations.links:
        source, target = boxes[link.source], boxes[link.target]
        links.append(
            {"proof": link.proof, **_arrow(source, target, f"{link.label}: {_PROOFS[link.proof]}", link.label)}
        )
    height = bytes_top + 2 * _HIGH + _BETWEEN + _ABOVE
    return {"width": WIDTH, "height": height, "boxes": list(boxes.values()), "links": links}


def _box(node: Node, x: float, y: float, width: float) -> Shown:
    text = node.text
    most = _CHARACTERS if width == _BOX else _WIDE_CHARACTERS
    if text is not None and node.kind in _DIGESTS:
        shown = f"{text[:19]}.." if len(text) > most else text
    elif text is not None and node.kind == "container" and len(text) == 64:
        shown = text[:12]
    else:
        shown = _cut(text, most) if text is not None else "not known"
    return {
        "x": x,
        "y": y,
        "width": width,
        "height": _HIGH,
        "kind": node.kind,
        "is_known": text is not None,
        "label": node.label,
        "text": shown,
        "whole": text or "not known",
        "note": _cut(node.note, most + 6),
    }


def _arrow(source: Shown, target: Shown, title: str, label: str) -> Shown:
    """From the nearer side of one box to that of the other; the label stands beside its middle."""
    if source["y"] == target["y"] or (source["kind"], target["kind"]) == ("origin", "reference"):
        x1, y1 = source["x"] + source["width"], source["y"] + _HIGH / 2
        x2, y2 = target["x"], target["y"] + _HIGH / 2
        place = {"lx": (x1 + x2) / 2, "ly": (y1 + y2) / 2 - 7, "align": "middle"}
    else:
        is_down = target["y"] > source["y"]
        x1 = source["x"] + source["width"] / 2
        x2 = target["x"] + target["width"] / 2
        y1 = source["y"] + (_HIGH if is_down else 0)
        y2 = target["y"] + (0 if is_down else _HIGH)
        place = {"lx": (x1 + x2) / 2 + 12, "ly": (y1 + y2) / 2 + 4, "align": "start"}
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "label": label, "title": title, **place}


def _cut(text: str, most: int) -> str:
    """The text cut in its middle: names differ at their ends."""
    if len(text) <= most:
        return text
    tail = (most - 2) // 2
    return f"{text[: most - 2 - tail]}..{text[-tail:]}"
