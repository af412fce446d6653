"""Checks trust, mirrors, scopes, weights and the policy's own tests, on policies built in code."""

import msgspec
import pytest

from tidewaiter.policy import DEFAULT_POLICY, ConfigError, Effects, Trust, TrustPolicy, effect_words, load_policy
from tidewaiter.policy_rules import Behaviours, Mirror, PolicyTest, Scope, Subject, TrustRule

ONE = "sha256:" + "1" * 64
TWO = "sha256:" + "2" * 64


def test_defaults_are_those_of_a_run_without_a_policy() -> None:
    """The defaults are a contract with users: they change only on purpose."""
    assert DEFAULT_POLICY.default == "untrusted"
    assert DEFAULT_POLICY.time_window_ns == 900_000_000_000
    assert DEFAULT_POLICY.clock_skew_ns == 30_000_000_000
    assert DEFAULT_POLICY.lateness_ns == 60_000_000_000
    assert DEFAULT_POLICY.provenance_retention_ns == 2_592_000_000_000_000
    assert DEFAULT_POLICY.internal_cidrs == (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("fc00::/7", "fe80::/10"),
    )
    assert DEFAULT_POLICY.outbound_cidr_block_list == ()
    assert DEFAULT_POLICY.debug_containers == "suspicious"
    assert not any(map(len, (DEFAULT_POLICY.mirrors, DEFAULT_POLICY.trust, DEFAULT_POLICY.scopes)))
    assert msgspec.structs.asdict(Behaviours()) == {
        "suspicious_binary": "strong",
        "declared_binary": "weak",
        "external_egress": "strong",
        "blocked_egress": "strong",
        "control_plane_egress": "strong",
        "written_binary": "strong",
        "internal_egress": "weak",
        "unseen_program": "weak",
        "unproven_initiator": "weak",
        "interactive_session": "weak",
        "policy_broken": "weak",
        "indicator": "strong",
    }


def test_an_empty_policy_file_has_the_defaults() -> None:
    assert load_policy("version: 1", "policy.yaml") == DEFAULT_POLICY


def test_config_error_joins_its_faults_by_lines() -> None:
    error = ConfigError(["a", "b"])
    assert error.faults == ("a", "b")
    assert str(error) == "a\nb"


class TestTrustOf:
    rules = TrustPolicy(
        trust=(
            TrustRule(name="banned", image="registry.corp.example/banned/**", state="untrusted"),
            TrustRule(name="ours", image="registry.corp.example/**", state="trusted"),
            TrustRule(name="pin", image="docker.io/istio/*", digests=(ONE,), state="trusted"),
            TrustRule(name="bad content", digests=(TWO, ONE), state="untrusted"),
            TrustRule(name="lab", image="lab.example/**", state="unknown"),
        )
    )

    @pytest.mark.parametrize(
        ("repository", "digests", "expected"),
        [
            ("registry.corp.example/web", (), Trust("trusted", "ours")),
            ("registry.corp.example/banned/web", (), Trust("untrusted", "banned")),
            ("lab.example/x", (), Trust("unknown", "lab")),
            ("docker.io/library/alpine", (), Trust("untrusted", "default")),
            (None, (), Trust("unknown", "no origin")),
            # A rule with digests never matches by name ...
            ("docker.io/istio/proxyv2", (), Trust("untrusted", "default")),
            # ... and its digest vouches wherever the content came from, or when nobody knows.
            ("docker.io/istio/proxyv2", (ONE,), Trust("trusted", "pin")),
            ("docker.io/evil/x", (ONE,), Trust("trusted", "pin")),
            (None, (ONE,), Trust("trusted", "pin")),
            (None, (TWO,), Trust("untrusted", "bad content")),
            # The first rule of the file that matches decides, be it a pin or a name.
            ("registry.corp.example/banned/web", (ONE,), Trust("untrusted", "banned")),
            ("registry.corp.example/web", (TWO,), Trust("trusted", "ours")),
            ("lab.example/x", (TWO,), Trust("untrusted", "bad content")),
            ("docker.io/evil/x", (TWO, ONE), Trust("trusted", "pin")),
            ("docker.io/evil/x", ("sha256:" + "3" * 64,), Trust("untrusted", "default")),
        ],
    )
    def test_first_matching_rule_decides(
        self, repository: str | None, digests: tuple[str, ...], expected: Trust
    ) -> None:
        assert self.rules.trust_of(repository, digests) == expected

    def test_default_state_is_a_setting(self) -> None:
        assert TrustPolicy(default="unknown").trust_of("quay.io/a/b", ()) == Trust("unknown", "default")

    def test_asking_twice_gives_the_same_answer(self) -> None:
        """Answers are cached by name; the digests must not leak into the cache."""
        assert self.rules.trust_of("docker.io/evil/x", (ONE,)).state == "trusted"
        assert self.rules.trust_of("docker.io/evil/x", ()).state == "untrusted"


