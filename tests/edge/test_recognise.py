"""Proves how a record finds its source: by opening, by shape, by text, and never by what came before."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tidewaiter.edge.recognise import Recogniser, mend
from tidewaiter.event import Event, Where
from tidewaiter.sources import Source, sources


def nothing(record: bytes, where: Where) -> Iterator[Event]:
    """Decode to nothing."""
    return iter(())


def source(**how: Any) -> Source:
    """A source with nothing but its way of recognising."""
    return Source(title="Toy", log_sources=("toy",), cannot_see="anything", decode=nothing, **how)


@pytest.fixture(scope="module")
def known(toys: Mapping[str, Source]) -> Recogniser:
    """A recogniser of the sources made for tests."""
    return Recogniser(toys)


@pytest.mark.parametrize(("record", "name", "shape"), [
    (b'{"flat":1}', "flat", "object"),
    (b' { "x": 0, "flat2" : 1 } ', "flat", "object"),
    (b'{"deep":{"id":1}}', "deep", "object"),
    (b'{"deep":{}}', None, "object"),
    (b'{"deep":[]}', None, "object"),
    (b"{}", None, "object"),
    (b"TEXT {}", "text", "text"),
    (b"other", None, "text"),
    (b"", None, "text"),
    (b"[]", None, "text"),
    (b'{"deep":{"id":1}', None, "broken"),
    (b"{" * 100_000, None, "broken"),
    (b'{"x":' * 100_000, None, "broken"),
])  # fmt: skip
def test_a_record_is_judged_by_its_shape(known: Recogniser, record: bytes, name: str | None, shape: str) -> None:
    """Neither the order of keys nor white space counts."""
    found = known.recognise(record)
    assert (found.source, found.shape, found.record) == (name, shape, record)


def test_an_opening_decides_without_parsing(known: Recogniser) -> None:
    """What is broken behind a source's own opening is for the source to reject."""
    assert known.recognise(b'{"flat":').source == "flat"
    assert known.openings([b'{"flat":', b'{"flat2":1}', b'{"fla', b"", b'{"deep":1}']) == [
        "flat",
        "flat",
        None,
        None,
        None,
    ]


def test_the_longest_opening_wins() -> None:
    """Where two sources' openings begin alike, the more exact one decides."""
    known = Recogniser({"short": source(prefixes=(b'{"kind":',)), "long": source(prefixes=(b'{"kind":"Event","v',))})
    assert known.openings([b'{"kind":"Event","v1"', b'{"kind":"Event"', b'{"kinder']) == ["long", "short", None]


def test_an_opening_that_others_share_is_told_by_its_test() -> None:
    """Where the test says no, the record is judged like any other."""
    known = Recogniser(
        {
            "stamped": source(
                openings=((b'{"ID":"', lambda line: line[7:8].isdigit()),), recognise=lambda found: False
            ),
            "named": source(recognise=lambda found: "ID" in found),
        }
    )
    assert known.openings([b'{"ID":"1"}', b'{"ID":"x"}', b'{"ID":"']) == ["stamped", None, None]
    assert known.recognise(b'{"ID":"x"}').source == "named"


def test_rank_is_the_order_given() -> None:
    """Of two sources that take a record, the first is asked first, for objects and for text."""
    both = {"recognise": lambda found: "x" in found, "recognise_text": lambda line: line.startswith(b"x")}
    known = Recogniser({"first": source(**both), "second": source(**both)})
    assert known.recognise(b'{"x":1}').source == "first"
    assert known.recognise(b"xyz").source == "first"


def test_a_source_that_stumbles_is_passed_over() -> None:
    """A record that surprises one source may still be another's."""
    known = Recogniser({
        "careless": source(
            recognise=lambda found: bool(found["x"]["y"] > 1), recognise_text=lambda line: line.split()[3] == b"!"
        ),
        "sound": source(recognise=lambda found: "x" in found, recognise_text=lambda line: True),
    })  # fmt: skip
    for record in (b'{"x":1}', b'{"x":{"y":"text"}}', b'{"x":{"y":null}}', b"short"):
        assert known.recognise(record).source == "sound"


def test_a_source_that_cannot_say_yes_is_not_asked() -> None:
    """Only those are asked that look at a member which the object has, and those that look at it as a whole."""
    asked: list[str] = []

    def asking(name: str, member: str) -> Source:
        def recognise(found: Mapping[str, Any]) -> bool:
            asked.append(name)
            return member in found

        return source(recognise=recognise)

    known = Recogniser({"a": asking("a", "x"), "b": asking("b", "y"), "c": asking("c", "z")})
    asked.clear()
    for _ in range(2):
        assert known.recognise(b'{"w":0,"y":1}').source == "b"
    assert asked == ["b", "b"]


def test_many_shapes_do_not_fill_the_memory(known: Recogniser) -> None:
    """What is remembered of shapes is bounded, in number and in size, and forgetting changes nothing."""
    for number in range(3000):
        assert known.recognise(b'{"k%d":0,"deep":{"id":1}}' % number).source == "deep"
    wide = b"{" + b",".join(b'"w%d":0' % number for number in range(5000)) + b',"deep":{"id":1}}'
    assert known.recognise(wide).source == "deep"
    assert len(known._memos) <= 1024


@pytest.mark.parametrize(("record", "mended"), [
    (b'{"a":"\xff"}', '{"a":"\ufffd"}'.encode()),
    (rb'{"a":"\ud800"}', rb'{"a":"\ufffd"}'),
    (rb'{"a":"\uDCFFx\ud83d\ude00"}', rb'{"a":"\ufffdx\ud83d\ude00"}'),
    (rb'{"a":"\\ud800 \u0041 \ud83d\ude00"}', None),
    ('{"a":"ü"}'.encode(), None),
    (b'{"a":1}', None),
])  # fmt: skip
def test_text_that_is_no_unicode_is_mended(record: bytes, mended: bytes | None) -> None:
    """Each fault becomes one replacement character; what is sound stays as it is."""
    assert mend(record) == mended


@pytest.mark.parametrize("rubbish", [b"\xff", rb"\ud8ff", rb"\udc00\ud800"])
def test_rubbish_in_an_argument_does_not_hide_a_record(known: Recogniser, rubbish: bytes) -> None:
    """Neither in a member that is looked at, nor in a key, nor elsewhere."""
    for record in (b'{"deep":{"id":"%b"}}', b'{"deep":{"id":1},"%b":1}', b'{"deep":{"id":1},"x":"%b"}'):
        assert known.recognise(record % rubbish).source == "deep"


def test_headers_are_known_by_their_source(known: Recogniser) -> None:
    """A header is no record."""
    assert (known.header_of(b"#fields a b"), known.header_of(b"row\ta")) == ("table", None)
    assert known.gathering == {"joined", "table"}


@pytest.mark.parametrize("name", sorted(sources()))
def test_asking_fewer_sources_gives_the_same_answer(name: str, toys: Mapping[str, Source]) -> None:
    """For each source: an object with none of the members it looks at is none of its records."""
    question = sources()[name].recognise
    if question is None:
        return
    assert not question({})
    assert not question({"something": "else"})
