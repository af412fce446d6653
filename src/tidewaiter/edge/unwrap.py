"""Turns a record that merely carries others (a log shipper's envelope, a list, a watch event) into what it carries.

Only the envelope is read here; whether what it carries is a record, the recogniser says. Whoever can write into a
wrapped log can write records: telemetry is worth what its transport is worth.
"""

import base64
import binascii
import re
import zlib

import msgspec

from tidewaiter.edge.lines import LINE_LIMIT_BYTES

MAX_NODE_LENGTH = 253
_DOCKER_PIECE_BYTES = 16_000  # Docker cuts at 16 KiB; a character that was cut in two may change the length a little
_KIND = re.compile(r"[A-Za-z]{1,64}\Z")
_API_VERSION = re.compile(r"[A-Za-z0-9./-]{1,128}\Z")
_NO_NODE = frozenset({"", "-", "localhost", "localhost.localdomain", "unknown", "(none)"})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# The characters of an RFC 3164 tag and RFC 5424 names are printable ASCII; white space ends them.
_PRIORITY = rb"(?:<\d{1,3}>)?"
_RFC3339 = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_CRI = re.compile(rb"%b (stdout|stderr) ([FP])(?::\S*)? ?" % _RFC3339)
_RFC3164_TIME = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?"
_TAG = rb"[^\s:\[]{1,128}(?:\[[^\]\s]{0,128}\])?: ?"
_SYSLOG = re.compile(rb"%b(?:%b|%b) (\S{1,253}) %b" % (_PRIORITY, _RFC3164_TIME, _RFC3339, _TAG))
_STRUCTURED_DATA = rb'(?:-|(?:\[(?:[^\]\\"]|\\.|"(?:[^"\\]|\\.)*+")*+\])++)'
_SYSLOG_5424 = re.compile(
    rb"<\d{1,3}>1 (?:-|%b) (\S{1,255}) \S{1,48} \S{1,128} \S{1,32} %b ?(?:\xef\xbb\xbf)?" % (_RFC3339, _STRUCTURED_DATA)
)


class Wrapped(msgspec.Struct, frozen=True):
    """What a record carries: other records one by one, or a list of them."""

    payloads: tuple[bytes, ...] = ()
    """Texts or JSON objects of which one may be the record, the likeliest first."""
    elements: bytes | None = None
    """A JSON array whose elements are records."""
    is_list: bool = False
    """Whether the record says of itself that it is a list (`kind: PodList`)."""
    element_members: bytes = b""
    """JSON members that the elements of a typed Kubernetes list lack: `"kind":"Pod","apiVersion":"v1",`."""
    node: str | None = None
    """The node that the envelope names."""
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
        return Wrapped((line[found.end() :],), node=_node(found[1].decode("utf-8", "replace")))
    return None


class _Kubernetes(msgspec.Struct):
    """Metadata that log shippers add: Fluentd and Fluent Bit `host`, Logstash `node_name`, Filebeat `node.name`."""

    host: msgspec.Raw = msgspec.Raw()
    node_name: msgspec.Raw = msgspec.Raw()
    node: msgspec.Raw = msgspec.Raw()


class _Named(msgspec.Struct):
    name: msgspec.Raw = msgspec.Raw()
    hostname: msgspec.Raw = msgspec.Raw()
    node_name: msgspec.Raw = msgspec.Raw()
    labels: msgspec.Raw = msgspec.Raw()
    resource_name: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="compute.googleapis.com/resource_name")


class _Element(msgspec.Struct):
    kind: msgspec.Raw = msgspec.Raw()
    api_version: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="apiVersion")


