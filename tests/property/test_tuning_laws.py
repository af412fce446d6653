"""Laws of tuning on generated records: no text of telemetry leaves its quotes, and no scope is wider than it may be."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_records import ONE, PYTHON, history, record
from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.cli._tune_document import Shown, document
from tidewaiter.cli._tune_text import page
from tidewaiter.edge.policy_edit import Addition, added
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy, load_policy
from tidewaiter.review.recorded import Record, verdict_under
from tidewaiter.review.tuning import propose, with_scopes
from tidewaiter.review.tuning_rules import Effect

pytestmark = pytest.mark.property

HOSTILE = st.one_of(
    st.sampled_from(
        [
            "ci",
            'a"\n  - {name: x, namespace: "*", effect: quiet}',
            '", effect: quiet}',
            "a\r\ntrust: [{name: x, image: '**', state: trusted}]",
            "&anchor",
            "*alias",
            "!!python/object:os.system",
            "{}",
            "[",
            "# comment",
            "a: b",
            "- a",
            "'",
            '"',
            "\\",
            "\\n",
            "\u2028x",
            "\x85x",
            "\ufeff",
            "\x00",
            "\udc80",
            "null",
            "1",
            "~",
            "%TAG ! x",
            "---",
            "...",
            "*",
            "[a-z]*",
            "?",
            "\U0001f600",
            "\u202e",
        ]
    ),
    st.text(max_size=40),
)
POLICIES = (
    "version: 1\n",
    "scopes:\n  - {name: old, namespace: dev, effect: quiet}\ntests:\n  - {image: alpine, expect: untrusted}\n",
    "version: 1\r\nscopes: []\r\n",
)


@dataclass(frozen=True)
class World:
    """Some alerts, of which the first are given."""

    records: tuple[Record, ...]
    given: int


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(HOSTILE, min_size=1, max_size=3))
    some = st.sampled_from([*names, "ci"])
    records = tuple(
        record(
            f"{number:032x}",
            cluster=draw(some),
            node=draw(some),
            namespace=draw(st.none() | some),
            container_name=draw(st.none() | some),
            workload=draw(st.none() | st.builds(Workload, some, some)),
            image=ImageIdentity(reference=draw(some), config_digest=draw(st.none() | st.just(ONE))),
            digest_consistency=draw(st.sampled_from(["proven", "by_name", "unknown"])),
            trust=TrustShown("untrusted", draw(some), draw(st.sampled_from([(PYTHON,), (draw(some),), ()]))),
            created_by=CreatedBy(user=draw(st.none() | some)),
            title=draw(some),
            time=draw(st.sampled_from(["2026-09-21T14:13:20.000000000Z", draw(some)])),
        )
        for number in range(draw(st.integers(1, 4)))
    )
    return World(records, draw(st.integers(1, len(records))))


@settings(max_examples=300, deadline=None)
@given(world=worlds(), text=st.sampled_from(POLICIES), effect=st.sampled_from(["quiet", "suspicious"]))
def test_what_is_written_says_the_scopes_and_nothing_else(world: World, text: str, effect: Effect) -> None:
    """The policy afterwards is the policy before and exactly the scopes, whatever they are called."""
    before = load_policy(text, "p.yaml")
    tuning = propose({one.id: one for one in world.records[: world.given]}, history(*world.records), before, effect)
    by_id = {one.id: one for one in world.records}
    additions = [
        Addition(candidate.scope, f"from {by_id[candidate.silences[0]].time}", by_id[candidate.silences[0]])
        for candidate in tuning.candidates
        if candidate.scope is not None
    ]
    if not additions:
        return
    after = load_policy(added(text, additions, "p.yaml"), "p.yaml")
    assert after.scopes == (*before.scopes, *(addition.scope for addition in additions))
    assert (after.trust, after.default, len(after.tests)) == (
        before.trust,
        before.default,
        len(before.tests) + len(additions),
    )
    assert after.run_tests() == ()


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_every_scope_is_sound_and_silences_what_it_says(world: World) -> None:
    """Two things that nobody inside chooses, one repository, no pod; and the list of what goes silent is complete."""
    given_ids = {one.id: one for one in world.records[: world.given]}
    for candidate in propose(given_ids, history(*world.records), DEFAULT_POLICY).candidates:
        scope = candidate.scope
        if scope is None:
            continue
        assert (scope.pod, scope.service_account) == (None, None)
        assert scope.cluster
        known = (scope.namespace or scope.node, scope.digests, scope.user, scope.image)
        assert sum(map(bool, known)) >= 2
        assert scope.image is None or "*" not in scope.image
        policy = with_scopes(TrustPolicy(), (scope,))
        silenced = {one.id for one in world.records if verdict_under(one, policy) == "silenced"}
        assert silenced == {*candidate.silences, *(one.id for one in candidate.also)}
        assert silenced.isdisjoint(one.id for one in candidate.perhaps)


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_nothing_that_steers_a_terminal_is_shown(world: World) -> None:
    """Every line of the page prints, and the document is made of plain values."""
    given_ids = {one.id: one for one in world.records[: world.given]}
    tuning = propose(given_ids, history(*world.records), DEFAULT_POLICY)
    shown = Shown(tuning, len(given_ids), len(world.records), 0, None, (), "quiet")
    assert all(line.isprintable() for line in page(shown).split("\n"))
    assert len(document(shown, None).candidates) == len(tuning.candidates)
