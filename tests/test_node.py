"""Holds a node's memory: what a name stood for at a moment, pulls that outlive the window, and processes."""

from itertools import permutations

import pytest

from made_events import at, digest
from tidewaiter import node as node_module
from tidewaiter.digest import Digest
from tidewaiter.node import NameMoment, NodeState, Pull, repository_of

NAME, REPOSITORY = "docker.io/library/web:1", "docker.io/library/web"
OLD, NEW = digest("old"), digest("new")
FOREVER = 10**30


def node() -> NodeState:
    """A node of which nothing is known."""
    return NodeState("default", "n1", {"n1"})


def moment(
    seconds: float | None, config: Digest | None, action: str = "pull", repo_digest: Digest | None = None
) -> NameMoment:
    """A name stood for content."""
    return NameMoment(None if seconds is None else at(seconds), action, config, repo_digest, "cri", "f.jsonl", 1)


def pull(seconds: float, config: Digest | None = None, name: str = NAME) -> Pull:
    """Somebody pulled."""
    return Pull(at(seconds), name, repository_of(name), name, "runtime", "cri", "f.jsonl", 1, config_digest=config)


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        (NAME, REPOSITORY),
        (f"{NAME}@{OLD}", REPOSITORY),
        (f"{REPOSITORY}@{OLD}", REPOSITORY),
        ("host.example:5000/web:1", "host.example:5000/web"),
        ("host.example:5000/web", "host.example:5000/web"),
    ],
)
def test_repository_of_a_name(name: str, repository: str) -> None:
    """A port is no tag."""
    assert repository_of(name) == repository


def test_name_stands_for_what_it_was_last_given_before_the_moment() -> None:
    """Names move; they are looked up as of a moment, in any order of arrival."""
    for order in ((1, 2), (2, 1)):
        state = node()
        for number in order:
            state.learn_name(NAME, moment(10 * number, (OLD, NEW)[number - 1]))
        contents = [state.content_at(NAME, at(seconds)) for seconds in (9, 10, 19, 20)]
        assert [found.config_digest if found else None for found in contents] == [None, OLD, OLD, NEW]


def test_untimed_listing_ranks_below_timed_events() -> None:
    """A listing says what a name stands for only where no event does."""
    state = node()
    state.learn_name(NAME, moment(None, NEW, "seen"))
    state.learn_name(NAME, moment(10, OLD))
    early, late = state.content_at(NAME, at(5)), state.content_at(NAME, at(15))
    assert early is not None
    assert late is not None
    assert (early.config_digest, late.config_digest) == (NEW, OLD)


def test_untimed_listings_count_only_where_they_agree() -> None:
    """Two listings that differ leave it open."""
    state = node()
    state.learn_name(NAME, moment(None, NEW, "seen"))
    state.learn_name(NAME, moment(None, OLD, "seen"))
    assert state.content_at(NAME, at(5)) is None


def test_moment_without_a_target_is_passed_over() -> None:
    """A pull by tag says that somebody pulled, not what the tag stood for."""
    state = node()
    state.learn_name(NAME, moment(1, OLD))
    state.learn_name(NAME, moment(2, None))
    found = state.content_at(NAME, at(5))
    assert found is not None
    assert found.config_digest == OLD


def test_unknown_name_stands_for_nothing() -> None:
    """Nothing is made up."""
    assert node().content_at(NAME, at(5)) is None


def test_same_moment_twice_is_one() -> None:
    """A second delivery is a duplicate."""
    state = node()
    assert state.learn_name(NAME, moment(1, OLD))
    assert not state.learn_name(NAME, moment(1, OLD))
    assert len(state.names[NAME]) == 1


def test_node_knows_under_which_names_it_met_content() -> None:
    """The pulls of content are found whatever it is called now."""
    state = node()
    state.learn_name(NAME, moment(1, OLD, repo_digest=NEW))
    state.learn_pull(pull(2, OLD, "host.example/other:1"), FOREVER, 10)
    assert state.repositories[OLD] == {REPOSITORY, "host.example/other"}
    assert state.repositories[NEW] == {REPOSITORY}


def test_moments_of_one_name_are_bounded_at_both_ends() -> None:
    """The earliest and the latest stay."""
    state = node()
    for number in range(100):
        state.learn_name(NAME, moment(number, OLD))
    times = [known.time_ns for known in state.names[NAME]]
    assert len(times) <= 32
    assert times[0] == at(0)
    assert times[-1] == at(99)


def test_moment_at_which_the_name_moved_is_never_given_up() -> None:
    """Forty containers that ran under a name do not make it forgotten that somebody here gave it."""
    state = node()
    for number in range(20):
        state.learn_name(NAME, moment(number, OLD, "ran"))
    state.learn_name(NAME, moment(20, None, "tag"))
    for number in range(21, 61):
        state.learn_name(NAME, moment(number, NEW, "ran"))
    assert "tag" in {known.action for known in state.names[NAME]}


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names without end do not fill the memory, and what is given up is counted."""
    monkeypatch.setattr(node_module, "_NAMES_KEPT", 5)
    state = node()
    for number in range(20):
        state.learn_name(f"docker.io/library/web:{number}", moment(number, digest(str(number))))
    assert len(state.names) == 5
    assert len(state.repositories) <= 5
    assert state.evicted >= 15


def test_given_content_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build machine that tags images without end does not fill the memory."""
    monkeypatch.setattr(node_module, "_NAMES_KEPT", 5)
    state = node()
    for number in range(20):
        state.learn_giving(digest(str(number)), moment(number, digest(str(number)), "build"))
    assert len(state.given) <= 5


