"""Proves `tidewaiter explain` from outside: ids, files of every form, faults in one sentence, and where output goes."""

import gzip
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sample_incidents import pods_incident

from made_explanations import HOSTILE, containers, hostile, rich_alert
from tidewaiter.alert import Output
from tidewaiter.cli import main
from tidewaiter.sinks._page import unpainted
from tidewaiter.sinks.jsonl import encode

GOLDEN = Path(__file__).parents[1] / "golden" / "explain"
RECORDS: list[Output] = [rich_alert(), pods_incident(), *containers()]


def explain(*arguments: object, stdin: bytes = b"", width: int = 100) -> Result:
    """Run the command; anything but an exit status is a failure."""
    result = CliRunner().invoke(main, ["explain", *map(str, arguments)], input=stdin, env={"COLUMNS": str(width)})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def assert_refused(result: Result, *words: str) -> None:
    """Exit status 2, one sentence, nothing on stdout."""
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def lines(outputs: list[Output]) -> bytes:
    """As `hunt` writes them."""
    return b"".join(encode(output) for output in outputs)


@pytest.fixture
def alerts(workroom: Path) -> Path:
    """A file of a run."""
    path = workroom / "alerts.jsonl"
    path.write_bytes(lines(RECORDS))
    return path


ID = rich_alert().id


@pytest.mark.parametrize("width", [80, 120])
def test_golden(alerts: Path, width: int) -> None:
    """What people read; UPDATE_GOLDEN=1 rewrites the file."""
    text = explain(ID, "--from", alerts, width=width).stdout
    path = GOLDEN / f"rich-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_lines_keep_to_the_width(alerts: Path) -> None:
    """But for a word that is longer by itself."""
    for width in (60, 80, 100):
        for line in explain(ID, "--from", alerts, width=width).stdout.splitlines():
            assert len(line) <= width or max(map(len, line.split())) > width - 35, line


def test_hostile_text_cannot_steer_the_terminal(workroom: Path) -> None:
    (workroom / "h.jsonl").write_bytes(lines(hostile()))
    name = json.loads(lines(hostile()).splitlines()[0])["id"]
    result = explain(name, "--from", "h.jsonl")
    assert result.exit_code == 0
    assert unpainted(result.stdout) == result.stdout
    assert all(line.isprintable() for line in result.stdout.splitlines())


@pytest.mark.parametrize("typed", [ID, ID[:6], pods_incident().id, pods_incident().id[:5]])
def test_whole_ids_and_their_beginnings(alerts: Path, typed: str) -> None:
    document = json.loads(explain(typed, "--from", alerts, "--format", "json").stdout)
    assert document["alert"]["id"] == ID
    assert document["asked"] == ("incident" if pods_incident().id.startswith(typed) else "alert")
    assert len(document["silent"]) == 3


def test_unknown_id_is_offered_the_nearest(alerts: Path) -> None:
    assert_refused(
        explain(f"{ID[:-2]}zz", "--from", alerts), "no alert and no incident has this id", f"nearest are {ID}"
    )


@pytest.mark.parametrize("name", ["alerts.jsonl.gz", "folder", "-", "several"])
def test_files_of_every_form(alerts: Path, name: str) -> None:
    """Compressed, in a folder, on standard input, apart from each other: the explanation is the same."""
    data = alerts.read_bytes()
    wanted = explain(ID, "--from", alerts).stdout
    if name == "-":
        env = {**os.environ, "COLUMNS": "100"}
        command = [sys.executable, "-c", "from tidewaiter.cli import main; main()", "explain", ID, "--from", "-"]
        ran = subprocess.run(command, input=data, capture_output=True, check=True, env=env)  # noqa: S603 - our own
        assert ran.stdout.decode() == wanted
        return
    alerts.unlink()
    sources = [name]
    if name == "folder":
        Path("folder").mkdir()
        Path("folder/a.jsonl").write_bytes(data)
    elif name == "several":
        parts = data.splitlines(keepends=True)
        Path("one.jsonl").write_bytes(b"".join(parts[1:]))
        Path("two.jsonl").write_bytes(parts[0])
        sources = ["one.jsonl", "two.jsonl"]
    else:
        Path(name).write_bytes(gzip.compress(data))
    assert explain(ID, *(part for source in sources for part in ("--from", source))).stdout == wanted


def test_named_pipe_is_read_twice_like_a_file(alerts: Path) -> None:
    """`--from <(zcat ..)`: what can be read once only is kept until it has been read again."""
    wanted = explain(ID, "--from", alerts).stdout
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(alerts.read_bytes()), daemon=True)
    writer.start()
    assert explain(ID, "--from", "pipe").stdout == wanted
    writer.join()


def test_broken_lines_are_counted(alerts: Path) -> None:
    alerts.write_bytes(b'{"kind":"alert","id":7}\nnot json\n\n[1]\n\xff\xfe\n' + alerts.read_bytes() + b'{"kind":"al')
    result = explain(ID, "--from", alerts)
    assert result.exit_code == 0
    assert "5 lines are no record of tidewaiter and were left out" in result.stderr


