"""Checks that a policy file becomes the policy it says, or all of its faults with their lines."""

import os
import re
from pathlib import Path

import msgspec
import pytest

from tidewaiter.policy import DEFAULT_POLICY, ConfigError, TrustPolicy, load_policy
from tidewaiter.policy_load import parse_duration
from tidewaiter.policy_rules import BaselineRules, Behaviours, Mirror, Scope, TrustRule
from tidewaiter.policy_yaml import MAX_CHARACTERS

GOLDEN = Path(__file__).parent / "golden" / "policy"
DOCS = Path(__file__).parents[1] / "docs" / "policy.md"
ONE = "sha256:" + "1" * 64


def load(text: str) -> TrustPolicy:
    return load_policy(text, "policy.yaml")


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return caught.value.faults


class TestWhatLoads:
    def test_the_reference_example_loads_and_passes_its_own_tests(self) -> None:
        rules = load((GOLDEN / "sketch.yaml").read_text())
        assert rules.run_tests() == ()
        assert rules.mirrors == (Mirror("harbor.corp.example/dockerhub", "docker.io"),)
        assert rules.trust == (
            TrustRule(name="ours", image="registry.corp.example/**", state="trusted"),
            TrustRule(name="pinned-istio", image="docker.io/istio/*", digests=(ONE,), state="trusted"),
            TrustRule(name="squatters", image="docker.io/alpineos/**", state="untrusted"),
        )
        assert rules.scopes == (
            Scope(name="ci-runners", namespace="ci", service_account="runner", image="docker.io/library/*", quiet=True),
            Scope(name="dev-sandbox", namespace="dev*", ceiling="suspicious"),
            Scope(name="never-from-internet", namespace="prod-*", require="trusted", forbid=("mutable_tag",)),
        )
        assert len(rules.tests) == 7

    def test_the_reference_example_states_the_defaults(self) -> None:
        rules = load((GOLDEN / "sketch.yaml").read_text())
        for field in ("default", "time_window_ns", "internal_cidrs", "suspicious_binaries", "outbound_cidr_block_list"):
            assert getattr(rules, field) == getattr(DEFAULT_POLICY, field)

    def test_every_setting_reaches_the_policy(self) -> None:
        rules = load(
            """
version: 1
default: unknown
time_window: 5m
clock_skew: 0
lateness: "90"
provenance_retention: 7d
internal_cidrs: [192.0.2.0/24]
outbound_cidr_block_list: [203.0.113.7, "::ffff:198.51.100.0/120"]
suspicious_binaries: ["perl*"]
behaviours: {suspicious_binary: weak, declared_binary: none, policy_broken: strong}
debug_containers: alert
baseline: {completeness: 0.9, containers: 5, hours: 48, retention: 14d}
"""
        )
        assert rules == TrustPolicy(
            default="unknown",
            time_window_ns=300_000_000_000,
            clock_skew_ns=0,
            lateness_ns=90_000_000_000,
            provenance_retention_ns=604_800_000_000_000,
            internal_cidrs=("192.0.2.0/24",),
            outbound_cidr_block_list=("203.0.113.7/32", "198.51.100.0/24"),
            suspicious_binaries=("perl*",),
            behaviours=Behaviours(suspicious_binary="weak", declared_binary="none", policy_broken="strong"),
            debug_containers="alert",
            baseline=BaselineRules(completeness=0.9, containers=5, hours=48, retention_ns=14 * 86_400_000_000_000),
        )

    @pytest.mark.parametrize("row", Behaviours.__struct_fields__)
    @pytest.mark.parametrize("strength", ["strong", "weak", "none"])
    def test_every_judging_row_has_a_strength(self, row: str, strength: str) -> None:
        behaviours = load(f"behaviours: {{{row}: {strength}}}").behaviours
        assert behaviours == msgspec.structs.replace(Behaviours(), **{row: strength})

    @pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("1", 1.0), ("0.999", 0.999), ("1.0", 1.0)])
    def test_a_share_lies_between_nothing_and_all(self, text: str, share: float) -> None:
        assert load(f"baseline: {{completeness: {text}}}").baseline == BaselineRules(completeness=share)

    @pytest.mark.parametrize("text", ["1.5", "-0.1", ".nan", ".inf", "1.0000001", "95", "0x1", "0.9e0"])
    def test_what_is_no_share_is_refused(self, text: str) -> None:
        (fault,) = faults(f"baseline: {{completeness: {text}}}")
        assert fault.startswith("policy.yaml:1: baseline.completeness: ")

    def test_a_scope_takes_every_field_and_every_effect(self) -> None:
        (scope,) = load(
            f"""
scopes:
  - name: all
    cluster: a
    node: b
    namespace: c
    pod: d
    container_name: e
    workload_kind: f
    workload: g
    service_account: h
    user: i
    group: j
    image: "**"
    digests: {ONE}
    effect: {{ceiling: alert, require: trusted, forbid: [privileged, host_root_mount, host_pid, always_pull]}}
"""
        ).scopes
        assert scope == Scope(
            name="all",
            cluster="a",
            node="b",
            namespace="c",
            pod="d",
            container_name="e",
            workload_kind="f",
            workload="g",
            service_account="h",
            user="i",
            group="j",
            image="**",
            digests=(ONE,),
            ceiling="alert",
            require="trusted",
            forbid=("privileged", "host_root_mount", "host_pid", "always_pull"),
        )

    def test_lists_whose_entries_are_all_commented_out_are_empty(self) -> None:
        assert load("mirrors:\ntrust:\n  # - nothing\nscopes:\ntests:\n") == DEFAULT_POLICY

    def test_a_test_remembers_its_line(self) -> None:
        (test,) = load("version: 1\n\ntests:\n\n  - {image: alpine, expect: trusted}\n").tests
        assert test.where == "policy.yaml:5: tests[0]"

    def test_a_byte_order_mark_and_windows_line_ends_are_read(self) -> None:
        assert load("\ufeffversion: 1\r\ndefault: unknown\r\n").default == "unknown"