class _Envelope(msgspec.Struct):
    """The members by which known envelopes carry records; each is absent in most of them."""

    # Carriers, the likeliest first; `_CARRIERS` keeps this order.
    log: msgspec.Raw = msgspec.Raw()
    """Docker's json-file driver, Fluent Bit, the resource logs of Azure Kubernetes."""
    message: msgspec.Raw = msgspec.Raw()
    """Filebeat, Vector, CloudWatch log events."""
    journal_message: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="MESSAGE")
    """journald's JSON, where a message that is no UTF-8 is an array of byte values
    (https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format)."""
    message_title: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Message")
    message_at: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="@message")
    """CloudWatch Logs Insights."""
    msg: msgspec.Raw = msgspec.Raw()
    short_message: msgspec.Raw = msgspec.Raw()
    """GELF."""
    line: msgspec.Raw = msgspec.Raw()
    """Loki's `logcli --output=jsonl`."""
    object: msgspec.Raw = msgspec.Raw()
    """A Kubernetes watch event: `{"type":"ADDED","object":{..}}`."""
    body: msgspec.Raw = msgspec.Raw()
    """A recorded webhook request; OpenTelemetry."""
    event: msgspec.Raw = msgspec.Raw()
    """Splunk's HTTP Event Collector; the Elastic Common Schema has `event.original`."""
    original: msgspec.Raw = msgspec.Raw()
    source: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="_source")
    """A hit of Elasticsearch or OpenSearch."""
    raw: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="_raw")
    """An export of Splunk, within `result`."""
    result: msgspec.Raw = msgspec.Raw()
    json_payload: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="jsonPayload")
    """Google Cloud Logging (https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry)."""
    text_payload: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="textPayload")
    properties: msgspec.Raw = msgspec.Raw()
    """Azure resource logs (https://learn.microsoft.com/azure/azure-monitor/essentials/resource-logs-schema)."""
    json: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
    """CloudEvents; Firehose and CloudWatch subscriptions, in base64 and gzip."""
    awslogs: msgspec.Raw = msgspec.Raw()
    # Lists; `_LISTS` keeps this order. `hits` is an object around the list of its own name.
    items: msgspec.Raw = msgspec.Raw()
    records: msgspec.Raw = msgspec.Raw()
    records_title: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Records")
    log_events: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="logEvents")
    """A CloudWatch subscription
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html)."""
    events: msgspec.Raw = msgspec.Raw()
    """A registry's notifications (https://distribution.github.io/distribution/about/notifications/)."""
    hits: msgspec.Raw = msgspec.Raw()
    # What the list is, and what tells Docker's json-file.
    kind: msgspec.Raw = msgspec.Raw()
    api_version: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="apiVersion")
    stream: msgspec.Raw = msgspec.Raw()
    time: msgspec.Raw = msgspec.Raw()
    # Where it comes from.
    journal_hostname: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="_HOSTNAME")
    kubernetes: msgspec.Raw = msgspec.Raw()
    node_name: msgspec.Raw = msgspec.Raw()
    host: msgspec.Raw = msgspec.Raw()
    """A name (Splunk, GELF, Vector) or an object with one (Elastic Common Schema)."""
    hostname: msgspec.Raw = msgspec.Raw()
    resource: msgspec.Raw = msgspec.Raw()
    labels: msgspec.Raw = msgspec.Raw()


_CARRIERS = (
    "log", "message", "journal_message", "message_title", "message_at", "msg", "short_message", "line", "object",
    "body", "event", "original", "source", "raw", "result", "json_payload", "text_payload", "properties", "json",
    "data", "awslogs", "hits",
)  # fmt: skip
_LISTS = ("items", "records", "records_title", "log_events", "events", "hits")
_envelopes = msgspec.json.Decoder(_Envelope)
_elements = msgspec.json.Decoder(_Element)
_kubernetes = msgspec.json.Decoder(_Kubernetes)
_named = msgspec.json.Decoder(_Named)
_texts = msgspec.json.Decoder(str)
_byte_arrays = msgspec.json.Decoder(list[int])


