"""The errors of a client."""

from typing import Any

# The server counts the requests of each minute.
MAX_TOO_FAST_SECONDS = 60


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
        # With the code too_fast: the time after which the server takes the request.
        given = reply.get("retry_after_seconds")
        self.retry_after_seconds: float = MAX_TOO_FAST_SECONDS
        if isinstance(given, int | float) and 0 < given < MAX_TOO_FAST_SECONDS:
            self.retry_after_seconds = given
        super().__init__(f"{self.code}: {reply.get('message', '')}")


class Offline(ClientError):
    """The client has no connection, or it ended before the reply."""


class Closed(ClientError):
    """The client was closed. What it had not sent is lost."""


class SignedOut(ClientError):
    """The end of a sign-in. The client does not connect again by itself."""


class Refused(ClientError):
    """The server refuses this client, whenever it connects. The message says why."""
