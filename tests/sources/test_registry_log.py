"""A registry's log: who pulled what, in JSON and text, each pull once, pushes and layers never."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, is_recognised, of_kind, one, records, sample, survives

from tidewaiter.event import ImagePull, ImagePullFailed, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.registry_log import SOURCE, recognise, recognise_text

INDEX = "application/vnd.oci.image.index.v1+json"


def request(
    uri: str = "/v2/shop/cart/manifests/2.3", method: str = "GET", status: int = 200, **more: Any
) -> dict[str, Any]:
    """One answered request."""
    return {
        "go.version": "go1.20.8",
        "http.request.host": "registry.example.net",
        "http.request.id": "5d6c2f0e",
        "http.request.method": method,
        "http.request.remoteaddr": "192.0.2.10:40112",
        "http.request.uri": uri,
        "http.request.useragent": "containerd/1.7.13",
        "http.response.contenttype": INDEX,
        "http.response.status": status,
        "level": "info",
        "msg": "response completed",
        "time": "2026-09-21T14:13:20.5Z",
        **{name.replace("__", "."): value for name, value in more.items()},
    }


def test_a_pull_names_its_client_and_no_node() -> None:
    """Where the registry runs, and what the user calls it, is no node that pulled."""
    where = Where("registry_log", "r.log", 1, cluster="west", node="from-user")
    pulled = one(SOURCE, request(auth__user__name="deploy"), ImagePull, where)
    assert (pulled.reference, pulled.seen_by, pulled.node, pulled.cluster) == (
        "registry.example.net/shop/cart:2.3",
        "registry",
        None,
        "west",
    )
    assert pulled.client is not None
    assert (pulled.client.name, pulled.client.source_ip, pulled.client.user_agent) == (
        "deploy",
        "192.0.2.10",
        "containerd/1.7.13",
    )
    assert (pulled.native_id, pulled.time_ns) == ("5d6c2f0e", 1_790_000_000_500_000_000)


@pytest.mark.parametrize(
    ("media_type", "index", "manifest", "unknown"),
    [
        (INDEX, "a", None, None),
        ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", None, "a", None),
        ("application/json", None, None, "a"),
    ],
)
def test_the_content_type_tells_which_digest_was_got(
    media_type: str, index: str | None, manifest: str | None, unknown: str | None
) -> None:
    """By digest only: for a tag the log does not say what it stood for."""
    record = request(f"/v2/shop/cart/manifests/{digest('a')}") | {"http.response.contenttype": media_type}
    pulled = one(SOURCE, record, ImagePull)
    assert (pulled.index_digest, pulled.manifest_digest, pulled.repo_digest) == tuple(
        letter and digest(letter) for letter in (index, manifest, unknown)
    )
    by_tag = one(SOURCE, request(), ImagePull)
    assert (by_tag.index_digest, by_tag.repo_digest) == (None, None)


def test_a_tag_that_is_only_resolved_is_a_pull_and_a_digest_that_is_only_checked_is_none() -> None:
    """Docker asks HEAD by tag and stops there when it has the content."""
    assert one(SOURCE, request(method="HEAD"), ImagePull).reference.endswith(":2.3")
    assert decode(SOURCE, request(f"/v2/shop/cart/manifests/{digest('a')}", "HEAD")) == []


@pytest.mark.parametrize(
    "record",
    [
        request("/v2/", status=401),
        request(status=401),
        request(f"/v2/shop/cart/blobs/{digest('a')}"),
        request("/v2/shop/cart/tags/list"),
        request(method="PUT", status=201),
        request("/v2/shop/cart/blobs/uploads/", "POST", 202),
        request(status=307),
        {"go.version": "go1.20.8", "level": "info", "msg": "listening", "time": "2026-09-21T14:13:20Z"},
    ],
)
def test_logins_layers_pushes_and_lists_are_no_pulls(record: dict[str, Any]) -> None:
    """They are claimed and give nothing."""
    assert recognise(record)
    assert decode(SOURCE, record) == []


def test_a_failed_pull_is_told_once() -> None:
    """Docker's client repeats a failed HEAD as GET; containerd's does not."""
    docker = {"http.request.useragent": "docker/27.3.1 go/go1.22.7", "err.code": "manifest unknown"}
    assert decode(SOURCE, request(method="HEAD", status=404) | docker) == []
    failed = one(SOURCE, request(status=404) | docker, ImagePullFailed)
    assert (failed.reference, failed.reason, failed.node) == (
        "registry.example.net/shop/cart:2.3",
        "manifest unknown",
        None,
    )
    assert one(SOURCE, request(method="HEAD", status=404), ImagePullFailed).reason == "HTTP 404"


def test_a_mirrors_query_is_no_part_of_the_name() -> None:
    """containerd adds `?ns=` for the upstream."""
    record = request("/v2/hub/library/busybox/manifests/1.36?ns=docker.io") | {
        "http.request.host": "[2001:db8::1]:5000"
    }
    assert one(SOURCE, record, ImagePull).reference == "[2001:db8::1]:5000/hub/library/busybox:1.36"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.10:40112", "192.0.2.10"),
        ("[2001:DB8::9]:33000", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("192.0.2.10", "192.0.2.10"),
        ("proxy:80", None),
        ("", None),
        (None, None),
    ],
)
def test_the_clients_port_is_cut_off(written: str | None, address: str | None) -> None:
    """A proxy's header may give the address without one."""
    client = one(SOURCE, request() | {"http.request.remoteaddr": written}, ImagePull).client
    assert client is not None
    assert client.source_ip == address


