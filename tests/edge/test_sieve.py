"""Checks the sieve line by line: what is left out, what is handed on with which number, and where it stops."""

import json
from typing import Any

import pytest

from tidewaiter.edge.batch import Batch
from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader
from tidewaiter.edge.sieve import Sieve, skipper
from tidewaiter.sources import Skim, sources

QUIET, ARMED = "4c01db0b339c" + "77aa" * 13, "9e" * 32
SETTLED = {QUIET.encode(), QUIET[:12].encode()}
TIME = "2026-09-21T14:13:44.074027776Z"


def compact(value: Any) -> bytes:
    """JSON as producers write it."""
    return json.dumps(value, separators=(",", ":")).encode()


def tetragon(docker: str, arguments: str = "", **members: Any) -> bytes:
    """An execution, told by the id in the cgroup."""
    process = {"pid": 7, "binary": "/usr/bin/curl", "arguments": arguments, **members, "docker": docker}
    return compact({"process_exec": {"process": process}, "node_name": "n1", "time": TIME})


def falco(container: str) -> bytes:
    """An execution, told by the short id."""
    fields = {"container.id": container, "evt.type": "execve", "proc.cmdline": "curl", "proc.exepath": "/usr/bin/curl"}
    return compact({"hostname": "n1", "output": "x", "output_fields": fields, "rule": "r", "time": TIME})


def laurel(container: str) -> bytes:
    """An execution, told by the whole id."""
    said = {"success": "yes", "pid": 2, "ppid": 1, "comm": "curl", "exe": "/usr/bin/curl", "SYSCALL": "execve"}
    executed = {"EXECVE": {"ARGV": ["curl"]}, "CONTAINER_INFO": {"ID": container}}
    return compact({"ID": "1790000024.074:1", "SYSCALL": said, **executed})


def docker_start(container: str) -> bytes:
    """A start, as Docker tells it."""
    actor = {"ID": container, "Attributes": {"image": "x"}}
    moment = {"time": 1790000000, "timeNano": 1790000000000000000}
    return compact({"Type": "container", "Action": "start", "Actor": actor, "scope": "local", **moment})


def sieve() -> Sieve:
    """A sieve for which one container is quiet."""
    return Sieve(sources(), SETTLED)


def read(*chunks: bytes, with_sieve: bool = True) -> list[Batch]:
    """The batches of a stream that comes in these chunks."""
    reader = Reader("s", recogniser_of(), None, sieve() if with_sieve else None)
    return [*map(reader.feed, chunks), reader.finish()]


def handed_on(batches: list[Batch]) -> list[tuple[int, str]]:
    """(line, source) of what is to be decoded."""
    return [entry for batch in batches for entry in zip(batch.offsets, batch.sources, strict=True)]


def skips(source: str, record: bytes, settled: set[bytes] = SETTLED) -> bool:
    """Whether one record is left out."""
    skim = sources()[source].skim
    assert skim is not None
    return skipper(skim, settled)(record, 0, len(record))


