"""The position of a client in one channel. With it, the client hands out each message once."""

import json
import time

from clients.frames import Frame

MAX_REMEMBERED = 10_000

# An id before those of all messages.
START = "000000000000-0000000000000000"


class Cursor:
    """The messages of a channel that were handed out.

    Args:
        mark: the id of a message up to which the client has all messages; "" before the first page.
    """

    def __init__(self, mark: str = "") -> None:
        self.mark = mark
        self._newest = mark
        # The time at which the newest message was here.
        self._newest_at = time.monotonic()
        self._forgotten = ""
        # The ids of messages by `_identity`, in the order in which they came.
        self._seen: dict[tuple[str, ...], str] = {}
        self._held: list[Frame] | None = None

    def misses(self, page: Frame) -> bool:
        """Return whether the server did not keep some messages after the mark.

        Args:
            page: the reply that goes on from the mark.
        """
        if page.get("complete", True) or not self.mark:
            return False
        if self.mark != START:
            return True
        # START is older than all that the server has. The first message that came decides.
        first = next(iter(self._seen.values()), "")
        ids = [str(message["message_id"]) for message in page["messages"]]
        return first != "" and not (ids and ids[0] <= first)

    def hold(self) -> None:
        """Hold back pushed messages, until `release`."""
        if self._held is None:
            self._held = []

    def release(self) -> list[Frame]:
        """Return the messages that were held back and are new, sorted by id."""
        held, self._held = self._held or [], None
        return self.take(sorted(held, key=lambda message: str(message["message_id"])))

    def confirm(self, asked_at: float) -> None:
        """Move the mark. All messages that were sent before the server was asked were handed out.

        A mark of a quiet channel that stayed at its last message would be older than what is kept.
        """
        passed = asked_at - self._newest_at
        self.mark = _later(self._newest, passed) if self._newest > START else START

    def push(self, message: Frame) -> list[Frame]:
        """Return the message if it is new, and none is held back."""
        if self._held is None:
            return self.take([message])
        self._held.append(message)
        return []

    def take(self, messages: list[Frame]) -> list[Frame]:
        """Return the messages that are new, and remember them."""
        return [message for message in messages if self._is_new(message)]

    def _is_new(self, message: Frame) -> bool:
        message_id, key = str(message["message_id"]), _identity(message)
        if key in self._seen or message_id <= self._forgotten:
            return False
        self._seen[key] = message_id
        if len(self._seen) > MAX_REMEMBERED:
            # A message that is not newer than a forgotten one may be a copy, and is left out.
            self._forgotten = max(self._forgotten, self._seen.pop(next(iter(self._seen))))
        if message_id > self._newest:
            self._newest, self._newest_at = message_id, time.monotonic()
        return True


def _later(message_id: str, seconds: float) -> str:
    """Return an id of a time so many seconds later."""
    try:
        milliseconds = int(message_id[:12], 16) + int(seconds * 1000)
    except ValueError:
        # An odd server. The id itself is right too.
        return message_id
    return max(message_id, f"{milliseconds:012x}-{0:016x}")


def _identity(message: Frame) -> tuple[str, ...]:
    """Return a key that copies of one message share, and other messages do not.

    A message that is sent again after its reply was lost has two ids and one nonce. Others can copy
    a nonce, so the key also has the user who sent it. A guest has another connection id after a
    cut, so the key has the data instead.
    """
    sender = message.get("from")
    if not sender or "nonce" not in message:
        return (str(message["message_id"]),)
    try:
        return (str(message["nonce"]), str(sender.get("user") or json.dumps(message.get("data"))))
    except RecursionError:
        return (str(message["message_id"]),)
