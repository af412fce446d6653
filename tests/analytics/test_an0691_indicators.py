"""Holds what AN0691 makes of listed indicators: the row `indicator`, and rule 9."""

from collections.abc import Sequence
from typing import Any

import pytest
from an0691_cases import EVIL, POD, verdict

from made_events import (
    CORPORATE,
    OURS,
    OUTSIDE,
    Hunted,
    asked,
    connected,
    created,
    described,
    digest,
    hunted,
    image_facts,
    pulled,
    ran,
    started,
)
from tidewaiter.event import Event, ImageClaim, PodContainer
from tidewaiter.indicators import Indicators, Listed
from tidewaiter.policy import Behaviours, Scope, TrustPolicy

HOUR = 3600


def listed(kind: str, value: str, **more: Any) -> Indicators:
    """A list of one."""
    return Indicators([Listed(type=kind, value=value, title="Report", **more)])


def trusted(
    *events: Event, indicators: Indicators | None, policy: TrustPolicy = CORPORATE, image: ImageClaim | None = None
) -> Hunted:
    """A container of a trusted image does these things."""
    lived = [pulled(-5, OURS), created(0, "a", OURS, image=image, pod=POD), started(1, "a")]
    return hunted([*lived, *events], policy, indicators=indicators)


def unvouched(*events: Event, indicators: Indicators, policy: TrustPolicy = CORPORATE) -> Hunted:
    """A container of an image that nobody vouched for does these things."""
    return hunted([created(0, "a", EVIL, pod=POD), started(1, "a"), *events], policy, indicators=indicators)


C2 = listed("ipv4", OUTSIDE)
INSIDE = listed("ipv4", "10.1.1.1")


def test_a_trusted_image_that_meets_a_malicious_indicator_alerts() -> None:
    """The reason names the indicator, its disposition and the briefing; the evidence names the record."""
    run = trusted(connected(9, "a"), indicators=C2)
    alert = run.only
    assert (alert.verdict, alert.severity) == ("alert", "high")
    reason = f'indicator: {OUTSIDE}:443, listed as ipv4 {OUTSIDE}, malicious in "Report" (strong)'
    assert alert.reasons == ("trust: trusted by rule ours", reason)
    assert [(b.kind, b.reason, b.strength) for b in alert.behaviours] == [("egress", "indicator", "strong")]
    (told,) = [one for one in alert.evidence if one.stage == "behaviour"]
    assert (told.source, told.summary) == ("tetragon", f"{OUTSIDE}:443")
    assert alert.title == f"Trusted image {OURS} connected to {OUTSIDE}:443"


def test_without_the_list_it_is_quiet() -> None:
    """What makes the difference."""
    assert verdict(trusted(connected(9, "a"), indicators=None)) == "quiet"
    assert verdict(trusted(connected(9, "a"), indicators=listed("ipv4", "198.51.100.9"))) == "quiet"


@pytest.mark.parametrize(
    ("indicators", "event"),
    [
        (listed("domain", "evil.example"), connected(9, "a", "10.1.1.1", dst_name="x.evil.example")),
        (INSIDE, connected(9, "a", "10.1.1.1")),
        (listed("ipv4", "127.0.0.1"), connected(9, "a", "127.0.0.1")),
        (C2, connected(9, "a", is_refused=True)),
        (listed("file_path", "/opt/tool"), ran(9, "a", "/opt/tool", exe="/opt/tool")),
        (C2, connected(9, None, pod=POD, source="hubble")),
        (C2, connected(9, "a", prefix=12)),
    ],
)
def test_what_falls_under_no_other_row_counts_too(indicators: Indicators, event: Event) -> None:
    """Internal addresses, harmless programs, what only the pod is known to have done."""
    assert verdict(trusted(event, indicators=indicators)) == "alert"
    assert verdict(unvouched(event, indicators=indicators)) == "alert"


def test_a_suspicious_indicator_makes_trusted_content_suspicious() -> None:
    """Not quiet, and no alert."""
    run = trusted(connected(9, "a"), indicators=listed("ipv4", OUTSIDE, disposition="suspicious"))
    assert (run.only.verdict, run.only.severity) == ("suspicious", "medium")


