"""Turns what people type for workloads and contents into the profiles of a baseline file that are meant.

Rules
- A workload is written NAMESPACE/KIND/NAME, a container of plain Docker /Container/NAME; the slash at the beginning
  may be left out. It names all containers of the workload, in every cluster.
- With * ? or [ it is a pattern over that whole text, unless a workload is called exactly so.
- A content is its digest, or a beginning of it that only one of those meant has.
"""

from difflib import get_close_matches

import msgspec

from tidewaiter.cli._faults import UsageFault
from tidewaiter.edge.approval import path_matcher
from tidewaiter.edge.baseline_file import BaselineFile
from tidewaiter.policy_match import Matcher, PatternError
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.workload import WorkloadKey

_OFFERED = 3
_SEARCHED = 2000
FORM = "a workload is written NAMESPACE/KIND/NAME, a container of plain Docker /Container/NAME"


class Named(msgspec.Struct, frozen=True):
    """The profiles that are meant."""

    is_exact: bool
    """Whether the workload was named, and not a pattern given."""
    paths: frozenset[str]
    content: str | None
    """None: all of them."""

    def has(self, key: WorkloadKey, content: str | None) -> bool:
        """Whether a profile is meant."""
        return key.path in self.paths and self.content in (None, content)


def named(file: BaselineFile, workload: str, content: str | None = None) -> Named:
    """The profiles of a file that are meant. Raises `UsageFault` where there are none, and offers the nearest."""
    known = sorted({key.path for key in file.keys})
    exact = [path for path in known if workload in (path, path.removeprefix("/"))]
    paths = exact or [path for path in known if pattern_of(workload)(path)]
    if not paths:
        raise UsageFault(_unknown(file, workload, known))
    return Named(bool(exact), frozenset(paths), _content(file, content, frozenset(paths)))


def pattern_of(text: str) -> Matcher:
    """Whether a workload's path is meant by a pattern. Raises `UsageFault`."""
    try:
        return path_matcher(text)
    except PatternError as error:
        raise UsageFault(f"{cut(text)}: {error}; {FORM}") from None


def _unknown(file: BaselineFile, workload: str, known: list[str]) -> str:
    where = printable(file.path)
    if not known:
        return f"{where}: the baseline holds no workload"
    near = get_close_matches(workload[:200], known[:_SEARCHED], n=_OFFERED, cutoff=0.4)
    last = workload.rpartition("/")[2]
    near = near or [path for path in known if last and last in path][:_OFFERED] or known[:_OFFERED]
    offered = ", ".join(cut(path) for path in near)
    return f"{where}: no workload has the name {cut(workload)}; the nearest: {offered} ({FORM})"


def _content(file: BaselineFile, text: str | None, paths: frozenset[str]) -> str | None:
    if text is None:
        return None
    known = {
        content
        for key, content in zip(file.keys, file.contents, strict=True)
        if content is not None and key.path in paths
    }
    if text in known:
        return text
    found = sorted(content for content in known if text and content.startswith((text, f"sha256:{text}")))
    if len(found) == 1:
        return found[0]
    where = printable(file.path)
    if found:
        offered = ", ".join(cut(content) for content in found[:_OFFERED])
        raise UsageFault(f"{where}: {len(found)} contents begin with {cut(text)}: {offered}; write more of it")
    offered = ", ".join(cut(content) for content in sorted(known)[:_OFFERED]) or "none with a digest"
    raise UsageFault(f"{where}: content {cut(text)} is not in the baseline; for this workload it has: {offered}")
