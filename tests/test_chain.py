"""Holds what is kept of one container: sets in order of time, bounded at both ends, the rest counted."""

import random
from collections.abc import Iterable

import pytest

from made_events import OUTSIDE, at, cid, digest, ran, started, where
from tidewaiter.chain import FIRST_KEPT, LAST_KEPT, Action, Chain, Session
from tidewaiter.ends import insert
from tidewaiter.event import ImageClaim, Pod, User


def chain() -> Chain:
    """A container of which nothing is known yet."""
    return Chain(key=cid("a"), cluster="default", node="n1", container_id=cid("a"))


def egress(seconds: float, port: int = 443, ip: str = OUTSIDE, line: int = 1) -> Action:
    """One connection."""
    return Action(at(seconds), "egress", "tetragon", "t.jsonl", line, dst_ip=ip, dst_port=port)


def acted(actions: Iterable[Action]) -> Chain:
    """A container that did these things, as they arrived."""
    made = chain()
    for action in actions:
        made.act(action)
    return made


def kept(made: Chain) -> tuple[tuple[Action, ...], int]:
    """What is kept, and the count of the rest."""
    return made.actions, made.actions_omitted


def shuffled(actions: list[Action], seed: int) -> list[Action]:
    """The same in another order."""
    return random.Random(seed).sample(actions, len(actions))  # noqa: S311  # no cryptography


def test_insert_keeps_the_first_and_the_last() -> None:
    """Of items in order, the middle is given up."""
    items: tuple[Action, ...] = ()
    for seconds in (5, 1, 9, 3, 7):
        items, duplicate, _ = insert(items, egress(seconds), 2, 2)
        assert not duplicate
    assert [item.time_ns for item in items] == [at(1), at(3), at(7), at(9)]


def test_insert_knows_what_it_has() -> None:
    """The same item again is a duplicate; the record that stands first stays its evidence."""
    items, _, _ = insert((), egress(1, line=7), 2, 2)
    items, duplicate, given_up = insert(items, egress(1, line=3), 2, 2)
    assert (duplicate, given_up, items[0].offset) == (True, None, 3)
    items, duplicate, _ = insert(items, egress(1, line=9), 2, 2)
    assert (duplicate, items[0].offset) == (True, 3)


def test_first_and_last_behaviours_stay_and_the_rest_is_counted() -> None:
    """A hundred connections to a hundred ports leave the first and last 24 and the count of the others."""
    actions = [egress(number, port=1000 + number) for number in range(100)]
    made = acted(actions)
    assert made.actions == tuple(actions[:FIRST_KEPT] + actions[-LAST_KEPT:])
    assert made.actions_omitted == 100 - FIRST_KEPT - LAST_KEPT


@pytest.mark.parametrize("seed", range(5))
def test_order_of_different_behaviours_leaves_no_trace(seed: int) -> None:
    """Whatever arrives first, the same behaviours stay and the same number is counted."""
    actions = [egress(number, port=1000 + number) for number in range(100)]
    assert kept(acted(shuffled(actions, seed))) == kept(acted(actions))


def test_behaviour_that_repeats_stays_three_times_at_each_end() -> None:
    """A probe every ten seconds does not crowd out the rest."""
    made = acted([egress(10 * number) for number in range(50)])
    assert [action.time_ns for action in made.actions] == [at(10 * number) for number in (0, 1, 2, 47, 48, 49)]
    assert made.actions_omitted == 44


@pytest.mark.parametrize("seed", range(5))
def test_order_of_a_behaviour_that_repeats_leaves_no_trace(seed: int) -> None:
    """The three earliest and the three latest stay, whatever came first."""
    actions = [egress(10 * number) for number in range(50)]
    assert kept(acted(shuffled(actions, seed))) == kept(acted(actions))


def test_order_of_repeated_and_different_behaviours_leaves_no_trace() -> None:
    """A miner that calls home while it scans: the same behaviours stay in any order of arrival."""
    scan = [egress(2 * number, port=1000 + number) for number in range(60)]
    calls = [egress(2 * number + 1, ip="198.51.100.1") for number in range(40)]
    assert kept(acted([*scan, *calls])) == kept(acted([*calls, *scan]))


def test_second_delivery_changes_nothing() -> None:
    """What is known, kept or counted, is not counted again."""
    actions = [egress(number, port=1000 + number) for number in range(100)]
    assert kept(acted([*actions, *actions])) == kept(acted(actions))


def test_second_delivery_of_many_behaviours_changes_nothing() -> None:
    """The count of a busy container is the same when everything comes twice."""
    actions = [egress(number, port=1000 + number) for number in range(400)]
    assert kept(acted([*actions, *actions])) == kept(acted(actions))


def test_sightings_of_one_stage_are_told_apart_by_source_and_time() -> None:
    """Two producers that show one start are two pieces of evidence; one that shows it twice is one."""
    made = chain()
    assert made.sight("start", at(1), where("docker_events"), "ubuntu")
    assert made.sight("start", at(1), where("containerd_events"), "ubuntu")
    assert not made.sight("start", at(1), where("docker_events"), "ubuntu")
    assert made.starts_ns == (at(1), at(1))
    assert made.creates_ns == ()
    assert made.first_seen_ns == at(1)


