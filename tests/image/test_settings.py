"""Proves what of a config counts as a run setting, whichever way it is written."""

from typing import Any

import pytest
from images import docker_v1, image
from views import view_of

from tidewaiter.image.settings import healthcheck, misspelt, run_settings, told_config, told_platform, words


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_empty_settings_are_none(empty: Any) -> None:
    """Absent, null and empty mean the same to a runtime."""
    assert run_settings({"config": {"Entrypoint": empty, "Cmd": ["x"]}}) == {"Cmd": ["x"]}


@pytest.mark.parametrize("config", [{}, {"config": None}, {"config": 7}, {"config": []}])
def test_a_config_without_settings_has_none(config: dict[str, Any]) -> None:
    """Whatever stands where the settings should."""
    assert run_settings(config) == {}
    assert healthcheck(config) == ()


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, ()), ([], ()), (["a", "b"], ("a", "b")), ("a b", None), (["a", 1], None), ({"a": 1}, None)],
)
def test_words_are_a_list_of_text(told: Any, expected: tuple[str, ...] | None) -> None:
    """Anything else is not known, rather than empty."""
    assert words(told) == expected


def test_the_probe_is_given_as_written() -> None:
    """The form word stays: it says how the rest is started."""
    assert healthcheck({"config": {"Healthcheck": {"Test": ["CMD-SHELL", "x"]}}}) == ("CMD-SHELL", "x")
    assert healthcheck({"config": {"Healthcheck": {"Interval": 5}}}) == ()


def test_members_in_another_case_are_found() -> None:
    """Docker reads `entrypoint` as `Entrypoint`; what is spelt right, and what is unknown, is nothing to tell."""
    config = {"OS": "linux", "os": "linux", "config": {"entrypoint": [], "Cmd": [], "X": 1}, "rootfs": {"Diff_IDs": []}}
    assert list(misspelt(config)) == ["OS", "Diff_IDs", "entrypoint"]


def test_old_archives_tell_it_in_the_top_layer() -> None:
    """Before Docker 1.10 the metadata of the top layer stood for the config."""
    (old,) = view_of(docker_v1(image())).images
    told = told_config(old)
    assert told is not None
    assert run_settings(told) == {"Env": ["PATH=/bin"], "Cmd": ["/app/web"]}
    assert told_platform(old) == "linux/amd64"
