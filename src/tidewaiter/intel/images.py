"""Finds references of container images in a passage: in commands, in manifests of Kubernetes, at registries, in "
"prose."""

import re
from collections.abc import Iterator

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.wordlist import word_set
from tidewaiter.reference import DOCKER_HUB, ImageReference, ImageReferenceError, parse_reference

_REGISTRIES = (
    r"(?:docker\.io|index\.docker\.io|registry-1\.docker\.io|ghcr\.io|quay\.io|(?:[a-z]{2,4}\.)?gcr\.io|"
    r"k8s\.gcr\.io|registry\.k8s\.io|"
    r"mcr\.microsoft\.com|public\.ecr\.aws|registry\.gitlab\.com|registry\.access\.redhat\.com|"
    r"registry\.redhat\.io|nvcr\.io|"
    r"[a-z0-9-]{2,40}\.azurecr\.io|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]{5,20}\.amazonaws\.com|"
    r"[a-z0-9-]{2,30}-docker\.pkg\.dev|"
    r"registry\.[a-z0-9.-]{3,60})(?::[0-9]{2,5})?"
)
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-{1,4})[a-z0-9]{1,60}){0,8}"
_TAIL = r"(?::[A-Za-z0-9_][\w.-]{0,127}+)?(?:@sha256:[0-9a-f]{64})?"
_AT_REGISTRY = re.compile(
    rf"(?<![\w./@:-])(?P<ref>{_REGISTRIES}(?:/[a-z0-9][a-z0-9._-]{{0,100}}+){{1,6}}{_TAIL})(?![\w/])"
)
_COMMAND = re.compile(
    r"\b(?:docker|podman|nerdctl|crane|crictl|skopeo|ctr|buildah|regctl|singularity|apptainer)(?: "
    r"-[\w-]{1,20}(?:[= ][\w./:-]{1,40})?){0,3}"
    r"(?: (?:image|images|container|manifest|-n k8s\.io))? (?:pull|run|create|push|inspect|save|history|manifest|"
    r"digest|config|copy|scan|from)"
    r"(?P<arguments>(?:[ \t]|\\\n)[^\n;|&\"`]{1,400})"
)
_WITH_VALUE = word_set(
    "-v --volume -e --env -p --publish --name -u --user -w --workdir --network --net --entrypoint -h --hostname "
    "--mount --restart"
    " --pid --ipc --uts --cap-add --cap-drop --security-opt -m --memory --cpus --platform --label -l --link "
    "--device --ulimit --dns"
    " --add-host --env-file --log-driver -o --output --gpus --privileged-mode --userns --cgroupns --runtime -c "
    "--format -f"
)
_FIELD = re.compile(
    r"(?:(?<![\w-])[\"']?(?:image|Image|IMAGE)[\"']?\s{0,3}[:=]\s{0,3}|^\s{0,8}(?:FROM|from) "
    r"(?:--platform=\S{1,40} )?)[\"']?(?P<ref>[^\s\"',}]{2,300})",
    re.M,
)
_SCHEME = re.compile(r"\b(?:docker|docker-pullable|docker-daemon)://(?P<ref>[a-z0-9][\w./:@-]{1,300}+)")
_PINNED = re.compile(
    r"(?<![\w./@:-])(?P<ref>[a-z0-9][a-z0-9./_-]{1,160}+(?::[\w.-]{1,128}+)?@sha256:[0-9a-f]{64})(?![0-9A-Za-z])"
)
_HUB = re.compile(
    r"hub\.docker\.com/(?:r|repository/docker|u)/(?P<ref>[a-z0-9_-]{2,60}/[a-z0-9][a-z0-9._-]{0,100})|"
    r"hub\.docker\.com/_/(?P<official>[a-z0-9._-]{2,60})"
)
_NAMESPACED = re.compile(rf"(?<![\w./@:\\-])(?P<ref>[a-z0-9][a-z0-9_-]{{1,40}}+/{_PART}{_TAIL})(?![\w/])")
_AT_HOST = re.compile(
    rf"(?<![\w./@:\\-])(?P<ref>(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,6}}[a-z]{{2,20}}(?::[0-9]{{2,5}})?(?:/[a-z0-9][a-z0-9._-]{{0,100}}+){{1,6}}{_TAIL})"
    r"(?![\w/?=&%])"
)
"""At a registry that only its owner knows: a URL without a scheme looks alike."""
_PULLED = re.compile(
    r"\b(?:push|pull)(?:s|ed|ing)?(?: (?:and (?:ran|runs|started)|the|an?|its|their|malicious|container|image)){0,6}"
    r"[ `\"'“(]{1,3}\Z",
    re.IGNORECASE,
)
_THEN_IMAGE = re.compile(
    r"[`\"'”)]{0,2} (?:container |docker )?(?:images?\b|(?:to|from|in) (?:a|the|its|their) registr)", re.I
)
_FORGE = re.compile(r"(?:www\.)?(?:github|gitlab|bitbucket|codeberg|gitee|sourceforge)\.")
_FILE_END = re.compile(r"\.(?:sh|py|pl|js|php|html?|txt|zip|gz|tgz|bin|elf|exe|json|ya?ml|md|git|pdf|png|jpg|ko|so)\Z")
_TAGGED = re.compile(
    r"(?<![\w./@:\\-])(?P<ref>[a-z][a-z0-9-]{2,40}+:(?:latest|alpine|slim|"
    r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}(?:-[a-z0-9.]{1,20})?|v[0-9][\w.]{0,20}))(?![\w/:.])"
)
_VERSIONED = re.compile(r":(?:latest|stable|v?[0-9][\w.-]*|alpine)(?:@|\Z)")
_IMAGE_WORDS = re.compile(
    r"\b(?:images?|docker ?hub|dockerhub|container registry|repositor(?:y|ies) on docker)\b", re.IGNORECASE
)
_NOT_IMAGES = re.compile(
    r"\b(?:and|or|image|jpe?g|png|gif|svg\+xml|application|text|client|server|tcp|udp|input|n|linux|windows|amd64|"
    r"arm64)/",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"[<>${}*]|\b(?:image|your|example|namespace|repo|user|username|org|myimage|name|path)(?:[/:]|\Z)", re.IGNORECASE
)
_EXAMPLE = re.compile(r"\A(?:[\w-]{1,63}\.){1,6}example(?=[:/])")
"""A host under the top-level domain of examples: in whose stead it stands, and that it is an image, is plain."""
_NO_REFERENCE = word_set("the a an it this that is was scratch true false null none image images")
OFFICIAL = word_set(
    "adminer alpine amazonlinux archlinux bash buildpack-deps busybox caddy cassandra centos clojure composer "
    "consul couchbase couchdb"
    " debian docker drupal eclipse-mosquitto eclipse-temurin elasticsearch elixir erlang fedora ghost golang "
    "gradle groovy haproxy"
    " haskell hello-world httpd influxdb jenkins jetty joomla jruby julia kibana kong logstash mariadb matomo "
    "maven mediawiki memcached"
    " mongo mongo-express mysql nats neo4j nextcloud nginx node odoo openjdk opensuse oraclelinux percona perl "
    "photon php postgres"
    " pypy python r-base rabbitmq redis redmine registry rockylinux ros ruby rust scratch solr sonarqube swift "
    "telegraf tomcat traefik"
    " ubuntu unit varnish vault wordpress zookeeper alpine/git bitnami/nginx library"
)
"""Names of Docker Hub's own images, as far as articles name them."""


