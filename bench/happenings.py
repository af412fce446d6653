"""Plans what happens in the week besides everyday work: deploys, jobs, nightly work, builds and debug sessions."""

import random
from collections.abc import Callable

import msgspec

from bench.clock import HOUR, MINUTE, SECOND
from bench.estate import DAY, Release, Workload, content, pod_address
from bench.habits import Act, Place, habits, pick
from bench.life import ended, executed
from bench.programs import Program
from bench.rollout import Rollout, Running, sensor_of
from bench.shapes import audit
from bench.tale import Tale
from bench.world import Container, hex_id, suffix, uuid

BUILD_NAMESPACE = "ci"
TOOLBOX = "registry.corp.example/ci/toolbox:stable"
_BUILDERS = (
    "docker.io/library/golang:1.23", "docker.io/library/node:22", "docker.io/library/python:3.12", TOOLBOX, TOOLBOX,
)  # fmt: skip
_BUILD_STEPS = (
    Program("/bin/sh", ("-c", "apt-get update && apt-get install -y make build-%d")),
    Program("/usr/bin/curl", ("-fsSLO", "https://proxy.golang.example/mod/%d.zip")),
    Program("/usr/bin/git", ("clone", "--depth=1", "https://git.corp.example/r/%d.git")),
    Program("/usr/bin/make", ("-j4", "BUILD=%d")),
)
_MIRROR = Place("cdn", 443, "proxy.golang.example", tuple(f"192.0.2.{number}" for number in range(128, 160)))
_LOOKS = (Program("/bin/sh"), Program("/bin/ps", ("aux",)), Program("/bin/cat", ("/proc/%d/status",)))
_PEOPLE = ("alice", "bert", "chandra", "dunya")


class Happening(msgspec.Struct, frozen=True):
    """Something that happens once."""

    begin_ns: int
    name: str
    told_by: Callable[[Tale], None]


def is_weekend(day: int) -> bool:
    """The week begins on a Monday."""
    return day % 7 >= 5


def plan(rng: random.Random, rollout: Rollout, start_ns: int, days: int) -> list[Happening]:
    """Everything that happens in these days, by time."""
    planned: list[Happening] = []
    for workload in rollout.estate.workloads:
        for day in range(days):
            planned += _deploys(rng, rollout, workload, day, start_ns + day * DAY)
        planned += _jobs(rollout, workload, start_ns, days) if workload.kind == "CronJob" else []
        planned += _nightly(rng, rollout, workload, start_ns, days)
    for day in range(days):
        begin_ns, scale = start_ns + day * DAY, len(rollout.estate.workloads) / 300
        for number in range(max(2, round((40 if not is_weekend(day) else 8) * scale))):
            at = begin_ns + int((7 + 12 * rng.random()) * HOUR)
            planned.append(Happening(at, f"build-{day}-{number}", lambda tale: build(tale, rollout)))
        for number in range(max(1, round(4 * scale))):
            at = begin_ns + int((8 + 10 * rng.random()) * HOUR)
            planned.append(Happening(at, f"debug-{day}-{number}", lambda tale: debug(tale, rollout)))
    return sorted(planned, key=lambda happening: (happening.begin_ns, happening.name))


def _deploys(rng: random.Random, rollout: Rollout, workload: Workload, day: int, begin_ns: int) -> list[Happening]:
    """At most one a day, in working hours; at the weekend a third as often."""
    if rng.random() >= (0.33 if is_weekend(day) else 1.0) / workload.days_between:
        return []
    at, group, own = begin_ns + int((7 + 11 * rng.random()) * HOUR), suffix(rng, 9), workload
    name = f"deploy-{own.number:03d}-{day}"
    planned = [Happening(at, name, lambda tale: rollout.deploy(tale, own))]
    for ordinal in range(len(rollout.running[own.number])):
        later = at + (1 + 25 * ordinal) * SECOND
        planned.append(
            Happening(
                later,
                f"{name}-{ordinal:02d}",
                lambda tale, ordinal=ordinal: rollout.replace(tale, own, ordinal, group),  # type: ignore[misc]
            )
        )
    return planned


