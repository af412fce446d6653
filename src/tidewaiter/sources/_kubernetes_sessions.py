"""Turns the address of an exec or attach request into the container, the command and whether a terminal was asked for.

The API server logs PodExecOptions as the query of `requestURI`:
`/api/v1/namespaces/NS/pods/POD/exec?command=sh&command=-c&command=..&container=C&tty=true`.
The kubelet's own paths, reached through `nodes/NODE/proxy`, are in kubernetes `pkg/kubelet/server/server.go`.
"""

from urllib.parse import unquote

import msgspec

from tidewaiter.event import Pod
from tidewaiter.sources._fields import decode_json
from tidewaiter.sources._kubernetes_patches import is_object, query_of

_KUBELET_ACTIONS = frozenset({"run", "exec", "attach"})


class Session(msgspec.Struct, frozen=True, gc=False):
    """What somebody asked to run, and where."""

    pod: Pod
    command: tuple[str, ...] = ()
    """Empty for attach, and for exec where the producer kept no command."""
    interactive: bool | None = None
    node: str | None = None


class Options(msgspec.Struct, gc=False):
    """PodExecOptions or PodAttachOptions as a body; producers that keep no address keep this, if anything."""

    command: list[str] | None = None
    container: str | None = None
    tty: bool | None = None


_OPTIONS: msgspec.json.Decoder[Options] = msgspec.json.Decoder(Options)


def pod_session(namespace: str | None, name: str | None, uri: str, body: msgspec.Raw) -> Session:
    """A session in a pod: from the address, or from the options where the address has no query."""
    query = query_of(uri)
    if not query and is_object(body):
        options = decode_json(_OPTIONS, bytes(body))
        pod = Pod(namespace=namespace, name=name, container_name=options.container)
        return Session(pod, tuple(options.command or ()), options.tty)
    container = next((value for key, value in query if key == "container" and value), None)
    return Session(
        Pod(namespace=namespace, name=name, container_name=container),
        tuple(value for key, value in query if key == "command"),
        _has_terminal(query) if query else None,
    )


def kubelet_session(node: str | None, uri: str) -> Session | None:
    """A session asked of a kubelet through the API server; None for the kubelet's other paths (logs, metrics).

    `/api/v1/nodes/NODE/proxy/{run|exec|attach}/NAMESPACE/POD[/UID]/CONTAINER?cmd=..`; NODE may be `NODE:PORT` or
    `SCHEME:NODE:PORT`. `cmd` is one text that the kubelet splits on blanks; in a POST it may stand in the body, unseen.
    """
    path = uri.partition("?")[0].partition("/proxy/")[2]
    action, *parts = [unquote(part, errors="replace") for part in path.strip("/").split("/")]
    if action not in _KUBELET_ACTIONS or len(parts) not in (3, 4):
        return None
    query = query_of(uri)
    words = tuple(word for key, value in query if key == "cmd" for word in value.split())
    address = (node or "").split(":")
    return Session(
        Pod(
            namespace=parts[0],
            name=parts[1],
            uid=parts[2] if len(parts) == 4 else None,
            container_name=parts[-1],
        ),
        words or tuple(value for key, value in query if key == "command"),
        _has_terminal(query),
        (address[1] if len(address) == 3 else address[0]) or None,
    )


def _has_terminal(query: list[tuple[str, str]]) -> bool:
    return any(key == "tty" and value in ("true", "1") for key, value in query)
