"""Proves what the words around a value, its place and its neighbours say of it."""

import pytest
from labelled import article_of

from tidewaiter.intel.carried import is_content, is_inbox
from tidewaiter.intel.indicators import indicators_of
from tidewaiter.intel.wording import beside, is_lesson, names_a_kind

ATTACK = (
    "# Attackers backdoor a build server\n\nThe attackers stole credentials, dropped a backdoor and a rootkit, "
    "and sent what they found to their own host.\n\n"
)
ONE, TWO, THREE = ("7c" * 31 + "a1", "5e" * 31 + "b2", "3d" * 31 + "c4")


def judged(text: str, title: str = ATTACK) -> dict[str, str]:
    """Value -> disposition of everything found."""
    reported, rest = indicators_of(article_of(title + text))
    found: dict[str, str] = {each.value: each.disposition for each in reported}
    return found | {each.value: each.disposition for each in rest}


@pytest.mark.parametrize(
    ("before", "after", "stance"),
    [
        ("the malicious domain name", "", "malicious"),
        ("reached its command-and-control front end at", "", "malicious"),
        ("the manipulated base image", "", "malicious"),
        ("a doctored release", "", "malicious"),
        ("the tag was rolled back to", "", "benign"),
        ("the original image", "", "benign"),
        ("the unaltered binary", "", "benign"),
        ("the house at the corner", "", None),
    ],
)
def test_words_a_few_words_away_still_stand_beside(before: str, after: str, stance: str | None) -> None:
    found = beside(f"{before} ", after)
    assert (found[0] if found else None) == stance


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Files and hashes", True),
        ("IPs", True),
        ("Domains (2)", True),
        ("[2.1.0] - 2024-11-30", False),
        ("3 of 4", False),
        ("7.", False),
    ],
)
def test_a_heading_of_numbers_names_no_kind(heading: str, expected: bool) -> None:
    assert names_a_kind(heading) is expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Changelog", True),
        ("Release notes for 4.2", True),
        ("A short guide to pinning images", True),
        ("Securing the build host", True),
        ("How to detect the Redmoor botnet", False),
        ("Backdoor in a guide to nothing: stealer spreads", False),
        ("Inside a wiper", False),
    ],
)
def test_a_title_tells_a_lesson_from_a_report(title: str, expected: bool) -> None:
    assert is_lesson(title) is expected


def test_a_list_of_changes_reports_no_checksum() -> None:
    """Though what it fixes are attacks, and what it finds is malware."""
    text = (
        "# Change log\n\n## [3.2.0] - 2024-02-01\n\n- The scanner finds malware that steals tokens, and rootkits.\n"
        "- An attacker who hijacked a session could stay. Thanks to the victims who wrote.\n"
        f"- Rules now come from rules.hedgewarden.dev.\n\n```\n{ONE}  hedgewarden_3.2.0.tar.gz\n```\n"
    )
    assert indicators_of(article_of(text))[0] == ()


@pytest.mark.parametrize(
    ("url", "content", "inbox"),
    [
        ("https://pastebin.com/raw/Qm4kX1", True, False),
        ("https://gist.githubusercontent.com/u/1/raw/x.sh", True, False),
        ("https://github.com/o/r/releases/download/v1/x", True, False),
        ("https://discordapp.com/api/webhooks/1/a", True, True),
        ("https://api.telegram.org/bot123:ab/sendMessage", True, True),
        ("https://github.com/o/r", False, False),
        ("https://github.com/o/r/issues/4", False, False),
        ("https://ifconfig.me", False, False),
        ("https://pastebin.com/doc_api", False, False),
        ("https://core.telegram.org/bots", False, False),
    ],
)
def test_what_anybody_may_put_there_is_told_from_pages(url: str, content: bool, inbox: bool) -> None:
    assert (is_content(url), is_inbox(url)) == (content, inbox)


