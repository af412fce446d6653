"""Turns the file tree of an image into what could run in it: shells, package managers, download tools and the like.

By name only: a program under another name is not found, and what is found was not looked into. Links are followed, so
that an applet is told with the program that stands behind it (`bin/wget`, which is `bin/busybox`).
"""

import re
from typing import Literal

import msgspec

from tidewaiter.image.entries import Entry
from tidewaiter.image.files import FileTable

Sort = Literal["shell", "package_manager", "download", "interpreter", "compiler"]

_NAMES: dict[Sort, str] = {
    "shell": "sh ash bash dash zsh ksh ksh93 mksh csh tcsh fish yash rbash busybox toybox pwsh nu xonsh elvish",
    "package_manager": (
        "apk apt apt-get aptitude dpkg rpm yum dnf microdnf tdnf zypper pacman emerge xbps-install opkg ipkg slackpkg"
        " nix nix-env guix brew snap flatpak pip pipx uv conda mamba micromamba npm npx yarn pnpm gem bundle cargo"
        " composer cpan cpanm luarocks"
    ),
    "download": (
        "curl wget wget2 aria2c axel fetch ftp tftp lftp ncftpget sftp scp rsync rclone nc ncat netcat socat telnet"
        " http https xh lynx links w3m git svn hg busybox toybox"
    ),
    "interpreter": (
        "python pypy perl ruby irb php php-cgi node nodejs deno bun lua luajit tclsh wish expect guile racket sbcl R"
        " Rscript julia java jshell groovy scala erl elixir iex awk gawk mawk nawk gdb"
    ),
    "compiler": (
        "cc gcc c++ g++ clang clang++ tcc cpp gfortran gnat go gccgo rustc ghc javac kotlinc scalac nim zig dmd ldc2"
        " ocamlc ocamlopt nvcc as ld gold lld ld.lld tsc make cmake ninja"
    ),
}
_SORTS: dict[str, list[Sort]] = {}
for _sort, _names in _NAMES.items():
    for _name in _names.split():
        _SORTS.setdefault(_name, []).append(_sort)

# `python3.11`, `gcc-12`, `perl5.36.0`, `clang++-15`: the version is no part of the name; neither is the target machine
# before it (`x86_64-linux-gnu-gcc-12`).
_VERSION = re.compile(r"-?\d+(?:\.\d+)*\Z")
_MACHINE = re.compile(r"\A[a-z0-9_]+(?:-[a-z0-9_]+)*-(?:linux|alpine)-(?:gnu|musl)[a-z0-9]*-")
# Where files are executable and no programs: maintainer scripts, completions, examples, cron tables.
_NO_PROGRAMS = ("etc/", "usr/share/", "var/lib/dpkg/", "lib/apk/db/", "proc/", "sys/")
_SPECIAL_BITS = 0o6000
_EXECUTE_BITS = 0o111
_MOST = 500
_LONGEST = 64
"""Longest file name in which a version is looked for."""


class Tool(msgspec.Struct, frozen=True):
    """A program that is there in the end."""

    name: str
    """As listed here, without a version: `python`."""
    path: str
    layer_index: int
    """The layer that wrote the path, from 0."""
    program: str | None = None
    """The file it leads to, where the path is a link."""


class Privileged(msgspec.Struct, frozen=True):
    """A file that runs with the rights of its owner or group, whoever starts it."""

    path: str
    layer_index: int
    mode: int
    """Permissions with the set-user-ID and set-group-ID bits."""
    uid: int
    gid: int


class Contents(msgspec.Struct, frozen=True):
    """What could run, each list ordered by path."""

    shells: tuple[Tool, ...]
    package_managers: tuple[Tool, ...]
    download_tools: tuple[Tool, ...]
    interpreters: tuple[Tool, ...]
    compilers: tuple[Tool, ...]
    setuid: tuple[Privileged, ...]
    setgid: tuple[Privileged, ...]
    files: int
    """How many files (hard links among them) there are in the end."""
    left_out: int = 0
    """How many of the things above are not listed, since a list was full (500), or not known, since the table was."""


def what_runs(table: FileTable) -> Contents:
    """Look through the final file tree once."""
    tools: dict[Sort, list[Tool]] = {sort: [] for sort in _NAMES}
    privileged: list[Privileged] = []
    files = 0
    for path, index, entry in table.files():
        if entry.kind not in ("file", "hardlink", "symlink"):
            continue
        if entry.kind != "symlink":
            files += 1
            if entry.mode & _SPECIAL_BITS and entry.mode & _EXECUTE_BITS:
                privileged.append(Privileged(path, index, entry.mode, entry.uid, entry.gid))
        named = _named(path.rpartition("/")[2])
        if named is None or path.startswith(_NO_PROGRAMS):
            continue
        if (tool := _tool(table, named, path, index, entry)) is not None:
            for sort in _SORTS[named]:
                tools[sort].append(tool)
    privileged.sort(key=lambda file: file.path)
    setuid = [file for file in privileged if file.mode & 0o4000]
    setgid = [file for file in privileged if file.mode & 0o2000]
    counts = [len(setuid), len(setgid), *(len(found) for found in tools.values())]
    listed = {sort: tuple(sorted(found, key=lambda tool: tool.path)[:_MOST]) for sort, found in tools.items()}
    return Contents(
        shells=listed["shell"],
        package_managers=listed["package_manager"],
        download_tools=listed["download"],
        interpreters=listed["interpreter"],
        compilers=listed["compiler"],
        setuid=tuple(setuid[:_MOST]),
        setgid=tuple(setgid[:_MOST]),
        files=files,
        left_out=sum(max(0, count - _MOST) for count in counts) + table.left_out,
    )


def _named(base: str) -> str | None:
    """The listed name that a file's name stands for, or None."""
    if base in _SORTS:
        return base
    if len(base) > _LONGEST or (not base[-1:].isdigit() and "-" not in base):
        return None
    bare = _VERSION.sub("", _MACHINE.sub("", base))
    return bare if bare in _SORTS else None


def _tool(table: FileTable, name: str, path: str, index: int, entry: Entry) -> Tool | None:
    """The program at a path, or None where nothing can be started there."""
    if entry.kind == "file":
        return Tool(name, path, index) if entry.mode & _EXECUTE_BITS else None
    found = table.resolve(path)
    if found is None or found[2].kind != "file" or not found[2].mode & _EXECUTE_BITS:
        return None
    return Tool(name, path, index, found[0])
