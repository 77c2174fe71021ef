"""End connections: all of a user after a sign-out, or one whose sign-in has expired."""

import logging
from contextlib import suppress
from typing import Any

from chalicelib.aws import Invocation, session
from chalicelib.delivery.pushes import publish_presence
from chalicelib.protocol.fields import USER, refuse_unknown
from chalicelib.protocol.frames import Frame, FrameError, encode
from chalicelib.sender import send
from chalicelib.storage import connections, users
from chalicelib.storage.channels import member_ids
from chalicelib.storage.rows import Connection, NotConnected, own_channel
from chalicelib.storage.threads import map_in_threads

log = logging.getLogger(__name__)

BYE_FRAMES: dict[str, Frame] = {
    "signed_out": {
        "type": "bye",
        "code": "signed_out",
        "message": "sign in again: you were signed out on all devices",
    },
    "expired": {
        "type": "bye",
        "code": "expired",
        "message": "sign in again: your sign-in has ended",
    },
}


def sign_out(event: Any, invocation: Invocation) -> dict[str, int]:
    """Refuse the older tokens of a user, and close each connection of the user.

    Args:
        event: {"user"}.

    Returns:
        The number of connections that were closed. A connection that could not be closed is
        logged. It is removed too, so that nothing is sent to it and its requests are refused.

    Raises:
        FrameError: the event is not valid.
        Busy: the table is busy. Try again.
    """
    if not isinstance(event, dict):
        raise FrameError("not_an_object", 'send {"user": ...}')
    refuse_unknown(event, ["user"], "sign_out")
    user_id = USER.read("user", event)
    # A connection that opens now is in the list below, or its connect function reads this row and
    # refuses it.
    users.refuse_older_tokens(user_id)
    ids = list(member_ids(own_channel(user_id), consistent=True))
    found = [each for each in map_in_threads(_find, ids) if each is not None]
    try:
        addresses = [(each.connection_id, each.endpoint) for each in found]
        send(encode(BYE_FRAMES["signed_out"]).encode(), addresses, invocation.deadline)
    except Exception:
        log.exception("the end of the connections was not announced")
    closed = _close(found)
    for each in found:
        # The disconnect function may have removed it already.
        connection = connections.remove(each.connection_id)
        for channel in connection.channels if connection else ():
            publish_presence(channel, "left", each, invocation)
    return {"closed": closed}


def say_bye(connection_id: str, code: str, invocation: Invocation) -> None:
    """Tell a client why its connection ends, and close it. The disconnect function removes it.

    Args:
        code: one of BYE_FRAMES.
        invocation: that of an event of the connection's stage.
    """
    client = session.client("apigatewaymanagementapi", endpoint_url=invocation.endpoint)
    try:
        data = encode(BYE_FRAMES[code]).encode()
        client.post_to_connection(ConnectionId=connection_id, Data=data)
        client.delete_connection(ConnectionId=connection_id)
    except client.exceptions.GoneException:
        # The client has left.
        pass
    except Exception:
        # The rows have expired, so the connection can do nothing and gets nothing.
        log.exception("connection %s was not closed", connection_id)


def _find(connection_id: str) -> Connection | None:
    # The read is consistent, for a connection that has just been opened.
    with suppress(NotConnected):
        return connections.get(connection_id)
    return None


def _close(found: list[Connection]) -> int:
    """Close connections; return the number of those that were open."""
    # The clients are made first: boto3 sessions are not safe for threads.
    clients = {
        endpoint: session.client("apigatewaymanagementapi", endpoint_url=endpoint)
        for endpoint in {each.endpoint for each in found}
    }
    endpoints = {each.connection_id: each.endpoint for each in found}

    def close(connection_id: str) -> bool:
        client = clients[endpoints[connection_id]]
        try:
            client.delete_connection(ConnectionId=connection_id)
        except client.exceptions.GoneException:
            return False
        except Exception:
            log.exception("connection %s was not closed", connection_id)
            return False
        return True

    return sum(map_in_threads(close, list(endpoints)))
