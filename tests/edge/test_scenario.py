"""Checks the reading of scenario folders: what is taken as what, and the sentence about each fault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tidewaiter.edge.scenario import ScenarioError, name_in, read_scenario, scenario_folders, without_expectation

RECORD = '{"status":"x"}\n'
EXPECT = 'about = "Something."\nverdict = "quiet"\n'

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A scenario folder: `make(expect=..., name=..., **files)`; a text of None leaves the file out."""

    def made(expect: str | None = EXPECT, name: str = "story", **files: str | None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        texts = {"expect.toml": expect, "policy.yaml": "version: 1\n", "events.jsonl": RECORD}
        for file, text in {**texts, **{key.replace("__", "."): value for key, value in files.items()}}.items():
            if text is not None:
                (folder / file).write_text(text)
        return folder

    return made


def fault(folder: Path) -> str:
    """The sentence about a folder that cannot be read."""
    with pytest.raises(ScenarioError) as raised:
        read_scenario(folder)
    return str(raised.value).replace(str(folder), "story")


class TestReading:
    def test_every_other_file_is_telemetry(self, make: Make) -> None:
        """Also in sub-folders; not what says what is expected, not the policy, nothing hidden, no other scenario."""
        folder = make(audit__log="x\n", **{".hidden": "x"})
        (folder / "notes").mkdir()
        for name in ("node-a", ".git", "inner"):
            (folder / name).mkdir()
            (folder / name / "falco.jsonl").write_text(RECORD)
        (folder / "inner" / "expect.toml").write_text(EXPECT)
        (folder / "node-a" / "again").symlink_to(folder)
        scenario = read_scenario(folder)
        assert [str(path.relative_to(folder)) for path in scenario.telemetry] == [
            "audit.log",
            "events.jsonl",
            "node-a/falco.jsonl",
        ]
        assert scenario.to_learn == ()
        assert scenario.name == "story"

    def test_what_is_in_baseline_is_learned_and_not_judged(self, make: Make) -> None:
        """The sub-folder's files, and what of them is approved."""
        folder = make(EXPECT + '[baseline]\napprove = ["shop/Deployment/*"]\n')
        (folder / "baseline").mkdir()
        (folder / "baseline" / "before.jsonl").write_text(RECORD)
        scenario = read_scenario(folder)
        assert [path.name for path in scenario.to_learn] == ["before.jsonl"]
        assert [path.name for path in scenario.telemetry] == ["events.jsonl"]
        assert scenario.expected.baseline.approve == ("shop/Deployment/*",)

    def test_label_verdict_and_options(self, make: Make) -> None:
        """What a scenario says of itself and of its containers."""
        expected = read_scenario(
            make(
                'about = "x"\nlabel = "attack"\nverdict = "alert"\n[options]\nnode = "n1"\n'
                '[[containers]]\nid = "abc"\nverdict = "silenced"\nlabel = "benign"\n'
            )
        ).expected
        assert (expected.label, expected.verdict, expected.options.node) == ("attack", "alert", "n1")
        assert (expected.containers[0].id, expected.containers[0].label) == ("abc", "benign")


class TestFolders:
    def test_sub_folders_with_expectations_by_name(self, make: Make, tmp_path: Path) -> None:
        """Other folders and files are passed over; a pattern chooses."""
        for name in ("b-two", "a-one", "b-three"):
            make(name=name)
        (tmp_path / "empty").mkdir()
        (tmp_path / "README.md").write_text("x")
        assert [path.name for path in scenario_folders(tmp_path)] == ["a-one", "b-three", "b-two"]
        assert [path.name for path in scenario_folders(tmp_path, "b-*")] == ["b-three", "b-two"]

    def test_they_may_lie_in_groups(self, make: Make, tmp_path: Path) -> None:
        """Each has its path as its name; a link back to the top leads nowhere, nothing hidden is looked into."""
        (tmp_path / "attacks" / "old").mkdir(parents=True)
        (tmp_path / ".git").mkdir()
        (tmp_path / "attacks" / "top").symlink_to(tmp_path)
        for name in ("attacks/one", "attacks/old/one", "one", ".git/one"):
            make(name=name)
        (tmp_path / "linked").symlink_to(tmp_path / "one")
        (tmp_path / "misnamed").mkdir()
        (tmp_path / "misnamed" / "expected.toml").write_text(EXPECT)
        (tmp_path / "empty").mkdir()
        found = scenario_folders(tmp_path)
        assert [name_in(tmp_path, path) for path in found] == ["attacks/old/one", "attacks/one", "linked", "one"]
        assert [name_in(tmp_path, path) for path in scenario_folders(tmp_path, "attacks/*")] == [
            "attacks/old/one",
            "attacks/one",
        ]
        assert without_expectation(tmp_path, found) == ["misnamed"]
        assert without_expectation(found[0], [found[0]]) == []

    def test_a_scenario_itself_may_be_given(self, make: Make) -> None:
        """The folder of one scenario is one."""
        folder = make()
        assert scenario_folders(folder) == [folder]

    def test_no_folder(self, tmp_path: Path) -> None:
        """What is not there, or is a file, is said."""
        (tmp_path / "file").write_text("x")
        for name, reason in (("absent", "No such file or directory"), ("file", "Not a directory"), ("a\0b", "null")):
            with pytest.raises(ScenarioError, match=f"cannot be listed: .*{reason}"):
                scenario_folders(tmp_path / name)


class TestFaults:
    def test_a_verdict_milder_than_that_of_a_container(self, make: Make) -> None:
        """The two cannot both be right."""
        assert fault(make(EXPECT + '[[containers]]\nid = "x"\nverdict = "alert"\n')) == (
            "story/expect.toml: containers[0].verdict: alert, and the whole scenario's is quiet; a scenario's verdict "
            "is that of its gravest container"
        )
        silenced = read_scenario(make(EXPECT + '[[containers]]\nid = "x"\nverdict = "silenced"\n', name="silenced"))
        assert silenced.expected.verdict == "quiet"

    def test_a_pattern_that_is_none(self, make: Make) -> None:
        """What is approved is checked before anything is learned."""
        folder = make(EXPECT + '[baseline]\napprove = [""]\n')
        (folder / "baseline").mkdir()
        (folder / "baseline" / "x.jsonl").write_text(RECORD)
        assert fault(folder) == "story/expect.toml: baseline.approve: a glob has 1 to 512 characters"

    def test_missing_policy(self, make: Make) -> None:
        """A scenario without a policy does not say what is trusted."""
        assert fault(make(policy__yaml=None)) == (
            "story/policy.yaml: is missing; every scenario has a policy of its own (an empty one is: version: 1)"
        )

    def test_faulty_policy(self, make: Make) -> None:
        """The policy's own faults, with their lines."""
        assert fault(make(policy__yaml="version: 1\ntrusts: []\n")) == (
            'story/policy.yaml:2: trusts: no such key; did you mean "trust"?'
        )

    def test_no_telemetry(self, make: Make) -> None:
        """Nothing to read is nothing to judge."""
        assert fault(make(events__jsonl=None)) == (
            "story: no telemetry; every file but policy.yaml and expect.toml would be read"
        )

    def test_nothing_to_learn_from(self, make: Make) -> None:
        """An empty folder `baseline`, and an approval without one."""
        folder = make()
        (folder / "baseline").mkdir()
        assert fault(folder) == ("story/baseline: no telemetry to learn from; leave the folder out to judge without")
        folder = make(EXPECT + '[baseline]\napprove = ["a/b/c"]\n', name="other")
        assert fault(folder).endswith("expect.toml: baseline.approve: there is no folder baseline to learn from")

    @pytest.mark.parametrize(
        ("expect", "sentence"),
        [
            ('about = "x"\nverdict = \n', "not TOML: Invalid value (at line 2, column 11)"),
            ('about = "x"\nverdct = "alert"\n', 'verdct: no such key; did you mean "verdict"?'),
            (EXPECT + '[[containers]]\nverdict = "quiet"\nimgae = "x"\n', "containers[0].imgae: no such key; the keys"),
            (EXPECT + "[[containers]]\nsverity = 1\n", 'containers[0].sverity: no such key; did you mean "severity"?'),
            (EXPECT + '[options]\nnod = "x"\n', 'options.nod: no such key; did you mean "node"?'),
            (EXPECT + '[baseline]\naprove = ["x"]\n', 'baseline.aprove: no such key; did you mean "approve"?'),
            ('verdict = "alert"\n', "Object missing required field `about`"),
            (EXPECT + 'label = "attacker"\n', "label: Invalid enum value 'attacker'; the words are attack, benign"),
            ('about = "x"\nverdict = "loud"\n', "verdict: Invalid enum value 'loud'; the words are alert, suspicious"),
            (EXPECT + '[[containers]]\nverdict = "x"\n', "the words are alert, suspicious, quiet, silenced"),
            (EXPECT + "containers = 3\n", "containers: Expected `array`, got `int`"),
            (EXPECT + '"\\u001b[2J" = 1\n', "\\x1b[2J: no such key; the keys here are about"),
        ],
    )
    def test_expectations(self, make: Make, expect: str, sentence: str) -> None:
        """One sentence: the file, the place, what is wrong, what would be right."""
        told = fault(make(expect))
        assert told.startswith("story/expect.toml: ")
        assert sentence in told
        assert "\n" not in told
        assert "\x1b" not in told

    def test_too_large_and_no_text(self, make: Make) -> None:
        """A file of another kind under that name costs no more than a look at it."""
        folder = make("#" * (1 << 20) + "\n")
        assert fault(folder) == "story/expect.toml: larger than 1048576 bytes"
        (folder / "expect.toml").write_bytes(b'about = "\xff"')
        assert fault(folder) == "story/expect.toml: is not UTF-8 text (byte 9)"

    def test_nested_without_end(self, make: Make) -> None:
        """Depth is a fault and no crash."""
        told = fault(make(EXPECT + "secrets = " + "[" * 50_000 + "\n"))
        assert told.startswith("story/expect.toml: ")
