"""Turns a text of words into the set of them, so that long lists can be read."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
