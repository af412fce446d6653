"""Proves how destinations are written, and that each gets everything."""

import socket
from pathlib import Path

import pytest
from receivers import alert, hook, summary

from tidewaiter.alert import Output
from tidewaiter.edge.delivery import DestinationError
from tidewaiter.edge.send import open_senders
from tidewaiter.sinks import sinks


def refusal(*destinations: str) -> str:
    """The sentence with which destinations are refused."""
    with pytest.raises(DestinationError) as caught:
        open_senders(destinations, environ={})
    return str(caught.value)


def test_every_destination_gets_every_output(tmp_path: Path) -> None:
    """Files and URLs side by side, each in its form; a path may begin like one."""
    outputs: list[Output] = [alert("a", 0), alert("b"), alert("a", 1), summary()]
    paths = {form: tmp_path / f"{form}=out" for form in sinks()}
    with hook() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(30)
        destinations = [
            *(f"{form}={path}" for form, path in paths.items()),
            str(tmp_path / "plain"),
            server.url,
            f"syslog://127.0.0.1:{udp.getsockname()[1]}",
        ]
        senders = open_senders(destinations, environ={})
        for output in outputs:
            senders.send(output)
        senders.close(30)
        received = [udp.recv(65_536) + b"\n" for _ in outputs]
    encoded = {form: b"".join(map(sinks()[form].encode, outputs)) for form in sinks()}
    assert {form: path.read_bytes() for form, path in paths.items()} == encoded
    assert (tmp_path / "plain").read_bytes() == encoded["jsonl"]
    assert b"".join(post.body for post in server.posts) == encoded["jsonl"]
    assert b"".join(received) == encoded["syslog"]
    assert senders.problems() == []


def test_no_destination_is_fine() -> None:
    senders = open_senders([], environ={})
    senders.send(alert())
    senders.close(0)
    assert senders.problems() == []


@pytest.mark.parametrize(
    ("destination", "sentence"),
    [
        ("", "a destination is empty"),
        ("jsonl=", "a destination is empty"),
        ("jsno=/tmp/x", "jsno=..: no such form; known are jsonl, ocsf, syslog, text"),
        ("ftp://ann:s3cret@files.example/x", "nothing can be sent to ftp://..; known are https, http"),
        ("syslog+tls://h:6514", "syslog+tls: syslog goes by syslog (UDP), syslog+tcp or syslog+unix"),
        ("syslog://", "syslog: needs a host"),
        ("syslog://h:99999", "syslog: needs a host and perhaps a port, such as syslog://192.0.2.7:514"),
        ("syslog://[::1", "syslog: needs a host"),
        ("syslog+tcp://h/path", "syslog+tcp: needs a host"),
        ("syslog+unix://dev/log", "syslog+unix://dev/log: a socket is named by its whole path"),
        ("text=syslog://h", "text is no form that syslog carries; these are: syslog, jsonl, ocsf"),
        ("https://", "the webhook's URL names no host"),
        ("https:///path", "the webhook's URL names no host"),
        ("https://h/\x00s3cret", "the webhook's URL cannot be read"),
        ("https://h:port/s3cret", "the webhook's URL cannot be read"),
        ("/nowhere/at/all", "/nowhere/at/all: alerts cannot be written there: no such file or directory"),
    ],
)
def test_bad_destination_is_one_sentence_without_a_secret(destination: str, sentence: str) -> None:
    said = refusal(destination)
    assert said.startswith(sentence)
    assert "s3cret" not in said
    assert said.isprintable()


def test_nothing_is_sent_where_one_destination_is_bad(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "good"), "ftp://x").startswith("nothing can be sent to ftp://..")
    assert (tmp_path / "good").read_bytes() == b""


def test_port_of_syslog_may_be_left_out() -> None:
    """Nothing is connected before there is something to send."""
    open_senders(["syslog://192.0.2.7", "syslog+tcp://[2001:db8::1]", "syslog+unix:///dev/log"], environ={}).close(0)
