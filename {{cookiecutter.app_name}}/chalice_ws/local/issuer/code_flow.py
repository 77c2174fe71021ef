"""The authorization code flow of the local issuer, for client libraries of OpenID Connect."""

import base64
import binascii
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from chalice_ws.local.issuer.tokens import AUDIENCE, LIFETIME_SECONDS, Issuer

# RFC 6749, section 4.1.2: the recommended maximum.
CODE_SECONDS = 600

FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<h1>Sign in on this machine</h1><form>{fields}
<label>User <input name="user" value="{user}" autofocus required></label>
<button>Sign in</button></form></html>"""


class OAuthError(Exception):
    """A request that is not valid.

    Args:
        code: the error's code of OAuth, such as invalid_grant.
        description: what to do instead.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class Grant(NamedTuple):
    """A user who has signed in, and the request that asked for it."""

    user: str
    request: Mapping[str, str]
    expires_at: float


class CodeFlow:
    """The authorization code flow with PKCE, for any client id.

    Args:
        issuer: the issuer of the tokens.
        may_return_to: whether the flow may end at an address.
    """

    def __init__(self, issuer: Issuer, may_return_to: Callable[[str], bool]) -> None:
        self._issuer = issuer
        self._may_return_to = may_return_to
        self._grants: dict[str, Grant] = {}

    def check(self, query: Mapping[str, str]) -> None:
        """Check a request's client and address, without which nothing can be returned.

        Raises:
            OAuthError: one is missing, or the address is not allowed.
        """
        if not query.get("client_id"):
            raise OAuthError("invalid_request", f"client_id is missing; use {AUDIENCE}")
        address = query.get("redirect_uri", "")
        if not self._may_return_to(address):
            use = "use an address on this machine, or make run with --allow-origin"
            raise OAuthError(
                "invalid_request", f"redirect_uri is not valid (got {address!r}); {use}"
            )

    def authorize(self, query: Mapping[str, str]) -> str | None:
        """Return the address to go back to. None: the user is missing, and `form` asks for it."""
        try:
            if query.get("response_type") != "code":
                raise OAuthError("unsupported_response_type", "use response_type code")
            if "code_challenge" in query and query.get("code_challenge_method") != "S256":
                raise OAuthError("invalid_request", "use code_challenge_method S256")
            if not query.get("user"):
                if query.get("prompt") == "none":
                    raise OAuthError("login_required", "leave out prompt: there is no session")
                return None
        except OAuthError as error:
            return self._return(query, error=error.code, error_description=str(error))
        now = time.time()
        self._grants = {code: each for code, each in self._grants.items() if each.expires_at > now}
        code = secrets.token_urlsafe(32)
        self._grants[code] = Grant(query["user"], query, now + CODE_SECONDS)
        return self._return(query, code=code)

    def form(self, query: Mapping[str, str]) -> str:
        """Return the page that asks for the user."""
        fields = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
            if name != "user"
        )
        return FORM.format(fields=fields, user=escape(query.get("login_hint", "")))

    def tokens(self, body: str, authorization: str) -> dict[str, Any]:
        """Return the answer to a request with a code.

        Args:
            body: the request's form.
            authorization: its header, which names the client in some libraries.

        Raises:
            OAuthError: the code is not valid, or of another client.
        """
        form = {"client_id": _basic_user(authorization), **dict(parse_qsl(body))}
        if form.get("grant_type") != "authorization_code":
            raise OAuthError("unsupported_grant_type", "use grant_type authorization_code")
        # A code is used once.
        grant = self._grants.pop(form.get("code", ""), None)
        if grant is None or grant.expires_at <= time.time():
            raise OAuthError("invalid_grant", "the code is not valid; sign in again")
        request = grant.request
        for name in ("client_id", "redirect_uri"):
            if form.get(name) != request[name]:
                raise OAuthError("invalid_grant", f"use the {name} of the sign-in")
        if "code_challenge" in request:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenge != request["code_challenge"].rstrip("="):
                raise OAuthError("invalid_grant", "use the code_verifier of the sign-in")
        client = request["client_id"]
        # The app takes the ID token too, so it is for both.
        claims: dict[str, Any] = {"aud": client if client == AUDIENCE else [client, AUDIENCE]}
        # Some libraries refuse the fraction of a second, as an iat in the future.
        claims |= {"azp": client, "iat": int(time.time())}
        claims |= {"nonce": request["nonce"]} if "nonce" in request else {}
        return {
            "access_token": self._issuer.sign_in(grant.user),
            "id_token": self._issuer.sign_in(grant.user, claims),
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
        }

    def _return(self, query: Mapping[str, str], **answer: str) -> str:
        # RFC 9207: `iss` tells the client whose answer it is.
        answer |= {"iss": self._issuer.url}
        answer |= {"state": query["state"]} if "state" in query else {}
        parts = urlsplit(query["redirect_uri"])
        return urlunsplit(
            parts._replace(query="&".join(filter(None, [parts.query, urlencode(answer)])))
        )


def _basic_user(authorization: str) -> str:
    """Return the user of a header with HTTP's basic authentication, or an empty text."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return unquote(base64.b64decode(encoded).decode().partition(":")[0])
    except (binascii.Error, UnicodeDecodeError):
        return ""
