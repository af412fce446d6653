"""Tells from the place of a 64-digit hash what of a container image it is the digest of.

Places are the keys of JSON documents (`config.digest`, `layers[].digest`, `manifests[].digest`, `rootfs.diff_ids`,
`RepoDigests`, `Layers`), paths (`blobs/sha256/`, `<id>/layer.tar`, `<id>.json`), the output of `docker`, `skopeo`,
`crane`, `ctr` and BuildKit, `image@sha256:`, columns of tables, and in prose the word that stands nearest.
"""

import re

from tidewaiter.intel.candidate import Passage

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.){0,400}"|[{}\[\],:]')
_MAX_DEPTH = 64
_SIBLINGS = 400
"""Characters in which the rest of an object is looked for."""
_KEYS = (
    ("index_digest", "index"),
    ("manifest_digest", "manifest"),
    ("config_digest", "config"),
    ("diff_ids", "diff_id"),
    ("diffids", "diff_id"),
    ("diffid", "diff_id"),
    ("rootfs", "diff_id"),
    ("chainid", "chain_id"),
    ("chain_id", "chain_id"),
    ("repodigests", "image"),
    ("manifests", "manifest"),
    ("config", "config"),
    ("layers", "layer"),
    ("layersdata", "layer"),
    ("fslayers", "layer"),
    ("blobsum", "layer"),
    ("descriptor", "manifest"),
    ("subject", "manifest"),
    ("vnd.docker.reference.digest", "manifest"),
    ("imageid", "config"),
    ("imageref", "image"),
    ("id", "config"),
    ("image", "image"),
    ("digest", "image"),
)
_LISTING = re.compile(
    r"layer\.tar|oci-layout|manifest\.json|diff_ids|\"Layers\"|RootFS|schemaVersion|application/vnd\.(?:oci|"
    r"docker)|blobs/sha256"
    r"|\"(?:index|manifest|config)_digest\""
    r"|\brepositories\b|\b(?:docker|podman|skopeo|crane|nerdctl|ctr|crictl|buildah|umoci|regctl|oras) [a-z]+|"
    r"REPOSITORY\s+TAG",
)
_LINE_WORDS = (
    (re.compile(r"exporting manifest list|index digest|image index|manifest list|fat manifest", re.I), "index"),
    (re.compile(r"exporting (?:attestation )?manifest|manifest\W{1,3}sha256|manifest digest", re.I), "manifest"),
    (
        re.compile(
            r"exporting config|writing image|copying config|loaded image id|config digest|image id|imageid", re.I
        ),
        "config",
    ),
    (
        re.compile(
            r"pull complete|already exists|copying blob|pushed|layer already|extracting|download complete", re.I
        ),
        "layer",
    ),
    (re.compile(r"\bdigest: ?(?:sha256)?|RepoDigest", re.I), "image"),
)
_HEADER = re.compile(r"REPOSITORY[ \t]+TAG[ \t]+(DIGEST|IMAGE ID)")
_PROSE = re.compile(
    r"\b(?:(?P<index>(?:image )?ind(?:ex|ices)|manifest list|fat manifest)|(?P<manifest>manifests?)|"
    r"(?P<config>config(?:uration)?|image ids?)|(?P<diff_id>diff[ _-]?ids?)|(?P<chain_id>chain[ _-]?ids?)|"
    r"(?P<layer>layers?|layer\.tar|blobs?)|(?P<image>images?|digest|container|docker|registry|repository|tag))\b",
    re.IGNORECASE,
)
_CONTAINER_WORDS = re.compile(
    r"\b(?:docker|oci|container images?|image digests?|images?|layers?|manifests?|registry|registries|skopeo|"
    r"podman|containerd|digests?"
    r"|diff[ _-]?ids?|chain[ _-]?ids?)\b",
    re.IGNORECASE,
)
_FILE_WORDS = re.compile(
    r"\b(?:files?|malware|samples?|binary|binaries|payloads?|elf|exe|dll|scripts?|hashes)\b", re.IGNORECASE
)


