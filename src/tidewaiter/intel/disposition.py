"""Turns one mention of a value and everything around it into a disposition with its reason and its weight.

What is known of a value outranks the article only where it cannot be otherwise (a private address, the hash of an empty
file). Then the words beside the value speak, its column and row, the headings and introductions above it, its sentence,
the way it is written, and last what the article as a whole is.
"""

import re

from tidewaiter.intel import wording
from tidewaiter.intel.briefing import Disposition
from tidewaiter.intel.candidate import MAX_HEADING
from tidewaiter.intel.carried import is_content, is_inbox
from tidewaiter.intel.files import EXECUTABLE, suffix_of
from tidewaiter.intel.knowledge import FILES, HASHES, OPENLY, Judgement, knowledge_of
from tidewaiter.intel.mention import Mention
from tidewaiter.intel.names import host_of, is_tenant, registrable
from tidewaiter.intel.packages import is_asked_for
from tidewaiter.intel.rows import above, by_row
from tidewaiter.intel.setting import is_prose
from tidewaiter.intel.wordlist import word_set

_LINE = 200
_FEW_WORDS = 5
"""Words of a sentence, besides its values: with fewer it is an item of a list."""
_OPENING = re.compile(r"([A-Za-z][^:.]{2,160}):\s")
_NAMED_SITE = re.compile(r"\b([A-Za-z][\w-]{2,40})(?:['\u2019]s (?:site|website|page))? \(\Z")
_LABEL = 60
_NETWORK = frozenset({"domain", "url", "ipv4", "ipv6"})
_SAMPLE = re.compile(
    r"\b(?:samples?|binar(?:y|ies)|sha-?(?:1|256|512)|md5|scripts?|dropped|executables?|archives?|files?|"
    r"hash(?:es)?|variants?|vt|virustotal|detections?)\b",
    re.I,
)
_SAMPLE_BEFORE = re.compile(r"\bsamples? (?:named |called )?[\"'`\u2018\u201c]?\Z", re.I)
_FILE_BEFORE = re.compile(r"(?<![\w/])[\w+-]{1,60}(?:\.[\w+-]{1,20}){0,3}\.[A-Za-z]\w{0,9}[\"'`)]?[ \t|:=(-]{1,6}\Z")
_FILE_AFTER = re.compile(r"[ \t|:=(*-]{1,6}[\"'`]?[\w+-]{1,60}(?:\.[\w+-]{1,20}){0,3}\.[A-Za-z]\w{0,9}[\"'`)]?\s*\Z")
_EXPLOITED = re.compile(
    r"\b(?:exploit(?:s|ed|ing|ation)?|in the wild|actively|abus(?:ed|ing)|weaponi[sz]ed|zero-day|0-day|leverag\w+|"
    r"attack\w*)\b",
    re.I,
)
_CHECKSUM = re.compile(
    r"\b(?:checksums?|verify|verif(?:y|ies) (?:the|your) (?:download|release)|release|official|download page|"
    r"integrity|tarball)\b",
    re.I,
)
_ARTICLE_PATH = re.compile(
    r"/(?:blogs?|news|research|wiki|docs?|documentation|articles?|posts?|en-us|security-advisor(?:y|ies)|"
    r"advisories|reports?|resources|threat-?\w*|20[0-3][0-9]/[01]?[0-9]|publications?|guide|"
    r"support|eol|kb|faq|security|learn|library|insights|analysis|press|labs|issues|pull|whitepapers?|cve-\d"
    r"|techniques|software|"
    r"groups)(?:/|\Z)|\.(?:pdf|html?)\Z",
    re.I,
)
_READING = re.compile(
    r"(?:blogs?|docs?|support|help|learn|community|forums?|kb|wiki|developers?|research"
    r"|status|news)\.\S+\."
)
"""How the hosts of manuals and articles begin."""
_LISTS = re.compile(r"\b(?:iocs?|indicators?)\b", re.I)
_PERSISTS = re.compile(
    r"\b(?:run|runonce|services|winlogon|image file execution|startup|policies|shell|appinit|userinit)\b", re.I
)
_FETCHES = re.compile(
    r"\b(?:curl|wget|nc|ncat|netcat|fetch|bitsadmin|certutil|iwr|irm|invoke-webrequest|downloadstring|"
    r"downloadfile|urlopen|socat|xmrig|telnet|tftp|ftpget)\b|/dev/tcp|stratum\+|stratum1",
    re.I,
)
_RUNS = re.compile(
    r"\|\s{0,2}(?:sudo )?(?:ba|z|da|a|k)?sh\b|\biex\b|downloadstring|downloadfile|invoke-expression|-outfile|"
    r"chmod|\bwget -q|base64 -d|\|\s{0,2}python",
    re.I,
)
_DROP_PATH = re.compile(
    r"\A(?:/tmp/|/var/tmp/|/dev/shm/|/usr/bin/\.|/\.|/etc/cron|/etc/systemd|/etc/init\.d|/(?:root"
    r"|home/[^/]{1,40})/\.|(?:~|"
    r"/users/[^/]{1,40})?/library/launch|%[a-z]{3,24}%|.*/\.[a-z]|%appdata%|%temp%|%programdata%|"
    r"c:\\users\\public|c:\\programdata|\$env:)",
    re.I,
)


