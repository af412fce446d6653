"""Laws of the core's parts: references, digests, masking, identity, and what a container keeps."""

import hashlib
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_events import at, cid, digest, image_facts, ran, where
from tidewaiter.campaign import GAP_NS, Incidents
from tidewaiter.chain import FIRST_KEPT, LAST_KEPT, Action, Chain
from tidewaiter.digest import chain_id, digest_or_none, parse_digest
from tidewaiter.event import ImageFacts
from tidewaiter.identity import CLAIMED, EVERYWHERE, IdentityGraph
from tidewaiter.ledger import OUTCOMES, Ledger
from tidewaiter.mask import mask_arguments, mask_text
from tidewaiter.node import NameMoment, NodeState
from tidewaiter.reference import ImageReferenceError, parse_reference, reference_or_none
from tidewaiter.waiting import END_NS, WaitingRoom

pytestmark = pytest.mark.property
SETTINGS = settings(deadline=None, max_examples=100, derandomize=True)

# ------------------------------------------------------------------------------------------------ references

SEGMENTS = st.from_regex(r"[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,3})?", fullmatch=True)
HOSTS = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,4}[a-z]\.(?:example|Example|io)(?::[1-9][0-9]{0,4})?", fullmatch=True)
ALL_HOSTS = HOSTS | st.sampled_from(
    ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO", "localhost", "localhost:5000", ""]
)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
TAGS = st.just("") | st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,8}", fullmatch=True)
DIGESTS = st.sampled_from(["a", "b", "c", "d"]).map(digest)
ENDS = st.just("") | DIGESTS.map(lambda found: f"@{found}")
REFERENCES = st.builds(
    lambda host, path, tag, end: f"{host}/{path}{tag}{end}" if host else f"{path}{tag}{end}",
    ALL_HOSTS,
    PATHS,
    TAGS,
    ENDS,
)
NASTY = st.text(max_size=80) | st.text(alphabet="aA.:/@-_0[]% \n\t\u212a\u0130\ud800", max_size=60)


@SETTINGS
@given(REFERENCES)
def test_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    """Normalising twice is normalising once, and the parts say the same."""
    once = parse_reference(text)
    again = parse_reference(once.name)
    assert again.name == once.name
    assert (again.registry, again.path, again.tag, again.digest) == (once.registry, once.path, once.tag, once.digest)
    assert once.text == text


@SETTINGS
@given(HOSTS, PATHS, TAGS)
def test_host_names_have_no_case(host: str, path: str, tag: str) -> None:
    """Upper and lower case of the host are one registry."""
    names = {parse_reference(f"{form}/{path}{tag}").name for form in (host, host.upper(), host.lower())}
    assert len(names) == 1


@SETTINGS
@given(PATHS, TAGS)
def test_aliases_of_the_hub_are_the_hub(path: str, tag: str) -> None:
    """And a name without a registry is the hub's."""
    hosts = ("docker.io", "index.docker.io", "registry-1.docker.io", "DOCKER.IO")
    names = {parse_reference(f"{host}/{path}{tag}").name for host in hosts}
    assert len(names) == 1
    assert names.pop().startswith("docker.io/")


@SETTINGS
@given(HOSTS, st.integers(1, 65535), PATHS)
def test_another_port_is_another_registry(host: str, port: int, path: str) -> None:
    """With and without it."""
    bare = host.partition(":")[0]
    with_port, without = (parse_reference(f"{name}/{path}").repository for name in (f"{bare}:{port}", bare))
    assert with_port != without


@SETTINGS
@given(REFERENCES, REFERENCES)
def test_names_that_differ_are_not_one_repository(one: str, other: str) -> None:
    """Only case of the host, the hub's aliases, tag and digest are left out of a repository's name."""
    first, second = parse_reference(one), parse_reference(other)
    if first.repository == second.repository:
        assert (first.registry, first.path) == (second.registry, second.path)
        assert (
            one.partition("@")[0].rpartition("/")[2].partition(":")[0]
            == (other.partition("@")[0].rpartition("/")[2].partition(":")[0])
        )


@SETTINGS
@given(NASTY)
def test_hostile_text_is_a_reference_or_an_error(text: str) -> None:
    """Nothing but `ImageReferenceError` comes out, and what is read is plain ASCII."""
    try:
        found = parse_reference(text)
    except ImageReferenceError:
        assert reference_or_none(text) is None
    else:
        assert found.name.isascii()
        assert parse_reference(found.name).name == found.name


# ------------------------------------------------------------------------------------------------ digests


@SETTINGS
@given(st.text(max_size=80) | st.text(alphabet="sha256:0123456789abcdefABCDEF", min_size=60, max_size=80))
def test_hostile_text_is_a_digest_or_an_error(text: str) -> None:
    """What is accepted is given back as it was, and is what telemetry's reading accepts."""
    try:
        found = parse_digest(text)
    except ValueError:
        assert digest_or_none(text) is None
    else:
        assert found == text == digest_or_none(text)
        assert len(text) == 71