class TestUpstream:
    rules = TrustPolicy(
        mirrors=(
            Mirror("harbor.corp.example/hub", "docker.io"),
            Mirror("harbor.corp.example/hub/special", "quay.io/team"),
            Mirror("harbor.corp.example/one-image", "docker.io/library/redis"),
            Mirror("cache.corp.example", "ghcr.io"),
        )
    )

    @pytest.mark.parametrize(
        ("repository", "expected"),
        [
            ("harbor.corp.example/hub/nginx", "docker.io/library/nginx"),
            ("harbor.corp.example/hub/library/nginx", "docker.io/library/nginx"),
            ("harbor.corp.example/hub/evil/nginx", "docker.io/evil/nginx"),
            ("harbor.corp.example/hub/special/app", "quay.io/team/app"),
            ("harbor.corp.example/hub/specials/app", "docker.io/specials/app"),
            ("harbor.corp.example/hubs/nginx", "harbor.corp.example/hubs/nginx"),
            ("harbor.corp.example/hub", "harbor.corp.example/hub"),
            ("harbor.corp.example/one-image", "docker.io/library/redis"),
            ("cache.corp.example/org/app", "ghcr.io/org/app"),
            ("cache.corp.example:5000/org/app", "cache.corp.example:5000/org/app"),
            ("docker.io/library/nginx", "docker.io/library/nginx"),
        ],
    )
    def test_longest_mirror_wins_on_segment_boundaries(self, repository: str, expected: str) -> None:
        assert self.rules.upstream(repository) == expected

    def test_a_name_too_long_to_be_one_stays_as_it_is(self) -> None:
        name = "cache.corp.example/" + "a" * 5000
        assert self.rules.upstream(name) == name

    def test_an_upstream_that_is_itself_mirrored_is_not_followed(self) -> None:
        rules = TrustPolicy(mirrors=(Mirror("a.example", "b.example"), Mirror("b.example", "c.example")))
        assert rules.upstream("a.example/x") == "b.example/x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("curl", True),
        ("/usr/bin/curl", True),
        ("python", True),
        ("/usr/local/bin/python3.12", True),
        ("./sh", True),
        ("cURL", False),
        ("mycurl", False),
        ("curl-config", False),
        ("/usr/bin/curl/", False),
        ("", False),
        ("xpython3", False),
        ("sh\n", False),
        ("python" + "3" * 5000, False),
    ],
)
def test_suspicious_binary_is_judged_by_its_basename(name: str, expected: bool) -> None:
    assert DEFAULT_POLICY.is_suspicious_binary(name) is expected


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("100.64.3.4", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:203.0.113.1", False),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
        ("203.0.113.9", False),
        ("192.0.2.1", False),
        ("169.254.169.254", False),
        ("10.1", False),
        ("010.0.0.1", False),
        ("", False),
        ("not an address", False),
        ("10.0.0.1" + "0" * 5000, False),
    ],
)
def test_only_internal_cidrs_decide_what_is_internal(ip: str, expected: bool) -> None:
    assert DEFAULT_POLICY.is_internal(ip) is expected


def test_block_list_sees_through_mapped_addresses() -> None:
    rules = TrustPolicy(outbound_cidr_block_list=("203.0.113.0/24", "::ffff:198.51.100.0/120", "2001:db8::/32"))
    assert rules.is_blocked("203.0.113.7")
    assert rules.is_blocked("::ffff:203.0.113.7")
    assert rules.is_blocked("198.51.100.9")
    assert rules.is_blocked("2001:db8:1::1")
    assert not rules.is_blocked("203.0.114.7")
    assert not DEFAULT_POLICY.is_blocked("203.0.113.7")


