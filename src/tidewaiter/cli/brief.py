"""Turns `tidewaiter brief SOURCE` into a briefing of one article, or into a folder of those of a feed."""

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from tidewaiter import __version__
from tidewaiter.cli._attack_given import faults, store_option, store_path
from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._terminal import write_bytes
from tidewaiter.edge.article import article_of, raw_kind
from tidewaiter.edge.article_bytes import Raw, read_source
from tidewaiter.edge.article_fault import ArticleError, check_libraries, needed
from tidewaiter.edge.article_fetch import Fetched, client, fetched, is_url
from tidewaiter.edge.attack_index import index_path, technique_index
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import opened
from tidewaiter.edge.feed import claims_to_be_feed, no_feed
from tidewaiter.edge.feed_folder import FeedFolder, Index, Run, opened_index
from tidewaiter.edge.polite import Polite
from tidewaiter.edge.whole_file import write_whole
from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import Briefing
from tidewaiter.intel.markdown import markdown
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.policy_yaml import printable


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json", "stix"]),
    default="markdown",
    show_default=True,
    help="Form of the briefing; stix: a STIX 2.1 bundle. In a feed's folder Markdown and JSON are always written.",
)
@click.option("-o", "--output", metavar="PATH", help="File to write; of a feed the folder.")
@click.option(
    "--attack-release", metavar="NAME", help="Release of ATT&CK to name techniques by.  [default: the newest]"
)
@store_option
@click.option(
    "--most", type=click.IntRange(1, 5000), default=200, show_default=True, help="Articles of a feed to read."
)
def brief(source: str, form: str, output: str | None, attack_release: str | None, store: str | None, most: int) -> None:
    """Turn an article into a briefing: indicators, techniques, hunts.

    Each indicator has a disposition and a reason, each technique the sentence that shows it, and hunts are queries for
    Splunk, Defender, Elastic and Sigma, and a list for `tidewaiter hunt --indicators`.

    SOURCE is a file, a web address or - (standard input): HTML, Markdown, text, PDF, or a feed (RSS, Atom). For one
    article nothing but SOURCE is fetched. A feed needs -o DIR; its articles are fetched, one at a time.

    \b
    Examples:
      tidewaiter brief https://blog.example/loader
      tidewaiter brief report.pdf --format stix -o report.json
      tidewaiter brief https://blog.example/feed.xml -o briefings/

    Exit status: 0, 2 usage or an article that cannot be read, 3 some of a feed's articles could not be read.
    """
    try:
        check_libraries()  # at once: learning a release takes a while
        index = _technique_index(attack_release, store)
        known = opened_index(Path(output)) if output is not None and Path(output).is_dir() else None
        if known is not None and known.feed != source:
            raise ArticleError(
                f"{printable(output or '')}: holds briefings of {printable(known.feed)}; name another folder"
            )
        raw, answer = _read(source, known)
        if raw is not None and raw_kind(raw) != "feed":
            if claims_to_be_feed(raw) or (output is not None and (output.endswith("/") or Path(output).is_dir())):
                raise no_feed(raw)
            _one(raw, form, output, index)
            return
        if output is None:
            raise ArticleError(f"{printable(source)}: is a feed; name the folder for its articles: -o DIR")
        with client() as asking, faults():
            folder = FeedFolder(
                Path(output), known, Polite(asking).ask, lambda one: _briefing_of(one, index), _files(form)
            )
            run = folder.read(source, raw, answer, _maker(index), most)
            folder.write("index.html", _index_page(folder))
    except ArticleError as error:
        raise UsageFault(str(error)) from error
    _tell(run)


def _read(source: str, known: Index | None) -> tuple[Raw | None, Fetched | None]:
    """(the bytes, what the server answered); no bytes where a feed is as it was."""
    if not is_url(source):
        return read_source(source), None
    answer = fetched(source, etag=known.etag if known else None, modified=known.modified if known else None)
    return (Raw.of(source, answer) if answer.status == 200 else None), answer


def _one(raw: Raw, form: str, output: str | None, index: TechniqueIndex | None) -> None:
    written = _FORMS[form](_briefing_of(article_of(raw), index))
    if output is None:
        write_bytes(written)
    else:
        with faults():
            write_whole(output, written)


def _files(form: str) -> Callable[[Briefing], dict[str, bytes]]:
    forms = {".md": "markdown", ".json": "json", **({".stix.json": "stix"} if form == "stix" else {})}
    return lambda briefing: {suffix: _FORMS[name](briefing) for suffix, name in forms.items()}


def _index_page(folder: FeedFolder) -> bytes:
    from tidewaiter.web.briefing_index import index_page

    return index_page(folder.index).encode("utf-8", "replace")


def _maker(index: TechniqueIndex | None) -> str:
    return f"tidewaiter {__version__}, ATT&CK {index.catalogue.release if index is not None else 'not imported'}"


def _tell(run: Run) -> None:
    for reason in run.not_read:
        click.echo(reason, err=True)
    left = f"; {run.left} more were left out (--most)" if run.left else ""
    click.echo(
        f"{printable(run.folder)}: {run.articles} articles: {run.new} new, {run.changed} changed, "
        f"{run.unchanged} unchanged, {len(run.not_read)} not read{left}; open index.html"
    )
    if run.not_read:
        raise SystemExit(3)


def _briefing_of(article: Article, index: TechniqueIndex | None) -> Briefing:
    made: Briefing = needed("tidewaiter.intel.brief").briefing_of(article, index)
    return made


def _technique_index(release: str | None, store: str | None) -> TechniqueIndex | None:
    """The imported release; None where none is imported and none was asked for."""
    path = store_path(store)
    if release is None and store is None and not path.exists():
        return None
    with faults(), opened(path) as opened_store:
        library = Library(opened_store)
        chosen = library.release(release)
        if not index_path(path, chosen).exists():
            click.echo(
                f"learning the techniques of {printable(chosen.domain)} {printable(chosen.name)}; "
                "this is done once and takes up to half a minute",
                err=True,
            )
        return technique_index(library, chosen, path)


def _json(briefing: Briefing) -> bytes:
    return msgspec.json.format(msgspec.json.encode(briefing), indent=1) + b"\n"


def _markdown(briefing: Briefing) -> bytes:
    return markdown(briefing).encode("utf-8", "replace")


def _stix(briefing: Briefing) -> bytes:
    made: bytes = needed("tidewaiter.intel.stix").stix_bundle(briefing)
    return made


_FORMS: dict[str, Callable[[Briefing], bytes]] = {"markdown": _markdown, "json": _json, "stix": _stix}
