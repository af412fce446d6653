"""containerd's log: the exact texts of old and new releases, three log formats, and nothing told before it was done."""

from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, hex_of, is_recognised, of_kind, one, sample, survives

from tidewaiter.event import ContainerCreate, ContainerStart, ContainerStop, ImageFacts, ImagePull, ImagePullFailed
from tidewaiter.sources import RecordError
from tidewaiter.sources.containerd_journal import SOURCE, recognise, recognise_text

ID = hex_of("c")


def quoted(text: str) -> str:
    """As Go's %q writes a text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def line(message: str, more: str = "") -> str:
    """A line of logrus's text form."""
    return f'time="2026-09-21T14:13:20.5Z" level=info msg={quoted(message)}{more}'


@pytest.mark.parametrize("release", ["1.6", "2.2"])
def test_a_pod_is_told_from_pull_to_removal(release: str) -> None:
    """Both ways of printing metadata; a line that only begins something gives nothing."""
    events = decode_all(SOURCE, sample("containerd_journal", release))
    sandbox, created = of_kind(events, ContainerCreate)
    assert sandbox.is_sandbox
    assert sandbox.pod is not None
    assert (sandbox.pod.namespace, sandbox.pod.name) == ("shop", "web-0")
    assert sandbox.pod.uid == "0c8a1f52-6a0e-4a1b-9f5d-2f6c3a7b9e01"
    assert created.pod is not None
    assert (created.name, created.pod.container_name, created.pod.name) == ("web", "web", None)
    assert (created.runtime, created.runtime_namespace) == ("containerd", "k8s.io")
    assert [start.container_id for start in of_kind(events, ContainerStart)] == [created.container_id]
    pulls = of_kind(events, ImagePull)
    assert {pull.reference for pull in pulls} == {"registry.example.net/shop/cart:2.3"}
    assert all(pull.config_digest is not None for pull in pulls)
    assert len(pulls) == (1 if release == "1.6" else 2)


def test_the_best_stock_line_proves_config_and_repository_digest_together() -> None:
    """`Pulled image ..` of 1.7 and later."""
    message = (
        f'Pulled image "nginx:latest" with image id "{digest("a")}", repo tag "docker.io/library/nginx:latest", '
        f'repo digest "docker.io/library/nginx@{digest("b")}", size "70601125" in 5.766826368s'
    )
    pulled, facts = decode(SOURCE, line(message))
    assert isinstance(pulled, ImagePull)
    assert (pulled.reference, pulled.config_digest, pulled.repo_digest) == ("nginx:latest", digest("a"), digest("b"))
    assert isinstance(facts, ImageFacts)
    assert (facts.config_digest, facts.repo_digests, facts.proof) == (digest("a"), (digest("b"),), "runtime")
    assert facts.references == ("docker.io/library/nginx:latest", f"docker.io/library/nginx@{digest('b')}")


def test_a_pull_by_digest_has_no_tag_and_1_6_tells_no_size() -> None:
    """The repo tag is empty then; at debug level 1.6 ends the line after the digest."""
    message = (
        f'Pulled image "a.example/b@{digest("b")}" with image id "{digest("a")}", repo tag "", '
        f'repo digest "a.example/b@{digest("b")}"'
    )
    pulled, facts = decode(SOURCE, line(message))
    assert isinstance(pulled, ImagePull)
    assert pulled.repo_digest == digest("b")
    assert isinstance(facts, ImageFacts)
    assert facts.references == (f"a.example/b@{digest('b')}",)


def test_a_failed_pull_keeps_its_reason() -> None:
    """The error stands in a field of its own."""
    failed = one(SOURCE, line('PullImage "a:1" failed', ' error="not found: \\"a:1\\""'), ImagePullFailed)
    assert (failed.reference, failed.reason) == ("a:1", 'not found: "a:1"')


@pytest.mark.parametrize(
    ("message", "removed"),
    [
        (f'StopContainer for "{ID}" returns successfully', False),
        (f'StopPodSandbox for "{ID}" returns successfully', False),
        (f'RemoveContainer for "{ID}" returns successfully', True),
        (f'RemovePodSandbox "{ID}" returns successfully', True),
        (f"TaskExit event &TaskExit{{ContainerID:{ID},ID:{ID},Pid:7,ExitStatus:0,ExitedAt:x,}}", False),
        (f'TaskExit event in podsandbox handler container_id:"{ID}" id:"{ID}" pid:7', False),
        (f'received exit event container_id:"{ID}"  id:"{ID}"  pid:7  exited_at:{{seconds:1}}', False),
    ],
)
def test_every_way_a_container_ends(message: str, removed: bool) -> None:
    """By its own end, by the kubelet's order, by removal."""
    stopped = one(SOURCE, line(message), ContainerStop)
    assert (stopped.container_id, stopped.removed) == (ID, removed)


