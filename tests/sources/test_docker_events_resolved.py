"""Docker events with what a collector added: what may be believed of it, in both image stores, and from Podman."""

from typing import Any

import pytest
from runtime_records import STRANGE, decode, decode_all, digest, hex_of, of_kind, one, sample

from tidewaiter.event import (
    ContainerCreate,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageFacts,
    ImageName,
    ImagePull,
    ImagePullFailed,
)
from tidewaiter.sources.docker_events import SOURCE

ID = hex_of("c")
NAME = "registry.example/shop/web:1"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def event(kind: str, action: str, subject: str, added: dict[str, Any], **attributes: str) -> dict[str, Any]:
    """An event and what was added to it."""
    actor = {"ID": subject, "Attributes": attributes}
    return {"Type": kind, "Action": action, "Actor": actor, "timeNano": 1_790_000_000_123_456_789, **added}


def image(*repo_digests: str, **members: Any) -> dict[str, Any]:
    """An image of the classic store."""
    return {
        **{
            "Id": digest("1"),
            "RepoTags": [NAME],
            "RepoDigests": [*repo_digests],
            "Architecture": "amd64",
            "Os": "linux",
        },
        **{
            "RootFS": {"Layers": [digest("2")]},
            "Config": {"Entrypoint": ["/app"]},
            "GraphDriver": {"Name": "overlay2"},
        },
        **members,
    }


def pulled(resolved: Any, name: str = NAME, **added: Any) -> list[Event]:
    """The events of a pull."""
    return decode(SOURCE, event("image", "pull", name, {"resolved": resolved, **added}, name=name))


@pytest.mark.parametrize(
    ("repo_digests", "config", "repo_digest"),
    [
        ([f"registry.example/shop/web@{digest('3')}"], digest("1"), digest("3")),
        ([f"registry.example/shop/web@{digest('3')}", f"evil.example/x@{digest('4')}"], digest("1"), digest("3")),
        ([f"registry.example/shop/web@{digest('3')}", f"registry.example/shop/web@{digest('4')}"], digest("1"), None),
        ([f"evil.example/x@{digest('4')}"], None, None),
        ([], None, None),
    ],
)
def test_pull_is_of_what_has_its_digest(repo_digests: list[str], config: str | None, repo_digest: str | None) -> None:
    """A pull leaves a digest of its repository; content without one was given the name by somebody else since."""
    (pull,) = of_kind(pulled(image(*repo_digests)), ImagePull)
    assert (pull.config_digest, pull.repo_digest) == (config, repo_digest)


def test_facts_beside_a_pull_name_nothing() -> None:
    """What else the content is called, it may be called since."""
    events = pulled(image(f"evil.example/x@{digest('4')}"))
    assert of_kind(events, ImageName) == []
    (facts,) = of_kind(events, ImageFacts)
    assert (facts.config_digest, facts.references) == (digest("1"), (f"evil.example/x@{digest('4')}",))
    assert facts.time_ns == events[0].time_ns


def test_containerd_store_tells_the_index() -> None:
    """There the id of an image is that of its index, and no config digest."""
    target = digest("5")
    resolved = image(f"registry.example/shop/web@{target}", Id=target)
    resolved["Descriptor"] = {"mediaType": INDEX_TYPE, "digest": target}
    (pull,) = of_kind(pulled(resolved), ImagePull)
    assert (pull.config_digest, pull.repo_digest, pull.index_digest) == (None, target, target)
    (tag,) = of_kind(decode(SOURCE, event("image", "tag", target, {"resolved": resolved}, name="a:1")), ImageName)
    assert (tag.config_digest, tag.repo_digest, tag.reference) == (None, target, "a:1")


def container(**members: Any) -> dict[str, Any]:
    """A container of the classic store."""
    return {
        **{"Id": ID, "Name": "/web", "Image": digest("1"), "Created": "2026-03-02T08:00:00.1Z"},
        **{"State": {"Pid": 4711, "StartedAt": "2026-03-02T08:00:01.1Z"}, "Config": {"Image": NAME}},
        **{"HostConfig": {"Privileged": True, "Dns": ["127.0.0.1"]}, "GraphDriver": {"Name": "overlay2"}},
        **members,
    }


