"""Image facts inside telemetry are claims, and broken ones are rejected."""

import pytest

from tidewaiter.event import ImageFacts, Where
from tidewaiter.image_contents import ImageContents
from tidewaiter.sources import RecordError
from tidewaiter.sources.image_facts import SOURCE, decode

WHERE = Where("image_facts", "facts.jsonl", 1)
CONFIG = "sha256:" + "2b" * 32


def test_a_record_says_of_itself_that_it_is_proven_and_is_only_a_claim() -> None:
    """Whoever can write into the stream can write `"proof":"archive"`."""
    record = f'{{"kind":"image_facts","config_digest":"{CONFIG}","entrypoint":["/x"],"proof":"archive"}}'.encode()
    (facts,) = decode(record, WHERE)
    assert isinstance(facts, ImageFacts)
    assert (facts.proof, facts.config_digest, facts.entrypoint, facts.cmd) == ("claimed", CONFIG, ("/x",), None)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b'{"kind":"other"}',
        b'{"kind":"image_facts","config_digest":"sha256:12"}',
        b'{"kind":"image_facts","cmd":1}',
    ],
)
def test_what_is_no_record_of_this_shape_is_rejected(record: bytes) -> None:
    """Rubbish, another kind, a broken digest and a wrong type are RecordErrors."""
    with pytest.raises(RecordError):
        tuple(decode(record, WHERE))


def test_it_is_recognised_by_its_kind_alone() -> None:
    """Nothing else about the object matters."""
    assert SOURCE.recognise is not None
    assert SOURCE.recognise({"kind": "image_facts"})
    assert not SOURCE.recognise({"kind": "Pod"})


def test_what_the_layers_hold_is_told_where_the_record_has_it() -> None:
    """Paths with the diff_id of their layer; a digest that is none makes the record wrong."""
    layer = "sha256:" + "a" * 64
    held = f'"executables":{{"/bin/sh":"{layer}"}},"links":{{"/sh":"bin/sh"}},"tools":["/bin/sh"]'
    record = f'{{"kind":"image_facts","config_digest":"{CONFIG}",{held}}}'
    (facts,) = decode(record.encode(), WHERE)
    assert isinstance(facts, ImageFacts)
    assert facts.contents == ImageContents({"/bin/sh": layer}, {"/sh": "bin/sh"}, ("/bin/sh",))
    with pytest.raises(RecordError):
        tuple(decode(record.replace(layer, "sha256:a").encode(), WHERE))
