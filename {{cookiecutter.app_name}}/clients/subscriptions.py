"""The channels of a client: its position in each, and what it has missed there."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from clients.cursor import Cursor
from clients.errors import Offline, RequestError
from clients.frames import Frame, is_message, next_page

PAGE_SIZE = 100


class Subscriptions:
    """The channels that a client is in, or will be when it is online.

    Args:
        marks: the position to begin at, by channel; "" for none.
        insist: sends a request, and returns its reply.
        put: hands out frames.
    """

    def __init__(
        self,
        marks: Mapping[str, str],
        insist: Callable[..., Awaitable[Frame]],
        put: Callable[..., None],
    ) -> None:
        self.cursors = {channel: Cursor(mark) for channel, mark in marks.items()}
        self._insist = insist
        self._put = put

    def add(self, channel: str) -> None:
        """Add a channel that the server has joined the client to."""
        self.cursors.setdefault(channel, Cursor())

    async def join(self, channel: str, was_cut: bool) -> None:
        """Join a channel, or resume it.

        Raises:
            RequestError: the server refuses.
        """
        is_new = channel not in self.cursors
        cursor = self.cursors.setdefault(channel, Cursor())
        try:
            # It takes effect when the client is online.
            with suppress(Offline):
                await self._resume(channel, cursor, was_cut)
        except RequestError:
            if is_new:
                del self.cursors[channel]
            raise

    async def resume_all(self, was_cut: bool) -> None:
        """Hand out what was missed in each channel.

        Args:
            was_cut: whether there was no connection.
        """
        for channel, cursor in list(self.cursors.items()):
            try:
                await self._resume(channel, cursor, was_cut)
            except RequestError as error:
                # The other channels go on.
                self._put({**error.reply, "channel": channel})

    def push(self, message: Frame) -> None:
        """Hand out a message that was pushed, if it is valid and new."""
        channel = message.get("channel")
        cursor = self.cursors.get(channel) if isinstance(channel, str) else None
        if cursor and is_message(message):
            self._put(*cursor.push(message))

    async def _resume(self, channel: str, cursor: Cursor, was_cut: bool) -> None:
        """Join a channel, for the first time or again, and hand out what was missed."""
        since, asked_at = cursor.mark, time.monotonic()
        cursor.hold()
        try:
            fields = {"since": since} if since else {}
            page = await self._insist("join", channel=channel, limit=PAGE_SIZE, **fields)
            last = next_page(page, "")
            # A server that keeps no history tells of a gap each time.
            if was_cut and cursor.misses(page):
                self._put({"type": "gap", "channel": channel})
            if page.get("read"):
                self._put({"type": "read", "channel": channel, "message_id": page["read"]})
            self._put(*cursor.take(page["messages"]))
            # Without `since`, the other messages are older.
            while since and last:
                page = await self._insist("history", channel=channel, limit=PAGE_SIZE, since=last)
                last = next_page(page, last)
                self._put(*cursor.take(page["messages"]))
            cursor.confirm(asked_at)
        except RequestError:
            self._put(*cursor.release())
            raise
        # After Offline, what is held stays so until a resume works.
        self._put(*cursor.release())
