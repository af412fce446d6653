"""Turns a connection inside a cluster into the habit of talking to a workload, whatever address its pods have today.

Addresses of pods and containers are given out anew with every rollout; the cluster's table says whose each was when.
"""

from tidewaiter.behaviour import METADATA, address_of
from tidewaiter.cluster import ClusterState
from tidewaiter.habit import Habit
from tidewaiter.policy import TrustPolicy
from tidewaiter.workload import path_of_container, path_of_pod

NODE = "(node)"


def settled(habit: Habit, time_ns: int, cluster: ClusterState, policy: TrustPolicy) -> Habit:
    """A habit whose destination is an address, by whoever had the address at that time: `NAMESPACE/KIND/NAME:PORT/tcp`,
    or `(node):PORT/tcp`. Any other habit, and one of which nobody told the holder, as it is.

    To be asked once all was read: who had an address may be told later than the connection.
    """
    address, end = _split(habit)
    if address is None or address in METADATA or policy.is_blocked(address):
        return habit
    holder = _holder(address, time_ns, cluster, policy.clock_skew_ns)
    return habit if holder is None else Habit("egress", f"{holder}{end}")


def _split(habit: Habit) -> tuple[str | None, str]:
    """(the address, `:PORT/PROTOCOL`); (None, "") where the destination is no address."""
    if habit.kind != "egress":
        return None, ""
    place, slash, protocol = habit.what.rpartition("/")
    has_port = place.rfind(":") > place.rfind("]")
    host, colon, port = place.rpartition(":") if has_port else (place, "", "")
    address = address_of(host.removeprefix("[").removesuffix("]"))
    return (None, "") if address is None else (str(address), f"{colon}{port}{slash}{protocol}")


def _holder(address: str, time_ns: int, cluster: ClusterState, skew_ns: int) -> str | None:
    kind, _, key = (cluster.holder_of(address, time_ns, skew_ns) or "").partition(":")
    if kind == "pod":
        record = cluster.pods.get(key)
        return None if record is None else path_of_pod(record, cluster)
    if kind == "chain":
        chain = next((node.chains[key] for node in cluster.nodes.values() if key in node.chains), None)
        if chain is None:
            return None
        if chain.pod_name is None and chain.pod_uid is None:
            return path_of_container(chain)
        pods = cluster.records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid)
        return next(filter(None, (path_of_pod(record, cluster) for record in pods)), None)
    return NODE if address in cluster.host_addresses else None