_BROUGHT = EXECUTABLE | word_set(
    "zip rar 7z gz tgz doc docx docm xls xlsx xlsm xlsb ppt pptx pptm rtf pdf html htm url"
)
"""What the names of files end in that attackers bring along."""


_CARRIED = word_set("lnk hta vbs vbe wsf scr iso img msi exe dll ps1 bat chm xll one")
"""What the names of files end in that are sent to people to be run."""
_CALLED = re.compile(
    r"\b(?:shortcut|archive|attachment|document|executable|dll|library|installer|file|dropper|lure|decoy)"
    r"(?:,| called| named| is)?\s[\"'`\u2018\u201c]?\Z",
    re.I,
)
_PUT = re.compile(
    r"\b(?:sav|writ|wrote|drop|cop(?:y|i)|plac|put|plant|install|stor|unpack|extract|lays?|left)[^.;\n]{0,60}\Z", re.I
)
"""A path behind such a word is where something was put."""


_SCHEME = re.compile(r"\w{2,8}://\Z")
_OFFERED = re.compile(r"\bchecksums?\b.{0,80}\b(?:verify|check|compare)\b|\bverify (?:the|your) download", re.I)
"""A place that gives checksums means well."""


def judge(mention: Mention) -> Judgement:
    """The disposition that this mention speaks for."""
    each = mention.candidate
    if each.doubt is not None:
        return Judgement("context", 30, each.doubt)
    known = knowledge_of(each, mention.facts, mention.defanged)
    if known is not None and known.weight >= 90:
        return known
    told = _told(mention)
    if told is not None and (known is None or told.weight >= known.weight):
        return told
    return known or _left(mention)


def _told(mention: Mention) -> Judgement | None:
    """What the article's own words say, the nearest first."""
    each = mention.candidate
    if each.type == "cve":
        return _of_cve(mention)
    reasons = [
        by_row(mention),
        _by_words_beside(mention),
        _by_heading(mention),
        _by_opening(mention),
        _by_sentence(mention),
        _by_command(mention),
        _by_service(mention),
        _by_writing(mention),
    ]
    found = [reason for reason in reasons if reason is not None]
    best = max(found, key=lambda judgement: judgement.weight, default=None)
    if best is None or each.type not in FILES or best.disposition not in ("malicious", "suspicious"):
        return best
    return best if best.weight >= 70 or _is_telling_file(mention) else None


def _is_telling_file(mention: Mention) -> bool:
    value = mention.candidate.value
    if not mention.facts.threat:
        return False
    is_put = mention.candidate.type == "file_path" and _PUT.search(mention.before) is not None
    return is_put or suffix_of(value) in _BROUGHT or _DROP_PATH.match(value) is not None


def _of_cve(mention: Mention) -> Judgement:
    if _EXPLOITED.search(mention.sentence) and mention.facts.threat and not wording.is_cited(mention.sentence):
        return Judgement("suspicious", 60, "a vulnerability that the article says is exploited")
    return Judgement("unknown", 20, "a vulnerability that the article names")


def _by_words_beside(mention: Mention) -> Judgement | None:
    if not mention.candidate.end:
        return None
    each = mention.candidate
    if each.type in FILES and mention.facts.threat and _SAMPLE_BEFORE.search(mention.before):
        return Judgement("malicious", 70, "the article calls it a sample")
    site = _NAMED_SITE.search(mention.before) if each.type == "domain" and not mention.defanged else None
    if site is not None and (registrable(each.value) or "").startswith(f"{site[1].lower()}."):
        return Judgement("context", 61, f"the site of {site[1]!r}, which the article names")
    found = wording.beside(mention.before, mention.after)
    if found is None:
        return None
    stance, words = found
    words = " ".join(_SCHEME.sub("", words).split()).strip(" ,:;-\"'`([")
    if stance == "victim":
        return (
            None
            if each.type in HASHES or each.type in FILES
            else Judgement("victim", 86, f"the article writes {words!r}")
        )
    if stance == "benign":
        return Judgement("benign", 85, f"the article writes {words!r}")
    if not (mention.facts.threat or mention.defanged):
        return None
    return Judgement("malicious", 70, f"the article writes {words!r}")


