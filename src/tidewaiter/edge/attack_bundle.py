"""Turns a bundle of ATT&CK (a file or a URL, STIX 2.0 or 2.1, plain or packed) into its objects, each with its hash.

An object's `raw_sha256` is the SHA-256 of its canonical JSON (RFC 8785), so that it does not depend on blanks or on the
order of keys: `tidewaiter attack show ID --raw` prints those very bytes.
"""

import codecs
import gzip
import hashlib
import io
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import rfc8785

from tidewaiter.attack import attack_id, tactic_of
from tidewaiter.policy_yaml import printable

MAX_BYTES = 512 * 1024 * 1024
"""Of a bundle, unpacked. The whole of enterprise ATT&CK is 35 MB."""
_LZMA_MEMORY = 192 * 1024 * 1024
_MAX_STREAMS = 100
_TIMEOUT_S = 60.0
_RELEASE = re.compile(r"(?<![0-9.])(\d{1,3}\.\d{1,3})(?![0-9])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z")
_DOMAINS = ("enterprise", "mobile", "ics")
_ID = re.compile(r"[a-z0-9-]{1,250}--[0-9a-f-]{36}\Z")
_TYPE = re.compile(r"[a-z0-9-]{1,250}\Z")
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class BundleError(Exception):
    """A bundle that cannot be imported: one sentence."""


class StixObject(msgspec.Struct, frozen=True):
    """One object of a bundle."""

    stix: dict[str, Any]
    canonical: bytes
    """Its JSON after RFC 8785."""
    raw_sha256: str


class Bundle(msgspec.Struct, frozen=True):
    """One bundle, read and checked, its objects not yet decoded."""

    source: str
    sha256: str
    """Of the JSON, unpacked."""
    domain: str
    release: str
    raw: tuple[msgspec.Raw, ...]
    tactics: dict[tuple[str, str], str] = {}
    """(kill chain, short name) -> STIX id, by which techniques name their tactics."""

    def objects(self) -> Iterator[StixObject]:
        """All objects, each once; of several versions of one id the latest. Raises `BundleError`."""
        return _objects(self.raw, self.source)


class _Envelope(msgspec.Struct):
    type: str
    objects: list[msgspec.Raw]


class _Head(msgspec.Struct):
    """As much of an object as tells which release it is of."""

    type: str = ""
    id: str = ""
    x_mitre_version: Any = None
    name: Any = None
    x_mitre_domains: Any = None
    x_mitre_shortname: Any = None
    external_references: Any = None


def read_bundle(source: str, *, release: str | None = None, sha256: str | None = None) -> Bundle:
    """Read one bundle, from a file or a URL.

    `release` is what to call it where it does not say so itself; `sha256` what it must hash to, packed or unpacked.
    Raises `BundleError`.
    """
    shown = printable(source)
    packed = _fetched(source) if re.match(r"(?i)https?://", source) else _read_file(source)
    text = _unpacked(packed, shown)
    digest = hashlib.sha256(text).hexdigest()
    if sha256 is not None and sha256.lower() not in (digest, hashlib.sha256(packed).hexdigest()):
        raise BundleError(f"{shown}: its SHA-256 is {digest}, not the {printable(sha256)} that was asked for")
    try:
        envelope = msgspec.json.decode(text.removeprefix(codecs.BOM_UTF8), type=_Envelope)
    except _BROKEN as error:
        raise BundleError(f"{shown}: not a STIX bundle: {_reason(error)}") from None
    if envelope.type != "bundle":
        raise BundleError(f"{shown}: not a STIX bundle: its type is {printable(envelope.type)}, not bundle")
    claimed, domain, tactics = _heads(envelope.objects, shown)
    if len(claimed) > 1:
        raise BundleError(f"{shown}: says of itself that it is several releases: {', '.join(map(printable, claimed))}")
    told = claimed[0] if claimed else None
    name = told or release or _release_in_name(source)
    if name is None:
        raise BundleError(f"{shown}: neither the bundle nor its name says which release it is; say it with --release")
    if told is not None and release is not None and told != release:
        raise BundleError(f"{shown}: is release {printable(told)} by its own word, not {printable(release)}")
    if _NAME.match(name) is None:
        raise BundleError(f"{shown}: {printable(name)} is no name for a release; use letters, digits, '.', '-' and '_'")
    return Bundle(source, digest, domain, name, tuple(envelope.objects), tactics)


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise BundleError(f"{printable(path)}: is a folder; name the bundle's file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BundleError(f"{printable(path)}: cannot be read: {printable(reason)}") from None
    if len(text) > MAX_BYTES:
        raise BundleError(f"{printable(path)}: larger than {MAX_BYTES >> 20} MiB; that is no bundle of ATT&CK")
    return text


def _fetched(url: str) -> bytes:
    shown, body = printable(url), io.BytesIO()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT_S) as answer:
            if answer.status_code != 200:
                raise BundleError(f"{shown}: the server answered {answer.status_code}, not 200")
            for chunk in answer.iter_bytes():
                body.write(chunk)
                if body.tell() > MAX_BYTES:
                    raise BundleError(f"{shown}: larger than {MAX_BYTES >> 20} MiB; that is no bundle of ATT&CK")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BundleError(f"{shown}: cannot be fetched: {printable(str(error)) or type(error).__name__}") from None
    return body.getvalue()


