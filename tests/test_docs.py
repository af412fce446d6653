"""Proves that the documents say what the code and the project file say."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tidewaiter.digest import chain_id

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GENERATED = ("cli.md", "sources.md")
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for folder in (ROOT, DOCS, ROOT / "examples") for path in folder.glob("*.md")
)
VOCABULARY = (
    "reference",
    "repository",
    "tag",
    "index_digest",
    "manifest_digest",
    "config_digest",
    "layer_digest",
    "diff_id",
    "chain_id",
    "container_id",
    "container_id_prefix",
    "trust state",
    "digest consistency",
    "verdict",
    "severity",
    "confidence",
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages as `make docs` writes them.

    Made by a process of its own: click keeps a command's help option from its first use, and another test may have
    used the command without its group.
    """
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, str(DOCS / "generate.py"), str(folder)], check=True, capture_output=True)  # noqa: S603 - our own script
    return folder


def words(text: str) -> list[str]:
    """A page without its line breaks: versions of click fold help text at different places."""
    return text.split()


@pytest.mark.parametrize("page", GENERATED)
def test_generated_page_is_what_the_code_says(generated: Path, page: str) -> None:
    """A page that `make docs` would change is stale."""
    written, wanted = ((folder / page).read_text(encoding="utf-8") for folder in (DOCS, generated))
    assert words(written) == words(wanted), f"docs/{page} is stale: run `make docs`"


def test_every_generated_page_is_checked(generated: Path) -> None:
    """A page added to the generator is added to this test."""
    assert sorted(page.name for page in generated.iterdir()) == sorted(GENERATED)


def project() -> dict[str, list[str]]:
    """Every dependency in pyproject.toml by group: build, runtime and the extras."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "build": read["build-system"]["requires"],
        "runtime": read["project"]["dependencies"],
        **read["project"]["optional-dependencies"],
    }


def documented_ranges() -> dict[str, str]:
    """The range that docs/dependencies.md states for each library, by name."""
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", (DOCS / "dependencies.md").read_text(encoding="utf-8"), re.M)
    return dict(rows)


def test_dependencies_page_lists_exactly_the_projects_dependencies() -> None:
    """Each dependency stands there with its range, and none that is gone."""
    wanted = {}
    for requirement in (requirement for group in project().values() for requirement in group):
        name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", requirement).groups()  # type: ignore[union-attr] # a bad line must fail here
        wanted[name] = bounds
    assert documented_ranges() == wanted


def test_dependencies_have_a_lower_and_an_upper_bound() -> None:
    """A new major version is tried before it is allowed."""
    unbounded = [
        requirement
        for group in ("runtime", "dev", "bench")
        for requirement in project()[group]
        if not re.search(r">=[0-9.]+,<[0-9.]+\Z", requirement)
    ]
    assert unbounded == []


@pytest.mark.parametrize("term", VOCABULARY)
def test_glossary_explains_the_vocabulary(term: str) -> None:
    """Every word that alerts and code use has an entry."""
    assert f"\n**{term}**" in (DOCS / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    """A relative link names a file that exists, and a fragment a heading in it."""
    path = ROOT / document
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists() or (fragment and fragment not in anchors(linked)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_named_in_documents_exist(document: str) -> None:
    """A file of the code that a page sends its reader to is there; NAME.py and ID.py stand for files to be added."""
    named = re.findall(r"`((?:[a-z0-9_]+/)*[a-z0-9_]+\.py)`", (ROOT / document).read_text(encoding="utf-8"))
    places = (ROOT, ROOT / "src" / "tidewaiter")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def anchors(page: Path) -> set[str]:
    """The fragments a page's headings make, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_example_policy_decides_the_example() -> None:
    """The shipped policy trusts the shipped example's own registry and no other."""
    policy = (ROOT / "examples" / "policy.yaml").read_text(encoding="utf-8")
    events = (ROOT / "examples" / "docker-cryptominer" / "docker-events.jsonl").read_text(encoding="utf-8")
    for reference in ("registry.corp.example/shop/web:1.4", "hub.example/alpine0s/nginx-cache:latest"):
        assert f'"{reference}"' in policy
        assert f'"{reference}"' in events


def test_digests_page_draws_the_digests_of_the_example() -> None:
    """Every digest on the page stands in the recorded example, or is the chain ID of its layers."""
    example = ROOT / "examples" / "docker-cryptominer"
    inspected = (example / "docker-inspect.json").read_text(encoding="utf-8")
    known = inspected + (example / "registry-access.jsonl").read_text(encoding="utf-8")
    stacks = [image["RootFS"]["Layers"] for image in json.loads(inspected) if "RootFS" in image]
    known += "".join(str(chain_id(stack)) for stack in stacks)
    drawn = re.findall(r"sha256:[0-9a-f]{12}", (DOCS / "digests.md").read_text(encoding="utf-8"))
    assert drawn
    assert [digest for digest in drawn if digest not in known] == []
