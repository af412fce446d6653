"""Proves that what is read of a real registry is what skopeo reads of it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import PASSWORD, USER, docker_registry, needed, run
from images import image, lay_out, oci_index_layout, oci_layout
from registries import quick

from tidewaiter.edge.registry import open_registry
from tidewaiter.image.blob import ReadError
from tidewaiter.image.view import View

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for nothing."""
    needed("docker-registry", "skopeo")
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def skopeo_digest(reference: str, *how: str) -> str:
    """The digest of the manifest, as skopeo computes it."""
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", *how, f"docker://{reference}")
    return "sha256:" + hashlib.sha256(raw.encode()).hexdigest()


def is_whole(view: View) -> bool:
    """Whether all layers of all images are those that the manifests name."""
    return all(
        layer.descriptor is not None
        and layer.blob is not None
        and layer.descriptor.digest == "sha256:" + hashlib.sha256(b"".join(layer.blob.chunks())).hexdigest()
        for found in view.images
        for layer in found.layers
    )


@pytest.mark.parametrize(("form", "style"), [("v2s2", "docker"), ("oci", "oci")])
def test_one_image(registry: str, tmp_path: Path, form: str, style: str) -> None:
    """Schema 2 and OCI: manifest and config are the bytes that skopeo gets."""
    made = image()
    folder = lay_out(oci_layout(made), tmp_path / "layout")
    reference = f"{registry}/shop/{form}:1.4"
    run(
        "skopeo",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        "--format",
        form,
        f"oci:{folder}:1.4",
        f"docker://{reference}",
    )
    with open_registry(reference, quick()) as view:
        (found,) = view.images
        assert view.faults == ()
        assert found.manifest is not None
        assert found.manifest.digest == skopeo_digest(reference)
        assert found.manifest.media_type is None or style in found.manifest.media_type
        assert list(found.diff_ids) == made.diff_ids
        assert found.config is not None
        config = run("skopeo", "inspect", "--raw", "--config", "--tls-verify=false", f"docker://{reference}")
        assert found.config.data == config.encode()
        assert is_whole(view)


def test_index(registry: str, tmp_path: Path) -> None:
    """All platforms, with their attestations apart."""
    arm = image({"bin/sh": b"arm"}, platform={"os": "linux", "architecture": "arm64"})
    folder = lay_out(oci_index_layout(image(), arm), tmp_path / "layout")
    reference = f"{registry}/shop/many:1.4"
    run("skopeo", "copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{folder}:1.4", f"docker://{reference}")
    with open_registry(reference, quick()) as view:
        assert view.faults == ()
        assert [document.digest for document in view.indexes] == [skopeo_digest(reference)]
        assert [str(found.platform) for found in view.images] == ["linux/amd64", "linux/arm64"]
        assert {other.kind for other in view.others} == {"attestation"}
        assert is_whole(view)


def test_by_digest(registry: str, tmp_path: Path) -> None:
    """The manifest that lies under it."""
    folder = lay_out(oci_layout(image()), tmp_path / "layout")
    tagged = f"{registry}/shop/pinned:1.4"
    run("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}:1.4", f"docker://{tagged}")
    digest = skopeo_digest(tagged)
    with open_registry(f"{registry}/shop/pinned@{digest}", quick()) as view:
        assert view.faults == ()
        assert [found.manifest.digest for found in view.images if found.manifest] == [digest]


def test_resumed_download(registry: str, tmp_path: Path) -> None:
    """A real registry sends the range that is asked for."""
    folder = lay_out(oci_layout(image()), tmp_path / "layout")
    reference = f"{registry}/shop/ranges:1.4"
    run("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}:1.4", f"docker://{reference}")
    with open_registry(reference, quick()) as view:
        blob = view.images[0].layers[0].blob.blob  # type: ignore[union-attr] # the registry's own, below its bound
        whole = b"".join(blob.chunks())
        assert b"".join(blob._from(40)) == whole[40:]


def test_absent_tag(registry: str) -> None:
    """The registry's own words."""
    with (
        pytest.raises(ReadError, match="status 404: MANIFEST_UNKNOWN manifest unknown"),
        open_registry(f"{registry}/shop/none:1.4", quick()),
    ):
        pass


def test_password(tmp_path: Path) -> None:
    """Read with the credentials of `config.json`; refused without, or with wrong ones, and no secret is told."""
    needed("docker-registry", "skopeo")
    folder = lay_out(oci_layout(image()), tmp_path / "layout")
    with docker_registry(tmp_path, with_password=True) as host:
        reference = f"{host}/shop/web:1.4"
        shown = ["--dest-tls-verify=false", f"--dest-creds={USER}:{PASSWORD}"]
        run("skopeo", "copy", "-q", *shown, f"oci:{folder}:1.4", f"docker://{reference}")
        config = tmp_path / "config.json"

        def log_in(password: str) -> None:
            auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
            config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))

        log_in(PASSWORD)
        with open_registry(reference, quick(config)) as view:
            assert view.faults == ()
            assert is_whole(view)
        log_in("wrong-" + PASSWORD)
        with pytest.raises(ReadError, match="401: UNAUTHORIZED") as caught, open_registry(reference, quick(config)):
            pass
        assert PASSWORD not in str(caught.value)
        with pytest.raises(ReadError, match=r"no credentials \("), open_registry(reference, quick()):
            pass


def test_schema_1(tmp_path: Path) -> None:
    """Named as what it is; its digest is the one that the registry files it under."""
    needed("docker-registry", "skopeo")
    folder = lay_out(oci_layout(image()), tmp_path / "layout")
    with docker_registry(tmp_path, with_schema1=True) as host:
        reference = f"{host}/shop/web:1.4"
        run(
            "skopeo",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            "--format=v2s1",
            f"oci:{folder}:1.4",
            f"docker://{reference}",
        )
        told = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{reference}"))
        with open_registry(reference, quick()) as view:
            assert (view.images, view.faults) == ((), ())
            assert [(other.kind, other.digest) for other in view.others] == [("schema1", told["Digest"])]
