"""Proves what a listed indicator matches, and what it does not."""

from typing import Any

import pytest

from tidewaiter.chain import Action
from tidewaiter.indicators import IndicatorError, Indicators, Listed
from tidewaiter.reference import parse_reference

DIGEST = "sha256:" + "ab" * 32


def listed(kind: str, value: str, **more: Any) -> Listed:
    """One indicator."""
    return Listed(type=kind, value=value, **more)


def met(action: Action, *indicators: Listed) -> list[str]:
    """The values that an action matches."""
    return [one.value for one in Indicators(indicators).of_action(action)]


def ran(*args: str, exe: str | None = None) -> Action:
    """A process."""
    return Action(1, "exec", "s", "f", 1, exe, args)


def connected(ip: str | None, port: int | None = 443, name: str | None = None) -> Action:
    """A connection."""
    return Action(1, "egress", "s", "f", 1, dst_ip=ip, dst_port=port, dst_name=name)


@pytest.mark.parametrize(
    ("indicator", "name", "expected"),
    [
        (listed("domain", "evil.example"), "evil.example", True),
        (listed("domain", "evil.example"), "a.b.EVIL.example.", True),
        (listed("domain", "evil.example"), "notevil.example", False),
        (listed("domain", "evil.example"), "evil.example.org", False),
        (listed("domain", "evil.example", port=443), "evil.example", True),
        (listed("domain", "evil.example", port=80), "evil.example", False),
        (listed("domain", "Bücher.example"), "xn--bcher-kva.example", True),
        (listed("url", "http://u:p@evil.example:443/x?y"), "evil.example", True),
        (listed("url", "http://evil.example:80/x"), "evil.example", False),
    ],
)
def test_a_destinations_name(indicator: Listed, name: str, *, expected: bool) -> None:
    """A domain covers its subdomains, and no other name; a port narrows it."""
    assert bool(met(connected("203.0.113.7", 443, name), indicator)) is expected


@pytest.mark.parametrize(
    ("indicator", "ip", "expected"),
    [
        (listed("ipv4", "203.0.113.7"), "203.0.113.7", True),
        (listed("ipv4", "203.0.113.7"), "::ffff:203.0.113.7", True),
        (listed("ipv4", "203.0.113.7"), "203.0.113.8", False),
        (listed("ipv4", "203.0.113.7", port=443), "203.0.113.7", True),
        (listed("ipv4", "203.0.113.7", port=80), "203.0.113.7", False),
        (listed("cidr", "203.0.113.0/24"), "203.0.113.255", True),
        (listed("cidr", "203.0.113.0/24"), "203.0.112.255", False),
        (listed("cidr", "0.0.0.0/0"), "2001:db8::1", False),
        (listed("cidr", "2001:db8::/32"), "2001:db8:1::1", True),
        (listed("ipv6", "2001:db8::1"), "2001:0db8::0001", True),
        (listed("url", "http://203.0.113.7/x"), "203.0.113.7", True),
        (listed("url", "http://[2001:db8::1]:443/x"), "2001:db8::1", True),
        (listed("ipv4", "203.0.113.7"), None, False),
    ],
)
def test_a_destinations_address(indicator: Listed, ip: str | None, *, expected: bool) -> None:
    """However it is written; a range by its prefix."""
    assert bool(met(connected(ip), indicator)) is expected


