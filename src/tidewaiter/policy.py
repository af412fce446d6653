"""Turns a repository, proven digests and a place of running into trust and its rule, and into what scopes expect there.

Rules
- First match decides trust; the rule's name travels into the alert.
- A pin (a rule with `digests`) looks at digests alone and vouches wherever the content came from.
- Unknown never matches: a scope that asks for a namespace does not match where no namespace is known.
- Of several matching scopes the stricter wins: `require` and `forbid` over `ceiling`, `ceiling` over `quiet`.
"""

from collections.abc import Callable, Collection
from functools import cached_property, lru_cache
from typing import Literal

import msgspec

from tidewaiter.policy_match import Matcher, compile_glob, compile_names, compile_networks, compile_pattern
from tidewaiter.policy_rules import (
    GLOB_FIELDS,
    BaselineRules,
    Behaviours,
    Ceiling,
    Forbidden,
    Mirror,
    PolicyTest,
    Scope,
    State,
    Subject,
    TrustRule,
)
from tidewaiter.reference import parse_reference, reference_or_none

__all__ = [
    "DEFAULT_POLICY",
    "BaselineRules",
    "Behaviours",
    "ConfigError",
    "Effects",
    "Mirror",
    "PolicyTest",
    "Scope",
    "Subject",
    "Trust",
    "TrustPolicy",
    "TrustRule",
    "load_policy",
]

SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * SECOND_NS


