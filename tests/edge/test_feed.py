"""Proves that RSS, RDF and Atom are read alike, and that hostile feeds ask for nothing and open nothing."""

import pytest

from tidewaiter.edge.article_bytes import Raw
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_kind import kind_of
from tidewaiter.edge.feed import Entry, feed_of

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Site &amp; more</title>
<item><title>One</title><link>/one</link><guid isPermaLink="false">1</guid>
<pubDate>Fri, 01 Mar 2024 23:30:00 -0200</pubDate></item>
</channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Site &amp; more</title>
<entry><title>One</title><link rel="alternate" href="/one"/><id>1</id>
<published>2024-03-02T01:30:00Z</published></entry></feed>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>Site &amp; more</title></channel>
<item rdf:about="1"><title>One</title><link>/one</link><dc:date>2024-03-02T01:30:00Z</dc:date></item></rdf:RDF>"""


def raw(text: str, url: str | None = "https://blog.example/feed") -> Raw:
    return Raw("feed", text.encode(), url)


@pytest.mark.parametrize("text", [RSS, ATOM, RDF], ids=["rss", "atom", "rdf"])
def test_each_format_gives_the_same_entries(text: str) -> None:
    assert kind_of(text, raw(text)) == "feed"
    feed = feed_of(raw(text))
    assert feed.title == "Site & more"
    (entry,) = feed.entries
    assert (entry.url, entry.title, entry.date) == ("https://blog.example/one", "One", "2024-03-02")


def test_an_entry_without_an_address_is_its_own_text() -> None:
    text = RSS.replace("<link>/one</link>", "").replace(
        "</item>", "<description>&lt;p&gt;Text&lt;/p&gt;</description></item>"
    )
    assert feed_of(raw(text)).entries == (Entry("1", None, "One", "2024-03-02", "<p>Text</p>"),)


@pytest.mark.parametrize("link", ["file:///etc/passwd", "javascript:alert(1)", "ftp://blog.example/one"])
def test_only_web_addresses_are_addresses(link: str) -> None:
    with pytest.raises(ArticleError, match="without any article"):
        feed_of(raw(RSS.replace("/one", link)))


def test_an_entry_that_is_named_twice_counts_once() -> None:
    item = RSS[RSS.index("<item>") : RSS.index("</item>") + 7]
    assert len(feed_of(raw(RSS.replace(item, item * 3))).entries) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]><rss version="2.0"><channel/></rss>',
        RSS.replace('<?xml version="1.0"?>', '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    ],
)
def test_entities_are_refused(text: str) -> None:
    with pytest.raises(ArticleError, match="defines entities"):
        feed_of(raw(text))


@pytest.mark.parametrize(
    "text",
    [
        *("<rss>" + "<channel>" * 100_000, "<rss><channel>" + "<item>" * 50_000),
        *('<rss version="2.0"', RSS[: len(RSS) // 2], "<feed>\x00\x01"),
    ],
    ids=["deep", "items", "cut", "half", "controls"],
)
def test_broken_feeds_are_one_sentence_or_what_is_left(text: str) -> None:
    told = ""
    try:
        feed = feed_of(raw(text))
    except ArticleError as error:
        told = str(error)
    else:
        assert len(feed.entries) <= 1
    assert "\n" not in told


def test_the_name_of_a_file_is_no_feed() -> None:
    with pytest.raises(ArticleError, match="without any article"):
        feed_of(Raw("feed", b"/etc/passwd"))