class TestFaults:
    def test_all_faults_of_a_file_are_reported_at_once(self) -> None:
        """One golden file holds a fault of every kind; UPDATE_GOLDEN=1 rewrites what is expected."""
        found = "\n".join(faults((GOLDEN / "faults.yaml").read_text())) + "\n"
        expected = GOLDEN / "faults.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            expected.write_text(found)
        assert found == expected.read_text()

    def test_an_unknown_key_offers_the_nearest(self) -> None:
        text = "version: 1\nscopes:\n  - {name: a, effect: quiet, pod: x}\n  - {name: b}\n  -\n    efect: quiet\n"
        assert 'policy.yaml:6: scopes[2].efect: no such key; did you mean "effect"?' in faults(text)

    def test_the_path_is_escaped(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_policy("x: 1", "pol\x1b[31micy.yaml")
        assert caught.value.faults[0].startswith("pol\\x1b[31micy.yaml:1: x: no such key")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("version: 1\ntrust: [a, {b: ]\n", "policy.yaml:2:16: not YAML: "),
            ("a: b: c", "policy.yaml:1:5: not YAML: mapping values are not allowed here"),
            ("a: &x 1", "policy.yaml:1:4: anchors and aliases"),
            ("a: *x", "policy.yaml:1:4: anchors and aliases"),
            ("a: 1\n---\nb: 1", "policy.yaml:2:1: not YAML: but found another document"),
            ("a: [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]", "policy.yaml:1:19: nested deeper than 16 levels"),
            ("a: 1\nb: \x00", "policy.yaml:2:4: not YAML: the character U+0000 is not allowed"),
            ("a: \ud800", "policy.yaml:1:4: not YAML: the character U+D800 is not allowed"),
            ('a: "\\U00110000"', "policy.yaml:1:"),
            ("%YAML " + "9" * 5000 + ".1\n--- a", "policy.yaml:1:"),
            ("a: '\x85", "policy.yaml:"),
        ],
    )
    def test_a_syntax_fault_shows_its_place_and_a_caret(self, text: str, message: str) -> None:
        (fault,) = faults(text)
        first, source, caret = fault.split("\n")
        assert first.startswith(message)
        assert source.startswith("    ")
        assert caret.strip() == "^"
        assert fault.isascii()

    def test_the_caret_stands_under_the_place_in_a_long_line(self) -> None:
        (fault,) = faults("a: [" + "x, " * 200 + "&b")
        _, source, caret = fault.split("\n")
        assert len(source) < 130
        assert source[caret.index("^")] == "&"

    def test_billions_of_laughs_are_refused(self) -> None:
        text = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
        (fault,) = faults(text)
        assert "anchors and aliases" in fault

    def test_deep_nesting_is_refused(self) -> None:
        (fault,) = faults("[" * 100_000)
        assert "nested deeper" in fault

    def test_a_large_file_is_refused_unread(self) -> None:
        assert faults("#" * (MAX_CHARACTERS + 1)) == (f"policy.yaml: larger than {MAX_CHARACTERS} characters",)

    @pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n"])
    def test_an_empty_file_is_a_fault(self, text: str) -> None:
        (fault,) = faults(text)
        assert fault.startswith("policy.yaml")
        assert "version: 1" in fault

    @pytest.mark.parametrize(
        ("text", "seen"), [("[]", "a list"), ("text", "text"), ("7", "a number"), ("2026-01-01", "a date")]
    )
    def test_the_top_is_a_mapping(self, text: str, seen: str) -> None:
        assert faults(text) == (f"policy.yaml:1: expected a mapping, found {seen}",)

    @pytest.mark.parametrize("value", ["!!python/object/apply:os.system ['true']", "!x y", "!!binary aGk="])
    def test_tags_of_ones_own_are_refused(self, value: str) -> None:
        (fault,) = faults(f"default: {value}")
        assert fault.startswith("policy.yaml:1: default: expected one of untrusted, unknown, found the tag ")

    @pytest.mark.parametrize("value", ["!!set {alpine}", "!!omap [a: b]"])
    def test_other_collections_are_refused(self, value: str) -> None:
        assert any("the tag" in fault for fault in faults(f"trust: {value}"))

    def test_hostile_text_is_escaped_and_cut(self) -> None:
        (fault,) = faults('default: "\\e[2J\\u202e' + "x" * 400 + '"')
        assert fault.startswith('policy.yaml:1: default: "\\x1b[2J\\u202exxx')
        assert fault.isprintable()
        assert len(fault) < 300

    def test_endless_faults_are_counted_instead_of_printed(self) -> None:
        found = faults("trust: [" + "1, " * 1000 + "]")
        assert len(found) == 201
        assert found[-1] == "policy.yaml: 800 more faults"

    def test_duplicate_names_and_mirrors_are_faults(self) -> None:
        text = """
trust:
  - {name: a, image: alpine, state: trusted}
  - {name: a, image: debian, state: trusted}
  - {name: no origin, image: debian, state: trusted}
scopes:
  - {name: a, effect: {ceiling: suspicious}}
  - {name: a, effect: {ceiling: suspicious}}
mirrors:
  - {mirror: m.example, upstream: docker.io}
  - {mirror: M.example, upstream: quay.io}
"""
        assert faults(text) == (
            'policy.yaml:4: trust[1]: name "a" is taken; first on line 3',
            'policy.yaml:5: trust[2].name: "no origin" is what tidewaiter says where no rule matched; '
            "choose another name",
            'policy.yaml:8: scopes[1]: name "a" is taken; first on line 7',
            'policy.yaml:11: mirrors[1]: mirror "m.example" is taken; first on line 10',
        )

    def test_duplicate_names_on_one_line_are_faults(self) -> None:
        scope = "{name: a, effect: {ceiling: suspicious}}"
        assert faults(f"scopes: [{scope}, {scope}]") == (
            'policy.yaml:1: scopes[1]: name "a" is taken; first on line 1',
        )

    def test_an_emptied_list_of_pins_does_not_become_a_rule_by_name(self) -> None:
        text = "trust:\n  - {name: a, image: 'docker.io/**', digests: [], state: trusted}"
        assert faults(text) == ("policy.yaml:2: trust[0].digests: names no digest; remove the key or give one",)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("900", 900), ("900s", 900), ("15m", 900), ("1h", 3600), ("30d", 2_592_000), ("3660d", 316_224_000)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds * 1_000_000_000


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "15 m", "15min", "1h30m", "3661d", "9" * 12, "٣s", "15m\n", "1e3"])
def test_bad_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_the_window_is_at_least_a_second() -> None:
    assert faults("time_window: 0s") == ("policy.yaml:1: time_window: at least 1s",)


