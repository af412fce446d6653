"""Finds file paths, file names and registry keys in a passage."""

import re
from collections.abc import Iterator

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.wordlist import word_set

_PART = r"[^\\\s\"'<>|,;*?()\[\]{}`\u2018-\u201f]"
_WORDS = rf"{_PART}{{1,80}}+(?: {_PART}{{1,40}}+){{0,4}}"
_GUID = r"\{[0-9A-Fa-f-]{36}\}"
_REGISTRY = re.compile(
    rf"(?<![A-Za-z0-9_])(?:HKEY_(?:LOCAL_MACHINE|CURRENT_USER|CLASSES_ROOT|USERS|CURRENT_CONFIG)|HK(?:LM|CU|CR|U|"
    rf"CC))(?::)?"
    rf"(?:\\{{1,2}}(?:{_GUID}|{_WORDS})(?=\\)){{0,14}}\\{{1,2}}(?:{_GUID}|{_PART}{{1,120}}+)(?:\\)?",
)
_WINDOWS = re.compile(
    rf"(?<![A-Za-z0-9_\\])(?:[A-Za-z]:|%[A-Za-z_()0-9]{{2,24}}%|\$env:[A-Za-z]{{2,20}}|\\\\[A-Za-z0-9._$-]{{1,60}})"
    rf"(?:\\{{1,2}}{_WORDS}(?=\\)){{0,16}}\\{{1,2}}{_PART}{{1,120}}(?: "
    rf"{_PART}{{1,40}}\.[A-Za-z0-9]{{2,4}}(?![A-Za-z0-9]))?"
)
_ROOTS = (
    "tmp|etc|var|usr|bin|sbin|opt|home|root|dev|proc|sys|run|lib|lib64|mnt|srv|boot|data|Users|Library|"
    "Applications|private|System|"
    "Volumes|app|host|hostfs|www|www-data|storage|sdcard|export|media|docker|vendor|lost\\+found|\\.[a-z][\\w.-]{1,30}"
)
_UNIX = re.compile(
    rf"(?<![\w./\\:@%&=?~-])(?:~|\$HOME|"
    rf"\$\{{HOME\}})?/(?:{_ROOTS})(?:/[^\s/\"'<>|,;:()\[\]{{}}`\\*$&?!=#%\u2018-\u201f]{{1,120}}+){{1,20}}/?"
)
_EQUALS_UNIX = re.compile(rf"(?<=[=:])/(?:{_ROOTS})(?:/[\w.+@~-]{{1,120}}+){{1,20}}")
_HOME = re.compile(r"(?<![\w./\\])~/[\w.+@-]{1,80}+(?:/[\w.+@-]{1,80}+){0,12}")
EXECUTABLE = word_set(
    "exe dll sys scr ps1 psm1 bat cmd vbs vbe js jse wsf hta msi msix lnk elf bin so ko sh bash py pl rb php jsp "
    "jspx asp aspx war jar"
    " apk dex macho dylib cpl ocx com pif chm xll xlam one iso img vhd vhdx cab run out x86 x86_64 arm arm5 arm6 "
    "arm7 mips mpsl ppc sh4 aarch64 arm64 armv7l amd64"
    " m68k spc i586 i686 nim go c ps1xml service timer scpt command pkg dmg deb rpm appimage node pyd pyc wasm"
)
_DOCUMENT = word_set(
    "zip rar 7z gz tgz tar bz2 xz doc docx docm xls xlsx xlsm xlsb ppt pptx pptm rtf pdf txt dat tmp log ini cfg "
    "conf json xml html htm"
    " csv db sqlite key pem pub cer crt png jpg jpeg gif ico bmp svg mp4 whl yml yaml toml md lock rules properties "
    "mjs cjs ts tsx jsx class"
    " bak old enc locked crypt url iqy slk theme inf reg manifest config"
)
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})(?![0-9A-Za-z])")
_SUMMED = re.compile(
    r"(?:^|\n)[ \t]*(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})(?:[ \t]{1,4}\*?|[ \t]\(|,)"
    r"(?P<name>[A-Za-z0-9_.][\w.+-]{1,80}+)\)?[ \t]*(?=\n|\Z)|"
    r"(?:^|\n)[ \t]*(?P<named>(?=\S{0,80}[._-])[A-Za-z0-9_.][\w.+-]{1,80}+)[ \t]{1,40}(?i:sha-?(?:1|256|512)"
    r"|md5)[ \t:=]{1,4}(?=[0-9a-fA-F]{32})"
)
_NAME_COLUMN = re.compile(r"\s*(?:file ?-?names?|files?|samples?|binar(?:y|ies)|malware file)\s*\Z", re.IGNORECASE)
_BARE_NAME = re.compile(r"(?=.{0,80}[A-Za-z])[A-Za-z0-9_.][\w.+-]{1,80}\Z")
_DOTTED = re.compile(r"(?<![\w./\\@%&=?#~$-])[A-Za-z0-9_.][\w.+-]{0,120}+(?![@/\\(])")


