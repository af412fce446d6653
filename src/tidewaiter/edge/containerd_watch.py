"""Turns a running containerd into records of `containerd_events`: what is there when we come, then all that happens.

Events are subscribed to before anything is listed, so that what is made meanwhile is told twice rather than never.
"""

import random
import socket
import stat
from pathlib import Path
from threading import Lock, Thread

import msgspec

from tidewaiter.edge.collector import Condition, Desk, Observation, State
from tidewaiter.edge.containerd_api import Connection
from tidewaiter.edge.containerd_records import Records
from tidewaiter.edge.containerd_standing import Standings
from tidewaiter.event import Sight
from tidewaiter.image.blob import ReadError

_SOURCE = "containerd_events"
_NAME = "containerd"
_BLIND: tuple[Sight, ...] = ("images", "containers")
_MEND = "Start containerd, or name its socket: --containerd ADDRESS, $CONTAINERD_ADDRESS"
_FIRST_ANSWER_SECONDS = 5
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 15.0


class _Away(msgspec.Struct, frozen=True):
    """Why containerd cannot be listened to just now."""

    sentence: str
    is_absent: bool = False
    """There is no such socket."""


class ContainerdCollector:
    """Images, containers and starts of one containerd, in all its namespaces."""

    name = _NAME

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._lock = Lock()
        self._is_over = False
        self._told: Condition | None = None

    def run(self, desk: Desk) -> None:
        """Collect until the desk is stopped; where containerd goes away, wait for it."""
        self._tell(desk, "starting", f"containerd is looked for at {self._address}")
        closer = Thread(target=self._close_when_stopped, args=(desk,), name="containerd-closer", daemon=True)
        closer.start()
        standings = Standings()
        wait_s, has_been_there = _FIRST_WAIT_SECONDS, False
        while not desk.stopped.is_set():
            away = self._what_is_wrong()
            if away is None:
                away, was_heard = self._listen(desk, standings)
                has_been_there = has_been_there or was_heard
                wait_s = _FIRST_WAIT_SECONDS if was_heard else wait_s
            if desk.stopped.is_set():
                break
            # A host that never had a containerd here has nothing that could go unseen.
            blind = () if away.is_absent and not has_been_there else _BLIND
            seen = ". Its images and containers are not seen, what processes do is" if blind else ""
            self._tell(desk, "waiting", f"{away.sentence}{seen}; it is tried again", blind)
            desk.stopped.wait(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads attempts
            wait_s = min(wait_s * 2, _LONGEST_WAIT_SECONDS)
        closer.join()

    def _listen(self, desk: Desk, standings: Standings) -> tuple[_Away, bool]:
        """Hand in all that there is and all that happens until the stream ends: why it did, and whether it began."""
        was_heard = False
        connection = self._connect()
        if connection is None:
            return _Away("it was told to end"), False
        try:
            version = connection.version(_FIRST_ANSWER_SECONDS)
            envelopes = connection.subscribe()
            # Asked on the same connection after the subscription, so that this has reached containerd when it answers.
            connection.version(_FIRST_ANSWER_SECONDS)
            records = Records(connection, standings)
            for record in records.of_what_is_there():
                self._observe(desk, record)
            was_heard = True
            about = f"containerd {version} at {self._address}"
            self._tell(desk, "ready", f"{about}: images, containers and starts in all namespaces")
            for envelope in envelopes:
                self._observe(desk, records.of_event(envelope))
            return _Away(f"{about} has ended the stream of events"), True
        except ReadError as error:
            return _Away(str(error)), was_heard
        finally:
            connection.close()

    def _what_is_wrong(self) -> _Away | None:
        """Why nobody can be listened to at the address, told from the socket alone."""
        path = Path(self._address)
        try:
            if not stat.S_ISSOCK(path.stat().st_mode):
                return _Away(f"{path} is not a socket. {_MEND}")
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_FIRST_ANSWER_SECONDS)
                probe.connect(str(path))
        except FileNotFoundError:
            return _Away(f"containerd does not listen at {path}: there is no such socket. {_MEND}", is_absent=True)
        except PermissionError:
            return _Away(f"containerd at {path} may not be asked by this user. Run as root, or as its group")
        except OSError as error:
            return _Away(f"containerd does not listen at {path}: {error.strerror or error}. {_MEND}")
        return None

    def _connect(self) -> Connection | None:
        with self._lock:
            if self._is_over:
                return None
            self._connection = Connection(self._address)
            return self._connection

    def _close_when_stopped(self, desk: Desk) -> None:
        desk.stopped.wait()
        with self._lock:
            self._is_over = True
            if self._connection is not None:
                # Ends the stream, and whatever is being asked.
                self._connection.close()

    def _observe(self, desk: Desk, record: bytes) -> None:
        desk.observe(Observation(_SOURCE, self._address, record))

    def _tell(self, desk: Desk, state: State, sentence: str, blind: tuple[Sight, ...] = ()) -> None:
        condition = Condition(_NAME, state, sentence, blind)
        if condition != self._told:
            self._told = condition
            desk.tell(condition)