def test_a_public_service_plays_both_parts() -> None:
    found = judged(
        "The first stage is read from https://pastebin.com/raw/Zk81Lw2p by the loader.\n\n"
        "What it found goes to https://discord.com/api/webhooks/99/tok as a file.\n\n"
        "Our rules are at https://github.com/oakmere/rules and the script needs the genuine "
        "https://github.com/jqlang/jq/releases/download/jq-1.6/jq-linux64 to run.\n\n"
        "It asks https://ifconfig.me who it is.\n"
    )
    assert found["https://pastebin.com/raw/Zk81Lw2p"] in ("malicious", "suspicious")
    assert found["https://discord.com/api/webhooks/99/tok"] == "malicious"
    for told in (
        "https://github.com/oakmere/rules",
        "https://github.com/jqlang/jq/releases/download/jq-1.6/jq-linux64",
        "https://ifconfig.me",
        "pastebin.com",
        "discord.com",
        "github.com",
    ):
        assert found[told] in ("benign", "context"), told


def test_in_a_tutorial_a_paste_is_no_indicator() -> None:
    text = (
        "# Getting started with gists\n\nYou can fetch https://gist.githubusercontent.com/u/1/raw/hello.sh and run it."
    )
    assert indicators_of(article_of(text))[0] == ()


