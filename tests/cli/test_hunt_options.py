"""Checks every option of `tidewaiter hunt`."""

import json

import pytest
from hunting import (
    CONFIG,
    CONTAINER,
    IMAGE,
    INDEX,
    MANIFEST,
    POLICY,
    SECRET,
    STRANGER,
    Write,
    alerts,
    falco,
    hunt,
    pulled,
    quiet,
    story,
    summary,
    time_of,
    told,
)

# ------------------------------------------------------------------------------------------- options


def test_a_policy_decides_who_is_trusted(write: Write) -> None:
    """The same behaviour of an image that somebody vouches for is silent, and no advice is given."""
    policy = write(POLICY.encode(), "policy.yaml")
    path = write(story(image="registry.corp.example/web:1"))
    result = hunt(path, "--policy", policy, "--format", "jsonl")
    assert (result.exit_code, alerts(result), result.stderr) == (0, [], "")
    [alert] = alerts(hunt(path, "--format", "jsonl"))
    assert alert["trust"] == {"state": "untrusted", "rule": "default", "origins": ["registry.corp.example/web"]}


def test_a_required_source_that_never_spoke_is_incomplete(write: Write) -> None:
    """One that did is not."""
    path = write(quiet())
    assert hunt(path, "--require", "docker_events").exit_code == 0
    result = hunt(path, "--require", "docker_events", "--require", "hubble", "--format", "jsonl")
    assert (result.exit_code, summary(result)["complete"]) == (3, False)
    assert "incomplete: hubble: required" in result.stderr


def test_attribution_below_the_floor_is_incomplete(write: Write) -> None:
    """Half of Falco's records are of a container that nobody knows; no floor unless one is given."""
    path = write([*quiet(), falco(11, "id"), falco(5, container=STRANGER), falco(12, "curl http://10.0.0.7/x")])
    result = hunt(path, "--format", "jsonl", "--min-attribution", "0.9")
    assert summary(result)["sources"]["falco"]["unattributed"] == 1
    assert summary(result)["complete"] is False
    assert "incomplete: falco: 1 of " in result.stderr
    assert summary(hunt(path, "--format", "jsonl", "--min-attribution", "0.1"))["complete"] is True
    assert summary(hunt(path, "--format", "jsonl"))["complete"] is True


@pytest.mark.parametrize(
    ("arguments", "is_found"),
    [
        (["--since", "2026-09-21T14:13:31Z"], True),
        (["--since", "2026-09-21T14:13:32Z"], False),
        (["--until", "2026-09-21T14:13:31Z"], True),
        (["--until", "2026-09-21T14:13:30Z"], False),
        (["--since", "2026-09-21", "--until", "2026-09-22"], True),
        (["--since", "2026-09-22"], False),
        (["--until", "2026-09-21"], False),
    ],
)
def test_since_and_until_bound_the_behaviour(write: Write, arguments: list[str], is_found: bool) -> None:
    """Both inclusive; every record is counted all the same."""
    result = hunt(write(story()), *arguments, "--format", "jsonl")
    assert bool(alerts(result)) is is_found
    assert summary(result)["records"] == 3


def test_containers_tells_of_those_without_an_alert(write: Write) -> None:
    """In JSON lines when asked for; in text always where there are few."""
    path = write(quiet())
    assert [record["kind"] for record in told(hunt(path, "--format", "jsonl"))] == ["summary"]
    container, _ = told(hunt(path, "--format", "jsonl", "--containers"))
    assert (container["kind"], container["verdict"], container["container_name"]) == ("container", "quiet", "cache")
    assert container["image"]["reference"] == IMAGE
    assert CONTAINER[:12] in hunt(path).stdout