class TestEffects:
    quiet = Scope(name="ci", namespace="ci", service_account="runner", image="docker.io/library/*", quiet=True)
    capped = Scope(name="dev", namespace="dev*", ceiling="suspicious")
    strict = Scope(name="prod", namespace="prod-*", require="trusted", forbid=("mutable_tag", "privileged"))
    rules = TrustPolicy(scopes=(quiet, capped, strict))
    runner = Subject(namespace="ci", service_account="runner", images=("docker.io/library/python",))

    def test_every_given_field_must_match(self) -> None:
        assert self.rules.effects_for(self.runner) == Effects(quiet="ci")
        for change in ({"namespace": "cd"}, {"service_account": "x"}, {"images": ("docker.io/evil/python",)}):
            other = msgspec.structs.replace(self.runner, **change)
            assert self.rules.effects_for(other) == Effects()

    @pytest.mark.parametrize(
        "unknown",
        [{"namespace": None}, {"service_account": None}, {"images": ()}],
        ids=lambda change: next(iter(change)),
    )
    def test_unknown_matches_nothing(self, unknown: dict[str, object]) -> None:
        """An exception must not widen because telemetry is poor; not even to a scope that asks for anything."""
        anything = TrustPolicy(scopes=(Scope(name="any", namespace="*", service_account="*", image="**", quiet=True),))
        assert anything.effects_for(self.runner).quiet == "any"
        assert anything.effects_for(msgspec.structs.replace(self.runner, **unknown)) == Effects()

    def test_any_image_of_the_subject_may_match(self) -> None:
        both = msgspec.structs.replace(self.runner, images=("quay.io/x/y", "docker.io/library/python"))
        assert self.rules.effects_for(both).quiet == "ci"

    def test_globs_are_case_sensitive_and_whole(self) -> None:
        assert self.rules.effects_for(Subject(namespace="dev-1")).ceiling == ("suspicious", "dev")
        assert self.rules.effects_for(Subject(namespace="Dev-1")) == Effects()
        assert self.rules.effects_for(Subject(namespace="a-dev")) == Effects()

    @pytest.mark.parametrize(
        "field",
        [
            "cluster",
            "node",
            "namespace",
            "pod",
            "container_name",
            "workload_kind",
            "workload",
            "service_account",
            "user",
        ],
    )
    def test_each_field_is_looked_at(self, field: str) -> None:
        rules = TrustPolicy(scopes=(msgspec.convert({"name": "s", "ceiling": "suspicious", field: "a?c"}, Scope),))
        assert rules.effects_for(msgspec.convert({field: "abc"}, Subject)).ceiling == ("suspicious", "s")
        assert rules.effects_for(msgspec.convert({field: "abd"}, Subject)) == Effects()
        assert rules.effects_for(Subject()) == Effects()

    def test_any_group_may_match(self) -> None:
        rules = TrustPolicy(scopes=(Scope(name="sre", group="sre-*", ceiling="suspicious"),))
        assert rules.effects_for(Subject(groups=("x", "sre-eu"))).ceiling == ("suspicious", "sre")
        assert rules.effects_for(Subject(groups=("x",))) == Effects()
        assert rules.effects_for(Subject(user="sre-eu")) == Effects()

    def test_a_scope_may_ask_for_content(self) -> None:
        rules = TrustPolicy(scopes=(Scope(name="agent", digests=(ONE,), quiet=True),))
        assert rules.effects_for(Subject(digests=(TWO, ONE))).quiet == "agent"
        assert rules.effects_for(Subject(digests=(TWO,))) == Effects()

    def test_ceiling_lifts_quiet(self) -> None:
        rules = TrustPolicy(scopes=(self.quiet, Scope(name="cap", namespace="c*", ceiling="suspicious")))
        assert rules.effects_for(self.runner) == Effects(ceiling=("suspicious", "cap"))

    @pytest.mark.parametrize("stricter", [{"require": "trusted"}, {"forbid": ("host_pid",)}])
    def test_require_and_forbid_lift_quiet_and_leave_the_ceiling_to_the_judge(
        self, stricter: dict[str, object]
    ) -> None:
        scope = msgspec.convert({"name": "strict", **stricter}, Scope)
        rules = TrustPolicy(scopes=(self.quiet, Scope(name="cap", ceiling="suspicious"), scope))
        effects = rules.effects_for(self.runner)
        assert effects.quiet is None
        assert effects.ceiling == ("suspicious", "cap")
        assert (effects.require is not None) == ("require" in stricter)
        assert effects.forbid == ((("host_pid", "strict"),) if "forbid" in stricter else ())

    def test_all_that_strict_scopes_ask_for_is_told_once_with_the_first_scope(self) -> None:
        more = Scope(name="more", forbid=("privileged", "always_pull"), require="trusted")
        rules = TrustPolicy(scopes=(self.strict, more))
        effects = rules.effects_for(Subject(namespace="prod-eu"))
        assert effects.require == ("trusted", "prod")
        assert effects.forbid == (("mutable_tag", "prod"), ("privileged", "prod"), ("always_pull", "more"))

    def test_the_highest_ceiling_holds(self) -> None:
        low, other, high = (
            Scope(name="low", ceiling="suspicious"),
            Scope(name="other", ceiling="suspicious"),
            Scope(name="high", ceiling="alert"),
        )
        assert TrustPolicy(scopes=(low, other)).effects_for(Subject()).ceiling == ("suspicious", "low")
        assert TrustPolicy(scopes=(low, high, other)).effects_for(Subject()).ceiling == ("alert", "high")

    def test_words_of_effects(self) -> None:
        assert effect_words(Effects()) == {"none"}
        assert effect_words(Effects(quiet="s")) == {"quiet"}
        assert effect_words(Effects(None, ("alert", "s"), ("trusted", "s"), (("host_pid", "s"),))) == {
            "alert",
            "require",
            "forbid",
            "host_pid",
        }


