"""Holds that alerts carry ATT&CK's names where a release is imported, and that a broken store costs nothing else."""

from pathlib import Path

import pytest
from attack_bundles import written

from made_events import AN0691, attack, feed
from tidewaiter.alert import Alert
from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_names import named
from tidewaiter.edge.attack_store import default_path, import_bundle, opened
from tidewaiter.engine import Engine
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.sinks import sinks
from tidewaiter.sinks.text import render


def test_alerts_carry_the_names_of_the_imported_release(tmp_path: Path) -> None:
    store = tmp_path / "attack.sqlite"
    with opened(store, to_write=True) as connection:
        import_bundle(connection, read_bundle(str(written(tmp_path))))
    engine = Engine(DEFAULT_POLICY, named(AN0691, pytest.fail, store))
    feed(engine, attack())
    [alert] = [output for output in engine.finish() if isinstance(output, Alert)]
    assert alert.attack is not None
    assert (alert.attack.release, alert.attack.technique) == ("enterprise 19.1", "Malicious Image")
    assert (alert.attack.detection_strategy, alert.attack.tactics) == ("DET0248", ("Execution",))
    assert "Malicious Image (ATT&CK enterprise 19.1)" in " ".join(render(alert, width=100, color=False).split())
    assert b'"version":"19.1"' in sinks()["ocsf"].encode(alert)


def test_without_a_store_the_analytic_stays_as_it_is(tmp_path: Path) -> None:
    assert named(AN0691, pytest.fail, tmp_path / "none") is AN0691
    assert named(AN0691, pytest.fail) is AN0691
    assert not default_path().exists()


def test_what_a_failed_first_import_left_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "attack.sqlite").touch()
    assert named(AN0691, pytest.fail, tmp_path / "attack.sqlite") is AN0691


def test_a_broken_store_costs_the_names_alone(tmp_path: Path) -> None:
    store, told = tmp_path / "attack.sqlite", list[str]()
    store.write_text("no store, but longer than nothing")
    assert named(AN0691, told.append, store) is AN0691
    assert len(told) == 1
    assert told[0].startswith("alerts go without ATT&CK's names: ")
