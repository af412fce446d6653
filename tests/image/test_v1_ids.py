"""Proves that v1 ids are recomputed as Docker and skopeo computed them, on archives that they wrote."""

import json

import pytest
from images import image
from images import v1_ids as made_v1_ids

from tidewaiter.image.v1_ids import v1_ids

EMPTY_IMAGE = {
    "architecture": "amd64",
    "config": {
        **{"Hostname": "2bc2ec52e2d6", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False},
        **{"AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False},
        **{"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": None, "Image": ""},
        **{"Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None},
    },
    "container": "2bc2ec52e2d6f32cf49a5772157759046f886ae19ba89022e808d51260be2423",
    "created": "2017-02-07T19:02:14.382332032Z",
    "docker_version": "1.10.3",
    "os": "linux",
}
EMPTY_IMAGE["container_config"] = {
    **EMPTY_IMAGE["config"],  # type: ignore[dict-item]
    "Cmd": [
        "/bin/sh",
        "-c",
        "#(nop) ADD file:54946f8cfc2693368a889f9f55fefa4a7102d0daf51354f09c6620a48d3c625c in /emptyfile",
    ],
}
"""What containers/image's fixture `almostempty.tar` says, which Docker 1.10.3 wrote."""
UBUNTU = (
    "sha256:80580270666742c625aecc56607a806ba343a66a8f5a7fd708e6c4e4c07a3e9b",
    "sha256:3fd9df55318470e88a15f423a7d2b532856eb2b481236504bf08669013875de1",
    "sha256:7a694df0ad6cc5789a937ccd727ac1cda528a1993387bf7cd4f3c375994c54b6",
)
"""The diff_ids of ubuntu:18.04 of September 2020."""


def test_top_layer_as_docker_1_10_named_it() -> None:
    """The config decides."""
    diff_id = "sha256:0b916d257bd406111a3fced53f81b47de9a30f7c7d514a89769b3483aaddca7e"
    wanted = "c7b98db321d22702b8dd264fa7d58936951867854969a873d3dd20520eadca8f"
    assert wanted in v1_ids([diff_id], EMPTY_IMAGE)[0]
    assert wanted not in v1_ids([diff_id], None)[0]
    assert wanted not in v1_ids([diff_id], {**EMPTY_IMAGE, "os": "windows"})[0]


def test_lower_layers_as_docker_named_them() -> None:
    """The diff_ids are enough."""
    found = v1_ids(UBUNTU, None)
    assert "8bf067b107a6f7444876e33c6ed85652355f679ac98ebab97ab3ebad63f0dff3" in found[0]
    assert "468327b5cd7ce539db695bd0ef05dae8a4ff77b02870a8e823ed74dedad4bd55" in found[1]
    assert len(found) == 3


def test_the_order_of_members_does_not_count() -> None:
    """Docker reads a config into its own structure and writes it in its own order, without what it does not know."""
    diff_id = "sha256:" + "a" * 64
    told = {
        "created": "2026-03-02T08:00:00.120Z",
        "os": "linux",
        "config": {"Labels": {"b": "<&>", "a": "é"}, "Cmd": "sh", "ExposedPorts": {}, "Nonsense": 1},
    }
    other = {
        "config": {
            "ExposedPorts": None,
            "Cmd": ["sh"],
            "Labels": {"a": "é", "b": "<&>"},
            "Hostname": "",
            "Healthcheck": None,
        },
        "history": [],
        "os": "linux",
        "created": "2026-03-02T08:00:00.12Z",
    }
    assert v1_ids([diff_id], told)[0] & v1_ids([diff_id], other)[0] >= v1_ids([diff_id], None)[0]
    assert len(v1_ids([diff_id], told)[0] & v1_ids([diff_id], other)[0]) == 3


def test_made_archives_agree() -> None:
    """The archives that other tests make have the ids of these layers."""
    made = image({"a": b"1"}, {"b": b"2"}, {"c": b"3"})
    found = v1_ids(made.diff_ids, json.loads(made.config))
    assert [claimed in ids for claimed, ids in zip(made_v1_ids(made), found, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    "config", [{}, {"config": 7, "created": 7}, {"config": {"Healthcheck": {"Test": 1}, "Cmd": {}}}]
)
def test_configs_of_any_shape_are_taken(config: dict[str, object]) -> None:
    """Nonsense has ids too."""
    assert len(v1_ids(UBUNTU, config)[2]) == 4
    assert v1_ids([], config) == ()
