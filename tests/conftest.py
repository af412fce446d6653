"""Gives every test the shared recordings where they are present, sources made for tests, and ways to read and write."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidewaiter.baseline import Profile
from tidewaiter.completeness import Completeness
from tidewaiter.edge.batch import Batch
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve
from tidewaiter.event import Event, Where
from tidewaiter.policy import TrustPolicy
from tidewaiter.sources import Source

pytest_plugins = ("live_fixtures", "technique_indexes")


@pytest.fixture(scope="session", autouse=True)
def _no_store_of_its_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What whoever runs the tests has imported or watched has no say in them."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
            environment.setenv(name, str(tmp_path_factory.mktemp("home")))
        yield


SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write the golden files anew."""
    parser.addoption("--refresh", action="store_true", help="write the golden files of tests/samples anew")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public samples and recordings beside the project; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared recordings are not beside this checkout; what they would prove was not proven")
    return SHARED


def _nothing(record: bytes, where: Where) -> Iterator[Event]:
    return iter(())


def _toy(**how: Any) -> Source:
    return Source(title="Toy", log_sources=("toy",), cannot_see="anything", decode=_nothing, **how)


@pytest.fixture(scope="session")
def toys() -> Mapping[str, Source]:
    """Sources that stand for each way of recognising.

    `flat` has an opening; `deep` is told by a nested object; `text` are lines of text; `joined` spreads an event over
    lines with one key; `table` has rows below header lines.
    """
    return {
        "flat": _toy(prefixes=(b'{"flat":', b'{"flat2":'), recognise=lambda found: "flat" in found or "flat2" in found),
        "deep": _toy(recognise=lambda found: isinstance(found.get("deep"), dict) and "id" in found["deep"]),
        "text": _toy(recognise_text=lambda line: line.startswith(b"TEXT ")),
        "joined": _toy(
            recognise_text=lambda line: line.startswith(b"JOINED "),
            join_key=lambda line: line.split(b" ")[1] if line.count(b" ") > 1 else None,
        ),
        "table": _toy(
            recognise_text=lambda line: line.startswith(b"row\t"), is_header=lambda line: line.startswith(b"#")
        ),
    }


class Account(msgspec.Struct):
    """All that was read of one stream."""

    records: list[tuple[str, bytes, int, str | None, int]] = []
    """(source, record, offset, node, weight) of each."""
    unrecognised: int = 0
    rejected: int = 0
    headers: int = 0
    blank: int = 0
    skipped: int = 0
    whys: list[str] = []
    problems: list[str] = []

    @property
    def sources(self) -> list[str]:
        """The source of each record."""
        return [record[0] for record in self.records]

    @property
    def lines(self) -> int:
        """How many lines are accounted for, where no line is a list or a part of a document."""
        weights = sum(record[4] for record in self.records)
        return weights + self.unrecognised + self.rejected + self.headers + self.blank + self.skipped

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "Account":
        """Add up batches."""
        account = cls()
        for batch in batches:
            assert len(batch.records) == len(batch.sources) == len(batch.offsets)
            for index, record in enumerate(batch.records):
                where = batch.where(index)
                entry = (where.source, record, where.offset, where.node, batch.weight(index))
                account.records.append(entry)
            account.unrecognised += batch.unrecognised
            account.rejected += batch.rejected
            account.headers += batch.headers
            account.blank += batch.blank
            account.skipped += sum(batch.skipped.values())
            account.whys += [unread.why for unread in batch.unread]
            account.problems += batch.problems
        return account


ReadBytes = Callable[..., Account]


@pytest.fixture(scope="session")
def read_bytes(toys: Mapping[str, Source]) -> ReadBytes:
    """Read bytes as one stream: `read_bytes(data, cuts=(), options=None, recogniser=None, sieve=None)`."""
    known = Recogniser(toys)

    def read(
        data: bytes,
        cuts: Iterable[int] = (),
        options: ReadOptions | None = None,
        recogniser: Recogniser | None = None,
        sieve: Sieve | None = None,
    ) -> Account:
        reader = Reader("stream", recogniser or known, options, sieve)
        ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
        starts = [0, *ends[:-1]]
        batches = [reader.feed(data[start:end]) for start, end in zip(starts, ends, strict=True)]
        return Account.of([*batches, reader.finish()])

    return read


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of records or of bytes: `write(content, name="events.jsonl")`."""

    def written(content: list[bytes] | bytes, name: str = "events.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else b"".join(record + b"\n" for record in content))
        return path

    return written


@pytest.fixture
def workroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, so that names in the output are short; 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


Compare = Callable[[str, str], None]


def _golden(request: pytest.FixtureRequest, folder: str) -> Compare:
    def compare(name: str, text: str) -> None:
        file = Path(__file__).parent / "golden" / folder / name
        if request.config.getoption("--refresh"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def image_golden(request: pytest.FixtureRequest) -> Compare:
    """Compares a text with the file of that name in tests/golden/image; --refresh writes it."""
    return _golden(request, "image")


@pytest.fixture
def baseline_golden(request: pytest.FixtureRequest) -> Compare:
    """Compares a text with the file of that name in tests/golden/baseline; --refresh writes it."""
    return _golden(request, "baseline")


@pytest.fixture
def known_completeness(monkeypatch: pytest.MonkeyPatch) -> None:
    """How complete baselines are shown to be, whatever the estimate says: half known, and immature."""

    def half(profiles: tuple[Profile, ...], policy: TrustPolicy) -> Completeness:
        units, starts = (sum(getattr(one, name) for one in profiles) for name in ("units", "starts"))
        return Completeness(0.5, 0.6, 1.0, units, 1, starts, 2, 3, is_mature=False)

    for module in ("_baseline_known", "_baseline_show"):
        monkeypatch.setattr(f"tidewaiter.cli.{module}.completeness_of", half)
