"""Proves that registries are asked as they want to be, boundedly, and that no secret goes where it does not belong."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from images import image
from registries import Answer, Made, Request, made_registry, quick, refusal

from tidewaiter.edge.registry import open_registry
from tidewaiter.edge.registry_http import RegistryOptions, is_loopback
from tidewaiter.image.blob import ReadError
from tidewaiter.image.view import View

SECRET = "hunter2-and-more"  # noqa: S105 - made up
TOKEN = "eyJ0b2tlbg.abc.def"  # noqa: S105 - made up
LET_THROUGH = Answer(status=0)


@pytest.fixture
def registry() -> Iterator[Made]:
    """A registry with one image."""
    with made_registry() as server:
        server.push(image(), "1.4")
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Made]:
    """Another host: a token service, or where blobs are stored."""
    with made_registry() as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, registry: Made) -> Path:
    """A `config.json` with credentials for the registry."""
    path = tmp_path / "config.json"
    auth = base64.b64encode(f"ann:{SECRET}".encode()).decode()
    path.write_text(json.dumps({"auths": {f"https://{registry.host}/v2/": {"auth": auth}}}))
    return path


def read(registry: Made, options: RegistryOptions | None = None) -> View:
    """The view of the image, with all layers downloaded."""
    with open_registry(registry.name(), options or quick()) as view:
        for layer in view.images[0].layers:
            assert layer.blob is not None
            for _ in layer.blob.chunks():
                pass
        return view


def wants(registry: Made, header: str, challenge: str) -> None:
    """Let the registry refuse all that does not show this Authorization header."""

    def gate(request: Request) -> Answer:
        if request.headers.get("authorization") == header:
            return LET_THROUGH
        return refusal(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)

    registry.before = gate


def basic(user: str = "ann", password: str = SECRET) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_basic_authentication(registry: Made, config: Path) -> None:
    """Shown only once it was asked for, and asked for only once."""
    wants(registry, basic(), 'Basic realm="the registry"')
    assert read(registry, quick(config)).faults == ()
    assert [bool(request.headers.get("authorization")) for request in registry.requests].count(False) == 1


@pytest.mark.parametrize("member", ["token", "access_token"])
def test_bearer_token(registry: Made, elsewhere: Made, config: Path, member: str) -> None:
    """Got from the service that the registry names, for the right to pull this one repository, once."""
    challenge = f'Bearer realm="http://{elsewhere.host}/token",service="a, b",scope="repository:other:push"'
    wants(registry, f"Bearer {TOKEN}", challenge)
    elsewhere.before = lambda request: Answer(json.dumps({member: TOKEN}).encode())
    assert read(registry, quick(config)).faults == ()
    (asked,) = elsewhere.requests
    assert asked.method == "GET"
    assert asked.headers["authorization"] == basic()
    assert "scope=repository%3Ashop%2Fweb%3Apull" in asked.path
    assert "service=a%2C+b" in asked.path or "service=a%2C%20b" in asked.path


def test_bearer_token_without_credentials(registry: Made, elsewhere: Made) -> None:
    """Public repositories want a token, too."""
    wants(registry, f"Bearer {TOKEN}", f'Bearer realm="http://{elsewhere.host}/token"')
    elsewhere.before = lambda request: Answer(json.dumps({"token": TOKEN}).encode())
    assert read(registry).faults == ()
    assert "authorization" not in elsewhere.requests[0].headers


def test_identity_token_is_exchanged_by_post(registry: Made, elsewhere: Made, tmp_path: Path) -> None:
    """It never stands in a URL."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {registry.host: {"identitytoken": SECRET}}}))
    wants(registry, f"Bearer {TOKEN}", f'Bearer realm="http://{elsewhere.host}/token",service="s"')
    elsewhere.before = lambda request: Answer(json.dumps({"access_token": TOKEN}).encode())
    read(registry, quick(config))
    (asked,) = elsewhere.requests
    assert asked.method == "POST"
    assert SECRET not in asked.path
    assert f"refresh_token={SECRET}".encode() in asked.body


