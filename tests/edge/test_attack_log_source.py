"""Holds that a log source is found by its name, with the analytics and data components that ask for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_bundles import objects, written

from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_examples import examples
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_log_source import log_source
from tidewaiter.edge.attack_shown import shown
from tidewaiter.edge.attack_store import StoreError, import_bundle, opened

_SAYS = "[A Group](https://attack.mitre.org/groups/G0139) ran it.(Citation: Report)"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A release in which a data component names a log source of its own, and a relationship says something."""
    told = objects()
    for one in told:
        if one.get("name") == "Image Creation":
            one["x_mitre_log_sources"] = [
                {"name": "containerd:events", "channel": "an image is pulled"},
                {"name": "docker:daemon", "channel": "pull"},
                "odd",
            ]
        if one.get("relationship_type") == "uses":
            one["description"] = _SAYS
    with opened(tmp_path / "attack.sqlite", to_write=True) as connection:
        import_bundle(connection, read_bundle(str(written(tmp_path, told))))
        yield Library(connection)


def test_a_log_source_knows_who_asks_for_it(library: Library) -> None:
    told = log_source(library, "Containerd:Events", library.release())
    assert told is not None
    assert told.name == "containerd:events"
    [channel] = told.channels
    assert (channel.channel, channel.data_component, channel.analytic) == ("an image is pulled", "DC0015", "AN0691")
    assert "containerd_events" in channel.fed_by


def test_a_data_component_names_one_by_itself(library: Library) -> None:
    told = log_source(library, "docker:daemon", library.release())
    assert told is not None
    assert [(one.channel, one.data_component, one.analytic) for one in told.channels] == [("pull", "DC0015", None)]


def test_a_log_source_that_nobody_names(library: Library) -> None:
    assert log_source(library, "T1204.003", library.release()) is None
    with pytest.raises(StoreError, match=r"contanerd:events: nothing in enterprise 19\.1 .*; nearest are containerd"):
        log_source(library, "contanerd:events", library.release())


def test_what_is_said_of_a_relation_stands_at_both_ends(library: Library) -> None:
    release = library.release()
    for wanted, relation in (("G0139", ("uses", "out")), ("T1204.003", ("uses", "in"))):
        told = shown(library, wanted, release, has_texts=True)
        assert {(one.relation, one.direction): one.text for one in told.relations}[relation] == _SAYS
        assert all(one.text is None for one in shown(library, wanted, release).relations)
    assert examples(library, release).keys() == {("uses", "G0139", "T1204.003")}
