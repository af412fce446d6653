"""What a collector adds to containerd's events: pulls told apart from tags and imports, content, what was there."""

from typing import Any

import pytest
from runtime_records import decode, digest, hex_of, of_kind

from tidewaiter.digest import chain_id
from tidewaiter.event import ContainerCreate, ContainerFacts, ImageClaim, ImageFacts, ImageName, ImagePull
from tidewaiter.sources.containerd_events import SOURCE

ID = hex_of("c")
SINCE_NS, LISTED_NS = 1_790_000_000_400_000_000, 1_790_000_600_500_000_000
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def collected(topic: str, event: dict[str, Any], namespace: str = "default", **more: Any) -> dict[str, Any]:
    """A record of the collector."""
    return {"timestamp": "2026-09-21T14:23:20.5Z", "namespace": namespace, "topic": topic, "event": event, **more}


def present(manifest: str, config: str, *diff_ids: str, **declared: Any) -> dict[str, Any]:
    """A manifest whose content is there."""
    layers = [digest(character) for character in diff_ids]
    return {"digest": digest(manifest), "config": digest(config), "diff_ids": layers, **declared}


def resolved(*manifests: dict[str, Any], **members: Any) -> dict[str, Any]:
    """What a name stood for."""
    told = {"target": digest("1"), "media_type": INDEX_TYPE, "updated_at": "2026-09-21T14:13:20.400000000Z"}
    return {**told, "sources": ["a.example/web"], "manifests": list(manifests), **members}


WEB = present("2", "4", "6", "7", entrypoint=["/app"], cmd=[], healthcheck=["CMD", "true"])


def image_of(record: dict[str, Any]) -> ImageClaim:
    """What the first event of a record says of its container's image."""
    image = decode(SOURCE, record)[0].image  # type: ignore[attr-defined]  # of a container
    assert isinstance(image, ImageClaim)
    return image


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("a.example/web:1", ["a.example/web"]),
        (f"a.example/web@{digest('1')}", ["b.example/x", "a.example/web"]),
        ("127.0.0.1:5000/shop/web:1", ["127.0.0.1/shop/web"]),
        ("[::1]:5000/shop/web:1", ["::1/shop/web"]),
        ("docker.io/library/web:1", ["docker.io/library/web"]),
        ("a.example/web:1", None),
    ],
)
def test_content_that_came_from_where_the_name_says_was_pulled(name: str, sources: list[str] | None) -> None:
    """containerd writes the registry without its port; where nobody asked, the name is all there is."""
    pulled = decode(SOURCE, collected("/images/create", {"name": name}, resolved=resolved(WEB, sources=sources)))[0]
    assert isinstance(pulled, ImagePull)
    assert (pulled.reference, pulled.config_digest) == (name, digest("4"))


@pytest.mark.parametrize(
    ("sources", "action"), [(["evil.example/web"], "tag"), (["a.example/web2", "a.example/we"], "tag"), ([], "import")]
)
@pytest.mark.parametrize("topic", ["/images/create", "/images/update", "/images/listed"])
def test_content_that_came_from_elsewhere_was_given_its_name_here(topic: str, sources: list[str], action: str) -> None:
    """`ctr images tag` and `ctr images import` are no pulls."""
    told = resolved(WEB, sources=sources)
    named = decode(SOURCE, collected(topic, {"name": "a.example/web:1"}, resolved=told))[0]
    assert isinstance(named, ImageName)
    assert (named.action, named.reference) == (action, "a.example/web:1")
    assert (named.config_digest, named.repo_digest) == (digest("4"), digest("1"))


def test_a_listed_name_has_stood_since_it_was_updated() -> None:
    """It is no pull, whoever pulled it and whenever."""
    named, facts = decode(SOURCE, collected("/images/listed", {"name": "a.example/web:1"}, resolved=resolved(WEB)))
    assert isinstance(named, ImageName)
    assert (named.action, named.time_ns, named.config_digest) == ("seen", SINCE_NS, digest("4"))
    assert isinstance(facts, ImageFacts)
    assert (facts.time_ns, facts.config_digest) == (SINCE_NS, digest("4"))
    alias = decode(SOURCE, collected("/images/listed", {"name": digest("4")}, "k8s.io", resolved=resolved(WEB)))[0]
    assert isinstance(alias, ImageName)
    assert (alias.action, alias.reference, alias.config_digest, alias.time_ns) == ("seen", None, digest("4"), SINCE_NS)


def test_what_the_config_declares() -> None:
    """Nothing declared is known to be nothing; not told is not known."""
    silent = present("3", "5", "6")
    record = collected("/images/create", {"name": "a.example/web:1"}, resolved=resolved(WEB, silent))
    told, untold = of_kind(decode(SOURCE, record), ImageFacts)
    assert (told.entrypoint, told.cmd, told.healthcheck) == (("/app",), (), ("CMD", "true"))
    assert (untold.entrypoint, untold.cmd, untold.healthcheck) == (None, None, None)