def test_token_that_ran_out_is_got_again(registry: Made, elsewhere: Made) -> None:
    """A long download outlives its token."""
    issued: list[str] = []

    def issue(request: Request) -> Answer:
        issued.append(f"{TOKEN}{len(issued)}")
        return Answer(json.dumps({"token": issued[-1]}).encode())

    def gate(request: Request) -> Answer:
        is_late = "/blobs/" in request.path
        if (
            issued
            and request.headers.get("authorization") == f"Bearer {issued[-1]}"
            and (len(issued) > 1 or not is_late)
        ):
            return LET_THROUGH
        return Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{elsewhere.host}/token"'})

    elsewhere.before, registry.before = issue, gate
    assert read(registry).faults == ()
    assert len(issued) == 2


def test_refusal_tells_the_registrys_words_and_the_way_tried_and_no_secret(registry: Made, config: Path) -> None:
    """Even where the registry sends the secret back."""
    told = f"no entry for {basic()} or {SECRET}\x1b[31m"
    registry.before = lambda request: refusal(401, "UNAUTHORIZED", told, WWW_Authenticate="Basic")
    with pytest.raises(ReadError) as caught:
        read(registry, quick(config))
    message = str(caught.value)
    assert "refused with status 401: UNAUTHORIZED no entry for Basic *** or ***" in message
    assert f"tried basic authentication, with the credentials in {config}" in message
    assert "\x1b" not in message


def test_refusal_without_credentials_says_so(registry: Made) -> None:
    """What is missing is told."""
    registry.before = lambda request: refusal(401, "UNAUTHORIZED", "who?", WWW_Authenticate="Basic")
    with pytest.raises(ReadError, match=r"tried basic authentication, with no credentials \(/nonexistent/"):
        read(registry)
    assert len(registry.requests) == 1


def test_unknown_way_of_authentication_is_named(registry: Made, config: Path) -> None:
    """Nothing is shown to who asks for something else."""
    registry.before = lambda request: Answer(status=401, headers={"WWW-Authenticate": "Negotiate"})
    with pytest.raises(ReadError, match="it asks for negotiate, which is not known here"):
        read(registry, quick(config))


