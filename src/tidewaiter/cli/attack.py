"""Turns `tidewaiter attack ...` into ATT&CK's objects, their neighbours and their history, from an imported release."""

from collections.abc import Iterable

import click
import msgspec

from tidewaiter.cli._attack_given import domain_option, faults, library, release_option, store_option, store_path
from tidewaiter.cli._attack_text import (
    coverage_text,
    difference_text,
    found_text,
    history_text,
    log_source_text,
    object_text,
    platform_text,
    releases_text,
)
from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import page_size, write_bytes, write_text
from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_changes import difference
from tidewaiter.edge.attack_coverage import coverage as covered
from tidewaiter.edge.attack_coverage import navigator_layer
from tidewaiter.edge.attack_log_source import LogSource, log_source
from tidewaiter.edge.attack_shown import AttackObject, shown
from tidewaiter.edge.attack_store import StoreError, import_bundle, opened
from tidewaiter.edge.whole_file import write_whole
from tidewaiter.policy_yaml import printable


@click.group()
def attack() -> None:
    """Look up ATT&CK offline: objects, relations, history, coverage.

    ATT&CK's text is not shipped; import the releases that you want.

    \b
    Examples:
      tidewaiter attack import enterprise-attack-19.1.json
      tidewaiter attack show AN0691
      tidewaiter attack diff 18.1 19.1
    """


def _print(lines: Iterable[str]) -> None:
    write_text("".join(f"{line}\n" for line in lines))


def _print_json(document: object) -> None:
    write_bytes(msgspec.json.encode(document) + b"\n")


@attack.command("import")
@click.argument("bundles", nargs=-1, required=True, metavar="BUNDLE...")
@click.option("--release", metavar="NAME", help="The release, where neither the bundle nor its file name tells it.")
@click.option("--sha256", metavar="HEX", help="What the bundle must hash to, as it is or unpacked.")
@store_option
@form_option
def import_command(
    bundles: tuple[str, ...], release: str | None, sha256: str | None, store: str | None, form: str
) -> None:
    """Import releases of ATT&CK, from files or URLs.

    STIX 2.0 or 2.1 bundles, plain, .xz or .gz.

    Each is taken in wholly or not at all. MITRE publishes them at https://github.com/mitre-attack/attack-stix-data.

    \b
    Example:
      tidewaiter attack import enterprise-attack-18.1.json enterprise-attack-19.1.json
    """
    if len(bundles) > 1 and (release is not None or sha256 is not None):
        raise UsageFault("--release and --sha256 speak of one bundle; import one at a time with them")
    for source in bundles:
        with faults():
            bundle = read_bundle(source, release=release, sha256=sha256)
            with opened(store_path(store), to_write=True) as opened_store:
                done = import_bundle(opened_store, bundle)
        if form == "json":
            _print_json(done)
        elif done.is_known:
            _print([f"{done.domain} {done.release}: imported before, the same; nothing was changed"])
        else:
            told = f"{done.objects} objects, {done.relations} relations, {done.new_contents} not held before"
            lost = f"; {done.dangling} relations lead to nothing in it" if done.dangling else ""
            _print([f"{done.domain} {done.release}: {told}{lost}"])


@attack.command()
@store_option
@form_option
def releases(store: str | None, form: str) -> None:
    """List the releases that are imported.

    \b
    Example:
      tidewaiter attack releases
    """
    with library(store) as opened_library:
        known = opened_library.releases()
    if form == "json":
        _print_json(known)
    else:
        _print(releases_text(known))


@attack.command()
@click.argument("wanted", required=False, metavar="[ID]")
@click.option("--platform", metavar="NAME", help="Instead of one object list all that touches a platform: Containers.")
@release_option
@domain_option
@store_option
@click.option("--raw", is_flag=True, help="Print the object itself, as the canonical JSON that its hash is of.")
@click.option(
    "--all",
    "is_long",
    is_flag=True,
    help="Leave nothing out, and show what is said of each relation.",
)
@form_option
def show(
    wanted: str | None,
    platform: str | None,
    release: str | None,
    domain: str | None,
    store: str | None,
    raw: bool,
    is_long: bool,
    form: str,
) -> None:
    """Show one object, or all that touches a platform.

    An object is a technique, analytic, detection strategy, data component, group, program, mitigation, campaign ...

    The name of a log source (containerd:events) shows the analytics and data components that ask for it.
    With --platform: every technique, detection strategy and analytic that touches it, the log sources that each needs,
    and which of our sources feed them.

    \b
    Examples:
      tidewaiter attack show AN0691
      tidewaiter attack show containerd:events
      tidewaiter attack show G0139 --all
      tidewaiter attack show --platform Containers
      tidewaiter attack show T1204.003 --release 18.1 --format json
      tidewaiter attack show AN0691 --raw | sha256sum
    """
    if (wanted is None) == (platform is None):
        raise UsageFault("name one object (attack show AN0691) or a platform (attack show --platform Containers)")
    with library(store) as opened_library:
        chosen = opened_library.release(release, domain)
        if wanted is None:
            told = covered(opened_library, chosen, platform or "")
            if form == "json":
                _print_json(told)
            else:
                _print(platform_text(told, page_size()[0]))
            return
        if raw:
            write_bytes(opened_library.canonical(opened_library.find(wanted, chosen).raw_sha256))
            return
        record: AttackObject | LogSource
        try:
            record = shown(opened_library, wanted, chosen, has_texts=is_long)
        except StoreError:
            source = log_source(opened_library, wanted, chosen)
            if source is None:
                raise
            record = source
    if form == "json":
        _print_json(record)
    elif isinstance(record, LogSource):
        _print(log_source_text(record, page_size()[0]))
    else:
        _print(object_text(record, page_size()[0], is_long=is_long))


