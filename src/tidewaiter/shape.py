"""Turns a command line into its shape: what differs every time becomes a placeholder, what an attacker chooses stays.

Placeholders: `<n>` a number, `<hex>`, `<uuid>`, `<date>`, `<random>`, `<version>`, `<pod>` (the random end of a pod's
name), `<tmp>` (a name that mktemp made) and `<ip>` (an internal address). A `<` that was there is written `<<`, so that
no argument can pretend to be a placeholder. Arguments are joined by single blanks, since some producers give argv so.

Rules
- Hosts, ports, public addresses and names of programs stay, whatever digits they hold.
- In the text of a script (`sh -c TEXT`) only what does no harm is left out: a number that stands alone, a date, what
  varies in the path of a URL, or of a file that is a word by itself and not what is run. After a tool that connects
  (`nc`, `curl`) nothing is but what varies in paths.
- What is given to an interpreter and looks random stays: it may be code.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from posixpath import basename
from typing import NamedTuple

from tidewaiter.behaviour import METADATA, address_of

_KEPT = 256
"""Characters of a shape; what is longer is cut, and ends in a digest of the whole."""
_RANDOM_LENGTH = 10
_REMEMBERED = 64
"""Characters of a word that is worth remembering."""

_INTERPRETER = re.compile(
    r"(?:[a-z]{0,8}sh|(?:python|perl|ruby|php|lua|tclsh)[\d.]{0,8}|node|nodejs|deno|bun|expect|su|runuser|[gmn]?awk)\Z"
)
_ALL_CODE = re.compile(r"[gmn]?awk\Z")
"""Interpreters to which the first argument is code."""
_CODE_FLAG = re.compile(r"(?:-[A-Za-z]{0,6}[ceErRp]|--(?:eval|command|execute|print))(?![A-Za-z])")
_CONNECTING = frozenset(
    {"nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "telnet", "ssh", "scp", "sftp", "rsync", "ftp"}
    | {"tftp", "curl", "wget", "aria2c", "nmap", "masscan", "zgrab", "openssl", "chisel", "frpc", "tor", "torsocks"}
    | {"proxychains", "proxychains4", "stunnel", "git", "dig", "nslookup", "ping"}
)
_AROUND_NAME = re.compile(r"[=\"'`;|&(){}$,\[\]]")
_SEPARATOR = re.compile(r"[;&|]")
_PORT_FLAG = re.compile(r"(?i)-{1,2}(?:p|[a-z-]{0,20}port)\Z")
_HOST_END = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|[\w-]{1,63}\.[A-Za-z]{2,63}|localhost|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})"
    r"[\"',:\])]{0,3}\Z"
)
_HOST_LOOKED_AT = 80
_FILE_ENDINGS = frozenset(
    {
        "args",
        "bak",
        "bin",
        "bz2",
        "cfg",
        "conf",
        "csv",
        "dat",
        "db",
        "dump",
        "err",
        "gz",
        "html",
        "ini",
        "jar",
        "java",
        "jpg",
    }
    | {"js", "json", "jsonl", "lock", "log", "out", "parquet", "pdf", "pem", "pid", "png", "pyc", "rdb", "sock", "sql"}
    | {"sqlite", "tar", "tgz", "tmp", "tsv", "txt", "wal", "war", "xml", "xz", "yaml", "yml", "zst"}
)
"""Endings of files that are no top-level domains: `part-17.csv` is no host."""

_URL = r"(?P<url>[A-Za-z][A-Za-z0-9+.-]{0,20}://[^/\s?#\"'`<>\\$;|&(){}]{0,300})"
_DATE = (
    r"(?P<date>(?<![0-9A-Za-z])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-[0-3]\d"
    r"(?:[T_-][0-2]\d[:.-]?[0-5]\d(?:[:.-]?[0-6]\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?(?![0-9A-Za-z]))"
)
_TMP = r"(?P<tmp>(?<=/)tmp[._]?[A-Za-z0-9_]{6,12}(?=[/.\s\"']|\Z))"
_POD_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes random names of (apimachinery, `rand.String`)."""
_NUMBER = r"(?<![0-9A-Za-z])(?<!\d\.)\d+(?:\.\d+)?(?=[A-Za-z]{0,3}(?![0-9A-Za-z]))|\d{4,}"
_NAMED = (
    _URL,
    r"(?P<device>/(?:dev|inet[46]?)/(?:tcp|udp)/[^\s\"'`;|&)<>]{1,300})",
    r"(?P<ip4>(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d))(?P<ip4_port>[:/,\"' )]{1,3}\d{1,5}(?!\w))?",
    r"(?P<ip6>(?<![0-9A-Za-z:])\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])(?P<ip6_port>\]:\d{1,5})?)",
    r"(?P<host>(?<![\w.-])(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.){1,8}(?P<top>[A-Za-z][A-Za-z0-9-]{1,62})"
    r"\.?(?P<port>:\d{1,5})?(?![\w-]))",
)
_VARIED = (
    r"(?P<odd>0[xX][0-9A-Fa-f]+(?:\.[0-9A-Fa-fxX]+){0,3}|(?<![\d.])0\d{2,}(?:\.\d+){1,3}(?!\w))",
    r"(?P<named_port>(?i:port)[\"']?[=:][\"']?\d{1,5}(?!\d)"
    r"|(?<![\w.-])[A-Za-z][A-Za-z0-9_-]{0,62}:\d{2,5}(?!\w|:\d\d(?!\d))|\A-[pP]\d{1,5}\Z)",
    r"(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z]))",
    _DATE,
    _TMP,
    rf"(?P<pod>(?<=[a-z0-9]-)(?:{_POD_LETTERS}{{8,10}}|\d{{8,10}})-{_POD_LETTERS}{{5}}(?![0-9A-Za-z]))",
    r"(?P<version>(?:(?<![0-9A-Za-z.])v?\d+(?:\.\d+){2,5}|(?:(?<=[0-9A-Za-z][-_@])|(?<=/))v?\d+\.\d+)"
    r"(?:[-+.]?(?i:rc|beta|alpha|snapshot|release|final|post|dev)[.-]?\d{0,6})?(?![0-9A-Za-z]))",
    r"(?P<run>(?<![0-9A-Za-z])[0-9A-Za-z]{7,}(?![0-9A-Za-z]))",
    rf"(?P<n>{_NUMBER})",
)
_PARTS = re.compile("|".join((_TMP, *_NAMED, *(part for part in _VARIED if part != _TMP))))
_NAMELESS_PARTS = re.compile("|".join(_VARIED))
_CODE_PARTS = re.compile(rf"{_URL}(?P<path>[^\s\"'`<>\\$;|&(){{}}]{{0,2000}})|{_DATE}|{_TMP}")
_FILE = re.compile(
    r"(?P<before>(?:[\d&]?(?:<<|>){1,2})?[\"']?)"
    r"(?P<path>(?!/(?:dev/(?:tcp|udp)|inet[46]?|ip[46]|dns[46a-z]*|net|afs)/)(?:/[A-Za-z0-9_@+,][A-Za-z0-9_.@+,=-]{0,255}){2,16})"
    r"(?P<after>[\"']?[;&|)]{0,3})\Z"
)
"""A word of a script that is nothing but the path of a file: no host, no device that is one, no variable."""
_RUNS = frozenset({".", "source", "exec", "eval", "then", "do", "else", "env", "nohup", "time", "sudo", "xargs"})
"""Words of a script behind which a path is a program that is run."""
_ASSIGNED = re.compile(r"\w{1,100}=")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|(?:/[0-9]{1,10}){2}|/0[xX]")
_LONE_NUMBER = re.compile(r"([-+]?)\d+(?:\.\d+)?([A-Za-z]{0,2}[;&|)\"'}]{0,4})\Z")
_NUMBERS = re.compile(_NUMBER)
_HEX = re.compile(r"(?=[A-Fa-f]*\d)(?=\d*[A-Fa-f])(?:[0-9a-f]+|[0-9A-F]+)\Z")
_CLASSES = re.compile(r"[0-9]+|[A-Z]+|[a-z]+")
_DIGIT = re.compile(r"\d")
_BLANK = re.compile(r"\s")
_DOTTED = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){3}\Z")
_PLACEHOLDERS = frozenset({"uuid", "date", "tmp", "pod", "version", "n"})
_FD_FOLDER = re.compile(r"/(?:proc/[^/]{1,20}|dev)/fd\Z")
_POD_NAME = re.compile(r"(?P<set>.+)-\d+(?=\.[^.]+\.[^.]+\.svc(?:\.cluster\.local)?\Z)")
_POD_ADDRESS = re.compile(r"\d{1,3}(?:-\d{1,3}){3}(?=\.[^.]+\.pod(?:\.cluster\.local)?\Z)")

