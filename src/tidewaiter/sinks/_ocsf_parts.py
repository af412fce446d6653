"""Turns what an alert stands on into the parts of an OCSF finding: resources, evidences and observables.

A part leaves out what is not known. Where OCSF has no field, the alert's own stand in `data`.
"""

from ipaddress import ip_address
from posixpath import basename

import msgspec

from tidewaiter.alert import Alert, BehaviourShown, Evidence, stable_id
from tidewaiter.sinks._moments import parse_moment

Part = dict[str, object]
_OUTBOUND = 2
_TARGET, _RELATED = 1, 4
_HOSTNAME, _IP, _USER, _RESOURCE, _COMMAND, _AGENT, _CONTAINER = 1, 2, 4, 10, 13, 16, 27
_OBSERVABLE_TYPES = {
    _HOSTNAME: "Hostname",
    _IP: "IP Address",
    _USER: "User Name",
    _RESOURCE: "Resource UID",
    _COMMAND: "Command Line",
    _AGENT: "HTTP User-Agent",
    _CONTAINER: "Container",
}


def known(**fields: object) -> Part:
    """The fields that are known: OCSF leaves out what is not."""
    return {name: value for name, value in fields.items() if value is not None and value != [] and value != {}}


def resources_of(alert: Alert) -> list[Part]:
    """The container, and the image it runs."""
    found: list[Part] = []
    if alert.container_id or alert.container_name:
        place = known(
            cluster=alert.cluster, node=alert.node, pod=alert.pod, workload=msgspec.to_builtins(alert.workload)
        )
        found.append(
            known(
                uid=alert.container_id,
                name=alert.container_name,
                type="container",
                namespace=alert.namespace,
                role_id=_TARGET,
                role="Target",
                data=place,
            )
        )
    image = alert.image
    if image.config_digest or image.reference:
        found.append(
            known(
                uid=image.config_digest, name=image.reference, type="container image", role_id=_RELATED, role="Related"
            )
        )
    return found


def evidences_of(alert: Alert) -> list[Part]:
    """The steps of the chain, then the behaviours; what did it, what it reached, and where the record stands."""
    container = _container(alert)
    records: dict[tuple[str | None, str], list[Evidence]] = {}
    found: list[Part] = []
    for evidence in alert.evidence:
        if evidence.stage == "behaviour":
            records.setdefault((evidence.time, evidence.summary), []).append(evidence)
            continue
        found.append(
            known(
                name=evidence.stage,
                container=container,
                data=known(
                    time=evidence.time, source=evidence.source, record=evidence.record, summary=evidence.summary
                ),
            )
        )
    for asked in (_pulled(alert), _created(alert)):
        found += [asked] if asked else []
    for shown in alert.behaviours:
        matching = records.get((shown.time, shown.what))
        found.append(_behaviour(alert, shown, matching.pop(0) if matching else None, container))
    return found


def _behaviour(alert: Alert, shown: BehaviourShown, record: Evidence | None, container: Part | None) -> Part:
    is_run = shown.kind in ("exec", "drift")
    ip, port = _address(shown.what) if shown.kind == "egress" else (None, None)
    endpoint = known(ip=ip, port=port, hostname=shown.name) if shown.kind == "egress" else {}
    words = shown.what.split(" ", 1)
    process = known(
        # A process needs an id, and alerts carry none: this one names the exec, not the process.
        uid=stable_id(alert.id, shown.time, shown.what),
        name=basename(words[0]),
        cmd_line=shown.what,
        created_time=milliseconds(shown.time),
    )
    return known(
        name=shown.kind,
        process=process if is_run else None,
        dst_endpoint=endpoint or None,
        connection_info=known(direction_id=_OUTBOUND, direction="Outbound", protocol_name=shown.protocol)
        if endpoint
        else None,
        container=container,
        data=known(
            **msgspec.to_builtins(shown),
            source=record.source if record else None,
            record=record.record if record else None,
        ),
    )


def _container(alert: Alert) -> Part | None:
    """None where neither id nor name is known: OCSF asks for one of them."""
    if not (alert.container_id or alert.container_name):
        return None
    image = alert.image
    return known(
        uid=alert.container_id,
        name=alert.container_name,
        image=known(uid=image.config_digest, name=image.reference) if image.config_digest else None,
        orchestrator="Kubernetes" if alert.pod else None,
    )


def _pulled(alert: Alert) -> Part | None:
    puller = alert.pulled_by
    return _asked("pulled by", puller.client, (), puller.source_ip, puller.user_agent, msgspec.to_builtins(puller))


def _created(alert: Alert) -> Part | None:
    creator = alert.created_by
    told = msgspec.to_builtins(creator)
    return _asked("created by", creator.user, creator.groups, creator.source_ip, creator.user_agent, told)


def _asked(
    name: str, user: str | None, groups: tuple[str, ...], source: str | None, agent: str | None, told: Part
) -> Part | None:
    if not (user or source or agent):
        return None
    ip, _ = _address(source or "")
    named = known(name=user, groups=[{"name": group} for group in groups]) if user else None
    return known(
        name=name,
        actor={"user": named} if named else None,
        src_endpoint=known(ip=ip) if ip else None,
        http_request=known(user_agent=agent) if agent else None,
        data=known(**told),
    )


def observables_of(alert: Alert, resources: list[Part], evidences: list[Part]) -> list[Part]:
    """What one searches for, with the path to it; each value once."""
    found: list[tuple[str, int, object]] = [("device.hostname", _HOSTNAME, alert.node)]
    found += [(f"resources[{place}].uid", _RESOURCE, resource.get("uid")) for place, resource in enumerate(resources)]
    for place, evidence in enumerate(evidences):
        for path, kind in (
            ("process.cmd_line", _COMMAND),
            ("dst_endpoint.ip", _IP),
            ("dst_endpoint.hostname", _HOSTNAME),
            ("src_endpoint.ip", _IP),
            ("actor.user.name", _USER),
            ("http_request.user_agent", _AGENT),
        ):
            found.append((f"evidences[{place}].{path}", kind, _at(evidence, path)))
    shown = {(kind, value): name for name, kind, value in reversed(found) if value}
    observables = [
        {"name": name, "type_id": kind, "type": _OBSERVABLE_TYPES[kind], "value": value}
        for (kind, value), name in reversed(shown.items())
    ]
    at = next((place for place, evidence in enumerate(evidences) if "container" in evidence), None)
    if at is not None:
        name = f"evidences[{at}].container"
        observables.append({"name": name, "type_id": _CONTAINER, "type": _OBSERVABLE_TYPES[_CONTAINER]})
    return observables


def _at(value: object, path: str) -> object:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def milliseconds(text: str | None) -> int | None:
    """An alert's time as OCSF has it, in milliseconds since the epoch; None for none, and for the epoch itself."""
    moment = parse_moment(text)
    return moment // 1_000_000 if moment else None


def _address(what: str) -> tuple[str | None, int | None]:
    """The IP and the port of `ADDR:PORT`, `[ADDR]:PORT` or `ADDR`, whatever is said after them."""
    text = what.partition(" ")[0]
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif not colon or ":" in host:
        host, port = text, ""
    try:
        ip = str(ip_address(host))
    except ValueError:
        return None, None
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    return ip, int(port) if is_port else None