@attack.command()
@click.argument("wanted", metavar="ID")
@domain_option
@store_option
@form_option
def history(wanted: str, domain: str | None, store: str | None, form: str) -> None:
    """Show how one object changed from release to release.

    \b
    Example:
      tidewaiter attack history AN0691
    """
    with library(store) as opened_library:
        found, domain_of = opened_library.latest(wanted, domain)
        past = opened_library.history(found, domain_of)
        known = [one.name for one in opened_library.releases() if one.domain == domain_of]
    absent = [name for name in known if name not in {one.release for one in past}]
    if form == "json":
        told = {"kind": "attack_history", "schema": 1, "id": found.id, "name": found.name}
        _print_json({**told, "releases": past, "absent": absent})
    else:
        _print(history_text(found, past, absent))


@attack.command()
@click.argument("before", metavar="RELEASE")
@click.argument("after", metavar="RELEASE")
@domain_option
@store_option
@click.option("--all", "is_long", is_flag=True, help="Name every object.")
@form_option
def diff(before: str, after: str, domain: str | None, store: str | None, is_long: bool, form: str) -> None:
    """Show what changed between two releases.

    Relationships are objects too.

    \b
    Example:
      tidewaiter attack diff 18.1 19.1 --all
    """
    with library(store) as opened_library:
        told = difference(
            opened_library.store, opened_library.release(before, domain), opened_library.release(after, domain)
        )
    if form == "json":
        _print_json(
            {
                **{"kind": "attack_diff", "schema": 1, "before": told.before, "after": told.after},
                **{name: [one.id for one in getattr(told, name)] for name in ("added", "removed")},
                "changed": told.changed,
            }
        )
    else:
        _print(difference_text(told, page_size()[0], is_long=is_long))


@attack.command()
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@release_option
@domain_option
@store_option
@click.option("--most", type=click.IntRange(1, 500), default=25, show_default=True, help="How many to show.")
@form_option
def search(
    words: tuple[str, ...], release: str | None, domain: str | None, store: str | None, most: int, form: str
) -> None:
    """Find objects by words in names, texts and log sources.

    A word also finds what begins with it.

    \b
    Example:
      tidewaiter attack search container escape
    """
    with library(store) as opened_library:
        found = opened_library.search(" ".join(words), opened_library.release(release, domain), most)
    if form == "json":
        _print_json(found)
    elif found:
        _print(found_text(found, page_size()[0]))
    else:
        click.echo("nothing was found", err=True)


@attack.command()
@click.option("--platform", default="Containers", show_default=True, metavar="NAME", help="Platform to look at.")
@release_option
@domain_option
@store_option
@click.option("-o", "--output", metavar="FILE", help="Write the Navigator layer to a file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "navigator"]),
    default="text",
    show_default=True,
    help="Form of the output; navigator: a layer of the ATT&CK Navigator (format 4.5).",
)
def coverage(
    platform: str, release: str | None, domain: str | None, store: str | None, output: str | None, form: str
) -> None:
    """Show which techniques of a platform we can detect or feed.

    `implemented`: an analytic of tidewaiter; fed: the log sources that ATT&CK's analytic asks for can be read here.
    Also as a layer of the ATT&CK Navigator.

    \b
    Examples:
      tidewaiter attack coverage
      tidewaiter attack coverage --format navigator -o layer.json
    """
    with library(store) as opened_library:
        chosen = opened_library.release(release, domain)
        told = covered(opened_library, chosen, platform)
    layer = msgspec.json.format(msgspec.json.encode(navigator_layer(told, chosen)), indent=1) + b"\n"
    if output is not None:
        with faults():
            write_whole(output, layer)
    if form == "navigator" and output is None:
        write_bytes(layer)
    elif form == "json":
        _print_json(told)
    elif form == "text":
        _print(coverage_text(told, page_size()[0]))


@attack.command()
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder to write; new, empty, or an earlier site.")
@release_option
@domain_option
@store_option
@form_option
def site(output: str, release: str | None, domain: str | None, store: str | None, form: str) -> None:
    """Write a release as web pages that need no server.

    Every object with its relations as links, and an explorer.

    \b
    Example:
      tidewaiter attack site -o attack-19.1
    """
    from tidewaiter.web.attack_site import build

    with library(store) as opened_library:
        built = build(opened_library, opened_library.release(release, domain), output)
    if form == "json":
        _print_json(built)
    else:
        _print([f"{printable(built.folder)}: {built.pages} pages, {built.size_bytes / 1e6:.1f} MB; open index.html"])