def test_pulls_are_kept_in_order_of_time_once() -> None:
    """Arrival has no say, and a second delivery is a duplicate."""
    state = node()
    assert state.learn_pull(pull(2), FOREVER, 10)
    assert state.learn_pull(pull(1), FOREVER, 10)
    assert not state.learn_pull(pull(2), FOREVER, 10)
    assert [known.time_ns for known in state.pulls[REPOSITORY]] == [at(1), at(2)]


def test_pull_older_than_the_retention_is_dropped() -> None:
    """Measured from the newest pull of the repository, in any order of arrival; exactly as old stays."""
    for order in ((0, 100, 101), (101, 100, 0), (100, 0, 101)):
        state = node()
        for seconds in order:
            state.learn_pull(pull(seconds), 100 * 10**9, 10)
        assert [known.time_ns for known in state.pulls[REPOSITORY]] == [at(100), at(101)]
    state = node()
    state.learn_pull(pull(0), 100 * 10**9, 10)
    state.learn_pull(pull(100), 100 * 10**9, 10)
    assert len(state.pulls[REPOSITORY]) == 2


def test_repositories_that_were_pulled_are_bounded() -> None:
    """The one that was pulled longest ago goes first, and is counted."""
    state = node()
    for number in (3, 1, 2):
        state.learn_pull(pull(number, name=f"docker.io/library/w{number}:1"), FOREVER, 2)
    assert set(state.pulls) == {"docker.io/library/w3", "docker.io/library/w2"}
    assert state.evicted == 1


def test_many_pulls_of_one_repository_keep_the_first() -> None:
    """The origin stays; the middle repeats it."""
    state = node()
    for number in range(100):
        state.learn_pull(pull(number), FOREVER, 10)
    times = [known.time_ns for known in state.pulls[REPOSITORY]]
    assert len(times) == 32
    assert (times[0], times[-1]) == (at(0), at(99))


def test_latest_use_of_a_process_id_counts() -> None:
    """Process ids are used again; the later holder is remembered, in any order of arrival."""
    for order in ((1, 2), (2, 1)):
        state = node()
        for number in order:
            state.learn_pid(7, at(number), f"chain {number}")
        assert state.pids[7] == (at(2), "chain 2")


def test_holder_of_a_process_id_is_the_last_before_the_moment() -> None:
    """Else the first after it, up to the difference of clocks; in any order of arrival."""
    turns = [(1, "one"), (5, "other"), (9, "third"), (5, "other"), (6, "other")]
    for order in permutations(turns):
        state = node()
        for seconds, key in order:
            state.learn_pid(7, at(seconds), key)
        assert [state.holder_of(7, at(seconds)) for seconds in (0, 1, 4, 5, 8, 9, 50)] == [
            None,
            *[(at(1), "one")] * 2,
            *[(at(5), "other")] * 2,
            *[(at(9), "third")] * 2,
        ]
        assert state.holder_of(7, at(0), at(1) - at(0)) == (at(1), "one")
        assert state.holder_of(8, at(5)) is None


def test_earlier_holders_of_process_ids_are_bounded() -> None:
    """What is kept for records that come late does not fill the memory."""
    state = node()
    for number in range(1000):
        state.learn_pid(7, at(number), f"chain {number}")
        for key in ("one", "other"):
            state.learn_pid(100 + number, at(number), key)
    assert len(state.reused) <= 256
    assert len(state.turns_of(7)) <= 9


def test_process_ids_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes without end do not fill the memory."""
    monkeypatch.setattr(node_module, "_PIDS_KEPT", 5)
    state = node()
    for pid in range(1, 50):
        state.learn_pid(pid, at(pid), "chain")
    assert len(state.pids) == 5
    assert 49 in state.pids
    assert state.evicted == 44


def test_absorbing_a_node_takes_in_all_but_its_containers() -> None:
    """Two names of one node become one memory."""
    one, other = node(), NodeState("default", "falco-1", {"falco-1"}, {"falco-1"})
    other.learn_name(NAME, moment(1, OLD))
    other.learn_giving(OLD, moment(1, OLD, "tag"))
    other.learn_pull(pull(1, OLD), FOREVER, 10)
    other.learn_pid(7, at(1), "chain")
    other.evicted = 3
    one.absorb(other, FOREVER, 10)
    assert one.aliases == {"n1", "falco-1"}
    assert one.assigned == {"falco-1"}
    assert one.content_at(NAME, at(2)) == moment(1, OLD)
    assert list(one.given) == [OLD]
    assert len(one.pulls[REPOSITORY]) == 1
    assert one.pids == {7: (at(1), "chain")}
    assert one.repositories == other.repositories
    assert one.evicted == 3
