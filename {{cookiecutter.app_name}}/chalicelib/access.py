"""Decide which clients may connect."""

from chalice.app import WebsocketEvent


def may_connect(event: WebsocketEvent) -> bool:
    """Return whether a client may connect. As generated, each client that has the address may.

    Args:
        event: the event of the handshake. event.to_dict()["headers"] has the client's headers,
            and event.to_dict().get("queryStringParameters") the address's query string.
    """
    return True
