"""Proves that the repositories which telemetry names are counted, by record and in one spelling."""

from pathlib import Path

import pytest

from tidewaiter.edge.census import count_repositories

EVENTS = """\
{"Type":"image","Action":"pull","Actor":{"ID":"nginx:1.27","Attributes":{"name":"nginx"}},"time":1790000000,"timeNano":1790000000000000000}
{"Type":"image","Action":"pull","Actor":{"ID":"index.docker.io/library/nginx:latest","Attributes":{}},"time":1790000001,"timeNano":1790000001000000000}
{"Type":"container","Action":"create","Actor":{"ID":"ID","Attributes":{"image":"registry.example/shop/web:1","name":"w"}},"time":1790000002,"timeNano":1790000002000000000}
{"Type":"container","Action":"create","Actor":{"ID":"ID","Attributes":{"image":"0a9f5f6dc53a","name":"v"}},"time":1790000003,"timeNano":1790000003000000000}
{"Type":"image","Action":"pull","Actor":5}
nothing
""".replace("ID", "ab" * 32, 0).replace('"ID":"ID"', f'"ID":"{"ab" * 32}"')
POD = """\
{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"1b2c","stage":"ResponseComplete",
"requestURI":"/api/v1/namespaces/shop/pods","verb":"create","user":{"username":"alice"},"objectRef":{"resource":"pods",
"namespace":"shop","apiVersion":"v1"},"responseStatus":{"code":201},"requestObject":{"kind":"Pod","apiVersion":"v1",
"metadata":{"name":"web","namespace":"shop"},"spec":{"containers":[{"name":"a","image":"quay.io/shop/a:1"},
{"name":"b","image":"quay.io/shop/a:2"},{"name":"c","image":"busybox"}]}},
"requestReceivedTimestamp":"2026-09-21T06:00:00.000000Z","stageTimestamp":"2026-09-21T06:00:00.100000Z"}
""".replace("\n", "")


def test_each_record_counts_once_for_each_repository_it_names(tmp_path: Path) -> None:
    """Aliases of one registry are one; ids are no repositories; the most named come first."""
    (tmp_path / "docker.jsonl").write_text(EVENTS)
    (tmp_path / "audit.log").write_text(POD)
    problems: list[str] = []
    missing = str(tmp_path / "nothing")
    counts = count_repositories([str(tmp_path), missing], lambda path, sentence: problems.append(path))
    assert problems == [missing]
    assert list(counts.items()) == [
        ("docker.io/library/nginx", 2),
        ("docker.io/library/busybox", 1),
        ("quay.io/shop/a", 1),
        ("registry.example/shop/web", 1),
    ]


def test_a_file_without_images_is_an_empty_count_and_no_file_is_an_error(tmp_path: Path) -> None:
    """An empty folder is told apart from telemetry that names no image."""
    with pytest.raises(FileNotFoundError):
        count_repositories([str(tmp_path)], lambda path, sentence: None)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert count_repositories([str(tmp_path)], lambda path, sentence: None) == {}
