"""Proves how outputs are posted: what goes out, what is tried again, and that nothing secret is shown."""

import socket
import ssl
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from receivers import Answer, Time, alert, hook, summary
from sample_incidents import docker_incident

from tidewaiter.alert import Alert, Incident
from tidewaiter.edge.delivery import DestinationError, Refused, TryLater
from tidewaiter.edge.send import open_senders
from tidewaiter.edge.send_webhook import WebhookReceiver, read_headers
from tidewaiter.sinks import sinks

JSONL = sinks()["jsonl"]
NOW_S = 1_790_000_000.0


def answered(status: int, **headers: str) -> WebhookReceiver:
    """A webhook that always gets this answer."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(status, headers=told, stream=httpx.ByteStream(b"no"))
    )
    return WebhookReceiver("https://siem.example/hook", JSONL, {}, transport=transport, now=lambda: NOW_S)


def later(receiver: WebhookReceiver) -> TryLater:
    """Why an alert is to be tried later."""
    with pytest.raises(TryLater) as caught:
        receiver.deliver(alert())
    return caught.value


class TestRequest:
    def test_alert_is_one_post_of_one_record(self) -> None:
        with hook() as server:
            receiver = WebhookReceiver(server.url, JSONL, {"Authorization": "Bearer t0p"})
            receiver.deliver(alert("a", 3))
            receiver.close()
        (post,) = server.posts
        assert msgspec.json.decode(post.body, type=Alert) == alert("a", 3)
        assert post.path == "/hooks/secret-path?token=secret-query"
        assert post.headers["content-type"] == "application/json"
        assert post.headers["idempotency-key"] == f"{alert('a').id}/3"
        assert post.headers["authorization"] == "Bearer t0p"
        assert post.headers["user-agent"].startswith("tidewaiter/")

    def test_incident_can_be_told_from_the_one_before(self) -> None:
        """Its id and its revision make the key, as those of an alert do."""
        with hook() as server:
            receiver = WebhookReceiver(server.url, JSONL, {})
            receiver.deliver(docker_incident())
            receiver.close()
        (post,) = server.posts
        assert post.headers["idempotency-key"] == f"{docker_incident().id}/1"
        assert msgspec.json.decode(post.body, type=Incident) == docker_incident()

    def test_password_in_the_url_is_sent_as_basic_authentication(self) -> None:
        with hook() as server:
            receiver = WebhookReceiver(server.url.replace("://", "://ann:s3cret@"), JSONL, {})
            receiver.deliver(alert())
            receiver.close()
        assert server.posts[0].headers["authorization"] == "Basic YW5uOnMzY3JldA=="

    def test_form_has_its_media_type(self) -> None:
        with hook() as server:
            for name in ("ocsf", "text"):
                receiver = WebhookReceiver(server.url, sinks()[name], {})
                receiver.deliver(alert())
                receiver.close()
        assert [post.headers["content-type"] for post in server.posts] == [
            "application/json",
            "text/plain; charset=utf-8",
        ]
        assert msgspec.json.decode(server.posts[0].body)["class_uid"] == 2004

    def test_summary_is_no_finding_and_is_not_posted_as_one(self) -> None:
        with hook() as server:
            receiver = WebhookReceiver(server.url, sinks()["ocsf"], {})
            receiver.deliver(summary())
            receiver.close()
        assert server.posts == []

    def test_connection_is_used_again(self) -> None:
        """Also where the answer has a body that nobody wants."""
        peers: set[int] = set()
        with hook() as server:
            before = server.process_request

            def counted(request: socket.socket, address: tuple[str, int]) -> None:
                peers.add(address[1])
                before(request, address)

            server.process_request = counted  # type: ignore[method-assign,assignment]  # to count connections
            receiver = WebhookReceiver(server.url, JSONL, {})
            for revision in range(5):
                receiver.deliver(alert("a", revision))
            receiver.close()
        assert (len(server.posts), len(peers)) == (5, 1)


class TestAnswers:
    def test_failure_that_passes_is_tried_again(self) -> None:
        """Down, then busy, then there: each record arrives once, in order, and the user is told once."""
        said: list[str] = []
        time = Time()
        with hook((503, {}), (429, {"Retry-After": "7"})) as server:
            senders = open_senders([server.url], said.append, environ={}, pace=time.pace())
            for revision in range(3):
                senders.send(alert("a", revision))
            senders.close(600)
        sent = [post.headers["idempotency-key"].partition("/")[2] for post in server.posts]
        assert sent == ["0", "0", "0", "1", "2"]
        assert [wait for wait in time.waits if wait] == [1, 7]
        assert senders.problems() == []
        assert said == [
            f"http://127.0.0.1:{server.server_port}: answers 503 Service Unavailable; trying again",
            f"http://127.0.0.1:{server.server_port}: delivers again",
        ]

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
    def test_is_tried_again(self, status: int) -> None:
        error = later(answered(status))
        assert str(error).startswith(f"answers {status}")
        assert error.is_hopeless == (status in (500, 599))

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 418, 422])
    def test_is_not_tried_again(self, status: int) -> None:
        with pytest.raises(Refused, match=f"^answers {status}"):
            answered(status).deliver(alert())

    def test_redirect_is_not_followed(self) -> None:
        with hook() as other, hook((302, {"Location": other.url}), (307, {"Location": other.url})) as server:
            receiver = WebhookReceiver(server.url, JSONL, {"Authorization": "Bearer t0p"})
            for status in ("302 Found", "307 Temporary Redirect"):
                with pytest.raises(Refused, match=f"answers {status}; redirects are not followed"):
                    receiver.deliver(alert())
            receiver.close()
        assert other.posts == []

    @pytest.mark.parametrize(
        ("text", "asked_s"),
        [
            ("7", 7),
            ("0", 0),
            ("86400", 300),
            ("9" * 5000, 300),
            ("-5", 0),
            ("soon", 0),
            ("1e3", 0),
            (format_datetime(datetime.fromtimestamp(NOW_S + 20, UTC), usegmt=True), 20),
            (format_datetime(datetime.fromtimestamp(NOW_S - 20, UTC), usegmt=True), 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
        ],
    )
    def test_retry_after_is_honoured_within_bounds(self, text: str, asked_s: float) -> None:
        assert later(answered(503, retry_after=text)).after_s == pytest.approx(asked_s)

    def test_nobody_there_is_waited_for(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        receiver = WebhookReceiver(f"http://127.0.0.1:{port}/", JSONL, {})
        assert str(later(receiver)) == "cannot be reached: connection refused"
        receiver.close()

    def test_connection_that_breaks_off_is_waited_for(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=lambda: server.accept()[0].close())
            thread.start()
            receiver = WebhookReceiver(f"http://127.0.0.1:{server.getsockname()[1]}/", JSONL, {})
            assert str(later(receiver)).startswith("cannot be reached: ")
            thread.join()
            receiver.close()

    def test_certificate_is_checked(self) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            try:
                raise ssl.SSLCertVerificationError(1, "verify failed")
            except ssl.SSLError as error:
                error.verify_message = "self-signed certificate"  # type: ignore[attr-defined]
                raise httpx.ConnectError("https://ann:s3cret@siem.example") from error

        receiver = WebhookReceiver("https://siem.example/", JSONL, {}, transport=httpx.MockTransport(refuse))
        assert str(later(receiver)) == "cannot be reached: its certificate is not accepted: self-signed certificate"

    def test_server_that_hangs_does_not_hold_up_the_end(self) -> None:
        asked, go = threading.Event(), threading.Event()

        def hang() -> Answer:
            asked.set()
            go.wait(30)
            return (204, {})

        with hook(hang) as server:
            senders = open_senders([server.url], environ={})
            for revision in range(4):
                senders.send(alert("a", revision))
            assert asked.wait(30)
            senders.close(0)
            assert senders.problems() == [f"http://127.0.0.1:{server.server_port}: 4 not delivered before the end"]
            go.set()

    def test_endless_answer_is_not_read_to_its_end(self) -> None:
        """No receiver can fill our memory."""
        read: list[int] = []

        class Endless(httpx.SyncByteStream):
            def __iter__(self):  # type: ignore[no-untyped-def]
                while True:
                    read.append(1)
                    yield b"x" * 65_536

        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Endless()))
        WebhookReceiver("https://siem.example/", JSONL, {}, transport=transport).deliver(alert())
        assert len(read) <= 2


class TestSecrets:
    def test_no_message_shows_one(self) -> None:
        """Neither the password nor the path nor the query of a URL, whatever happens."""
        said: list[str] = []
        with hook((500, {}), (403, {}), (302, {"Location": "http://x"})) as server:
            url = server.url.replace("://", "://ann:s3cret@")
            senders = open_senders([url], said.append, environ={}, pace=Time().pace())
            for revision in range(2):
                senders.send(alert("a", revision))
            senders.close(600)
        shown = " ".join([*said, *senders.problems()])
        assert "answers 403 Forbidden" in shown
        assert not {"s3cret", "ann", "hooks", "secret"} & set(shown.replace("/", " ").replace("?", " ").split())
        assert "secret" not in shown

    @pytest.mark.parametrize("url", ["http://ann:s3cret@siem.example/", "http://siem.example/"])
    def test_are_not_sent_unencrypted_to_another_machine(self, url: str) -> None:
        with pytest.raises(DestinationError, match=r"^http://siem\.example: a password or token would travel unenc"):
            WebhookReceiver(url, JSONL, {"Authorization": "Bearer t0p"} if "@" not in url else {})

    def test_header_comes_from_the_environment(self) -> None:
        assert read_headers({"TIDEWAITER_WEBHOOK_HEADER": "Authorization: Bearer a b\nX-Tenant:7\n"}) == {
            "Authorization": "Bearer a b",
            "X-Tenant": "7",
        }
        assert read_headers({}) == {}

    def test_header_comes_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "header").write_text("Authorization: Splunk 1234\n")
        environ = {"TIDEWAITER_WEBHOOK_HEADER_FILE": str(tmp_path / "header")}
        with hook() as server:
            senders = open_senders([server.url], environ=environ)
            senders.send(alert())
            senders.close(30)
        assert server.posts[0].headers["authorization"] == "Splunk 1234"

    @pytest.mark.parametrize("text", ["s3cret", "a b: s3cret", ": s3cret", "A: s3cret\x00", "A: s3crét"])
    def test_bad_header_is_told_and_not_shown(self, text: str) -> None:
        with pytest.raises(DestinationError, match="TIDEWAITER_WEBHOOK_HEADER: line 1 is no header") as caught:
            read_headers({"TIDEWAITER_WEBHOOK_HEADER": text})
        assert "s3cr" not in str(caught.value)

    def test_file_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(DestinationError, match="none cannot be read: No such file"):
            read_headers({"TIDEWAITER_WEBHOOK_HEADER_FILE": str(tmp_path / "none")})
        (tmp_path / "binary").write_bytes(b"\xff")
        with pytest.raises(DestinationError, match="holds more than ASCII"):
            read_headers({"TIDEWAITER_WEBHOOK_HEADER_FILE": str(tmp_path / "binary")})

    def test_header_goes_to_one_host_only(self) -> None:
        """A token for one receiver is none of another's business."""
        environ = {"TIDEWAITER_WEBHOOK_HEADER": "Authorization: Bearer t0p"}
        with pytest.raises(DestinationError, match=r"would go to all of https://a\.example, https://b\.example"):
            open_senders(["https://a.example/1", "ocsf=https://b.example/2"], environ=environ)
        open_senders(["https://a.example/1", "ocsf=https://a.example/2"], environ=environ).close(0)
