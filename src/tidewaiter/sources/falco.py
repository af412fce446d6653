"""Turns Falco's JSON alerts into process executions, connections and sessions of containers.

Source: https://falco.org/docs/concepts/outputs/formatting/ (the alert) and
https://falco.org/docs/reference/rules/supported-fields/ (`output_fields`); the form that falcosidekick passes on is the
same with `uuid` in front.

Rules
- Only `output_fields` count; the text of `output` is for people and can be steered by the watched process.
- An alert says that a rule matched, not always that a process was executed: with `evt.type` only execve and execveat
  that did not fail are executions; without it an alert that shows a command line and no file or connection is one.
- Argv is not in an alert. `proc.cmdline` is `proc.name` and the arguments joined with blanks, and is split at blanks:
  an argument that holds a blank becomes several. args[0] is `proc.exe` (argv[0]) where given, else `proc.name`.
- `fd.name` is `client->server`, and `fd.sip` is the server. `fd.lport`, `fd.rport` and their addresses are seen from
  the host's own addresses and come the wrong way round for containers (seen on real alerts), so they are used last.
- `container.id` `host` or empty is no container, and then the `k8s.*` fields are not read either. "<NA>" is unknown.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypedDict

import msgspec

from tidewaiter.digest import digest_or_none, is_hex
from tidewaiter.event import ContainerFacts, Event, ImageClaim, NetworkFlow, Pod, ProcessExec, Where
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import Skim, Source
from tidewaiter.sources._falco_audit import sessions
from tidewaiter.sources._falco_record import Alert, Fields, alert_time_ns, bool_or_none, int_or_none, text_or_none
from tidewaiter.sources._fields import (
    FULL_ID_LENGTH,
    SHORTEST_PREFIX,
    decode_json,
    ip_or_none,
    kubelet_container_name,
    split_container_id,
)

_EXECUTING = frozenset({"execve", "execveat"})
_SENDING = frozenset({"connect", "sendto", "sendmsg", "sendmmsg"})
_ACCEPTING = frozenset({"accept", "accept4"})
_WAITING = frozenset({"bind", "listen", "socket"})
_OUTBOUND_RULES = ("outbound", "egress", "contact ")
_REFUSALS = frozenset({"ECONNREFUSED", "EPERM", "EACCES"})
_RAW_REFUSALS = frozenset({-111, -1, -13})
_RUNTIMES = {"docker": "docker", "containerd": "containerd", "cri-o": "cri-o", "podman": "podman"}
_NO_UID = 2**32 - 1
_LONGEST_IMAGE = 4096
_MEMFD_RUNTIMES = ("memfd:runc", "memfd:crun", "/memfd:runc", "/memfd:crun")
_DECODER = msgspec.json.Decoder(Alert)

_FALCO_OPENING = re.compile(rb'\{(?:"uuid":"[^"\\]*",)?(?:"hostname":"[^"\\]*",)?"output":"')
_FIELDS = b'"output_fields":{'


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One alert to its events: none for alerts about files, the host, Falco itself, or plugins that are not read.

    Raises RecordError where the bytes are no alert, or where an alert about a system call, or a session, has no
    credible time.
    """
    alert = decode_json(_DECODER, record)
    fields = alert.output_fields
    if fields is None:
        return ()
    source = alert.source
    if source == "syscall" or (source is None and fields.ka_name is None):
        return _system_call(alert, fields, where)
    if source is None or (type(source) is str and source.startswith("k8s_audit")):
        return sessions(alert, fields, record, where)
    return ()


class _Setting(TypedDict):
    """What all events of one alert share."""

    time_ns: int
    cluster: str
    node: str | None
    where: Where
    native_id: str | None
    container_id: str | None
    container_id_prefix: str | None
    runtime: str | None
    pod: Pod | None
    image: ImageClaim | None


