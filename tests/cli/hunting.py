"""Makes what the tests of `tidewaiter hunt` share: one attack's records, a quiet container's, and ways to run it."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tidewaiter.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "docker-cryptominer"
BEGIN = 1_790_000_000
CONTAINER, STRANGER = "9e" * 32, "5f" * 32
INDEX, MANIFEST, CONFIG = ("sha256:" + digit * 64 for digit in "123")
IMAGE = "hub.example/cache:latest"
SECRET = "s3cr3t-Value-0815"  # noqa: S105 - invented
POLICY = 'version: 1\ntrust:\n  - {name: ours, image: "registry.corp.example/**", state: trusted}\n'


# ------------------------------------------------------------------------------------------- records


def time_of(second: float) -> str:
    """RFC 3339 of so many seconds after the beginning."""
    return datetime.fromtimestamp(BEGIN + second, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def docker(action: str, second: int, container: str = CONTAINER, name: str = "cache", image: str = IMAGE) -> bytes:
    """An event of the Docker daemon about a container."""
    time = BEGIN + second
    actor = {"ID": container, "Attributes": {"image": image, "name": name}}
    event = {"Type": "container", "Action": action, "Actor": actor, "scope": "local", "time": time}
    return json.dumps(event | {"timeNano": time * 1_000_000_000}).encode()


def pulled(reference: str, second: int) -> bytes:
    """A pull, as the Docker daemon tells it."""
    time = BEGIN + second
    actor = {"ID": reference, "Attributes": {"name": reference.partition("@")[0]}}
    event = {"Type": "image", "Action": "pull", "Actor": actor, "scope": "local", "time": time}
    return json.dumps(event | {"timeNano": time * 1_000_000_000}).encode()


def falco(second: float, command: str = "curl http://203.0.113.7/x", container: str = CONTAINER) -> bytes:
    """An execution, as Falco tells it."""
    fields = {
        "container.id": container[:12],
        "evt.type": "execve",
        "proc.cmdline": command,
        "proc.name": command.split()[0],
        "proc.exepath": f"/usr/bin/{command.split()[0]}",
    }
    alert = {"output": "x", "output_fields": fields, "priority": "Notice", "rule": "r", "source": "syscall", "tags": []}
    return json.dumps({"hostname": "n1", **alert, "time": time_of(second)}).encode()


def story(name: str = "cache", command: str = "curl http://203.0.113.7/x", **how: Any) -> list[bytes]:
    """An untrusted image that misbehaves 10 seconds after its start."""
    return [docker("create", 0, name=name, **how), docker("start", 1, name=name, **how), falco(11, command)]


def quiet() -> list[bytes]:
    """A container of which nothing is to be said."""
    return [docker("create", 0), docker("start", 1)]


def lines(records: list[bytes]) -> bytes:
    """One record a line."""
    return b"".join(record + b"\n" for record in records)


# ------------------------------------------------------------------------------------------- running


def hunt(*arguments: object) -> Result:
    """Run the command in this process; anything but an exit status is a failure."""
    result = CliRunner().invoke(main, ["hunt", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


def spawned(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, with this on its standard input."""
    command = [sys.executable, "-c", "from tidewaiter.cli import main; main()", "hunt", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)  # noqa: S603 - our own


def told(result: Result) -> list[dict[str, Any]]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def summary(result: Result) -> dict[str, Any]:
    """The last line, whose outcomes add up."""
    found = told(result)[-1]
    assert found["kind"] == "summary"
    assert sum(found["outcomes"].values()) == found["records"]
    assert sum(counted["records"] for counted in found["sources"].values()) == found["records"]
    return found


def alerts(result: Result) -> list[dict[str, Any]]:
    """The alerts among the lines."""
    return [record for record in told(result) if record["kind"] == "alert"]


def assert_refused(result: Result, *words: str) -> None:
    """Exit status 2, nothing on stdout, sentences on stderr."""
    assert (result.exit_code, result.stdout) == (2, "")
    for word in words:
        assert word in result.stderr


Write = Callable[..., Path]
