"""Proves what is taken out of the envelopes that log shippers, clouds and APIs put around records."""

import base64
import gzip
import json
from typing import Any

import pytest

from tidewaiter.edge.members import members
from tidewaiter.edge.unwrap import (
    Wrapped,
    complete_element,
    list_members,
    unwrap_object,
    unwrap_text,
)

RECORD = '{"deep":{"id":1}}'


def unwrapped(envelope: Any) -> Wrapped:
    """What an envelope, given as plain data, carries."""
    found = unwrap_object(members(json.dumps(envelope).encode()))
    assert found is not None
    return found


@pytest.mark.parametrize("envelope", [
    {"log": RECORD + "\n", "stream": "stdout", "time": "2026-09-21T06:00:00.1Z"},
    {"log": RECORD, "kubernetes": {}},
    {"log": json.loads(RECORD), "_name": "case", "_expected": True},
    {"message": RECORD},
    {"MESSAGE": RECORD, "__REALTIME_TIMESTAMP": "1790000024074027", "_TRANSPORT": "stdout"},
    {"MESSAGE": list(RECORD.encode()), "__REALTIME_TIMESTAMP": "1790000024074027"},
    {"@timestamp": "2026-09-21T06:00:00Z", "@message": RECORD},
    {"msg": RECORD, "level": "info"},
    {"version": "1.1", "host": "node-a", "short_message": RECORD},
    {"labels": {"app": "x"}, "line": RECORD, "timestamp": "2026-09-21T06:00:00Z"},
    {"type": "ADDED", "object": json.loads(RECORD)},
    {"received": 1790000024.5, "content_type": "application/json", "body": json.loads(RECORD)},
    {"time": 1790000024, "event": json.loads(RECORD), "host": "node-a"},
    {"_index": "logs", "_source": json.loads(RECORD)},
    {"preview": False, "result": json.loads(RECORD)},
    {"jsonPayload": json.loads(RECORD), "logName": "projects/p/logs/x"},
    {"textPayload": RECORD + "\n"},
    {"category": "kube-audit", "properties": json.loads(RECORD)},
    {"json": json.loads(RECORD)},
    {"specversion": "1.0", "type": "t", "data": json.loads(RECORD)},
    {"recordId": "1", "data": base64.b64encode(RECORD.encode()).decode()},
    {"data": base64.b64encode(gzip.compress(RECORD.encode())).decode()},
], ids=lambda envelope: " ".join(envelope))  # fmt: skip
def test_an_envelope_gives_up_its_record(envelope: dict[str, Any]) -> None:
    """As text or as an object, without the white space around it."""
    assert [json.loads(payload) for payload in unwrapped(envelope).payloads] == [json.loads(RECORD)]


def test_several_candidates_come_in_the_order_of_likelihood() -> None:
    """In the Elastic Common Schema `log` is about the file, and the record is in `message`."""
    found = unwrapped({"message": RECORD, "log": {"file": {"path": "/x"}}, "event": {"original": "o"}})
    assert found.payloads == (b'{"file": {"path": "/x"}}', RECORD.encode(), b'{"original": "o"}')


@pytest.mark.parametrize("envelope", [
    {}, {"other": 1}, {"log": 1, "message": None, "MESSAGE": [1, 999], "msg": ""}, {"MESSAGE": ["x"]}, {"items": 5},
])  # fmt: skip
def test_what_carries_nothing_is_no_envelope(envelope: dict[str, Any]) -> None:
    """Members of the right name and the wrong type are nothing."""
    assert unwrap_object(members(json.dumps(envelope).encode())) is None


@pytest.mark.parametrize("name", ["items", "records", "Records", "logEvents", "events", "hits"])
def test_a_list_gives_its_elements(name: str) -> None:
    """Whether it says of itself that it is a list or not."""
    found = unwrapped({name: [{"a": 1}], "message": "x"})
    assert found.elements is not None
    assert bytes(found.elements) == b'[{"a": 1}]'
    assert not found.is_list
    assert found.element_members == b""


@pytest.mark.parametrize(("kind", "version", "expected"), [
    ("PodList", "v1", b'"kind":"Pod","apiVersion":"v1",'),
    ("EventList", "audit.k8s.io/v1", b'"kind":"Event","apiVersion":"audit.k8s.io/v1",'),
    ("List", "v1", b""),
    ('X","y":"List', "v1", b""),
    ("PodList", 'v1","y":"', b""),
])  # fmt: skip
def test_elements_of_a_typed_list_get_its_kind(kind: str, version: str, expected: bytes) -> None:
    """The API leaves `kind` out of the elements of a typed list; what is no plain name is not copied."""
    found = unwrapped({"kind": kind, "apiVersion": version, "items": []})
    assert (found.is_list, found.element_members) == (True, expected)


@pytest.mark.parametrize(("element", "completed"), [
    (b'{"metadata":{}}', b'{"kind":"Pod","metadata":{}}'),
    (b'{"kind":"Other"}', b'{"kind":"Other"}'),
    (b'{"apiVersion":"v2"}', b'{"apiVersion":"v2"}'),
    (b"{ }", b"{ }"),
    (b"[1]", b"[1]"),
    (b'"text"', b'"text"'),
    (b'{"broken":nul}', b'{"broken":nul}'),
])  # fmt: skip
def test_an_element_is_completed_only_where_it_lacks_both(element: bytes, completed: bytes) -> None:
    """What says itself what it is, or is no object, stays as it is."""
    assert complete_element(element, b'"kind":"Pod",') == completed
    assert complete_element(element, b"") == element


