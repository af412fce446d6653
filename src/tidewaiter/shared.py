"""Turns values that thousands of containers have in common into one object for all of them, bounded in size."""

from functools import lru_cache

import msgspec

from tidewaiter.cut import TEXT_KEPT
from tidewaiter.event import ImageClaim, User

_USER_TEXT_KEPT = 1024
_GROUPS_KEPT = 64


def shared_text(text: str) -> str:
    """The text: a reference, a node, a namespace. What is too long for any of them ends in dots."""
    return _text(text if len(text) <= TEXT_KEPT else f"{text[: TEXT_KEPT - 3]}...")


def shared_path(path: str) -> str:
    """The path of a file, of one that is too long the end, which has the file's name."""
    return _text(path[-TEXT_KEPT:])


@lru_cache(maxsize=16_384)
def _text(text: str) -> str:
    return text


@lru_cache(maxsize=16_384)
def shared_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """A command line, which was cut before, or the names of a node."""
    return texts


def shared_user(user: User) -> User:
    """Somebody who asked for many things."""
    told = (user.name, user.source_ip, user.user_agent)
    if sum(len(text) for text in (*told, *user.groups) if text is not None) > TEXT_KEPT:
        name, source_ip, user_agent = (None if text is None else text[:_USER_TEXT_KEPT] for text in told)
        groups = tuple(group[:_USER_TEXT_KEPT] for group in user.groups[:_GROUPS_KEPT])
        user = User(name=name, groups=groups, source_ip=source_ip, user_agent=user_agent)
    return _user(user)


@lru_cache(maxsize=4096)
def _user(user: User) -> User:
    return user


def bounded_image(image: ImageClaim) -> ImageClaim:
    """What was said of an image. A name that is too long for any image ends in dots, and so names none."""
    told = {"reference": image.reference, "repository": image.repository}
    long = {key: shared_text(text) for key, text in told.items() if text is not None and len(text) > TEXT_KEPT}
    return msgspec.structs.replace(image, **long) if long else image
