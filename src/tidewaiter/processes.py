"""Turns the process ids that a record gives into the chain that the process was in at that moment.

Rules
- A process id is its node's own. Whoever got it last before a moment had it then, else whoever got it next, up to the
  difference of clocks. Of a process and its parent, the one whose id was given out later tells more: the other may be
  left over from somebody who is gone.
- Where an id turns out to have been another container's too, what was filed by it goes to whoever had it.
- A record without a node, beside one named node, means that node; so does a container that only such records name. A
  second node may still be named: this is for records whose time is up.
"""

from tidewaiter.attribution import NODELESS, Directory, lasting_key
from tidewaiter.chain import BY_PID, Action, Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.event import NetworkFlow, ProcessExec
from tidewaiter.lineage import starts
from tidewaiter.node import NodeState


def process_ids(event: ProcessExec | NetworkFlow) -> list[int]:
    """The ids by which a record's process can be found: its own, and its parent's."""
    parent = event.parent_pid if isinstance(event, ProcessExec) else None
    return [pid for pid in (event.pid, parent) if pid]


def chain_of_process(directory: Directory, event: ProcessExec | NetworkFlow, skew_ns: int) -> Chain | None:
    """The chain whose process a record tells of, as its own node knows it; clocks may differ by `skew_ns`."""
    cluster = directory.cluster(event.cluster)
    own, nodeless = cluster.nodes.get(event.node or NODELESS), cluster.nodes.get(NODELESS)
    found = _holder(directory, cluster, own, event, skew_ns)
    if found is not None or own is nodeless or own is None:
        return found
    # A record without a node told the process; the node has named the container since.
    found = _holder(directory, cluster, nodeless, event, skew_ns)
    return found if found is not None and found.node == own.name else None


def likely_chain_of_process(directory: Directory, event: ProcessExec | NetworkFlow, skew_ns: int) -> Chain | None:
    """The same for a record whose time is up: what no node is named for is on the only node."""
    found = chain_of_process(directory, event, skew_ns)
    cluster = directory.cluster(event.cluster)
    only = cluster.only_node() if found is None else None
    if only is None:
        return found
    is_there = event.node is not None and cluster.nodes.get(event.node) is only
    return _holder(directory, cluster, cluster.nodes.get(NODELESS) if is_there else only, event, skew_ns)


def take_back(directory: Directory, node: NodeState, pid: int, chain: Chain, skew_ns: int) -> list[Chain]:
    """A process id that another container had is now known to have been the chain's too. What was filed by it, or by
    its children, and is the chain's moves there. Gives back the chains that lost something."""
    cluster, key = directory.states[chain.cluster], lasting_key(chain)
    losers: list[Chain] = []
    for _, other_key in node.turns_of(pid):
        other = directory.find_key(cluster, other_key)
        if other is None or other is chain:
            continue
        pids = [pid]
        begun = starts(other.lineage)
        for shared in pids:
            for time_ns, child, parent_pid in begun:
                # What is no behaviour may have started what is one.
                is_new = parent_pid == shared and child not in pids
                if is_new and _was_held(node, shared, child, time_ns, key, skew_ns):
                    node.pass_pid(child, time_ns, other_key, key)
                    pids.append(child)
            for action in other.actions:
                if action.prefix != BY_PID or shared not in (action.pid, action.parent_pid):
                    continue
                if not _was_held(node, shared, action.pid, action.time_ns, key, skew_ns):
                    continue
                _move(action, other, chain)
                losers.append(other)
                if action.pid and action.pid not in pids:
                    node.pass_pid(action.pid, action.time_ns, other_key, key)
                    # Of a settled container the process was not learnt.
                    node.learn_pid(action.pid, action.time_ns, key)
                    pids.append(action.pid)
    return losers


def _was_held(node: NodeState, shared: int, pid: int | None, time_ns: int, key: str, skew_ns: int) -> bool:
    """Whether a process id, a process's own or its parent's, was a container's when it did something; not where the
    process itself was known before, and since a later moment."""
    held = node.holder_of(shared, time_ns, skew_ns)
    if held is None or held[1] != key:
        return False
    own = node.holder_of(pid or 0, time_ns - 1)
    return own is None or own[0] <= held[0]


def _move(action: Action, loser: Chain, chain: Chain) -> None:
    loser.actions = tuple(kept for kept in loser.actions if kept is not action)
    told = _as_process(action)
    if loser.first_process == told:
        loser.first_process = min((_as_process(kept) for kept in loser.actions if kept.kind == "exec"), default=None)
    if loser.first_seen_ns == action.time_ns:
        times = [sighting.time_ns for sighting in loser.sightings] + [kept.time_ns for kept in loser.actions]
        loser.first_seen_ns = min(times, default=loser.first_seen_ns)
    chain.see(action.time_ns)
    if action.kind == "exec":
        chain.first_process = min(chain.first_process or told, told)
    chain.act(action)


def _as_process(action: Action) -> tuple[int, str, tuple[str, ...], str]:
    return (action.time_ns, action.exe or "", action.args, action.parent_exe or "")


def _holder(
    directory: Directory, cluster: ClusterState, node: NodeState | None, event: ProcessExec | NetworkFlow, skew_ns: int
) -> Chain | None:
    if node is None or not node.pids:
        return None
    best: tuple[int, str] | None = None
    for pid in process_ids(event):
        held = node.holder_of(pid, event.time_ns or 0, skew_ns)
        if held is not None and (best is None or held[0] > best[0]):
            best = held
    if best is None:
        return None
    # The container may have moved since to the node that names it.
    return node.chains.get(best[1]) or directory.find_key(cluster, best[1])
