"""Turns a record that merely carries others (a log shipper's envelope, a list, a watch event) into what it carries.

Only the envelope is read here; whether what it carries is a record, the recogniser says. Whoever can write into a
wrapped log can write records: telemetry is worth what its transport is worth.
"""

import base64
import binascii
import re
import sys
import zlib
from collections.abc import Mapping

import msgspec

from tidewaiter.edge.lines import LINE_LIMIT_BYTES
from tidewaiter.edge.members import Members, members
from tidewaiter.edge.recognise import NOT_JSON, mend

MAX_NODE_LENGTH = 253
_MAX_METADATA_BYTES = 64 * 1024
_NODE_MEMBERS = frozenset({"_HOSTNAME", "node_name", "kubernetes", "resource", "labels", "host", "hostname"})
_DOCKER_PIECE_CHARACTERS = (
    16_000  # Docker cuts at 16 KiB; a character that was cut in two may change the length a little
)
_KIND = re.compile(r"[A-Za-z]{1,64}\Z")
_API_VERSION = re.compile(r"[A-Za-z0-9./-]{1,128}\Z")
_NO_NODE = frozenset({"", "-", "localhost", "localhost.localdomain", "unknown", "(none)"})

# The characters of an RFC 3164 tag and RFC 5424 names are printable ASCII; white space ends them.
_PRIORITY = rb"(?:<\d{1,3}>)?"
_RFC3339 = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_CRI = re.compile(rb"%b (stdout|stderr) ([FP])(?::\S*)? ?" % _RFC3339)
_RFC3164_TIME = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?"
_TAG = rb"[^\s:\[]{1,128}(?:\[[^\]\s]{0,128}\])?: ?"
_SYSLOG = re.compile(rb"%b(?:%b|%b) (\S{1,253}) %b" % (_PRIORITY, _RFC3164_TIME, _RFC3339, _TAG))
# No group is possessive, here and in documents.py: CPython before 3.11.5 matches such groups wrongly (gh-106052).
_QUOTED = rb'"[^"\\]*+(?:\\.[^"\\]*+){0,1024}"'
_STRUCTURED_DATA = rb'(?:-|(?:\[(?:[^\]\\"]++|\\.|%b){0,1024}\]){1,64})' % _QUOTED
_SYSLOG_5424 = re.compile(
    rb"<\d{1,3}>1 (?:-|%b) (\S{1,255}) \S{1,48} \S{1,128} \S{1,32} %b ?(?:\xef\xbb\xbf)?" % (_RFC3339, _STRUCTURED_DATA)
)


class Wrapped(msgspec.Struct, frozen=True):
    """What a record carries: other records one by one, or a list of them."""

    payloads: tuple[bytes, ...] = ()
    """Texts or JSON objects of which one may be the record, the likeliest first."""
    elements: memoryview | None = None
    """A JSON array whose elements are records."""
    is_list: bool = False
    """Whether the record says of itself that it is a list (`kind: PodList`)."""
    element_members: bytes = b""
    """JSON members that the elements of a typed Kubernetes list lack: `"kind":"Pod","apiVersion":"v1",`."""
    node: str | None = None
    """The node that the envelope names."""
    cluster: str | None = None
    """The cluster that the envelope names."""
    source: str | None = None
    """The source that the envelope names; the payload is its record if it takes it for its own."""
    channel: str | None = None
    """`stdout` or `stderr` where the envelope may hold one piece of a record that was cut."""
    is_cut: bool = False
    """Whether the payload goes on in the next envelope of the same channel."""


def unwrap_text(line: bytes) -> Wrapped | None:
    """Take off a container log's or syslog's prefix; None where there is none.

    CRI: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
    Syslog: RFC 3164 section 4.1 and RFC 5424 section 6, and RFC 3164 with an RFC 3339 time as rsyslog writes it.
    """
    found = _CRI.match(line)
    if found is not None:
        return Wrapped((line[found.end() :],), channel=found[1].decode(), is_cut=found[2] == b"P")
    found = _SYSLOG_5424.match(line) or _SYSLOG.match(line)
    if found is not None:
        return Wrapped((line[found.end() :],), node=node_or_none(found[1].decode("utf-8", "replace")))
    return None


