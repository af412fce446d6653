"""Documents: their digest over the exact bytes, and what is wrong with their JSON."""

import hashlib

import pytest

from tidewaiter.image.blob import Bytes
from tidewaiter.image.document import Document, DocumentReader, Unread, parse_document, read_document
from tidewaiter.image.limits import DOCUMENT_BYTES, DOCUMENTS_BYTES


def test_the_digest_is_that_of_the_bytes_as_they_came() -> None:
    """White space and the order of members are part of them."""
    for data in (b'{"a":1}', b'{ "a": 1 }\n', b"not even JSON", b""):
        assert parse_document("d", data).digest == "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"a":1,"a":2}', 'has the member "a" twice'),
        (b'{"x":{"config":1,"config":1}}', 'has the member "config" twice'),
        (b"[]", "is no JSON object"),
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b'{"a":NaN}', "is no JSON"),
        (b'{"a":"\xff"}', "is no JSON"),
        (b"\xef\xbb\xbf{}", "is no JSON"),
        (b'{"a":' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_each_fault_is_said(data: bytes, fault: str) -> None:
    """And the document is one all the same: its bytes have a digest."""
    found = parse_document("d", data)
    assert any(fault in told for told in found.faults)
    assert found.data == data


def test_a_document_says_its_own_type_where_it_is_a_text() -> None:
    """Anything else is none."""
    assert parse_document("d", b'{"mediaType":"application/x"}').media_type == "application/x"
    assert parse_document("d", b'{"mediaType":7}').media_type is None
    assert parse_document("d", b"[]").media_type is None


def test_what_cannot_be_had_is_told_by_what_it_would_have_been() -> None:
    """Absent, or beyond the bound."""
    absent = read_document(None, "the manifest m")
    long = read_document(Bytes("b", b" " * (DOCUMENT_BYTES + 1)), "the config c")
    assert absent == Unread("the manifest m is not there")
    assert long == Unread(f"the config c is longer than {DOCUMENT_BYTES} bytes")
    assert isinstance(read_document(Bytes("b", b" " * DOCUMENT_BYTES), "it"), Document)


def test_all_documents_of_a_view_are_bounded_together() -> None:
    """A thousand documents of 4 MiB are not held."""
    reader, large = DocumentReader(), Bytes("b", b" " * DOCUMENT_BYTES)
    found = [reader.read(large, "it") for _ in range(DOCUMENTS_BYTES // DOCUMENT_BYTES + 3)]
    assert isinstance(found[0], Document)
    assert isinstance(found[-1], Unread)