class TestSift:
    """Sorting the whole lines of a chunk."""

    def test_quiet_lines_are_counted_and_the_rest_keeps_its_numbers(self) -> None:
        """By source; ends say where each line ends in the chunk."""
        lines = [
            tetragon(QUIET[:15]),
            tetragon(ARMED[:15]),
            falco(QUIET[:12]),
            laurel(QUIET),
            b"text",
            falco(ARMED[:12]),
        ]
        data = b"".join(line + b"\n" for line in lines)
        sifted = sieve().sift(data, 0, 10)
        assert sifted.skipped == {"tetragon": 1, "falco": 1, "laurel": 1}
        assert sifted.lines == [lines[1], lines[4], lines[5]]
        assert sifted.numbers == [11, 14, 15]
        assert [data[:end].endswith(line + b"\n") for end, line in zip(sifted.ends, sifted.lines, strict=True)] == [
            True
        ] * 3
        assert (sifted.stop, sifted.number) == (len(data), 16)

    def test_it_begins_where_it_is_told_to_and_leaves_the_unfinished_line(self) -> None:
        """What stands before is another's, what stands behind has no end yet."""
        line = tetragon(QUIET[:15])
        data = line + b"\n" + line + b"\n" + line
        sifted = sieve().sift(data, len(line) + 1, 2)
        assert (sifted.skipped, sifted.lines) == ({"tetragon": 1}, [])
        assert (sifted.stop, sifted.number) == (2 * len(line) + 2, 3)

    @pytest.mark.parametrize("opening", [b"[", b'{"items":[', b" ", b"\t{", b"\xef\xbb\xbf{", tetragon(QUIET) + b","])
    def test_it_stops_at_a_line_that_may_open_a_document(self, opening: bytes) -> None:
        """From there on the reader decides."""
        line = tetragon(QUIET[:15])
        sifted = sieve().sift(line + b"\n" + opening + b"\n" + line + b"\n", 0, 1)
        assert (sifted.skipped, sifted.lines) == ({"tetragon": 1}, [])
        assert (sifted.stop, sifted.number) == (len(line) + 1, 2)

    def test_carriage_returns_belong_to_no_line(self) -> None:
        """Quiet or not."""
        data = tetragon(QUIET[:15]) + b"\r\n" + tetragon(ARMED[:15]) + b"\r\ntext\r\n"
        sifted = sieve().sift(data, 0, 1)
        assert sifted.skipped == {"tetragon": 1}
        assert sifted.lines == [tetragon(ARMED[:15]), b"text"]
        assert sifted.numbers == [2, 3]

    def test_no_data_is_nothing(self) -> None:
        """An empty chunk, or one without an end of line."""
        assert sieve().sift(b"", 0, 1).stop == 0
        assert sieve().sift(tetragon(QUIET), 0, 1).stop == 0

    def test_names_that_become_quiet_later_count_at_once(self) -> None:
        """The set is looked into, not copied."""
        settled: set[bytes] = set()
        made = Sieve(sources(), settled)
        data = tetragon(QUIET[:15]) + b"\n"
        assert made.sift(data, 0, 1).skipped == {}
        settled.add(QUIET[:12].encode())
        assert made.sift(data, 0, 1).skipped == {"tetragon": 1}
        settled.clear()
        assert made.sift(data, 0, 1).skipped == {}


