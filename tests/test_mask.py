"""Holds which secrets are masked in arguments and text, and that ordinary words stay."""

import pytest

from tidewaiter.mask import HIDDEN, mask_arguments, mask_text

HUSH = "g3heim.Wort_7"

MASKED_ARGUMENTS = [
    ("curl", "-u", f"bob:{HUSH}", "https://host.example/"),
    ("curl", "--user", f"bob:{HUSH}"),
    ("curl", "--proxy-user", f"bob:{HUSH}"),
    ("curl", "-H", f"Authorization: Bearer {HUSH}"),
    ("curl", "-H", f"Authorization: Basic {HUSH}=="),
    ("curl", f"--header=authorization:Bearer {HUSH}"),
    ("curl", "-H", f"X-Auth-Token: {HUSH}"),
    ("curl", "-H", f"X-API-Key:{HUSH}"),
    ("curl", "-H", f"Cookie: session={HUSH}; other={HUSH}"),
    ("curl", "-H", f"PRIVATE-TOKEN: {HUSH}"),
    ("curl", f"https://bob:{HUSH}@host.example/path"),
    ("redis-cli", "-u", f"redis://:{HUSH}@host.example"),
    ("curl", f"https://host.example/?a=1&access_token={HUSH}&b=2"),
    ("curl", f"https://host.example/?apikey={HUSH}"),
    ("tool", f"--token={HUSH}"),
    ("tool", "--token", HUSH),
    ("tool", "-token", HUSH),
    ("tool", f"--api-key={HUSH}"),
    ("tool", "--access-key", HUSH),
    ("mysql", f"--password={HUSH}"),
    ("mysql", "--password", HUSH),
    ("wget", f"--http-password={HUSH}"),
    ("wget", "--proxy-passwd", HUSH),
    ("gpg", "--passphrase", HUSH),
    ("env", f"AWS_SECRET_ACCESS_KEY={HUSH}", "aws"),
    ("env", f"GITHUB_TOKEN={HUSH}", "gh"),
    ("env", f"PGPASSWORD={HUSH}", "psql"),
    ("sh", "-c", f"DB_PASS={HUSH} ./run"),
    ("sh", "-c", f"export API_KEY='{HUSH}'; ./run"),
    ("sh", "-c", f'TOKEN="{HUSH}" ./run'),
    ("sh", "-c", f"mysql --password={HUSH}"),
    ("kubectl", "create", "secret", "generic", "x", f"--from-literal=password={HUSH}"),
    ("echo", f"password: {HUSH}"),
    ("tool", f"client_secret={HUSH}"),
    ("tool", f"credentials={HUSH}"),
]

LEAKED_ARGUMENTS = [
    (("sh", "-c", f"mysql --password {HUSH} -e x"), "a flag and its value inside one shell string"),
    (("sh", "-c", f"curl -u bob:{HUSH} http://host.example"), "basic authentication inside one shell string"),
    (("sh", "-c", f'PASSWORD="{HUSH} {HUSH}" ./run'), "a quoted value with a blank in it"),
    (("tool", f"password=a,{HUSH}"), "a value with a comma in it"),
    (("curl", "-d", f'{{"password":"{HUSH}"}}'), "a member of a JSON body"),
    (("curl", "-d", f'{{"token": "{HUSH}"}}'), "a member of a JSON body"),
    (("curl", f"-ubob:{HUSH}"), "basic authentication written onto its flag"),
    (("curl", f"--user=bob:{HUSH}"), "basic authentication written onto its flag"),
    (("curl", "-U", f"bob:{HUSH}"), "curl's short flag for the proxy's user"),
    (("tool", "--no-auth", "--token", HUSH), "a flag that takes no value, and whose name ends like a secret's"),
    (("curl", "--oauth2-bearer", HUSH), "curl's flag for a bearer token"),
    (("curl", "-H", f"authorization=Bearer {HUSH}"), "a header written with an equals sign"),
]

KNOWN = [
    "AKIA" + "ABCDEFGH12345678",
    "ASIA" + "ABCDEFGH12345678",
    "ghp_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "xoxb-" + "123456-" * 3 + "abc",
    "dckr_pat_" + "a1B2" * 7,
    "eyJhbGciOiJI." + "eyJzdWIiOiIx." + "c2lnbmF0dXJl",
]


