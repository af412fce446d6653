"""Proves that what a user reads first is true: shown output, named commands, files, sources and judging rows.

`pytest tests/test_readme.py --refresh` writes the output and the table of sources into README.md anew.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tidewaiter.analytics import analytics
from tidewaiter.cli import main
from tidewaiter.policy import Behaviours, load_policy
from tidewaiter.sources import sources

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "tidewaiter"
README = ROOT / "README.md"
EXAMPLE = "examples/docker-cryptominer"
PAGES = ("README.md", "ARCHITECTURE.md", "docs/first-hour.md", "docs/sources-guide.md", "docs/analytics/an0691.md")
COMMAND_PAGES = (
    *PAGES,
    *sorted(
        str(path.relative_to(ROOT))
        for path in (
            *(ROOT / "docs").glob("*.md"),
            ROOT / "examples/README.md",
            ROOT / "deploy/README.md",
            ROOT / "SECURITY.md",
        )
        if str(path.relative_to(ROOT)) not in (*PAGES, "docs/cli.md")
    ),
)
"""cli.md is made from the commands themselves."""
OUTPUT = re.compile(
    r"(?<=`tidewaiter hunt examples/docker-cryptominer --policy examples/policy.yaml`; )"
    r"(?P<note>[^\n]*\n```text\n)(?P<body>.*?)(?=```\n)",
    re.S,
)
TABLE = re.compile(r"(?<=\| producer \| ATT&CK log sources \|\n\|---\|---\|\n).*?(?=<!-- end -->)", re.S)


def page(name: str) -> str:
    """The text of a page, named from the project's root."""
    return (ROOT / name).read_text(encoding="utf-8")


def run(*words: str) -> tuple[int, str]:
    """Exit status and output of a command as a user gets it, 100 columns wide and without colour."""
    program = (sys.executable, "-c", "from tidewaiter.cli import main; main(prog_name='tidewaiter')")
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(  # noqa: S603 - our own program
        [*program, *words], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    return done.returncode, "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def code_in(text: str) -> Iterator[str]:
    """Every line of a fenced block, and every inline code."""
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
        if language != "text":
            yield from re.sub(r"\\\n\s*", "", body).splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def invocations() -> Iterator[tuple[str, list[str]]]:
    """(page, words behind `tidewaiter`) of everything that a page says to run."""
    for name in COMMAND_PAGES:
        for line in code_in(page(name)):
            for call in re.findall(r"(?:^\$ |^|[|(]\s*|\.venv/bin/|sudo )tidewaiter +([^|>#]+)", line):
                yield name, shlex.split(call)


def test_shown_output_is_what_comes_out(request: pytest.FixtureRequest) -> None:
    """README shows what the recorded attack gives now, to the letter."""
    status, output = run("hunt", EXAMPLE, "--policy", "examples/policy.yaml")
    assert status == 1
    if request.config.getoption("--refresh"):
        README.write_text(OUTPUT.sub(lambda found: found["note"] + output, page("README.md")), encoding="utf-8")
    shown = OUTPUT.search(page("README.md"))
    assert shown is not None
    assert shown["body"] == output, "README.md is stale: pytest tests/test_readme.py --refresh"


def test_table_of_sources_is_made_from_the_code(request: pytest.FixtureRequest) -> None:
    """README names every source, with its log sources, and none that is gone."""
    rows = sorted(
        f"| {source.title} | {', '.join(f'`{name}`' for name in source.log_sources)} |\n"
        for source in sources().values()
    )
    if request.config.getoption("--refresh"):
        README.write_text(TABLE.sub(lambda found: "".join(rows), page("README.md")), encoding="utf-8")
    shown = TABLE.search(page("README.md"))
    assert shown is not None
    assert shown[0] == "".join(rows), "README.md is stale: pytest tests/test_readme.py --refresh"


def test_pages_say_what_to_run() -> None:
    """The search for commands finds some on each page for users."""
    assert {"README.md", "docs/first-hour.md", "docs/sources-guide.md"} <= {name for name, _ in invocations()}


@pytest.mark.parametrize(("name", "words"), list(invocations()))
def test_named_command_exists(name: str, words: list[str]) -> None:
    """Every command that a page names exists, with the options that stand behind it, and knows the sources named."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, f"{name}: no command {words[0]!r}"
        command, words = found, words[1:]
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    named = {words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--require", "--source")}
    assert {source for source in named if source.islower()} <= set(sources())


def test_named_make_targets_exist() -> None:
    """Every `make TARGET` of README and ARCHITECTURE is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.M))
    named = {found for name in PAGES for code in code_in(page(name)) for found in re.findall(r"^make ([a-z-]+)", code)}
    assert {"run", "test"} <= named <= targets