class TestSkipper:
    """Judging one record."""

    @pytest.mark.parametrize(
        ("source", "record"),
        [
            ("tetragon", tetragon(QUIET[:15])),
            ("tetragon", tetragon(QUIET[:31])),
            ("tetragon", tetragon(QUIET[:15], pod={"name": "p", "container": {"id": f"containerd://{QUIET}"}})),
            ("tetragon", tetragon(QUIET[:15], pod={"name": "p", "container": {"id": f"docker://{QUIET[:20]}"}})),
            ("tetragon", compact({"process_exec": {"process": {"pid": 1, "binary": "/sbin/init"}}, "time": TIME})),
            ("falco", falco(QUIET[:12])),
            ("falco", falco(QUIET[:12]).replace(b'":', b'": ')),
            ("laurel", laurel(QUIET)),
        ],
    )
    def test_a_record_of_a_quiet_container_is_left_out(self, source: str, record: bytes) -> None:
        """In every form of its id, with and without a blank behind the colon."""
        assert skips(source, record)
        is_of_the_host = QUIET[:12].encode() not in record
        assert skips(source, record, {ARMED.encode(), ARMED[:12].encode()}) is is_of_the_host

    @pytest.mark.parametrize(
        ("source", "record"),
        [
            ("tetragon", tetragon(QUIET[:15]).replace(b'"docker"', b'"d\\u006fcker"')),
            ("tetragon", tetragon(QUIET[:15]).replace(b'"docker":', b'"docker" :')),
            ("tetragon", tetragon(QUIET[:15]).replace(b'"docker":', b'"docker":  ')),
            ("tetragon", tetragon(QUIET[:15]).replace(b"curl", b"\\u0063url")),
            ("tetragon", tetragon(QUIET[:11])),
            ("tetragon", tetragon("")),
            ("tetragon", tetragon(QUIET[:15], pod={"name": "p"})),
            ("tetragon", tetragon(QUIET[:15], pod={"name": "p", "container": {"name": "a", "id": f"containerd://{QUIET}"}})),
            ("tetragon", tetragon(QUIET[:15], pod={"name": "p", "container": {"id": f"containerd://{ARMED}"}})),
            ("tetragon", tetragon(ARMED[:15], pod={"name": "p", "container": {"id": f"containerd://{QUIET}"}})),
            ("tetragon", tetragon(ARMED[:15], json.dumps({"docker": QUIET[:15]}))),
            ("falco", falco(ARMED[:12])),
            ("falco", falco("host")),
            ("falco", falco(QUIET[:12]).replace(b'"container.id"', b'"container.full_id":null,"container.id"')),
            ("falco", falco(QUIET[:12]).replace(b'"container.id":"', b'"other":"')),
            ("laurel", laurel(ARMED)),
            ("laurel", laurel(QUIET[:12] + ARMED[:52])),
            ("laurel", laurel(QUIET).replace(b'{"ID":"' + QUIET.encode(), b'{"PID":1,"ID":"' + QUIET.encode())),
        ],
    )  # fmt: skip
    def test_any_other_record_is_read(self, source: str, record: bytes) -> None:
        """Another container, a name too short, a shape that is not the producer's own."""
        assert not skips(source, record)

    def test_text_that_looks_like_an_id_is_no_name(self) -> None:
        """An argument that pretends to be a member, of a quiet container and of one that is not."""
        for pretended in (QUIET, ARMED):
            fake = json.dumps({"docker": pretended[:15], "pod": {"container": {"id": pretended}}})
            assert skips("tetragon", tetragon(QUIET[:15], fake))
            assert not skips("tetragon", tetragon(ARMED[:15], fake))

    def test_a_whole_id_must_be_known_whole(self) -> None:
        """Two containers share the first 12 characters: only one of them is quiet."""
        twin = QUIET[:12] + "0" * 52
        settled = {QUIET.encode()}
        assert skips("laurel", laurel(QUIET), settled)
        assert not skips("laurel", laurel(twin), settled)
        assert not skips("tetragon", tetragon(QUIET[:15]), settled)
        assert not skips("laurel", laurel(twin), settled | {QUIET[:12].encode()})

    def test_only_what_stands_before_the_id_itself_is_its_scheme(self) -> None:
        """`://` in the next member is that member's own."""
        bare = tetragon(QUIET[:15]).replace(
            b'"docker":"' + QUIET[:15].encode(), b'"docker":"","x":"a://' + QUIET.encode()
        )
        assert QUIET.encode() in bare
        assert not skips("tetragon", bare)

    def test_words_alone_decide_where_there_are_no_keys(self) -> None:
        """A record that holds none of one group has nothing to say."""
        can_skip = skipper(Skim(prefixes=(b"{",), words=((b'"pods"', b'"jobs"'), (b'"create"',))), set())
        for left_out in (b'{"resource":"leases","verb":"create"}', b'{"resource":"pods","verb":"list"}'):
            assert can_skip(left_out, 0, len(left_out))
        for read in (b'{"resource":"jobs","verb":"create"}', rb'{"resource":"pod\u0073","verb":"list"}'):
            assert not can_skip(read, 0, len(read))

    @pytest.mark.parametrize(
        ("escape", "is_left_out"),
        [
            (rb"\u0026", True),
            (rb"\u003c", True),
            (rb"\u003E", True),
            (rb"\u2028", True),
            (rb"\u0064", False),
            (rb"\u0022", False),
            (rb"\u005c", False),
            (rb"\u002", False),
            (rb"\u00e9", False),
        ],
    )
    def test_what_go_escapes_hides_no_name(self, escape: bytes, is_left_out: bool) -> None:
        """`a && b > c` is on many command lines; a letter of a member's name is none of these."""
        record = tetragon(QUIET[:15], "-c X").replace(b"X", escape)
        assert skips("tetragon", record) is is_left_out
        both = tetragon(QUIET[:15], "-c X").replace(b"X", rb"\u0026 " + escape)
        assert skips("tetragon", both) is is_left_out

    @pytest.mark.parametrize(
        "record",
        [
            b'{"process_exec":{"process":{"docker":',
            b'{"process_exec":{"process":{"docker": ',
            b'{"process_exec":{"process":{"pod":{"container":{"id":',
        ],
    )
    def test_a_record_that_is_cut_behind_a_key_is_read(self, record: bytes) -> None:
        """The last line of a file whose writer died."""
        assert not skips("tetragon", record)

    @pytest.mark.parametrize("record", [tetragon(QUIET[:15]), laurel(QUIET), falco(QUIET[:12])])
    def test_a_record_that_is_cut_elsewhere_is_survived(self, record: bytes) -> None:
        """After any other byte."""
        for source in ("tetragon", "laurel", "falco"):
            for end in range(len(record)):
                if not record[:end].rstrip().endswith(b":"):
                    skips(source, record[:end])