def unwrap_object(record: bytes) -> Wrapped | None:
    """Look for what a JSON object carries; None where it carries nothing, or is no JSON object."""
    try:
        envelope = _envelopes.decode(record)
    except _UNREADABLE:
        return None
    node = _node_of(envelope)
    for name in _LISTS:
        elements = _raw(getattr(envelope, name))
        if elements.startswith(b"["):
            kind = _text(envelope.kind) or ""
            is_list = kind.endswith("List") and name == "items"
            members = _members(kind, _text(envelope.api_version) or "") if is_list else b""
            return Wrapped(elements=elements, is_list=is_list, element_members=members, node=node)
    payloads = []
    for name in _CARRIERS:
        carried = getattr(envelope, name)
        payload = _payload(_raw(carried), name)
        if payload:
            payloads.append(payload)
    if not payloads:
        return None
    channel = _text(envelope.stream) if _raw(envelope.log) and _raw(envelope.time) else None
    if channel not in ("stdout", "stderr"):
        return Wrapped(tuple(payloads), node=node)
    # A line that Docker's json-file driver cut has no line feed at its end
    # (https://docs.docker.com/engine/logging/drivers/json-file/).
    text = _text(envelope.log) or ""
    is_cut = not text.endswith("\n") and len(text) >= _DOCKER_PIECE_BYTES
    return Wrapped((text.rstrip("\r\n").encode("utf-8", "replace"),), node=node, channel=channel, is_cut=is_cut)


def complete_element(element: bytes, members: bytes) -> bytes:
    """An element of a typed Kubernetes list with the `kind` and `apiVersion` that only the list has.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#collections
    """
    try:
        found = _elements.decode(element)
    except _UNREADABLE:
        return element
    if _raw(found.kind) or _raw(found.api_version) or element[1:].lstrip() == b"}":
        return element
    return b"{" + members + element[1:]


def _members(kind: str, api_version: str) -> bytes:
    kind = kind.removesuffix("List")
    if not kind or not _KIND.match(kind) or not _API_VERSION.match(api_version):
        return b""
    return f'"kind":"{kind}","apiVersion":"{api_version}",'.encode()


def _raw(value: msgspec.Raw) -> bytes:
    return bytes(value)


def _text(value: msgspec.Raw) -> str | None:
    raw = bytes(value)
    if not raw.startswith(b'"'):
        return None
    try:
        return _texts.decode(raw)
    except _UNREADABLE:
        return None


def _payload(raw: bytes, name: str) -> bytes | None:
    if raw.startswith(b"{"):
        return raw
    if raw.startswith(b'"'):
        try:
            text = _texts.decode(raw).strip().encode("utf-8", "replace")
        except _UNREADABLE:
            return None
        return _unpacked(text) if name == "data" else text
    if raw.startswith(b"[") and name == "journal_message":
        try:
            return bytes(_byte_arrays.decode(raw)).strip()
        except (*_UNREADABLE, ValueError, OverflowError):
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


def _node_of(envelope: _Envelope) -> str | None:
    """The node, from the member that most surely means it."""
    node = _node(_text(envelope.journal_hostname)) or _node(_text(envelope.node_name))
    if node is None and (raw := _raw(envelope.kubernetes)):
        try:
            kubernetes = _kubernetes.decode(raw)
        except _UNREADABLE:
            kubernetes = _Kubernetes()
        node = _node(_text(kubernetes.node_name)) or _node(_text(kubernetes.host)) or _node_within(kubernetes.node)
    if node is None:
        resource = _within(envelope.resource)
        node = _node(_text(_within(resource.labels).node_name))
    if node is None:
        node = _node(_text(_within(envelope.labels).resource_name))
    return node or _node(_text(envelope.host)) or _node_within(envelope.host) or _node(_text(envelope.hostname))


def _within(raw: msgspec.Raw) -> _Named:
    try:
        return _named.decode(raw)
    except _UNREADABLE:
        return _Named()


def _node_within(raw: msgspec.Raw) -> str | None:
    named = _within(raw)
    return _node(_text(named.name)) or _node(_text(named.hostname))


def _node(name: str | None) -> str | None:
    if name is None or name.lower() in _NO_NODE or len(name) > MAX_NODE_LENGTH:
        return None
    return name
