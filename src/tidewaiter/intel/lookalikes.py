"""Tells from the text around it why a value is something else than its shape says: a file, code, a version, an id."""

import re
from itertools import pairwise

from tidewaiter.intel.candidate import Passage
from tidewaiter.intel.wellknown import is_common_name
from tidewaiter.intel.wordlist import word_set

FILE_SUFFIXES = word_set(
    "sh py pl rs so md ps cc app zip mov cab pub mk tf java lock bin img iso run ml mm st sc la pm ai md5 data"
    " cfg map ms in am tk mo ad properties do"
)
"""Last labels that are registered and that file names end in more often than names of hosts."""
COMMON_SUFFIXES = word_set(
    "com net org ru cn info biz edu gov mil xyz top site online io us uk de fr nl eu jp kr in br it es pl ua tk "
    "cf ga gq pw"
    " cc ws su tv co me club shop live store space website tech onion ir vn tr au ca ch se no fi dk cz at be ro "
    "hu kz by"
    " il sg hk tw th id my ph mx ar cl za ng int onion asia icu vip fun cloud buzz rest bid win loan stream work "
    "link click"
)
"""Last labels under which hosts of reports stand most."""
_CODE_HEADS = word_set(
    "os sys self this req res request response window document console module exports array string math json "
    "object path"
    " fs http https net socket util app config data item node client server ctx err error logger log args kwargs "
    "np pd plt"
    " process event user file host dns network container cloud rule agent source destination registry threat url email"
    " system java javax re time datetime subprocess base64 shutil pathlib random requests urllib crypto cryptography"
    " django flask torch tf tensorflow kube spec metadata status pod docker containerd runtime settings options "
    "opts params"
    " env session cookie cookies headers body form element event target microsoft windows asp ado vb android "
    "kotlin scala"
    " golang proc mod cargo std core alloc tokio serde package index main init test tests google protobuf prototype el"
    " vue react node next nuxt socket.io three d3 chart moment express angular ember backbone ml code bash winword"
)
_REVERSED_HEADS = word_set("com org net io dev edu gov me app de uk fr co ai sh cn ru jp")
_NETWORK_WORDS = re.compile(
    r"\b(?:domains?|hosts?|hostnames?|c2|c&c|servers?|sites?|websites?|urls?|fqdns?|resolv\w+|dns|registered|beacon\w*|"
    r"contact\w*|connect\w*|download\w*|redirect\w*|hosted|landing)\b",
    re.IGNORECASE,
)
_NETWORK_HEADING = re.compile(
    r"\b(?:domains?|hostnames?|hosts|fqdns?|c2|c&c|command[- ]and[- ]control|urls?|servers|sites|websites|network|"
    r"infrastructure|dns|iocs?|indicators)\b",
    re.IGNORECASE,
)
"""Of a heading more is asked: `A build server is taken over` lists no servers."""
_VERSION_WORDS = re.compile(
    r"(?:\b(?:versions?|ver|release[sd]?|builds?|firmware|updates?|upgraded?|patch(?:ed)?|fixed in|prior to|"
    r"before|through|up to|"
    r"earlier than|since|agent|kernel|runtime|chrome|firefox|safari|edge|office|java|jdk|jre|oid|section|asn\.1|"
    r"mozilla|chromium|opera|sdk|api|framework|library|plugin|driver|app)\b[\s:=,]{0,3}(?:to |v|is |of |number )?|"
    r"\bv\.?\s?|[A-Za-z]/v?|"
    r"(?:<=|>=|<|>|==|~=|\^|~)\s{0,2})\(?\Z",
    re.IGNORECASE,
)
_ADDRESS_WORDS = re.compile(
    r"\b(?:ips?|address(?:es)?|c2|c&c|servers?|hosts?|connect\w*|beacon\w*|port|scann\w*|proxy|dns|traffic|"
    r"resolv\w+|curl|wget|"
    r"ping|ssh|nc|ncat|tcp|udp|socket|listen\w*|exfiltrat\w*|callback|endpoint|node)\b",
    re.IGNORECASE,
)
_PACKAGE_BEFORE = re.compile(r"[A-Za-z][\w.+-]*[-_ ]v?\Z")
_AROUND = 60


def before(passage: Passage, start: int, reach: int = _AROUND) -> str:
    """What stands on the same line in front of a place."""
    return passage.text[max(0, start - reach) : start].rpartition("\n")[2]


