"""Draws small worlds: two nodes, three containers, two images, and any number of records about them.

What one record says may contradict another. Where a container runs, its pod, and its process ids are fixed.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st

from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    OUTSIDE,
    asked,
    connected,
    created,
    described,
    digest,
    entered,
    feed,
    finished,
    hunted,
    image_facts,
    named,
    placed,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
)
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, Where
from tidewaiter.policy import TrustPolicy

EVIL = "evil.example/x:1"
NODES = {"a": "n1", "b": "n1", "c": "n2"}
PODS = {"a": "p", "c": "q"}
PIDS = {"a": 100, "b": 200, "c": 300}
IMAGES = {EVIL: "evil", OURS: "ours"}
REQUESTERS = ("alice", None, "system:serviceaccount:shop:robot")
PULLERS = {"runtime": "containerd_journal", "containerd_name": "containerd_events", "kubelet": "kubernetes_events"}

containers = st.sampled_from(sorted(NODES))
podded = st.sampled_from(sorted(PODS))
references = st.sampled_from(sorted(IMAGES))
prefixes = st.sampled_from([None, 12, 15, 31])
moments = st.sampled_from([-2, 0, 0.5, 1, 1, 5, 9, 9.5, 20, 31, 40, 50])
maybe = st.booleans()


def _node(container: str) -> dict[str, Any]:
    return {"node": NODES[container]}


def _pod(container: str, *, is_known: bool) -> dict[str, Any]:
    pod = pod_of(PODS[container], "main", uid=f"uid-{PODS[container]}") if is_known and container in PODS else None
    return {"pod": pod}


@st.composite
def _pulls(draw: st.DrawFn) -> Event:
    reference = draw(references)
    content = IMAGES[reference]
    seen_by = draw(st.sampled_from(sorted(PULLERS)))
    return pulled(
        draw(st.sampled_from([-2000, -5, 0, 3])),
        reference,
        node=draw(st.sampled_from(["n1", "n2"])),
        config_digest=digest(content) if draw(maybe) else None,
        repo_digest=digest(f"index {content}") if draw(maybe) else None,
        seen_by=seen_by,
        source=PULLERS[seen_by],
    )


@st.composite
def _names(draw: st.DrawFn) -> Event:
    return named(
        draw(st.sampled_from([-3, 1, 2, None])),
        draw(st.sampled_from(["tag", "load", "import", "commit", "seen", "save", "untag"])),
        draw(references),
        node=draw(st.sampled_from(["n1", "n2"])),
        config_digest=digest(draw(st.sampled_from(sorted(IMAGES.values())))),
    )


@st.composite
def _facts(draw: st.DrawFn) -> Event:
    content = draw(st.sampled_from(sorted(IMAGES.values())))
    return image_facts(
        None,
        node=draw(st.sampled_from(["n1", "n2"])),
        config_digest=digest(content),
        chain_id=digest(f"stack {content}") if draw(maybe) else None,
        index_digest=digest(f"index {content}") if draw(maybe) else None,
        repo_digests=(digest(f"index {content}"),) if draw(maybe) else (),
        cmd=("sh", "-c", "x") if draw(maybe) else None,
        proof=draw(st.sampled_from(["runtime", "claimed", "daemon"])),
    )


@st.composite
def _lives(draw: st.DrawFn) -> Event:
    container, reference = draw(containers), draw(references)
    source = draw(st.sampled_from(["containerd_events", "docker_events"]))
    told = {**_node(container), **_pod(container, is_known=draw(maybe)), "source": source}
    kind = draw(st.sampled_from(["create", "create", "start", "start", "stop", "describe"]))
    if kind == "create":
        return created(draw(st.sampled_from([0, 0.2, 1])), container, reference, **told)
    if kind == "start":
        return started(draw(st.sampled_from([1, 1.2, 10])), container, pid=PIDS[container], **told)
    if kind == "stop":
        return stopped(draw(st.sampled_from([30, 45])), container, removed=draw(maybe), **told)
    claim = ImageClaim(
        config_digest=digest(IMAGES[reference]),
        repo_digest=digest(f"index {IMAGES[reference]}") if draw(maybe) else None,
        reference=reference if draw(maybe) else None,
        from_runtime=True,
    )
    return described(draw(st.sampled_from([None, 2])), container, image=claim, **{**told, "source": "cri"})


@st.composite
def _execs(draw: st.DrawFn) -> Event:
    container = draw(containers)
    argv = draw(st.sampled_from([("curl", "x"), ("id",), ("sh", "-c", "x"), ("python3", "-V")]))
    source = draw(st.sampled_from(["falco", "tetragon", "auditd"]))
    how = draw(st.sampled_from(["id", "pid", "pod"]))
    first = PIDS[container]
    parent = draw(st.sampled_from([first, first + 1, first + 2]))
    pids: dict[str, Any] = {"pid": parent + 1, "parent_pid": parent}
    if how == "id":
        length = draw(prefixes)
        told: dict[str, Any] = {"prefix": length, **(pids if draw(maybe) else {})}
        return ran(draw(moments), container, *argv, source=source, **told, **_node(container))
    if how == "pod" and container in PODS:
        return ran(draw(moments), None, *argv, source=source, **_pod(container, is_known=True), **_node(container))
    return ran(draw(moments), None, *argv, source=source, **pids, **_node(container))


@st.composite
def _flows(draw: st.DrawFn) -> Event:
    container = draw(containers)
    ip = draw(st.sampled_from([OUTSIDE, "10.1.1.1", "169.254.169.254"]))
    how = draw(st.sampled_from(["id", "pid", "pod", "address"]))
    seconds = draw(moments)
    if how == "pod" and container in PODS:
        return connected(seconds, None, ip, node=None, pod=pod_of(PODS[container]), source="hubble")
    if how == "address" and container in PODS:
        return connected(seconds, None, ip, node=None, src_ip=f"10.0.0.{PIDS[container] // 10}", source="vpc_flow")
    if how == "pid":
        return connected(seconds, None, ip, pid=PIDS[container], **_node(container))
    length = draw(prefixes) if ip != "10.1.1.1" else None
    return connected(seconds, container, ip, prefix=length, **_node(container))


@st.composite
def _sessions(draw: st.DrawFn) -> Event:
    container = draw(containers)
    command = draw(st.sampled_from([("sh", "-c", "x"), ("ls",), ("curl", "x")]))
    user = draw(st.sampled_from(["alice", None, "system:serviceaccount:shop:robot"]))
    session_id = f"{container} {command} {user}" if draw(maybe) else None
    return entered(draw(moments), container, *command, user=user, native_id=session_id, **_node(container))


@st.composite
def _pods(draw: st.DrawFn) -> Event:
    container = draw(podded)
    name, uid = PODS[container], f"uid-{PODS[container]}"
    if draw(maybe):
        # Different requests come at different times: of equal ones it is open which is the evidence.
        variant = draw(st.integers(0, 5))
        user, reference = REQUESTERS[variant // 2], sorted(IMAGES)[variant % 2]
        return asked(-3 + variant / 2, name, {"main": reference}, uid=uid, user=user)
    return placed(
        draw(st.sampled_from([-2, 0, None])), name, NODES[container], f"10.0.0.{PIDS[container] // 10}", uid=uid
    )


image_records = st.one_of(_pulls(), _names(), _facts())
container_records = st.one_of(_lives(), _lives(), _execs(), _flows(), _sessions())
any_records = st.one_of(image_records, container_records, container_records, _pods())


def numbered(events: list[Event]) -> list[Event]:
    """The records, each different from the others, and in a line of its own."""
    found: dict[Event, None] = {}
    for event in events:
        found[msgspec.structs.replace(event, where=Where(event.where.source, event.where.stream, 0))] = None
    return [
        msgspec.structs.replace(event, where=Where(event.where.source, event.where.stream, line))
        for line, event in enumerate(found, 1)
    ]


def again(events: list[Event]) -> list[Event]:
    """The same records, read a second time."""
    return [msgspec.structs.replace(event) for event in events]


worlds = st.one_of(
    st.lists(any_records, min_size=1, max_size=10),
    st.lists(any_records, min_size=12, max_size=28),
).map(numbered)
"""Records in no order at all, all within the lateness of each other but for pulls."""


def by_time(events: list[Event]) -> list[Event]:
    """The records as they happened; what has no time first."""
    return sorted(events, key=lambda event: event.time_ns or 0)


def final(events: list[Event], policy: TrustPolicy = CORPORATE, **options: Any) -> bytes:
    """All final records, as bytes; containers are in order of their text, for nobody promises another."""
    return outcome_of(hunted(events, policy, **options).engine)


def outcome_of(engine: Engine) -> bytes:
    """All final records of an engine, as bytes."""
    run = finished(engine)
    return msgspec.json.encode([run.alerts, sorted(msgspec.json.encode(shown) for shown in run.containers)])


def fed(events: list[Event], policy: TrustPolicy = CORPORATE, **options: Any) -> Engine:
    """An engine that was fed these, and goes on."""
    engine = Engine(policy, AN0691, **options)
    feed(engine, events)
    return engine