def _unpacked(packed: bytes, shown: str) -> bytes:
    """The JSON, out of .xz or .gz, told by their first bytes."""
    try:
        if packed.startswith(b"\xfd7zXZ\x00"):
            text, streams = b"", 0
            # Packed files one after the other are one file, for xz as for gzip.
            while packed and len(text) <= MAX_BYTES:
                streams += 1
                if streams > _MAX_STREAMS:
                    raise EOFError(f"it is more than {_MAX_STREAMS} packed files in one")
                decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)
                text += decompressor.decompress(packed, MAX_BYTES + 1 - len(text))
                if len(text) <= MAX_BYTES and not decompressor.eof:
                    raise EOFError("it ends in the middle")
                packed = decompressor.unused_data.lstrip(b"\0")
        elif packed.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as opened:
                text = opened.read(MAX_BYTES + 1)
        else:
            return packed
    except (lzma.LZMAError, EOFError, OSError, zlib.error) as error:
        raise BundleError(f"{shown}: cannot be unpacked: {printable(str(error))}") from None
    if len(text) > MAX_BYTES:
        raise BundleError(f"{shown}: unpacks to more than {MAX_BYTES >> 20} MiB; that is no bundle of ATT&CK")
    return text


def _heads(raw: list[msgspec.Raw], shown: str) -> tuple[list[str], str, dict[tuple[str, str], str]]:
    """(the releases as the bundle's collections tell them, the domain that most objects are of, the tactics)."""
    releases: set[str] = set()
    tactics: dict[tuple[str, str], str] = {}
    domains: Counter[str] = Counter()
    is_attack = False
    for one in raw:
        try:
            head = msgspec.json.decode(one, type=_Head)
        except _BROKEN:
            continue  # said with its place when it is read
        if head.type == "x-mitre-collection" and isinstance(head.x_mitre_version, str):
            releases.add(head.x_mitre_version)
        tactic = tactic_of(msgspec.structs.asdict(head))
        if tactic is not None:
            tactics[tactic] = head.id
        if head.type != "relationship" and not is_attack:
            is_attack = attack_id({"external_references": head.external_references}) is not None
        told = head.x_mitre_domains if isinstance(head.x_mitre_domains, list) else []
        domains.update(name.removesuffix("-attack") for name in told if isinstance(name, str))
    if not is_attack:
        raise BundleError(f"{shown}: a STIX bundle, but not of ATT&CK: no object in it has an ATT&CK id")
    known = [(count, name) for name, count in domains.items() if name in _DOMAINS]
    return sorted(filter(None, releases)), max(known)[1] if known else _DOMAINS[0], tactics


def _release_in_name(source: str) -> str | None:
    place = urlsplit(source).path if "://" in source else source
    found = _RELEASE.findall(PurePosixPath(place).name)
    return found[0] if found else None


def _objects(raw: tuple[msgspec.Raw, ...], source: str) -> Iterator[StixObject]:
    latest: dict[str, tuple[str, int]] = {}
    for place, one in enumerate(raw):
        try:
            head = msgspec.json.decode(one, type=dict[str, Any])
            stix_id, modified = head["id"], head.get("modified") or head.get("created") or ""
            is_whole = bool(_ID.match(stix_id) and _TYPE.match(head["type"])) and isinstance(modified, str)
        except _BROKEN as error:
            raise BundleError(f"{printable(source)}: objects[{place}] cannot be read: {_reason(error)}") from None
        except (KeyError, TypeError):
            is_whole = False
        if not is_whole:
            raise BundleError(
                f"{printable(source)}: objects[{place}] is no STIX object; it needs "
                "a type, an id and a text for `modified`"
            )
        if stix_id not in latest or modified >= latest[stix_id][0]:
            latest[stix_id] = (modified, place)
    wanted = {place for _, place in latest.values()}
    for place, one in enumerate(raw):
        if place not in wanted:
            continue
        stix = msgspec.json.decode(one, type=dict[str, Any])
        try:
            canonical = rfc8785.dumps(stix)
        except (rfc8785.CanonicalizationError, RecursionError) as error:
            reason = printable(str(error))
            raise BundleError(f"{printable(source)}: objects[{place}] has no canonical form: {reason}") from None
        yield StixObject(stix, canonical, hashlib.sha256(canonical).hexdigest())


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return "it is nested too deeply" if isinstance(error, RecursionError) else printable(str(error))
