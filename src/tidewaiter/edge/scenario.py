"""Turns a folder (telemetry, `policy.yaml`, `expect.toml`) into a labelled scenario, or a sentence about its fault.

`docs/eval.md` explains the keys.
"""

import re
import tomllib
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec

from tidewaiter.edge.approval import approval_of
from tidewaiter.policy import ConfigError, TrustPolicy, load_policy
from tidewaiter.policy_match import PatternError
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.review.score import GRAVITY, Label

EXPECTED = "expect.toml"
POLICY = "policy.yaml"
LEARNED = "baseline"
"""The sub-folder whose telemetry is learned before the scenario is judged."""
_LARGEST_BYTES = 1 << 20
_DEEPEST = 4
"""Folders within each other that are looked into."""
_WRONG = re.compile(r"(?P<what>.*) - at `\$\.?(?P<place>.*)`", re.S)

Verdict = Literal["alert", "suspicious", "quiet"]


class ScenarioError(ValueError):
    """A scenario cannot be read; the sentence says which file, what is wrong and what would be right."""


class Container(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is expected of one container. The fields of a record that no score looks at are kept as they stand."""

    verdict: Literal["alert", "suspicious", "quiet", "silenced"]
    label: Label | None = None
    """Where it is not what follows from the scenario's: see `label_of` in `trial.py`."""
    id: str | None = None
    name: str | None = None
    namespace: str | None = None
    pod: str | None = None
    cluster: str | None = None
    reference: str | None = None
    severity: str | None = None
    confidence: str | None = None
    trust: str | None = None
    rule: str | None = None
    origins: list[str] | None = None
    digest_consistency: str | None = None
    node: str | None = None
    workload: str | None = None
    config_digest: str | None = None
    index_digest: str | None = None
    chain_id: str | None = None
    created_by: str | None = None
    created_from: str | None = None
    pulled_from: str | None = None
    behaviours: list[str] | None = None
    total: int | None = None
    absent: list[str] | None = None
    reasons: list[str] | None = None
    missing: list[str] | None = None
    stages: list[str] | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """As on the command line."""

    cluster: str = "default"
    node: str | None = None


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """How the telemetry of the sub-folder `baseline` is learned."""

    approve: tuple[str, ...] = ()
    """Workloads (`NAMESPACE/KIND/NAME`, or globs) of which it is approved what nobody vouches for."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `expect.toml` says."""

    about: str
    verdict: Verdict
    label: Label | None = None
    case: str | None = None
    twin_of: str | None = None
    laws_without: list[str] = []
    silenced: int = 0
    attempted_pulls: int = 0
    incidents: int | None = None
    secrets: list[str] = []
    outcomes: dict[str, int] = {}
    options: Options = Options()
    baseline: Learned = Learned()
    containers: list[Container] = []


class Scenario(msgspec.Struct, frozen=True):
    """One story: what is read, and what a careful reader would answer."""

    name: str
    expected: Expectation
    policy: TrustPolicy
    telemetry: tuple[Path, ...]
    to_learn: tuple[Path, ...]
    """Telemetry from before, to be learned first; empty: judged without a baseline."""
    folder: Path


def scenario_folders(folder: Path, only: str = "*") -> list[Path]:
    """The scenarios below a folder whose name, or path below it, fits a shell glob, in order; or the folder itself.

    Folders may group scenarios, as in `attacks/` and `benign/`. Raises ScenarioError where one cannot be listed.
    """
    try:
        if (folder / EXPECTED).is_file():
            return [folder] if fnmatchcase(folder.resolve().name, only) else []
        inside = list(_below(folder, _DEEPEST))
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{_shown(folder)}: cannot be listed: {_reason(error)}") from error
    return [path for path in inside if fnmatchcase(path.name, only) or fnmatchcase(name_in(folder, path), only)]


def name_in(folder: Path, scenario: Path) -> str:
    """What a scenario is called among those of a folder: two groups may each have one of the same name."""
    return scenario.relative_to(folder).as_posix() if scenario != folder else folder.resolve().name


def without_expectation(folder: Path, scenarios: Collection[Path]) -> list[str]:
    """Names of the sub-folders in which nothing is a scenario, though something is in them. Raises ScenarioError."""
    if folder in scenarios:
        return []
    known = {scenario.relative_to(folder).parts[0] for scenario in scenarios}
    try:
        return [path.name for path in _folders(folder) if path.name not in known and next(path.iterdir(), None)]
    except OSError as error:
        raise ScenarioError(f"{_shown(folder)}: cannot be listed: {_reason(error)}") from error


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for path in _folders(folder):
        if (path / EXPECTED).is_file():
            yield path
        elif depth > 1 and not path.is_symlink():
            yield from _below(path, depth - 1)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())