@pytest.mark.parametrize(
    "message",
    [
        'PullImage "a:1"',
        f'StartContainer for "{ID}"',
        f'StopContainer for "{ID}" with timeout 30 (s)',
        "RunPodSandbox for &PodSandboxMetadata{Name:a,Uid:b,Namespace:c,Attempt:0,}",
        f'CreateContainer within sandbox "{ID}" for container &ContainerMetadata{{Name:web,Attempt:0,}}',
        f'received exit event container_id:"{ID}"  id:"e1"  pid:7',
        f'StartContainer for "{ID}" failed',
        'ImageCreate event name:"a:1"',
        "loading plugin",
        f'somebody said: StartContainer for "{ID}" returns successfully',
        f'StartContainer for "{ID}" returns successfully, or so it is said',
    ],
)
def test_what_is_not_done_or_not_said_by_containerd_gives_nothing(message: str) -> None:
    """Texts are matched whole, so that a quoted one inside another line counts for nothing."""
    assert decode(SOURCE, line(message)) == []


def test_a_pod_name_with_quotes_inside_its_message_is_read_as_it_was() -> None:
    """The message is quoted once by protobuf and once by logrus."""
    message = f'RunPodSandbox for name:"a\\"b"  uid:"u"  namespace:"n" returns sandbox id "{ID}"'
    pod = one(SOURCE, line(message), ContainerCreate).pod
    assert pod is not None
    assert (pod.name, pod.uid, pod.namespace) == ('a"b', "u", "n")


def test_json_and_terminal_lines_say_the_same_as_text() -> None:
    """logrus's three forms."""
    message = f'StartContainer for "{ID}" returns successfully'
    expected = decode(SOURCE, line(message))
    record: dict[str, Any] = {"level": "info", "msg": message, "time": "2026-09-21T14:13:20.5Z"}
    assert recognise(record)
    assert decode(SOURCE, record) == expected
    assert decode(SOURCE, f'INFO[2026-09-21T14:13:20.5Z] {message}   a=1 b="2 3"') == expected
    assert len(decode_all(SOURCE, sample("containerd_journal", "1.7_json"))) == 3


def test_all_of_a_daemons_lines_are_claimed_but_only_as_the_last_resort() -> None:
    """They count as irrelevant then, not as rejected; JSON of any other program is not claimed."""
    assert is_recognised(SOURCE, line("starting containerd", " revision= version=1.7.1").encode())
    assert decode(SOURCE, line("starting containerd", " revision= version=1.7.1")) == []
    assert SOURCE.rank > 90
    assert not recognise({"level": "info", "msg": "request served", "time": "2026-09-21T14:13:20Z"})
    assert not recognise_text(b"PullImage something")
    assert not recognise_text(b"time=2026-09-21T14:13:20Z level=INFO msg=slog")


@pytest.mark.parametrize(
    "broken",
    [
        'time="soon" level=info msg="x"',
        'time="2026-09-21T14:13:20Z" level=info msg="cut',
        'time="2026-09-21T14:13:20Z" level=info',
        "INFO[0097] x",
        '{"level":"info","msg":"x"}',
        '{"level":"info","msg":7,"time":"2026-09-21T14:13:20Z"}',
    ],
)
def test_a_line_without_time_or_message_is_rejected(broken: str) -> None:
    """Seconds since the daemon's start are no time."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


@pytest.mark.parametrize(
    ("escaped", "meant"),
    [
        (r"a\x41\n", "aA\n"),
        (r"\u00e9\U0001F600", "é\U0001f600"),
        (r"\U00110000\ud800", "\ufffd\ufffd"),
        (r"\\\"", '\\"'),
    ],
)
def test_escapes_are_read_as_go_wrote_them(escaped: str, meant: str) -> None:
    """Escapes of what is no character become U+FFFD."""
    found = f'time="2026-09-21T14:13:20Z" level=error msg="PullImage \\"a\\" failed" error="{escaped}"'
    assert one(SOURCE, found, ImagePullFailed).reason == meant


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Also lines made to make a pattern try again and again."""
    for case in ("1.6", "2.2", "1.7_json"):
        for record in sample("containerd_journal", case):
            survives(SOURCE, record)
    for long in ("RunPodSandbox for " + "a:" * 100_000, 'Pulled image "' + "\\" * 100_001, "x=" * 100_000):
        assert decode(SOURCE, line(long)) == []
