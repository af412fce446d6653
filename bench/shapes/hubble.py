"""Turns packets between endpoints into Hubble's exported flows.

Source: https://docs.cilium.io/en/stable/observability/hubble/configuration/export/ and api/v1/flow/flow.proto, whose
field order is the exporter's. The node is printed `cluster/node`; a pod is named, never a container.
"""

from functools import lru_cache

from bench.clock import rfc3339
from bench.escape import compact_go
from bench.world import Container, Node

_FLOW = (
    b'{"flow":{"time":"%b","uuid":"%08x-0c3a-4f4e-9b1d-%012x","emitter":{"name":"Hubble","version":"1.18.2+g5bd307a8"},'
    b'"verdict":"%b",%b"ethernet":{"source":"6e:12:%02x:54:a9:62","destination":"72:59:04:%02x:68:13"},'
    b'"IP":{"source":"%b","destination":"%b","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":%d,"destination_port":%d,'
    b'"flags":{%b}}},"source":%b,"destination":%b,"Type":"L3_L4","node_name":"%b",%b%b"event_type":{"type":%d,"sub_type":3},'
    b'"traffic_direction":"%b","trace_observation_point":"TO_STACK","is_reply":%b,"interface":{"index":%d,"name":"eth0"},'
    b'"Summary":"TCP Flags: %b"},"node_name":"%b","time":"%b"}'
)
WORLD = compact_go({"identity": 2, "labels": ["reserved:world"]})


@lru_cache(maxsize=16384)
def endpoint(container: Container) -> bytes:
    """The pod as one side of a flow."""
    cluster = container.node.cluster
    return compact_go(
        {
            "ID": container.identity % 4096,
            "identity": container.identity,
            "cluster_name": cluster,
            "namespace": container.namespace,
            "labels": [
                f"k8s:app.kubernetes.io/name={container.name}",
                f"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name={container.namespace}",
                f"k8s:io.cilium.k8s.policy.cluster={cluster}",
                f"k8s:io.cilium.k8s.policy.serviceaccount={container.service_account}",
                f"k8s:io.kubernetes.pod.namespace={container.namespace}",
            ],
            "pod_name": container.pod,
            "workloads": [{"name": container.workload, "kind": container.workload_kind}],
        }
    )


def _node_name(node: Node) -> bytes:
    return f"{node.cluster}/{node.name}".encode()


def _flow(
    node: Node, time_ns: int, number: int, source: bytes, target: bytes, addresses: tuple[str, str],
    ports: tuple[int, int], direction: bytes, reply: bool, dropped: bool, domain: str = "",
) -> bytes:  # fmt: skip
    flags, summary = (b'"SYN":true,"ACK":true', b"SYN, ACK") if reply else (b'"SYN":true', b"SYN")
    time, name = rfc3339(time_ns), _node_name(node)
    names = b'"destination_names":["%b"],' % domain.encode() if domain else b""
    return _FLOW % (
        time, number & 0xFFFFFFFF, time_ns & 0xFFFFFFFFFFFF, b"DROPPED" if dropped else b"FORWARDED",
        b'"drop_reason":133,' if dropped else b"", number & 255, (number >> 8) & 255, addresses[0].encode(),
        addresses[1].encode(), ports[0], ports[1], flags, source, target, name, names,
        b'"reply":true,' if reply else b"",
        1 if dropped else 4, direction, b"true" if reply else b"false", 3 + number % 60, summary, name, time,
    )  # fmt: skip


def egress(
    container: Container, time_ns: int, number: int, address: str, port: int, *,
    peer: Container | None = None, dropped: bool = False, domain: str = "",
) -> bytes:  # fmt: skip
    """The pod opened a connection: to another pod, else to an address outside the cluster.

    `domain`: the name for which the pod was given that address, where Cilium's DNS proxy saw it asked.
    """
    target = WORLD if peer is None else endpoint(peer)
    ports = (32768 + number % 28000, port)
    addresses = (container.address, address if peer is None else peer.address)
    return _flow(
        container.node, time_ns, number, endpoint(container), target, addresses, ports, b"EGRESS", False, dropped,
        domain,
    )  # fmt: skip


def ingress(container: Container, time_ns: int, number: int, address: str, port: int) -> bytes:
    """Something outside opened a connection to the pod."""
    ports = (32768 + number % 28000, port)
    return _flow(
        container.node, time_ns, number, WORLD, endpoint(container), (address, container.address), ports,
        b"INGRESS", False, False,
    )  # fmt: skip


def reply(container: Container, time_ns: int, number: int, address: str, port: int) -> bytes:
    """The pod answered a connection that something outside had opened: egress as a packet, not as an act."""
    ports = (port, 32768 + number % 28000)
    return _flow(
        container.node, time_ns, number, endpoint(container), WORLD, (container.address, address), ports,
        b"EGRESS", True, False,
    )  # fmt: skip
