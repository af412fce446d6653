"""Turns a registry's challenge and the user's credentials into the Authorization header that it asks for.

Sources: distribution docs/content/spec/auth (token.md, oauth.md, jwt.md), RFC 9110 section 11 and RFC 7617. Only the
right to pull from the one repository is asked for, whatever scope the registry names in its challenge.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tidewaiter.edge.registry_credentials import Credentials
from tidewaiter.image.blob import ReadError

_CLIENT = "tidewaiter"
_PART = re.compile(r'([A-Za-z0-9_-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?')
"""A parameter, or, where no value follows, the name of a scheme."""
_HEADER_LENGTH = 8192
_SHORTEST_SECRET = 4

AskToken = Callable[[str, Mapping[str, str], str | None], Any]
"""Asks a token service: its URL, the form to send, and an Authorization header, or None. With a `grant_type` the form
is posted, else it is a query. Gives the decoded answer, and raises `ReadError` where there is none."""


class Challenge(msgspec.Struct, frozen=True):
    """What a registry wants to be shown."""

    scheme: str
    """`bearer` or `basic`, lower case."""
    parameters: dict[str, str]


def parse_challenges(headers: Sequence[str]) -> list[Challenge]:
    """The challenges in `WWW-Authenticate` headers, several of which may stand in one; what is none is left out."""
    found: list[Challenge] = []
    for header in headers:
        for match in _PART.finditer(header[:_HEADER_LENGTH]):
            name, quoted, plain = match.groups()
            if quoted is None and plain is None:
                found.append(Challenge(name.lower(), {}))
            elif found:
                found[-1].parameters[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return found


class Authorizer:
    """Holds the credentials for one repository of one registry, and the token that was got for them."""

    def __init__(self, credentials: Credentials, path: str, ask_token: AskToken) -> None:
        self._credentials = credentials
        self._path = path
        self._ask = ask_token
        self._secrets = {credentials.password, credentials.identity_token, credentials.registry_token}
        self.header: str | None = None
        """What to send with each request, once it is known."""
        self.tried = f"no authentication, with {credentials.origin}"
        """For people: which way was tried, and with whose credentials."""
        if _can_be_sent(credentials.registry_token):
            self._use("Bearer", credentials.registry_token)
            self.tried = f"a bearer token, with {credentials.origin}"

    def answer(self, challenges: Sequence[Challenge]) -> bool:
        """Get what one of the challenges asks for. False where there is nothing to show. Raises `ReadError`."""
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in by_scheme:
            return self._bearer(by_scheme["bearer"].parameters)
        if "basic" in by_scheme:
            self.tried = f"basic authentication, with {self._credentials.origin}"
            if self._credentials.username:
                self._use("Basic", self._basic())
                return True
        elif by_scheme:
            self.tried = f"nothing: it asks for {', '.join(sorted(by_scheme))[:80]}, which is not known here"
        return False

    def scrub(self, text: str) -> str:
        """Text that somebody else wrote, without the secrets that were sent: a registry may send them back."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    def _bearer(self, parameters: Mapping[str, str]) -> bool:
        realm = parameters.get("realm", "")
        self.tried = f"a bearer token, with {self._credentials.origin}"
        if not realm:
            return False
        form = {"scope": f"repository:{self._path}:pull"}
        if "service" in parameters:
            form["service"] = parameters["service"]
        basic = None
        if self._credentials.identity_token:
            form |= {
                "grant_type": "refresh_token",
                "refresh_token": self._credentials.identity_token,
                "client_id": _CLIENT,
            }
        elif self._credentials.username:
            basic = f"Basic {self._basic()}"
        answered = self._ask(realm, form, basic)
        members = answered if isinstance(answered, dict) else {}
        token = members.get("token") or members.get("access_token")
        if not isinstance(token, str) or not _can_be_sent(token):
            raise ReadError("the token service answered without a token")
        self._use("Bearer", token)
        return True

    def _basic(self) -> str:
        pair = f"{self._credentials.username}:{self._credentials.password}"
        encoded = base64.b64encode(pair.encode()).decode()
        self._secrets.add(encoded)
        return encoded

    def _use(self, scheme: str, secret: str) -> None:
        self._secrets.add(secret)
        self.header = f"{scheme} {secret}"


def _can_be_sent(token: str) -> bool:
    """Whether a token fits into a header: a line break in it would begin a header of its own."""
    return bool(token) and token.isascii() and token.isprintable()