def images(passage: Passage) -> Iterator[Candidate]:
    """Every reference, in the form in which Docker shows it (`evil/miner:v1`, `ubuntu:18.04`, `ghcr.io/a/b`)."""
    text, block = passage.text, passage.block
    for pattern in (_AT_REGISTRY, _SCHEME, _PINNED):
        for found in pattern.finditer(text):
            yield from _candidate(found["ref"], found.start("ref"))
    for found in _COMMAND.finditer(text):
        yield from _argument(found["arguments"], found.start("arguments"))
    if block.kind == "code" or "image:" in text:
        for found in _FIELD.finditer(text):
            if found["ref"].lower() not in _NO_REFERENCE and (
                ":" in found["ref"] or "/" in found["ref"] or block.kind == "code"
            ):
                yield from _candidate(found["ref"].rstrip(".;)"), found.start("ref"))
    for found in _HUB.finditer(text):
        group = "ref" if found["ref"] else "official"
        yield from _candidate(found[group].rstrip("."), found.start(group))
    if block.kind != "code" and ("/" in text or ":" in text):
        for found in _NAMESPACED.finditer(text):
            ref = found["ref"].rstrip(".")
            if not re.search(r"/[^/:]*[a-z][^/:]*(?::|@|\Z)", ref) or _NOT_IMAGES.match(ref):
                continue
            if _VERSIONED.search(ref) or _is_called_image(passage, found.start()):
                yield from _candidate(ref, found.start("ref"))
        for found in _AT_HOST.finditer(text):
            if _is_at_host(passage, found):
                yield from _candidate(found["ref"], found.start("ref"))
        for found in _TAGGED.finditer(text):
            if found["ref"].partition(":")[0] in OFFICIAL:
                yield from _candidate(found["ref"], found.start("ref"))


