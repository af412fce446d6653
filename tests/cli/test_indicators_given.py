"""Proves that `hunt` and `watch` look for listed indicators, and refuse lists that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hunting import POLICY, alerts, assert_refused, docker, falco, hunt, told
from watching import Script, watch

OURS = "registry.corp.example/web:1"
LIST = "# Report\n/usr/bin/kinsing\n"


def lived() -> list[bytes]:
    """A trusted container that is calm for an hour, and then runs what is listed."""
    begun = [docker("create", 0, image=OURS), docker("start", 1, image=OURS)]
    calm = [falco(60 * minute, "ls /srv") for minute in range(1, 60)]
    return [*begun, *calm, falco(3600, "kinsing -q")]


@pytest.fixture
def folder(workroom: Path, write: Callable[..., Path]) -> Path:
    """Records, a policy and a list."""
    write(lived())
    write(POLICY.encode(), "policy.yaml")
    write(LIST.encode(), "list.txt")
    return workroom


ARGUMENTS = ("events.jsonl", "--policy", "policy.yaml", "--format", "jsonl")


def test_hunt_finds_what_is_listed_though_the_image_is_trusted(folder: Path) -> None:
    """Exit status 1, and the reason says what is listed; without the list nothing."""
    assert hunt(*ARGUMENTS).exit_code == 0
    result = hunt(*ARGUMENTS, "--indicators", "list.txt")
    assert result.exit_code == 1
    [alert] = alerts(result)
    assert any("listed as file_path /usr/bin/kinsing, malicious" in reason for reason in alert["reasons"])


def test_nothing_is_left_unread_that_could_match(folder: Path) -> None:
    """The quick path says the same as decoding every record."""
    quick, whole = (hunt(*ARGUMENTS, "--indicators", "list.txt", *more) for more in ((), ("--no-quick-path",)))
    assert quick.stdout == whole.stdout


def test_the_text_shows_the_briefing(folder: Path, write: Callable[..., Path]) -> None:
    """What an analyst reads."""
    write(b'{"type":"file_path","value":"/usr/bin/kinsing","title":"A report\\u001b[31m"}', "list.txt")
    shown = hunt("events.jsonl", "--policy", "policy.yaml", "--indicators", "list.txt").stdout
    assert 'malicious in "A report [31m"' in " ".join(shown.split())
    assert "\x1b[31m" not in shown


def test_what_cannot_match_is_said(folder: Path, write: Callable[..., Path]) -> None:
    """On stderr, and the rest is looked for."""
    write(b'{"type":"md5","value":"x"}\n/usr/bin/kinsing\n', "list.txt")
    result = hunt(*ARGUMENTS, "--indicators", "list.txt")
    assert result.exit_code == 1
    assert "list.txt: left out, since nothing seen of a container can match it: 1 md5" in result.stderr


@pytest.mark.parametrize("command", ["hunt", "watch"])
def test_a_list_that_cannot_be_used_is_refused(
    folder: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One sentence, exit status 2."""
    write(b'{"type":"ipv4","value":"300.1.1.1"}\n', "list.txt")
    given = ("--indicators", "list.txt")
    result = hunt(*ARGUMENTS, *given) if command == "hunt" else watch(monkeypatch, [], "--no-state", *given)
    assert_refused(result, "list.txt: 300.1.1.1: it is no IP address or range")


def test_watch_tells_of_what_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As hunt does."""
    records = [("docker_events" if b'"Actor"' in record else "falco", record) for record in lived()]
    given = ("--policy", "policy.yaml", "--indicators", "list.txt", "--format", "jsonl", "--no-state")
    result = watch(monkeypatch, [Script(records, stops=True)], *given)
    assert "alert" in [record["kind"] for record in told(result)]
