"""Finds URLs, host names, addresses and e-mail addresses in a passage."""

import ipaddress
import re
from collections.abc import Iterator

from tidewaiter.intel.briefing import IndicatorType
from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.lookalikes import address_doubt, name_doubt
from tidewaiter.intel.names import is_host_name, normal_name

_LABEL = (
    r"[A-Za-z0-9_\u00e0-\u024f\u0370-\u03ff\u0400-\u04ff][A-Za-z0-9_\u00e0-\u024f\u0370-\u03ff\u0400-\u04ff-]{0,62}+"
)
_NAME = rf"(?:{_LABEL}\.){{1,12}}(?:[A-Za-z\u0400-\u04ff]{{2,24}}|[Xx][Nn]--[A-Za-z0-9-]{{2,59}})"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_QUAD = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_PATH_END = r"\s<>\"`\u2000-\u206f\u3000-\uffff|^\\"
_SCHEMES = (
    r"https?|ftps?|sftp|tcp|udp|wss?|ldaps?|rmi|iiop|dns|stratum\+(?:tcp|ssl|tls)|ssh|smb|git|socks[45]h?"
    r"|mqtts?|irc|tls|ssl"
)
_URL = re.compile(
    rf"(?<![A-Za-z0-9])(?P<scheme>{_SCHEMES})://(?P<user>[^\s/@<>\"']{{1,80}}@)?"
    rf"(?P<host>\[[0-9A-Fa-f:.]{{2,45}}\]|"
    rf"[A-Za-z0-9_\u00e0-\u024f\u0370-\u03ff\u0400-\u04ff.-]{{1,253}}+)(?::(?P<port>[0-9]{{1,5}})(?![0-9]))?"
    rf"(?P<rest>[/?#][^{_PATH_END}]{{0,2000}}+)?",
    re.IGNORECASE,
)
_BARE_URL = re.compile(
    rf"(?<![\w.@/\\$%=&?#~-])(?P<host>{_QUAD}|"
    rf"{_NAME})(?::(?P<port>[0-9]{{1,5}})(?![0-9]))?(?P<rest>/[^{_PATH_END},;]{{1,2000}}+)"
)
_EMAIL = re.compile(
    rf"(?<![A-Za-z0-9._%+-])(?P<local>[A-Za-z0-9_][A-Za-z0-9._%+-]{{0,63}}+)@(?P<host>{_NAME})(?![\w-])(?!\.[A-Za-z0-9])"
)
_DOMAIN = re.compile(
    rf"(?<![\w.@/\\$%&~-])(?:\*\.|\.|@)?(?P<host>{_NAME})(?![\w@])(?!-\w)(?!\.[A-Za-z0-9])(?::(?P<port>[0-9]{{1,5}})(?![0-9]))?"
)
_IPV4 = re.compile(
    rf"(?<![\w.])(?<![A-Za-z0-9]-)(?P<host>{_QUAD})(?![\w])(?!\.[0-9])(?P<net>/[0-9]{{1,2}}(?![0-9.]))?(?:(?::|"
    rf"(?<=[0-9])/(?=[0-9]{{3}}))(?P<port>[0-9]{{1,5}})(?![0-9]))?"
)
_IPV6 = re.compile(
    r"(?<![\w:.%])(?:\[(?P<boxed>[0-9A-Fa-f:.]{4,45})\]:(?P<port>[0-9]{1,5})(?![0-9])|"
    r"(?P<host>[0-9A-Fa-f:]{4,39}(?:[0-9.]{7,15})?))(?![\w:])"
)
_PORT_WORDS = re.compile(
    r"\s{0,2},?\s?(?:\(?(?:on|over|via|at|using|through)\s)?(?:(?:TCP|UDP|tcp|udp)[/ ])?(?:the )?(?:port|Port|"
    r"PORT)\s?:?\s?(?P<port>[0-9]{1,5})(?![0-9.])"
)
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_ADDRESS = re.compile(rf"{_QUAD}\Z")


def network(passage: Passage) -> Iterator[Candidate]:
    """URLs first, each followed by its host, then what stands alone."""
    yield from _urls(passage)
    yield from _emails(passage)
    yield from _addresses(passage)
    yield from _domains(passage)


def trimmed(text: str) -> str:
    """A URL without the punctuation of the sentence around it."""
    while text:
        last = text[-1]
        if last in ".,;:!?'*\u2026" or (last in _CLOSERS and text.count(last) > text.count(_CLOSERS[last])):
            text = text[:-1]
        else:
            break
    return text