def _by_heading(mention: Mention) -> Judgement | None:
    block = mention.passage.block
    listed = block.kind in ("list", "table", "code") or (
        not wording.HOSTILE.search(mention.sentence) and len(mention.sentence) < 160
    )
    few = 2 if block.kind == "paragraph" and mention.sentence.endswith(".") else _FEW_WORDS
    lists_values = block.kind in ("table", "code") or not is_prose(mention.sentence, few)
    for label in mention.labels if listed else ():
        found = wording.of_introduction(label, mention.facts.threat)
        if found is not None:
            return _under(mention, found, label, "after")
        if lists_values and mention.facts.threat and wording.names_a_kind(label):
            return Judgement("malicious", 64, f"listed after {label!r} in an article about an attack")
        if lists_values and mention.facts.threat and wording.lists_things(label):
            return Judgement("suspicious", 43, f"listed after {label!r} in an article about an attack")
    for heading in above(mention):
        if heading == mention.facts.title[:MAX_HEADING] and not _LISTS.search(heading):
            continue
        found = wording.of_heading(heading)
        if found is not None:
            return _under(mention, found, heading, "under")
        if lists_values and mention.facts.threat and wording.names_a_kind(heading):
            return Judgement("malicious", 64, f"under the heading {heading!r} in an article about an attack")
    return None


def _under(mention: Mention, found: tuple[wording.Stance, bool], words: str, where: str) -> Judgement | None:
    stance, outright = found
    if stance == "context" and mention.facts.threat and wording.is_setup(words) and not outright:
        return None
    reason = f"{where} {'the heading ' if where == 'under' else ''}{words[:120]!r}"
    if stance == "context":
        return (
            None
            if mention.defanged or (not outright and mention.candidate.type in HASHES)
            else Judgement("context", 68 if outright else 42, reason)
        )
    if stance in ("victim", "benign"):
        return Judgement(stance, 76, reason)
    if not outright or (
        mention.candidate.type in ("url", "domain")
        and not mention.defanged
        and (is_prose(mention.sentence) or wording.is_cited(mention.sentence))
        and where == "under"
    ):
        return None
    if not (mention.facts.threat or mention.defanged):
        return None
    return Judgement("suspicious" if stance == "suspicious" else "malicious", 76, reason)


def _by_opening(mention: Mention) -> Judgement | None:
    """What a sentence opens with before a colon, as in `C2: ...` and `These are not indicators: ...`."""
    found = _OPENING.match(mention.sentence)
    if found is None:
        return None
    stance = wording.of_heading(found[1])
    if stance == ("benign", True):
        return Judgement("benign", 77, f"introduced by {found[1]!r}")
    if mention.facts.threat and len(found[1]) < _LABEL:
        if stance == ("malicious", True):
            return Judgement("malicious", 71, f"introduced by {found[1]!r}")
        if wording.names_a_kind(found[1]):
            return Judgement("malicious", 64, f"introduced by {found[1]!r}")
    return None


def _by_service(mention: Mention) -> Judgement | None:
    """What stands where anybody may put it, told of in an article about an attack."""
    each = mention.candidate
    if each.type != "url" or not mention.facts.threat or not is_content(each.value):
        return None
    if is_inbox(each.value):
        return Judgement("malicious", 57, "hands something to somebody's bot, in an article about an attack")
    if wording.is_cited(mention.sentence):
        return None
    return Judgement("suspicious", 41, "at a service where anybody may put it, in an article about an attack")


def _by_sentence(mention: Mention) -> Judgement | None:
    each, facts = mention.candidate, mention.facts
    value = mention.passage.text[each.start : each.end]
    clause = wording.clause_of(mention.sentence, value) if value else mention.sentence
    harmless = wording.is_harmless(clause) if clause != mention.sentence else None
    if harmless is not None and each.type in (*HASHES, "image_digest", "image"):
        return Judgement("benign", 64, f"its part of the sentence says {harmless!r}")
    found = None
    for part in (clause, mention.sentence):  # `; its SHA-256 is` says nothing of its own
        found = found or wording.of_sentence(part.replace(value, " … ") if value else part, facts.threat)
    if each.type in HASHES and _CHECKSUM.search(mention.sentence) and not wording.HOSTILE.search(mention.sentence):
        return Judgement("benign", 63, "a checksum to verify a download with")
    if each.type in ("domain", "url") and not mention.defanged and _OFFERED.search(mention.sentence):
        return Judgement("context", 63, "where to download from, with checksums")
    if found is None:
        return None
    stance, words = found
    if stance == "benign":
        own = mention.passage.block.kind in ("list", "table")  # an item or a row speaks of its one value
        return Judgement("benign", 79 if own else 62, f"its sentence says {words!r}")
    if stance == "context":
        return None if mention.defanged or each.type in HASHES else Judgement("context", 48, "named as a source")
    if not (facts.threat or mention.defanged):
        return None
    live = each.type in ("domain", "url") and not mention.defanged
    if live and facts.defangs >= 3 and not wording.is_reached(mention.before):
        return None
    if live and stance == "suspicious" and not wording.is_reached(mention.before):
        return None
    if each.type == "url" and stance == "malicious" and wording.comes_from(mention.before):
        return Judgement("malicious", 67, f"its sentence says {words!r}")
    if stance == "suspicious" and not wording.is_hedged(mention.sentence):
        return Judgement("malicious", 56, f"its sentence says {words!r}")
    return Judgement(stance, 58 if stance == "malicious" else 54, f"its sentence says {words!r}")


