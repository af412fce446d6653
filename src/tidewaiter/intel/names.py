"""Turns dotted text into the host name it is, by the public suffix list and the names that stand outside it.

The list is the one that comes with the library: nothing is fetched. Names under the special suffixes (RFC 2606, 6761,
6762, 7686) and under roots of their own, which malware uses, are known here.
"""

import re
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

SPECIAL = frozenset(
    {"example", "test", "invalid", "localhost", "onion", "local", "internal", "lan", "corp", "home", "arpa"}
)
"""Last labels that no registry sells."""
INTERNAL = frozenset({"localhost", "local", "internal", "lan", "corp", "home", "arpa", "svc", "cluster"})
"""Last labels that mean a private network."""
_OTHER_ROOTS = frozenset({"bit", "bazar", "emc", "lib", "coin", "eth", "i2p", "loki"})
_MAX_NAME = 253


@lru_cache(maxsize=1)
def _list() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@lru_cache(maxsize=1)
def _registries() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def normal_name(text: str) -> str | None:
    """A host name in lower case, letters outside ASCII as punycode; None where it cannot be one."""
    name = text.rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if len(name) > _MAX_NAME or any(not 0 < len(label) <= 63 or label[-1] == "-" for label in name.split(".")):
        return None
    return name


@lru_cache(maxsize=65536)
def registrable(name: str) -> str | None:
    """What somebody registered of a host name: the public suffix and one label; None where it has no such part.

    A suffix of the list's private part (`github.io`) counts: each name under it belongs to somebody else.
    """
    labels = name.split(".")
    if labels[-1] in SPECIAL or labels[-1] in _OTHER_ROOTS:
        return ".".join(labels[-2:]) if len(labels) > 1 else None
    found = _list().privatesuffix(name)
    return str(found) if found else None


@lru_cache(maxsize=65536)
def company_name(name: str) -> str | None:
    """As `registrable`, by the public part of the list alone: whose registry entry it is (`github.io`)."""
    found = _registries().privatesuffix(name)
    return str(found) if found else registrable(name)


def is_tenant(name: str) -> bool:
    """Whether a name is a customer's on somebody's platform: `x.github.io`, `y.firebaseio.com`."""
    return registrable(name) != company_name(name)


def host_of(url: str) -> str:
    """The host of a URL in normal form, with or without a scheme; an IPv6 address without its brackets."""
    rest = re.sub(r"^[a-z0-9+]{2,12}://(?:[^/@]{1,80}@)?", "", url)
    return rest[1:].partition("]")[0] if rest.startswith("[") else re.split(r"[:/?#]", rest, maxsplit=1)[0]


def is_host_name(name: str) -> bool:
    """Whether a name in normal form can be a host on some network."""
    if "." not in name:
        return False
    owned = registrable(name)
    return "_" not in owned.partition(".")[0] if owned else name in _SUFFIXES_USED_AS_HOSTS


_SUFFIXES_USED_AS_HOSTS = frozenset(
    {"github.io", "blogspot.com", "duckdns.org", "ngrok.io", "pages.dev", "workers.dev"}
)
