"""The errors of a client."""

from typing import Any


class ClientError(Exception):
    """An error of the client, of its connection or of a request."""


class RequestError(ClientError):
    """A reply of the type error.

    Args:
        reply: the server's frame. `code` says what is wrong, `message` what to send instead.
    """

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = reply
        self.code = str(reply.get("code", "internal"))
        super().__init__(f"{self.code}: {reply.get('message', '')}")


class Offline(ClientError):
    """There is no connection, or it ended before the reply."""


class Closed(ClientError):
    """The client was closed. What it had not sent is lost."""


class SignedOut(ClientError):
    """Nobody is signed in any more. The client does not connect again by itself."""


class Refused(ClientError):
    """The server refuses this client, whenever it connects. The message says why."""