def _system_call(alert: Alert, fields: Fields, where: Where) -> tuple[Event, ...]:
    if fields.container_id in ("", "host"):
        return ()
    time_ns = alert_time_ns(alert, fields)
    evt_type = text_or_none(fields.evt_type)
    is_exec = _is_exec(fields, evt_type)
    dst_ip, dst_port, src_ip = (None, None, None) if evt_type in _WAITING else _endpoints(fields)
    privileged = bool_or_none(fields.container_privileged) or None
    mounts_root = _mounts_host_root(fields.container_mounts) or None
    if not (is_exec or dst_ip or privileged or mounts_root):
        return ()
    setting = _setting(alert, fields, time_ns, where)
    events: list[Event] = []
    if privileged or mounts_root:
        events.append(ContainerFacts(**setting, privileged=privileged, host_root_mount=mounts_root))
    exe = text_or_none(fields.exepath) or text_or_none(fields.name)
    if is_exec:
        uid = int_or_none(fields.uid)
        executed = ProcessExec(
            **setting,
            exe=exe,
            args=_args(fields),
            cwd=text_or_none(fields.cwd),
            pid=int_or_none(fields.pid),
            parent_pid=int_or_none(fields.ppid),
            parent_exe=text_or_none(fields.pexepath) or text_or_none(fields.pname),
            uid=None if uid is None or uid < 0 or uid == _NO_UID else uid,
            is_upper_layer=_is_upper_layer(fields, exe),
        )
        events.append(executed)
    if dst_ip is not None:
        direction = _direction(evt_type, alert.rule)
        flow = NetworkFlow(
            **setting,
            dst_ip=dst_ip,
            dst_port=dst_port,
            dst_name=text_or_none(fields.server_name) or text_or_none(fields.remote_name),
            src_ip=src_ip,
            protocol=_protocol(fields.fd_protocol),
            direction=direction,
            is_initiator_proven=direction != "unknown",
            is_refused=text_or_none(fields.evt_res) in _REFUSALS or int_or_none(fields.evt_rawres) in _RAW_REFUSALS,
            exe=exe,
            pid=int_or_none(fields.pid),
        )
        events.append(flow)
    return tuple(events)


def _setting(alert: Alert, fields: Fields, time_ns: int, where: Where) -> _Setting:
    container_id, prefix, _ = split_container_id(text_or_none(fields.container_full_id))
    if container_id is None and prefix is None:
        container_id, prefix, _ = split_container_id(text_or_none(fields.container_id))
    # Kubernetes names come through the container: an id that is told but unreadable makes them unknown as well.
    is_untold = fields.container_id is None and fields.container_full_id is None
    return {
        "time_ns": time_ns,
        "cluster": where.cluster,
        "node": text_or_none(fields.node_name)
        or text_or_none(fields.evt_hostname)
        or text_or_none(alert.hostname)
        or where.node,
        "where": where,
        "native_id": text_or_none(alert.uuid),
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": _RUNTIMES.get(fields.container_type) if type(fields.container_type) is str else None,
        "pod": _pod(fields) if is_untold or container_id is not None or prefix is not None else None,
        "image": _image(fields),
    }


def _is_exec(fields: Fields, evt_type: str | None) -> bool:
    if evt_type is None:
        told = (fields.fd_name, fields.server_ip, fields.client_ip, fields.remote_ip, fields.fd_protocol)
        return text_or_none(fields.cmdline) is not None and all(value is None for value in told)
    if evt_type not in _EXECUTING:
        return False
    result = text_or_none(fields.evt_res)
    return (result is None or result == "SUCCESS") and (int_or_none(fields.evt_rawres) or 0) >= 0


def _args(fields: Fields) -> tuple[str, ...]:
    name, exe = text_or_none(fields.name), text_or_none(fields.exe)
    first = exe or name
    arguments = text_or_none(fields.args)
    if arguments is None:
        cmdline = text_or_none(fields.cmdline)
        if cmdline is None:
            return () if first is None else (first,)
        if name is not None and (cmdline == name or cmdline.startswith(f"{name} ")):
            arguments = cmdline[len(name) :]
        else:
            command, _, arguments = cmdline.partition(" ")
            first = exe or command
    return (*(() if first is None else (first,)), *arguments.split())


def _is_upper_layer(fields: Fields, exe: str | None) -> bool | None:
    flags = text_or_none(fields.evt_flags) or ""
    is_upper = bool_or_none(fields.is_upper_layer)
    if is_upper or "EXE_UPPER_LAYER" in flags:
        return True
    if bool_or_none(fields.is_from_memfd) or "EXE_FROM_MEMFD" in flags:
        # In no layer at all; but runc and crun start containers from such a copy of themselves.
        return None if exe is not None and exe.startswith(_MEMFD_RUNTIMES) else True
    return False if is_upper is False or "EXE_LOWER_LAYER" in flags else None


def _endpoints(fields: Fields) -> tuple[str | None, int | None, str | None]:
    """(server's address, its port, client's address) of the alert's file descriptor, where it is a connection."""
    name = text_or_none(fields.fd_name)
    if name is not None:
        client, arrow, server = name.partition("->")
        address, port = _endpoint(server) if arrow else (None, None)
        if address is not None:
            return address, port, _endpoint(client)[0]
    address = ip_or_none(text_or_none(fields.server_ip))
    if address is not None:
        return address, _port(fields.server_port), ip_or_none(text_or_none(fields.client_ip))
    address = ip_or_none(text_or_none(fields.remote_ip))
    return address, None if address is None else _port(fields.remote_port), None