def test_container_is_told_at_the_moment_of_its_event() -> None:
    """Its own moments would be second ones beside it."""
    events = decode(
        SOURCE, event("container", "start", ID, {"container": container(), "resolved": image()}, image=NAME)
    )
    (start,), (facts,) = of_kind(events, ContainerStart), of_kind(events, ContainerFacts)
    assert start.pid == facts.pid == 4711
    assert start.image is not None
    assert (start.image.reference, start.image.config_digest, start.image.from_runtime) == (NAME, digest("1"), True)
    assert facts.time_ns == start.time_ns
    assert (facts.created_ns, facts.started_ns, facts.privileged) == (None, None, True)
    assert [found.entrypoint for found in of_kind(events, ImageFacts)] == [("/app",)]


def test_resolvers_of_the_host_stand_in_for_those_that_are_not_named() -> None:
    """A container is given them; one with resolvers of its own is not."""
    told = [container(resolvers=["192.0.2.1"]), container(HostConfig={"Dns": []}, resolvers=["192.0.2.1"])]
    for found, wanted in zip(told, (("127.0.0.1",), ("192.0.2.1",)), strict=True):
        events = decode(SOURCE, event("container", "start", ID, {"container": found}, image=NAME))
        (facts,) = of_kind(events, ContainerFacts)
        assert facts.dns_servers == wanted


def test_other_container_says_nothing() -> None:
    """An addition about another container is left aside."""
    (start,) = decode(SOURCE, event("container", "start", ID, {"container": container(Id=hex_of("d"))}, image=NAME))
    assert isinstance(start, ContainerStart)
    assert start.pid is None


@pytest.mark.parametrize("strange", STRANGE)
def test_strange_additions_are_left_aside(strange: Any) -> None:
    """The event is true without them."""
    added = {"container": strange, "resolved": strange, "runtime": strange, "was_here": strange}
    create = one(SOURCE, event("container", "create", ID, added, image=NAME), ContainerCreate)
    assert (create.runtime, create.image is not None and create.image.reference) == ("docker", NAME)
    assert len(of_kind(pulled(strange, was_here=strange), ImagePull)) == (strange is not True)


def test_podman_calls_things_otherwise() -> None:
    """Ids without `sha256:`, `remove` for a destroy, names as typed, loads without an id, pulls that fetch nothing."""
    podman = {"runtime": "podman", "resolved": image(RepoTags=["localhost/a:1"])}
    tag, _ = decode(SOURCE, event("image", "tag", hex_of("1"), podman, name="a:1"))
    load, _ = decode(SOURCE, event("image", "loadfromarchive", "", podman, name="a.tar"))
    for found, action in ((tag, "tag"), (load, "load")):
        assert isinstance(found, ImageName)
        assert (found.action, found.reference, found.config_digest) == (action, "localhost/a:1", digest("1"))
    (facts,) = decode(SOURCE, event("image", "pull", "", {**podman, "was_here": True}, name="a:1"))
    assert isinstance(facts, ImageFacts)
    failed = one(
        SOURCE, event("image", "pull-error", "", {"runtime": "podman"}, name="a:1", error="no"), ImagePullFailed
    )
    assert (failed.reference, failed.reason) == ("a:1", "no")
    stop = one(SOURCE, event("container", "remove", ID, {"runtime": "podman"}, image=NAME), ContainerStop)
    assert (stop.removed, stop.runtime) == (True, "podman")


def test_old_ids_are_no_digests() -> None:
    """Before Docker 1.10 an image's id was 64 hex by chance."""
    assert one(SOURCE, event("image", "untag", hex_of("1"), {}), ImageName).config_digest is None


@pytest.mark.parametrize("case", ["collected_docker_20.10", "collected_podman_4.3"])
def test_recorded_containers_are_known_by_content(case: str) -> None:
    """In what was collected from real daemons, each container that was created has a config digest."""
    events = decode_all(SOURCE, sample("docker_events", case))
    created = {found.container_id for found in of_kind(events, ContainerCreate)}
    known = {
        found.container_id for found in of_kind(events, ContainerFacts) if found.image and found.image.config_digest
    }
    assert created == known != set()
    assert all(pull.config_digest for pull in of_kind(events, ImagePull))
