"""Proves the layout laws: what each module may import, that the core is pure, and how files are named and sized."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "tidewaiter"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))

LEAVES = ("sources", "analytics", "sinks", "exports", "image", "intel", "review")
"""Areas that import the core and themselves, and never each other."""
OUTER = ("edge", "cli", "web")
"""Areas that may import everything; nothing else imports them."""
PURE = ("core", *LEAVES)
"""Areas without a clock, a socket, a file and chance."""

LIBRARIES = {
    "core": {"msgspec"},
    "policy_yaml.py": {"msgspec", "yaml"},
    **{area: {"msgspec"} for area in LEAVES},
    "image": {"msgspec", "zstandard"},
    "intel": {"msgspec", "publicsuffixlist"},
    "intel/stix.py": {"msgspec", "stix2"},
}
"""Third-party packages that an area (or, where it is named itself, a file) may import; the outer areas are free."""

IMPURE_MODULES = frozenset(
    {"asyncio", "fileinput", "glob", "http", "logging", "mmap", "multiprocessing", "os", "pathlib", "random", "sched"}
    | {"secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys"}
    | {"tempfile", "threading", "time", "uuid"}
)
IMPURE_NAMES = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})
IMPURE_METHODS = frozenset({"now", "today", "utcnow", "read_text", "write_text", "read_bytes", "write_bytes"})
FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "manager", "base", "misc", "core"})
MAX_LINES = 400


def area(module: str) -> str:
    """The room a module lives in: `core` for what stands directly in the package, else the folder's name."""
    folder, slash, _ = module.partition("/")
    return folder if slash else "core"


def tree(module: str) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Every module that is imported anywhere in the file, by its dotted name; a relative import counts as `.`."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            yield "." if node.level else name
            if name == "tidewaiter":
                yield from (f"tidewaiter.{alias.name}" for alias in node.names)


def imported_area(name: str) -> str | None:
    """The room of an imported `tidewaiter` module; None for anything else."""
    package, _, rest = name.partition(".")
    if package != "tidewaiter":
        return None
    first = rest.partition(".")[0]
    return first if (PACKAGE / first).is_dir() and first else "core"


def allowed_areas(module: str) -> set[str]:
    """The rooms that a module may import from."""
    room = area(module)
    if room in OUTER:
        return {"core", *LEAVES, *OUTER}
    return {"core", room}


def is_plugin(name: str, room: str) -> bool:
    """Whether an imported module is one of the room's own additions (one source, one sink ...), not its shared part."""
    parts = name.split(".")
    return len(parts) > 2 and parts[1] == room and not parts[2].startswith("_")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    """The core imports the core, a leaf imports the core and itself, and nothing inside imports the outer rooms."""
    wrong = [
        name for name in imports(module) if name == "." or (imported_area(name) or "core") not in allowed_areas(module)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", [module for module in MODULES if area(module) in ("sources", "analytics", "sinks")])
def test_what_is_added_as_one_file_stands_alone(module: str) -> None:
    """No source, analytic or sink imports another one; what they share begins with an underscore."""
    assert [name for name in imports(module) if is_plugin(name, area(module))] == []


@pytest.mark.parametrize("module", [module for module in MODULES if area(module) in PURE])
def test_inner_rooms_import_few_libraries(module: str) -> None:
    """Inside, only the standard library and the libraries of the table are imported."""
    allowed = LIBRARIES.get(module, LIBRARIES[area(module)])
    packages = {name.partition(".")[0] for name in imports(module)}
    assert packages - set(sys.stdlib_module_names) - {"tidewaiter"} - allowed == set()


@pytest.mark.parametrize("module", [module for module in MODULES if area(module) in PURE])
def test_inner_rooms_have_no_clock_socket_file_or_chance(module: str) -> None:
    """Whatever depends on the moment, the machine or luck arrives in an event."""
    impure = sorted(IMPURE_MODULES & {name.partition(".")[0] for name in imports(module)})
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in IMPURE_NAMES:
                impure.append(f"line {node.lineno}: {called.id}()")
            elif isinstance(called, ast.Attribute) and called.attr in IMPURE_METHODS:
                impure.append(f"line {node.lineno}: .{called.attr}()")
    assert impure == []


@pytest.mark.parametrize("module", MODULES)
def test_module_opens_with_one_sentence(module: str) -> None:
    """The first paragraph of the docstring is one sentence that says what the module turns into what."""
    docstring = ast.get_docstring(tree(module))
    assert docstring, f"{module} has no docstring"
    opening = " ".join(docstring.split("\n\n")[0].split())
    assert re.fullmatch(r"[^a-z].*[.?]", opening), f"{opening!r} is no sentence"
    assert re.search(r"[.!?] [A-Z]", opening) is None, f"{opening!r} is more than one sentence"


@pytest.mark.parametrize("module", MODULES)
def test_file_is_short_enough_to_read(module: str) -> None:
    """A file that passes 400 lines is split along a seam of meaning."""
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("folder", ["tests", "bench", "docs", "bpf"])
def test_what_stands_around_the_package_is_short_enough_too(folder: str) -> None:
    """Tests, benchmarks and the kernel's programs are read as well."""
    files = [path for kind in ("py", "c", "h") for path in (PACKAGE.parents[1] / folder).rglob(f"*.{kind}")]
    assert files
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES] == []


@pytest.mark.parametrize("module", MODULES)
def test_file_has_a_name_of_the_field(module: str) -> None:
    """A module whose best name says nothing has no job."""
    names = {part.strip("_").lower() for part in Path(module).with_suffix("").parts}
    assert names & FORBIDDEN_NAMES == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_group_in_a_pattern_is_possessive(module: str) -> None:
    """CPython before 3.11.5, which Debian 12 has, matches such groups wrongly (gh-106052)."""
    texts = (node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant))
    patterns = [text.decode("latin-1") if isinstance(text, bytes) else text for text in texts if text]
    wrong = [text for text in patterns if isinstance(text, str) and re.search(r"\)(?:[*+?]|\{[\d,]+\})\+", text)]
    assert not wrong
