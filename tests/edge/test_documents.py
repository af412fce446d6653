"""Proves that JSON over several lines becomes whole values, and that what is no JSON does not swallow what follows."""

import pytest

from tidewaiter.edge.documents import Document, Value, is_array_opening


def read(data: bytes, step: int = 0, **limits: int) -> tuple[list[Value], bytes, Document]:
    """Feed a document in steps (0: at once). Gives the values, what stands behind the document, and the document."""
    document = Document(1, **limits)
    values: list[Value] = []
    for start in range(0, len(data), step or len(data)):
        piece = data[start : start + step] if step else data
        position = 0
        while position < len(piece) and not document.is_ended:
            position, found = document.feed(piece, position)
            values += found
        if document.is_ended:
            return values, piece[position:] + data[start + len(piece) :], document
    return values, b"", document


def records(data: bytes, step: int = 0, **limits: int) -> list[bytes]:
    """The values of a document that must close."""
    values, _, document = read(data, step, **limits)
    assert document.is_closed
    return [value.record for value in values]


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_an_object_is_one_value_and_what_follows_is_left(step: int) -> None:
    """A document ends with its bracket, wherever the chunks are cut."""
    text = b'{\n "a": [1, {"b": "}\\"]\\\\"}],\n "c": {}\n}'
    values, rest, document = read(text + b"\nnext", step)
    assert [(value.record, value.line, value.is_element) for value in values] == [(text, 1, False)]
    assert rest == b"\nnext"
    assert document.line == 4


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_an_array_is_handed_over_element_by_element(step: int) -> None:
    """Elements come as they were written, with the lines they begin in."""
    values, rest, document = read(b'[\n{"a":1},\n{"b":\n[]}\n,[2] , "x", 3,{}\n]!', step)
    assert [(value.record, value.line) for value in values] == [
        (b'{"a":1}', 2),
        (b'{"b":\n[]}', 3),
        (b"[2]", 5),
        (b'"x"', 5),
        (b"3", 5),
        (b"{}", 5),
    ]
    assert all(value.is_element for value in values)
    assert (rest, document.line) == (b"!", 6)


@pytest.mark.parametrize(("text", "elements"), [
    (b"[]", []),
    (b"[ \n ]", []),
    (b"[1, null,true , -2.5e3]", [b"1", b"null", b"true", b"-2.5e3"]),
    (b'["[", {"]": "}"}]', [b'"["', b'{"]": "}"}']),
    (b"[{},]", [b"{}"]),
])  # fmt: skip
def test_arrays_of_all_kinds(text: bytes, elements: list[bytes]) -> None:
    """Scalars are elements too; brackets inside strings are none."""
    assert records(text) == elements


@pytest.mark.parametrize("text", [
    b'{"cut in a string: "\n{"a":1}',
    b'{"cut":"in a string\n{"a":1}',
    b'{"cut":1,\n{"a":1}',
    b'{"cut":[1,\n"x"}\n{"a":1}',
    b'{"cut":{\n{"a":1}',
    b'{"cut":1,\ntype=SYSCALL msg=audit(1:2):',
    b"[{}\n{}\n",
    b"[{} 5]",
    b"[,{}]",
    b'{"a":1]',
    b'{"escaped":"line\\\nfeed"}',
    b'{"x":' * 3000,
])  # fmt: skip
@pytest.mark.parametrize("step", [0, 1, 5])
def test_what_is_no_json_breaks_the_document(text: bytes, step: int) -> None:
    """Nothing that is fed is lost: what came after the last value is in `unread`."""
    values, rest, document = read(text, step)
    assert document.is_broken
    assert not document.is_closed
    behind = document.unread + rest
    assert text.endswith(behind)
    assert all(value.record in text[: len(text) - len(behind)] for value in values)


def test_a_document_that_never_closes_is_neither_closed_nor_broken() -> None:
    """Only its end can tell."""
    values, _, document = read(b'{"a": [1,\n2')
    assert (values, document.is_ended, document.unread) == ([], False, b'{"a": [1,\n2')


@pytest.mark.parametrize("step", [0, 1, 10])
def test_a_value_beyond_the_limit_is_told_and_not_held(step: int) -> None:
    """The next element is read as if nothing had been."""
    long = b'{"x":"' + b"y" * 100 + b'"}'
    values, _, document = read(b"[" + long + b',{"a":1}]', step, element_limit=50)
    assert [value.is_too_long for value in values] == [True, False]
    assert long.startswith(values[0].record)
    assert values[1].record == b'{"a":1}'
    assert document.is_closed
    values, _, _ = read(long, step, limit=50)
    assert [value.is_too_long for value in values] == [True]


def test_scalars_beyond_the_limit_are_one_value_too_long() -> None:
    """An array of numbers alone is not held either."""
    values, _, document = read(b"[" + b"1," * 100 + b'{"a":1}]', 10, element_limit=50)
    assert [value.is_too_long for value in values] == [True, False]
    assert document.is_closed


@pytest.mark.parametrize("separator", [b",", b", ", b",\n  ", b"\n,\n\n"])
@pytest.mark.parametrize("step", [0, 1000, 7])
def test_elements_that_are_written_alike_are_read_at_once_and_alike(separator: bytes, step: int) -> None:
    """Whatever looks like the separator inside an element is not taken for it."""
    inner = b"{}" + separator + b"{}"
    elements = [
        b'{"number":%d,"list":[%b],"text":"}%b{"}' % (number, inner, separator.replace(b"\n", b"\\n"))
        for number in range(300)
    ]
    text = b"[" + separator.join(elements) + b"]"
    values, rest, document = read(text + b"\nx", step)
    assert [value.record for value in values] == elements
    assert (rest, document.line) == (b"\nx", 1 + text.count(b"\n"))


def test_a_value_too_long_among_many_is_told_apart() -> None:
    """Also where many are read at once."""
    elements = [b'{"x":"%b"}' % (b"y" * (100 if number % 10 == 5 else 1)) for number in range(200)]
    values, _, _ = read(b"[" + b",".join(elements) + b"]", element_limit=50)
    assert [value.is_too_long for value in values] == [number % 10 == 5 for number in range(200)]


@pytest.mark.parametrize(("line", "is_array"), [
    (b"[", True),
    (b"[ {", True),
    (b"[[1", True),
    (b'["text"]', True),
    (b"[1, {", True),
    (b"[null,", True),
    (b"[]", True),
    (b"[1795309523.183317] [NEW] ipv4", False),
    (b"[pod/web/app] text", False),
    (b"{", False),
])  # fmt: skip
def test_a_text_in_brackets_is_no_array(line: bytes, is_array: bool) -> None:
    """Times and names in brackets begin many logs."""
    assert is_array_opening(line) is is_array
