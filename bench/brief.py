"""Compares what four ways of reading articles find in the labelled ones: ours, iocextract, ioc-finder, iocsearcher.

Run it as `python bench/brief.py` with the extra `bench` installed. It prints the table of docs/brief.md: precision and
recall of what is to be reported, for each kind that others know, and articles for each second.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "intel"))

from labelled import Labelled, labelled

from tidewaiter.intel.briefing import REPORTED
from tidewaiter.intel.indicators import indicators_of

Values = set[tuple[str, str]]
KINDS = ("hash", "domain", "url", "ip", "email", "cve", "wallet", "registry_key")
_KIND = {
    **{hash_type: "hash" for hash_type in ("md5", "sha1", "sha256", "sha512")},
    **{"ipv4": "ip", "ipv6": "ip", "image_digest": "hash"},
}
_FINDER = {
    **{"md5s": "hash", "sha1s": "hash", "sha256s": "hash", "sha512s": "hash", "domains": "domain", "urls": "url"},
    **{"ipv4s": "ip", "ipv6s": "ip", "email_addresses": "email", "cves": "cve", "bitcoin_addresses": "wallet"},
    **{"monero_addresses": "wallet", "registry_key_paths": "registry_key"},
}
_SEARCHER = {
    **{"md5": "hash", "sha1": "hash", "sha256": "hash", "sha512": "hash", "fqdn": "domain", "url": "url", "ip4": "ip"},
    **{"ip6": "ip", "email": "email", "cve": "cve", "bitcoin": "wallet", "ethereum": "wallet", "monero": "wallet"},
    **{"registry": "registry_key"},
}


def ours(each: Labelled) -> Values:
    """What a briefing reports."""
    return {
        (_KIND.get(found.type, found.type), found.value.removeprefix("sha256:"))
        for found in indicators_of(each.article)[0]
    }


def by_iocextract(each: Labelled) -> Values:
    """Everything iocextract finds, refanged."""
    import iocextract  # type: ignore[import-not-found,import-untyped,unused-ignore]

    text = each.article.text
    return {
        *(("hash", found.lower()) for found in iocextract.extract_hashes(text)),
        *(("url", found) for found in iocextract.extract_urls(text, refang=True)),
        *(("ip", found) for found in iocextract.extract_ips(text, refang=True)),
        *(("email", found.lower()) for found in iocextract.extract_emails(text, refang=True)),
    }


def by_ioc_finder() -> Callable[[Labelled], Values]:
    """Everything ioc-finder finds."""
    import ioc_finder  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return lambda each: {
        (_FINDER[kind], value if kind in ("urls", "registry_key_paths") else value.lower())
        for kind, found in ioc_finder.find_iocs(each.article.text).items()
        if kind in _FINDER
        for value in found
    }


def by_iocsearcher() -> Callable[[Labelled], Values]:
    """Everything iocsearcher finds."""
    from iocsearcher.searcher import Searcher  # type: ignore[import-not-found,import-untyped,unused-ignore]

    searcher = Searcher()
    return lambda each: {
        (
            _SEARCHER[found.name],
            found.value if found.name in ("url", "bitcoin", "monero", "registry") else found.value.lower(),
        )
        for found in searcher.search_data(each.article.text)
        if found.name in _SEARCHER
    }


def gold(each: Labelled) -> Values:
    """What is to be reported."""
    return {
        (_KIND.get(kind, kind), value.removeprefix("sha256:"))
        for (kind, value), disposition in each.gold.items()
        if disposition in REPORTED
    }


def neither(each: Labelled) -> Values:
    """What counts neither way."""
    return {(_KIND.get(kind, kind), value.removeprefix("sha256:")) for kind, value in each.either}


def folded(values: Values, kind: str) -> Values:
    """The values of one kind, or of all kinds of the table; URLs without the slash at their end."""
    asked = {(name, value) for name, value in values if name == kind or (kind == "all" and name in KINDS)}
    return {(name, value.upper() if name == "cve" else value.rstrip("/")) for name, value in asked}


def main() -> None:
    """Print the table."""
    articles = labelled()
    ways = {
        "tidewaiter": ours,
        "iocextract": by_iocextract,
        "ioc-finder": by_ioc_finder(),
        "iocsearcher": by_iocsearcher(),
    }
    found: dict[str, list[Values]] = {}
    speed = {}
    for name, way in ways.items():
        way(articles[0])
        begun = time.process_time()
        found[name] = [way(each) for each in articles]
        speed[name] = len(articles) / (time.process_time() - begun)
    print("| kind (gold) | " + " | ".join(f"{name} P / R" for name in ways) + " |")
    print("|---|" + "---|" * len(ways))
    for kind in (*KINDS, "all"):
        wanted = [folded(gold(each), kind) for each in articles]
        cells = []
        for name in ways:
            got = [
                folded(values, kind) - folded(neither(each), kind)
                for each, values in zip(articles, found[name], strict=True)
            ]
            right = sum(len(have & want) for have, want in zip(got, wanted, strict=True))
            taken, total = sum(map(len, got)), sum(map(len, wanted))
            cells.append(f"{right / taken:.2f} / {right / total:.2f}" if taken else "none")
        print(f"| {kind} ({sum(map(len, wanted))}) | " + " | ".join(cells) + " |")
    print("| articles/s | " + " | ".join(f"{speed[name]:.0f}" for name in ways) + " |")


if __name__ == "__main__":
    main()