def test_every_start_of_a_container_that_keeps_restarting_stays_an_anchor() -> None:
    """The window opens again with each start: a start that is forgotten makes a behaviour late."""
    made = chain()
    for number in range(30):
        made.sight("start", at(1000 * number), where("docker_events"), "")
        made.sight("stop", at(1000 * number + 500), where("docker_events"), "")
    assert at(15_000) in made.starts_ns


def test_claims_are_a_set() -> None:
    """What a source said about the image counts once, in any order."""
    one, other = ImageClaim(reference="a"), ImageClaim(config_digest=digest("c"))
    first, second = chain(), chain()
    for source, image in (("cri", one), ("falco", other), ("cri", one)):
        first.claim(source, image)
    for source, image in (("falco", other), ("cri", one)):
        second.claim(source, image)
    assert first.claims == second.claims
    assert len(first.claims) == 2


def test_order_of_many_claims_leaves_no_trace() -> None:
    """A sensor that tells another image each time does not make the order of arrival matter."""
    images = [ImageClaim(reference=f"x{number}") for number in range(20)]
    first, second = chain(), chain()
    for image in images:
        first.claim("falco", image)
    for image in reversed(images):
        second.claim("falco", image)
    assert first.claims == second.claims


def test_names_do_not_depend_on_the_order() -> None:
    """Where two records disagree, the smaller text stays."""
    pods = [Pod(namespace="b", name="p"), Pod(namespace="a", workload="w", workload_kind="Job"), Pod(uid="u")]
    first, second = chain(), chain()
    for pod in pods:
        first.place(pod)
    for pod in reversed(pods):
        second.place(pod)
    first.be_called("x")
    first.be_called(None)
    second.be_called("x")
    assert first == second
    assert (first.pod_namespace, first.pod_name, first.pod_uid, first.workload) == ("a", "p", "u", "w")


def session(seconds: float, session_id: str | None = None, user: str | None = "alice", line: int = 1) -> Session:
    """Somebody attached."""
    named = None if user is None else User(name=user)
    return Session(at(seconds), "kubernetes_audit", "a.jsonl", line, ("sh",), named, session_id)


def test_records_of_one_session_are_one_session() -> None:
    """Its earliest record stays."""
    made = chain()
    assert made.attach(session(2, "s"))
    assert not made.attach(session(1, "s"))
    assert not made.attach(session(3, "s"))
    assert [known.time_ns for known in made.sessions] == [at(1)]


def test_sessions_without_an_id_are_told_apart_by_time_and_command() -> None:
    """Two people may run one command at two times."""
    made = chain()
    assert made.attach(session(1))
    assert made.attach(session(2))
    assert not made.attach(session(1))
    assert len(made.sessions) == 2


def test_order_of_many_sessions_leaves_no_trace() -> None:
    """Which sessions stay is decided by their time."""
    many = [session(number, f"s{number}") for number in range(30)]
    first, second = chain(), chain()
    for one in many:
        first.attach(one)
    for one in reversed(many):
        second.attach(one)
    assert first.sessions == second.sessions


def test_key_of_a_full_id_is_unique() -> None:
    """An id somebody chose may stand for several containers, a runtime's own for one only."""
    assert chain().is_unique
    assert Chain(key="default/c1", cluster="default", node="n1", container_id="c1").is_unique is False
    assert Chain(key="pod:shop/p/c", cluster="default", node="").is_unique


def test_absorbing_takes_everything_in() -> None:
    """The same container under two keys becomes one, with all that was seen of it."""
    one, other = chain(), Chain(key="pod:shop/p/c", cluster="default", node="n1")
    one.act(egress(5))
    one.sight("create", at(1), where("docker_events"), "")
    other.act(egress(5))
    other.act(egress(6))
    other.sight("start", at(0), where("kubernetes_events"), "")
    other.claim("kubernetes_events", ImageClaim(reference="x"))
    other.place(Pod(namespace="shop", name="p", container_name="c"))
    other.attach(session(9, "s"))
    other.privileged = True
    other.first_process = (at(2), "/bin/sh", ("sh",), "")
    one.absorb(other)
    assert [action.time_ns for action in one.actions] == [at(5), at(6)]
    assert (one.creates_ns, one.starts_ns, one.first_seen_ns) == ((at(1),), (at(0),), at(0))
    assert (one.pod_name, one.privileged, len(one.sessions), len(one.claims)) == ("p", True, 1, 1)
    assert one.first_process == (at(2), "/bin/sh", ("sh",), "")


def test_event_names_its_container_once() -> None:
    """What an event says of runtime, namespace, image and pod is taken in."""
    made = chain()
    made.identify(started(1, "a", runtime="docker", runtime_namespace="moby", pod=Pod(namespace="shop", name="p")))
    made.identify(ran(2, "a", "sh", image=ImageClaim(reference="x")))
    assert (made.runtime, made.runtime_namespace, made.pod_name) == ("docker", "moby", "p")
    assert [claim.image.reference for claim in made.claims] == ["x"]