IsInternal = Callable[[str], bool]
"""Whether the text of an address lies in the networks that the policy calls internal."""


def shape_of(program: str, args: Sequence[str], is_internal: IsInternal) -> str:
    """The shape of the arguments (those after argv[0]) of a program, which is given by its name or path."""
    line = _Line(basename(program), is_internal)
    return " ".join([line.shape(word) for arg in args for word in arg.split()])


@lru_cache(maxsize=2048)
def shape_of_path(path: str) -> str:
    """The path of a program: its folders shaped, its own name as it is."""
    folder, slash, name = path.rpartition("/")
    # A file that was opened before, as runc opens itself: its number names nothing.
    is_open = _FD_FOLDER.match(folder) is not None and name.isascii() and name.isdigit()
    shown = "<n>" if is_open else escaped(name)
    return _BLANK.sub("<blank>", _NAMELESS_PARTS.sub(_varied, escaped(folder)) + slash + shown)


def shape_of_host(name: str) -> str:
    """A DNS name as it is, but without the number or address in a pod's name in its cluster, which nobody outside the
    cluster can have."""
    return _POD_ADDRESS.sub("<ip>", _POD_NAME.sub(r"\g<set>-<n>", name))


def escaped(text: str) -> str:
    """Text in which nothing is a placeholder."""
    return text.replace("<", "<<")


