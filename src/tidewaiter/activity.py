"""Turns what processes did (execs, connections, sessions) into actions of the chain they belong to.

An event that names no known container waits (`waiting.py`) until a record names it; when its time is up it belongs to
whoever had its address then, or is `unattributed`, never taken for harmless.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal

from tidewaiter.alert import stable_id
from tidewaiter.attribution import NODELESS, Directory, lasting_key
from tidewaiter.behaviour import UNSEEN_ROWS, row_of
from tidewaiter.chain import BY_PID, Action, Chain, Session
from tidewaiter.cluster import ClusterState
from tidewaiter.cut import cut, is_long, readable
from tidewaiter.ends import first_of_each
from tidewaiter.event import ContainerEvent, ContainerExec, Event, NetworkFlow, Pod, ProcessExec
from tidewaiter.identity import IdentityGraph
from tidewaiter.incarnation import note_process
from tidewaiter.indicators import Indicators
from tidewaiter.lineage import link
from tidewaiter.mask import mask_arguments
from tidewaiter.objects import PodRecord
from tidewaiter.policy import TrustPolicy
from tidewaiter.processes import chain_of_process, likely_chain_of_process, process_ids, take_back
from tidewaiter.shared import shared_path, shared_text, shared_texts, shared_user
from tidewaiter.strangers import Strangers
from tidewaiter.unfamiliar import Unfamiliar
from tidewaiter.waiting import CAP, WaitingRoom

Outcome = Literal["used", "irrelevant", "waiting", "expired", "unattributed", "duplicate", "rejected"]


class Activity:
    """Files execs, flows and sessions, and keeps those that cannot be filed yet."""

    def __init__(
        self,
        directory: Directory,
        graph: IdentityGraph,
        policy: TrustPolicy,
        *,
        unfamiliar: Unfamiliar | None = None,
        indicators: Indicators | None = None,
        keep_arguments: bool = False,
        settles: Callable[[Chain, int], bool],
        on_resolved: Callable[[Event, Outcome], None],
        notes: Callable[[Chain | PodRecord, Action, bool], bool] | None = None,
    ) -> None:
        self.directory = directory
        self._strangers = Strangers(graph)
        self._unfamiliar = unfamiliar
        self._indicators = indicators
        self.policy = policy
        self.keep_arguments = keep_arguments
        self.waiting = WaitingRoom()
        self.touched: list[Chain | tuple[str, PodRecord]] = []
        """Chains, and pods with their cluster, that a record spoke of; the engine empties it."""
        self.refile: Callable[[Event], Outcome] = lambda event: "unattributed"
        """Files an event that waited, whatever its kind; the correlator sets it."""
        self._learned: list[tuple[str, int]] = []
        self._is_resolving = False
        self._settles = settles
        self._on_resolved = on_resolved
        self._notes = notes
        """While learning, notes whatever is done and says whether it is a habit."""
        self._found_by_pid: deque[tuple[ProcessExec | NetworkFlow, Action]] = deque()
        """While learning, what was filed by its process id alone: until it is certain whose that was."""

    # ------------------------------------------------------------------------------------------ events

    def process_exec(self, event: ProcessExec) -> Outcome:
        """File an exec."""
        chain = self._actor(event)
        if chain is None:
            if event.pod is not None and event.container_id_prefix is None:
                chain = self.directory.pod_chain(event)
            if chain is None:
                return self.wait(event)
        if not chain.is_settled:
            return self._exec(chain, event)
        return "irrelevant" if _shown(event) != BY_PID else self._pass_over(chain, self._execution(event))

    def _exec(self, chain: Chain, event: ProcessExec) -> Outcome:
        time_ns = event.time_ns or 0
        self.directory.identify(chain, event)
        chain.see(time_ns)
        if event.container_id is None and event.container_id_prefix is None:
            # Found by its parent: its own children will be found by it.
            self.learn_pid(event, event.pid, time_ns, chain)
        action = self._execution(event)
        first = (time_ns, action.exe or "", action.args, action.parent_exe or "")
        if chain.first_process is None or first < chain.first_process:
            chain.first_process = first
        if not chain.is_unique:
            note_process(chain, first)
        return self._act(chain, action, event)

    def _execution(self, event: ProcessExec) -> Action:
        return Action(
            time_ns=event.time_ns or 0,
            kind="exec",
            source=event.where.source,
            stream=event.where.stream,
            offset=event.where.offset,
            exe=shared_path(event.exe) if event.exe is not None else None,
            args=self._kept_arguments(event.args),
            pid=event.pid,
            parent_pid=event.parent_pid,
            parent_exe=shared_path(event.parent_exe) if event.parent_exe is not None else None,
            is_upper_layer=bool(event.is_upper_layer),
            prefix=_shown(event),
        )

    def network_flow(self, event: NetworkFlow) -> Outcome:
        """File a connection: by container, by pod, or by the address it came from."""
        if event.direction == "ingress" or event.is_reply or event.dst_ip is None:
            return "irrelevant"
        action = self._connection(event)
        if action.prefix == BY_PID and not self._may_count(action, is_named=event.pod is not None):
            return "irrelevant"
        chain = self._actor(event)
        if chain is not None:
            return self._pass_over(chain, action) if chain.is_settled else self._flow(chain, event, action)
        if event.container_id_prefix is not None:
            return self.wait(event) if self._may_count(action) else self._glimpse(event)
        cluster = self.directory.cluster(event.cluster)
        if event.pod is not None and (event.pod.name or event.pod.uid):
            return self._act_in_pod(cluster, event.pod, action)
        return self.wait(event)

    def _pass_over(self, chain: Chain, action: Action) -> Outcome:
        """What a settled container does cannot matter. But what was done by a process id that it had may be another's,
        whose start is told later: it is kept for as long as that may come."""
        if action.prefix == BY_PID and self._row_of(action)[1]:
            chain.settle(action.time_ns - 2 * self.policy.lateness_ns)
            chain.act(action)
        return "irrelevant"

    def _may_count(self, action: Action, *, is_named: bool = True) -> bool:
        """Whether a connection falls under a row, or may be one that a baseline has not seen, or is to learn."""
        row, is_counted = self._row_of(action)
        if self._notes is not None or is_counted:
            return True
        if self._indicators is not None and self._indicators.of_action(action):
            return True
        return is_named and self._unfamiliar is not None and self._unfamiliar.may_be(action, row)

    def _row_of(self, action: Action) -> tuple[str | None, bool]:
        """(the row of an action, whether it counts where no baseline knows better)."""
        row = row_of(action, self.policy, with_baseline=self._unfamiliar is not None)
        return row, row is not None and row not in UNSEEN_ROWS

    def _flow(self, chain: Chain, event: NetworkFlow, action: Action) -> Outcome:
        self.directory.identify(chain, event)
        chain.see(action.time_ns)
        return self._act(chain, action, event)

    def _glimpse(self, event: NetworkFlow) -> Outcome:
        """What is no behaviour still shows that its container is there, and what it is called: once is enough."""
        what = (event.container_id_prefix, event.pod, event.image, event.runtime, event.runtime_namespace)
        name = f"seen:{stable_id(event.cluster, event.node, event.where.source, repr(what))}"
        known = self.waiting.first(name)
        if known is not None and (known.time_ns or 0) <= (event.time_ns or 0):
            return "irrelevant"
        return self.wait(event, name)

    def _connection(self, event: NetworkFlow) -> Action:
        return Action(
            time_ns=event.time_ns or 0,
            kind="egress",
            source=event.where.source,
            stream=event.where.stream,
            offset=event.where.offset,
            exe=shared_path(event.exe) if event.exe is not None else None,
            pid=event.pid,
            dst_ip=event.dst_ip,
            dst_port=event.dst_port,
            dst_name=shared_text(event.dst_name) if event.dst_name is not None else None,
            protocol=event.protocol,
            is_initiator_proven=event.is_initiator_proven and event.direction == "egress",
            is_refused=event.is_refused,
            prefix=_shown(event),
        )

    def container_exec(self, event: ContainerExec, chain: Chain | None) -> Outcome:
        """File a session: of a chain, or of a pod whose container nobody names."""
        if chain is None:
            record = self.directory.cluster(event.cluster).pod(event.pod) if event.pod is not None else None
            if record is None:
                return self.wait(event)
            self.touched.append((event.cluster, record))
            return "used" if record.attach(self._session(event)) else "duplicate"
        if event.pid is not None:
            self.learn_pid(event, event.pid, event.time_ns or 0, chain)
        if not event.command and event.user is None:
            return "irrelevant"
        self.touched.append(chain)
        return "used" if chain.attach(self._session(event)) else "duplicate"

    # ------------------------------------------------------------------------------------------ waiting

    def resolve(self, name: str, refile: Callable[[Event], Outcome], since_ns: int = 0) -> None:
        """What waited under a name, and is from no earlier than that, is filed now. It came in time: waiting does not
        make it late."""
        for event in self.waiting.claim(name, since_ns):
            self._on_resolved(event, refile(event))

    def wait(self, event: ContainerEvent, *also: str) -> Outcome:
        """Keep an event until a record names its container (or one of the names `also`); where it has nothing to be
        found by, it is unattributed at once."""
        names: tuple[str, ...] = ()
        if event.container_id_prefix is not None:
            if len(self.directory.find_prefix(event.cluster, event.container_id_prefix)) > 1:
                return "unattributed"
            names = (f"id:{event.cluster}/{event.container_id_prefix[:12]}", *also)
        elif isinstance(event, ProcessExec | NetworkFlow):
            names = tuple(f"pid:{event.cluster}/{event.node or NODELESS}/{pid}" for pid in process_ids(event))
        # Whose address it was may be told later: that is asked when the event's time is up.
        if not names and not (isinstance(event, NetworkFlow) and event.src_ip is not None):
            return "unattributed"
        for left in self.waiting.add(event, names):
            self._on_resolved(left, self._last_resort(left))
        return "waiting"

    def give_up(self, until: Callable[[Event], int]) -> int:
        """What is from before the time that `until` says for it waits no longer. Gives back how much still does."""
        for event in self.waiting.overdue(until):
            self._on_resolved(event, self._last_resort(event))
        for _ in range(len(self._found_by_pid)):
            found = self._found_by_pid.popleft()
            if found[1].time_ns < until(found[0]):
                self._note_by_pid(*found)
            else:
                self._found_by_pid.append(found)
        return len(self.waiting) + len(self._found_by_pid)

    def learn_pid(self, event: ContainerEvent, pid: int | None, time_ns: int, chain: Chain) -> None:
        """A process is in a container; so are those that waited for it."""
        if not pid:
            return
        node = self.directory.node(self.directory.cluster(chain.cluster), event.node)
        if node.learn_pid(pid, time_ns, lasting_key(chain)):
            self.touched += [chain, *take_back(self.directory, node, pid, chain, self.policy.clock_skew_ns)]
        if not self.waiting:
            return
        place = self.directory.node(self.directory.cluster(chain.cluster), chain.node)
        names = {event.node or NODELESS, *node.aliases, *place.aliases}
        # What is older than all who are known to have had the id goes on waiting.
        since_ns = node.turns_of(pid)[0][0] - self.policy.clock_skew_ns
        self._learned += [(f"pid:{chain.cluster}/{name}/{pid}", since_ns) for name in sorted(names)]
        if self._is_resolving:
            return
        # Children are filed one after the other, not inside each other: a tree of processes may be deep.
        self._is_resolving = True
        while self._learned:
            name, since_ns = self._learned.pop()
            self.resolve(name, self.refile, since_ns)
        self._is_resolving = False

    def _last_resort(self, event: Event) -> Outcome:
        """An event's time is up: what is known by now of its process, address or pod decides, else sight is lost."""
        if not isinstance(event, ProcessExec | NetworkFlow):
            return "unattributed"
        if event.pod is not None and (event.pod.name or event.pod.uid):
            return self._act_in_named_pod(event, event.pod)
        if event.container_id_prefix is not None:
            return "unattributed"
        chain = likely_chain_of_process(self.directory, event, self.policy.clock_skew_ns)
        if chain is None and isinstance(event, NetworkFlow) and event.src_ip is not None:
            cluster = self.directory.cluster(event.cluster)
            return self._act_of_holder(cluster, event.src_ip, self._connection(event))
        if chain is None or chain.is_settled:
            return "unattributed" if chain is None else "irrelevant"
        if isinstance(event, ProcessExec):
            return self._exec(chain, event)
        return self._flow(chain, event, self._connection(event))

    def _act_in_named_pod(self, event: ProcessExec | NetworkFlow, pod: Pod) -> Outcome:
        cluster = self.directory.cluster(event.cluster)
        if not cluster.records_of(pod.namespace, pod.name, pod.uid):
            return "unattributed"
        chain = self.directory.pod_chain(event)
        if isinstance(event, ProcessExec):
            return self._exec(chain, event) if chain is not None else "unattributed"
        action = self._connection(event)
        return self._act(chain, action) if chain is not None else self._act_in_pod(cluster, pod, action)

    # ------------------------------------------------------------------------------------------ who did it

    def _actor(self, event: ProcessExec | NetworkFlow) -> Chain | None:
        """The chain that did something: by id, by prefix, else by process id."""
        if event.container_id is not None:
            return self.directory.open(event)
        if event.container_id_prefix is not None:
            return self.directory.find(event)
        return chain_of_process(self.directory, event, self.policy.clock_skew_ns) if event.pod is None else None

    def _act(self, chain: Chain, action: Action, event: ProcessExec | NetworkFlow | None = None) -> Outcome:
        self.touched.append(chain)
        if self._settles(chain, action.time_ns):
            return self._pass_over(chain, action)
        row, is_counted = self._row_of(action)
        is_listed = self._indicators is not None and self._heed(self._indicators, chain, action)
        is_noted = self._notes is not None and self._note(chain, action, is_counted, event)
        if not is_counted and not (is_listed and action.prefix == BY_PID):
            chain.descend(link(action.time_ns, action.pid, action.parent_pid))
            is_asked = self._wonder(chain.cluster, chain.pod_namespace, chain, action, row)
            if not self._strangers.may_be(action):
                return "used" if is_asked or is_noted or is_listed else "irrelevant"
            chain.estrange(action)
            return "used"
        return "used" if chain.act(action) else "duplicate"

    def _note(self, chain: Chain, action: Action, is_behaviour: bool, event: ProcessExec | NetworkFlow | None) -> bool:
        if event is None or action.prefix != BY_PID or event.pod is not None:
            return self._notes is not None and self._notes(chain, action, is_behaviour)
        self._found_by_pid.append((event, action))
        if len(self._found_by_pid) > CAP:
            self._note_by_pid(*self._found_by_pid.popleft())
        return True

    def _note_by_pid(self, event: ProcessExec | NetworkFlow, action: Action) -> None:
        """Note what was done by a process, of whichever container it is known to have been by now."""
        chain = likely_chain_of_process(self.directory, event, self.policy.clock_skew_ns)
        if chain is None or self._notes is None or not chain.was_open(action.time_ns, self.policy.clock_skew_ns):
            return
        self._notes(chain, action, row_of(action, self.policy) is not None)

    def _act_in_pod(self, cluster: ClusterState, pod: Pod, action: Action) -> Outcome:
        record = cluster.pod(pod)
        if record is None:
            return "unattributed"
        return self._act_in(cluster, record, action)

    def _act_in(self, cluster: ClusterState, record: PodRecord, action: Action) -> Outcome:
        self.touched.append((cluster.name, record))
        row, is_counted = self._row_of(action)
        if self._indicators is not None:
            self._heed(self._indicators, record, action)
        if self._notes is not None:
            self._notes(record, action, is_counted)
        if not is_counted and self._wonder(cluster.name, record.namespace, record, action, row):
            return "used"
        return "used" if record.act(action) else "duplicate"

    def _heed(self, indicators: Indicators, actor: Chain | PodRecord, action: Action) -> bool:
        """Whether an action matches an indicator; the first that matches each is kept, whatever else is given up.

        What was found by its process id alone stays among the actions: it may turn out to have been another's.
        """
        found = indicators.of_action(action)
        if found and action.prefix != BY_PID:
            actor.listed = first_of_each((*actor.listed, *((one.name, action) for one in found)))
        return bool(found)

    def _wonder(
        self, cluster: str, namespace: str | None, actor: Chain | PodRecord, action: Action, row: str | None
    ) -> bool:
        """Whether a baseline is to be asked about an action that does not count; the first of its habit is kept."""
        if self._unfamiliar is None or not self._unfamiliar.may_be(action, row):
            return False
        return self._unfamiliar.keep(cluster, namespace, actor, action)

    def _act_of_holder(self, cluster: ClusterState, address: str, action: Action) -> Outcome:
        holder = cluster.holder_of(address, action.time_ns, self.policy.clock_skew_ns)
        kind, _, key = (holder or "").partition(":")
        if kind == "pod":
            record = cluster.pods.get(key)
            if record is None:
                return "unattributed"
            return self._act_in(cluster, record, action)
        chain = self.directory.find_key(cluster, key)
        if chain is None:
            return "unattributed"
        return "irrelevant" if chain.is_settled else self._act(chain, action)

    def _session(self, event: ContainerExec) -> Session:
        command = self._kept_arguments(event.command)
        where, session_id = event.where, event.native_id or event.exec_id
        user = shared_user(event.user) if event.user is not None else None
        return Session(event.time_ns or 0, where.source, where.stream, where.offset, command, user, session_id)

    def bare_arguments(self, args: tuple[str, ...]) -> tuple[str, ...]:
        """argv without its secrets, as much of it as is ever looked at; done twice it is the same."""
        told = readable(args) if is_long(args) else args
        return told if self.keep_arguments else mask_arguments(told)

    def _kept_arguments(self, args: tuple[str, ...]) -> tuple[str, ...]:
        return shared_texts(cut(self.bare_arguments(args)))


def _shown(event: ContainerEvent) -> int:
    """By how much less than a whole id the container was found."""
    if event.container_id_prefix is not None:
        return len(event.container_id_prefix)
    return 0 if event.container_id is not None else BY_PID