class TestInTheReader:
    """Reading a stream with a sieve."""

    def test_elements_of_an_array_are_all_read(self) -> None:
        """Lines that end with a comma are parts of a document, quiet or not."""
        batches = read(b"[\n" + tetragon(QUIET[:15]) + b",\n" + tetragon(ARMED[:15]) + b"\n]\n")
        assert handed_on(batches) == [(1, "tetragon"), (2, "tetragon")]
        assert not any(batch.skipped for batch in batches)

    def test_what_stands_behind_a_document_in_the_same_chunk_keeps_its_number(self) -> None:
        """The chunk is sifted up to the document, and read by lines behind it."""
        document = b'{"items":[\n' + falco(ARMED[:12]) + b"\n]}\n"
        lines = tetragon(QUIET[:15]) + b"\n" + docker_start(ARMED) + b"\n" + document + tetragon(ARMED[:15]) + b"\n"
        batches = read(lines)
        assert handed_on(batches)[0] == (2, "docker_events")
        assert handed_on(batches)[-1] == (6, "tetragon")
        assert [source for _, source in handed_on(batches)] == ["docker_events", "falco", "tetragon"]

    @pytest.mark.parametrize("step", [1, 7, 100, 5000])
    def test_chunks_may_be_cut_anywhere(self, step: int) -> None:
        """Numbers and the sum of lines stay."""
        lines = [tetragon(QUIET[:15]), falco(ARMED[:12]), laurel(QUIET), b"text", tetragon(ARMED[:15])] * 3
        data = b"".join(line + b"\n" for line in lines)
        batches = read(*(data[start : start + step] for start in range(0, len(data), step)))
        armed = [entry for entry in handed_on(batches) if entry[0] % 5 in (2, 0)]
        assert armed == [(2, "falco"), (5, "tetragon"), (7, "falco"), (10, "tetragon"), (12, "falco"), (15, "tetragon")]
        assert sum(batch.records_total for batch in batches) == len(lines)

    @pytest.mark.parametrize(
        "others", [[docker_start(ARMED)], [tetragon(ARMED[:15])], [laurel(ARMED), falco(QUIET[:12])]]
    )
    def test_a_list_in_an_envelope_with_the_opening_of_a_sensor_is_read(self, others: list[bytes]) -> None:
        """A collector's batch `{"hostname":..,"records":[..]}` holds records of others beside a quiet one of Falco."""
        line = b'{"hostname":"n1","records":[' + b",".join([falco(QUIET[:12]), *others]) + b"]}\n"
        without = handed_on(read(line, with_sieve=False))
        assert len(without) == 1 + len(others)
        assert handed_on(read(line)) == without