def _by_command(mention: Mention) -> Judgement | None:
    each = mention.candidate
    if mention.passage.block.kind != "code" or not mention.facts.threat:
        return None
    if each.type == "image":
        return Judgement("suspicious", 45, "started in a listing of an article about an attack")
    found = _FETCHES.search(mention.sentence) if each.type in _NETWORK else None
    if found is None:
        return None
    if _RUNS.search(mention.sentence):
        return Judgement(
            "malicious", 46, f"{found[0]!r} brings it to be run, in a listing of an article about an attack"
        )
    return Judgement("suspicious", 45, f"{found[0]!r} reaches for it in a listing of an article about an attack")


def _by_writing(mention: Mention) -> Judgement | None:
    if mention.defanged and mention.facts.threat:
        return Judgement("malicious", 40, "written so that nobody follows it, in an article about an attack")
    if mention.defanged:
        return Judgement("suspicious", 40, "written so that nobody follows it, as articles write what is hostile")
    if mention.facts.threat and mention.candidate.value.endswith(".onion"):
        return Judgement("malicious", 39, "an onion service, in an article about an attack")
    return None


def _names_a_file(mention: Mention) -> bool:
    """Whether the name of a file stands right beside."""
    return bool(_FILE_BEFORE.search(mention.before) or _FILE_AFTER.match(mention.after))


def _left(mention: Mention) -> Judgement:
    """Where no word speaks: what the article as a whole is."""
    each, facts = mention.candidate, mention.facts
    if each.type in HASHES and _CHECKSUM.search(f"{mention.column} {mention.sentence} {mention.labels[:1]}"):
        return Judgement("benign", 24, "a checksum to verify a download with")
    if each.type in HASHES and facts.threat and (_SAMPLE.search(mention.sentence) or _names_a_file(mention)):
        return Judgement("malicious", 50, "the hash of a file, in an article about an attack")
    if each.type in FILES:
        if facts.threat and suffix_of(each.value) in _CARRIED and _CALLED.search(mention.before):
            return Judgement("malicious", 50, "a file that is run, in an article about an attack")
        if _DROP_PATH.match(each.value) and facts.threat:
            return Judgement("unknown", 20, "a place where attackers put files, without a word about it")
        return Judgement("context", 16, "a file that the article only mentions")
    if facts.teaches or (each.type in ("image_digest", "image") and not facts.threat):
        kind: Disposition = "benign" if each.type == "image_digest" else "context"
        return Judgement(kind, 15, "named in an article that tells of no attack")
    if each.type == "package" and facts.threat and is_asked_for(mention.passage.text[: each.start][-_LINE:]):
        return Judgement("suspicious", 40, "the article says how to find it or to remove it")
    if each.type == "package" and mention.passage.block.kind == "code":
        return Judgement("context", 15, "a package that is installed in passing")
    if (
        each.type in ("domain", "url", "email")
        and facts.defangs
        and not is_tenant(host_of(each.value))
        and is_prose(mention.sentence, 4)
        and mention.passage.block.kind not in ("code", "table")
    ):
        return Judgement(
            "context", OPENLY, "written so that it can be followed, where the article defangs what is hostile"
        )
    if each.type == "wallet" and facts.threat:
        return Judgement("suspicious", 22, "a wallet, in an article about an attack")
    if each.type in ("url", "domain") and _READING.match(host_of(each.value)) and not mention.defanged:
        return Judgement("context", 25, "the name of a place to read at")
    if each.type == "url" and _ARTICLE_PATH.search(each.value):
        return Judgement("context", 25, "reads like a page to be read")
    return Judgement("unknown", 20, "the article does not say what it is")
