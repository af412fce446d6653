"""Checks the patterns of a policy: image names, binary names, globs and networks."""

import time

import pytest

from tidewaiter.policy_match import (
    PatternError,
    compile_glob,
    compile_names,
    compile_networks,
    compile_pattern,
    normal_pattern,
    parse_network,
)


@pytest.mark.parametrize(
    ("pattern", "normal"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("docker.io/alpine", "docker.io/library/alpine"),
        ("index.docker.io/alpine", "docker.io/library/alpine"),
        ("istio/proxyv2", "docker.io/istio/proxyv2"),
        ("*", "docker.io/library/*"),
        ("docker.io/*", "docker.io/library/*"),
        ("docker.io/**", "docker.io/**"),
        ("*/nginx", "docker.io/*/nginx"),
        ("Registry.Corp.example/**", "registry.corp.example/**"),
        ("*.Corp.example/**", "*.corp.example/**"),
        ("localhost/app", "localhost/app"),
        ("localhost:*/app", "localhost:*/app"),
        ("[::1]:5000/app", "[::1]:5000/app"),
        ("**", "**"),
        ("**/redis", "**/redis"),
        ("istio/**", "docker.io/istio/**"),
    ],
)
def test_pattern_is_completed_as_a_reference_would_be(pattern: str, normal: str) -> None:
    assert normal_pattern(pattern) == normal


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (
            "alpine",
            ["docker.io/library/alpine"],
            [
                "docker.io/evil/alpine",
                "alpine.evil.example/alpine",
                "docker.io/library/alpine2",
                "docker.io/library/alpine/x",
                "docker.io.evil.example/library/alpine",
                "evil.example/docker.io/library/alpine",
                "docker.io:5000/library/alpine",
                "docker.io/alpine/library",
            ],
        ),
        (
            "registry.corp.example/**",
            ["registry.corp.example/a", "registry.corp.example/a/b/c"],
            [
                "registry.corp.example",
                "registry.corp.example:5000/a",
                "registry-corp.example/a",
                "registry.corp.example.evil.example/a",
                "evil.example/registry.corp.example/a",
                "xregistry.corp.example/a",
            ],
        ),
        (
            "docker.io/istio/*",
            ["docker.io/istio/proxyv2"],
            ["docker.io/istio/a/b", "docker.io/istio", "docker.io/istio2/a", "docker.io/xistio/a"],
        ),
        (
            "quay.io/team-*/app",
            ["quay.io/team-a/app", "quay.io/team-/app"],
            ["quay.io/team/app", "quay.io/team-a/b/app"],
        ),
        (
            "quay.io/a*b*c/x",
            ["quay.io/abc/x", "quay.io/a1b2b3c/x"],
            ["quay.io/ac/x", "quay.io/ab/c/x", "quay.io/abcd/x"],
        ),
        ("**/redis", ["docker.io/library/redis", "quay.io/redis"], ["docker.io/library/redis2", "redis.example/x"]),
        ("quay.io/**/app", ["quay.io/app", "quay.io/a/app", "quay.io/a/b/app"], ["quay.io/a/app/c", "x.quay.io/app"]),
        ("quay.io/**/a/**/b", ["quay.io/a/b", "quay.io/x/a/y/b", "quay.io/a/a/b/b"], ["quay.io/b/a", "quay.io/x/y/b"]),
        ("**/a/**", ["quay.io/a/b", "quay.io/x/a/y/z"], ["quay.io/a", "quay.io/b/c"]),
        ("*.corp.example/app", ["eu.corp.example/app"], ["corp.example/app", "evil.example/eu.corp.example/app"]),
        ("**", ["docker.io/library/redis", "localhost/x"], []),
        ("**/**", ["docker.io/library/redis"], []),
    ],
)
def test_pattern_matches_the_whole_name(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = compile_pattern(pattern)
    assert [name for name in matching if not matches(name)] == []
    assert [name for name in others if matches(name)] == []


def test_a_dot_is_a_dot() -> None:
    assert not compile_pattern("quay.io/a.b")("quay.io/axb")


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("", "1 to 512"),
        ("a" * 600, "1 to 512"),
        ("alpine:3.20", "without a tag"),
        ("quay.io/a/b:*", "without a tag"),
        ("quay.io/a@sha256:" + "0" * 64, "digests"),
        ("sha256:" + "0" * 64, "without a tag"),
        ("0" * 64, "digests"),
        ("quay.io", r'did you mean "quay.io/\*\*"'),
        ("localhost", r'did you mean "localhost/\*\*"'),
        ("registry.corp.example/team**", "stands alone"),
        ("**.corp.example/a", "stands alone"),
        ("registry.corp.example/***", "stands alone"),
        ("registry.corp.example/", "no repository can match"),
        ("registry.corp.example//a", "no repository can match"),
        ("registry.corp.example/App", "no repository can match"),
        ("/a", "neither be a registry host"),
        ("docker://alpine", "neither be a registry host"),
        ("containers-storage:a/b", "no repository can match"),
        (" alpine", "no repository can match"),
        ("a b/c", "neither be a registry host"),
        ("quay.io/[ab]", "no repository can match"),
        ("quay.io/a?", "no repository can match"),
        ("**/App", "no repository can match"),
        ("quay_io.x/a", "neither be a registry host"),
    ],
)
def test_a_pattern_that_could_never_match_is_refused(pattern: str, rule: str) -> None:
    with pytest.raises(PatternError, match=rule):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("quay.io/" + "a*" * 100 + "b", "quay.io/" + "a" * 4000),
        ("quay.io/" + "**/a/" * 60 + "b", "quay.io" + "/a" * 2000),
        ("quay.io/" + "**/a*a*a*a/" * 30 + "b", "quay.io" + "/aaaaaaaaaa" * 400),
    ],
)
def test_matching_stays_quick_on_names_made_to_be_slow(pattern: str, name: str) -> None:
    """A backtracking matcher would need years for these."""
    matches = compile_pattern(pattern)
    begin = time.process_time()
    assert not matches(name)
    assert time.process_time() - begin < 1


