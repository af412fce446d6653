"""Turns DNS answers that arrived in a container into the names under which it knows the addresses it connects to.

Rules
- The name is the one that was asked for, not what its aliases (CNAME) end in; of several names of one address the one
  answered last before the connection.
- A name holds as long as its record says, but at least a minute, since programs keep addresses longer than they may.
- Answers are what somebody sent to the container, perhaps itself: a name is shown beside an address, never instead.
- Every payload is hostile: what is no plain answer, is too large, or comes faster than names are needed is counted.
"""

import struct
from collections import OrderedDict

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import msgspec

from tidewaiter.sources._fields import ip_or_none

_LONGEST_PAYLOAD = 4096
_MOST_RECORDS = 64
"""Reading a message takes time by the number of its records: 0.2 ms here for a usual one, 9 ms for the worst."""
_RECORDS_PER_SECOND = 1000
"""What one scope may cost; a usual answer has two to five."""
_HEADER = struct.Struct("!6H")
_FLOOR_NS = 60 * 1_000_000_000
_CEILING_NS = 24 * 3600 * 1_000_000_000
_SECOND_NS = 1_000_000_000
_ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)


class _Name(msgspec.Struct, frozen=True, gc=False):
    text: str
    told_ns: int
    until_ns: int


class _Scope(msgspec.Struct):
    names: OrderedDict[str, _Name]
    """Address -> name, the one answered last at the end."""
    second: int = 0
    records: int = 0
    """Records read in that second."""


class DnsNames:
    """What each scope (a network namespace or a cgroup, by number) was answered. For one thread."""

    def __init__(self, scopes: int = 1024, names: int = 512) -> None:
        self._scopes: OrderedDict[int, _Scope] = OrderedDict()
        self._most_scopes = scopes
        self._most_names = names
        self.rejected = 0
        """Payloads that were no readable DNS message."""
        self.skipped = 0
        """Payloads beyond what one scope may cost."""

    def answer(self, scope: int, payload: bytes, time_ns: int) -> None:
        """Take in a DNS message that arrived in a scope at a time. Raises nothing, whatever the bytes are."""
        if not _HEADER.size <= len(payload) <= _LONGEST_PAYLOAD:
            self.rejected += 1
            return
        _, flags, *counts = _HEADER.unpack_from(payload)
        if not flags & dns.flags.QR or flags & 0xF != dns.rcode.NOERROR or counts[1] == 0:
            return  # a question, a failure, or nothing said
        if sum(counts) > _MOST_RECORDS:
            self.rejected += 1
            return
        known = self._scope(scope)
        if not _is_within_budget(known, sum(counts), time_ns):
            self.skipped += 1
            return
        try:
            name, ttl, addresses = _read(payload)
        except Exception:  # dnspython raises its own errors and, on some input, others
            self.rejected += 1
            return
        until_ns = time_ns + min(max(ttl * _SECOND_NS, _FLOOR_NS), _CEILING_NS)
        for address in addresses:
            known.names[address] = _Name(name, time_ns, until_ns)
            known.names.move_to_end(address)
            if len(known.names) > self._most_names:
                known.names.popitem(last=False)

    def name_of(self, scope: int, ip: str, time_ns: int) -> str | None:
        """The name a scope had asked for when it was answered with an address, as of a time; None where none holds."""
        known = self._scopes.get(scope)
        address = ip_or_none(ip)
        name = known.names.get(address) if known is not None and address is not None else None
        return name.text if name is not None and name.told_ns <= time_ns <= name.until_ns else None

    def _scope(self, scope: int) -> _Scope:
        known = self._scopes.get(scope)
        if known is None:
            known = self._scopes[scope] = _Scope(OrderedDict())
            if len(self._scopes) > self._most_scopes:
                self._scopes.popitem(last=False)
        self._scopes.move_to_end(scope)
        return known


def _is_within_budget(scope: _Scope, records: int, time_ns: int) -> bool:
    second = time_ns // _SECOND_NS
    if second != scope.second:
        scope.second, scope.records = second, 0
    scope.records += records
    return scope.records <= _RECORDS_PER_SECOND


def _read(payload: bytes) -> tuple[str, int, list[str]]:
    """The name asked for, its time to live in seconds, its addresses. Raises whatever dnspython raises."""
    message = dns.message.from_wire(payload, ignore_trailing=True)
    if not isinstance(message, dns.message.QueryMessage) or len(message.question) != 1:
        raise ValueError("no answer to one question")
    if message.question[0].rdtype not in _ADDRESSES:
        return "", 0, []
    chain = message.resolve_chaining()
    addresses = [ip_or_none(record.address) for record in chain.answer] if chain.answer is not None else []
    name = message.question[0].name.to_text(omit_final_dot=True).lower()
    return name, chain.minimum_ttl, [address for address in addresses if address is not None]