# Lists of records in JSON.
_LISTS = (
    "items",
    "records",
    "Records",
    "logEvents",  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    "events",  # https://distribution.github.io/distribution/about/notifications/
    "hits",
)
# What carries records in JSON, the likeliest first. Lists come before all of these.
_CARRIERS = {
    name: place
    for place, name in enumerate(
        (
            "log",  # Docker's json-file driver, Fluent Bit, Azure Kubernetes
            "message",  # Filebeat, Vector, CloudWatch log events
            "MESSAGE",  # journald: https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format
            "Message",
            "@message",  # CloudWatch Logs Insights
            "msg",
            "short_message",  # GELF
            "line",  # Loki, logcli --output=jsonl
            "object",  # a Kubernetes watch event: {"type":"ADDED","object":{..}}
            "body",  # a recorded webhook request; OpenTelemetry
            "event",  # Splunk's HTTP Event Collector; event.original of the Elastic Common Schema
            "original",
            "_source",  # a hit of Elasticsearch or OpenSearch
            "_raw",  # an export of Splunk, within `result`
            "result",
            "jsonPayload",  # https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
            "textPayload",
            "properties",  # https://learn.microsoft.com/azure/azure-monitor/essentials/resource-logs-schema
            "json",
            "data",  # CloudEvents; Firehose and CloudWatch subscriptions: base64, perhaps of gzip
            "awslogs",
            *_LISTS,  # `hits` of a search result is an object around the list of that name
        )
    )
}
_texts = msgspec.json.Decoder(str)
_byte_arrays = msgspec.json.Decoder(list[int])
_ABSENT = msgspec.Raw()


class _LargeList(msgspec.Struct):
    """The members that matter of a record too long to be anything but a list."""

    kind: msgspec.Raw = _ABSENT
    apiVersion: msgspec.Raw = _ABSENT
    items: msgspec.Raw = _ABSENT
    records: msgspec.Raw = _ABSENT
    Records: msgspec.Raw = _ABSENT
    logEvents: msgspec.Raw = _ABSENT
    events: msgspec.Raw = _ABSENT
    hits: msgspec.Raw = _ABSENT


class _Recorded(msgspec.Struct, tag_field="kind", tag="recorded"):
    """One line of a recording (`recording.py`)."""

    record: msgspec.Raw
    source: str
    cluster: str | None = None
    node: str | None = None


class _KindAndVersion(msgspec.Struct):
    kind: msgspec.Raw = _ABSENT
    apiVersion: msgspec.Raw = _ABSENT


_large_lists = msgspec.json.Decoder(_LargeList)
_kinds = msgspec.json.Decoder(_KindAndVersion)
_recordings = msgspec.json.Decoder(_Recorded)


def list_members(record: bytes) -> Members | None:
    """The members by which a record is a list, and no others, so that a hostile one of any size stays small."""
    try:
        found = _large_lists.decode(record)
    except NOT_JSON:
        return None
    named = {name: getattr(found, name) for name in found.__struct_fields__}
    return Members({name: raw for name, raw in named.items() if memoryview(raw).nbytes})


def unwrap_recorded(line: bytes) -> Wrapped | None:
    """Take a recorded record out of its envelope, as `watch --record` writes it; None where it is no such line."""
    try:
        found = _recordings.decode(line)
    except NOT_JSON:
        return None
    record = bytes(found.record)
    if record.startswith(b'"'):
        record = (_string(record) or "").encode("utf-8", "replace")
    elif not record.startswith(b"{"):
        return None
    return Wrapped((record,), node=_name(found.node), cluster=_name(found.cluster), source=found.source)


def _name(name: str | None) -> str | None:
    """A node or cluster as `watch` called it: one object for all lines of a recording."""
    return sys.intern(name) if name and len(name) <= MAX_NODE_LENGTH else None


def unwrap_object(found: Members) -> Wrapped | None:
    """Look for what a JSON object carries; None where it carries nothing."""
    raw = found.raw
    present = raw.keys() & _CARRIERS.keys()
    for name in _LISTS:
        if name in present and bytes((elements := memoryview(raw[name]))[:1]) == b"[":
            kind = _text(raw, "kind") or ""
            is_list = kind.endswith("List") and name == "items"
            members = _members(kind, _text(raw, "apiVersion") or "") if is_list else b""
            return Wrapped(elements=elements, is_list=is_list, element_members=members, node=_node_of(raw))
    if not present:
        return None
    if "log" in present and (wrapped := _container_log(raw)) is not None:
        return wrapped
    carriers = sorted(present, key=_CARRIERS.__getitem__) if len(present) > 1 else present
    payloads = tuple(payload for name in carriers if (payload := _payload(bytes(raw[name]), name)))
    return Wrapped(payloads, node=_node_of(raw)) if payloads else None


