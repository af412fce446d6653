"""The fork tree: where a child is, without asking it; bounded, and never somebody else's after an id is used again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.edge import proc_files
from tidewaiter.edge.process_tree import ProcessTree
from tidewaiter.sources._sensor_record import ContainerNamed

WEB, DB = ContainerNamed("a" * 64, "docker"), ContainerNamed("b" * 64, "docker")


class Proc:
    """Stands in for /proc."""

    def __init__(self) -> None:
        self.containers: dict[int, ContainerNamed | None] = {}
        self.parents: dict[int, int] = {}

    def container_now(self, pid: int) -> ContainerNamed | None:
        """As in `proc_files`."""
        if pid not in self.containers:
            raise ProcessLookupError
        return self.containers[pid]

    def origin(self, pid: int) -> proc_files.Origin:
        """As in `proc_files`."""
        parent = self.parents.get(pid)
        return proc_files.Origin(parent, f"/exe/of/{parent}", 1000)


@pytest.fixture
def proc(monkeypatch: pytest.MonkeyPatch) -> Proc:
    """A /proc without processes."""
    made = Proc()
    monkeypatch.setattr(proc_files, "container_now", made.container_now)
    monkeypatch.setattr(proc_files, "origin", made.origin)
    return made


def container(tree: ProcessTree, pid: int) -> ContainerNamed | None:
    """Where the tree says that a process is."""
    process = tree.get(pid)
    return process.container if process is not None else None


def test_children_are_where_their_parents_were(proc: Proc) -> None:
    """However deep, though /proc shows none of them any more."""
    proc.containers[10] = WEB
    tree = ProcessTree()
    tree.look(10)
    proc.containers.clear()
    tree.fork(10, 11)
    tree.end(10)
    tree.fork(11, 12)
    found = tree.look(12)
    assert found is not None
    assert (found.container, found.parent_pid, found.uid) == (WEB, 11, 1000)
    assert container(tree, 10) is None


def test_what_proc_shows_goes_before_what_was_inherited(proc: Proc) -> None:
    """A container that a container started; but an ending process that seems to be nowhere stays where it was."""
    proc.containers[10] = WEB
    tree = ProcessTree()
    tree.look(10)
    for pid in (11, 12):
        tree.fork(10, pid)
    proc.containers |= {11: DB, 12: None}
    assert [found.container for pid in (11, 12) if (found := tree.look(pid))] == [DB, WEB]


def test_a_process_that_joined_a_container_is_found_by_its_child(proc: Proc) -> None:
    """It ran nothing there itself."""
    proc.containers |= {1: None, 10: WEB, 11: WEB}
    proc.parents |= {11: 10, 10: 1}
    tree = ProcessTree()
    child = tree.look(11)
    assert child is not None
    assert tree.parent_exe(child) == "/exe/of/10"
    assert (container(tree, 10), container(tree, 1)) == (WEB, None)


def test_a_process_id_that_is_used_again_is_somebody_new(proc: Proc) -> None:
    """Though its end was not seen."""
    proc.containers[10] = WEB
    tree = ProcessTree()
    tree.look(10)
    tree.fork(7, 10)
    assert tree.look(99) is None
    assert container(tree, 10) is None


def test_users_change(proc: Proc) -> None:
    """And are inherited."""
    proc.containers[10] = WEB
    tree = ProcessTree()
    tree.look(10)
    tree.change_user(10, 33)
    tree.change_user(999, 33)
    tree.fork(10, 11)
    found = tree.get(11)
    assert found is not None
    assert found.uid == 33


def test_a_rebuilt_tree_is_what_proc_shows(proc: Proc) -> None:
    """Without ourselves."""
    proc.containers |= {10: WEB, 11: DB, 12: WEB, 13: None}
    tree = ProcessTree()
    tree.look(12)
    del proc.containers[12]
    tree.rebuild([10, 11, 12, 13], except_pid=11)
    assert [container(tree, pid) for pid in (10, 11, 12, 13)] == [WEB, None, None, None]
    assert (len(tree), tree.containers()) == (1, 1)


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9) | st.none()), max_size=60))
def test_the_tree_agrees_with_a_plain_account_of_forks_and_ends(steps: list[tuple[int, int | None]]) -> None:
    """Process 1 is in a container, 2 is not; (parent, child) is a fork, (pid, None) an end."""
    with pytest.MonkeyPatch.context() as patch:
        shown = Proc()
        shown.containers[1] = WEB
        patch.setattr(proc_files, "container_now", shown.container_now)
        patch.setattr(proc_files, "origin", shown.origin)
        tree = ProcessTree()
        tree.look(1)
        inside = {1}
        for pid, child in steps:
            if child is None:
                tree.end(pid)
                inside.discard(pid)
            else:
                tree.fork(pid, child)
                inside = inside | {child} if pid in inside else inside - {child}
        assert {pid for pid in range(1, 10) if tree.get(pid) is not None} == inside


def test_the_tree_is_bounded(proc: Proc) -> None:
    """The oldest go, and are counted."""
    proc.containers[0] = WEB
    tree = ProcessTree(cap=100)
    tree.look(0)
    for pid in range(1, 1000):
        tree.fork(pid - 1, pid)
    assert len(tree) <= 100
    assert tree.evicted > 0
    assert container(tree, 999) == WEB