@SETTINGS
@given(st.lists(DIGESTS, min_size=1, max_size=6))
def test_chain_id_is_folded_from_the_bottom(layers: list[str]) -> None:
    """Each step hashes what is below and the layer; order and number of layers count."""
    expected = layers[0]
    for layer in layers[1:]:
        expected = "sha256:" + hashlib.sha256(f"{expected} {layer}".encode()).hexdigest()
    assert chain_id(layers) == expected
    assert chain_id([*layers, digest("top")]) != expected


# ------------------------------------------------------------------------------------------------ masking

WORDS = st.from_regex(r"[a-zA-Z0-9/._-]{1,10}", fullmatch=True)
FLAGS = st.sampled_from(
    ["-x", "--token", "--password=a", "-u", "TOKEN=b", "--author", "Authorization: c", "d:e@f", "-p"]
)
ARGV = st.lists(WORDS | FLAGS | NASTY, max_size=8)
SECRETS = st.from_regex(r"[A-Za-z0-9]{8,20}", fullmatch=True).map(lambda text: f"Zq{text}")
FORMS = st.sampled_from(
    [
        ("--password={}",),
        ("--password", "{}"),
        ("--api-key={}",),
        ("--token", "{}"),
        ("-H", "Authorization: Bearer {}"),
        ("-H", "X-Api-Key: {}"),
        ("-u", "bob:{}"),
        ("https://bob:{}@host.example/",),
        ("https://host.example/?a=b&token={}&c=d",),
        ("MY_SECRET={}",),
        ("PGPASSWORD='{}'",),
        ('{{"password":"{}"}}',),
        ("sh", "-c", "x --password {} --more"),
        ("sh", "-c", "export API_TOKEN={}; run"),
    ]
)


@SETTINGS
@given(ARGV, FORMS, SECRETS, ARGV)
def test_no_secret_survives_whatever_stands_around_it(
    before: list[str], form: tuple[str, ...], secret: str, after: list[str]
) -> None:
    """Each of the known forms, among any other arguments."""
    written = [part.format(secret) for part in form]
    # What came before may take the first part for its own value: then it is hidden as a whole.
    masked = mask_arguments([*before, "--", *written, *after])
    assert len(masked) == len(before) + 1 + len(written) + len(after)
    assert secret not in "\n".join(masked[len(before) : len(before) + 1 + len(written)])


@SETTINGS
@given(ARGV)
def test_masking_twice_is_masking_once(argv: list[str]) -> None:
    """What was masked is not taken for something else."""
    once = mask_arguments(argv)
    assert mask_arguments(once) == once
    assert len(once) == len(argv)


@SETTINGS
@given(st.text(alphabet="abcdefghijklmnop qrstuvwxyz0123456789./,", max_size=60))
def test_text_without_a_telling_word_stays(text: str) -> None:
    """Nothing is masked where no name, prefix or place tells of a secret."""
    telling = ("pass", "secret", "token", "key", "cred", "auth", "bearer", "cookie")
    if not any(word in text for word in telling):
        assert mask_text(text) == text


# ------------------------------------------------------------------------------------------------ identity

FACTS = st.builds(
    lambda index, manifest, config, stack, repo, cmd, proof: image_facts(
        index_digest=digest(index) if index else None,
        manifest_digest=digest(manifest) if manifest else None,
        config_digest=digest(config) if config else None,
        chain_id=digest(stack) if stack else None,
        repo_digests=tuple(map(digest, repo)),
        cmd=cmd,
        proof=proof,
    ),
    st.sampled_from(["i1", "i2", None]),
    st.sampled_from(["m1", "m2", None]),
    st.sampled_from(["c1", "c2", "c3", None]),
    st.sampled_from(["x1", "x2", None]),
    st.lists(st.sampled_from(["i1", "m1", "m2"]), max_size=2),
    st.sampled_from([None, (), ("a",), ("b",)]),
    st.sampled_from(["registry", "runtime"]),
)
SCOPES = st.sampled_from([EVERYWHERE, CLAIMED, "default/a", "default/b"])


def learnt(facts: list[tuple[ImageFacts, str]]) -> IdentityGraph:
    """The graph of these facts."""
    graph = IdentityGraph()
    for fact, scope in facts:
        graph.learn(fact, scope)
    return graph


@SETTINGS
@given(st.lists(st.tuples(FACTS, SCOPES), max_size=10), st.randoms(use_true_random=False))
def test_relations_do_not_depend_on_order_or_repetition(facts: list[tuple[ImageFacts, str]], chance: Any) -> None:
    """The same facts in any order, once or twice, are the same graph."""
    shuffled = facts * 2
    chance.shuffle(shuffled)
    assert learnt(shuffled) == learnt(facts)


@SETTINGS
@given(st.lists(st.tuples(FACTS, SCOPES), max_size=10))
def test_what_is_proven_on_a_node_was_said_there_or_everywhere(facts: list[tuple[ImageFacts, str]]) -> None:
    """Claims and the words of other nodes prove nothing."""
    graph = learnt(facts)
    believed = learnt([(fact, scope) for fact, scope in facts if scope in (EVERYWHERE, "default/a")])
    for name in ("i1", "m1", "m2", "i2"):
        assert graph.configs_of(digest(name), ["default/a"]) == believed.configs_of(digest(name), ["default/a"])