def test_architecture_names_every_core_module() -> None:
    """A module of the core has its line on the page."""
    named = set(re.findall(r"`([a-z0-9_]+\.py)`", page("ARCHITECTURE.md")))
    core = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert core - named == set()


@pytest.mark.parametrize("name", PAGES)
def test_page_names_only_files_that_exist(name: str) -> None:
    """Modules, folders of the code and linked pages are there."""
    text = page(name)
    modules = re.findall(
        r"`((?:[a-z0-9_]+/)*_?[a-z0-9_]+\.py|(?:sources|sinks|analytics|edge|cli|tests)/[a-z/]*)`", text
    )
    missing = [module for module in modules if not any((place / module).exists() for place in (ROOT, PACKAGE))]
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing += [link for link in links if link and not ((ROOT / name).parent / link).exists()]
    assert missing == []


def test_architecture_is_one_page() -> None:
    """A page that grows past this is no page any more."""
    assert len(page("ARCHITECTURE.md").splitlines()) <= 120


@pytest.mark.parametrize("step", ["finish", "gather", "provenance", "judge", "to_alert"])
def test_architecture_names_functions_that_exist(step: str) -> None:
    """The way of a verdict goes through functions of the code, each named with its file."""
    text = page("ARCHITECTURE.md")
    line = next(line for line in text.splitlines() if re.match(rf"\d\. `(?:Engine\.)?{step}` in `", line))
    module = re.search(r" in `([a-z0-9_/]+\.py)`", line)
    assert module is not None
    assert re.search(rf"^\s*def {step}\(", (PACKAGE / module[1]).read_text(encoding="utf-8"), re.M)


def test_policies_of_the_first_hour_load() -> None:
    """Each piece of policy on the page is one, and the tests in it pass."""
    pieces = re.findall(r"^```yaml\n(.*?)^```", page("docs/first-hour.md"), re.M | re.S)
    trusting = 'trust:\n  - {name: ours, image: "registry.corp.example/**", state: trusted}\n'
    assert len(pieces) >= 3
    for piece in pieces:
        rest = "" if piece.startswith("trust:") else trusting
        assert load_policy(f"version: 1\n{rest}{piece}", "first-hour.md").run_tests() == ()


def test_suggestion_of_the_first_hour_is_what_comes_out() -> None:
    """The suggested rules that the page shows are those of the example."""
    status, output = run("policy", "suggest", EXAMPLE)
    shown = re.search(r"^```yaml\n(trust:\n.*?)^```", page("docs/first-hour.md"), re.M | re.S)
    assert status == 0
    assert shown is not None
    assert shown[1] in output


def test_analytic_page_lists_every_row_with_its_weight() -> None:
    """The table of rows is the policy's `behaviours`, with the defaults."""
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (strong|weak|none) \|", page("docs/analytics/an0691.md"), re.M))
    defaults = Behaviours()
    assert rows == {name: getattr(defaults, name) for name in Behaviours.__struct_fields__}


def test_analytic_page_says_what_the_analytic_says() -> None:
    """ATT&CK's ids, its log sources and its mutable elements stand on the page."""
    text, analytic = page("docs/analytics/an0691.md"), analytics()["AN0691"]
    told = [analytic.id, analytic.technique, analytic.detection_strategy, *analytic.log_sources]
    told += [element.partition(":")[0] for element in analytic.mutable_elements]
    told += [f"`{element.partition(': ')[2]}`" for element in analytic.mutable_elements]
    assert [word for word in told if word not in text] == []


def test_analytic_page_numbers_its_rules() -> None:
    """Comments in the code point to rules by number."""
    numbers = re.findall(r"^\*\*(\d)\. ", page("docs/analytics/an0691.md"), re.M)
    assert numbers == [str(number) for number in range(1, 9)]