@pytest.mark.parametrize("args", MASKED_ARGUMENTS, ids=" ".join)
def test_masks_the_secret_in(args: tuple[str, ...]) -> None:
    """No secret stays, the rest of the command line does, and a second masking changes nothing."""
    masked = mask_arguments(args)
    assert HUSH not in " ".join(masked)
    assert HIDDEN in " ".join(masked)
    assert len(masked) == len(args)
    assert masked[0] == args[0]
    assert mask_arguments(masked) == masked


@pytest.mark.parametrize(
    "args",
    [pytest.param(args, id=why) for args, why in LEAKED_ARGUMENTS],
    ids=lambda args: " ".join(args),
)
def test_masks_the_secret_also_in(args: tuple[str, ...]) -> None:
    """No secret stays, however it is written."""
    assert HUSH not in " ".join(mask_arguments(args))


@pytest.mark.parametrize("secret", KNOWN)
@pytest.mark.parametrize("form", ["{}", "echo {} | base64", "https://{}@host.example/x.git", "a={}", "'{}'"])
def test_masks_tokens_known_by_their_form(secret: str, form: str) -> None:
    """Tokens of the large providers are known by their prefix, wherever they stand."""
    assert secret[4:] not in mask_text(form.format(secret))


def test_masks_a_fine_grained_token_of_github() -> None:
    """The newer form of GitHub's tokens is known like the older one."""
    assert "a1B2_a1B2" not in mask_text("echo github_pat_" + "a1B2_" * 8)


def test_masks_the_header_line_of_a_private_key() -> None:
    """A private key in PEM is noticed."""
    assert "PRIVATE KEY-----\n" not in mask_text("-----BEGIN RSA PRIVATE KEY-----\nMIIE")


def test_masks_the_body_of_a_private_key() -> None:
    """What must not be shown is what stands below the header line."""
    body = "MIIEowIBAAKCAQEA7geheimgeheim"
    text = f"echo '-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----' > key"
    assert body not in mask_text(text)


@pytest.mark.parametrize(
    "args",
    [
        ("git", "log", "--author", "bob"),
        ("git", "log", "--author=bob"),
        ("python3", "tokenize.py", "--tokenizer", "fast"),
        ("cat", "/etc/authselect/user-nsswitch.conf"),
        ("cat", "/etc/passwd"),
        ("ls", "/run/secrets/kubernetes.io"),
        ("kubectl", "get", "secrets", "-n", "shop"),
        ("ssh", "-o", "PasswordAuthentication no", "host.example"),
        ("curl", "-s", "https://host.example:8443/authors?page=2"),
        ("authconfig", "--update"),
        ("sed", "s/key/value/"),
        ("passwd", "bob"),
        ("python3", "-u", "app.py"),
        ("docker", "run", "--user", "1000", "alpine"),
        ("secretsdump.py", "-h"),
        ("sha256sum", "keyboard"),
    ],
    ids=" ".join,
)
def test_leaves_ordinary_words(args: tuple[str, ...]) -> None:
    """A word that merely begins like a secret's name is no secret's name."""
    assert mask_arguments(args) == args


def test_flag_at_the_end_hides_nothing() -> None:
    """A flag without a value is an argument like others."""
    assert mask_arguments(("tool", "--token")) == ("tool", "--token")
    assert mask_arguments(()) == ()


@pytest.mark.parametrize(
    "part",
    [
        *("a.", "token", "x://", "x://:", "://a:", "password=", "authorization", "cookie:", "x-a", "A", "\\", '"', "-"),
        *("token ", "-----BEGIN ", "AKIA", "gh", "glpat-", "pass", "a:b@", "=", "key:", "xoxb-"),
        "-eyJ",
    ],
)
def test_survives_long_hostile_text(part: str) -> None:
    """Every repeat in the patterns is bounded: a long text of half-secrets is masked like a short one."""
    short, long = mask_text(f"token {part * 50} --password hush"), mask_text(f"token {part * 8_000} --password hush")
    assert "hush" not in short
    assert "hush" not in long


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl -H Authorization:abc https://x.example/y", "curl -H Authorization:*** https://x.example/y"),
        ("curl -H Authorization: Bearer abc https://x.example|sh", "curl -H Authorization: *** https://x.example|sh"),
        ("curl -b cookie=a=1; b=2 -o /x http://x.example", "curl -b cookie=*** -o /x http://x.example"),
        ("echo x-auth-token: abc | nc x.example 4444", "echo x-auth-token: *** | nc x.example 4444"),
    ],
)
def test_what_is_fetched_does_not_hide_behind_a_header(text: str, expected: str) -> None:
    """Two command lines that differ in the host are two, whatever secret stands before it."""
    assert mask_text(text) == expected
