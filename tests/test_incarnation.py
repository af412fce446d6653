"""Holds that an id somebody chose twice stands for two containers, each with its own image and behaviours."""

from typing import Any

import pytest

from made_events import OUTSIDE, at, cid, hunted, where
from tidewaiter.alert import ContainerShown
from tidewaiter.chain import Chain
from tidewaiter.event import (
    ContainerCreate,
    ContainerEvent,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageClaim,
    NetworkFlow,
    ProcessExec,
)
from tidewaiter.incarnation import incarnations, note_process


def told(kind: type[ContainerEvent], seconds: float, source: str = "containerd_events", **fields: Any) -> Event:
    """A record about container `c1`."""
    named = {"container_id": "c1", "runtime_namespace": "default", "node": "n1", "cluster": "default", **fields}
    return kind(time_ns=at(seconds), where=where(source, round(seconds * 10)), **named)


def run_of(number: int, begin: float, *, is_removed: bool = True, source: str = "containerd_events") -> list[Event]:
    """One life of `c1`, on an image of its own."""
    image = ImageClaim(reference=f"evil.example/x:{number}")
    life = [
        told(ContainerCreate, begin, source, image=image),
        told(ContainerStart, begin + 1, source, pid=4000 + number),
    ]
    if is_removed:
        life.append(told(ContainerStop, begin + 20, source, removed=True))
    return life


def curl(seconds: float) -> Event:
    """Something that no image declares."""
    return told(ProcessExec, seconds, "tracee", exe="/usr/bin/curl", args=("curl", f"http://{OUTSIDE}/{seconds}"))


def images(events: list[Event]) -> list[str | None]:
    """The image of each container, in order of time; the same in reverse order of arrival."""
    found = [_images(hunted(order).containers) for order in (events, events[::-1])]
    assert found[0] == found[1]
    return found[0]


def _images(containers: list[ContainerShown]) -> list[str | None]:
    ordered = sorted(containers, key=lambda shown: shown.started or "")
    return [(shown.image.reference or "").rpartition("/")[2] or None for shown in ordered]


def test_full_id_is_one_container() -> None:
    """A runtime's own id never stands for two."""
    chain = Chain(key=cid("a"), cluster="default", node="n1", container_id=cid("a"))
    assert incarnations(chain) == [chain]


def test_chosen_id_used_once_is_one_container() -> None:
    """Its key says which of the id's containers it is."""
    assert images(run_of(0, 0)) == ["x:0"]
    [alert] = hunted([*run_of(0, 0), curl(9)]).alerts
    assert alert.container_id == "c1"


def test_chosen_id_used_twice_is_two_containers_with_their_own_images() -> None:
    """A removal and a create between them make another container."""
    assert images([*run_of(0, 0), *run_of(1, 30)]) == ["x:0", "x:1"]


def test_removal_that_nobody_saw_is_followed_by_a_second_create() -> None:
    """The same source creates the same id again: that can only be another container."""
    assert images([*run_of(0, 0, is_removed=False), *run_of(1, 30)]) == ["x:0", "x:1"]


def test_create_told_by_two_sources_is_one_create() -> None:
    """containerd's events and its journal tell the same create a moment apart."""
    journal = told(ContainerCreate, 0.2, "containerd_journal", image=ImageClaim(reference="evil.example/x:0"))
    assert images([*run_of(0, 0), journal]) == ["x:0"]


def test_second_create_told_by_two_sources_is_one_create() -> None:
    """Also after a removal two sources tell one create."""
    journal = [
        told(ContainerCreate, begin + 0.2, "containerd_journal", image=ImageClaim(reference=f"evil.example/x:{number}"))
        for number, begin in ((0, 0.0), (1, 30.0))
    ]
    assert images([*run_of(0, 0), *run_of(1, 30), *journal]) == ["x:0", "x:1"]


def test_chosen_id_used_twenty_times_is_twenty_containers() -> None:
    """A script that runs `ctr run --rm IMAGE job` every few minutes."""
    events = [event for number in range(20) for event in run_of(number, 100.0 * number)]
    assert _images(hunted(events).containers) == [f"x:{number}" for number in range(20)]


def test_containers_of_a_job_that_does_the_same_each_time_are_all_found() -> None:
    """One and the same command in each of ten containers is ten alerts."""
    events = [event for number in range(10) for event in run_of(number, 100.0 * number)]
    again = [
        told(ProcessExec, 100.0 * number + 9, "tracee", exe="/usr/bin/curl", args=("curl",)) for number in range(10)
    ]
    assert len(hunted([*events, *again]).alerts) == 10


