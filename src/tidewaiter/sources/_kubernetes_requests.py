"""Turns one request to the Kubernetes API server that succeeded into events; every audit form decodes to this first.

Which request says what
- create of a pod, or an apply that created it: PodCreate. A patch that sets images: PodCreate with those containers.
  A PUT of an existing pod says nothing: what it changed cannot be told from one record.
- create of pods/binding (and of the old bindings): PodStatus with the node.
- patch or update of pods/status: PodStatus and ContainerFacts.
- pods/exec and pods/attach, by either verb (SPDY clients POST, WebSocket clients GET): ContainerExec. So does a
  request to run, exec or attach that goes to a kubelet through nodes/proxy.
- patch or update of pods/ephemeralcontainers: PodCreate with the containers that this request names.
- create, update or patch of a workload: WorkloadCreate, unless the patch is known and leaves the pod template alone.
Requests with `dryRun` store nothing and say nothing.
Formats: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ and
https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from typing import Literal

import msgspec

from tidewaiter.event import ContainerExec, Event, Pod, PodStatus, User, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import decode_json, parse_time_ns
from tidewaiter.sources._kubernetes import (
    WORKLOAD_GROUPS,
    Frame,
    ObjectMeta,
    PodObject,
    PodSpec,
)
from tidewaiter.sources._kubernetes_patches import (
    answered_pod,
    answered_workload,
    debug_containers,
    images_set,
    is_dry_run,
    is_object,
    may_change_template,
    names_with_image,
    sent_pod,
)
from tidewaiter.sources._kubernetes_sessions import Session, kubelet_session, pod_session
from tidewaiter.sources._kubernetes_specs import describe_pod, pod_containers, pod_create, workload_create
from tidewaiter.sources._kubernetes_status import status_events

WORKLOADS = {f"{kind.lower()}s": kind for kind in WORKLOAD_GROUPS}
"""Plural resource name -> kind."""

_KUBELET_USER = "system:node:"
_KUBELET_GROUP = "system:nodes"
_CREATED = 201
_WRITES = frozenset({"create", "update", "patch"})
_CONNECTS = frozenset({"create", "get"})
_VERBS: dict[tuple[str, str], frozenset[str]] = {
    ("pods", ""): frozenset({"create", "patch"}),
    ("pods", "binding"): frozenset({"create"}),
    ("bindings", ""): frozenset({"create"}),
    ("pods", "status"): frozenset({"patch", "update"}),
    ("pods", "exec"): _CONNECTS,
    ("pods", "attach"): _CONNECTS,
    ("pods", "ephemeralcontainers"): frozenset({"patch", "update"}),
    ("nodes", "proxy"): _CONNECTS,
    **{(resource, ""): _WRITES for resource in WORKLOADS},
}
TELLING_WORDS = tuple(
    tuple(sorted(f'"{word}"'.encode() for word in words))
    for words in (
        {resource for resource, _ in _VERBS},
        # Most reads say nothing: those that do are of a subresource.
        {sub for (_, sub), verbs in _VERBS.items() if "get" in verbs} | set().union(*_VERBS.values()) - {"get"},
    )
)
"""JSON strings, in two groups: a request that has none of a group is not relevant."""
_GROUPS = {resource: WORKLOAD_GROUPS[kind] for resource, kind in WORKLOADS.items()}


class Target(msgspec.Struct, gc=False):
    name: str | None = None


class Binding(msgspec.Struct, gc=False):
    metadata: ObjectMeta | None = None
    target: Target | None = None


_BINDING: msgspec.json.Decoder[Binding] = msgspec.json.Decoder(Binding)


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request to the API server that was answered with success."""

    verb: str
    resource: str
    subresource: str = ""
    namespace: str | None = None
    name: str | None = None
    user: User | None = None
    is_from_kubelet: bool = False
    """The writer authenticated as a node. Anybody else's pod status is a claim, not the runtime's word."""
    code: int | None = None
    """HTTP status; 201 tells an apply that created its object from one that changed it."""
    uri: str = ""
    """Path and query as sent; empty where the producer keeps neither."""
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    asked: str | None = None
    """When the request came, RFC 3339: the time of what somebody asked for."""
    done: str | None = None
    """When it was answered: the time of what a status says."""
    cluster: str
    where: Where
    native_id: str | None = None

    def frame(self, moment: Literal["asked", "done"] = "asked") -> Frame:
        """What this request's events share. Raises RecordError where the record tells no time."""
        text = (self.asked or self.done) if moment == "asked" else (self.done or self.asked)
        if not text:
            raise RecordError(f"{self.verb} {self.resource}: the record carries no time")
        return Frame(parse_time_ns(text), self.cluster, self.where, self.native_id)