@pytest.mark.parametrize(
    ("indicator", "action", "expected"),
    [
        (listed("file_path", "/opt/x/kinsing"), ran("kinsing", exe="/opt/x/kinsing"), True),
        (listed("file_path", "/opt/x/kinsing"), ran("kinsing", exe="/opt/x/kinsing (deleted)"), True),
        (listed("file_path", "/opt/x/kinsing"), ran("kinsing", exe="/opt//y/../x/kinsing"), True),
        (listed("file_path", "/opt/x/kinsing"), ran("/opt/x/kinsing"), True),
        (listed("file_path", "/opt/x/a.sh"), ran("bash", "/opt/x/a.sh", exe="/usr/bin/bash"), True),
        (listed("file_path", "/opt/x/a.sh"), ran("cat", "/opt/x/a.sh", exe="/usr/bin/cat"), False),
        (listed("file_path", "/opt/x/kinsing"), ran("kinsing", exe="/opt/kinsing"), False),
        (listed("file_name", "kinsing"), ran("kinsing", exe="/opt/kinsing"), True),
        (listed("file_name", "kinsing", folders=("/opt/x/",)), ran("kinsing", exe="/opt/x/y/kinsing"), True),
        (listed("file_name", "kinsing", folders=("/opt/x/",)), ran("kinsing", exe="/opt/kinsing"), False),
        (listed("file_name", "kinsing"), ran("kinsing2", exe="/opt/kinsing2"), False),
    ],
)
def test_a_program(indicator: Listed, action: Action, *, expected: bool) -> None:
    """By its path, as it was called, or as the script of an interpreter; by its name, maybe in folders."""
    assert bool(met(action, indicator)) is expected


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        (listed("image", "evil/miner"), True),
        (listed("image", "docker.io/evil/miner"), True),
        (listed("image", "evil/miner:1.2"), True),
        (listed("image", "evil/miner:1.3"), False),
        (listed("image", "evil/miner2"), False),
        (listed("image", f"other.example/x@{DIGEST}"), True),
        (listed("image_digest", DIGEST), True),
        (listed("sha256", DIGEST[7:].upper()), True),
        (listed("sha256", "cd" * 32), False),
    ],
)
def test_an_image(indicator: Listed, *, expected: bool) -> None:
    """By its digest, its repository, or repository and tag."""
    found = Indicators([indicator]).of_image([DIGEST], [parse_reference("evil/miner:1.2")], [])
    assert bool([*found]) is expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("domain", "evil"),
        ("domain", "1.2.3.4"),
        ("url", "http:///x"),
        ("url", "mailto:x"),
        ("ipv4", "300.1.1.1"),
        ("cidr", "10.0.0.0/99"),
        ("image", "Not An Image"),
        ("image_digest", "sha256:12"),
        ("sha256", "12"),
        ("file_path", "relative/path"),
        ("file_path", "/folder/"),
        ("file_name", "a/b"),
        ("md5", "ab" * 16),
    ],
)
def test_a_value_that_is_not_of_its_kinds_form_is_a_fault(kind: str, value: str) -> None:
    """It would never match, and nobody would know."""
    with pytest.raises(IndicatorError):
        Indicators([listed(kind, value)])


def test_of_two_that_match_alike_the_worse_counts_in_any_order() -> None:
    """Which came first in a file says nothing."""
    pair = [listed("file_path", "/opt/x", disposition="suspicious"), listed("file_path", "/opt//x", title="Report")]
    for order in (pair, pair[::-1]):
        (one,) = Indicators(order).of_action(ran("x", exe="/opt/x"))
        assert (one.disposition, one.title) == ("malicious", "Report")


def test_what_says_little_is_weak() -> None:
    """Of a URL with a name only the host is seen, and that may be a service that everybody uses."""
    assert listed("url", "https://raw.example/evil/x.sh").is_weak()
    assert not listed("url", "https://203.0.113.7/x.sh").is_weak()
    assert listed("file_name", "setup.sh").is_weak()
    assert not listed("file_name", "setup.sh", folders=("/opt/",)).is_weak()


def test_a_hundred_thousand_are_asked_as_quickly_as_one() -> None:
    """Every question is a look-up: the tables hold all, and the answers name one."""
    many = [listed("ipv4", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(100_000)]
    indicators = Indicators(many)
    assert len(indicators) == 100_000
    assert [one.value for one in indicators.of_action(connected("10.1.134.159"))] == ["10.1.134.159"]
    assert len(indicators._networks) == 1
