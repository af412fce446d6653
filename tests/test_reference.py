"""Holds how an image reference is read: parts, normal form, hub aliases, and what is refused."""

import pytest

from tidewaiter.reference import ImageReferenceError, parse_reference, reference_or_none

DIGEST = "sha256:" + "7" * 64


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("someone/alpine", "docker.io/someone/alpine:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("registry-1.docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("DOCKER.io/library/alpine", "docker.io/library/alpine:latest"),
        ("Registry.Corp.Example/web:1", "registry.corp.example/web:1"),
        ("registry.corp.example:5000/web", "registry.corp.example:5000/web:latest"),
        ("localhost/web", "localhost/web:latest"),
        ("localhost:5000/web:a", "localhost:5000/web:a"),
        ("HOST/web", "host/web:latest"),
        ("[2001:db8::1]:5000/web", "[2001:db8::1]:5000/web:latest"),
        ("a__b/c.d-e--f", "docker.io/a__b/c.d-e--f:latest"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}"),
        (f"alpine:3@{DIGEST}", f"docker.io/library/alpine:3@{DIGEST}"),
        (DIGEST, DIGEST),
        ("7" * 64, DIGEST),
        (f"docker-pullable://alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}"),
        (f"docker://{DIGEST}", DIGEST),
        ("  alpine\n", "docker.io/library/alpine:latest"),
    ],
)
def test_normal_form(text: str, name: str) -> None:
    """Registry, repository, tag and digest are completed as Docker and containerd complete them."""
    assert parse_reference(text).name == name


def test_parts_are_kept_apart_from_the_text_as_written() -> None:
    """The text stays beside the parts."""
    found = parse_reference(f"Registry.Corp.Example:5000/team/web:1@{DIGEST}")
    assert found.text == f"Registry.Corp.Example:5000/team/web:1@{DIGEST}"
    assert (found.registry, found.path, found.tag) == ("registry.corp.example:5000", "team/web", "1")
    assert found.digest == DIGEST
    assert found.repository == "registry.corp.example:5000/team/web"


def test_bare_digest_has_no_repository() -> None:
    """Nobody can say where content came from that is named by its digest alone."""
    found = parse_reference(DIGEST)
    assert found.repository is None
    assert found.tag is None
    assert not found.is_mutable_tag


@pytest.mark.parametrize(("text", "is_mutable"), [("alpine", True), ("alpine:3", True), (f"alpine:3@{DIGEST}", False)])
def test_only_a_digest_pins(text: str, is_mutable: bool) -> None:
    """A tag, written or not, may stand for other content tomorrow."""
    assert parse_reference(text).is_mutable_tag is is_mutable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("registry.corp.example/web", "registry.corp.example:5000/web"),
        ("registry.corp.example:443/web", "registry.corp.example/web"),
        ("docker.io/library/alpine", "docker.io/evil/alpine"),
        ("docker.io/library/alpine", "docker.io.evil.example/library/alpine"),
        ("docker.io/library/alpine", "docker-io.example/library/alpine"),
        ("docker.io/library/alpine", "docker.i0/library/alpine"),
        ("registry.corp.example/web", "evil.example/registry.corp.example/web"),
        ("alpine", "a1pine"),
        ("library/alpine", "local-library/alpine"),
    ],
)
def test_look_alikes_are_other_repositories(one: str, other: str) -> None:
    """Another port, host or path is another repository."""
    assert parse_reference(one).repository != parse_reference(other).repository


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "UPPER",
        "library/Alpine",
        "alpine:",
        "alpine:-1",
        "alpine:" + "t" * 129,
        "alpine@",
        "alpine@sha256:00",
        "alpine@" + "7" * 64,
        "/alpine",
        "alpine/",
        "a//b",
        "host.example/",
        "-host.example/a",
        "host.example:port/a",
        "host.example:123456/a",
        "https://registry.corp.example/web",
        "a b",
        "a\x00b",
        "al\npine",
        "alpine;id",
        "../../etc/passwd",
        "a" * 5000,
        "аlpine",  # begins with a Cyrillic letter
        "docker.iо/library/alpine",  # ends with a Cyrillic letter
        "\ud800",
    ],
)
def test_refuses_what_is_no_reference(text: str) -> None:
    """Bad text raises `ImageReferenceError`, which telemetry's reading turns into: unknown."""
    with pytest.raises(ImageReferenceError):
        parse_reference(text)
    assert reference_or_none(text) is None


def test_nothing_is_no_reference() -> None:
    """A field that is absent is unknown."""
    assert reference_or_none(None) is None


def test_error_shows_no_more_than_120_characters_of_the_text() -> None:
    """A megabyte of rubbish does not become a megabyte of message."""
    with pytest.raises(ImageReferenceError) as caught:
        parse_reference("X" * 1_000_000)
    assert len(str(caught.value)) < 400


def test_letter_that_lowers_to_ascii_makes_no_known_host() -> None:
    """`doc\u212aer.io`, with the Kelvin sign, is no spelling of docker.io."""
    assert reference_or_none("doc\u212aer.io/library/alpine") is None