@pytest.mark.parametrize(
    "realm", ["http://example.com/token", "file:///etc/passwd", "gopher://x", "http://[", "", "http:///token"]
)
def test_token_service_over_plain_http_elsewhere_is_not_asked(registry: Made, config: Path, realm: str) -> None:
    """Credentials do not cross a network in the clear; no other scheme is followed."""
    registry.before = lambda request: Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})
    with pytest.raises(ReadError, match=r"token service|tried a bearer token"):
        read(registry, quick(config))


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no json", b'{"token": 1}', b'{"token": "a\\nb"}', b"[" * 100_000])
def test_token_service_that_sends_no_token(registry: Made, elsewhere: Made, body: bytes) -> None:
    """One sentence; a line break in a token would be a header of its own."""
    wants(registry, f"Bearer {TOKEN}", f'Bearer realm="http://{elsewhere.host}/token"')
    elsewhere.before = lambda request: Answer(body)
    with pytest.raises(ReadError, match="token service"):
        read(registry)


def test_token_service_that_refuses(registry: Made, elsewhere: Made, config: Path) -> None:
    """Its words are told, too."""
    wants(registry, f"Bearer {TOKEN}", f'Bearer realm="http://{elsewhere.host}/token"')
    elsewhere.before = lambda request: Answer(b'{"details": "incorrect username or password"}', 401)
    with pytest.raises(ReadError, match=r"token service .* status 401: incorrect username or password"):
        read(registry, quick(config))


def test_redirect_does_not_take_the_authorization_along(registry: Made, elsewhere: Made, config: Path) -> None:
    """Blobs often lie with somebody else, who must not be handed the credentials."""
    wants(registry, basic(), "Basic")
    elsewhere.blobs = dict(registry.blobs)
    for digest in registry.blobs:
        to = f"http://{elsewhere.host}/v2/shop/web/blobs/{digest}?signature={SECRET}"
        registry.scripts[f"blobs/{digest}"] = lambda request, to=to: Answer(status=307, headers={"Location": to})  # type: ignore[misc]
        elsewhere.scripts[f"blobs/{digest}?signature={SECRET}"] = lambda request, digest=digest: Answer(  # type: ignore[misc]
            registry.blobs[digest]
        )
    assert read(registry, quick(config)).faults == ()
    assert len(elsewhere.requests) == 3
    assert all("authorization" not in request.headers for request in elsewhere.requests)


def test_challenge_of_where_it_redirects_is_not_answered(registry: Made, elsewhere: Made, config: Path) -> None:
    """Only the registry itself is shown credentials, and only it says where tokens are."""
    challenge = f'Bearer realm="http://{elsewhere.host}/token"'
    elsewhere.before = lambda request: Answer(status=401, headers={"WWW-Authenticate": challenge})
    to = f"http://{elsewhere.host}/"
    registry.scripts["manifests/1.4"] = lambda request: Answer(status=302, headers={"Location": to})
    with pytest.raises(ReadError, match="refused with status 401"):
        read(registry, quick(config))
    assert [request.path for request in elsewhere.requests] == ["/"]


def test_body_that_trickles(registry: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte before each time-out would hold on for ever."""
    clock = iter(range(0, 10_000_000, 1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with pytest.raises(ReadError, match="comes too slowly"):
        read(registry)


@pytest.mark.parametrize("to", ["http://example.com/", "ftp://127.0.0.1/", "http://[", "file:///etc/passwd"])
def test_redirect_that_is_not_followed(registry: Made, to: str) -> None:
    """Nobody is led into plain http on a network, nor to anything else."""
    registry.scripts["manifests/1.4"] = lambda request: Answer(status=302, headers={"Location": to})
    with pytest.raises(ReadError, match="redirects to"):
        read(registry)


def test_redirects_without_end(registry: Made) -> None:
    """The number is bounded."""
    registry.before = lambda request: Answer(status=302, headers={"Location": request.path})
    with pytest.raises(ReadError, match="redirects more than 5 times"):
        read(registry)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_what_may_pass_is_asked_again(registry: Made, status: int) -> None:
    """A registry that is busy is not one that refuses."""
    statuses = [status, status]
    registry.before = lambda request: (
        Answer(status=statuses.pop(), headers={"Retry-After": "0"}) if statuses else LET_THROUGH
    )
    assert read(registry).faults == ()


def test_attempts_are_bounded(registry: Made) -> None:
    """One and as many again as are allowed."""
    registry.before = lambda request: refusal(503, "UNAVAILABLE", "come back later")
    with pytest.raises(ReadError, match="status 503: UNAVAILABLE come back later"):
        read(registry, quick(retries=2))
    assert len(registry.requests) == 3


def test_who_asks_for_a_long_wait_is_not_waited_for(registry: Made) -> None:
    """An hour is an error that the user should see now."""
    registry.before = lambda request: refusal(429, "TOOMANYREQUESTS", "an hour", Retry_After="3600")
    with pytest.raises(ReadError, match="TOOMANYREQUESTS"):
        read(registry)
    assert len(registry.requests) == 1


def test_document_that_breaks_off_is_got_again(registry: Made) -> None:
    """A manifest is short, so it is begun anew."""
    data, media_type = registry.manifests["1.4"]
    cuts: list[int | None] = [5]
    registry.scripts["manifests/1.4"] = lambda request: Answer(
        data, headers={"Content-Type": media_type}, cut=cuts.pop() if cuts else None
    )
    assert read(registry).faults == ()


def test_encoding_that_was_not_asked_for_is_refused(registry: Made) -> None:
    """Digests are of the bytes as they lie; nothing is unpacked on the way, so nothing can swell there."""
    registry.before = lambda request: Answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ReadError, match="encoding that was not asked for"):
        read(registry)


def test_nobody_listens() -> None:
    """One sentence, with the host."""
    with (
        pytest.raises(ReadError, match=r"127\.0\.0\.1:\d+ cannot be asked: Connection refused"),
        open_registry("127.0.0.1:1/shop/web:1.4", quick(retries=0)),
    ):
        pass


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 1}', b'{"errors": [1]}', b"\xff", b"[" * 60_000])
def test_refusal_in_any_words(registry: Made, body: bytes) -> None:
    """What is no error of the API is left out."""
    registry.before = lambda request: Answer(body, 403)
    with pytest.raises(ReadError, match=r"refused with status 403 \(tried no authentication"):
        read(registry)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("127.9.9.9", True), ("[::1]", True)],
        *[("::1", True), ("localhost.example", False), ("10.0.0.1", False), ("127.0.0.1.nip.io", False)],
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    """Names are not resolved: a name can stand for another address tomorrow."""
    assert is_loopback(host) is expected