def bounded(text: str) -> str:
    """The text in a form that can be written; one that is too long is cut, and stays different from all others."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= _KEPT:
        return text
    mark = f"<cut:{blake2b(text.encode(), digest_size=8).hexdigest()}>"
    return text[: _KEPT - len(mark)].rstrip("<") + mark


class _Line:
    """Goes over the words of one command line, and knows what kind of text it has come to."""

    def __init__(self, program: str, is_internal: IsInternal) -> None:
        self._is_internal = is_internal
        self._is_interpreted = _INTERPRETER.match(program) is not None
        self._is_code = _ALL_CODE.match(program) is not None
        self._connects = program in _CONNECTING
        self._follows_host = False
        self._is_run = False
        """Whether the next word of a script may be a program."""

    def shape(self, word: str) -> str:
        """The shape of the next word."""
        shaped = word if word.isalpha() else self._shape(escaped(word))
        self._read(word)
        return shaped

    def _shape(self, word: str) -> str:
        if self._is_code:
            number = None if self._connects or self._follows_host else _LONE_NUMBER.match(word)
            if number:
                return f"{number[1]}<n>{number[2]}"
            file = None if self._is_run else _FILE.match(word)
            if file and not _ADDRESS.search(word):
                return file["before"] + _NAMELESS_PARTS.sub(_varied_but_random, file["path"]) + file["after"]
            return _CODE_PARTS.sub(self._part_of_code, word)
        if self._follows_host and word.strip("\"',;)").isdigit():
            return word
        if self._connects and "://" not in word:
            # The first segment may be a host, however it is written.
            host, slash, path = word.partition("/")
            return host + _shaped(slash + path, self._is_internal, self._is_interpreted)
        return _shaped(word, self._is_internal, self._is_interpreted)

    def _part_of_code(self, found: re.Match[str]) -> str:
        if found["url"] is None:
            return f"<{found.lastgroup}>"
        return _authority(found["url"], self._is_internal) + _shaped(found["path"], self._is_internal)

    def _read(self, word: str) -> None:
        """Learn from the word of what kind those after it are."""
        if word.isascii() and word.isdigit():
            read = _NUMBER_READ
        else:
            read = _read(word) if len(word) <= _REMEMBERED else _read.__wrapped__(word)
        self._is_run = not self._is_code or read.ends_command or read.is_before_program
        self._follows_host = read.is_before_port
        if self._is_interpreted and not self._is_code and read.is_before_code:
            self._is_code = True
        names = read.names
        if self._is_code and read.last_names is not None:
            self._connects, names = False, read.last_names
        self._connects = self._connects or names.connects
        self._is_interpreted = self._is_interpreted or names.interprets
        self._is_code = self._is_code or names.is_code


class _Names(NamedTuple):
    """What the names of programs within a word say of those after it."""

    connects: bool
    interprets: bool
    is_code: bool


class _Read(NamedTuple):
    """What a word says of those after it."""

    ends_command: bool
    is_before_program: bool
    is_before_port: bool
    is_before_code: bool
    names: _Names
    last_names: _Names | None
    """Those of its last command; None: it is within one command."""


@lru_cache(maxsize=8192)
def _read(word: str) -> _Read:
    parts = _SEPARATOR.split(word)
    return _Read(
        ends_command=word.endswith((";", "&", "|", "(", "{", "!", "`", "-exec")),
        is_before_program=word in _RUNS
        or _ASSIGNED.match(word) is not None
        or _INTERPRETER.match(basename(word)) is not None,
        is_before_port=_PORT_FLAG.match(word) is not None or _HOST_END.search(word[-_HOST_LOOKED_AT:]) is not None,
        is_before_code=_CODE_FLAG.match(word) is not None,
        names=_names(word),
        last_names=_names(parts[-1]) if parts[1:] else None,
    )


def _names(word: str) -> _Names:
    names = [basename(part) for part in _AROUND_NAME.split(word)]
    others = [name for name in names if name and name not in _CONNECTING]
    return _Names(
        connects=any(name in _CONNECTING for name in names),
        interprets=any(_INTERPRETER.match(name) for name in others),
        is_code=any(_ALL_CODE.match(name) for name in others),
    )


_NUMBER_READ = _read("0")


def _shaped(word: str, is_internal: IsInternal, keeps_random: bool = False) -> str:
    """The shape of a word that is no code; it is escaped already."""
    if len(word) < _RANDOM_LENGTH and not _DIGIT.search(word):
        return word
    if word.isascii() and word.isdigit():
        return "<n>"
    shaped = _shaped_parts if len(word) <= _REMEMBERED else _shaped_parts.__wrapped__
    return shaped(word, is_internal, keeps_random)


@lru_cache(maxsize=8192)
def _shaped_parts(word: str, is_internal: IsInternal, keeps_random: bool) -> str:
    varied = _varied_but_random if keeps_random else _varied

    def shape_part(found: re.Match[str]) -> str:
        kind, text = found.lastgroup, found[0]
        if kind == "url":
            return _authority(text, is_internal)
        if found["ip4"] is not None:
            return _shape_of_address(found["ip4"], is_internal) + (found["ip4_port"] or "")
        if kind == "host" and (found["port"] is not None or found["top"].lower() not in _FILE_ENDINGS):
            return shape_of_host(text)
        if kind == "ip6":
            bracket, port = "[" * text.startswith("["), found["ip6_port"] or ""
            return bracket + _shape_of_address(text.removeprefix("[").removesuffix(port), is_internal) + port
        return _NAMELESS_PARTS.sub(varied, text) if kind == "host" else varied(found)

    return _PARTS.sub(shape_part, word)


def _varied(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    if kind in _PLACEHOLDERS:
        return f"<{kind}>"
    if kind != "run":
        return text
    if _HEX.match(text):
        return "<hex>"
    return "<random>" if _looks_random(text) else _NUMBERS.sub("<n>", text)


def _varied_but_random(found: re.Match[str]) -> str:
    text = found[0]
    is_code = found.lastgroup == "run" and not text.isdigit() and not _HEX.match(text) and _looks_random(text)
    return text if is_code else _varied(found)


def _looks_random(run: str) -> bool:
    """Whether letters and digits are so mixed as nobody writes them."""
    if len(run) < _RANDOM_LENGTH:
        return False
    parts = _CLASSES.findall(run)
    numbers = sum(part.isdigit() for part in parts[:-1])
    return (numbers > 1 and len(parts) * 4 >= len(run)) or (numbers == 1 and len(parts) * 2 >= len(run))


def _authority(text: str, is_internal: IsInternal) -> str:
    """Scheme, host and port of a URL as they are, but for an internal address and a pod's name."""
    scheme, _, rest = text.partition("://")
    user, at, host = rest.rpartition("@")
    bracket, end = ("[", "]") if host.startswith("[") else ("", ":")
    name, end, port = host.removeprefix("[").partition(end)
    # What is no address is a name, also a number or a version.
    shown = _shape_of_address(name, is_internal) if address_of(name) is not None else shape_of_host(name)
    return f"{scheme}://{user}{at}{bracket}{shown}{end}{port}"


def _shape_of_address(text: str, is_internal: IsInternal) -> str:
    """An address as it is, but `<ip>` for an internal one that is not the same everywhere (loopback, metadata); what is
    none after all (a version, a time) by its parts."""
    address = address_of(text)
    if address is None:
        return "<version>" if _DOTTED.match(text) else _NAMELESS_PARTS.sub(_varied, text)
    is_fixed = address.is_loopback or address.is_unspecified or str(address) in METADATA
    return text if is_fixed or not is_internal(str(address)) else "<ip>"