class ConfigError(ValueError):
    """A file the operator wrote has faults: all of them, each as `file:line: place: what is wrong`."""

    def __init__(self, faults: Collection[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join(self.faults))


class Trust(msgspec.Struct, frozen=True):
    """Whether content is vouched for, and who said so."""

    state: State
    rule: str
    """The rule's name; `default` where no rule matched, `no origin` where there was nothing to match."""


class Effects(msgspec.Struct, frozen=True):
    """What the matching scopes ask for, each with the scope's name."""

    quiet: str | None = None
    """The scope that silences; None where any stricter scope matches too."""
    ceiling: tuple[Ceiling, str] | None = None
    """The highest verdict allowed. It yields to a `require` or `forbid` that is broken."""
    require: tuple[Literal["trusted"], str] | None = None
    forbid: tuple[tuple[Forbidden, str], ...] = ()


class TrustPolicy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The operator's policy. The defaults are those of a run without a policy: no registry is trusted."""

    default: Literal["untrusted", "unknown"] = "untrusted"
    time_window_ns: int = 900 * SECOND_NS
    clock_skew_ns: int = 30 * SECOND_NS
    lateness_ns: int = 60 * SECOND_NS
    provenance_retention_ns: int = 30 * _DAY_NS
    internal_cidrs: tuple[str, ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
    outbound_cidr_block_list: tuple[str, ...] = ()
    suspicious_binaries: tuple[str, ...] = (
        *("sh", "bash", "dash", "ash", "zsh", "curl", "wget", "nc", "ncat", "socat", "python*", "perl", "ruby", "php"),
        *("apk", "apt", "apt-get", "yum", "dnf", "chroot", "nsenter", "base64", "masscan", "zgrab", "tor", "ssh"),
        *("docker", "kubectl", "crontab"),
    )
    behaviours: Behaviours = Behaviours()
    debug_containers: Ceiling = "suspicious"
    """The highest verdict for an ephemeral debug container that a named human started."""
    baseline: BaselineRules = BaselineRules()
    mirrors: tuple[Mirror, ...] = ()
    trust: tuple[TrustRule, ...] = ()
    scopes: tuple[Scope, ...] = ()
    tests: tuple[PolicyTest, ...] = ()

    def trust_of(self, repository: str | None, digests: Collection[str]) -> Trust:
        """Whether content is trusted, by the first rule that matches.

        `repository` is the normalised `registry/path` of an origin, through `upstream`; None where no origin is known.
        `digests` are those *proven* for the content (index, manifest, config), and no others: a pin believes them.
        """
        places = [self._pins[digest] for digest in digests if digest in self._pins]
        if repository is not None and (place := self._rule_for(repository)) is not None:
            places.append(place)
        if places:
            rule = self.trust[min(places)]
            return Trust(rule.state, rule.name)
        return Trust("unknown", "no origin") if repository is None else Trust(self.default, "default")

    def is_pinned(self, digests: Collection[str]) -> bool:
        """Whether a rule vouches for exactly this content, whatever it is called; `digests` as for `trust_of`."""
        return any(self.trust[self._pins[digest]].state == "trusted" for digest in digests if digest in self._pins)

    @cached_property
    def _pins(self) -> dict[str, int]:
        """The first rule that names each digest."""
        return {digest: place for place, rule in reversed([*enumerate(self.trust)]) for digest in rule.digests}

    @cached_property
    def _rule_for(self) -> Callable[[str], int | None]:
        """The first rule without digests that matches a repository."""
        matchers = [
            (place, compile_pattern(rule.image))
            for place, rule in enumerate(self.trust)
            if rule.image is not None and not rule.digests
        ]

        @lru_cache(maxsize=4096)
        def rule_for(repository: str) -> int | None:
            return next((place for place, matches in matchers if matches(repository)), None)

        return rule_for

    def upstream(self, repository: str) -> str:
        """The repository whose bytes `repository` hands on: itself, unless it lies under a mirror.

        The longest mirror prefix wins, on segment boundaries. One step only: a mirror of a mirror is named directly.
        """
        for mirror in self._mirrors:
            below = repository.startswith(f"{mirror.mirror}/")
            # A mirror of one repository is met by its own name; a mirrored registry's own name is no repository.
            if below or (repository == mirror.mirror and "/" in mirror.upstream):
                parsed = reference_or_none(mirror.upstream + repository[len(mirror.mirror) :])
                return parsed.repository if parsed is not None and parsed.repository is not None else repository
        return repository

    @cached_property
    def _mirrors(self) -> list[Mirror]:
        return sorted(self.mirrors, key=lambda mirror: len(mirror.mirror), reverse=True)

    def is_suspicious_binary(self, name: str) -> bool:
        """Whether the basename of a path (or a bare name) is one of `suspicious_binaries`; case counts."""
        return self._names(name)

    @cached_property
    def _names(self) -> Matcher:
        return compile_names(self.suspicious_binaries)

    def is_internal(self, ip: str) -> bool:
        """Whether an address lies in `internal_cidrs`. An IPv4-mapped IPv6 address is its IPv4 address."""
        return self._internal(ip)

    @cached_property
    def _internal(self) -> Matcher:
        return compile_networks(self.internal_cidrs)

    def is_blocked(self, ip: str) -> bool:
        """Whether an address lies in `outbound_cidr_block_list`."""
        return self._blocked(ip)

    @cached_property
    def _blocked(self) -> Matcher:
        return compile_networks(self.outbound_cidr_block_list)

    def effects_for(self, subject: Subject) -> Effects:
        """What the scopes that match `subject` ask for.

        Of several scopes with one effect the first in the file is named; of several ceilings the highest holds.
        """
        quiet: str | None = None
        ceiling: tuple[Ceiling, str] | None = None
        require: tuple[Literal["trusted"], str] | None = None
        forbid: dict[Forbidden, str] = {}
        for scope in self.scopes:
            if not _matches(scope, subject):
                continue
            if scope.quiet:
                quiet = quiet or scope.name
            if scope.ceiling is not None and (
                ceiling is None or (scope.ceiling, ceiling[0]) == ("alert", "suspicious")
            ):
                ceiling = (scope.ceiling, scope.name)
            if scope.require is not None:
                require = require or (scope.require, scope.name)
            for thing in scope.forbid:
                forbid.setdefault(thing, scope.name)
        if ceiling or require or forbid:
            quiet = None
        return Effects(quiet, ceiling, require, tuple(forbid.items()))

    def run_tests(self) -> tuple[str, ...]:
        """Run the cases under `tests`; gives back one sentence for each case that fails."""
        return tuple(failure for test in self.tests if (failure := self._failure(test)))

    def _failure(self, test: PolicyTest) -> str:
        """What of one case did not hold; empty where all did."""
        reference = parse_reference(test.image) if test.image is not None else None
        repository = self.upstream(reference.repository) if reference is not None and reference.repository else None
        digests = list(test.subject.digests)
        if reference is not None and reference.digest is not None:
            digests.append(reference.digest)
        about = f"{test.where}: {test.image or ', '.join(digests) or 'no image'}"
        failures: list[str] = []
        trust = self.trust_of(repository, digests)
        if test.expect not in (None, trust.state):
            failures.append(f'expected {test.expect}, got {trust.state} (rule "{trust.rule}")')
        if test.expect_effects:
            images = () if repository is None else (repository,)
            subject = msgspec.structs.replace(test.subject, images=images, digests=tuple(digests))
            found = effect_words(self.effects_for(subject))
            missing = [word for word in test.expect_effects if word not in found]
            if missing:
                failures.append(f"expected effect {', '.join(missing)}, got {', '.join(sorted(found))}")
        return f"{about}: {'; '.join(failures)}" if failures else ""


def effect_words(effects: Effects) -> frozenset[str]:
    """The words for `expect_effect` that are true of `effects`; `none` where no scope says anything."""
    words: set[str] = {thing for thing, _ in effects.forbid}
    if effects.forbid:
        words.add("forbid")
    if effects.quiet is not None:
        words.add("quiet")
    if effects.ceiling is not None:
        words.add(effects.ceiling[0])
    if effects.require is not None:
        words.add("require")
    return frozenset(words or {"none"})


def _matches(scope: Scope, subject: Subject) -> bool:
    for field in GLOB_FIELDS:
        glob: str | None = getattr(scope, field)
        if glob is not None:
            text: str | None = getattr(subject, field)
            if text is None or not compile_glob(glob)(text):
                return False
    if scope.group is not None and not any(map(compile_glob(scope.group), subject.groups)):
        return False
    if scope.image is not None and not any(map(compile_pattern(scope.image), subject.images)):
        return False
    return not scope.digests or not set(scope.digests).isdisjoint(subject.digests)


def load_policy(text: str, path: str) -> TrustPolicy:
    """Read a policy file's text; `path` is only what its faults are reported under. Raises `ConfigError`."""
    # Imported here: whoever only judges does not need a YAML parser.
    from tidewaiter.policy_load import read_policy

    return read_policy(text, path)


DEFAULT_POLICY = TrustPolicy()
"""What holds where no policy is given."""
