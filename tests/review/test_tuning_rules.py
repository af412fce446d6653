"""Checks which scopes are made of alerts: sound ones, narrow ones, and none where too little is known."""

from typing import Any

import pytest

from made_records import ONE, PYTHON, TWO, record
from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.policy_match import compile_glob
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import Known, Record
from tidewaiter.review.tuning_rules import WAYS, Way, approval_for, group_key, literal, person, scope_for, stem

RUNNER = "system:serviceaccount:ci:runner"


def made(way: Way, *records: Record) -> dict[str, Any] | None:
    """The fields of the scope, without name and effect."""
    scope = scope_for(way, records, records, "quiet")
    if scope is None:
        return None
    found = {key: getattr(scope, key) for key in scope.__struct_fields__ if key not in ("name", "quiet")}
    return {key: value for key, value in found.items() if value}


BUILD = {
    "cluster": "default",
    "namespace": "ci",
    "workload_kind": "Job",
    "workload": "build-*",
    "container_name": "build",
}


class TestWays:
    def test_content(self) -> None:
        other = record(image=ImageIdentity(config_digest=TWO))
        assert made("content", record(), other) == {**BUILD, "digests": (ONE, TWO)}

    def test_repository(self) -> None:
        assert made("repository", record()) == {**BUILD, "image": PYTHON}

    def test_user_with_one_repository(self) -> None:
        assert made("user", record()) == {"cluster": "default", "namespace": "ci", "user": RUNNER, "image": PYTHON}

    def test_user_with_several(self) -> None:
        other = record(trust=TrustShown("untrusted", "default", ("docker.io/library/node",)))
        assert made("user", record(), other) == {"cluster": "default", "namespace": "ci", "user": RUNNER}

    def test_docker_is_placed_by_its_node(self) -> None:
        found = made("repository", record(namespace=None, workload=None, container_name="shop-web-1"))
        assert found == {"cluster": "default", "node": "node-a", "container_name": "shop-web-*", "image": PYTHON}

    @pytest.mark.parametrize("name", ["quirky_lamport", "quirky_lamport3", "k8s_web_web-1_ns_uid_0", None])
    def test_names_made_by_chance_are_left_out(self, name: str | None) -> None:
        found = made("repository", record(namespace=None, workload=None, container_name=name))
        assert found is not None
        assert "container_name" not in found

    def test_ceiling(self) -> None:
        scope = scope_for("content", (record(),), (), "suspicious")
        assert scope is not None
        assert (scope.quiet, scope.ceiling) == (False, "suspicious")

    def test_name_depends_on_the_fields_only(self) -> None:
        names = [scope_for("content", records, (), "quiet") for records in ((record(),), (record("b" * 32),))]
        assert names[0] == names[1] != scope_for("repository", (record(),), (), "quiet")