def is_relevant(verb: str | None, group: str | None, resource: str | None, subresource: str | None) -> bool:
    """Whether such a request can say anything here. A group of None is one that the producer left out."""
    verbs = _VERBS.get((resource or "", subresource or ""))
    return verbs is not None and verb in verbs and (group is None or group in _GROUPS.get(resource or "", ("",)))


def is_kubelet(name: str | None, groups: tuple[str, ...] = ()) -> bool:
    """Whether somebody authenticated as a node."""
    return (name or "").startswith(_KUBELET_USER) or _KUBELET_GROUP in groups


def request_events(request: Request) -> list[Event]:
    """The events of a relevant request. Raises RecordError for a body or a time that cannot be read."""
    if is_dry_run(request.uri):
        return []
    match (request.resource, request.subresource):
        case ("pods", ""):
            return _pod(request)
        case ("pods", "binding") | ("bindings", ""):
            return _binding(request)
        case ("pods", "status"):
            return _status(request)
        case ("pods", "ephemeralcontainers"):
            return _ephemeral(request)
        case ("pods", _):
            return _exec(request, pod_session(request.namespace, request.name, request.uri, request.request))
        case ("nodes", _):
            return _exec(request, kubelet_session(request.name, request.uri))
        case _:
            return _workload(request)


def _pod(request: Request) -> list[Event]:
    names = None
    if request.verb == "patch" and request.code != _CREATED:
        names = images_set(request.request)
        if names is not None and not names:
            return []
    obj = answered_pod(request.request, request.response)
    pod = describe_pod(obj, request.namespace, request.name)
    if pod.name is None and pod.uid is None:
        return []  # below level Request a generated name is not told: nothing could be joined
    return [pod_create(obj, request.frame(), pod, request.user, pod_containers(obj.spec, names))]


def _ephemeral(request: Request) -> list[Event]:
    obj = answered_pod(request.request, request.response)
    spec = obj.spec or PodSpec()
    spec.containers = spec.init_containers = None
    spec.ephemeral_containers = debug_containers(obj)
    obj = PodObject(obj.metadata, spec)
    # The answer holds everybody's debug containers; those this user named are the ones this user added.
    names = names_with_image(debug_containers(sent_pod(request.request)))
    pod = describe_pod(obj, request.namespace, request.name)
    return [pod_create(obj, request.frame(), pod, request.user, pod_containers(spec, names or None))]


def _status(request: Request) -> list[Event]:
    user = (request.user.name if request.user else None) or ""
    return status_events(
        answered_pod(request.request, request.response),
        request.frame("done"),
        namespace=request.namespace,
        name=request.name,
        node=user.removeprefix(_KUBELET_USER) if user.startswith(_KUBELET_USER) else None,
        from_runtime=request.is_from_kubelet,
    )


def _binding(request: Request) -> list[Event]:
    binding = decode_json(_BINDING, bytes(request.request)) if is_object(request.request) else Binding()
    metadata, target = binding.metadata or ObjectMeta(), binding.target or Target()
    if not target.name:
        return []
    frame = request.frame()
    name = metadata.name if request.resource == "bindings" else request.name or metadata.name
    return [
        PodStatus(
            time_ns=frame.time_ns,
            cluster=frame.cluster,
            node=target.name,
            where=frame.where,
            native_id=frame.native_id,
            pod=Pod(namespace=request.namespace or metadata.namespace, name=name, uid=metadata.uid),
            assigned_node=target.name,
        )
    ]


def _exec(request: Request, session: Session | None) -> list[Event]:
    if session is None:
        return []
    frame = request.frame()
    return [
        ContainerExec(
            time_ns=frame.time_ns,
            cluster=frame.cluster,
            node=session.node,
            where=frame.where,
            native_id=frame.native_id,
            pod=session.pod,
            command=session.command,
            user=request.user,
            interactive=session.interactive,
        )
    ]


def _workload(request: Request) -> list[Event]:
    if request.verb == "patch" and request.code != _CREATED and not may_change_template(request.request):
        return []
    obj = answered_workload(request.request, request.response)
    kind = WORKLOADS[request.resource]
    return [workload_create(obj, request.frame(), kind, request.namespace, request.name, request.user)]