class TestOwnTests:
    rules = TrustPolicy(
        mirrors=(Mirror("harbor.corp.example/hub", "docker.io"),),
        trust=(
            TrustRule(name="pin", digests=(ONE,), state="trusted"),
            TrustRule(name="hub", image="docker.io/library/*", state="trusted"),
        ),
        scopes=(Scope(name="ci", namespace="ci", image="docker.io/library/*", quiet=True),),
    )

    def failures(self, **case: object) -> tuple[str, ...]:
        test = msgspec.convert({"where": "p.yaml:3: tests[0]", **case}, PolicyTest)
        return msgspec.structs.replace(self.rules, tests=(test,)).run_tests()

    def test_what_holds_fails_nothing(self) -> None:
        assert self.failures(image="alpine", expect="trusted", expect_effects=["none"]) == ()
        assert self.failures(image="harbor.corp.example/hub/alpine", expect="trusted") == ()
        assert self.failures(image=f"quay.io/x/y@{ONE}", expect="trusted") == ()
        assert self.failures(image=ONE, expect="trusted") == ()
        assert self.failures(image=TWO, expect="unknown") == ()
        assert self.failures(image="quay.io/x/y", subject={"digests": [ONE]}, expect="trusted") == ()
        assert self.failures(image="alpine", subject={"namespace": "ci"}, expect_effects=["quiet"]) == ()

    def test_what_fails_names_its_place_and_what_was_found(self) -> None:
        assert self.failures(image="quay.io/x/y", expect="trusted") == (
            'p.yaml:3: tests[0]: quay.io/x/y: expected trusted, got untrusted (rule "default")',
        )
        assert self.failures(expect="trusted") == (
            'p.yaml:3: tests[0]: no image: expected trusted, got unknown (rule "no origin")',
        )

    def test_a_case_fails_once_with_all_its_reasons(self) -> None:
        assert self.failures(image="alpine", expect="untrusted", expect_effects=["quiet", "require"]) == (
            'p.yaml:3: tests[0]: alpine: expected untrusted, got trusted (rule "hub"); '
            "expected effect quiet, require, got none",
        )