# ------------------------------------------------------------------------------------------------ containers


def different(number: int) -> Action:
    """One of many connections, each to another port."""
    return Action(at(number), "egress", "tetragon", "t.jsonl", number, dst_ip="203.0.113.7", dst_port=1000 + number)


@SETTINGS
@given(st.lists(st.integers(0, 120), unique=True), st.randoms(use_true_random=False))
def test_first_and_last_behaviours_stay_in_any_order(numbers: list[int], chance: Any) -> None:
    """The rest is counted, and a second delivery of up to a few hundred changes nothing."""
    ordered = sorted(numbers)
    chain = Chain(key=cid("a"), cluster="default", node="n1", container_id=cid("a"))
    arriving = numbers * 2
    chance.shuffle(arriving)
    for number in arriving:
        chain.act(different(number))
    bound = FIRST_KEPT + LAST_KEPT
    expected = ordered if len(ordered) <= bound else ordered[:FIRST_KEPT] + ordered[-LAST_KEPT:]
    assert [action.offset for action in chain.actions] == expected
    assert chain.actions_omitted == len(ordered) - len(expected)


@SETTINGS
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["create", "start"])), max_size=12))
def test_stages_are_a_set(stages: list[tuple[int, str]]) -> None:
    """In any order, once or twice."""
    chain, again = (Chain(key="k", cluster="default", node="n1") for _ in range(2))
    for number, stage in stages:
        chain.sight(stage, at(number), where("docker_events"), "")
    for number, stage in [*reversed(stages), *stages]:
        again.sight(stage, at(number), where("docker_events"), "")
    assert chain == again


# ------------------------------------------------------------------------------------------------ names, counts


@SETTINGS
@given(
    st.lists(st.tuples(st.integers(0, 30) | st.none(), st.sampled_from(["a", "b"])), max_size=10),
    st.randoms(use_true_random=False),
    st.integers(0, 31),
)
def test_name_stands_for_the_last_content_before_the_moment(
    told: list[tuple[int | None, str]], chance: Any, asked: int
) -> None:
    """Untimed listings count where nothing timed does, and where they agree."""
    moments = [
        NameMoment(None if time_ns is None else time_ns + 1, "seen", digest(content), None, "cri", "f", 1)
        for time_ns, content in told
    ]
    node = NodeState("default", "n1")
    chance.shuffle(moments)
    for moment in moments:
        node.learn_name("x", moment)
    timed = [m for m in moments if m.time_ns is not None and m.time_ns <= asked + 1]
    found = node.content_at("x", asked + 1)
    if timed:
        latest = max(m.time_ns or 0 for m in timed)
        assert found is not None
        assert found.time_ns == latest
    else:
        listed = {m.config_digest for m in moments if m.time_ns is None}
        assert (found.config_digest if found else None) == (listed.pop() if len(listed) == 1 else None)


@SETTINGS
@given(st.lists(st.tuples(st.integers(0, 5 * GAP_NS), st.sampled_from(["a", "b"])), max_size=20))
def test_incidents_are_stretches_without_a_gap_of_a_day(alerts: list[tuple[int, str]]) -> None:
    """Two neighbours of one key share an incident exactly when at most a day lies between them."""
    incidents = Incidents()
    ordered = sorted(alerts)
    found = [incidents.of(*alert) for alert in ordered]
    for key in ("a", "b"):
        mine = [(time_ns, name) for (time_ns, of), name in zip(ordered, found, strict=True) if of == key]
        for (before_ns, before), (after_ns, after) in itertools.pairwise(mine):
            assert (before == after) == (after_ns - before_ns <= GAP_NS)


@SETTINGS
@given(
    st.lists(
        st.tuples(st.sampled_from(["falco", "cri"]), st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES)), max_size=30
    )
)
def test_moving_records_changes_no_sum(moves: list[tuple[str, str, str]]) -> None:
    """Whatever is noted and moved, no count is below zero and their sum is what went in."""
    ledger = Ledger()
    for number, (source, before, after) in enumerate(moves):
        if number % 3:
            ledger.note(source, before, number % 4)
        else:
            ledger.move(source, before, after, number % 5)
    noted = sum(number % 4 for number in range(len(moves)) if number % 3)
    assert ledger.records == noted == sum(ledger.outcomes().values())
    assert min(ledger.outcomes().values()) >= 0


@SETTINGS
@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), max_size=3), st.integers(0, 9)), max_size=20))
def test_each_event_leaves_the_waiting_room_once(events: list[tuple[list[str], int]]) -> None:
    """Under whichever of its names, or by age."""
    room = WaitingRoom()
    for number, (names, seconds) in enumerate(events):
        room.add(ran(seconds, None, "sh", line=number), tuple(names))
    left = [event.where.offset for event in room.claim("a")]
    left += [event.where.offset for event in room.overdue(lambda event: at(5))]
    left += [event.where.offset for name in "bc" for event in room.claim(name)]
    left += [event.where.offset for event in room.overdue(lambda event: END_NS)]
    assert sorted(left) == list(range(len(events)))
    assert len(room) == 0