class Places:
    """The places of one passage's text; what is costly is worked out once, and only when asked for."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._keys: dict[int, tuple[str, ...]] | None = None
        self._listing: bool | None = None
        self._header: tuple[int, str] | None = None

    def role_of(self, start: int, end: int) -> str | None:
        """What the hash at this place is the digest of; None where it is the hash of something else."""
        text = self._passage.text
        line_start = text.rfind("\n", 0, start) + 1
        ahead = text[max(line_start, start - 160) : start]
        behind = text[end : end + 80].partition("\n")[0]
        prefixed = text.startswith("sha256:", start)
        role = self._by_path(ahead, behind)
        if role in (None, "blob") and self._is_listing():
            role = self._by_keys(start) or role or self._by_line(ahead, behind, start) or "blob"
        if role is not None:
            return role
        if prefixed and re.search(r"[\w.-]@\Z", ahead):
            return "image"
        return self._by_words(ahead, behind, prefixed)

    def _by_path(self, ahead: str, behind: str) -> str | None:
        if re.match(r"/layer\.tar|/json\b|/VERSION", behind):
            return "layer"
        if behind.startswith(".json") and (self._is_listing() or re.search(r"Config\W{1,4}\Z", ahead)):
            return "config"
        if re.search(r"blobs/sha256[/:]\Z", ahead):
            key = re.search(r"\"(Config|Layers)\"\s?:\s?\[?\s?\"[^\"]{0,40}\Z", ahead)
            return {"Config": "config", "Layers": "layer"}.get(key[1] if key else "", "blob")
        return None

    def _by_keys(self, start: int) -> str | None:
        if self._keys is None:
            self._keys = dict(_strings(self._passage.text))
        at = max((place for place in range(max(0, start - 40), start + 1) if place in self._keys), default=None)
        path = tuple(key.lower() for key in self._keys[at]) if at is not None else ()
        named = next((role for key, role in _KEYS if key in path), None)
        return named or (self._by_siblings(start) if path else None)

    def _by_siblings(self, start: int) -> str | None:
        """What the rest of its JSON object says of it in words, as in `{"sha256": "...", "is": "layer 2"}`."""
        rest = self._passage.text[start : start + _SIBLINGS].partition("}")[0]
        found = next((match for match in _PROSE.finditer(rest) if match.lastgroup != "image"), None)
        return found.lastgroup if found else None

    def _by_line(self, ahead: str, behind: str, start: int) -> str | None:
        line = ahead + behind
        for pattern, role in _LINE_WORDS:
            if pattern.search(line):
                return role
        if self._header is None:
            found = _HEADER.search(self._passage.text)
            self._header = (
                (found.end(), "image" if found[1] == "DIGEST" else "config") if found else (len(self._passage.text), "")
            )
        return self._header[1] if start > self._header[0] else None

    def _by_words(self, ahead: str, behind: str, prefixed: bool) -> str | None:
        block = self._passage.block
        around = [ahead, behind, *self._passage.columns, *self._passage.headings[-1:]]
        if block.kind == "table":
            around.append(self._passage.text[:400])
        told = sum(1 for words in around if _CONTAINER_WORDS.search(words))
        if not told or (
            not prefixed
            and (told < 2 or block.kind != "paragraph" or any(_FILE_WORDS.search(words) for words in around))
        ):
            return None
        if prefixed and _FILE_WORDS.search(ahead[-60:]) and not _CONTAINER_WORDS.search(ahead[-60:]):
            return None
        found = [*_PROSE.finditer(ahead)]
        nearest = next((match for match in reversed(found) if match.lastgroup != "image"), None)
        if nearest is None:
            nearest = re.match(r"\W{0,6}(?:is|was|=)\s(?:the|an?|its)\s.{0,20}", behind) and _PROSE.search(behind)
        if nearest is None:
            nearest = next((match for words in self._passage.columns if (match := _PROSE.search(words))), None)
        return (nearest.lastgroup if nearest else None) or "image"

    def _is_listing(self) -> bool:
        if self._listing is None:
            self._listing = self._passage.block.kind in ("code", "paragraph") and bool(
                _LISTING.search(self._passage.text)
            )
            if self._passage.block.kind == "paragraph":
                self._listing = self._listing and bool(re.search(r"[{\[]|^\s*[$#] ", self._passage.text))
        return self._listing


def _strings(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Each string of a JSON text or of a fragment of one: its place and the keys above it, outermost first."""
    stack: list[str] = []
    found: list[tuple[int, tuple[str, ...]]] = []
    key, last = "", ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == ":":
            key = last
        elif mark in "{[":
            stack.append(key)
            del stack[_MAX_DEPTH:]
            key = last = ""
        elif mark in "}]":
            if stack:
                stack.pop()
            key = last = ""
        elif mark == ",":
            key = last = ""
        else:
            last = mark[1:-1][:80]
            found.append((token.start() + 1, (*(part for part in stack if part), *([key] if key else []))))
    return found