def read_scenario(folder: Path, name: str | None = None) -> Scenario:
    """Read one scenario, but not yet its telemetry. `name`: other than the folder's own. Raises ScenarioError."""
    expected = read_expectation(folder)
    text = _text(folder / POLICY, "every scenario has a policy of its own (an empty one is: version: 1)")
    try:
        policy = load_policy(text, str(folder / POLICY))
    except ConfigError as error:
        raise ScenarioError(str(error)) from error
    for at, container in enumerate(expected.containers):
        if GRAVITY.index(container.verdict) > max(GRAVITY.index("silenced"), GRAVITY.index(expected.verdict)):
            raise ScenarioError(
                f"{_shown(folder / EXPECTED)}: containers[{at}].verdict: {container.verdict}, and the whole scenario's "
                f"is {expected.verdict}; a scenario's verdict is that of its gravest container"
            )
    learned = folder / LEARNED
    telemetry = _files(folder, learned)
    if not telemetry:
        raise ScenarioError(f"{_shown(folder)}: no telemetry; every file but {POLICY} and {EXPECTED} would be read")
    to_learn = _files(learned) if learned.is_dir() else ()
    if learned.is_dir() and not to_learn:
        raise ScenarioError(f"{_shown(learned)}: no telemetry to learn from; leave the folder out to judge without")
    try:
        approval_of(expected.baseline.approve)
    except PatternError as error:
        raise ScenarioError(f"{_shown(folder / EXPECTED)}: baseline.approve: {error}") from error
    if expected.baseline.approve and not to_learn:
        raise ScenarioError(
            f"{_shown(folder / EXPECTED)}: baseline.approve: there is no folder {LEARNED} to learn from"
        )
    return Scenario(name or folder.resolve().name, expected, policy, telemetry, to_learn, folder)


def read_expectation(folder: Path) -> Expectation:
    """Read `expect.toml` of one scenario. Raises ScenarioError."""
    path = folder / EXPECTED
    try:
        found = tomllib.loads(_text(path, "it says what is expected"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"{_shown(path)}: not TOML: {cut(str(error)) or 'nested too deep'}") from error
    for place, key, known in _strange_keys(found):
        near = get_close_matches(key[:64], known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"the keys here are {', '.join(known)}"
        raise ScenarioError(f"{_shown(path)}: {place}{cut(key)}: no such key; {hint}")
    try:
        return msgspec.convert(found, Expectation)
    except msgspec.ValidationError as error:
        told = _WRONG.match(str(error))
        sentence = f"{told['place']}: {told['what']}" if told else str(error)
        raise ScenarioError(f"{_shown(path)}: {_in_words(cut(sentence))}") from error


def _strange_keys(found: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(place, key, keys that exist there) of each key that means nothing."""
    containers = found.get("containers")
    tables: list[tuple[str, Any, type[msgspec.Struct]]] = [
        ("", found, Expectation),
        ("options.", found.get("options"), Options),
        ("baseline.", found.get("baseline"), Learned),
        *(
            (f"containers[{at}].", table, Container)
            for at, table in enumerate(containers if isinstance(containers, list) else ())
        ),
    ]
    for place, table, kind in tables:
        if isinstance(table, dict):
            yield from ((place, key, kind.__struct_fields__) for key in table if key not in kind.__struct_fields__)


def _in_words(sentence: str) -> str:
    """What msgspec says of a value that is none of a few words, with the words."""
    for place, words in (("label", "attack, benign"), ("verdict", "alert, suspicious, quiet")):
        if sentence.split(":")[0].split(".")[-1] == place and "enum value" in sentence:
            more = ", silenced" if place == "verdict" and sentence.startswith("containers") else ""
            return f"{sentence}; the words are {words}{more}"
    return sentence


def _text(path: Path, why: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise ScenarioError(f"{_shown(path)}: is missing; {why}") from None
    except OSError as error:
        raise ScenarioError(f"{_shown(path)}: cannot be read: {_reason(error)}") from error
    if len(content) > _LARGEST_BYTES:
        raise ScenarioError(f"{_shown(path)}: larger than {_LARGEST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{_shown(path)}: is not UTF-8 text (byte {error.start})") from error


def _files(folder: Path, but: Path | None = None) -> tuple[Path, ...]:
    """All files of a folder and of its sub-folders but one, in order; not those that say what is expected."""
    try:
        return tuple(_found(folder, but, _DEEPEST))
    except OSError as error:
        raise ScenarioError(f"{_shown(folder)}: cannot be listed: {_reason(error)}") from error


def _found(folder: Path, but: Path | None, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path == but:
            continue
        if path.is_file() and path.name not in (POLICY, EXPECTED):
            yield path
        elif depth > 1 and path.is_dir() and not path.is_symlink() and not (path / EXPECTED).is_file():
            yield from _found(path, but, depth - 1)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _shown(path: Path) -> str:
    return printable(str(path))