class TestSoundness:
    def test_a_written_reference_needs_somebody_beside_it(self) -> None:
        assert made("repository", record(digest_consistency="unknown")) == {**BUILD, "image": PYTHON, "user": RUNNER}

    @pytest.mark.parametrize("way", WAYS)
    def test_what_nobody_vouches_for_gives_nothing(self, way: Way) -> None:
        if way != "baseline":
            assert made(way, record(digest_consistency="unknown", created_by=CreatedBy())) is None

    @pytest.mark.parametrize("consistency", ["by_name", "unknown", "conflicting"])
    def test_content_needs_a_proven_digest(self, consistency: str) -> None:
        assert made("content", record(digest_consistency=consistency)) is None

    @pytest.mark.parametrize(
        "user",
        [
            "system:anonymous",
            "system:node:node-a",
            "system:serviceaccount:kube-system:job-controller",
            "system:serviceaccount:ci:default",
            "kubernetes-admin",
            "root",
        ],
    )
    def test_users_that_are_nobody_in_particular(self, user: str) -> None:
        assert person(record(created_by=CreatedBy(user=user))) is None

    @pytest.mark.parametrize("name", ["evil\nname", "\x1b[31m", "a" * 600, "\u202eabc", "\udcff", "nbsp\xa0"], ids=repr)
    @pytest.mark.parametrize("field", ["cluster", "namespace", "container_name"])
    def test_what_no_policy_can_say_is_not_proposed(self, field: str, name: str) -> None:
        assert made("content", record(**{field: name})) is None

    @pytest.mark.parametrize("origin", ["docker.io/**", "docker.io/*/python", "**", "docker.io/library/python:3", ""])
    def test_origins_that_are_no_repository_are_no_pattern(self, origin: str) -> None:
        found = made("repository", record(trust=TrustShown("untrusted", "default", (origin,))))
        assert found is None


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kind", "glob"),
        [
            ("backup-29310000", "Job", "backup-*"),
            ("migrate-42", "Job", "migrate-*"),
            ("web-7d9f8c6b5", "ReplicaSet", "web-*"),
            ("probe-x2k9f", "Job", "probe-*"),
            ("web", "Deployment", "web"),
            ("smoke-tests", "Job", "smoke-tests"),
            ("a*[b]?", "Job", "a[*][[]b][?]"),
            ("", "Job", ""),
            ("shard-12", "Deployment", "shard-12"),
            ("app-b2cd4", "DaemonSet", "app-b2cd4"),
            ("db-0", "StatefulSet", "db-0"),
            ("report-1", "CronJob", "report-1"),
            ("worker-2", "ComposeService", "worker-2"),
        ],
    )
    def test_only_generated_endings_become_a_star(self, name: str, kind: str, glob: str) -> None:
        assert stem(name, kind) == glob
        assert not glob or compile_glob(glob)(name)

    def test_a_literal_matches_itself_alone(self) -> None:
        glob = compile_glob(literal("a*[b]?"))
        assert glob("a*[b]?")
        assert not glob("axb?")

    def test_runs_of_a_job_are_one_group_and_places_are_not(self) -> None:
        runs = [record(workload=Workload("Job", f"build-2931000{run}"), pod=f"p{run}") for run in range(3)]
        assert len({group_key(run) for run in runs}) == 1
        assert group_key(record(namespace="prod")) != group_key(record())

    def test_bare_pods_are_told_by_what_they_run(self) -> None:
        bare = [record(workload=Workload("Pod", name), pod=name) for name in ("build-txfwq", "other")]
        assert group_key(bare[0]) == group_key(bare[1])
        assert made("content", *bare) == {
            key: value for key, value in (*BUILD.items(), ("digests", (ONE,))) if key != "workload"
        } | {"workload_kind": "Pod"}


class TestApproval:
    def test_a_workload_that_keeps_its_name(self) -> None:
        assert approval_for((record(workload=Workload("Deployment", "web")),)) == ("ci/Deployment/web", ONE)

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({}, "ci/CronJob/build"),
            ({"workload": Workload("ReplicaSet", "web-7d9f8c6b5")}, "ci/Deployment/web"),
            ({"workload": None, "namespace": None, "pod": None, "container_name": "proxy"}, "/Container/proxy"),
            (
                {
                    "workload": Workload("ComposeService", "web"),
                    "namespace": None,
                    "pod": None,
                    "container_name": "shop-web-1",
                },
                "shop/ComposeService/web",
            ),
        ],
    )
    def test_the_key_is_that_of_the_baseline(self, fields: dict[str, Any], path: str) -> None:
        assert approval_for((record(**fields),)) == (path, ONE)

    def test_what_the_record_says_of_the_baseline_counts_first(self) -> None:
        assert approval_for((record(baseline=Known("ci/CronJob/build")),)) == ("ci/CronJob/build", ONE)

    @pytest.mark.parametrize(
        "fields",
        [
            {"workload": Workload("Job", "build"), "pod": "build-xyz12"},
            {"workload": None},
            {"workload": None, "namespace": None, "pod": None, "container_name": "quirky_lamport"},
            {"workload": Workload("Deployment", "a b")},
            {"workload": Workload("Deployment", "$(reboot)")},
            {"workload": Workload("Deployment", "web"), "digest_consistency": "by_name"},
            {"baseline": Known("x/y")},
        ],
    )
    def test_none_without_a_stable_key_and_proven_content(self, fields: dict[str, Any]) -> None:
        assert approval_for((record(**fields),)) is None


def test_every_scope_has_a_place() -> None:
    """Whatever way, a scope names its cluster and its namespace or node."""
    ways: tuple[Way, ...] = ("content", "repository", "user")
    for way in ways:
        scope = scope_for(way, (record(),), (record(),), "quiet")
        assert isinstance(scope, Scope)
        assert scope.cluster
        assert scope.namespace or scope.node
