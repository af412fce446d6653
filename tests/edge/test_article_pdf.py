"""Proves how PDFs are read: paragraphs, cut hashes, running heads; and one sentence for those without text."""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from tidewaiter.edge.article import read_article
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.intel.article import Article

HASH = "0123456789abcdef" * 4


def pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    password: str | None = None,
    sections: Sequence[str] = (),
) -> bytes:
    """A PDF with lines of text on its pages."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        drawn = "".join(f"({line}) Tj T*\n" if line else "T*\n" for line in lines)
        content.set_data(f"BT /F1 11 Tf 14 TL 50 800 Td\n{drawn}ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    for name in sections:
        writer.add_outline_item(title=name, page_number=0)
    if title is not None:
        writer.add_metadata({"/Title": title, "/CreationDate": "D:20240301120000Z"})
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


LINES = (
    "The loader fetches its orders from a server every ten minutes and starts a shell on the",
    "build machine, where it hides its files in a tempo-",
    "rary folder, and it was seen on two machines.",
)


def read(tmp_path: Path, data: bytes) -> Article:
    (tmp_path / "report").write_bytes(data)
    return read_article(str(tmp_path / "report"))


def refused(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(ArticleError) as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_lines_become_paragraphs_and_cut_words_whole(tmp_path: Path) -> None:
    article = read(tmp_path, pdf([LINES], title="A loader"))
    assert " ".join(LINES).replace("tempo- rary", "temporary") in " ".join(article.text.split())
    assert (article.title, article.date) == ("A loader", "2024-03-01")


def test_a_hash_cut_by_a_column_is_whole(tmp_path: Path) -> None:
    article = read(tmp_path, pdf([[*LINES, HASH[:40], HASH[40:], "loader"]]))
    assert HASH in article.text.split()


def test_whole_hashes_below_each_other_stay_apart(tmp_path: Path) -> None:
    article = read(tmp_path, pdf([[*LINES, HASH[:32], HASH[32:]]]))
    assert {HASH[:32], HASH[32:]} <= set(article.text.split())


def test_running_heads_are_left_out(tmp_path: Path) -> None:
    pages = [
        ["Example Corp confidential", f"{word} {LINES[0]}", f"Page {n} of 4"]
        for n, word in enumerate(("Once", "Twice", "Then", "Now"))
    ]
    article = read(tmp_path, pdf(pages))
    assert "confidential" not in article.text
    assert "Page" not in article.text
    assert article.text.count("The loader fetches") == 4


def test_what_the_table_of_contents_names_is_a_heading(tmp_path: Path) -> None:
    article = read(tmp_path, pdf([["Indicators of compromise", *LINES]], sections=["Indicators of compromise"]))
    assert (article.blocks[0].kind, article.blocks[0].text) == ("heading", "Indicators of compromise")
    assert article.blocks[1].headings == ("Indicators of compromise",)


def test_a_pdf_of_pictures_is_said_to_be_one(tmp_path: Path) -> None:
    assert "is a PDF of pictures" in refused(tmp_path, pdf([[], [], []]))


def test_an_encrypted_pdf_is_said_to_be_one(tmp_path: Path) -> None:
    assert "is an encrypted PDF" in refused(tmp_path, pdf([LINES], password="secret"))  # noqa: S106 - of a made file


@pytest.mark.parametrize("end", [30, 200, 400, 600])
def test_half_a_pdf_is_broken_or_read(tmp_path: Path, end: int) -> None:
    told = refused(tmp_path, pdf([LINES])[:end])
    assert "PDF" in told


def test_a_bomb_in_a_pdf_is_given_up(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(200 << 20), 9)
    data = pdf([LINES]).replace(b"stream\n", b"stream\n", 1)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(packed), packed)
    start, end = data.index(b"<<\n/Length"), data.index(b"endstream") + len(b"endstream")
    assert "PDF" in refused(tmp_path, data[:start] + stream + data[end:])


def test_a_page_of_endless_drawing_is_given_up(tmp_path: Path) -> None:
    assert "drawn with more than 8 MiB" in refused(tmp_path, pdf([["a" * 80] * 110_000]))
