"""Holds the digest grammar, its three errors, and the chain ID arithmetic of the image specification."""

import hashlib

import pytest

from tidewaiter.digest import (
    DigestAlgorithmError,
    DigestFormatError,
    DigestLengthError,
    chain_id,
    digest_or_none,
    is_hex,
    parse_digest,
)

LOWER = "0123456789abcdef" * 4
GOOD = f"sha256:{LOWER}"


def test_gives_back_a_good_digest_as_it_is() -> None:
    """A sha256 digest of 64 lower-case hex characters is its own checked form."""
    assert parse_digest(GOOD) == GOOD
    assert digest_or_none(GOOD) == GOOD


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", DigestFormatError),
        ("sha256", DigestFormatError),
        (LOWER, DigestFormatError),
        (f":{LOWER}", DigestFormatError),
        (f" {GOOD}", DigestFormatError),
        ("a b:c", DigestFormatError),
        ("sha256:", DigestLengthError),
        (f"sha256:{LOWER[:-1]}", DigestLengthError),
        (f"{GOOD}0", DigestLengthError),
        (f"{GOOD}\n", DigestLengthError),
        (f"sha256:{LOWER.upper()}", DigestLengthError),
        (f"SHA256:{LOWER}", DigestLengthError),
        (f"sha256:{'٣' * 64}", DigestLengthError),
        (f"sha512:{LOWER * 2}", DigestAlgorithmError),
        ("md5:00", DigestAlgorithmError),
        (f"sha256+b64:{LOWER}", DigestAlgorithmError),
    ],
)
def test_says_which_rule_is_broken(text: str, error: type[ValueError]) -> None:
    """Form, length and algorithm are three errors, and telemetry's reading of each is: unknown."""
    with pytest.raises(error):
        parse_digest(text)
    assert digest_or_none(text) is None


def test_error_shows_no_more_than_120_characters_of_the_text() -> None:
    """A megabyte of rubbish does not become a megabyte of message."""
    with pytest.raises(DigestLengthError) as caught:
        parse_digest("sha256:" + "f" * 1_000_000)
    assert len(str(caught.value)) < 300


def test_nothing_is_no_digest() -> None:
    """A field that is absent is unknown."""
    assert digest_or_none(None) is None


def test_hex_is_lower_case_and_not_empty() -> None:
    """Empty text and capitals are no hex."""
    assert is_hex("0af")
    assert not is_hex("")
    assert not is_hex("0AF")
    assert not is_hex("0ag")


def test_no_layers_have_no_chain_id() -> None:
    """An image without layers stands on nothing."""
    assert chain_id(()) is None


def test_one_layer_is_its_own_chain_id() -> None:
    """ChainID(L0) = DiffID(L0)."""
    assert chain_id((GOOD,)) == GOOD


def test_chain_id_of_three_layers_is_folded_from_the_bottom() -> None:
    """ChainID(L0|L1|L2) = SHA256(SHA256(L0 + " " + L1) + " " + L2), each digest written with its algorithm."""
    layers = tuple(f"sha256:{digit * 64}" for digit in "abc")
    lower = hashlib.sha256(f"{layers[0]} {layers[1]}".encode()).hexdigest()
    whole = hashlib.sha256(f"sha256:{lower} {layers[2]}".encode()).hexdigest()
    assert chain_id(layers) == f"sha256:{whole}"


def test_chain_id_of_two_known_layers() -> None:
    """The value was computed with `printf 'sha256:aa.. sha256:bb..' | sha256sum`."""
    expected = "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"
    assert chain_id((f"sha256:{'a' * 64}", f"sha256:{'b' * 64}")) == f"sha256:{expected}"
