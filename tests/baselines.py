"""Makes baselines by hand: what a workload was seen to do, on which content, and for how long."""

from collections.abc import Iterable

from made_events import digest
from tidewaiter.baseline import Baseline, Entry, Profile, State
from tidewaiter.chain import Action
from tidewaiter.event import Event, NetworkFlow, ProcessExec
from tidewaiter.habit import Habit, habit_of, parent_of
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.workload import Role, WorkloadKey

HOUR = 497_222
"""Hours since the epoch of `made_events.T`, about."""
WEB = WorkloadKey("default", "shop", "Deployment", "web", "c")


def key(name: str = "web", container: str = "c", *, namespace: str = "shop", role: Role = "container") -> WorkloadKey:
    """The key of a container of a Deployment."""
    return WorkloadKey("default", namespace, "Deployment", name, container, role)


def action_of(event: Event) -> Action:
    """An exec or a connection as the chain of its container keeps it."""
    assert isinstance(event, ProcessExec | NetworkFlow)
    told = {"time_ns": event.time_ns or 0, "source": "made", "stream": "made", "offset": 1}
    if isinstance(event, ProcessExec):
        return Action(**told, kind="exec", exe=event.exe, args=event.args, parent_exe=event.parent_exe)  # type: ignore[arg-type]
    where = {"dst_ip": event.dst_ip, "dst_port": event.dst_port, "dst_name": event.dst_name}
    return Action(**told, **where, kind="egress", protocol=event.protocol)  # type: ignore[arg-type]  # as above


def habit(event: Event) -> Habit:
    """What an event is an instance of."""
    found = habit_of(action_of(event), DEFAULT_POLICY)
    assert found is not None
    return found


def learned(
    content: str | None,
    *did: Event,
    of: WorkloadKey = WEB,
    state: State = "trusted",
    is_mature: bool = True,
    last_hour: int = HOUR,
    entry_hour: int | None = None,
    addresses: tuple[str, ...] = (),
    with_parents: bool = False,
) -> Profile:
    """A profile in which each of these was seen in half of the hours, or (immature) once in two hours of one container.

    `content` is a word that stands for a digest; a text with a slash is a reference.
    """
    units = 400 if is_mature else 2
    seen = last_hour if entry_hour is None else entry_hour
    entries: dict[Habit, Entry] = {}
    for event in did:
        parent = parent_of(action_of(event)) if with_parents else None
        parents = (parent,) if parent is not None else ()
        entries[habit(event)] = Entry(state, max(units // 2, 1), seen - 100, seen, 1, parents, addresses)
    return Profile(
        key=of,
        content=content if content is None or "/" in content else digest(content),
        units=units,
        starts=12 if is_mature else 1,
        pods=tuple(f"{number:016x}" for number in range(8 if is_mature else 1)),
        hours=2**24 - 1 if is_mature else 1,
        weekdays=2**7 - 1 if is_mature else 1,
        first_hour=last_hour - 400,
        last_hour=last_hour,
        entries=entries,
    )


class Known:
    """A baseline in memory; it counts how often it was asked what is usual in a namespace."""

    def __init__(self, *profiles: Profile) -> None:
        self.profiles = sorted(profiles, key=lambda profile: profile.last_hour)
        self.asked = 0

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters of its keys."""
        return frozenset(profile.key.cluster for profile in self.profiles)

    def of_workload(self, key: WorkloadKey) -> tuple[Profile, ...]:
        """The profiles of a key."""
        return tuple(profile for profile in self.profiles if profile.key == key)

    def of_content(self, content: str) -> tuple[Profile, ...]:
        """The profiles of a content."""
        return tuple(profile for profile in self.profiles if profile.content == content)

    def knows(self, cluster: str, namespace: str) -> bool:
        """Whether any profile is of the namespace."""
        return any((profile.key.cluster, profile.key.namespace) == (cluster, namespace) for profile in self.profiles)

    def is_usual_in(self, cluster: str, namespace: str, habit: Habit) -> bool:
        """Whether any of the namespace has it approved or trusted."""
        self.asked += 1
        return any(
            profile.key.cluster == cluster
            and profile.key.namespace == namespace
            and habit in profile.entries
            and profile.entries[habit].state in ("approved", "trusted")
            for profile in self.profiles
        )


def known(*profiles: Profile) -> Baseline:
    """A baseline of these profiles."""
    return Known(*profiles)


def shuffled(events: Iterable[Event]) -> list[list[Event]]:
    """A few other orders of the same events."""
    told = list(events)
    return [told[::-1], told[1::2] + told[::2], sorted(told, key=lambda event: repr(event)[::-1])]
