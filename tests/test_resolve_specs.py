"""Holds which of several specs a container was made from: the latest up to its create, wherever it was told."""

from itertools import permutations

import pytest

from made_events import CORPORATE, OURS, asked, connected, created, hunted, image_facts, pod_of, ran, started
from resolve_cases import EVIL, C, shown
from tidewaiter.event import Event, ImageClaim, PodContainer

NAMELESS = created(0, "a", C, pod=pod_of("web", "c"))
"""The runtime tells a digest only: the spec is all there is to go by."""


def test_spec_that_was_set_after_the_create_vouches_for_nothing() -> None:
    """Whoever patches the image later does not change what runs already."""
    assert shown([NAMELESS, asked(600, "web", {"c": OURS})]).trust.state == "unknown"


def test_clock_of_the_api_server_may_be_ahead() -> None:
    """Within the skew a spec may seem to come after the container that was made from it."""
    assert shown([NAMELESS, asked(20, "web", {"c": OURS}), asked(25, "web", {"c": EVIL})]).trust.state == "trusted"


def test_each_container_of_a_pod_is_made_from_the_spec_of_its_time() -> None:
    """The image was patched between two containers of one place."""
    pod = pod_of("web", "c", uid="u1")
    events = [
        asked(-20, "web", {"c": OURS}, uid="u1"),
        created(0, "a", C, pod=pod),
        asked(30, "web", {"c": EVIL}, uid="u1"),
        created(40, "b", C, pod=pod),
    ]
    for order in (events, events[::-1]):
        run = hunted(order, CORPORATE)
        assert [run.about(name).trust.state for name in "ab"] == ["trusted", "untrusted"]


@pytest.mark.parametrize(("first", "second"), [("u1", None), (None, "u1"), ("u1", "u1"), (None, None)])
def test_latest_spec_counts_whether_told_by_uid_or_by_name(first: str | None, second: str | None) -> None:
    """An audit log tells the uid with the answer only, and may keep the answer of one request only."""
    specs = [asked(-20, "web", {"c": OURS}, uid=first), asked(-5, "web", {"c": EVIL}, uid=second)]
    assert shown([*specs, created(0, "a", C, pod=pod_of("web", "c", uid="u1"))]).trust.state == "untrusted"


@pytest.mark.parametrize(("runs", "state"), [(OURS, "trusted"), (EVIL, "untrusted")])
def test_of_specs_told_for_one_moment_that_which_runs_counts(runs: str, state: str) -> None:
    """A watch stream tells each version of a pod for the moment at which the pod was made."""
    versions = [asked(-20, "web", {"c": image}) for image in (OURS, EVIL)]
    named = created(0, "a", image=ImageClaim(reference=runs), pod=pod_of("web", "c"))
    assert shown([*versions, named]).trust.state == state


def test_what_a_sensor_copied_does_not_choose_the_spec() -> None:
    """Only the runtime's own word of what it runs does."""
    events = [asked(-20, "web", {"c": OURS}), asked(-5, "web", {"c": EVIL}), NAMELESS]
    copied = ran(9, "a", "id", image=ImageClaim(reference=OURS))
    assert shown([*events, copied]).trust.state == "untrusted"


def test_who_debugs_is_told_by_the_request_for_that_very_container() -> None:
    """Alice once debugged a pod of that name; this debug container was added by a robot."""
    debug = [PodContainer(name="dbg", image=EVIL, kind="ephemeral")]
    events: list[Event] = [
        asked(-900, "web", debug, user="alice"),
        asked(-5, "web", debug, user="system:serviceaccount:ops:robot"),
        created(0, "a", EVIL, pod=pod_of("web", "dbg")),
        started(1, "a"),
        ran(9, "a", "id"),
        ran(10, "a", "curl", "x"),
        image_facts(None, config_digest=C, cmd=("web",), proof="runtime"),
    ]
    robots = {alert.verdict for order in (events, events[::-1]) for alert in hunted(order).alerts}
    assert robots == {"alert"}
    assert hunted([events[0], *events[2:]]).only.verdict == "suspicious"


def test_pod_without_known_containers_is_judged_by_each_image_it_had() -> None:
    """An audit log without uids, and Hubble: what the evil image did is not forgotten when the good one comes back."""
    events = [
        asked(-20, "db-0", {"c": EVIL}),
        connected(-10, None, pod=pod_of("db-0"), source="hubble"),
        asked(-5, "db-0", {"c": OURS}),
        connected(9, None, pod=pod_of("db-0"), source="hubble"),
    ]
    for order in permutations(events):
        run = hunted(order, CORPORATE)
        assert run.only.image.reference == EVIL
        assert {shown.image.reference for shown in run.containers} == {EVIL, OURS}
    assert hunted(events[2:], CORPORATE).alerts == []
