"""Turns a running Docker or Podman into records: its events as they come, what they speak of, what was there before.

Each event is handed in at once, with what the daemon tells of its image and its container at that moment. First the
events are subscribed to, then what exists is listed, so that nothing falls between; the same after each interruption,
with the events since the last one that was seen.
"""

import time
from collections import OrderedDict
from contextlib import ExitStack, closing

import msgspec

from tidewaiter.edge.collector import Condition, Desk, Observation, State
from tidewaiter.edge.docker_api import DockerApi
from tidewaiter.edge.docker_inspected import Inspected, Json, is_of_gone_container
from tidewaiter.edge.docker_later import Later, asking_later
from tidewaiter.edge.docker_stream import EventLines, listening
from tidewaiter.edge.runtime_sockets import VARIABLES, Engine
from tidewaiter.event import Sight
from tidewaiter.image.blob import ReadError

_NS = 1_000_000_000
_SILENCE_S = 30.0
_PATIENCE_S = 0.1
"""How long an event, and those behind it, may wait for what is to be added; mostly it takes some milliseconds."""
_GLANCE_S = 0.25
"""How often it is looked whether the run has ended."""
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 2.0
_BEFORE_NS = 3600 * _NS
"""What a daemon still knows of the hour before is asked for: a pull is an origin whenever it was."""
_OVERLAP_NS = 1 * _NS
_SETTLED_S = 0.5
"""After so much silence, a daemon that is back has told what it still knew."""
_BUFFERED = 256
"""Events that a Docker keeps (moby `daemon/events`)."""
_REMEMBERED = 4 * _BUFFERED
"""Lines that are known when they come again."""
_LISTED = 5_000
_VERSION_BYTES = 1024 * 1024
_LIST_BYTES = 64 * 1024 * 1024
_BLIND: tuple[Sight, ...] = ("images", "containers")
_TITLES: dict[Engine, str] = {"docker": "Docker", "podman": "Podman"}


class _Daemon(msgspec.Struct):
    """One that answers, for as long as it does."""

    api: DockerApi
    inspected: Inspected
    later: Later
    lines: EventLines


