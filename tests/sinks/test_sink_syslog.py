"""Proves that outputs become syslog messages that every reader takes apart again, whatever text and size they have."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_alerts import docker_alert, hostile_alert, kubernetes_alert, withdrawn_alert
from sample_incidents import INCIDENTS, docker_incident, pods_incident, vast_incident
from sample_outputs import golden, samples

from tidewaiter.alert import Alert, Incident, Output
from tidewaiter.edge.unwrap import unwrap_text
from tidewaiter.sinks import sinks
from tidewaiter.sinks._smaller import smaller
from tidewaiter.sinks.syslog import LONGEST_BYTES, encode, message

RFC5424 = re.compile(
    rb"<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([\x21-\x7e]{1,255}) tidewaiter - ([\x21-\x7e]{1,32}) - "
    rb"(\{[\x20-\x7e]*\})"
)
"""The grammar of section 6, as narrow as this sink is."""


def parts(output: Output, longest: int | None = None) -> tuple[int, str, str, str, Output]:
    """Priority, time, host, message id and record of a message."""
    found = RFC5424.fullmatch(message(output, longest=longest))
    assert found is not None
    record = msgspec.json.decode(found[5], type=Output)
    return int(found[1]), found[2].decode(), found[3].decode(), found[4].decode(), record


def changed(**fields: object) -> Alert:
    """The Docker alert with other fields."""
    alert: Alert = msgspec.structs.replace(docker_alert(), **fields)
    return alert


def worst() -> Alert:
    """An alert all of whose texts are as long as the engine keeps them, and in letters that JSON escapes."""
    bad = "é\x1b\U0001f600\\" * 1024
    alert = kubernetes_alert()
    behaviour = msgspec.structs.replace(alert.behaviours[0], what=bad, name=bad, protocol=bad, reason=bad)
    evidence = msgspec.structs.replace(alert.evidence[0], source=bad, record=bad, summary=bad)
    image = msgspec.structs.replace(alert.image, reference=bad, index_digest=bad)
    return msgspec.structs.replace(
        alert,
        **dict.fromkeys(("title", "cluster", "node", "container_id", "container_name", "namespace", "pod"), bad),
        image=image,
        trust=msgspec.structs.replace(alert.trust, rule=bad, origins=(bad,) * 32),
        created_by=msgspec.structs.replace(alert.created_by, user=bad, groups=(bad,) * 32, user_agent=bad),
        behaviours=(behaviour,) * 12,
        evidence=(evidence,) * 12,
        reasons=(bad,) * 12,
        missing=(bad,) * 12,
    )


def test_golden() -> None:
    """The messages people write rules for; UPDATE_GOLDEN=1 rewrites the file."""
    golden("syslog.txt", b"".join(encode(output) for output in samples().values()).decode("ascii"))


@pytest.mark.parametrize("name", sorted(samples()))
def test_message_holds_the_whole_record(name: str) -> None:
    """The text is what `jsonl` gives."""
    record = parts(samples()[name])[4]
    assert record == msgspec.json.decode(sinks()["jsonl"].encode(samples()[name]), type=Output)


def test_severity_is_the_alerts() -> None:
    """authpriv, and error, critical, notice, informational."""
    told = [docker_alert(), kubernetes_alert(), withdrawn_alert(), *samples().values()]
    assert [parts(output)[0] for output in (*told[:3], told[-1])] == [80 + 3, 80 + 2, 80 + 5, 80 + 6]


def test_time_is_cut_to_what_syslog_has_room_for() -> None:
    assert parts(changed(time="2026-09-21T14:13:44.074027776Z"))[1] == "2026-09-21T14:13:44.074027Z"


def test_what_has_no_time_tells_none() -> None:
    """The epoch of a withdrawn alert is no time; a receiver would sort it below everything."""
    assert parts(withdrawn_alert())[1] == "-"
    assert parts(samples()["summary_complete"])[1:4] == ("-", "-", "summary")


def test_host_is_the_node() -> None:
    assert parts(kubernetes_alert())[2] == "ip-10-0-7-41.eu-west-1.compute.internal"
    assert parts(changed(node=""))[2] == "-"


@settings(max_examples=60)
@given(st.text(), st.text(), st.text())
def test_any_text_stays_within_the_grammar(node: str, title: str, time: str) -> None:
    """Blanks, controls and quotes in a name cannot move a field; our own reader of syslog finds the record."""
    text = message(changed(node=node, title=title, time=time, analytic=node))
    assert RFC5424.fullmatch(text) is not None
    wrapped = unwrap_text(text)
    assert wrapped is not None
    assert msgspec.json.decode(wrapped.payloads[0])["kind"] == "alert"


def test_hostile_alert_is_one_line_of_ascii() -> None:
    text = encode(hostile_alert())
    assert text.isascii()
    assert text[:-1].decode().isprintable()


class TestSize:
    def test_what_fits_is_whole(self) -> None:
        assert message(docker_alert(), longest=LONGEST_BYTES) == message(docker_alert())

    def test_evidence_goes_first_and_that_is_said(self) -> None:
        whole = kubernetes_alert()
        record = parts(whole, len(message(whole)) - 1)[4]
        assert isinstance(record, Alert)
        assert record.behaviours == whole.behaviours
        assert 0 < len(record.evidence) < len(whole.evidence)
        assert (
            record.missing[0]
            == f"left out for its size: {len(whole.evidence) - len(record.evidence)} records of evidence"
        )
        assert record.missing[1:] == whole.missing

    def test_behaviours_that_go_are_counted_and_the_strong_ones_stay(self) -> None:
        whole = kubernetes_alert()
        record = parts(whole, 3500)[4]
        assert isinstance(record, Alert)
        assert record.evidence == ()
        assert record.behaviours_omitted + len(record.behaviours) == 1204 + len(whole.behaviours)
        assert {behaviour.strength for behaviour in record.behaviours} == {"strong"}

    @pytest.mark.parametrize("form", ["jsonl", "ocsf"])
    def test_worst_alert_fits(self, form: str) -> None:
        """Its id, its verdict and its digests are whole."""
        text = message(worst(), sinks()[form].encode, LONGEST_BYTES)
        assert 0 < len(text) <= LONGEST_BYTES
        found = RFC5424.fullmatch(text)
        assert found is not None
        assert worst().id in found[5].decode()
        msgspec.json.decode(found[5])

    def test_copies_are_ever_smaller_and_keep_the_verdict(self) -> None:
        copies = list(smaller(worst()))
        sizes = [len(message(copy)) for copy in copies]
        assert sizes == sorted(sizes, reverse=True)
        assert {(copy.id, copy.verdict, copy.severity) for copy in copies} == {
            (worst().id, "alert", worst().severity),
        }

    def test_incident_loses_members_and_counts_them(self) -> None:
        """The head of a large campaign fits, and how large it is stays true."""
        whole = vast_incident()
        for form in ("jsonl", "ocsf"):
            assert 0 < len(message(whole, sinks()[form].encode, LONGEST_BYTES)) <= LONGEST_BYTES
        record = parts(whole, LONGEST_BYTES)[4]
        assert isinstance(record, Incident)
        assert 0 < len(record.members) < len(whole.members)
        assert len(record.members) + record.members_omitted == 1_000
        assert record.title == whole.title
        bad = "\U0001f600" * 4096
        worse = msgspec.structs.replace(whole, title=bad, created_by=bad, nodes=(bad,) * 256, members=())
        assert 0 < len(message(worse, longest=LONGEST_BYTES)) <= LONGEST_BYTES

    def test_what_cannot_fit_gives_nothing(self) -> None:
        assert message(worst(), longest=100) == b""


def test_ocsf_in_a_message_has_no_summaries() -> None:
    """What the format has no use for gives no message."""
    assert message(samples()["summary_complete"], sinks()["ocsf"].encode) == b""


def test_incident_has_the_severity_of_its_gravest_and_the_host_where_there_is_one() -> None:
    assert parts(pods_incident())[:4] == (80 + 2, "2026-09-21T14:29:39.400000Z", "-", "incident")
    assert parts(docker_incident())[2] == "n1-0"
    assert parts(INCIDENTS["withdrawn"]())[0] == 80 + 5