def test_an_alert_of_which_only_the_name_can_be_read_is_told_as_damaged(alerts: Path) -> None:
    """Not as one that is not there, beside its own name as the nearest."""
    record = json.loads(alerts.read_bytes().splitlines()[0])
    Path("damaged.jsonl").write_text(json.dumps({**record, "severity": "huge\x1b[2J"}) + "\n")
    told = f'"{record["id"]}": the record of the alert {record["id"]} is damaged and says nothing'
    assert_refused(explain(record["id"], "--from", "damaged.jsonl"), told, r"'huge\x1b[2J' - at `$.severity`")
    assert explain(record["id"], "--from", "damaged.jsonl", "--from", alerts).exit_code == 0


def test_ids_in_a_file_cannot_steer_the_terminal(alerts: Path) -> None:
    """Nor fill it: they are offered as the nearest, and as those that a beginning fits."""
    record = json.loads(alerts.read_bytes().splitlines()[0])
    names = [f"abcd\x1b[31m\u202e{letter}" + "z" * 5000 for letter in "xy"]
    Path("hostile.jsonl").write_text("".join(json.dumps({**record, "id": name}) + "\n" for name in names))
    for typed in ("abcd", "abce\x1b[31m"):
        result = explain(typed, "--from", "hostile.jsonl")
        assert_refused(result, r"abcd\x1b[31m\u202e")
        assert result.stderr.strip().isprintable()
        assert len(result.stderr) < 600


def test_file_that_was_cut_short_is_read_so_far(alerts: Path) -> None:
    data = gzip.compress(alerts.read_bytes() + os.urandom(100_000).hex().encode())
    alerts.write_bytes(data[:-20_000])
    result = explain(ID, "--from", alerts)
    assert result.exit_code == 0
    assert "alerts.jsonl: " in result.stderr


def test_file_that_holds_no_alert_is_told(workroom: Path) -> None:
    Path("x.jsonl").write_text('{"Type":"container","Action":"start"}\n')
    assert_refused(explain("abcd", "--from", "x.jsonl"), "x.jsonl: holds no alert", "--format jsonl", "container")
    Path("empty").write_text("")
    assert_refused(explain("abcd", "--from", "empty"), "empty: holds no alert")
    assert_refused(explain("abcd", "--from", "none.jsonl"), "none.jsonl: no such file or folder")
    Path("nothing").mkdir()
    assert_refused(explain("abcd", "--from", "nothing"), "no path given holds a file")


def test_name_of_a_file_cannot_steer_the_terminal(workroom: Path) -> None:
    assert_refused(explain("abcd", "--from", "\x1b[31mx"), r"\x1b[31mx: no file has a name like this")


def test_policy_says_how_long_the_window_is(alerts: Path) -> None:
    Path("policy.yaml").write_text("version: 1\ntime_window: 2s\n")
    document = json.loads(explain(ID, "--from", alerts, "--policy", "policy.yaml", "--format", "json").stdout)
    assert document["timeline"]["window_ns"] == 2_000_000_000
    assert {step["place"] for step in document["timeline"]["steps"]} >= {"inside", "late"}


class TestOutput:
    def test_goes_to_the_file_and_leaves_nothing_beside_it(self, alerts: Path) -> None:
        result = explain(ID, "--from", alerts, "--format", "html", "-o", "alert.html")
        assert (result.exit_code, result.stdout) == (0, "")
        assert Path("alert.html").read_text(encoding="utf-8").startswith("<!doctype html>")
        assert sorted(path.name for path in Path().iterdir()) == ["alert.html", "alerts.jsonl"]

    def test_file_that_is_there_is_replaced_and_keeps_its_mode(self, alerts: Path) -> None:
        Path("alert.txt").write_text("old")
        Path("alert.txt").chmod(0o640)
        assert explain(ID, "--from", alerts, "-o", "alert.txt").exit_code == 0
        assert Path("alert.txt").read_text(encoding="utf-8").startswith("ALERT critical")
        assert stat.S_IMODE(Path("alert.txt").stat().st_mode) == 0o640

    def test_link_leads_to_the_file(self, alerts: Path) -> None:
        Path("link").symlink_to("real.txt")
        assert explain(ID, "--from", alerts, "-o", "link").exit_code == 0
        assert Path("link").is_symlink()
        assert Path("real.txt").read_text(encoding="utf-8").startswith("ALERT critical")

    def test_folder_is_not_written_over(self, alerts: Path) -> None:
        Path("there").mkdir()
        assert_refused(explain(ID, "--from", alerts, "-o", "there"), "there: is a folder")
        assert_refused(explain(ID, "--from", alerts, "-o", "/dev/null"), "/dev/null: is no ordinary file")
        assert_refused(
            explain(ID, "--from", alerts, "-o", "none/x.html"), "none/x.html: cannot be written: No such file"
        )
        assert list(Path("there").iterdir()) == []

    def test_json_is_printable(self, workroom: Path) -> None:
        Path("h.jsonl").write_bytes(lines(hostile()))
        name = json.loads(lines(hostile()).splitlines()[0])["id"]
        result = explain(name, "--from", "h.jsonl", "--format", "json")
        assert result.stdout.rstrip("\n").isprintable()
        assert json.loads(result.stdout)["alert"]["title"] == HOSTILE


def test_alerts_are_not_written_over(alerts: Path) -> None:
    """By whatever name they are given."""
    before = alerts.read_bytes()
    (alerts.parent / "link").symlink_to(alerts)
    for output in (alerts, alerts.parent / "link"):
        asked = explain(rich_alert().id, "--from", alerts.parent / "*.jsonl", "-o", output)
        assert_refused(asked, "is what --from reads", "name another file")
    assert alerts.read_bytes() == before
