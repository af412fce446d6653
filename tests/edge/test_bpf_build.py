"""Proves that the BPF object in the package is what its source makes, and that the source makes it anywhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cages import program

from tidewaiter.edge.bpf_sensor import OBJECT

ROOT = Path(__file__).resolve().parents[2]
_SECTION = re.compile(r"^\s*\[\s*\d+\]\s+(\S+)\s+(\S+)", re.MULTILINE)


def built_by(content: bytes) -> str:
    """Which compiler and which headers made an object: it says so itself."""
    found = re.search(rb"clang [^\0]{1,60}, libbpf \d+\.\d+", content)
    assert found is not None
    return found[0].decode()


def sections(path: Path) -> dict[str, str]:
    """The sections of an object and their types; that clang names some by itself does not matter."""
    listed = subprocess.run(  # noqa: S603 - the test's own command
        [program("llvm-readelf"), "-S", "--wide", path], capture_output=True, text=True, check=True
    )
    found = dict(_SECTION.findall(listed.stdout))
    return {name: kind for name, kind in found.items() if name.startswith(("tp_btf", "cgroup", ".maps", "license"))}


def test_the_object_is_what_its_source_makes(tmp_path: Path) -> None:
    """The same bytes by the same compiler, elsewhere in the file system; the same programs and maps by another."""
    for name in ("make", "clang", "llvm-strip"):
        program(name)
    if not Path("/usr/include/bpf/bpf_helpers.h").exists():
        pytest.skip("not on this machine: the headers of libbpf-dev")
    shutil.copytree(ROOT / "bpf", tmp_path / "bpf")
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = tmp_path / OBJECT.relative_to(ROOT)
    made.parent.mkdir(parents=True)
    subprocess.run(["make", "--silent", "bpf"], cwd=tmp_path, check=True)  # noqa: S607 - found above
    if built_by(made.read_bytes()) == built_by(OBJECT.read_bytes()):
        assert made.read_bytes() == OBJECT.read_bytes()
    else:
        assert sections(made) == sections(OBJECT)


def test_the_object_is_lean() -> None:
    """No debugging information but BTF, and no path of the machine that built it."""
    content = OBJECT.read_bytes()
    assert b".BTF.ext" in content
    assert b".debug_info" not in content
    assert b"/bpf/" not in content
    assert len(content) < 100_000
