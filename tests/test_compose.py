"""Holds which names are those that Docker Compose gives to the containers of a service."""

import pytest

from tidewaiter.compose import ComposePlace, compose_place


@pytest.mark.parametrize(
    ("name", "service", "place"),
    [
        ("shop-web-1", "web", ComposePlace("shop", "web", "web")),
        ("shop_web_12", "web", ComposePlace("shop", "web", "web")),
        ("my-shop-web-api-1", "web-api", ComposePlace("my-shop", "web-api", "web-api")),
        ("my-shop-web-api-1", "api", ComposePlace("my-shop-web", "api", "api")),
        ("0123456789ab_shop-web-1", "web", ComposePlace("shop", "web", "web")),
        ("shop-web-run-0123456789ab", "web", ComposePlace("shop", "web", "web-run")),
        ("shop_web_run_0123456789ab", "web", ComposePlace("shop", "web", "web-run")),
        ("shop-web-1", "db", None),
        ("shop_web-1", "web", None),
        ("web-1", "web", None),
        ("-web-1", "web", None),
        ("focused_turing", "turing", None),
        ("shop-web-one", "web", None),
        ("shop-web-1\n", "web", None),
        ("shop--1", "", None),
        ("", "web", None),
    ],
)
def test_the_place_of_a_container(name: str, service: str, place: ComposePlace | None) -> None:
    """The service is told beside the name; the project is what stands before it."""
    assert compose_place(name, service) == place