def after(passage: Passage, end: int, reach: int = _AROUND) -> str:
    """What stands on the same line behind a place."""
    return passage.text[end : end + reach].partition("\n")[0]


def name_doubt(passage: Passage, start: int, end: int, name: str, alone: bool = True) -> str | None:
    """Why a dotted name is no host; None where it may well be one.

    `name` is the normal form of what is written there; `alone` says that no path follows it.
    """
    written = passage.text[start : start + len(name)] if passage.text[start:end].isascii() else passage.text[start:end]
    labels = written.split(".")
    last = labels[-1]
    if passage.plain.is_defanged(start, end):
        return None
    if labels[0].lower() == "www" and len(labels) > 2:
        return None
    if last[0].isupper() and not written.isupper() and any(char.islower() for char in last):
        return "a name of software or two sentences without a blank, not a domain"
    suffix, head = last.lower(), labels[0].lower()
    common = suffix in COMMON_SUFFIXES
    if alone and passage.text[end : end + 1] == "(" and (not common or passage.text[end : end + 2] == "()"):
        return "a call in code, not a domain"
    if is_common_name(written):
        return "a name that many projects give to a file, not a domain"
    told = _is_told_a_host(passage, start, end)
    if suffix in FILE_SUFFIXES and not (told and suffix not in _NEVER_TOLD) and len(labels) < 4:
        return f"ends like a file (.{suffix}), and nothing says that it is a domain"
    if head in _REVERSED_HEADS and len(labels) > 2 and (not common or suffix in ("info", "io", "id", "work", "cloud")):
        return "a package of code, written from the root down, not a domain"
    if head in _CODE_HEADS and (not common or (len(labels) == 2 and not told)) and suffix != "com":
        return "an identifier of code, not a domain"
    if any(_is_camel(label) for label in labels) and not common:
        return "an identifier of code, not a domain"
    if passage.block.kind == "code" and not common and not told:
        return "an identifier in a listing, not a domain"
    return None


_NEVER_TOLD = frozenset({"py", "md", "so", "java", "mk"})


def _is_camel(label: str) -> bool:
    return any(low.islower() and up.isupper() for low, up in pairwise(label))


def _is_told_a_host(passage: Passage, start: int, end: int) -> bool:
    """Whether the words around, the column or the headings speak of hosts."""
    if _NETWORK_WORDS.search(before(passage, start)) or re.match(
        r"\s?(?:domain|host|site|server)", after(passage, end)
    ):
        return True
    if any(_NETWORK_WORDS.search(words) for words in (*passage.columns, *passage.labels)):
        return True
    return any(_NETWORK_HEADING.search(words) for words in passage.headings[-1:])


def address_doubt(passage: Passage, start: int, end: int) -> str | None:
    """Why four numbers with dots between are no address; None where they may well be one."""
    if passage.plain.is_defanged(start, end):
        return None
    ahead, behind = before(passage, start, 40), after(passage, end, 24)
    if re.match(r"[-+](?:rc|alpha|beta|dev|el\d|deb|ubuntu|\d+\.)", behind, re.IGNORECASE):
        return "a version number, not an address"
    if any(re.search(r"\bversions?\b", words, re.IGNORECASE) for words in passage.columns) and not any(
        re.search(r"\b(?:ip|address|host|indicator|value|ioc)", words, re.IGNORECASE) for words in passage.columns
    ):
        return "a version number, not an address"
    if _VERSION_WORDS.search(ahead) and not _ADDRESS_WORDS.search(ahead[-14:]):
        return "a version number, not an address"
    range_before = re.search(r"[0-9]+(?:\.[0-9]+){2,3}\s(?:to|through|and|or|-|–)\s\Z", ahead)
    if range_before and _VERSION_WORDS.search(ahead[: range_before.start()]):
        return "a version number, not an address"
    product = re.search(
        r"(?<![.!?] )(?<!\n)(?<!\A)\b(?!(?:IP|From|At|To|In|By|Via|And|The|Is|On|For)\b)[A-Z][A-Za-z]{2,}\s\Z", ahead
    )
    octets = [int(part) for part in passage.text[start:end].split(".")]
    if product and not _ADDRESS_WORDS.search(ahead[-14:]) and octets[0] <= 30 and (0 in octets[1:] or max(octets) < 40):
        return "a version number, not an address"
    if re.match(r"\s(?:and|or) (?:earlier|later|newer|older|below|above|prior|lower|higher)", behind):
        return "a version number, not an address"
    return None