def _container_log(raw: Mapping[str, msgspec.Raw]) -> Wrapped | None:
    """A line of Docker's json-file driver; where it was cut there is no line feed at its end.

    https://docs.docker.com/engine/logging/drivers/json-file/
    """
    channel = _text(raw, "stream")
    text = _text(raw, "log")
    if channel not in ("stdout", "stderr") or "time" not in raw or not text:
        return None
    is_cut = not text.endswith("\n") and len(text) >= _DOCKER_PIECE_CHARACTERS
    payload = text.rstrip("\r\n").encode("utf-8", "replace")
    return Wrapped((payload,), node=_node_of(raw), channel=channel, is_cut=is_cut)


def complete_element(element: bytes, members: bytes) -> bytes:
    """An element of a typed Kubernetes list with the `kind` and `apiVersion` that only the list has.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#collections
    """
    if not members or not element.startswith(b"{"):
        return element
    try:
        found = _kinds.decode(element)
    except NOT_JSON:
        return element
    if bytes(found.kind) or bytes(found.apiVersion) or not element[1:-1].strip():
        return element
    return b"{" + members + element[1:]


def _members(kind: str, api_version: str) -> bytes:
    kind = kind.removesuffix("List")
    if not kind or not _KIND.match(kind) or not _API_VERSION.match(api_version):
        return b""
    return f'"kind":"{kind}","apiVersion":"{api_version}",'.encode()


def _text(raw: Mapping[str, msgspec.Raw], name: str) -> str | None:
    return _string(bytes(raw[name])) if name in raw else None


def _string(value: bytes) -> str | None:
    """A JSON string as text, mended if need be; None where it is none."""
    if not value.startswith(b'"'):
        return None
    try:
        return _texts.decode(value)
    except NOT_JSON:
        pass
    try:
        return _texts.decode(mend(value) or b"")
    except NOT_JSON:
        return None


def _payload(value: bytes, name: str) -> bytes | None:
    if value.startswith(b"{"):
        return value
    if value.startswith(b'"'):
        text = (_string(value) or "").encode("utf-8", "replace").strip()
        return _unpacked(text) if name == "data" else text
    if value.startswith(b"[") and name == "MESSAGE":
        try:
            return bytes(_byte_arrays.decode(value)).strip()
        except (*NOT_JSON, ValueError):
            return None
    return None


def _unpacked(text: bytes) -> bytes:
    """Text in base64, perhaps gzip within, as itself; any other text as it is."""
    try:
        packed = base64.b64decode(text, validate=True)
        if not packed.startswith(b"\x1f\x8b"):
            return packed.strip()
        return zlib.decompressobj(wbits=31).decompress(packed, LINE_LIMIT_BYTES).strip()
    except (binascii.Error, ValueError, zlib.error):
        return text


def _node_of(raw: Mapping[str, msgspec.Raw]) -> str | None:
    """The node that the envelope names, from the member that most surely means it.

    Fluentd and Fluent Bit say `kubernetes.host`, Logstash `kubernetes.node_name`, Filebeat `kubernetes.node.name`;
    `host` is a name (Splunk, GELF, Vector) or an object with one (Elastic Common Schema).
    """
    present = raw.keys() & _NODE_MEMBERS
    if present == {"host"} and (node := node_or_none(_text(raw, "host"))) is not None:
        return node
    if not present:
        return None
    kubernetes, host = _within(raw, "kubernetes"), _within(raw, "host")
    return (
        node_or_none(_text(raw, "_HOSTNAME"))
        or node_or_none(_text(raw, "node_name"))
        or node_or_none(_text(kubernetes, "node_name"))
        or node_or_none(_text(kubernetes, "host"))
        or node_or_none(_text(_within(kubernetes, "node"), "name"))
        or node_or_none(_text(_within(_within(raw, "resource"), "labels"), "node_name"))
        or node_or_none(_text(_within(raw, "labels"), "compute.googleapis.com/resource_name"))
        or node_or_none(_text(raw, "host"))
        or node_or_none(_text(host, "name"))
        or node_or_none(_text(host, "hostname"))
        or node_or_none(_text(raw, "hostname"))
    )


def _within(raw: Mapping[str, msgspec.Raw], name: str) -> Mapping[str, msgspec.Raw]:
    value = bytes(raw[name]) if name in raw else b""
    if not value.startswith(b"{") or len(value) > _MAX_METADATA_BYTES:
        return {}
    try:
        return members(value).raw
    except NOT_JSON:
        return {}


def node_or_none(name: str | None) -> str | None:
    """The name of a node as an envelope gives it, unless it names nothing (`localhost`, `-`)."""
    if name is None or name.lower() in _NO_NODE or len(name) > MAX_NODE_LENGTH:
        return None
    return name
