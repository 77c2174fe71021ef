"""End connections: all of a user after a sign-out, or one whose sign-in has expired."""

import logging
from typing import Any

from chalicelib.aws import Invocation, session
from chalicelib.delivery.pushes import publish_presence
from chalicelib.protocol.fields import USER, refuse_unknown
from chalicelib.protocol.frames import FrameError, encode
from chalicelib.sender import send
from chalicelib.storage import connections, users
from chalicelib.storage.channels import member_ids
from chalicelib.storage.rows import Connection, own_channel
from chalicelib.storage.threads import map_in_threads

log = logging.getLogger(__name__)

# By the code of the push `bye`.
MESSAGES = {
    "signed_out": "sign in again: you were signed out on all devices",
    "expired": "sign in again: your sign-in has ended",
}


def sign_out(event: Any, invocation: Invocation) -> dict[str, int]:
    """Refuse the older tokens of a user, and close each connection of the user.

    Args:
        event: {"user"}.

    Returns:
        {"closed": the number of connections that were closed}. A connection that could not be
        closed is logged. It is removed too, so that nothing is sent to it and its requests are
        refused.

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
    found = list(connections.get_many(ids, invocation.deadline, consistent=True))
    try:
        recipients = [(each.connection_id, each.endpoint) for each in found]
        send(_bye("signed_out"), recipients, invocation.deadline)
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
        code: one of MESSAGES.
        invocation: that of an event of the connection's stage.
    """
    client = session.client("apigatewaymanagementapi", endpoint_url=invocation.endpoint)
    try:
        client.post_to_connection(ConnectionId=connection_id, Data=_bye(code))
        client.delete_connection(ConnectionId=connection_id)
    except client.exceptions.GoneException:
        # The client has left.
        pass
    except Exception:
        # The rows have expired, so the connection can do nothing and gets nothing.
        log.exception("connection %s was not closed", connection_id)


def _bye(code: str) -> bytes:
    return encode({"type": "bye", "code": code, "message": MESSAGES[code]}).encode()


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
