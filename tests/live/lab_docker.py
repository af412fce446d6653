"""Asks the lab's Docker daemon for what `docker pull`, `run`, `exec` and their kin ask for, over its socket."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import lab_world


class DockerError(Exception):
    """The daemon refused; the message is its own."""


class Docker:
    """One daemon, by its socket. Close it after use."""

    def __init__(self, socket: Path) -> None:
        # A proxy of the environment is not for a socket.
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://docker", timeout=60, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._http.close()

    def pull(self, name: str) -> None:
        """`docker pull`, by tag or by digest."""
        repository, at, wanted = name.partition("@")
        if not at:
            repository, _, wanted = name.rpartition(":")
        told = self._ask("POST", "/images/create", {"fromImage": repository, "tag": wanted}).text
        self._failed(told)

    def create(self, image: str, *command: str, name: str | None = None, **host: Any) -> str:
        """`docker create`; without a command the image's own runs. Gives the container's id."""
        body = {
            "Image": image,
            "HostConfig": {"Dns": [lab_world.RESOLVER], **host},
            **({"Cmd": list(command)} if command else {}),
        }
        told = self._ask("POST", "/containers/create", {"name": name} if name else {}, body).json()
        return str(told["Id"])

    def start(self, container_id: str) -> None:
        """`docker start`."""
        self._ask("POST", f"/containers/{container_id}/start")

    def run(self, image: str, *command: str, **host: Any) -> str:
        """`docker run -d`. Gives the container's id."""
        container_id = self.create(image, *command, **host)
        self.start(container_id)
        return container_id

    def execute(self, container_id: str, *command: str) -> tuple[int, bytes]:
        """`docker exec`. Gives the exit status and what was written."""
        wanted = {"AttachStdout": True, "AttachStderr": True, "Tty": True, "Cmd": list(command)}
        execution = self._ask("POST", f"/containers/{container_id}/exec", {}, wanted).json()["Id"]
        written = self._ask("POST", f"/exec/{execution}/start", {}, {"Detach": False, "Tty": True}).content
        return int(self._ask("GET", f"/exec/{execution}/json").json()["ExitCode"]), written

    def pid(self, container_id: str) -> int:
        """The first process of a container, as the machine numbers it."""
        return int(self._ask("GET", f"/containers/{container_id}/json").json()["State"]["Pid"])

    def put(self, container_id: str, path: str, data: bytes) -> None:
        """`docker cp`: write one file that can be executed."""
        folder, _, name = path.rpartition("/")
        self._ask("PUT", f"/containers/{container_id}/archive", {"path": folder or "/"}, _packed({name: data}))

    def remove(self, container_id: str) -> None:
        """`docker rm --force`."""
        self._ask("DELETE", f"/containers/{container_id}", {"force": "true", "v": "true"})

    def containers(self) -> list[str]:
        """The ids of all containers."""
        return [str(told["Id"]) for told in self._ask("GET", "/containers/json", {"all": "true"}).json()]

    def image(self, name: str) -> dict[str, Any]:
        """`docker image inspect`."""
        told: dict[str, Any] = self._ask("GET", f"/images/{quote(name, safe='/:@')}/json").json()
        return told

    def tag(self, image: str, name: str) -> None:
        """`docker tag`."""
        repository, _, tag = name.rpartition(":")
        self._ask("POST", f"/images/{quote(image, safe='/:@')}/tag", {"repo": repository, "tag": tag})

    def untag(self, name: str) -> None:
        """`docker rmi --force`."""
        self._ask("DELETE", f"/images/{quote(name, safe='/:@')}", {"force": "true"})

    def commit(self, container_id: str, name: str) -> str:
        """`docker commit`. Gives the new image's id."""
        repository, _, tag = name.rpartition(":")
        told = self._ask("POST", "/commit", {"container": container_id, "repo": repository, "tag": tag}, {}).json()
        return str(told["Id"])

    def build(self, name: str, dockerfile: str) -> None:
        """`docker build` with the builder that is part of the daemon."""
        packed = _packed({"Dockerfile": dockerfile.encode()})
        self._failed(self._ask("POST", "/build", {"t": name, "rm": "true"}, packed).text)

    def save(self, name: str) -> bytes:
        """`docker save`."""
        return self._ask("GET", f"/images/{quote(name, safe='/:@')}/get").content

    def load(self, archive: bytes) -> None:
        """`docker load`."""
        self._failed(self._ask("POST", "/images/load", {"quiet": "true"}, archive).text)

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: dict[str, Any] | bytes | None = None
    ) -> httpx.Response:
        how: dict[str, Any] = {"json": body} if isinstance(body, dict) else {}
        if isinstance(body, bytes):
            how = {"content": body, "headers": {"Content-Type": "application/x-tar"}}
        answered = self._http.request(method, path, params=dict(query or {}), **how)
        if answered.is_error:
            raise DockerError(f"{method} {path}: {answered.status_code}: {answered.text.strip()[:500]}")
        return answered

    @staticmethod
    def _failed(told: str) -> None:
        """The daemon tells of a failure in the middle of an answer that began well."""
        for line in told.splitlines():
            error = json.loads(line).get("error")
            if error:
                raise DockerError(str(error))


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
