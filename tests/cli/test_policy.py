"""Checks the commands policy check, test and suggest: what they print, where, and how they exit."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from tidewaiter.cli.policy import policy
from tidewaiter.policy import load_policy

GOLDEN = Path(__file__).parents[1] / "golden" / "policy"
SKETCH = str(GOLDEN / "sketch.yaml")
ONE = "sha256:" + "1" * 64


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(policy, arguments, input=stdin, prog_name="tidewaiter policy", terminal_width=120)


def golden(name: str, text: str) -> None:
    """Compare with the golden file; UPDATE_GOLDEN=1 rewrites it."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


class TestCheck:
    references = (
        "nginx",
        "registry.corp.example/shop/web:1.4",
        "harbor.corp.example/dockerhub/alpineos/miner:2",
        f"quay.io/any/where@{ONE}",
        ONE,
        "sha256:" + "2" * 64,
    )

    def test_text_gives_name_state_and_rule(self) -> None:
        result = run("check", *self.references, "--policy", SKETCH)
        assert result.exit_code == 0
        assert result.stderr == ""
        golden("check.txt", result.stdout)

    def test_text_tells_what_scopes_ask_for_where_a_place_is_given(self) -> None:
        outputs = [
            run("check", "python", "--policy", SKETCH, *place).stdout
            for place in (
                ("--namespace", "ci", "--service-account", "runner"),
                ("--namespace", "dev-1"),
                ("--namespace", "prod-eu"),
                ("--group", "sre"),
            )
        ]
        golden("check-scopes.txt", "".join(outputs))

    def test_json_is_one_document(self) -> None:
        result = run("check", "alpine", "--policy", SKETCH, "--namespace", "prod-eu", "--format", "json")
        assert json.loads(result.stdout) == {
            "kind": "policy_check",
            "schema": 1,
            "policy": SKETCH,
            "references": [
                {
                    "reference": "alpine",
                    "name": "docker.io/library/alpine:latest",
                    "origin": "docker.io/library/alpine",
                    "trust": {"state": "untrusted", "rule": "default"},
                    "effects": {
                        "quiet": None,
                        "ceiling": None,
                        "require": ["trusted", "never-from-internet"],
                        "forbid": [["mutable_tag", "never-from-internet"]],
                    },
                }
            ],
        }

    def test_json_without_a_place_has_no_effects(self) -> None:
        (checked,) = json.loads(run("check", ONE, "--policy", SKETCH, "--format", "json").stdout)["references"]
        assert checked["effects"] is None
        assert checked["origin"] is None
        assert checked["trust"] == {"state": "trusted", "rule": "pinned-istio"}

    def test_without_a_policy_the_defaults_are_asked_and_it_is_said(self) -> None:
        result = run("check", "alpine")
        assert result.exit_code == 0
        assert result.stdout == "docker.io/library/alpine:latest: untrusted (the default)\n"
        assert "no policy given" in result.stderr

    def test_a_bad_reference_is_a_usage_fault_and_the_others_are_answered(self) -> None:
        result = run("check", "alpine", "Not A Ref\x1b[2J", "quay.io/a@sha256:1", "--policy", SKETCH)
        assert result.exit_code == 2
        assert result.stdout.count("\n") == 1
        assert len(result.stderr.splitlines()) == 2
        assert "\x1b" not in result.stderr
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("arguments", [("check",), ("check", "alpine", "--format", "xml"), ("nonsense",)])
    def test_wrong_usage_exits_2(self, arguments: tuple[str, ...]) -> None:
        assert run(*arguments).exit_code == 2


