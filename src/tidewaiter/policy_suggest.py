"""Turns counts of repositories seen in telemetry into a first trust policy, in which every choice is still a comment.

Names come from telemetry. Only what reads as a repository is offered as a rule, always as a quoted JSON string (which
is YAML too); the rest is shown escaped, so no name can end its comment.
"""

import json
from collections.abc import Mapping

from tidewaiter.policy_yaml import cut
from tidewaiter.reference import reference_or_none

_PUBLIC = frozenset({"docker.io", "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "registry.gitlab.com"})
"""Registries where strangers can publish."""
_MAX_REPOSITORIES = 100
_MAX_UNREADABLE = 20

_OPENING = """\
# A first trust policy for tidewaiter, made from the images seen in your telemetry.
#
# Nothing is trusted until you say so. Take the "# " away in front of a rule to make it count; the first rule that
# matches decides. Trust a registry only if strangers cannot publish there; else trust single repositories, or pin
# digests. Then run: tidewaiter policy test FILE
version: 1
default: untrusted

# A mirror hands on bytes of another registry, and vouches for nothing:
mirrors:
  # - {mirror: "harbor.corp.example/dockerhub", upstream: "docker.io"}

trust:
"""

_CLOSING = """
# What is expected where, e.g. build jobs that install packages:
scopes:
  # - {name: "ci-runners", namespace: "ci", service_account: "runner", effect: quiet}

tests:
  # - {image: "alpine", expect: untrusted}
"""


def suggest_policy(counts: Mapping[str, int]) -> str:
    """The text of a loadable policy that trusts nothing and offers each registry and repository as a comment.

    `counts` holds how often each repository (`registry/path`, normalised; anything else is shown as unreadable) was
    seen. Registries and repositories are sorted by count, then name.
    """
    registries: dict[str, dict[str, int]] = {}
    unreadable: dict[str, int] = {}
    for name, count in counts.items():
        reference = reference_or_none(name)
        if reference is not None and reference.repository == name and reference.registry is not None:
            registries.setdefault(reference.registry, {})[name] = count
        else:
            unreadable[name] = count
    totals = {registry: sum(found.values()) for registry, found in registries.items()}
    lines = [line for registry in _by_count(totals) for line in _registry(registry, registries[registry])]
    if not registries:
        lines.append("  # No repository was seen.")
    lines.extend(_unreadable(unreadable))
    return _OPENING + "\n".join(lines) + "\n" + _CLOSING


def _registry(registry: str, repositories: Mapping[str, int]) -> list[str]:
    seen = f"seen {_times(sum(repositories.values()))}, {_many(len(repositories), 'repository', 'repositories')}"
    public = "; public, strangers can publish here: rather trust single repositories" if registry in _PUBLIC else ""
    lines = ["", f"  # {registry}: {seen}{public}", _rule(registry, f"{registry}/**")]
    names = _by_count(repositories)
    lines.extend(f"{_rule(name, name)}  # seen {_times(repositories[name])}" for name in names[:_MAX_REPOSITORIES])
    if len(names) > _MAX_REPOSITORIES:
        lines.append(f"  # and {_many(len(names) - _MAX_REPOSITORIES, 'repository', 'repositories')} seen less often")
    return lines


def _rule(name: str, pattern: str) -> str:
    return f"  # - {{name: {json.dumps(name)}, image: {json.dumps(pattern)}, state: trusted}}"


def _unreadable(names: Mapping[str, int]) -> list[str]:
    if not names:
        return []
    lines = [
        "",
        f"  # {_many(len(names), 'name', 'names')} that cannot be read as a repository; no rule can match them:",
    ]
    lines.extend(f'  #   "{cut(name)}" seen {_times(names[name])}' for name in _by_count(names)[:_MAX_UNREADABLE])
    if len(names) > _MAX_UNREADABLE:
        lines.append(f"  #   and {len(names) - _MAX_UNREADABLE} more")
    return lines


def _by_count(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _times(count: int) -> str:
    return _many(count, "time", "times")


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
