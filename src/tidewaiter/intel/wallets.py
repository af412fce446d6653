"""Finds the addresses of wallets in a passage and keeps those whose checksum holds.

Sources: Bitcoin's base58check, BIP 173 and BIP 350 (bech32, bech32m), EIP-55 (Ethereum), Monero's block-wise base58.
An Ethereum address in one case carries no checksum and is kept: nothing else is written `0x` and 40 hex digits.
"""

import hashlib
import re
from collections.abc import Iterator

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.keccak import keccak256

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?P<monero>[48][1-9A-HJ-NP-Za-km-z]{94}(?:[1-9A-HJ-NP-Za-km-z]{11})?)"
    r"|(?P<base58>[13LMDXAT9t][1-9A-HJ-NP-Za-km-z]{25,34})"
    r"|(?P<bech32>(?:bc1|ltc1|BC1|LTC1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71})"
    r"|(?P<ethereum>0x[0-9a-fA-F]{40})"
    r")(?![A-Za-z0-9])"
)
_VERSIONS = {
    b"\x00": "bitcoin",
    b"\x05": "bitcoin",
    b"\x30": "litecoin",
    b"\x32": "litecoin",
    b"\x1e": "dogecoin",
    b"\x16": "dogecoin",
    b"\x4c": "dash",
    b"\x41": "tron",
    b"\x1c\xb8": "zcash",
    b"\x1c\xbd": "zcash",
}
_MONERO_NETWORKS = frozenset({18, 19, 42})
_BLOCK_BYTES = (0, -1, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8)
"""Monero's base58: how many bytes a block of that many characters holds."""


def wallets(passage: Passage) -> Iterator[Candidate]:
    """Every wallet address in the passage; `role` is its currency."""
    for found in _SHAPES.finditer(passage.text):
        currency = currency_of(found[0])
        if currency is not None:
            value = found[0] if found.lastgroup in ("monero", "base58") else _one_case(found[0])
            yield Candidate(type="wallet", value=value, start=found.start(), end=found.end(), role=currency)


def currency_of(text: str) -> str | None:
    """The currency of a wallet's address; None where the checksum does not hold."""
    if text.startswith("0x"):
        return "ethereum" if len(text) == 42 and _is_ethereum(text[2:]) else None
    if text[:3].lower() in ("bc1", "ltc"):
        return _of_bech32(text)
    return _of_monero(text) if len(text) in (95, 106) else _of_base58(text)


def _one_case(text: str) -> str:
    return text.lower() if text.isupper() or not text.startswith("0x") else text


def _is_ethereum(digits: str) -> bool:
    if len(set(digits.lower())) < 4:
        return False
    if digits in (digits.lower(), digits.upper()):
        return True
    mask = keccak256(digits.lower().encode()).hex()
    return all(char.isdigit() or char.isupper() == (int(mask[at], 16) > 7) for at, char in enumerate(digits))


def _number(text: str) -> int | None:
    number = 0
    for char in text:
        digit = _ALPHABET.find(char)
        if digit < 0:
            return None
        number = number * 58 + digit
    return number


def _of_base58(text: str) -> str | None:
    number = _number(text)
    if number is None:
        return None
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    raw = bytes(len(text) - len(text.lstrip("1"))) + body
    payload, checksum = raw[:-4], raw[-4:]
    if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] != checksum:
        return None
    return _VERSIONS.get(payload[:1] if len(payload) == 21 else payload[:2] if len(payload) == 22 else b"")


def _of_monero(text: str) -> str | None:
    raw = b""
    for at in range(0, len(text), 11):
        block = text[at : at + 11]
        size, number = _BLOCK_BYTES[len(block)], _number(block)
        if size < 0 or number is None or number >= 1 << (8 * size):
            return None
        raw += number.to_bytes(size, "big")
    return "monero" if raw[0] in _MONERO_NETWORKS and keccak256(raw[:-4])[:4] == raw[-4:] else None


def _of_bech32(text: str) -> str | None:
    if text not in (text.lower(), text.upper()):
        return None
    prefix, _, data = text.lower().rpartition("1")
    if prefix not in ("bc", "ltc") or any(char not in _BECH32 for char in data):
        return None
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    checksum = 1
    for value in values + [_BECH32.index(char) for char in data]:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if (top >> bit) & 1 else 0
    if checksum not in (1, 0x2BC830A3):
        return None
    return "bitcoin" if prefix == "bc" else "litecoin"
