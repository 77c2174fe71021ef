"""Rules of the owner: the clients that may connect, and what each may do."""

from chalice.app import WebsocketEvent

from chalicelib.identity.handshake import check_origin, sign_in
from chalicelib.protocol.user import User

# The claims of a token to store in the connection's row, for `may`. One example is ("channels",).
KEPT_CLAIMS: tuple[str, ...] = ()


def authenticate(event: WebsocketEvent) -> User | None:
    """Return the user who connects; None is a guest. As generated, the settings decide.

    Args:
        event: the event of the handshake. event.to_dict()["headers"] has the client's headers,
            and event.to_dict().get("queryStringParameters") the address's query string.

    Raises:
        Refused: the client may not connect, with a status and a reason for the log.
    """
    check_origin(event)
    return sign_in(event, KEPT_CLAIMS)


def may(user: User | None, action: str, channel: str) -> bool:
    """Return whether a user may do an action in a channel.

    As generated, all channels are open, except those of users. A user may join and read their own.

    Args:
        user: None is a guest.
        action: join, broadcast, history, read or who; `who` also decides what `channels` lists.
        channel: the channel's name. `@` and a user's id is that user's own channel.
    """
    if channel.startswith("@"):
        is_own = user is not None and channel == f"@{user.id}"
        return is_own and action in ("join", "history", "read")
    return True
