"""CRI-O's log: texts of 1.14 to 1.33, pods from descriptions, images from status answers."""

from pathlib import Path

import pytest
from runtime_records import decode, decode_all, digest, hex_of, is_recognised, of_kind, one, records, sample, survives

from tidewaiter.event import ContainerCreate, ContainerStart, ContainerStop, ImageFacts, ImageName, ImagePull
from tidewaiter.sources import RecordError
from tidewaiter.sources.crio import SOURCE, recognise, recognise_text

ID = hex_of("c")


def line(message: str, more: str = "") -> str:
    """A line as CRI-O writes it: its time has a blank."""
    escaped = message.replace("\\", "\\\\").replace('"', '\\"')
    return f'time="2026-09-21 14:13:20.500000000Z" level=info msg="{escaped}"{more}'


@pytest.mark.parametrize("release", ["1.19", "1.31"])
def test_a_container_is_created_and_started_in_its_pod(release: str) -> None:
    """The description names namespace, pod and container."""
    events = decode_all(SOURCE, sample("crio", release))
    created = of_kind(events, ContainerCreate)[-1]
    (started,) = of_kind(events, ContainerStart)
    assert created.container_id == started.container_id
    for found in (created, started):
        assert found.pod is not None
        assert (found.pod.namespace, found.pod.name, found.pod.container_name) == ("shop", "web-0", "web")
        assert (found.pod.uid, found.runtime) == (None, "cri-o")
    assert started.pid == (5002 if release == "1.31" else None)


@pytest.mark.parametrize("release", ["1.19", "1.31"])
def test_an_image_status_proves_id_and_names_together(release: str) -> None:
    """gogo's and protobuf's way of printing the same answer."""
    events = decode_all(SOURCE, sample("crio", release))
    (facts,) = of_kind(events, ImageFacts)
    (seen,) = of_kind(events, ImageName)
    assert facts.config_digest == seen.config_digest is not None
    assert facts.proof == "runtime"
    assert len(facts.repo_digests) == (2 if release == "1.19" else 1)
    assert (seen.action, seen.reference) == ("seen", "registry.example.net/shop/cart:2.3")


def test_a_pull_is_known_by_repository_and_digest() -> None:
    """The tag stands on the line that only began it."""
    (pulled,) = of_kind(decode_all(SOURCE, sample("crio", "1.19")), ImagePull)
    assert pulled.repo_digest is not None
    assert pulled.reference == f"registry.example.net/shop/cart@{pulled.repo_digest}"
    by_id = one(SOURCE, line(f"Pulled image: {hex_of('a')}"), ImagePull)
    assert (by_id.config_digest, by_id.repo_digest) == (digest("a"), None)


def test_sandboxes_come_and_go() -> None:
    """`POD` is the pause container, no container of the pod's spec."""
    events = decode_all(SOURCE, sample("crio", "1.31"))
    sandbox = of_kind(events, ContainerCreate)[0]
    assert sandbox.is_sandbox
    assert sandbox.pod is not None
    assert sandbox.pod.container_name is None
    stops = [(stop.container_id == sandbox.container_id, stop.removed) for stop in of_kind(events, ContainerStop)]
    assert stops == [(False, False), (False, True), (True, False), (True, True)]


def test_the_lines_of_1_14_name_no_container() -> None:
    """They are claimed and give nothing."""
    assert decode_all(SOURCE, sample("crio", "1.14")) == []


def test_a_terminal_line_says_the_same() -> None:
    """Padding, and an offset."""
    (started,) = decode_all(SOURCE, sample("crio", "1.31_terminal"))
    assert isinstance(started, ContainerStart)
    assert (started.pid, started.time_ns) == (5002, 1_790_000_007_500_000_000)


def test_json_says_the_same() -> None:
    """`log_format = json`: the pid is a number there."""
    record = {
        "PID": 7,
        "containerID": ID,
        "description": "shop/web-0/web",
        "level": "info",
        "msg": "Started container",
        "name": "/runtime.v1.RuntimeService/StartContainer",
        "time": "2026-09-21T14:13:20Z",
    }
    assert recognise(record)
    started = one(SOURCE, record, ContainerStart)
    assert (started.pid, started.container_id) == (7, ID)


@pytest.mark.parametrize("description", ["//", "", "shop/web-0", "a/b/c/d"])
def test_a_description_of_another_form_is_no_pod(description: str) -> None:
    """crictl without labels gives `//`."""
    assert one(SOURCE, line(f"Created container {ID}: {description}"), ContainerCreate).pod is None


@pytest.mark.parametrize(("written", "pid"), [("0", None), ("-1", None), ("99999999999999999999", None), ("x", None)])
def test_a_pid_that_is_none_is_unknown(written: str, pid: int | None) -> None:
    """The line still says that the container was started."""
    found = line("Started container", f" PID={written} containerID={ID} description=// sandboxID={ID}")
    assert one(SOURCE, found, ContainerStart).pid is pid


@pytest.mark.parametrize(
    "message",
    [
        "Pulling image: a:1",
        "Creating container: shop/web-0/web",
        f"Starting container: {ID}",
        "Started container",
        "Created container abc: shop/web-0/web",
        "Image status: &ImageStatusResponse{Image:nil,Info:map[string]string{},}",
        f"Stopping pod sandbox: {ID}",
        "Image a:1 not found",
    ],
)
def test_lines_that_are_not_done_give_nothing(message: str) -> None:
    """Or that name nothing."""
    assert decode(SOURCE, line(message, " id=x name=/runtime.v1.RuntimeService/X")) == []


def test_an_annotation_cannot_add_a_name_to_an_image() -> None:
    """protobuf's text escapes the quotes of what it holds."""
    message = f'Image status: image:{{id:"{hex_of("a")}"  repo_tags:"a:1"  spec:{{value:"repo_tags:\\"evil:1\\""}}}}'
    (facts, _) = decode(SOURCE, line(message))
    assert isinstance(facts, ImageFacts)
    assert facts.references == ("a:1",)


def test_other_daemons_lines_are_not_claimed() -> None:
    """containerd's look the same but for their texts."""
    assert not recognise_text(b'time="2026-09-21T14:13:20Z" level=info msg="PullImage \\"a\\""')
    assert not recognise_text(b'time="2026-09-21T14:13:20Z" level=info msg="loading plugin" name=x')
    assert not recognise({"level": "info", "msg": "hello", "time": "2026-09-21T14:13:20Z", "name": "x"})
    assert is_recognised(SOURCE, line("whatever", " id=x name=/runtime.v1.ImageService/PullImage").encode())


def test_a_line_without_time_is_rejected() -> None:
    """Nothing can be placed without one."""
    with pytest.raises(RecordError):
        decode(SOURCE, 'time="now" level=info msg="Started container"')


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Stumps and rubbish of every release's lines."""
    for case in ("1.19", "1.31", "1.31_terminal"):
        for record in sample("crio", case):
            survives(SOURCE, record)


def test_a_kubelets_journal_is_not_cri_os(shared: Path) -> None:
    """The public node log holds the kubelet's lines only."""
    (path,) = (shared / "samples/crio").iterdir()
    assert not any(is_recognised(SOURCE, found) for found in records(path))