def test_a_file_follows_the_hash_beside_its_name() -> None:
    found = judged(
        f"- agentd.conf {ONE}\n- unrelated.conf is a file of the system\n\n"
        f"The archive is called winter.tgz (SHA-256: {TWO}), and the implant was found in it.\n"
    )
    assert found["agentd.conf"] == found["winter.tgz"] == "malicious"
    assert found["unrelated.conf"] == "context"


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{ONE}  kvoldd\n```",
        f"```\n{ONE} *kvoldd\n```",
        f"| File name | SHA-256 |\n|---|---|\n| kvoldd | {ONE} |",
    ],
)
def test_a_name_without_a_suffix_is_a_file_where_its_place_says_so(text: str) -> None:
    assert judged(f"## Indicators of compromise\n\n{text}\n")["kvoldd"] == "malicious"


def test_a_common_name_counts_only_in_a_list_of_indicators() -> None:
    assert judged("The attackers' malicious install.sh was run, and their setup.py.\n")["install.sh"] == "context"
    found = judged("## Indicators of compromise\n\n- install.sh\n- setup.py\n- cmd.exe\n")
    assert (found["install.sh"], found["setup.py"], found["cmd.exe"]) == ("malicious", "context", "context")


def test_a_sha1_among_commits_is_a_commit() -> None:
    first, second, third = ("4a" * 20, "6b" * 20, "8c" * 20)
    found = judged(
        f"The flaw came with commit {first} and is gone since {second}.\n\n"
        f"The SHA-1 of the backdoor's binary is {third}.\n"
    )
    assert (found[first], found[second], found[third]) == ("context", "context", "malicious")
    assert judged(f"Nobody knows what {second} is.\n")[second] == "unknown"


def test_packages_that_one_is_told_to_look_for_are_suspicious() -> None:
    found = judged(
        "The npm packages stole keys.\n\n```sh\nnpm ls fastr-colour quick-wsx\n```\n\n```sh\nnpm install chalk\n```\n"
    )
    assert (found["fastr-colour"], found["quick-wsx"]) == ("suspicious", "suspicious")
    assert found["chalk"] == "context"


def test_a_registry_key_goes_on_behind_an_id_in_braces() -> None:
    key = r"HKEY_CURRENT_USER\Software\Classes\CLSID\{0a1b2c3d-0000-4a4b-8c8d-0123456789ab}\LocalServer32"
    assert judged(f"## Indicators of compromise\n\n- {key}\n")[key] == "malicious"


def test_the_prefix_of_a_hash_is_no_word_about_it() -> None:
    found = judged(f"The tag was restored to sha256:{THREE}, said the operators of the backdoor's victim.\n")
    assert found[THREE] == "benign"


@pytest.mark.parametrize("opening", ["IOCs at a glance", "C2 servers", "Payload URLs"])
def test_a_sentence_that_opens_with_a_label_speaks_of_what_follows(opening: str) -> None:
    found = judged(f"{opening}: sync.moorgate-cdn.top, 45.9.3.22\n")
    assert (found["sync.moorgate-cdn.top"], found["45.9.3.22"]) == ("malicious", "malicious")


def test_a_timeline_of_an_incident_is_no_advice() -> None:
    found = judged("## Timeline\n\n| Time | Event |\n|---|---|\n| 08:10 | The attacker logs in from 45.9.3.22 |\n")
    assert found["45.9.3.22"] == "malicious"


def test_a_source_in_brackets_is_a_source() -> None:
    assert judged("It was downloaded 80 times (source: packagestats.org).\n")["packagestats.org"] == "context"


def test_what_a_sentence_denies_of_its_list_is_denied_of_each() -> None:
    found = judged(
        "Indicators of this backdoor are above.\n\nThese are not indicators, although the logs hold them: "
        "45.9.3.22 (a vendor's server), updates.hollowaytransfer.com.\n"
    )
    assert (found["45.9.3.22"], found["updates.hollowaytransfer.com"]) == ("benign", "benign")


def test_a_thumbprint_of_a_certificate_is_no_hash_of_a_file() -> None:
    assert (
        judged(f"The SHA-1 thumbprint of the attackers' certificate is {'9f' * 19}a1.\n")["9f" * 19 + "a1"] == "context"
    )


def test_a_kind_that_a_heading_names_speaks_of_lists_only() -> None:
    found = judged("## Samples\n\nThe people of pursely.io were informed.\n\n## Domains\n\n- sync-hold.top\n")
    assert (found["pursely.io"], found["sync-hold.top"]) == ("unknown", "malicious")


def test_a_report_says_how_malware_is_installed() -> None:
    found = judged("## Installation\n\nThe backdoor is saved as /etc/systemd/system/dock-timer.service and run.\n")
    assert found["/etc/systemd/system/dock-timer.service"] in ("unknown", "malicious")


def test_words_that_follow_a_command_in_prose_are_no_package() -> None:
    found = judged("Whoever types npm install there runs the backdoor. The npm package was pulled.\n")
    assert "there" not in found
    assert judged("It ran npm install colour-fastr before the attack.\n")["colour-fastr"] != ""


def test_a_digest_in_brackets_is_what_the_image_before_it_is() -> None:
    found = judged(
        f"The malicious image docker.io/hollins7/pause:3.9 mines coins; its digest is sha256:{ONE}.\n\n"
        f"The one of Kubernetes is registry.k8s.io/pause:3.9 (sha256:{TWO}).\n"
    )
    assert found["hollins7/pause:3.9"] == "malicious"
    assert found[f"sha256:{ONE}"] == "malicious"
    assert found[f"sha256:{TWO}"] == "benign"


def test_a_path_is_what_the_article_says_of_its_name() -> None:
    found = judged(
        "A copy of the tool was left at /usr/local/sbin/clock-helper for later.\n\n"
        f"## Indicators of compromise\n\n```\nclock-helper   SHA-1 {'5d' * 20}\n```\n"
    )
    assert (found["clock-helper"], found["/usr/local/sbin/clock-helper"]) == ("malicious", "malicious")


def test_a_version_beside_a_commit_is_no_file() -> None:
    first, second = "4a" * 20, "6b" * 20
    found = judged(f"| tag | before | now |\n|---|---|---|\n| v1.2.0 | {first} | {second} |\n")
    assert {found[first], found[second]} == {"unknown"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "## Indicators\n\nMore about the flaw: https://moorwatch.io/research/flaw.\n",
            "https://moorwatch.io/research/flaw",
        ),
        ("## Indicators\n\n- 45.9.3.22 (a shared address, do not block)\n", "45.9.3.22"),
        ("It was prepared with the team of larkhold.com.\n", "larkhold.com"),
        ("Help is at https://support.larkhold.com/en/eol.\n", "https://support.larkhold.com/en/eol"),
        ("We also saw 45.9.3.22, with which it checks connectivity.\n", "45.9.3.22"),
        ("The developers' own ghcr.io/larkhold/api:2 ran beside the backdoor.\n", "ghcr.io/larkhold/api:2"),
        ("Their server is gate[.]oldmoor[.]top. The makers are found at larkhold.com in Bergen.\n", "larkhold.com"),
    ],
)
def test_what_is_pointed_at_is_no_indicator(text: str, value: str) -> None:
    assert judged(text)[value] in ("benign", "context")


def test_owners_that_were_told_are_victims() -> None:
    found = judged("We have informed the owners: teahouse-shop.de, surf-shop.co.uk and others.\n")
    assert (found["teahouse-shop.de"], found["surf-shop.co.uk"]) == ("victim", "victim")


def test_a_false_alarm_tells_of_no_attack() -> None:
    text = (
        "# A scanner flags our release as a trojan\n\nIt is reported as malware of a botnet since today.\n\n"
        "I downloaded it from https://github.com/o/r/releases/download/v2/probe and its hash is right.\n"
    )
    assert indicators_of(article_of(text))[0] == ()


def test_a_list_of_places_is_suspicious_unless_it_is_somebody_elses() -> None:
    assert judged("Relay servers:\n\n- 45.9.3.22\n- 45.9.3.23\n")["45.9.3.23"] == "suspicious"
    assert judged("Our update servers:\n\n- 45.9.3.22\n")["45.9.3.22"] == "unknown"


@pytest.mark.parametrize(
    ("text", "value", "disposition"),
    [
        (
            "It lays a copy of itself at /host/usr/libexec/clockd and goes on.\n",
            "/host/usr/libexec/clockd",
            "malicious",
        ),
        ("It was saved as /usr/lib/.clockd by the backdoor.\n", "/usr/lib/.clockd", "malicious"),
        ("The archive holds a shortcut, Faktura_9.pdf.lnk.\n", "Faktura_9.pdf.lnk", "malicious"),
        ("The page speaks of notes.pdf.lnk too.\n", "notes.pdf.lnk", "context"),
        ("The build reads /srv/build/settings.cfg first.\n", "/srv/build/settings.cfg", "context"),
    ],
)
def test_a_file_is_what_was_done_with_it(text: str, value: str, disposition: str) -> None:
    assert judged(text)[value] == disposition


def test_what_is_written_openly_follows_its_host() -> None:
    found = judged(
        "It speaks to gate[.]oldmoor[.]top all day.\n\nThe page http://gate.oldmoor.top/login is in Danish today.\n"
    )
    assert found["http://gate.oldmoor.top/login"] == "malicious"


def test_each_part_of_a_sentence_speaks_of_its_own_value() -> None:
    found = judged(
        f"The poisoned build is sha256:{ONE}; the untouched one, which runs again since, is sha256:{TWO}.\n\n"
        f"Their backdoored client has the SHA-256 {THREE}, whereas that of the genuine client is {'2b' * 31}d5.\n"
    )
    assert [found.get(f"sha256:{value}", found.get(value)) for value in (ONE, TWO, THREE, "2b" * 31 + "d5")] == [
        "malicious",
        "benign",
        "malicious",
        "benign",
    ]


def test_to_see_something_is_not_to_cite_it() -> None:
    found = judged("Visitors of evil-corner.top now see a notice.\n\nSee https://larkhold.com/post for more.\n")
    assert found["evil-corner.top"] == "unknown"
    assert found["https://larkhold.com/post"] == "context"


def test_a_configuration_with_an_onion_service_is_that_of_hostile_software() -> None:
    """Without one hostile word in its prose."""
    onion = "a" * 56
    text = (
        "# A look at the third build of GRAVELPIT\n\nIt is written in Rust. Once files are encrypted it stops.\n\n"
        f'## Configuration\n\n```\n{{"c2": ["https://pit-gate.live/k"], "chat": "http://{onion}.onion/c"}}\n```\n'
    )
    found = judged(text, "")
    assert found[f"{onion}.onion"] == "malicious"
    assert found["pit-gate.live"] in ("malicious", "suspicious", "unknown")
