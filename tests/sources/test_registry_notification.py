"""A registry's notifications: pulls of indexes and manifests, with the digest kind and the client."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, of_kind, one, records, sample, survives

from tidewaiter.event import ImagePull, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.registry_notification import SOURCE, recognise

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def event(media_type: str = INDEX, action: str = "pull", **target: Any) -> dict[str, Any]:
    """One event of an envelope."""
    return {
        "id": "e-1",
        "timestamp": "2026-09-21T14:13:20.5Z",
        "action": action,
        "target": {"mediaType": media_type, "digest": digest("a"), "repository": "shop/cart", **target},
        "request": {"addr": "192.0.2.10:40112", "host": "registry.example.net", "method": "GET", "useragent": "x/1"},
        "actor": {"name": "deploy"},
        "source": {"addr": "reg-0:5000"},
    }


def test_a_pull_by_tag_tells_tag_and_digest_together() -> None:
    """Unlike the log, a notification says what the tag stood for."""
    where = Where("registry_notification", "n.jsonl", 1, node="from-user")
    pulled = one(SOURCE, {"events": [event(tag="2.3")]}, ImagePull, where)
    assert (pulled.reference, pulled.index_digest, pulled.manifest_digest) == (
        "registry.example.net/shop/cart:2.3",
        digest("a"),
        None,
    )
    assert pulled.client is not None
    assert (pulled.client.name, pulled.client.source_ip, pulled.client.user_agent) == ("deploy", "192.0.2.10", "x/1")
    assert (pulled.seen_by, pulled.node, pulled.native_id) == ("registry", None, "e-1")


def test_a_pull_by_digest_is_named_by_it() -> None:
    """Manifests are told apart from indexes by media type."""
    pulled = one(SOURCE, event(MANIFEST), ImagePull)
    assert pulled.reference == f"registry.example.net/shop/cart@{digest('a')}"
    assert (pulled.index_digest, pulled.manifest_digest) == (None, digest("a"))


@pytest.mark.parametrize(
    "record",
    [
        event("application/octet-stream"),
        event(action="push"),
        event("application/octet-stream", "mount"),
        event(action="delete"),
        {"events": [event("application/octet-stream"), event(action="push")]},
    ],
)
def test_layers_pushes_and_mounts_are_no_pulls(record: dict[str, Any]) -> None:
    """They are claimed and give nothing."""
    assert recognise(record)
    assert decode(SOURCE, record) == []


def test_an_envelope_gives_each_of_its_pulls() -> None:
    """The sample: HEAD by tag, GET of index and manifest with a layer, a push, one bare event, a mount."""
    events = decode_all(SOURCE, sample("registry_notification", "distribution_2.8"))
    assert len(events) == len(of_kind(events, ImagePull)) == 4
    assert len({found.native_id for found in events}) == 4


@pytest.mark.parametrize(
    "broken",
    [
        event() | {"timestamp": None},
        event() | {"timestamp": "soon"},
        event() | {"request": {"host": "registry"}},
        event() | {"request": None},
        event(repository=None),
        event(repository=5),
        {"events": [7]},
        {"events": 7},
    ],
)
def test_a_pull_without_time_host_or_repository_is_rejected(broken: dict[str, Any]) -> None:
    """It could not be named."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_other_envelopes_are_not_claimed() -> None:
    """Events of other producers stand in lists as well."""
    assert not recognise({"events": []})
    assert not recognise({"events": [{"id": "1", "type": "x"}]})
    assert not recognise({"kind": "EventList", "events": [event()]})
    assert not recognise({"id": "1", "timestamp": "x", "action": "pull", "target": "y"})


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Every member left out or replaced."""
    for record in sample("registry_notification", "distribution_2.8"):
        survives(SOURCE, record)


def test_a_real_registry_tells_index_and_manifest(shared: Path) -> None:
    """Fifteen pulls among 58 notifications; the wrapper of the recording is taken off."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    bodies = [
        json.dumps(json.loads(line)["body"]).encode()
        for line in records(shared / "captures/docker/registry-notifications.jsonl")
    ]
    pulls = of_kind(decode_all(SOURCE, bodies), ImagePull)
    assert len(pulls) == 15
    moved = [pull for pull in pulls if pull.reference == "127.0.0.1:5000/acme/web:1.0"]
    assert {pull.index_digest or pull.manifest_digest for pull in moved} == {
        built["web/index"],
        built["tool"]["manifest"],
    }
