"""Proves that every KQL hunt is one to Kusto's own parser, over columns that exist, and that no value breaks out."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, HOSTILE_TEXT, KINDS, assert_stays_inside, hunts_of
from hypothesis import HealthCheck, given, settings

from tidewaiter.intel.briefing import IndicatorType

PACKAGE = "@kusto/language-service-next"
VERSION = "12.4.1"
_DEVICE = "DeviceId: string, DeviceName: string, ActionType: string, AdditionalFields: string, ReportId: long"
_FILE = "FileName: string, FolderPath: string, SHA1: string, SHA256: string, MD5: string, FileSize: long"
_BY = (
    "InitiatingProcessSHA1: string, InitiatingProcessSHA256: string, InitiatingProcessMD5: string,"
    "InitiatingProcessFileName: string, InitiatingProcessCommandLine: string, InitiatingProcessFolderPath: string"
)
TABLES = {
    "DeviceProcessEvents": f"({_DEVICE}, {_FILE}, {_BY}, ProcessId: long, ProcessCommandLine: string)",
    "DeviceFileEvents": f"({_DEVICE}, {_FILE}, {_BY}, PreviousFileName: string, PreviousFolderPath: string)",
    "DeviceImageLoadEvents": f"({_DEVICE}, {_FILE}, {_BY})",
    "DeviceNetworkEvents": (
        f"({_DEVICE}, {_BY}, RemoteIP: string, RemotePort: int, RemoteUrl: string, LocalIP: string, Protocol: string)"
    ),
    "DeviceRegistryEvents": f"({_DEVICE}, {_BY}, RegistryKey: string, RegistryValueName: string)",
    "EmailEvents": (
        "(NetworkMessageId: string, SenderFromAddress: string, SenderMailFromAddress: string, SenderFromDomain: string,"
        "RecipientEmailAddress: string, Subject: string)"
    ),
    "EmailAttachmentInfo": "(NetworkMessageId: string, FileName: string, FileType: string, SHA256: string)",
    "EmailUrlInfo": "(NetworkMessageId: string, Url: string, UrlDomain: string, UrlLocation: string)",
    "UrlClickEvents": "(Url: string, ActionType: string, AccountUpn: string, IPAddress: string)",
    "CloudProcessEvents": (
        "(AzureResourceId: string, ContainerImageName: string, KubernetesNamespace: string, KubernetesPodName: string,"
        "ContainerName: string, ContainerId: string, ActionType: string, FileName: string, FolderPath: string,"
        "ProcessId: long, ProcessName: string, ParentProcessName: string, ProcessCommandLine: string)"
    ),
}
"""Columns of the tables as Microsoft documents them (advanced hunting schema); no column of time, see `kql.py`."""

Parse = Callable[[str], tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def library() -> Path:
    """The folder in which Kusto's language service is installed; the tests are skipped where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("node is absent, and Kusto's parser is JavaScript; that KQL parses was not proven")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidewaiter-tests" / f"kusto-{VERSION}"
    if not (cache / "node_modules" / PACKAGE / "package.json").exists():
        if npm is None:
            pytest.skip("npm is absent, and Kusto's parser is a package of it; that KQL parses was not proven")
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(cache), "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(  # noqa: S603 - npm, with arguments of our own
                [*command, f"{PACKAGE}@{VERSION}"], capture_output=True, timeout=180, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("the npm registry did not answer; that KQL parses was not proven")
        if done.returncode:
            pytest.skip(f"npm could not install {PACKAGE}; that KQL parses was not proven")
    return cache


@pytest.fixture(scope="module")
def parse(library: Path) -> Iterator[Parse]:
    """Asks Kusto's parser: a query -> its errors and its string literals, decoded."""
    script = str(Path(__file__).with_name("kql_parser.js"))
    command = [str(shutil.which("node")), script, str(library), json.dumps(TABLES)]
    with subprocess.Popen(  # noqa: S603 - node, with a script of our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_parser, from_parser = process.stdin, process.stdout

        def ask(query: str) -> tuple[list[str], list[str]]:
            print(json.dumps({"query": query}), file=to_parser, flush=True)
            reply = json.loads(from_parser.readline())
            return reply["errors"], reply["literals"]

        yield ask
        to_parser.close()


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("DeviceProcessEvents | where NoSuchColumn == 1", "NoSuchColumn"),
        ("NoSuchTable | take 1", "NoSuchTable"),
        ('DeviceProcessEvents | where SHA256 == "a', "KS"),
    ],
)
def test_the_parser_finds_faults(parse: Parse, query: str, fault: str) -> None:
    """What proves the rest would notice."""
    assert fault in " ".join(parse(query)[0])


def test_every_hunt_parses_over_existing_columns(parse: Parse) -> None:
    """All kinds and all behaviours."""
    hunts = hunts_of("kql", EVERY_KIND, EVERY_TECHNIQUE)
    assert len(hunts) > 20
    assert {hunt.title: parse(hunt.query)[0] for hunt in hunts if parse(hunt.query)[0]} == {}


@pytest.mark.property
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=KINDS, text=HOSTILE_TEXT)
def test_no_value_breaks_out_of_its_literal(parse: Parse, kind: IndicatorType, text: str) -> None:
    """Quotes, pipes, escapes, comments: the query is the harmless one with other words in its literals."""

    def literals(query: str) -> list[str]:
        errors, found = parse(query)
        assert errors == []
        return found

    assert_stays_inside("kql", kind, text, literals)
