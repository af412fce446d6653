"""Laws of the trust policy: patterns, mirrors, loading and suggestions, on generated input."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tidewaiter.policy import DEFAULT_POLICY, ConfigError, Subject, TrustPolicy, load_policy
from tidewaiter.policy_match import PatternError, compile_networks, compile_pattern, normal_pattern
from tidewaiter.policy_rules import Mirror, Scope, TrustRule
from tidewaiter.policy_suggest import suggest_policy
from tidewaiter.reference import parse_reference

pytestmark = pytest.mark.property

WORDS = st.from_regex(r"[a-z0-9]{1,4}(?:[._-][a-z0-9]{1,3})?", fullmatch=True)
HOSTS = st.from_regex(r"[a-z]{1,4}\.(?:example|io)(?::[1-9][0-9]{1,3})?", fullmatch=True) | st.just("docker.io")
PATHS = st.lists(WORDS, min_size=1, max_size=4).map("/".join)
REPOSITORIES = st.builds(lambda host, path: f"{host}/{path}", HOSTS, PATHS).map(
    lambda name: parse_reference(name).repository or ""
)
GLOBBED = st.lists(st.sampled_from(["a", "b", "*", "-"]), min_size=1, max_size=5).map("".join)
PATTERNS = st.lists(st.just("**") | GLOBBED | WORDS, min_size=1, max_size=5).map("/".join)
YAML_LIKE = st.text(
    alphabet=st.sampled_from(list("abtrus:-[]{},#&*!|>'\"%@?\\ \n\t\r\x00\x85\ufeff0179uUxe.~")), max_size=60
)
KEYS = st.sampled_from(
    [
        *("version", "default", "time_window", "internal_cidrs", "suspicious_binaries", "behaviours", "mirrors"),
        *("trust", "scopes", "tests", "name", "image", "digests", "state", "effect", "expect", "expect_effect", "x"),
    ]
)
SCALARS = st.sampled_from(
    "1 quiet trusted untrusted 15m '*' \"**\" 10.0.0.0/8 [ null yes 1:20 0x1F 1e400 alpine '' !!int&x &a *a 2026-01-01 "
    f".inf << = 0o17 sha256:{'1' * 64} {'a' * 600}".split(" ")
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=20,
)


def naive(pattern: list[str], name: list[str]) -> bool:
    """The meaning of a normalised pattern, written as plainly as it goes."""
    if not pattern:
        return not name
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        shortest = 0 if rest else 1
        return any(naive(rest, name[taken:]) for taken in range(shortest, len(name) + 1))
    if not name:
        return False
    segment = ".*".join(re.escape(part) for part in first.split("*"))
    return re.fullmatch(segment, name[0]) is not None and naive(rest, name[1:])


@given(REPOSITORIES)
@settings(deadline=None)
def test_a_pattern_that_equals_a_repository_matches_it(repository: str) -> None:
    assert normal_pattern(repository) == repository
    assert compile_pattern(repository)(repository)


@given(REPOSITORIES, REPOSITORIES)
@settings(deadline=None)
def test_a_pattern_without_wildcards_matches_nothing_else(pattern: str, repository: str) -> None:
    assert compile_pattern(pattern)(repository) is (pattern == repository)


@given(PATTERNS, st.lists(st.sampled_from(["a", "b", "ab", "aab", "ba", "a-b", "x"]), min_size=1, max_size=6))
@settings(deadline=None, max_examples=400)
def test_matching_means_what_the_plain_definition_means(pattern: str, name: list[str]) -> None:
    try:
        normal = normal_pattern(pattern)
    except PatternError:
        assume(False)
    host = normal.split("/")[0]
    for segments in (name, [host, *name], ["docker.io", *name], ["docker.io", "library", *name]):
        assert compile_pattern(pattern)("/".join(segments)) is naive(normal.split("/"), segments)


@given(HOSTS, WORDS, PATHS)
@settings(deadline=None)
def test_one_star_never_crosses_a_slash(host: str, word: str, path: str) -> None:
    matches = compile_pattern(f"{host}/{word}/*")
    assert matches(f"{host}/{word}/{path}") is ("/" not in path)


@given(st.sampled_from(["alpine", "docker.io/alpine", "docker.io/library/*", "library/alp*"]), HOSTS, PATHS, WORDS)
@settings(deadline=None)
def test_look_alikes_never_match(pattern: str, host: str, path: str, word: str) -> None:
    matches = compile_pattern(pattern)
    assume(host != "docker.io")
    assume(word != "library")
    for look_alike in (
        f"docker.io/{word}/alpine",
        f"docker.io/{word}/library/alpine",
        f"{host}/library/alpine",
        f"{host}/docker.io/library/alpine",
        f"alpine.evil.example/{path}",
        f"docker.io.{host}/library/alpine",
        f"docker.io:443/library/{word}",
        f"docker.io/library/alpine/{path}",
    ):
        assert not matches(look_alike)


@given(st.text(max_size=40) | PATTERNS)
@settings(deadline=None)
def test_a_pattern_is_refused_or_stable(pattern: str) -> None:
    """Normalising twice changes nothing, and only PatternError ever comes out."""
    try:
        normal = normal_pattern(pattern)
    except PatternError:
        return
    assert normal_pattern(normal) == normal


def loaded(text: str) -> TrustPolicy | ConfigError:
    """The policy, or its faults; anything else escapes and fails the test."""
    try:
        return load_policy(text, "policy.yaml")
    except ConfigError as error:
        return error


@given(YAML_LIKE | st.text(max_size=60) | DOCUMENTS)
@settings(deadline=None, max_examples=300)
def test_loading_raises_nothing_but_config_errors(text: str) -> None:
    rules = loaded(text)
    if isinstance(rules, ConfigError):
        assert rules.faults
        assert all(fault.startswith("policy.yaml") for fault in rules.faults)
        assert all(line.isprintable() for line in str(rules).split("\n"))
    else:
        rules.run_tests()


@given(st.lists(st.tuples(KEYS, DOCUMENTS), max_size=6, unique_by=lambda pair: pair[0]))
@settings(deadline=None, max_examples=300)
def test_what_loads_can_be_asked(pairs: list[tuple[str, str]]) -> None:
    """A policy that loads never fails later, when its patterns are compiled."""
    rules = loaded("".join(f"{key}: {value}\n" for key, value in pairs))
    if isinstance(rules, ConfigError):
        assert rules.faults
        return
    rules.run_tests()
    rules.trust_of("docker.io/library/alpine", ())
    rules.effects_for(Subject(namespace="a", images=("docker.io/library/alpine",)))
    assert rules.is_suspicious_binary("sh") in (True, False)
    assert rules.is_internal("10.0.0.1") in (True, False)


@given(st.dictionaries(HOSTS, HOSTS, max_size=4), REPOSITORIES)
@settings(deadline=None)
def test_upstream_is_idempotent_where_mirrors_do_not_chain(pairs: dict[str, str], repository: str) -> None:
    assume(not pairs.keys() & set(pairs.values()))
    rules = TrustPolicy(mirrors=tuple(Mirror(mirror, upstream) for mirror, upstream in pairs.items()))
    once = rules.upstream(repository)
    assert rules.upstream(once) == once
    assert parse_reference(once).repository == once


@given(REPOSITORIES, st.permutations(["a", "b", "c"]))
@settings(deadline=None)
def test_the_first_rule_decides(repository: str, names: list[str]) -> None:
    rules = TrustPolicy(trust=tuple(TrustRule(name=name, image="**", state="trusted") for name in names))
    assert rules.trust_of(repository, ()).rule == names[0]


@given(st.lists(st.sampled_from(["quiet", "ceiling", "require", "forbid"]), max_size=6))
@settings(deadline=None)
def test_a_stricter_scope_always_lifts_quiet(effects: list[str]) -> None:
    scopes = {
        "quiet": Scope(name="q", quiet=True),
        "ceiling": Scope(name="c", ceiling="suspicious"),
        "require": Scope(name="r", require="trusted"),
        "forbid": Scope(name="f", forbid=("host_pid",)),
    }
    found = TrustPolicy(scopes=tuple(scopes[effect] for effect in effects)).effects_for(Subject())
    assert (found.quiet is not None) is (set(effects) == {"quiet"})
    assert (found.ceiling is not None) is ("ceiling" in effects)
    assert (found.require is not None) is ("require" in effects)
    assert bool(found.forbid) is ("forbid" in effects)


@given(st.text(max_size=70))
@settings(deadline=None)
def test_any_text_may_be_asked_for(text: str) -> None:
    """Names and addresses come from telemetry."""
    assert DEFAULT_POLICY.trust_of(text, (text,)).state == "untrusted"
    assert DEFAULT_POLICY.upstream(text) == text
    assert DEFAULT_POLICY.is_internal(text) in (True, False)
    assert DEFAULT_POLICY.is_suspicious_binary(text) in (True, False)
    assert not DEFAULT_POLICY.is_blocked(text)


@given(st.ip_addresses(v=4))
@settings(deadline=None)
def test_a_mapped_address_is_judged_as_its_ipv4_address(address: object) -> None:
    for contains in (compile_networks(["10.0.0.0/8", "128.0.0.0/1"]), DEFAULT_POLICY.is_internal):
        assert contains(str(address)) is contains(f"::ffff:{address}")


@given(st.dictionaries(REPOSITORIES | st.text(max_size=30), st.integers(min_value=1, max_value=10**9), max_size=8))
@settings(deadline=None)
def test_a_suggestion_loads_whatever_was_seen(counts: dict[str, int]) -> None:
    text = suggest_policy(counts)
    assert load_policy(text, "policy.yaml") == DEFAULT_POLICY
    offered = {rule.name for rule in load_policy(text.replace("  # - {", "  - {"), "policy.yaml").trust}
    assert offered >= {name for name in counts if "/" in name and _is_repository(name)}


def _is_repository(name: str) -> bool:
    try:
        return parse_reference(name).repository == name
    except ValueError:
        return False
