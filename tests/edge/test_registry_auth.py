"""Proves that challenges are read as RFC 9110 writes them, and answered in the right way."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.edge.registry_auth import Authorizer, Challenge, parse_challenges
from tidewaiter.edge.registry_credentials import Credentials

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"'


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        (["Basic"], [("basic", {})]),
        (['BASIC realm="a \\"b\\", c"'], [("basic", {"realm": 'a "b", c'})]),
        (["Basic realm=plain"], [("basic", {"realm": "plain"})]),
        (['Bearer realm="x",e="y", Basic realm=""'], [("bearer", {"realm": "x", "e": "y"}), ("basic", {"realm": ""})]),
        (['Bearer realm="x"', "Negotiate"], [("bearer", {"realm": "x"}), ("negotiate", {})]),
        (["Basic, Negotiate"], [("basic", {}), ("negotiate", {})]),
        (['realm="nobody\'s"'], []),
        (['Bearer realm="never closed'], [("bearer", {}), ("realm", {}), ("never", {}), ("closed", {})]),
    ],
)  # fmt: skip
def test_challenges(headers: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    """Each scheme with its parameters."""
    assert parse_challenges(headers) == [Challenge(*challenge) for challenge in expected]


@pytest.mark.property
@given(st.lists(st.text(max_size=300), max_size=3))
def test_any_header_is_read(headers: list[str]) -> None:
    """Whatever a registry sends, it is some challenges or none."""
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower() != ""


def no_service(realm: str, form: Mapping[str, str], basic: str | None) -> Any:
    """A token service that must not be asked."""
    raise AssertionError(realm)


def test_bearer_goes_before_basic() -> None:
    """A registry that offers both is asked for a token, so that the password is sent to one place only."""
    asked: list[tuple[str, Mapping[str, str], str | None]] = []

    def service(*question: Any) -> Any:
        asked.append(question)
        return {"token": "t0ken"}

    authorizer = Authorizer(Credentials("a file", "ann", "secret"), "library/alpine", service)
    assert authorizer.answer(parse_challenges(["Basic realm=x", HUB]))
    assert authorizer.header == "Bearer t0ken"
    form = {"scope": "repository:library/alpine:pull", "service": "registry.docker.io"}
    assert asked == [("https://auth.docker.io/token", form, "Basic YW5uOnNlY3JldA==")]


def test_registry_token_is_sent_at_once() -> None:
    """It needs no challenge."""
    authorizer = Authorizer(Credentials("a file", registry_token="t0ken"), "a", no_service)  # noqa: S106 - made up
    assert authorizer.header == "Bearer t0ken"


@pytest.mark.parametrize("token", ["", "a\nX-Header: b", "a\r", "\u2603", "a\0"])
def test_token_that_is_no_header(token: str) -> None:
    """It is not sent, and so it cannot come back in an error's words."""
    assert Authorizer(Credentials("a file", registry_token=token), "a", no_service).header is None


def test_nothing_to_show() -> None:
    """Basic authentication without a name is none."""
    authorizer = Authorizer(Credentials("no credentials"), "a", no_service)
    assert not authorizer.answer([Challenge("basic", {})])
    assert not authorizer.answer([Challenge("bearer", {})])
    assert not authorizer.answer([])
    assert authorizer.header is None


def test_secrets_are_taken_out_of_text() -> None:
    """All that was sent, in every form in which it was sent."""
    authorizer = Authorizer(Credentials("a file", "ann", "secret"), "a", no_service)
    assert authorizer.answer([Challenge("basic", {})])
    assert authorizer.scrub("secret, YW5uOnNlY3JldA==, ann") == "***, ***, ann"


def test_credentials_do_not_print_their_secrets() -> None:
    """Not in a traceback either."""
    assert repr(Credentials("a file", "ann", "secret", "id", "token")) == "Credentials('a file')"
