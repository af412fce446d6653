"""Proves how servers are asked: in pauses, as their robots.txt wants, and once more where they say when."""

from collections.abc import Iterator

import pytest
from feeds import Site, served
from registries import Answer

from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_fetch import client
from tidewaiter.edge.polite import Polite


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        yield made


class Clock:
    """Time that passes only by sleeping, and a second with each look."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        self.now += 1.0
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def guest(site: Site) -> Iterator[tuple[Polite, Clock]]:
    clock = Clock()
    with client() as opened:
        yield Polite(opened, clock.sleep, clock), clock


def test_a_server_rests_as_robots_txt_wants(site: Site, guest: tuple[Polite, Clock]) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 7\n"
    polite, clock = guest
    for path in ("/a", "/b"):
        polite.ask(site.article(path))
    assert site.asked == ["/robots.txt", "/a", "/b"]
    assert [round(one) for one in clock.slept] == [6, 6]


def test_a_server_rests_as_long_as_it_worked(site: Site, guest: tuple[Polite, Clock]) -> None:
    polite, clock = guest
    polite.ask(site.article("/a"))
    assert clock.slept == []  # each answer took the second that a look at the clock takes
    assert site.server.requests[1].headers["user-agent"].startswith("tidewaiter/")


def test_no_pause_is_endless(site: Site, guest: tuple[Polite, Clock]) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 86400\n"
    polite, clock = guest
    polite.ask(site.article("/a"))
    assert sum(clock.slept) <= 30


def test_what_robots_txt_forbids_is_not_asked(site: Site, guest: tuple[Polite, Clock]) -> None:
    site.pages["/robots.txt"] = "User-agent: tidewaiter\nDisallow: /private/\n"
    with pytest.raises(ArticleError, match=r"robots\.txt"):
        guest[0].ask(site.article("/private/a"))
    assert site.asked == ["/robots.txt"]


def test_who_is_busy_is_asked_once_more(site: Site, guest: tuple[Polite, Clock]) -> None:
    answers = iter([Answer(b"", 429, {"Retry-After": "5"}), Answer(b"text", 200)])
    site.server.scripts["/a"] = lambda request: next(answers)
    polite, clock = guest
    assert polite.ask(site.address("/a")).data == b"text"
    assert 5.0 in clock.slept


@pytest.mark.parametrize("wait", ["86400", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "9" * 400])
def test_who_is_busy_for_long_is_left(site: Site, guest: tuple[Polite, Clock], wait: str) -> None:
    site.server.scripts["/a"] = lambda request: Answer(b"", 503, {"Retry-After": wait})
    with pytest.raises(ArticleError, match="answered 503"):
        guest[0].ask(site.address("/a"))
    assert site.asked == ["/robots.txt", "/a"]
