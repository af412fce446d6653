"""Checks that a suggested policy loads, trusts nothing, and offers what was seen."""

import os
from pathlib import Path

from tidewaiter.policy import DEFAULT_POLICY, Trust, load_policy
from tidewaiter.policy_suggest import suggest_policy

GOLDEN = Path(__file__).parent / "golden" / "policy" / "suggested.yaml"
SEEN = {
    "docker.io/library/nginx": 5,
    "registry.corp.example/shop/web": 9,
    "docker.io/evil/miner": 1,
    "localhost:5000/a": 1,
    "registry.corp.example/shop/api": 9,
    'x"\n  - {name: injected, image: "**", state: trusted} #': 3,
    "nginx": 2,
}


def uncommented(text: str) -> str:
    return text.replace("  # - {", "  - {")


def test_suggestion_is_as_recorded() -> None:
    text = suggest_policy(SEEN)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_suggestion_loads_and_trusts_nothing() -> None:
    rules = load_policy(suggest_policy(SEEN), "policy.yaml")
    assert rules == DEFAULT_POLICY


def test_every_choice_loads_once_its_comment_is_taken_away() -> None:
    rules = load_policy(uncommented(suggest_policy(SEEN)), "policy.yaml")
    assert rules.trust_of("docker.io/library/nginx", ()) == Trust("trusted", "docker.io")
    assert rules.trust_of("registry.corp.example/shop/api", ()) == Trust("trusted", "registry.corp.example")
    assert rules.trust_of("localhost:5000/a", ()) == Trust("trusted", "localhost:5000")
    assert rules.trust_of("quay.io/a/b", ()) == Trust("untrusted", "default")
    assert {"docker.io/evil/miner", "localhost:5000/a"} < {rule.name for rule in rules.trust}


def test_nothing_seen_still_gives_a_policy() -> None:
    text = suggest_policy({})
    assert "No repository was seen" in text
    assert load_policy(uncommented(text), "policy.yaml").trust == ()


def test_what_is_no_repository_is_shown_but_never_offered() -> None:
    hostile = ["a\nversion: 2", "\x1b[2J", "\u2028trust: x", "\x85x", "\x7f", "\ud800", "docker.io/A", "x" * 9000, ""]
    text = suggest_policy(dict.fromkeys(hostile, 1))
    assert load_policy(uncommented(text), "policy.yaml").trust == ()
    assert "9 names that cannot be read" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_long_lists_are_cut_with_a_count() -> None:
    many = {f"quay.io/team/app{number}": number for number in range(250)}
    text = suggest_policy({**many, **{f"Bad{number}": 1 for number in range(50)}})
    assert text.count('# - {name: "quay.io/') == 101 - 1
    assert "and 150 repositories seen less often" in text
    assert "quay.io/team/app249" in text
    assert 'quay.io/team/app0"' not in text
    assert "and 30 more" in text
