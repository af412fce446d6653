"""Turns the bytes of a tar file, as they come, into its members, without keeping what the members hold.

Reads what container runtimes read (Go's archive/tar): V7, ustar, PAX, GNU and star headers, GNU long names, sparse
files. Global PAX headers say nothing about members, as there. `tarfile` is not used: it takes extended headers of any
length into memory, takes a broken header for the end, and needs three times as long for a member.
"""

import re
import struct
from collections.abc import Callable

import msgspec

from tidewaiter.image.inflate import BoundError, BrokenDataError
from tidewaiter.image.limits import TAR_HEADER_BYTES, TAR_MEMBERS, TAR_RECORDS

BLOCK_BYTES = 512
_ZEROS = bytes(BLOCK_BYTES)
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s")
_SIGNED = struct.Struct("148b8x356b")
_END_BLOCKS = 2
_MAX_SIZE = 2**63 - 1
_DECIMAL = re.compile(r"\d{1,19}\Z", re.ASCII)
_TIME = re.compile(r"(-?\d{1,15})(?:\.\d*)?\Z", re.ASCII)
# Links, devices, directories and FIFOs have no contents, whatever size they tell.
_EMPTY_TYPES = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
_EXTENDED_TYPES = frozenset({b"x", b"X", b"L", b"K"})
_WANTED = frozenset(
    {"path", "linkpath", "size", "uid", "gid", "mtime", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size"}
)


class Member(msgspec.Struct, gc=False):
    """One member of a tar file as its headers tell it; bytes that are no UTF-8 are surrogates in names."""

    name: str
    type: bytes
    mode: int
    uid: int
    gid: int
    size_bytes: int
    """Of the file; a sparse one takes fewer in the tar file."""
    mtime_s: int
    link: str
    is_sparse: bool = False
    needless_size: bool = False
    """It has no contents, yet tells a size, which readers treat differently."""


class TarStream:
    """Takes a tar file in pieces of any size and tells each member when its headers are complete."""

    def __init__(self, on_member: Callable[[Member], None]) -> None:
        self._on_member = on_member
        self._rest = bytearray()
        self._need = BLOCK_BYTES
        """How many bytes of `_rest` are needed before reading can go on."""
        self._skip = 0
        self._pax: dict[str, str] = {}
        self._long_name: str | None = None
        self._long_link: str | None = None
        self._sparse: Member | None = None
        self._stored_bytes = 0
        self._padding = 0
        """How many bytes of the last member only fill its last block."""
        self._last_name = ""
        self._zero_blocks = 0
        self.members = 0
        self.hidden_bytes = 0
        """How many bytes that are not zero lie behind the end, where no runtime looks."""

    def feed(self, data: bytes) -> None:
        """Read on. Raises `BrokenDataError` and `BoundError`, after which nothing more can be read."""
        if self._zero_blocks == _END_BLOCKS:
            self.hidden_bytes += len(data) - data.count(0)
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end = self._skip, len(data)
        while at + BLOCK_BYTES <= end:
            after = self._block(data, at)
            if self._zero_blocks == _END_BLOCKS:
                self.hidden_bytes += end - after - data.count(0, after)
                self._skip = 0
                return
            if after < 0:
                self._need = -after
                break
            at = after
        else:
            self._need = BLOCK_BYTES
        self._skip = max(0, at - end)
        self._rest += data[at:]

    @property
    def is_at_end(self) -> bool:
        """Whether both blocks of zeros came that end a tar file."""
        return self._zero_blocks == _END_BLOCKS

    def pass_over(self) -> int:
        """How many bytes of contents come next, for who seeks behind them instead of feeding them."""
        skip, self._skip = self._skip, 0
        return skip

    def finish(self) -> None:
        """Say that no more comes. Raises `BrokenDataError` where something had to.

        The last block may lack its filling: `umoci insert` writes such layers, and runtimes take them.
        """
        if self._skip > self._padding or self._rest or self._sparse or self._pax or self._long_name or self._long_link:
            raise BrokenDataError(f"the tar file is cut short {self._where()}")

    def _where(self) -> str:
        return f"in or behind {self._last_name[:200]!r}" if self.members else "before its first member is complete"

    def _block(self, data: bytes, at: int) -> int:
        """Read the header at `at`; where to go on, or minus the bytes that are needed first."""
        if self._sparse is not None:
            return self._sparse_map(self._sparse, data, at)
        header = data[at : at + BLOCK_BYTES]
        if header == _ZEROS:
            self._zero_blocks += 1
            return at + BLOCK_BYTES
        if self._zero_blocks:
            raise BrokenDataError("the tar file goes on after a single block of zeros, where some readers stop")
        fields = _HEADER.unpack_from(header)
        name, mode, uid, gid, size, mtime, told, kind, link, magic = fields
        if sum(header) - sum(told) + 256 != (check := _number(told)) and _signed_sum(header) != check:
            raise BrokenDataError(f"the checksum of a tar header is wrong {self._where()}")
        stored = _number(size)
        if not 0 <= stored <= _MAX_SIZE:
            raise BrokenDataError(f"a member of the tar file has a size of {stored} bytes: {_text(name)!r}")
        body = at + BLOCK_BYTES
        if kind in _EXTENDED_TYPES:
            if stored > TAR_HEADER_BYTES:
                raise BoundError(f"an extended header is longer than {TAR_HEADER_BYTES} bytes: {stored}")
            padded = -(-stored // BLOCK_BYTES) * BLOCK_BYTES
            if body + padded > len(data):
                return -(BLOCK_BYTES + padded)
            self._extended(kind, data[body : body + stored])
            return body + padded
        if kind == b"g":
            self._padding = 0
            return body + -(-stored // BLOCK_BYTES) * BLOCK_BYTES
        member = Member(
            _prefixed(header, magic, name),
            kind,
            _number(mode) & 0o7777,
            _number(uid),
            _number(gid),
            stored,
            _number(mtime),
            _text(link),
        )
        if self._pax or self._long_name is not None or self._long_link is not None:
            self._override(member)
        self._last_name = member.name
        stored = member.size_bytes
        if kind in _EMPTY_TYPES:
            member.needless_size = stored > 0
            stored = member.size_bytes = 0
        if kind == b"S":
            member.is_sparse, member.size_bytes = True, _real_size(header[483:495])
            self._stored_bytes = stored
            if header[482]:
                self._sparse = member
                return body
        elif "GNU.sparse.realsize" in self._pax or "GNU.sparse.size" in self._pax:
            member.is_sparse = True
            member.size_bytes = _decimal(
                self._pax.get("GNU.sparse.realsize") or self._pax.get("GNU.sparse.size", ""), "sparse size"
            )
        self._tell(member)
        self._padding = -stored % BLOCK_BYTES
        return body + stored + self._padding

    def _sparse_map(self, member: Member, data: bytes, at: int) -> int:
        """A further block of an old GNU sparse file's map."""
        if data[at + 504]:
            return at + BLOCK_BYTES
        self._sparse = None
        self._tell(member)
        self._padding = -self._stored_bytes % BLOCK_BYTES
        return at + BLOCK_BYTES + self._stored_bytes + self._padding

    def _tell(self, member: Member) -> None:
        if self._pax:
            self._pax = {}
        self._long_name = self._long_link = None
        self.members += 1
        if self.members > TAR_MEMBERS:
            raise BoundError(f"the tar file has more than {TAR_MEMBERS} members")
        self._on_member(member)

    def _extended(self, kind: bytes, body: bytes) -> None:
        if kind == b"L":
            self._long_name = _text(body)
        elif kind == b"K":
            self._long_link = _text(body)
        else:
            self._pax = _pax_records(body)

    def _override(self, member: Member) -> None:
        pax = self._pax
        for number in ("uid", "gid"):
            if pax.get(number):
                setattr(member, number, _decimal(pax[number], number))
        if pax.get("size"):
            member.size_bytes = _decimal(pax["size"], "size")
        if pax.get("mtime"):
            match = _TIME.match(pax["mtime"])
            if match is None:
                raise BrokenDataError(f"an extended header tells the time {pax['mtime'][:40]!r}")
            member.mtime_s = int(match[1])
        member.name = pax.get("GNU.sparse.name") or self._long_name or pax.get("path") or member.name
        member.link = self._long_link or pax.get("linkpath") or member.link


def _text(field: bytes) -> str:
    """A name, up to its first zero byte."""
    end = field.find(0)
    return (field if end < 0 else field[:end]).decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """A number, octal text or base 256 (GNU, star)."""
    if field[0] & 0x80:
        number = int.from_bytes(field, "big")
        return number - (1 << 8 * len(field)) if field[0] & 0x40 else number - (0x80 << 8 * (len(field) - 1))
    text = field.strip(b" \0")
    if not text:
        return 0
    if text.isdigit():
        try:
            return int(text, 8)
        except ValueError:
            pass
    elif b"\0" in text:
        return _number(text[: text.index(0)])
    shown = field.decode("ascii", "backslashreplace")
    raise BrokenDataError(f'a tar header has "{shown}" for a number')


def _real_size(field: bytes) -> int:
    size = _number(field)
    if not 0 <= size <= _MAX_SIZE:
        raise BrokenDataError(f"a sparse file has a size of {size} bytes")
    return size


def _decimal(text: str, what: str) -> int:
    if not _DECIMAL.match(text) or int(text) > _MAX_SIZE:
        raise BrokenDataError(f"an extended header tells the {what} {text[:40]!r}")
    return int(text)


def _signed_sum(header: bytes) -> int:
    """The checksum as some old programs make it: of signed bytes."""
    total: int = sum(_SIGNED.unpack(header))
    return total + 256


def _prefixed(header: bytes, magic: bytes, name: bytes) -> str:
    """The name with the prefix that the header's format has for long ones."""
    if magic == b"ustar\x0000":
        prefix = header[345:476] if header[508:512] == b"tar\0" else header[345:500]
    elif magic == b"ustar  \0" and header[345] and not _has_times(header):
        prefix = header[345:500]
    else:
        return _text(name)
    return f"{_text(prefix)}/{_text(name)}" if prefix[0] else _text(name)


def _has_times(header: bytes) -> bool:
    """Whether a GNU header has times where others have the prefix; Go before 1.8 wrote a prefix there."""
    try:
        _number(header[345:357])
        _number(header[357:369])
    except BrokenDataError:
        return False
    return True


def _pax_records(body: bytes) -> dict[str, str]:
    """The records of an extended header that matter here: `LENGTH KEY=VALUE` and a line feed."""
    found: dict[str, str] = {}
    at = 0
    for _ in range(TAR_RECORDS):
        if at >= len(body) or not body[at]:
            return found
        blank = body.find(b" ", at, at + 20)
        length = int(body[at:blank]) if blank > 0 and body[at:blank].isdigit() else 0
        record = body[blank + 1 : at + length - 1]
        if length < 5 or at + length > len(body) or body[at + length - 1] != 10 or b"=" not in record:
            raise BrokenDataError("an extended header is broken")
        key, _, value = record.partition(b"=")
        name = key.decode("utf-8", "surrogateescape")
        if name in _WANTED:
            if 0 in value:
                raise BrokenDataError(f"an extended header tells a {name} with a zero byte")
            found[name] = value.decode("utf-8", "surrogateescape")
        at += length
    raise BoundError(f"an extended header has more than {TAR_RECORDS} records")
