"""The broadcasts that the server has not acknowledged. They are sent one after another."""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from clients.errors import ClientError, Offline
from clients.frames import Frame

Result = asyncio.Future[Frame]


class Outbox:
    """A queue of broadcasts.

    Args:
        online: is set while the client is online.
        send: sends the fields of a broadcast, and returns the reply.
    """

    def __init__(self, online: asyncio.Event, send: Callable[[Frame], Awaitable[Frame]]) -> None:
        self._online = online
        self._send = send
        self._queue: deque[tuple[Frame, Result]] = deque()
        self._has_more = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, channel: str, data: Any) -> Result:
        """Queue a message."""
        result: Result = asyncio.get_running_loop().create_future()
        # A caller may ignore the result. Reading the exception here prevents asyncio's warning.
        result.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Random, so that nobody can guess the nonce and use it before this client does.
        fields = {"channel": channel, "data": data, "nonce": secrets.token_urlsafe(16)}
        self._queue.append((fields, result))
        self._has_more.set()
        return result

    async def run(self) -> None:
        """Send the messages while the client is online."""
        while True:
            await self._has_more.wait()
            await self._online.wait()
            fields, result = self._queue[0]
            try:
                outcome: Frame | ClientError = await self._send(fields)
            except Offline:
                # Sent again when online, with the same nonce, so that nobody sees it twice.
                await asyncio.sleep(0)
                continue
            except ClientError as error:
                outcome = error
            self._queue.popleft()
            _settle(result, outcome)
            if not self._queue:
                self._has_more.clear()

    def reject(self, error: ClientError) -> None:
        """Give up all messages, with an error as their result."""
        while self._queue:
            _settle(self._queue.popleft()[1], error)


def _settle(result: Result, outcome: Frame | ClientError) -> None:
    if result.done():
        return
    if isinstance(outcome, ClientError):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
