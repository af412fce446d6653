"""Proves on labelled articles how well indicators are found and judged, and that tutorials give none."""

from collections.abc import Iterable

import pytest
from labelled import FOLDER, Labelled, article_of, labelled

from tidewaiter.intel import indicators
from tidewaiter.intel.article import Article, Block
from tidewaiter.intel.briefing import REPORTED, Indicator, NotUsed
from tidewaiter.intel.indicators import indicators_of

ARTICLES = labelled()
Key = tuple[str, str]


def found(article: Article) -> dict[Key, Indicator | NotUsed]:
    """Everything that was found in an article, reported or not."""
    reported, rest = indicators_of(article)
    values: dict[Key, Indicator | NotUsed] = {(each.type, each.value): each for each in rest}
    return values | {(each.type, each.value): each for each in reported}


def named(name: str) -> Labelled:
    """One labelled article."""
    return next(each for each in ARTICLES if each.name == name)


def rates(pairs: Iterable[tuple[set[Key], set[Key]]]) -> tuple[float, float]:
    """Precision and recall over (got, wanted) of each article."""
    right = got = wanted = 0
    for have, want in pairs:
        right, got, wanted = right + len(have & want), got + len(have), wanted + len(want)
    return right / max(got, 1), right / max(wanted, 1)


def reported(kinds: frozenset[str] | None = None) -> list[tuple[set[Key], set[Key]]]:
    """(got, wanted) of what is to be reported, of some kinds, for each article."""
    result = []
    for each in ARTICLES:
        got = {key for key, value in found(each.article).items() if value.disposition in REPORTED} - each.either
        want = {key for key, disposition in each.gold.items() if disposition in REPORTED}
        result.append(tuple({key for key in keys if not kinds or key[0] in kinds} for keys in (got, want)))
    return result  # type: ignore[return-value]


def test_the_set_is_large_and_of_every_style() -> None:
    """Forty articles and more, in the styles that real ones have."""
    assert len(ARTICLES) >= 40
    assert len({each.style for each in ARTICLES}) >= 10
    assert {path.stem for path in FOLDER.glob("*.md")} | {path.stem for path in FOLDER.glob("*.txt")} == {
        each.name for each in ARTICLES
    }


def test_what_is_reported_is_right_and_nearly_all() -> None:
    """Over all kinds, on this set."""
    precision, recall = rates(reported())
    assert precision >= 0.96
    assert recall >= 0.97


@pytest.mark.parametrize(
    ("kinds", "precision", "recall"),
    [
        ("md5 sha1 sha256 sha512", 0.95, 0.97),
        ("domain", 0.97, 0.97),
        ("url", 0.97, 0.97),
        ("ipv4 ipv6", 0.94, 0.97),
        ("email", 0.97, 0.97),
        ("cve", 1.0, 1.0),
        ("file_name file_path", 0.93, 0.9),
        ("registry_key wallet", 1.0, 1.0),
        ("image image_digest", 0.95, 0.95),
        ("package", 0.9, 0.8),
    ],
)
def test_each_kind_is_found(kinds: str, precision: float, recall: float) -> None:
    """Floors for each kind, so that one cannot get worse behind the others."""
    measured = rates(reported(frozenset(kinds.split())))
    assert measured[0] >= precision
    assert measured[1] >= recall


def test_malicious_means_malicious() -> None:
    """What is called malicious is; what is left open is called suspicious or unknown instead."""
    pairs = []
    for each in ARTICLES:
        got = {key for key, value in found(each.article).items() if value.disposition == "malicious"} - each.either
        pairs.append((got, {key for key, disposition in each.gold.items() if disposition == "malicious"}))
    precision, recall = rates(pairs)
    assert precision >= 0.97
    assert recall >= 0.88


def test_what_is_harmless_is_found_and_not_reported() -> None:
    """Official images, packages that were imitated, checksums: each stands under `not_used`."""
    wrong = [
        (each.name, key)
        for each in ARTICLES
        for key, disposition in each.gold.items()
        if disposition in ("benign", "context") and found(each.article)[key].disposition in REPORTED
    ]
    assert wrong == []


