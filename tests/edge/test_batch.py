"""Proves that a batch can be cut without losing anything, and that it adds up."""

from tidewaiter.edge.batch import Batch, Unread
from tidewaiter.event import Where


def batch() -> Batch:
    """Four records, with everything that a batch can tell."""
    return Batch(
        stream="s",
        cluster="c",
        node="n",
        sources=["a", "b", "a", "b"],
        records=[b"0", b"1", b"2", b"3"],
        offsets=range(10, 14),
        nodes={1: "x", 3: "y"},
        weights={2: 5},
        unrecognised=1,
        rejected=2,
        headers=3,
        skipped={"a": 1, "b": 3},
        blank=5,
        unread=[Unread("rejected", 1, "why", "text")],
        position=99,
        problems=["is cut short"],
    )


def test_the_evidence_pointer_names_the_envelopes_node_before_the_users() -> None:
    """Source, stream, offset, cluster and node of one record."""
    assert batch().where(0) == Where("a", "s", 10, "c", "n")
    assert batch().where(3) == Where("b", "s", 13, "c", "y")


def test_all_records_are_counted_but_blank_lines() -> None:
    """A joined record counts its lines."""
    assert batch().records_total == 3 + 5 + 1 + 2 + 3 + 4
    assert (batch().weight(0), batch().weight(2)) == (1, 5)


def test_parts_add_up_to_the_whole() -> None:
    """However a batch is cut, nothing is lost and nothing doubled."""
    whole = batch()
    for cut in range(5):
        parts = [whole.part(0, cut), whole.part(cut, 4)] if cut else [whole.part(0, 4)]
        assert [record for part in parts for record in part.records] == whole.records
        wheres = [part.where(index) for part in parts for index in range(len(part.records))]
        assert wheres == [whole.where(index) for index in range(4)]
        assert sum(part.records_total for part in parts) == whole.records_total
        assert [problem for part in parts for problem in part.problems][:1] == whole.problems
        assert sum(len(part.unread) for part in parts) == 1