def _jobs(rollout: Rollout, workload: Workload, start_ns: int, days: int) -> list[Happening]:
    first_ns, step_ns = workload.at_hour * HOUR, workload.every_hours * HOUR
    if workload.every_hours == 168:
        first_ns += workload.number % days * DAY
    elif workload.every_hours < 24:
        first_ns %= step_ns
    times = range(start_ns + first_ns + 2 * MINUTE, start_ns + days * DAY - 15 * MINUTE, step_ns)
    name = f"job-{workload.number:03d}"
    return [
        Happening(at, f"{name}-{number:03d}", lambda tale: rollout.job(tale, workload))
        for number, at in enumerate(times)
    ]


def _nightly(rng: random.Random, rollout: Rollout, workload: Workload, start_ns: int, days: int) -> list[Happening]:
    planned = []
    for number, (hour, weekday, act) in enumerate(workload.current.habits.nightly):
        for day in range(days):
            if weekday is None or weekday == day % 7:
                at = start_ns + day * DAY + hour * HOUR + int(rng.random() * 10 * MINUTE)
                name = f"nightly-{workload.number:03d}-{number}-{day}"
                planned.append(Happening(at, name, _once(rollout, workload, act)))
    return planned


def _once(rollout: Rollout, workload: Workload, act: Act) -> Callable[[Tale], None]:
    def told(tale: Tale) -> None:
        running = rollout.running[workload.number]
        if running:
            rollout.act(tale, running[0], act, tale.begin_ns + SECOND)

    return told


def bare_pod(
    tale: Tale, namespace: str, made: Release, *, name: str = "", container: str = "", account: str = "default"
) -> Container:
    """A pod without an owner, named by the API server unless a name is given."""
    node = tale.node("kubernetes")
    created_ns = tale.begin_ns + 10 * SECOND
    word = made.image.profile.name
    pod = name or f"{word}-{suffix(tale.rng, 5)}"
    return Container(
        id=hex_id(tale.rng), node=node, image=made.image, name=container or word,
        pid=2000 + int(tale.rng.random() * 4_000_000), address=pod_address(tale.rng),
        created_ns=created_ns, started_ns=created_ns + SECOND, namespace=namespace,
        pod=pod, generate_name="" if name else f"{word}-", pod_uid=uuid(tale.rng), workload=pod, workload_kind="Pod",
        owner_uid=uuid(tale.rng),
        service_account=account, sandbox_id=hex_id(tale.rng), identity=1000 + int(tale.rng.random() * 60_000),
    )  # fmt: skip


def builder(reference: str, version: str = "0") -> Release:
    """What a build of this image does."""
    first = Program("/bin/sh", ("-c", "exec /runner/steps"), "/work")
    steps = (*_BUILD_STEPS, _MIRROR)
    made = habits(first, (), steps, (1.0,) * len(steps))
    return Release(content(reference, version, made, "toolbox" if reference == TOOLBOX else "runner"), made)


def build(tale: Tale, rollout: Rollout) -> None:
    """A build in a pod of its own: shells, package installs, downloads; in an image of Docker Hub or the company's."""
    made = builder(pick(tale.rng, _BUILDERS))
    container = bare_pod(tale, BUILD_NAMESPACE, made, account="runner")
    one = rollout.start(tale, container, made)
    for _ in range(8):
        at = container.started_ns + int((3 + 300 * tale.rng.random()) * SECOND)
        rollout.act(tale, one, made.habits.draw(tale.rng), at)
    ended(tale, container, container.started_ns + 320 * SECOND)


def debug(tale: Tale, rollout: Rollout) -> None:
    """A person opens a shell in a pod and looks around."""
    pods = [one for one in rollout.everywhere() if one.container.pod]
    one: Running = pick(tale.rng, pods)
    container, at = one.container, tale.begin_ns + SECOND
    user = audit.human(pick(tale.rng, _PEOPLE))
    tale.tell("audit", container.node, at, audit.session(tale.rng, container, at, user, "sh"))
    for number, program in enumerate(_LOOKS):
        executed(tale, container, sensor_of(container.node), program, at + (1 + 9 * number) * SECOND)