def files(passage: Passage) -> Iterator[Candidate]:
    """Registry keys and paths, then names that end in what files end in."""
    text = passage.text
    if "\\" in text:
        for found in _REGISTRY.finditer(text):
            value = _tidy(found[0]).replace("\\\\", "\\").rstrip("\\")
            yield Candidate(
                type="registry_key", value=value, start=found.start(), end=found.start() + len(_tidy(found[0]))
            )
        for found in _WINDOWS.finditer(text):
            written = _tidy(found[0])
            value = written[:2] + written[2:].replace("\\\\", "\\")
            if len(value) > 4:
                yield _path(value, found.start(), len(written))
    for pattern in (_UNIX, _EQUALS_UNIX, _HOME) if "/" in text else ():
        for found in pattern.finditer(text):
            written = found[0].rstrip(".-!?")
            if written.startswith(("/dev/tcp/", "/dev/udp/")):
                continue
            yield _path(written, found.start(), len(written))
    yield from _names(passage)
    yield from _told_names(passage)


def _path(value: str, start: int, length: int) -> Candidate:
    doubt = "a folder, not a file" if value.endswith(("/", "\\")) else None
    return Candidate(type="file_path", value=value, start=start, end=start + length, doubt=doubt)


def _names(passage: Passage) -> Iterator[Candidate]:
    for found in _DOTTED.finditer(passage.text):
        name = found[0].rstrip(".+-")
        stem, dot, suffix = name.rpartition(".")
        low = suffix.lower()
        if not dot or not stem.strip(".") or (low not in EXECUTABLE and low not in _DOCUMENT):
            continue
        if stem.replace(".", "").isdigit() and low in ("c", "go", "one", "out", "so"):
            continue
        start = found.start()
        yield Candidate(type="file_name", value=name, start=start, end=start + len(name))


def _told_names(passage: Passage) -> Iterator[Candidate]:
    """Names without a suffix that the place tells: behind a hash as `sha256sum` writes it, or in a column of names."""
    for found in _SUMMED.finditer(passage.text):
        group = "name" if found["name"] else "named"
        yield Candidate(type="file_name", value=found[group], start=found.start(group), end=found.end(group))
    if passage.block.kind != "table" or not _HEX.search(passage.text):
        return
    at = 0
    for column, cell in zip(passage.columns, passage.block.cells, strict=False):
        place = passage.text.find(cell, at) if cell else -1
        at = max(at, place + len(cell))
        bare = cell.strip()
        if place >= 0 and _NAME_COLUMN.match(column) and _BARE_NAME.match(bare) and not _HEX.search(bare):
            start = place + cell.index(bare)
            yield Candidate(type="file_name", value=bare, start=start, end=start + len(bare))


def suffix_of(name: str) -> str:
    """What a file's name ends in, in lower case, without its dot."""
    last = re.split(r"[\\/]", name)[-1]
    return last.rpartition(".")[2].lower() if "." in last.lstrip(".") else ""


def _tidy(text: str) -> str:
    return text.rstrip(".,;:!?")