def _endpoint(text: str) -> tuple[str | None, int | None]:
    host, _, port = text.rpartition(":")
    return ip_or_none(host.strip("[]")), _port(port)


def _port(value: Any) -> int | None:
    port = int_or_none(value)
    return port if port is not None and 0 < port < 65536 else None


def _direction(evt_type: str | None, rule: Any) -> Literal["egress", "ingress", "unknown"]:
    if evt_type is not None:
        return "egress" if evt_type in _SENDING else "ingress" if evt_type in _ACCEPTING else "unknown"
    name = rule.lower() if type(rule) is str else ""
    return "egress" if "inbound" not in name and any(word in name for word in _OUTBOUND_RULES) else "unknown"


def _protocol(value: Any) -> str | None:
    protocol = text_or_none(value)
    return None if protocol is None or protocol == "unknown" else protocol.lower()


def _mounts_host_root(mounts: Any) -> bool:
    """`container.mounts` is a list of `source:destination:mode:rw:propagation`."""
    text = text_or_none(mounts)
    return text is not None and any(mount.startswith("/:") for mount in text.replace(",", " ").split())


def _pod(fields: Fields) -> Pod | None:
    name, namespace, uid = text_or_none(fields.pod_name), text_or_none(fields.namespace), text_or_none(fields.pod_uid)
    if name is None and uid is None:
        return None
    container_name = text_or_none(fields.container_name)
    kubelet = kubelet_container_name(container_name)
    deployment = text_or_none(fields.deployment)
    return Pod(
        namespace=namespace,
        name=name,
        uid=uid,
        container_name=container_name if kubelet is None else kubelet[0],
        workload_kind=None if deployment is None else "Deployment",
        workload=deployment,
    )


def _image(fields: Fields) -> ImageClaim | None:
    repository, tag = text_or_none(fields.image_repository), text_or_none(fields.image_tag)
    digest, image_id = text_or_none(fields.image_digest), text_or_none(fields.image_id)
    length = sum(len(text) for text in (repository, tag, digest, image_id) if text is not None)
    return _claim(repository, tag, digest, image_id) if 0 < length <= _LONGEST_IMAGE else None


@lru_cache(maxsize=8192)
def _claim(repository: str | None, tag: str | None, digest: str | None, image_id: str | None) -> ImageClaim | None:
    repo_digest = digest_or_none(digest)
    prefix = image_id.removeprefix("sha256:") if image_id is not None else ""
    if not is_hex(prefix) or not SHORTEST_PREFIX <= len(prefix) <= FULL_ID_LENGTH:
        prefix = ""
    reference = repository if repository is None or tag is None else f"{repository}:{tag}"
    if reference is None and repo_digest is None and not prefix:
        return None
    parsed = None if repo_digest is None else reference_or_none(repository)
    return ImageClaim(
        reference=reference,
        config_digest=f"sha256:{prefix}" if len(prefix) == FULL_ID_LENGTH else None,
        config_digest_prefix=prefix if 0 < len(prefix) < FULL_ID_LENGTH else None,
        repo_digest=repo_digest,
        repository=None if parsed is None else parsed.repository,
    )


def _recognise(record: Mapping[str, Any]) -> bool:
    has_output = isinstance(record.get("output_fields"), dict) or isinstance(record.get("output"), str)
    return isinstance(record.get("rule"), str) and isinstance(record.get("priority"), str) and has_output


SOURCE = Source(
    title="Falco",
    log_sources=("auditd:SYSCALL", "NSM:Flow", "kubernetes:audit", "ebpf:syscalls"),
    cannot_see=(
        "Whatever no enabled rule matches, argv as it was (arguments are split at blanks), the start of a container, "
        "and any field that a rule's output does not name."
    ),
    decode=decode,
    recognise=_recognise,
    rank=30,
    openings=(
        (b'{"hostname":"', lambda record: _FALCO_OPENING.match(record) is not None and _FIELDS in record),
        (b'{"uuid":"', lambda record: _FALCO_OPENING.match(record) is not None and _FIELDS in record),
    ),
    skim=Skim(
        prefixes=(b'{"hostname":"', b'{"output":"', b'{"uuid":"'),
        keys=(b'"container.id":', b'"container.full_id":'),
        guards=(b'"container.id"', b'"container.full_id"'),
    ),
)
