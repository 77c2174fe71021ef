"""The handshake of a connection: its origin, its token and its subprotocol."""

import logging
from collections.abc import Iterable

from chalice.app import WebsocketEvent

from chalicelib import settings
from chalicelib.protocol.user import User

# A browser cannot set a header of a WebSocket but this one, so a client offers two subprotocols:
# this name, then its token.
SUBPROTOCOL = "chalice-ws.v1"


class Refused(Exception):
    """The client may not connect.

    Args:
        status: the HTTP status of the handshake's answer.
        reason: the line for the log. It must not contain any part of a token.
        level: the level of that line. ERROR: the app's settings are wrong, and nobody connects.
    """

    def __init__(self, status: int, reason: str, level: int = logging.WARNING) -> None:
        super().__init__(reason)
        self.status = status
        self.level = level


def check_origin(event: WebsocketEvent) -> None:
    """Check that a web page may connect from its origin. Other clients send no origin.

    Raises:
        Refused: ALLOWED_ORIGINS does not name the origin.
    """
    origins = _values(event, "origin")
    try:
        allowed = settings.allowed_origins()
    except ValueError as error:
        raise Refused(403, str(error), logging.ERROR) from None
    for origin in origins if allowed else ():
        if origin not in allowed:
            raise Refused(403, f"the origin is not in ALLOWED_ORIGINS (got {origin[:200]!r})")


def sign_in(event: WebsocketEvent, kept_claims: Iterable[str] = ()) -> User | None:
    """Return the user of the handshake's token; None where AUTH is none.

    Args:
        kept_claims: the claims of the token that the user keeps.

    Raises:
        Refused: the token is missing or not valid, or the settings are not.
    """
    try:
        if settings.auth() == "none":
            return None
        # PyJWT is in requirements.txt only where it is needed.
        from chalicelib.identity import tokens

        rules = tokens.Rules.read()
    except ValueError as error:
        raise Refused(401, str(error), logging.ERROR) from None
    except ImportError as error:
        problem = (
            f"sign-in needs a package (got {error}); add PyJWT[crypto]>=2.15,<3 to requirements.txt"
        )
        raise Refused(401, problem, logging.ERROR) from None
    return tokens.verify(_token(event), rules, kept_claims)


def subprotocol(event: WebsocketEvent) -> dict[str, str]:
    """Return the header that answers the client's subprotocols.

    A browser closes the connection if it offers some and the answer names none.
    """
    offered = _offered(event)
    return {"Sec-WebSocket-Protocol": SUBPROTOCOL} if offered[:1] == [SUBPROTOCOL] else {}


def _token(event: WebsocketEvent) -> str:
    offered = _offered(event)
    if offered[:1] == [SUBPROTOCOL] and len(offered) == 2:
        return offered[1]
    for value in _values(event, "authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
    use = f'offer the subprotocols ["{SUBPROTOCOL}", token], or send Authorization: Bearer'
    raise Refused(401, f"the token is missing; {use}")


def _offered(event: WebsocketEvent) -> list[str]:
    values = ",".join(_values(event, "sec-websocket-protocol"))
    return [each.strip() for each in values.split(",")] if values else []


def _values(event: WebsocketEvent, name: str) -> list[str]:
    # API Gateway keeps the case of the client's headers. Its `headers` have the last value of each
    # name, and `multiValueHeaders` have all values; not every emulator sends both.
    content = event.to_dict()
    values: dict[str, None] = {}
    for key, several in (content.get("multiValueHeaders") or {}).items():
        if key.lower() == name:
            values |= dict.fromkeys(several or ())
    for key, value in (content.get("headers") or {}).items():
        if key.lower() == name:
            values[value] = None
    return list(values)