def test_tutorial_about_image_formats_reports_nothing() -> None:
    """Twelve digests, each typed by its place, none of them malicious; no file that is only mentioned."""
    tutorial = named("image-formats-tutorial")
    values = found(tutorial.article)
    digests = {key: value for key, value in values.items() if key[0] == "image_digest"}
    assert indicators_of(tutorial.article)[0] == ()
    assert set(digests) == {key for key in tutorial.gold if key[0] == "image_digest"}
    roles = [value.role for value in digests.values()]
    counted = {role: roles.count(role) for role in roles}
    assert counted == {"image": 1, "layer": 5, "config": 2, "diff_id": 2, "manifest": 2}
    assert {value.disposition for value in digests.values()} == {"benign"}


def test_nineteen_pages_of_a_specification_report_nothing_hostile() -> None:
    """Prose that names attackers and malicious content now and then tells of no attack."""
    page = (FOLDER / "oci-prose.md").read_text(encoding="utf-8")
    more = (
        "\n\nAn implementation MUST verify the size before the digest. A malicious index may nest deeply; an "
        "attacker could "
        "exploit a parser that recurses. Consumers SHOULD ignore properties that they do not know. A registry "
        "answers with the "
        "media type of the manifest, and a client that asked for another one SHOULD treat that as an error. "
        "Layers are applied "
        "in the order in which the manifest lists them, the base first, and whiteouts of one layer hide files of "
        "those below. "
        "Annotations are a map of strings; keys are written from the root down, such as "
        "org.opencontainers.image.created. "
        "The payload of a descriptor may be embedded as base64 in the property data, which must match digest and "
        "size.\n"
    )
    reported, rest = indicators_of(article_of("\n".join([page, more * 7] * 19)))
    assert {each.disposition for each in reported} <= {"unknown"}
    assert [each for each in reported if each.type in ("sha256", "image_digest", "domain", "file_name")] == []
    assert {each.role for each in rest if each.type == "image_digest"} != {None}


def test_every_mention_has_its_place_and_its_evidence() -> None:
    """The offset is where the value is written; the evidence is a bounded part of the article."""
    for each in ARTICLES:
        text = each.article.text
        for indicator in indicators_of(each.article)[0]:
            if indicator.type not in ("package", "image") or indicator.written != indicator.value:
                assert text.startswith(indicator.written, indicator.offset), (each.name, indicator)
            assert indicator.evidence in text
            assert 0 < len(indicator.evidence) <= 800
            assert indicator.reason


def test_one_value_is_one_indicator_at_its_first_mention() -> None:
    """Mentions differ in writing and in what they say; the strongest word counts."""
    article = article_of(
        "# Malware\n\nThe name first: evil-name.com is shown. Later the malware beacons to its C2 server "
        "hxxp://EVIL-name[.]com/a."
        "\n\n## Indicators of compromise\n\n- evil-name[.]com:8443\n"
    )
    (indicator,) = [each for each in indicators_of(article)[0] if each.type == "domain"]
    assert (indicator.value, indicator.disposition, indicator.port) == ("evil-name.com", "malicious", 8443)
    assert indicator.offset == article.text.index("evil-name.com")
    assert indicator.written == "evil-name.com"


def test_values_are_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An article of nothing but addresses ends somewhere, and says so."""
    monkeypatch.setattr(indicators, "MAX_VALUES", 100)
    lines = " ".join(f"45.1.7.{number}" for number in range(150))
    reported, rest = indicators_of(Article("many", (Block("paragraph", lines, 0),)))
    assert len(reported) + len(rest) == 101
    assert rest[-1].type == "limit"
    assert rest[-1].reason.startswith("50 further mentions")


def test_publishers_own_site_is_never_an_indicator() -> None:
    """Neither by its URL nor by its name."""
    text = "# Malware report\n\nThe malware of the attackers was found by us. Mail us at hi@acme-labs.io, see https://acme-labs.io/x.\n"
    for url, publisher in (("https://www.acme-labs.io/blog/1", None), (None, "Acme Labs")):
        reported, _ = indicators_of(article_of(text, url=url, publisher=publisher))
        assert reported == ()


@pytest.mark.parametrize(
    "sentence",
    [
        "More pictures are on malware-notes.org.",
        "The report also names cryptominer-watch.org.",
        "Write to malware@northwind-cert.org.",
    ],
)
def test_the_letters_of_a_value_say_nothing_of_it(sentence: str) -> None:
    told = "# A stealer\n\nThe attackers dropped a backdoor and took data to their C2 server. Ransomware followed."
    (only,) = indicators_of(article_of(f"{told}\n\n{sentence}"))[0]
    assert only.disposition == "unknown"
