"""Checks that scopes are added to a policy's text at the right place, and that everything else stays as it was."""

import os
import stat
from pathlib import Path

import pytest

from made_records import ONE, record
from tidewaiter.edge.policy_edit import Addition, EditError, added, replace_file
from tidewaiter.policy import ConfigError, load_policy
from tidewaiter.review.recorded import Record
from tidewaiter.review.tuning_rules import Effect, Way, scope_for


def addition(one: Record | None = None, way: Way = "content", effect: Effect = "quiet") -> Addition:
    found = one or record()
    scope = scope_for(way, (found,), (found,), effect)
    assert scope is not None
    return Addition(scope, "tidewaiter tune: alerts of 2026-09-21: aaaaaaaaaaaa", found)


BLOCK = """\
# ours
version: 1   # the only one

scopes:      # what is expected
    - {name: old, namespace: "dev*", effect: quiet}   # keep
    # a comment at the end

# trust comes last
trust:
  - {name: ours, image: "registry.corp.example/**", state: trusted}
tests:
  - image: alpine
    expect: untrusted
"""


def test_added_below_the_last_of_each_list() -> None:
    new = added(BLOCK, [addition()], "p.yaml").splitlines()
    assert [line for line in new if line in BLOCK.splitlines()] == BLOCK.splitlines()
    at = new.index('    - {name: old, namespace: "dev*", effect: quiet}   # keep') + 1
    assert new[at] == "    # tidewaiter tune: alerts of 2026-09-21: aaaaaaaaaaaa"
    assert new[at + 1].startswith('    - name: "tuned-ci-python-')
    assert new[-1] == '    expect_effect: "quiet"'


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "version: 1",
        "version: 1\nscopes:\n",
        "version: 1\nscopes:\n  # - {name: x}\ntests:\n",
        "version: 1\nscopes: []  # none\ntests: [ ]\n",
        "scopes: []",
        "scopes:\n- {name: old, namespace: dev, effect: quiet}\nversion: 1\n",
        "scopes:\n- name: old\n  namespace: dev\n  effect:\n    ceiling: suspicious\nversion: 1",
        "---\nversion: 1\nscopes:\n  -\n    name: old\n    namespace: 'a\n      b'\n    effect: quiet\n",
        "version: 1\r\nscopes:\r\n  - {name: old, namespace: dev, effect: quiet}\r\ntrust:\r\n",
        "\ufeffversion: 1\nscopes:\n",
        "version: 1\ntests:\n  - {image: alpine, expect: untrusted}\n# end\n",
    ],
)
@pytest.mark.parametrize("effect", ["quiet", "suspicious"])
def test_whatever_the_layout_the_result_is_the_old_policy_and_the_scope(text: str, effect: Effect) -> None:
    new = addition(effect=effect)
    result = added(text, [new], "p.yaml")
    before, after = (load_policy(found.removeprefix("\ufeff"), "p.yaml") for found in (text, result))
    assert after.scopes == (*before.scopes, new.scope)
    assert len(after.tests) == len(before.tests) + 1
    assert after.run_tests() == ()
    assert result.startswith("\ufeff") == text.startswith("\ufeff")
    assert ("\r\n" in text) == ("\r\n" in result) == (result.count("\r\n") == result.count("\n"))


def test_several_at_once_and_each_with_its_case() -> None:
    web = record("b" * 32, namespace=None, workload=None, container_name="web", digest_consistency="by_name")
    new = [addition(), addition(way="user"), addition(web, "repository")]
    after = load_policy(added(BLOCK, new, "p.yaml"), "p.yaml")
    assert after.scopes[1:] == tuple(one.scope for one in new)
    assert len(after.tests) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{version: 1}", "not all in braces"),
        ("scopes: [{name: old, namespace: dev, effect: quiet}]\n", "p.yaml:1: scopes is a list in brackets"),
        (
            "version: 1\nscopes:\n  - {name: cap, namespace: ci, effect: {ceiling: suspicious}}\n",
            "policy test would fail",
        ),
        ("version: 1\ntests:\n  - {image: alpine, expect: trusted}\n", "policy test would fail"),
        ("version: 1\n...\n", "could not be read afterwards"),
    ],
)
def test_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(EditError, match=why):
        added(text, [addition()], "p.yaml")


def test_a_scope_is_added_once() -> None:
    once = added(BLOCK, [addition()], "p.yaml")
    with pytest.raises(EditError, match="is there already"):
        added(once, [addition()], "p.yaml")


def test_a_policy_with_faults_is_not_touched() -> None:
    with pytest.raises(ConfigError):
        added("version: 1\nscope: []\n", [addition()], "p.yaml")


class TestReplace:
    def test_keeps_rights_and_the_link(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to(real)
        replace_file(str(link), "new")
        assert (real.read_text(), link.is_symlink()) == ("new", True)
        assert stat.S_IMODE(real.stat().st_mode) == 0o640
        assert sorted(os.listdir(tmp_path)) == ["link.yaml", "real.yaml"]

    def test_leaves_nothing_behind_where_it_fails(self, tmp_path: Path) -> None:
        real = tmp_path / "p.yaml"
        real.write_text("old")
        with pytest.raises(UnicodeEncodeError):
            replace_file(str(real), "\udcff")
        assert (real.read_text(), os.listdir(tmp_path)) == ("old", ["p.yaml"])


def test_the_case_proves_the_scope() -> None:
    """Without the scope its case fails."""
    new = added("version: 1\n", [addition()], "p.yaml")
    head, _, tests = new.partition("tests:")
    assert ONE in tests
    assert load_policy(f"version: 1\ntests:{tests}", "p.yaml").run_tests() != ()
    assert load_policy(f"{head}tests:{tests}", "p.yaml").run_tests() == ()