@pytest.mark.parametrize("form", ["text", "jsonl", "ocsf"])
def test_secrets_are_shown_only_where_arguments_are_kept(write: Write, form: str) -> None:
    """In no form, on neither stream."""
    path = write(story(command=f"curl --token {SECRET} http://user:{SECRET}@203.0.113.7/x"))
    masked, kept = hunt(path, "--format", form), hunt(path, "--format", form, "--keep-arguments")
    assert SECRET not in masked.output + masked.stderr
    assert "***" in masked.stdout
    assert SECRET in kept.stdout


def test_verified_facts_make_consistency_proven(write: Write) -> None:
    """The pull names an index, the container a tag and a config digest: only the facts join them."""
    reference = f"hub.example/cache@{INDEX}"
    inspected = {
        "Id": CONTAINER,
        "Created": time_of(0.5),
        "Path": "/bin/cache",
        "Args": [],
        "State": {"Status": "running", "Running": True, "Pid": 7, "StartedAt": time_of(1)},
        "Image": CONFIG,
        "Name": "/cache",
        "Driver": "overlay2",
        "HostConfig": {"NetworkMode": "bridge", "Privileged": False},
        "GraphDriver": {"Data": {"LowerDir": "/var/lib/docker/overlay2/a/diff"}, "Name": "overlay2"},
        "Mounts": [],
        "Config": {"Image": IMAGE, "Cmd": ["/bin/cache"], "Entrypoint": None, "Labels": {}},
        "NetworkSettings": {"Networks": {}},
    }
    path = write([pulled(reference, -5), *story(), json.dumps(inspected).encode()])
    record = {
        "kind": "image_facts",
        "schema": 1,
        "index_digest": INDEX,
        "manifest_digest": MANIFEST,
        "config_digest": CONFIG,
    }
    facts = write([json.dumps(record).encode()], "verified.facts")
    [before] = alerts(hunt(path, "--format", "jsonl"))
    [after] = alerts(hunt(path, "--facts", facts, "--format", "jsonl"))
    assert before["digest_consistency"] != "proven"
    assert (after["digest_consistency"], after["confidence"]) == ("proven", "high")
    assert after["image"]["config_digest"] == before["image"]["config_digest"] == CONFIG


def test_cluster_and_node_are_those_of_records_that_name_none(write: Write) -> None:
    """What a record says itself goes before."""
    records = [record.replace(b'"hostname": "n1", ', b"") for record in story()]
    path = write(records)
    [given] = alerts(hunt(path, "--cluster", "prod-eu", "--node", "build-7", "--format", "jsonl"))
    assert (given["cluster"], given["node"]) == ("prod-eu", "build-7")
    [plain] = alerts(hunt(path, "--format", "jsonl"))
    assert (plain["cluster"], plain["node"]) == ("default", "local")
    assert given["id"] != plain["id"]


def test_lateness_decides_what_is_expired(write: Write) -> None:
    """Told on stderr, with what can be done about it."""
    path = write([*story(), falco(400, "id"), falco(401, "id"), falco(20, "wget http://203.0.113.8/y")])
    result = hunt(path, "--format", "jsonl", "--lateness", "10s")
    if summary(result)["outcomes"]["expired"]:
        assert "raise --lateness" in result.stderr
    patient = hunt(path, "--format", "jsonl", "--lateness", "1h")
    assert summary(patient)["outcomes"]["expired"] == 0
    assert "raise --lateness" not in patient.stderr
    [alert] = alerts(patient)
    assert any("203.0.113.8" in behaviour["what"] for behaviour in alert["behaviours"])


def test_source_reads_everything_as_one_producers(write: Write) -> None:
    """What that producer does not write is rejected, and counted under its name."""
    result = hunt(write([*quiet(), b"rubbish"]), "--source", "docker_events", "--format", "jsonl")
    assert summary(result)["sources"].keys() <= {"docker_events", "unrecognised"}
    assert summary(result)["outcomes"]["rejected"] == 1


def test_the_quick_path_can_be_left(write: Write) -> None:
    """And says the same."""
    path = write(story())
    assert hunt(path, "--no-quick-path", "--format", "jsonl").stdout == hunt(path, "--format", "jsonl").stdout
