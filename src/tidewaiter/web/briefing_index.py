"""Turns the index of a folder of briefings into one page that can be searched without a server."""

import base64
import hashlib

from tidewaiter.edge.feed_folder import Index
from tidewaiter.intel.markdown import address
from tidewaiter.web.page import render


def index_page(index: Index) -> str:
    """The page; its script is the only one that its policy allows."""
    script = render("briefing_index.js", {})
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rows = [
        (one, _link(one.url), _words(one.title, one.severity, one.date, *one.techniques, *one.indicators))
        for one in index.articles
    ]
    return render(
        "briefing_index.html", {"title": index.title, "rows": rows, "script": script, "script_sha256": digest}
    )


def _link(url: str | None) -> str | None:
    """The article's address, where it is a plain web address."""
    return url if url is not None and address(url).startswith("<") else None


def _words(*parts: str | None) -> str:
    return " ".join(part for part in parts if part).lower()