def test_text_says_the_same_as_json() -> None:
    """distribution's default format; the text sample holds the requests of the JSON one."""
    text = decode_all(SOURCE, sample("registry_log", "distribution_2.8_text"))
    assert text == decode_all(SOURCE, sample("registry_log", "distribution_2.8_json"))
    assert [type(found) for found in text] == [ImagePull, ImagePull, ImagePull, ImagePullFailed, ImagePull]


def test_the_combined_line_of_the_same_request_gives_nothing() -> None:
    """It would count each pull twice, and it names no registry."""
    combined = b'192.0.2.10 - - [21/Sep/2026:14:13:20 +0000] "GET /v2/a/manifests/1 HTTP/1.1" 200 517 "" "docker/27"'
    assert is_recognised(SOURCE, combined)
    assert list(SOURCE.decode(combined, Where("registry_log", "r.log", 1))) == []


@pytest.mark.parametrize("host", [None, "", "registry", "a b", "/"])
def test_a_host_that_no_image_can_be_named_by_is_rejected(host: str | None) -> None:
    """`registry/shop/cart` would be read as Docker Hub's."""
    with pytest.raises(RecordError):
        decode(SOURCE, request() | {"http.request.host": host})


@pytest.mark.parametrize(
    "broken",
    [
        request() | {"time": "soon"},
        request() | {"http.response.status": "200"},
        request("/v2/UPPER/manifests/1"),
        request("/v2/a/../b/manifests/1"),
        request("/v2/a/manifests/%0d%0a"),
    ],
)
def test_a_request_that_names_nothing_or_has_no_time_is_rejected(broken: dict[str, Any]) -> None:
    """Scanners ask for the strangest names."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


def test_other_access_logs_are_not_claimed() -> None:
    """A web server's lines, and other programs' JSON."""
    assert not recognise_text(b'192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] "GET /index.html HTTP/1.1" 200 5 "" "curl"')
    assert not recognise_text(b'192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] "GET /v2/users/7 HTTP/1.1" 200 5 "" "curl"')
    assert not recognise({"time": "2026-09-21T14:13:20Z", "level": "info", "msg": "x"})


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Stumps, mutants and rubbish of all three forms."""
    for record in [
        *sample("registry_log", "distribution_2.8_json")[:6],
        *sample("registry_log", "distribution_2.8_text")[:4],
    ]:
        survives(SOURCE, record)


def test_a_real_registry_counts_each_pull_once(shared: Path) -> None:
    """Twelve manifests got or resolved, one failed pull; the combined lines between them add nothing."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    lines = list(records(shared / "captures/docker/registry-access.log"))
    events = decode_all(SOURCE, lines)
    pulls = of_kind(events, ImagePull)
    assert len(pulls) == 12
    assert [failed.reference for failed in of_kind(events, ImagePullFailed)] == ["127.0.0.1:5000/acme/nope:1.0"]
    assert events == decode_all(SOURCE, [line for line in lines if line.startswith(b"{")])
    assert {pull.index_digest for pull in pulls} == {built["web/index"], None}
    assert built["web/amd64"]["manifest"] in {pull.manifest_digest for pull in pulls}
    assert {pull.client.source_ip for pull in pulls if pull.client} == {"127.0.0.1"}
    assert {pull.node for pull in pulls} == {None}