@pytest.mark.parametrize(("envelope", "node"), [
    ({"_HOSTNAME": "node-a", "host": "relay"}, "node-a"),
    ({"kubernetes": {"host": "node-a"}, "hostname": "shipper-pod"}, "node-a"),
    ({"kubernetes": {"node_name": "node-a"}}, "node-a"),
    ({"kubernetes": {"node": {"name": "node-a", "hostname": "x"}}, "host": {"name": "y"}}, "node-a"),
    ({"host": {"name": "node-a"}}, "node-a"),
    ({"host": {"hostname": "node-a"}}, "node-a"),
    ({"host": "node-a"}, "node-a"),
    ({"hostname": "node-a"}, "node-a"),
    ({"node_name": "node-a"}, "node-a"),
    ({"resource": {"type": "k8s_node", "labels": {"node_name": "node-a"}}}, "node-a"),
    ({"labels": {"compute.googleapis.com/resource_name": "node-a"}}, "node-a"),
    ({"host": "localhost"}, None),
    ({"host": "-", "hostname": ""}, None),
    ({"host": 5, "kubernetes": [], "labels": "x", "resource": {"labels": {}}}, None),
    ({"host": "x" * 300}, None),
    ({}, None),
])  # fmt: skip
def test_the_envelope_names_the_node(envelope: dict[str, Any], node: str | None) -> None:
    """From the member that most surely means the node; `localhost` is none."""
    assert unwrapped({"message": RECORD, **envelope}).node == node
    assert unwrapped({"events": [], **envelope}).node == node


@pytest.mark.parametrize(("line", "payload", "node"), [
    ("Nov 22 00:40:31 node1 containerd[123]: PAYLOAD", "PAYLOAD", "node1"),
    ("Nov  2 00:40:31.123456 node1 crio[1]: PAYLOAD", "PAYLOAD", "node1"),
    ("<30>Nov 22 00:40:31 node1 audispd: PAYLOAD", "PAYLOAD", "node1"),
    ("2026-09-21T06:00:00.123456+02:00 node1.example kernel: PAYLOAD", "PAYLOAD", "node1.example"),
    ("<134>1 2026-09-21T06:00:00.1Z node1 app 12 ID47 - PAYLOAD", "PAYLOAD", "node1"),
    ("<134>1 - node1 app - - - \ufeffPAYLOAD", "PAYLOAD", "node1"),
    ('<134>1 2026-09-21T06:00:00Z node1 app - - [a@1 b="\\"]"][c d="e"] PAYLOAD', "PAYLOAD", "node1"),
    ("<134>1 2026-09-21T06:00:00Z - app - - - PAYLOAD", "PAYLOAD", None),
    ("Nov 22 00:40:31 localhost dockerd[1]: PAYLOAD", "PAYLOAD", None),
])  # fmt: skip
def test_syslog_prefixes_are_taken_off(line: str, payload: str, node: str | None) -> None:
    """Both RFCs, and the times that rsyslog and journalctl write instead."""
    found = unwrap_text(line.encode())
    assert found is not None
    assert (found.payloads, found.node, found.channel) == ((payload.encode(),), node, None)


@pytest.mark.parametrize(("line", "payload", "is_cut"), [
    ("2026-09-21T06:00:00.123456789Z stdout F PAYLOAD", "PAYLOAD", False),
    ("2026-09-21T06:00:00.123456789+02:00 stderr P PAY", "PAY", True),
    ("2026-09-21T06:00:00.123456789Z stdout F:tag PAYLOAD", "PAYLOAD", False),
    ("2026-09-21T06:00:00.123456789Z stdout F", "", False),
])  # fmt: skip
def test_a_container_log_line_tells_whether_it_was_cut(line: str, payload: str, is_cut: bool) -> None:
    """The runtime cuts lines at 16 KiB and marks the pieces P."""
    found = unwrap_text(line.encode())
    assert found is not None
    assert (found.payloads, found.is_cut, found.channel in ("stdout", "stderr")) == ((payload.encode(),), is_cut, True)


@pytest.mark.parametrize(
    "line", [b"", b"plain text", b"Nov 22 00:40:31", b"\xff\xfe\x00", b"<134>1 ", b"<999999>1 - - -"]
)
def test_other_text_carries_nothing(line: bytes) -> None:
    """No prefix is guessed at."""
    assert unwrap_text(line) is None


def test_docker_marks_a_cut_line_by_leaving_out_the_line_feed() -> None:
    """Only a piece of the size at which Docker cuts is taken for one."""

    def piece(text: str) -> Wrapped:
        return unwrapped({"log": text, "stream": "stdout", "time": "2026-09-21T06:00:00Z"})

    assert piece("x" * 16_384).is_cut
    assert not piece("x" * 16_384 + "\n").is_cut
    assert not piece("x" * 100).is_cut
    assert piece("x" * 16_384).payloads == (b"x" * 16_384,)


def test_a_large_list_is_looked_at_without_its_other_members() -> None:
    """What is too long to be anything else is only looked at as a list."""
    found = list_members(b'{"kind":"PodList","apiVersion":"v1","other":{"a":1},"items":[{}]}')
    assert found is not None
    assert set(found.raw) == {"kind", "apiVersion", "items"}
    assert list_members(b"{broken") is None


def test_a_bomb_in_base64_is_bounded() -> None:
    """What is packed inside an envelope expands to 16 MiB at most."""
    bomb = base64.b64encode(gzip.compress(b"x" * (1 << 25))).decode()
    assert len(unwrapped({"data": bomb}).payloads[0]) == 1 << 24
    broken = base64.b64encode(b"\x1f\x8b nothing").decode()
    assert unwrapped({"data": broken}).payloads == (broken.encode(),)