class DockerCollector:
    """Collects from the daemon at a socket; `name` is `docker` or `podman`."""

    def __init__(self, socket: str, name: Engine = "docker", watched_ns: int | None = None) -> None:
        """`watched_ns`: until when somebody watched before; None: nobody did."""
        self.name: Engine = name
        self._socket = socket
        self._watched_ns = watched_ns
        self._begun_ns = 0
        self._standing: frozenset[str] = frozenset()
        """Containers that were there when we came."""
        self._title = _TITLES[name]
        self._told: Condition | None = None
        self._listed: dict[str, int] = {}
        """Id -> hash of the record that was handed in of it when all was listed last."""
        self._seen: OrderedDict[int, None] = OrderedDict()
        """Hashes of the last lines."""
        self._latest_ns = 0
        self._has_overlap = False
        self._pause_s = _PAUSE_S

    def run(self, desk: Desk) -> None:
        """As `Collector.run`."""
        while not desk.stopped.is_set():
            try:
                self._attend(desk)
            except ReadError as error:
                self._tell(desk, "waiting", self._trouble(error), _BLIND)
                desk.stopped.wait(self._pause_s)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _attend(self, desk: Desk) -> None:
        """Collect until the run ends. Raises `ReadError` where the daemon does not answer, or no more."""
        with ExitStack() as ends:
            api = ends.enter_context(closing(DockerApi(self._socket, _SILENCE_S)))
            version = _version_of(api)
            # Where podman-docker is installed, it is Podman that listens at Docker's socket.
            runtime: Engine = "podman" if "Podman" in str(version.get("Components")) else "docker"
            before_ns, self._has_overlap = self._latest_ns, False
            self._begun_ns = self._begun_ns or self._watched_ns or time.time_ns()
            since_ns = before_ns - _OVERLAP_NS if before_ns else time.time_ns() - _BEFORE_NS
            path = f"/events?since={since_ns // _NS}.{since_ns % _NS:09d}"
            daemon = _Daemon(
                api,
                ends.enter_context(closing(Inspected(self._socket, runtime, _PATIENCE_S))),
                ends.enter_context(
                    asking_later(self._socket, runtime, lambda record: self._hand_in(desk, "docker_events", record))
                ),
                ends.enter_context(listening(api, path)),
            )
            counted = self._list(desk, daemon)
            named = f"{_TITLES[runtime]} {version['Version']} at {self._socket} (API {version.get('ApiVersion')})"
            gap = _gap(before_ns) if before_ns and not self._meets(desk, daemon) else ""
            self._pause_s = _PAUSE_S
            self._tell(desk, "ready", f"{named}, {counted}{gap}")
            while not desk.stopped.is_set():
                self._take(desk, daemon, _GLANCE_S)

    def _meets(self, desk: Desk, daemon: _Daemon) -> bool:
        """Whether what the daemon still knows goes back to what was seen of it before."""
        for _ in range(_BUFFERED):
            if self._has_overlap or not self._take(desk, daemon, _SETTLED_S):
                break
        return self._has_overlap

    def _list(self, desk: Desk, daemon: _Daemon) -> str:
        """Hand in what there is, and what happens meanwhile. Gives back how much that was, for people."""
        images = _listed(daemon.api, "/images/json")
        containers = _listed(daemon.api, "/containers/json?all=1")
        containers.sort(key=lambda element: element.get("State") != "running")
        self._standing = self._standing or frozenset(element["Id"] for element in containers)
        listed: dict[str, int] = {}
        for asked in (images, containers):
            for element in asked[:_LISTED]:
                if desk.stopped.is_set():
                    break
                found = daemon.inspected.listed(element)
                if found is not None:
                    record = msgspec.json.encode(found)
                    listed[element["Id"]] = hash(record)
                    if self._listed.get(element["Id"]) != hash(record):
                        self._hand_in(desk, "docker_inspect", record)
                while self._take(desk, daemon, 0):
                    pass
        self._listed = listed
        return f"{_counted(containers, 'container')}, {_counted(images, 'image')}"

    def _take(self, desk: Desk, daemon: _Daemon, within_s: float) -> bool:
        """Hand in the next event, if one comes in time."""
        line = daemon.lines.take(within_s)
        lost = daemon.lines.lost()
        if lost:
            desk.lose("docker_events", lost)
        if line is None:
            return False
        key = hash(line)
        if key in self._seen:
            self._has_overlap = True
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        line = line.strip()
        if is_of_gone_container(line, self._begun_ns, self._standing):
            return True
        done = daemon.inspected.complete(line)
        self._hand_in(desk, "docker_events", done.record)
        if done.is_owed:
            daemon.later.owe(line)
        self._latest_ns = max(self._latest_ns, done.time_ns)
        return True

    def _hand_in(self, desk: Desk, source: str, record: bytes) -> None:
        desk.observe(Observation(source, self._socket, record))

    def _tell(self, desk: Desk, state: State, sentence: str, blind: tuple[Sight, ...] = ()) -> None:
        condition = Condition(self.name, state, sentence, blind)
        if condition != self._told:
            self._told = condition
            desk.tell(condition)

    def _trouble(self, error: ReadError) -> str:
        """What was looked for, what still works, how to mend it."""
        cause, title = error.__cause__, self._title
        if isinstance(cause, FileNotFoundError):
            why = f"{title} does not listen at {self._socket}: there is no such socket"
            mend = f"Start {title}, or name its socket: --{self.name} SOCKET, ${VARIABLES[self.name]}"
        elif isinstance(cause, PermissionError):
            why = f"{title} at {self._socket} may not be asked by this user"
            mend = f"Run as root (sudo) or as a member of the group {self.name}"
        elif isinstance(cause, ConnectionRefusedError):
            why = f"{title} does not listen at {self._socket}: nobody does"
            mend = f"Start {title}"
        else:
            why = f"{title} cannot be watched: {error}"
            mend = f"See whether {title} runs and is well"
        return f"{why}. {mend}. Its images and containers are not seen, what processes do is; it is tried again"


def _version_of(api: DockerApi) -> Json:
    told = api.get("/version", _VERSION_BYTES)
    if not isinstance(told, dict) or not isinstance(told.get("Version"), str):
        raise ReadError(f"what listens at {api.socket} does not answer as Docker does")
    return told


def _listed(api: DockerApi, path: str) -> list[Json]:
    told = api.get(path, _LIST_BYTES)
    if not isinstance(told, list):
        raise ReadError(f"what listens at {api.socket} does not answer as Docker does")
    return [element for element in told if isinstance(element, dict) and isinstance(element.get("Id"), str)]


def _counted(listed: list[Json], kind: str) -> str:
    cut = f" (only {_LISTED} of them were asked about)" if len(listed) > _LISTED else ""
    return f"{len(listed)} {kind}{'' if len(listed) == 1 else 's'}{cut}"


def _gap(since_ns: int) -> str:
    moment = time.strftime("%H:%M:%S", time.gmtime(since_ns // _NS))
    return f"; what it did after {moment} UTC, before it was back, it does not tell any more, only what came of it"
