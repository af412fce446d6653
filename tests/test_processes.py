"""Holds whose process is whose: by the ids of processes and of their parents, used again and told late."""

from itertools import permutations

from engine_cases import LIFE, behaviours
from made_events import (
    OUTSIDE,
    cid,
    connected,
    created,
    hunted,
    ran,
    started,
    stopped,
)


def test_child_of_the_first_process_is_in_its_container() -> None:
    """TaskStart tells the first pid; auditd tells children only: they meet in any order."""
    child = ran(9, None, "curl", "x", pid=101, parent_pid=100, source="auditd")
    for order in permutations([*LIFE, child]):
        assert behaviours(*order) == ["/usr/bin/curl x"]


def test_grandchild_is_in_the_container_too() -> None:
    """Each process that is found makes its children known, in any order of arrival."""
    below = [
        ran(9, None, "sh", "-c", "curl x", pid=101, parent_pid=100, source="auditd"),
        ran(9.5, None, "env", pid=102, parent_pid=101, source="auditd"),
        ran(10, None, "curl", "x", pid=103, parent_pid=102, source="auditd"),
    ]
    for order in permutations([*LIFE, *below]):
        assert behaviours(*order) == ["/usr/bin/curl x", "/usr/bin/sh -c curl x"]


def test_process_itself_is_found_by_its_own_id() -> None:
    """A connection is told with the pid of whoever made it."""
    assert behaviours(*LIFE, connected(9, None, pid=100)) == [f"{OUTSIDE}:443"]


def test_process_of_another_node_is_in_no_container_here() -> None:
    """Process ids are a node's own."""
    run = hunted([*LIFE, ran(9, None, "curl", pid=101, parent_pid=100, node="n2", source="auditd")])
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1


def test_process_from_before_the_container_is_not_in_it() -> None:
    """Whoever had the process id earlier was somebody else."""
    assert behaviours(*LIFE, ran(-40, None, "curl", "x", pid=101, parent_pid=100, source="auditd")) == []


def test_clock_of_whoever_tells_process_ids_may_run_behind() -> None:
    """Sensors' clocks differ: up to the skew before its container, a process counts."""
    assert behaviours(*LIFE, ran(-20, None, "curl", "x", pid=101, parent_pid=100, source="auditd")) != []


def test_process_id_used_again_belongs_to_the_later_container() -> None:
    """The container that got the id last before the moment is meant."""
    events = [
        *LIFE,
        stopped(10, "a"),
        created(100, "b"),
        started(101, "b", pid=100),
        ran(110, None, "curl", pid=300, parent_pid=100, source="auditd"),
    ]
    assert hunted(events).only.container_id == cid("b")


def test_process_id_used_again_does_not_depend_on_the_order() -> None:
    """A late record from the first container's time is the first container's."""
    events = [
        *LIFE,
        stopped(10, "a"),
        created(11, "b"),
        started(12, "b", pid=100),
        ran(5, None, "curl", pid=300, parent_pid=100, source="auditd"),
    ]
    found = {tuple(alert.container_id for alert in hunted(order).alerts) for order in permutations(events)}
    assert found == {(cid("a"),)}


def test_process_id_used_again_takes_back_what_its_children_did() -> None:
    """The second container's start is told last: what was filed under the first one's leftover id moves, and only
    that."""
    older = [created(-3000, "old"), started(-2999, "old", pid=100), connected(-2990, "old")]
    events = [
        created(0, "a"),
        started(1, "a", pid=100),
        ran(4, None, "sh", "-c", "curl x", pid=300, parent_pid=100, source="auditd"),
        ran(5, None, "curl", "x", pid=301, parent_pid=300, source="auditd"),
    ]
    for order in permutations(events):
        found = {alert.container_id: len(alert.behaviours) for alert in hunted([*older, *order]).alerts}
        assert found == {cid("old"): 1, cid("a"): 2}


def test_parent_that_lives_tells_more_than_a_process_id_left_over() -> None:
    """The id of a new child was some other container's an hour ago."""
    older = [created(-3000, "old"), started(-2999, "old", pid=101)]
    child = ran(9, None, "curl", "x", pid=101, parent_pid=100, source="auditd")
    assert hunted([*older, *LIFE, child]).only.container_id == cid("a")


def test_process_after_the_container_stopped_is_not_in_it() -> None:
    """The host uses the id again: its processes must not be charged to a container that is gone."""
    events = [*LIFE, stopped(10, "a", removed=True), ran(400, None, "curl", pid=777, parent_pid=100, source="auditd")]
    assert behaviours(*events) == []


def test_whole_tree_below_a_process_id_used_again_belongs_to_the_later_container() -> None:
    """Also what a process did that was started by one which is no behaviour; in any order of arrival."""
    later = [
        started(7201, "b", pid=100),
        ran(7210, None, "id", pid=201, parent_pid=100, source="auditd"),
        ran(7220, None, "env", pid=202, parent_pid=201, source="auditd"),
        ran(7230, None, "curl", "x", pid=203, parent_pid=202, source="auditd"),
    ]
    for order in permutations(later):
        assert hunted([*LIFE, created(7200, "b"), *order]).only.container_id == cid("b")


def test_deep_tree_of_processes_that_came_before_their_container_is_survived() -> None:
    """A shell in a shell in a shell, five hundred times, before containerd tells the first process id."""
    tree = [
        ran(2 + number / 1000, None, "sh", pid=101 + number, parent_pid=100 + number, source="auditd")
        for number in range(500)
    ]
    run = hunted([created(0, "a"), *tree, started(1, "a", pid=100)])
    assert run.only.container_id == cid("a")
    assert run.summary.outcomes["waiting"] == 0


def test_deep_tree_of_processes_on_a_nameless_node_is_survived() -> None:
    """The same where no record names the node."""
    tree = [
        ran(2 + number / 1000, None, "sh", pid=101 + number, parent_pid=100 + number, source="auditd", node=None)
        for number in range(500)
    ]
    run = hunted([created(0, "a", node=None), *tree, started(1, "a", pid=100, node=None)])
    assert run.only.container_id == cid("a")
    assert run.summary.outcomes["waiting"] == 0


def test_process_that_is_its_own_parent_is_survived() -> None:
    """Nonsense is nobody's, or the container's whose process id it names."""
    odd = ran(9, None, "curl", "x", pid=100, parent_pid=100, source="auditd")
    for order in permutations([*LIFE, odd]):
        assert behaviours(*order) == ["/usr/bin/curl x"]


def test_process_without_any_id_is_unattributed() -> None:
    """There is nothing to wait for."""
    run = hunted([*LIFE, ran(9, None, "curl")])
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1