class TestTest:
    def test_all_pass(self) -> None:
        result = run("test", SKETCH)
        assert result.exit_code == 0
        assert result.stdout == f"{SKETCH}: 7 of 7 tests passed\n"

    def test_failures_are_data_and_exit_1(self) -> None:
        text = b"tests:\n  - {image: alpine, expect: trusted}\n  - {image: alpine, expect: untrusted}\n"
        result = run("test", "-", stdin=text)
        assert result.exit_code == 1
        assert result.stdout == (
            '-:2: tests[0]: alpine: expected trusted, got untrusted (rule "default")\n-: 1 of 2 tests passed\n'
        )
        result = run("test", "-", "--format", "json", stdin=text)
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {
            "kind": "policy_test",
            "schema": 1,
            "policy": "-",
            "tests": 2,
            "passed": 1,
            "failures": ['-:2: tests[0]: alpine: expected trusted, got untrusted (rule "default")'],
        }

    def test_a_policy_without_tests_says_so(self) -> None:
        result = run("test", "-", stdin=b"version: 1\n")
        assert result.exit_code == 0
        assert result.stdout == "-: no faults; it holds no tests\n"

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_faults_are_one_line_each_on_stderr_and_exit_2(self, form: str) -> None:
        result = run("test", str(GOLDEN / "faults.yaml"), "--format", form)
        assert result.exit_code == 2
        assert result.stdout == ""
        expected = (GOLDEN / "faults.txt").read_text().splitlines()
        assert [line.replace(f"{GOLDEN}/faults.yaml", "policy.yaml") for line in result.stderr.splitlines()] == expected

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\xff\xfeversion: 1", r"-: the policy is not UTF-8 text \(byte 0\)"),
            (b"trust: [", r"-:1:9: not YAML: "),
            (b"a: \x1b[2J", r"-:1:4: not YAML: the character U\+001B is not allowed"),
            (b"#" * 5_000_000, r"-: larger than"),
            (b"", r"-: the file is empty"),
        ],
    )
    def test_rubbish_is_a_sentence(self, content: bytes, message: str) -> None:
        result = run("test", "-", stdin=content)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert re.match(message, result.stderr)
        assert "\x1b" not in result.stderr

    def test_a_byte_order_mark_is_no_fault(self) -> None:
        assert run("test", "-", stdin=b"\xef\xbb\xbfversion: 1\r\n").exit_code == 0

    def test_a_missing_file_is_one_sentence(self, tmp_path: Path) -> None:
        result = run("test", str(tmp_path / "none.yaml"))
        assert result.exit_code == 2
        assert result.stderr == f"{tmp_path}/none.yaml: the policy cannot be read: No such file or directory\n"
        assert run("check", "alpine", "--policy", str(tmp_path)).exit_code == 2

    def test_a_file_name_with_control_characters_is_escaped(self, tmp_path: Path) -> None:
        file = tmp_path / "p\x1b[2J.yaml"
        file.write_text("version: 1\ntests: [{image: alpine, expect: trusted}]\n")
        for form in ("text", "json"):
            result = run("test", str(file), "--format", form)
            assert result.exit_code == 1
            assert "\x1b" not in result.output


class TestSuggest:
    seen: Mapping[str, int] = {"docker.io/library/nginx": 2, "registry.corp.example/web": 7, "odd\x1b": 1}

    @pytest.fixture(autouse=True)
    def census(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stands in for the reading of telemetry, which has its own tests."""

        def count_repositories(paths: Iterable[str], on_problem: object) -> Mapping[str, int]:
            found = {"logs/": self.seen, "empty/": {}}
            path = next(iter(paths))
            if path not in found:
                raise FileNotFoundError(2, "No such file or directory", path)
            return found[path]

        stand_in = SimpleNamespace(count_repositories=count_repositories)
        monkeypatch.setitem(sys.modules, "tidewaiter.edge.census", stand_in)

    def test_text_is_a_policy_on_stdout(self) -> None:
        result = run("suggest", "logs/")
        assert result.exit_code == 0
        assert result.stderr == ""
        assert load_policy(result.stdout, "policy.yaml").trust == ()
        assert 'image: "registry.corp.example/**"' in result.stdout
        assert "\x1b" not in result.stdout

    def test_json_holds_counts_and_the_policy(self) -> None:
        document = json.loads(run("suggest", "logs/", "--format", "json").stdout)
        assert document["kind"] == "policy_suggestion"
        assert list(document["repositories"].items()) == [
            ("registry.corp.example/web", 7),
            ("docker.io/library/nginx", 2),
            ("odd\\x1b", 1),
        ]
        assert document["policy"] == run("suggest", "logs/").stdout

    def test_nothing_seen_is_said(self) -> None:
        result = run("suggest", "empty/")
        assert result.exit_code == 0
        assert load_policy(result.stdout, "policy.yaml").trust == ()
        assert "no image was named" in result.stderr

    def test_an_unreadable_path_is_one_sentence(self) -> None:
        result = run("suggest", "none/")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr == "none/: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("command", [(), ("check",), ("test",), ("suggest",)])
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert re.search(r"Example:\n +tidewaiter policy ", result.stdout)