def test_records_of_two_sources_about_two_containers_may_cross() -> None:
    """The journal tells the removal of the first after the other source tells the create of the second."""
    image = ImageClaim(reference="evil.example/x:1")
    journal = [
        told(ContainerStop, 20.3, "containerd_journal", removed=True),
        told(ContainerCreate, 20.4, "containerd_journal", image=image),
    ]
    assert images([*run_of(0, 0), *run_of(1, 20.2), *journal]) == ["x:0", "x:1"]


def test_execs_that_may_be_the_first_of_a_container_are_bounded() -> None:
    """The first of each container stays, however much else it ran."""
    lives = [event for number in range(3) for event in run_of(number, 100.0 * number)]
    chain = next(hunted(lives).engine.directory.chains())
    for second in range(300):
        note_process(chain, (at(second + 1.5), "/bin/sh", ("sh", str(second)), ""))
    assert len(chain.processes) <= 64
    assert [part.first_process[2] for part in incarnations(chain) if part.first_process] == [
        ("sh", "0"),
        ("sh", "98"),
        ("sh", "198"),
    ]


def test_each_container_has_its_own_behaviours_and_alert() -> None:
    """Two misbehaving containers of one id are two alerts with two ids."""
    run = hunted([*run_of(0, 0), curl(9), *run_of(1, 30), curl(39)])
    assert [alert.image.reference for alert in run.alerts] == ["evil.example/x:0", "evil.example/x:1"]
    assert [len(alert.behaviours) for alert in run.alerts] == [1, 1]
    assert len({alert.id for alert in run.alerts}) == 2


def test_ids_do_not_depend_on_how_often_the_id_is_used_later() -> None:
    """What is told of the first container is not renamed by the second."""
    once = hunted([*run_of(0, 0), curl(9)]).alerts[0]
    twice = hunted([*run_of(0, 0), curl(9), *run_of(1, 30)]).alerts[0]
    assert once.id == twice.id


@pytest.mark.parametrize("sensor_first", [True, False])
def test_first_process_of_each_container_is_treated_as_declared(sensor_first: bool) -> None:
    """Where no image config is known, each container has a first process of its own."""
    first = [
        told(ProcessExec, begin + 1.1, "tracee", exe="/bin/sh", args=("sh", "-c", f"run {begin}"))
        for begin in (0.0, 30.0)
    ]
    life = [*run_of(0, 0), *run_of(1, 30)]
    events = [*first, *life] if sensor_first else [*life, *first]
    assert [alert.verdict for alert in hunted(events).alerts] == ["suspicious", "suspicious"]


def test_same_id_on_two_nodes_and_in_two_namespaces_is_four_containers() -> None:
    """A chosen id is unique on its node and in its runtime namespace only."""
    events = [
        told(
            ContainerCreate,
            0,
            node=node,
            runtime_namespace=namespace,
            image=ImageClaim(reference=f"{node}/{namespace}"),
        )
        for node in ("n1", "n2")
        for namespace in ("default", "k8s.io")
    ]
    run = hunted(events)
    assert len(run.containers) == 4
    assert len({(shown.node, shown.image.reference) for shown in run.containers}) == 4


def test_chosen_id_of_a_nodeless_stream_is_that_of_the_only_node() -> None:
    """A stream that names no node, beside exactly one node that is named, is that node."""
    create = told(ContainerCreate, 0, node=None, image=ImageClaim(reference="evil.example/x:0"))
    run = hunted([create, told(ContainerStart, 1), curl(9)])
    assert [alert.image.reference for alert in run.alerts] == ["evil.example/x:0"]


def test_flow_of_a_chosen_id_belongs_to_the_container_of_its_time() -> None:
    """Behaviours go with the container that lived then."""
    flow = told(NetworkFlow, 9, "tetragon", dst_ip=OUTSIDE, dst_port=443)
    run = hunted([*run_of(0, 0), *run_of(1, 30), flow])
    assert [alert.image.reference for alert in run.alerts] == ["evil.example/x:0"]


def test_address_of_a_chosen_id_belongs_to_the_container_of_its_node() -> None:
    """`c1` on two nodes, each with an address of its own."""
    life = [
        told(
            ContainerFacts,
            0,
            node=node,
            image=ImageClaim(reference=f"{node}.example/x:1"),
            started_ns=at(0),
            ips=(f"10.8.0.{node[1]}",),
        )
        for node in ("n1", "n2")
    ]
    flow = NetworkFlow(
        time_ns=at(5),
        cluster="default",
        node=None,
        where=where("vpc_flow"),
        src_ip="10.8.0.2",
        dst_ip=OUTSIDE,
        dst_port=443,
    )
    assert [alert.node for alert in hunted([*life, flow]).alerts] == ["n2"]
