"""Turns patterns over NAMESPACE/KIND/NAME into whether a workload is meant by them."""

from collections.abc import Callable, Iterable

from tidewaiter.policy_match import Matcher, compile_glob
from tidewaiter.workload import WorkloadKey


def approval_of(patterns: Iterable[str]) -> Callable[[WorkloadKey], bool]:
    """Whether a workload is meant by one of some patterns. Raises PatternError."""
    matchers = [path_matcher(pattern) for pattern in patterns]
    return lambda key: any(matches(key.path) for matches in matchers)


def path_matcher(pattern: str) -> Matcher:
    """Whether a shell glob means a workload's path; the slash that a path without a namespace begins with may be left
    out. Raises PatternError."""
    matches = compile_glob(pattern)
    return lambda path: matches(path) or (path.startswith("/") and matches(path[1:]))