def _port(text: str | None) -> int | None:
    return int(text) if text and 0 < int(text) < 65536 else None


def _urls(passage: Passage) -> Iterator[Candidate]:
    text = passage.text
    for pattern in (_URL, _BARE_URL):
        for found in pattern.finditer(text):
            yield from _url(passage, found, bare=pattern is _BARE_URL)


def _url(passage: Passage, found: re.Match[str], bare: bool) -> Iterator[Candidate]:
    rest = re.split(
        r"(?<=[\w/]),(?=(?:[a-z+]{3,9}://|\s|$))|[;)\]}'\"](?=[a-z]{3,5}://)", found["rest"] or "", maxsplit=1
    )[0]
    written = trimmed(found[0][: len(found[0]) - len(found["rest"] or "")] + rest)
    host = found["host"].strip("[]").rstrip(".-")
    address = _parsed(host)
    name = None if address else normal_name(host)
    if address is None and (name is None or not is_host_name(name)):
        return
    start, end = found.start(), found.start() + len(written)
    if bare and not _is_bare_url(passage, found, written, name):
        return
    scheme = "" if bare else found["scheme"].lower() + "://"
    user = "" if bare else found["user"] or ""
    shown = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address or name)
    tail = written[found.end("host") - start :] if found.end("host") - start <= len(written) else ""
    port = _port(found["port"])
    yield Candidate(type="url", value=f"{scheme}{user}{shown}{tail}", start=start, end=end, port=port)
    kind: IndicatorType = "domain"
    if address is not None:
        kind = "ipv4" if address.version == 4 else "ipv6"
    inner, last = str(address or name), min(found.end("host"), end)
    yield Candidate(type=kind, value=inner, start=found.start("host"), end=last, port=port, inside=True)


def _is_bare_url(passage: Passage, found: re.Match[str], written: str, name: str | None) -> bool:
    """Whether `host/path` without a scheme is a URL: not a network, a pair of hosts, a Go import, a look-alike."""
    path = written[found.end("host") - found.start() :].partition("/")[2]
    if not path or re.fullmatch(r"[0-9]{1,3}", path) or _ADDRESS.match(path):
        return False
    other = normal_name(path.partition("/")[0])
    if (
        other
        and "/" not in path
        and re.fullmatch(_NAME, path)
        and name_doubt(passage, found.start(), found.end(), other) is None
    ):
        return bool(re.search(r"\.(?:sh|py|pl|zip|so|ps|cab|app|md)\Z", other))
    return name is None or name_doubt(passage, found.start(), found.end("host"), name, alone=False) is None


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _emails(passage: Passage) -> Iterator[Candidate]:
    for found in _EMAIL.finditer(passage.text):
        host = normal_name(found["host"])
        local = found["local"].rstrip(".")
        is_shell = local in ("git", "root") and passage.text[found.end() : found.end() + 1] == ":"
        if host and is_host_name(host) and not is_shell:
            yield Candidate(type="email", value=f"{local.lower()}@{host}", start=found.start(), end=found.end())


def _addresses(passage: Passage) -> Iterator[Candidate]:
    for found in _IPV4.finditer(passage.text):
        start, end = found.start("host"), found.end("host")
        words = None if found["port"] else _PORT_WORDS.match(passage.text, end)
        port = _port(found["port"] or (words["port"] if words else None))
        doubt = "a network, not one address" if found["net"] else address_doubt(passage, start, end)
        value = found["host"] + (found["net"] or "")
        yield Candidate(type="ipv4", value=value, start=start, end=end, port=port, doubt=doubt)
    for found in _IPV6.finditer(passage.text):
        group = "boxed" if found["boxed"] else "host"
        address = _parsed(found[group].rstrip(".")) if found[group].count(":") > 1 else None
        if isinstance(address, ipaddress.IPv6Address) and len(re.findall(r"[0-9A-Fa-f]{1,4}", found[group])) > 1:
            start, end = found.span(group)
            yield Candidate(type="ipv6", value=str(address), start=start, end=end, port=_port(found["port"]))


def _domains(passage: Passage) -> Iterator[Candidate]:
    for found in _DOMAIN.finditer(passage.text):
        name = normal_name(found["host"])
        if name is None or not is_host_name(name):
            continue
        start, end = found.span("host")
        doubt = name_doubt(passage, start, end, name)
        yield Candidate(type="domain", value=name, start=start, end=end, port=_port(found["port"]), doubt=doubt)