def linked_images(passage: Passage) -> Iterator[Candidate]:
    """Images that the passage's links lead to; they have the passage's own place."""
    for link in passage.block.links:
        for found in _HUB.finditer(link[:2000]):
            yield from (
                Candidate(type=each.type, value=each.value, start=0, end=0)
                for each in _candidate(found["ref"] or found["official"], 0)
            )


def is_official(value: str) -> bool:
    """Whether a reference names one of Docker Hub's own images, or one of the registries of Kubernetes and "
    "Microsoft."""
    try:
        found = parse_reference(value)
    except ImageReferenceError:
        return False
    if found.registry == DOCKER_HUB and found.path is not None:
        return found.path.removeprefix("library/") in OFFICIAL
    return found.registry in ("registry.k8s.io", "k8s.gcr.io", "mcr.microsoft.com")


def _is_called_image(passage: Passage, start: int) -> bool:
    """Whether the words before a name without a tag, its column or its introduction call it an image."""
    words = (passage.text[max(0, start - 40) : start], passage.cell(start)[0])
    listed = (*passage.labels[-1:], *passage.headings[-1:]) if passage.block.kind == "list" else ()
    return any(_IMAGE_WORDS.search(text) for text in (*words, *listed))


def _is_at_host(passage: Passage, found: re.Match[str]) -> bool:
    """Whether `host/path` is an image and no page: its tag says so, or what is done with it."""
    ref, text = found["ref"].rstrip("."), passage.text
    if _FILE_END.search(ref) or _FORGE.match(ref):
        return False
    is_used = _PULLED.search(text[max(0, found.start() - 80) : found.start()]) or _THEN_IMAGE.match(text, found.end())
    return bool(_VERSIONED.search(ref) or is_used)


def _argument(arguments: str, start: int) -> Iterator[Candidate]:
    skip = False
    for word in re.finditer(r"[^\s\\]+", arguments):
        if skip:
            skip = False
        elif word[0].startswith("-"):
            skip = "=" not in word[0] and word[0] in _WITH_VALUE
        else:
            ref = re.sub(r"^(?:docker|docker-daemon|oci|containers-storage)://?", "", word[0].strip("'\"`,.)"))
            if ref and ref.lower() not in _NO_REFERENCE and not ref.startswith(("/", ".", "~")):
                yield from _candidate(ref, start + word.start() + word[0].index(ref))
            return


def _candidate(ref: str, start: int) -> Iterator[Candidate]:
    ref = ref.rstrip(".-_")
    try:
        found = parse_reference(ref)
    except ImageReferenceError:
        return
    if (
        found.registry is None
        or found.path is None
        or len(found.path) < 2
        or _PLACEHOLDER.search(_EXAMPLE.sub("", ref))
    ):
        return
    yield Candidate(type="image", value=familiar(found), start=start, end=start + len(ref))


def familiar(found: ImageReference) -> str:
    """A reference as Docker shows it: without `docker.io/`, `library/` and a tag that nobody wrote."""
    path = found.path or ""
    name = path.removeprefix("library/") if found.registry == DOCKER_HUB else f"{found.registry}/{path}"
    told_tag = found.tag is not None and re.search(rf":{re.escape(found.tag)}(?:@|\s*\Z)", found.text)
    return name + (f":{found.tag}" if told_tag else "") + (f"@{found.digest}" if found.digest else "")
