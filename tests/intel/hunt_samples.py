"""Makes indicators for hunts: harmless ones, hostile ones, and the law that a value stays inside its literal."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tidewaiter.intel.briefing import Disposition, Hunt, Indicator, IndicatorType, Language, Technique
from tidewaiter.intel.hunts import dialects, hunts_for
from tidewaiter.intel.hunts._behaviours import BEHAVIOURS
from tidewaiter.intel.hunts._finds import finds

BREAKING = "\"'`|\\*?%"
STRANGE = "$()[]{}<>;,=:#&!~^+-/ \t\n\r\0\x1b\x7f\x85\u202e\u2028\ufeff\ud800é😀a"
WORDS = ("or", "| delete", "//", "/*", '"""', "\\u0022", '\\"')
HOSTILE_TEXT = st.one_of(
    st.text('"\\a', min_size=1, max_size=5),
    st.text(BREAKING + "a ", max_size=6),
    st.lists(st.sampled_from((*BREAKING, *STRANGE, *WORDS)), max_size=12).map("".join),
)
SLOTS: dict[IndicatorType, str] = {
    "file_path": "/opt/x/{}",
    "url": "http://host.example/{}",
    "registry_key": "HKLM\\Software\\{}",
    "email": "{}@host.example",
    "file_name": "{}",
    "domain": "{}.example",
    "image": "host.example/team/{}",
    "wallet": "{}",
    "sha256": "{}",
    "image_digest": "sha256:{}",
    "ipv4": "{}",
}
"""Where hostile text stands in a value of each kind."""
HARMLESS: dict[IndicatorType, str] = {
    "wallet": "w" * 40,
    "sha256": "ab" * 32,
    "image_digest": "cd" * 32,
    "ipv4": "192.0.2.7",
}
"""What stands there in a harmless value, where a word would not do."""


FREE: tuple[IndicatorType, ...] = ("file_path", "registry_key", "file_name", "url", "email")
"""Kinds whose values may hold nearly anything; those of the others have a strict form."""
KINDS = st.one_of(st.sampled_from(FREE), st.sampled_from(sorted(SLOTS)))


def indicator(
    kind: IndicatorType, value: str, disposition: Disposition = "malicious", role: str | None = None
) -> Indicator:
    """One indicator."""
    return Indicator(
        type=kind,
        value=value,
        disposition=disposition,
        reason="stands in a table of indicators",
        evidence=value,
        offset=0,
        written=value,
        role=role,
    )


def technique(name: str, evidence: str = "The malware does so.") -> Technique:
    """One technique."""
    return Technique(id=name, name=None, score=1.0, how="explicit", evidence=evidence, offset=0)


EVERY_KIND: tuple[Indicator, ...] = (
    indicator("md5", "0f" * 16),
    indicator("sha1", "1e" * 20),
    indicator("sha256", "2d" * 32),
    indicator("sha512", "3c" * 64),
    indicator("domain", "evil.example"),
    indicator("url", "http://evil.example/a'b?c=1&d=*"),
    indicator("ipv4", "192.0.2.7"),
    indicator("ipv6", "2001:db8::7"),
    indicator("email", "o'hara+x@evil.example"),
    indicator("file_path", "/opt/.x/kinsing"),
    indicator("file_name", "kdevtmpfsi"),
    indicator("registry_key", "HKEY_LOCAL_MACHINE\\Software\\Run\\x"),
    indicator("wallet", "4" * 95),
    indicator("image", "evil/miner"),
    indicator("image", "host.example/team/tool:1.2"),
    indicator("image_digest", "sha256:" + "4b" * 32, role="manifest"),
)
EVERY_TECHNIQUE = tuple(technique(row.techniques[0]) for row in BEHAVIOURS)


def hunts_of(language: Language, indicators: Sequence[Indicator], techniques: Sequence[Technique] = ()) -> list[Hunt]:
    """The hunts of one language."""
    return [hunt for hunt in hunts_for(indicators, techniques) if hunt.language == language]


def assert_stays_inside(
    language: Language, kind: IndicatorType, text: str, literals: Callable[[str], list[str]]
) -> None:
    """A hostile value is either left out, or the query is the harmless one with other words in the same literals."""
    company = [indicator("file_path", "/opt/x/y")] if kind == "file_name" else []
    harmless = SLOTS[kind].format(HARMLESS.get(kind, "harmless"))
    hostile = SLOTS[kind].format(text)
    looked_for = [find for find in finds([indicator(kind, hostile)]) if dialects()[language].writable(find.value)]
    queries = [hunt.query for hunt in hunts_of(language, [*company, indicator(kind, hostile)])]
    plain = [hunt.query for hunt in hunts_of(language, [*company, indicator(kind, harmless)])]
    found = [literals(query) for query in queries]
    if not looked_for:
        assert found == [literals(hunt.query) for hunt in hunts_of(language, company)]
        return
    if kind not in FREE:
        return  # what is sound parses, and holds nothing to escape
    if looked_for[0].value.endswith("/"):
        return  # a folder: what lies in it is not named
    assert [len(part) for part in found] == [len(literals(query)) for query in plain]
    expected = [[word.replace("harmless", text) for word in literals(query)] for query in plain]
    assert found == expected