class TestDocumentation:
    def test_every_key_is_documented(self) -> None:
        text = DOCS.read_text()
        keys = {
            *("version", "default", "time_window", "clock_skew", "lateness", "provenance_retention", "internal_cidrs"),
            *("outbound_cidr_block_list", "suspicious_binaries", "behaviours", "debug_containers", "mirrors", "trust"),
            *("scopes", "tests", "mirror", "upstream", "image", "digests", "state", "effect", "group", "digest"),
            *("expect", "expect_effect", "mutable_tag", "privileged", "host_root_mount", "host_pid", "always_pull"),
            *Behaviours.__struct_fields__,
            *("baseline", "completeness", "containers", "hours", "retention"),
            *(field for field in Scope.__struct_fields__),
        }
        assert sorted(key for key in keys if f"`{key}`" not in text) == []

    def test_the_list_of_top_keys_here_is_the_real_one(self) -> None:
        """The fault for a hopeless key lists all keys; each of them must stand as a heading or row in the manual."""
        (fault,) = faults("zzzzzz: 1")
        text = DOCS.read_text()
        keys = fault.partition("the keys here are ")[2].split(", ")
        assert len(keys) == 16
        assert [key for key in keys if f"`{key}`" not in text] == []

    def test_every_example_policy_loads_and_passes(self) -> None:
        examples = re.findall(r"```yaml\n(version: 1\n.*?)```", DOCS.read_text(), re.DOTALL)
        assert len(examples) >= 2
        for example in examples:
            assert load(example).run_tests() == ()