def test_globs_match_the_whole_text_case_sensitively() -> None:
    assert compile_glob("prod-*")("prod-eu")
    assert not compile_glob("prod-*")("Prod-eu")
    assert not compile_glob("prod-?")("prod-eu")
    assert compile_glob("prod-[a-c]")("prod-b")
    assert compile_glob("prod-[!a-c]")("prod-d")
    assert not compile_glob("ci")("ci\n")
    assert compile_glob("[")("[")


@pytest.mark.parametrize("glob", ["", "a" * 600])
def test_a_glob_has_a_length(glob: str) -> None:
    with pytest.raises(PatternError, match="1 to 512"):
        compile_glob(glob)


@pytest.mark.parametrize(("name", "rule"), [("/bin/sh", "without its folder"), ("", "needs a name")])
def test_a_binary_is_a_basename(name: str, rule: str) -> None:
    with pytest.raises(PatternError, match=rule):
        compile_names([name])


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("fc00::/7", "fc00::/7"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_networks_are_read(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("10.0.0.1/8", 'did you mean "10.0.0.0/8"'),
        ("2001:db8::1/32", 'did you mean "2001:db8::/32"'),
        ("10.0.0.0/33", "is no CIDR"),
        ("10.0.0.0/255.0.0.0", "is no CIDR"),
        ("10.0.0.0/0.255.255.255", "is no CIDR"),
        ("fe80::1%eth0", "is no CIDR"),
        ("10.0.0.0/", "is no CIDR"),
        ("10", "is no CIDR"),
        ("example.com", "is no CIDR"),
        ("", "is no CIDR"),
    ],
)
def test_bad_networks_are_refused(text: str, rule: str) -> None:
    with pytest.raises(PatternError, match=rule):
        parse_network(text)


def test_no_networks_contain_nothing() -> None:
    assert not compile_networks(())("10.0.0.1")
