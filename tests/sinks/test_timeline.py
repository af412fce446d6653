"""Proves how evidence and behaviours become the rows of a timeline."""

import msgspec
from sample_alerts import at, behaviour, docker_alert, kubernetes_alert, seen, suspicious_alert

from tidewaiter.alert import Alert, Evidence
from tidewaiter.sinks._timeline import Row, anchor_of, timeline_of


def changed(**fields: object) -> Alert:
    """The Docker alert with other fields."""
    alert: Alert = msgspec.structs.replace(docker_alert(), **fields)
    return alert


def start(seconds: float) -> Evidence:
    return Evidence("start", at(seconds), "docker_events", f"f:{seconds}", "container started")


class TestAnchor:
    def test_is_the_start(self) -> None:
        anchor = anchor_of(docker_alert())
        assert anchor is not None
        assert anchor.what == "the container's start"

    def test_is_the_latest_start_before_the_behaviour_that_decided(self) -> None:
        """A container that was restarted is judged from its last start, and not from one still to come."""
        anchor = anchor_of(changed(evidence=(start(-500), start(10), start(400))))
        assert anchor == anchor_of(changed(evidence=(start(10),)))

    def test_is_the_create_where_no_start_was_seen(self) -> None:
        anchor = anchor_of(changed(evidence=(Evidence("create", at(1), "cri", "f:1", "container created"),)))
        assert anchor is not None
        assert anchor.what == "the container's creation"

    def test_is_the_first_record_where_neither_was_seen(self) -> None:
        anchor = anchor_of(changed(evidence=()))
        assert anchor is not None
        assert anchor.what == "the first record"

    def test_is_nothing_where_no_time_is_known(self) -> None:
        assert anchor_of(changed(evidence=(), behaviours=())) is None


class TestRows:
    def test_are_in_order_of_time_with_their_offsets(self) -> None:
        timeline = timeline_of(docker_alert(), 20)
        assert [(timeline.offset_of(row), row.stage, row.strength) for row in timeline.rows] == [
            ("-3s", "pull", None),
            ("-1s", "create", None),
            ("+0s", "start", None),
            ("+16s", "exec", "strong"),
            ("+17s", "egress", "strong"),
            ("+18s", "exec", "strong"),
        ]

    def test_behaviour_carries_its_row_of_the_policy_and_its_record(self) -> None:
        row = timeline_of(docker_alert(), 20).rows[3]
        assert row.pointer == "suspicious_binary: falco f.jsonl:4"

    def test_record_without_a_time_stands_first_without_an_offset(self) -> None:
        evidence = (Evidence("pull", None, "cri", "f:1", "pulled x"), start(0))
        timeline = timeline_of(changed(evidence=evidence), 20)
        assert (timeline.rows[0].stage, timeline.offset_of(timeline.rows[0])) == ("pull", "")

    def test_behaviour_without_a_record_is_shown_all_the_same(self) -> None:
        """A broken rule of the policy is read from no record, and evidence has a cap."""
        timeline = timeline_of(changed(evidence=()), 20)
        assert [row.pointer for row in timeline.rows] == ["suspicious_binary", "external_egress", "suspicious_binary"]

    def test_chain_can_be_left_out(self) -> None:
        assert {row.strength for row in timeline_of(docker_alert(), 20, chain=False).rows} == {"strong"}

    def test_folder_of_all_records_is_said_once(self) -> None:
        evidence = tuple(msgspec.structs.replace(e, record=f"logs/day/{e.record}") for e in docker_alert().evidence)
        timeline = timeline_of(changed(evidence=evidence), 20)
        assert timeline.folder == "logs/day/"
        assert timeline.rows[0].pointer == "containerd_journal f.jsonl:1"

    def test_file_of_all_records_is_no_folder(self) -> None:
        assert timeline_of(docker_alert(), 20).folder == ""


class TestAlike:
    def find(self, what: str, most: int = 24) -> Row:
        return next(row for row in timeline_of(kubernetes_alert(), most).rows if what in row.what)

    def test_repetitions_share_a_row(self) -> None:
        row = self.find("/beat")
        assert row.note == "(8 times, last +1m40s)"
        assert row.pointer == "suspicious_binary: tetragon node-7/tetragon.log.gz:89000, 7 more"

    def test_one_exec_that_two_sensors_saw_was_one_exec(self) -> None:
        row = self.find("kinsing")
        assert row.note == ""
        assert row.pointer == ("suspicious_binary: tetragon node-7/tetragon.log.gz:88213, falco falco.jsonl:90211")

    def test_name_protocol_and_attribution_stand_apart_from_the_address(self) -> None:
        assert self.find("2001:db8").note == "(tcp, to pool.c2.example)"
        assert self.find("198.51.100.23:53").note == "(udp, attributed to the pod only)"

    def test_session_is_told_once(self) -> None:
        """It is evidence of the chain and a behaviour, read from one record."""
        assert [row.strength for row in timeline_of(kubernetes_alert(), 24).rows if row.stage == "session"] == ["weak"]

    def test_step_that_two_sources_tell_of_shares_a_row(self) -> None:
        told = (
            Evidence("start", at(0.1), "containerd_events", "f:2", "container started"),
            Evidence("start", at(0), "docker_events", "f:1", "container started from evil.example/x:latest"),
        )
        row, *_ = timeline_of(changed(evidence=told), 0).rows
        assert (row.what, row.note) == ("container started from evil.example/x:latest", "")
        assert row.pointer == "docker_events f:1, containerd_events f:2"

    def test_step_that_came_again_is_counted(self) -> None:
        row, *_ = timeline_of(changed(evidence=(start(-500), start(0), start(10))), 0).rows
        assert row.note == "(3 times, last +0s)"

    def test_different_steps_keep_their_rows(self) -> None:
        told = (start(0), Evidence("start", at(0), "docker_events", "f:1", "something else"))
        assert len(timeline_of(changed(evidence=told), 0).rows) == 2


class TestTooMany:
    def test_strong_ones_stay(self) -> None:
        weak = [behaviour(n, f"10.0.0.{n}:80", "egress", strength="weak") for n in range(10)]
        strong = [behaviour(100 + n, f"curl {n}") for n in range(3)]
        timeline = timeline_of(changed(behaviours=(*weak, *strong), evidence=()), 4)
        assert [row.strength for row in timeline.rows] == ["weak", "strong", "strong", "strong"]
        assert [b.what for b in timeline.left_out] == [f"10.0.0.{n}:80" for n in range(1, 10)]

    def test_same_words_at_the_same_time_take_a_record_each(self) -> None:
        """Two behaviours alike are read from two records."""
        twice = behaviour(1, "curl")
        evidence = (seen(twice, "falco", "f:1"), seen(twice, "falco", "f:2"))
        row, *_ = timeline_of(changed(behaviours=(twice, twice), evidence=evidence), 9).rows
        assert (row.note, row.pointer) == ("(2 times, last +0s)", "suspicious_binary: falco f:1, 1 more")


def test_suspicious_sample_has_its_offset() -> None:
    timeline = timeline_of(suspicious_alert(), 6, chain=False)
    assert [timeline.offset_of(row) for row in timeline.rows] == ["+1h15m"]