def test_a_container_is_the_image_on_whose_layers_it_stands() -> None:
    """Of two platforms that are there, the layers tell which one runs."""
    stack = chain_id([digest("6"), digest("7")])
    container = {"snapshot_parent": stack, "privileged": True, "host_pid": False}
    more: dict[str, Any] = {"resolved": resolved(present("3", "5", "8"), WEB), "container": container}
    created, *facts = decode(SOURCE, collected("/containers/create", {"id": ID, "image": "a.example/web:1"}, **more))
    assert isinstance(created, ContainerCreate)
    assert created.image == ImageClaim(
        reference="a.example/web:1", config_digest=digest("4"), chain_id=stack, from_runtime=True
    )
    assert (created.privileged, created.host_root_mount, created.host_pid) == (True, None, False)
    assert [type(found) for found in facts] == [ImageFacts, ImageFacts]


@pytest.mark.parametrize(
    "manifests",
    [
        pytest.param([present("2", "4", "8")], id="the name has moved"),
        pytest.param([], id="nothing is there"),
        pytest.param([present("2", "4", "6"), present("3", "5", "6")], id="two configs on the same layers"),
        pytest.param([{"digest": digest("2"), "missing": "it is not there"}], id="another platform"),
    ],
)
def test_layers_alone_prove_no_image(manifests: list[dict[str, Any]]) -> None:
    """Then the layers are all that is told."""
    more: dict[str, Any] = {"resolved": resolved(*manifests), "container": {"snapshot_parent": digest("6")}}
    image = image_of(collected("/containers/create", {"id": ID, "image": "a.example/web:1"}, **more))
    assert image == ImageClaim(reference="a.example/web:1", chain_id=digest("6"))


def test_an_alias_by_config_digest_stays_what_it_says() -> None:
    """CRI names images by their config, in its own namespace only."""
    more: dict[str, Any] = {"container": {"snapshot_parent": digest("6")}}
    event = {"id": ID, "image": digest("4")}
    assert image_of(collected("/containers/create", event, "k8s.io", **more)).config_digest == digest("4")
    assert image_of(collected("/containers/create", event, "default", **more)).config_digest is None


def test_a_listed_container_was_created_when_it_says_so() -> None:
    """The moment of the listing is nobody's create."""
    container = {
        "created_at": "2026-09-21T14:13:20.4Z",
        "snapshot_parent": chain_id([digest("6"), digest("7")]),
        "pid": 77,
        "host_root_mount": True,
        "labels": {
            "io.cri-containerd.kind": "container",
            "io.kubernetes.pod.name": "web-0",
            "io.kubernetes.pod.namespace": "shop",
        },
    }
    more = {"resolved": resolved(WEB), "container": container}
    found = decode(SOURCE, collected("/containers/listed", {"id": ID, "image": "a.example/web:1"}, "k8s.io", **more))[0]
    assert isinstance(found, ContainerFacts)
    assert (found.time_ns, found.created_ns, found.started_ns, found.finished_ns) == (SINCE_NS, SINCE_NS, None, None)
    assert (found.pid, found.host_root_mount) == (77, True)
    assert found.image is not None
    assert (found.image.config_digest, found.image.from_runtime) == (digest("4"), True)
    assert found.pod is not None
    assert found.pod.name == "web-0"


def test_a_listed_container_that_has_ended() -> None:
    """Its first process has no id any more."""
    container = {"created_at": "2026-09-21T14:13:20.4Z", "exited_at": "2026-09-21T14:23:20.5Z"}
    (found,) = decode(SOURCE, collected("/containers/listed", {"id": "c1", "image": "a:1"}, container=container))
    assert isinstance(found, ContainerFacts)
    assert (found.container_id, found.pid, found.finished_ns) == ("c1", None, LISTED_NS)


@pytest.mark.parametrize("topic", ["/containers/create", "/containers/listed"])
def test_under_dockerd_a_container_is_described_and_not_created(topic: str) -> None:
    """dockerd makes a new one at every start: what it shares with the host holds, when it was made does not."""
    container = {"created_at": "2026-09-21T14:13:20.4Z", "privileged": True, "pid": 7}
    (found,) = decode(SOURCE, collected(topic, {"id": ID}, "moby", container=container))
    assert isinstance(found, ContainerFacts)
    assert (found.runtime, found.created_ns, found.privileged, found.pid) == ("docker", None, True, 7)


def test_records_of_a_collector_are_read_at_once() -> None:
    """The reader knows them by their first bytes."""
    (opening,) = SOURCE.openings
    assert opening[1](
        b'{"timestamp":"2026-09-21T14:23:20.5Z","namespace":"moby","topic":"/containers/listed","event":{}}'
    )