@pytest.mark.parametrize(("disposition", "expected"), [("malicious", "alert"), ("suspicious", "suspicious")])
def test_a_malicious_indicator_knows_no_window(disposition: str, expected: str) -> None:
    """A suspicious one counts as any strong behaviour: inside the window."""
    indicators = listed("ipv4", "10.1.1.1", disposition=disposition)
    assert verdict(unvouched(connected(9 * HOUR, "a", "10.1.1.1"), indicators=indicators)) == expected
    assert verdict(unvouched(connected(9, "a", "10.1.1.1"), indicators=indicators)) == "alert"
    assert verdict(trusted(connected(9 * HOUR, "a", "10.1.1.1"), indicators=indicators)) == expected


def test_a_flood_hides_no_match() -> None:
    """Chains keep few actions; what matches is kept beside them."""
    flood = [connected(2 + n / 100, "a", f"203.0.113.{n % 250}", 1000 + n) for n in range(2000)]
    met = connected(12, "a", "198.51.100.9")
    run = unvouched(*flood[:1000], met, *flood[1000:], indicators=listed("ipv4", "198.51.100.9"))
    assert any(reason.startswith("indicator: 198.51.100.9:443") for reason in run.only.reasons)


@pytest.mark.parametrize(
    "indicators",
    [
        listed("image", "registry.corp.example/web"),
        listed("image", OURS),
        listed("image_digest", digest("ours")),
        listed("image_digest", digest("manifest ours")),
        listed("sha256", digest("ours")[7:]),
    ],
)
def test_a_trusted_image_that_is_itself_listed_alerts_though_it_does_nothing(indicators: Indicators) -> None:
    """Its name or any digest that is known of it."""
    facts = image_facts(config_digest=digest("ours"), manifest_digest=digest("manifest ours"), proof="registry")
    run = trusted(facts, described(2, "a", "ours"), indicators=indicators)
    assert run.only.verdict == "alert"
    assert [b.kind for b in run.only.behaviours] == ["image"]
    assert "matches a listed indicator:" in run.only.title


def test_no_scope_silences_a_malicious_indicator() -> None:
    """A suspicious one it does: it may be routine there."""
    quiet = TrustPolicy(trust=CORPORATE.trust, scopes=(Scope(name="ci", namespace="shop", quiet=True),))

    def run(disposition: str) -> str:
        request = asked(-1, "web", [PodContainer(name="c", image=EVIL)])
        indicators = listed("ipv4", OUTSIDE, disposition=disposition)
        events: Sequence[Event] = [request, created(0, "a", EVIL, pod=POD), started(1, "a"), connected(9, "a")]
        return verdict(hunted(events, quiet, indicators=indicators))

    assert (run("malicious"), run("suspicious")) == ("alert", "silenced")


def test_what_says_little_is_weak() -> None:
    """A name alone, the host of a URL: suspicious for images nobody vouched for, nothing for others."""
    name = listed("file_name", "tool")
    event = ran(9, "a", "/opt/tool", exe="/opt/tool")
    assert verdict(unvouched(event, indicators=name)) == "suspicious"
    assert verdict(trusted(event, indicators=name)) == "quiet"


def test_who_may_only_have_been_answered_says_little() -> None:
    """Whoever scans the internet is on many lists; flow logs do not tell who opened a connection."""
    answered = connected(9, "a", is_initiator_proven=False)
    assert verdict(unvouched(answered, indicators=C2)) == "suspicious"
    assert verdict(trusted(answered, indicators=C2)) == "quiet"


def test_the_weight_is_a_setting() -> None:
    """`none`: nobody looks."""
    policy = TrustPolicy(trust=CORPORATE.trust, behaviours=Behaviours(indicator="none"))
    assert verdict(trusted(connected(9, "a"), indicators=C2, policy=policy)) == "quiet"


def test_trusted_content_is_not_left_unread() -> None:
    """What settles without a list is read to the end with one: hours later it may meet what is listed."""
    calm = [connected(9, "a", "10.1.1.2"), *(connected(HOUR * n, "a", "10.1.1.2") for n in range(1, 4))]
    late = connected(4 * HOUR, "a")
    assert trusted(*calm, late, indicators=None).engine.quiet
    run = trusted(*calm, late, indicators=C2)
    assert not run.engine.quiet
    assert verdict(run) == "alert"


def test_while_watching_an_idle_container_of_a_listed_image_is_told() -> None:
    """It need do nothing."""
    run = hunted(
        [pulled(-5, OURS), created(0, "a", OURS, pod=POD), started(1, "a")],
        CORPORATE,
        indicators=listed("image", OURS),
        live=True,
    )
    assert run.only.verdict == "alert"
