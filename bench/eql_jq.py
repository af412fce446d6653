"""Asks PyPI's `eql` and `jq` the question's nearest form over the first records: `python -m bench.eql_jq FILE`.

EQL reads flat events, so each record is translated first, with msgspec into plain dicts; translation and matching are
timed apart. The query is a sequence by container (first 12 characters of the id): a create from an untrusted image,
then a suspicious program or an outside address, within 15 minutes. jq selects executions of suspicious programs only:
it keeps no state from one record to the next.

For each event EQL looks through all sequences that are open, so its speed falls with their number. Each is run once.
Prints one JSON object.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

# Neither has types, and where the `bench` extra is not installed neither is there.
import eql  # type: ignore[import-not-found,import-untyped,unused-ignore]
import jq  # type: ignore[import-not-found,import-untyped,unused-ignore]
import msgspec

from bench.clock import parse_second

_DECODE = msgspec.json.Decoder()
_JOURNAL = re.compile(r'returns container id .?"([0-9a-f]{64})')
_INSIDE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8"
_PROGRAMS = (
    "sh", "bash", "dash", "ash", "zsh", "curl", "wget", "nc", "ncat", "socat", "python*", "perl", "ruby", "php", "apk",
    "apt", "apt-get", "yum", "dnf", "chroot", "nsenter", "base64", "masscan", "zgrab", "tor", "ssh", "docker",
    "kubectl", "crontab",
)  # fmt: skip
_WILD = ", ".join(f'"{program}"' for program in _PROGRAMS)
EQL_QUERY = f"""
sequence by container with maxspan=15m
  [container where action == "create" and
   not wildcard(image, "registry.corp.example/*", "registry.k8s.io/*")]
  [any where (event_type == "process" and wildcard(program, {_WILD})) or
   (event_type == "network" and (not cidrMatch(address, {", ".join(f'"{net}"' for net in _INSIDE.split(", "))}) or
    port in (2375, 2376, 2379, 10250, 10255)))]
"""
JQ_QUERY = (
    'select(.process_exec) | .process_exec.process | select(.docker) | select(.binary | test("/('
    + "|".join(program.replace("*", "[^/]*") for program in _PROGRAMS)
    + ')$")) | [.docker, .binary, .arguments]'
)
_TICKS = 10_000_000  # eql counts time in ticks of 100 ns


def _ticks(text: str) -> int:
    return parse_second(text[:19] + "Z") // 100 + int(text[20:27].rstrip("Z").ljust(7, "0"))


def translate(line: bytes) -> dict[str, Any] | None:
    """One record as a flat event, or None where it says nothing that the query asks about."""
    record = _DECODE.decode(line)
    if "process_exec" in record or "process_kprobe" in record:
        event = record.get("process_exec") or record["process_kprobe"]
        process = event["process"]
        if "docker" not in process:
            return None
        flat = {"timestamp": _ticks(record["time"]), "container": process["docker"][:12], "node": record["node_name"]}
        if "process_exec" in record:
            return {**flat, "event_type": "process", "program": process["binary"].rsplit("/", 1)[-1]}
        sock = event["args"][0]["sock_arg"]
        return {**flat, "event_type": "network", "address": sock["daddr"], "port": sock["dport"]}
    if "output_fields" in record:
        fields = record["output_fields"]
        flat = {"timestamp": fields["evt.time"] // 100, "container": fields["container.id"], "node": record["hostname"]}
        if fields["evt.type"] == "execve":
            return {**flat, "event_type": "process", "program": fields["proc.name"]}
        return {**flat, "event_type": "network", "address": fields["fd.rip"], "port": fields["fd.rport"]}
    if "CONTAINER_INFO" in record:
        seconds, _, _ = record["ID"].partition(":")
        flat = {"timestamp": int(float(seconds) * _TICKS), "container": record["CONTAINER_INFO"]["ID"][:12]}
        flat["node"] = record["NODE"]
        if "EXECVE" in record:
            return {**flat, "event_type": "process", "program": record["SYSCALL"]["exe"].rsplit("/", 1)[-1]}
        address = record["SOCKADDR"][0]["SADDR"]
        return {**flat, "event_type": "network", "address": address["addr"], "port": address["port"]}
    if "message" in record:
        return _collected(record)
    return None


def _collected(envelope: dict[str, Any]) -> dict[str, Any] | None:
    flat = {"event_type": "container", "action": "create", "node": envelope["host"]}
    message = envelope["message"]
    if message.startswith("time="):
        found = _JOURNAL.search(message)
        # The journal names no image there; without a join EQL cannot know it, and takes it for untrusted.
        return found and {**flat, "timestamp": _ticks(message[6:]), "container": found[1][:12], "image": "unknown"}
    record = _DECODE.decode(message)
    if record.get("Action") == "create" and record.get("Type") == "container":
        actor = record["Actor"]
        image = actor["Attributes"]["image"]
        return {**flat, "timestamp": record["timeNano"] // 100, "container": actor["ID"][:12], "image": image}
    if record.get("topic") == "/containers/create":
        event = record["event"]
        at = _ticks(record["timestamp"])
        return {**flat, "timestamp": at, "container": event["id"][:12], "image": event["image"]}
    return None


def match_eql(events: Iterable[dict[str, Any]]) -> set[str]:
    """The containers in whose sequence both terms were met."""
    found: set[str] = set()

    def matched(output: Any) -> None:
        found.add(output.events[0].data["container"])

    engine = eql.PythonEngine()
    engine.add_query(eql.parse_query(EQL_QUERY, implied_any=True))
    engine.add_output_hook(matched)
    for event in events:
        engine.stream_event(eql.Event.from_data(event))
    engine.finalize()
    return found


def select_jq(lines: list[bytes]) -> dict[str, float]:
    """Seconds that jq took for all lines, and the number of records it selected."""
    program = jq.compile(JQ_QUERY)
    begin = time.perf_counter()
    selected = sum(len(program.input_text(line.decode()).all()) for line in lines)
    return {"seconds": time.perf_counter() - begin, "selected": selected}


def measure(path: Path, limit: int, *, with_jq: bool) -> dict[str, object]:
    """Both, over the first `limit` lines: seconds of each, and what EQL found."""
    with path.open("rb") as file:
        lines = list(islice(file, limit))
    begin = time.perf_counter()
    translated = [translate(line) for line in lines]
    events = [event for event in translated if event is not None]
    after_translation = time.perf_counter()
    found = match_eql(events)
    after_eql = time.perf_counter()
    return {
        "records": len(lines),
        "bytes": sum(map(len, lines)),
        "eql": {
            "translate_seconds": after_translation - begin,
            "match_seconds": after_eql - after_translation,
            "events": len(events),
            "containers": sorted(found),
        },
        "jq": select_jq(lines) if with_jq else None,
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.eql_jq", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--no-jq", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        print(json.dumps(measure(chosen.file, chosen.records, with_jq=not chosen.no_jq)))
    except OSError as error:
        print(f"eql_jq: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
