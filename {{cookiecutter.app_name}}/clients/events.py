"""Streams of what a client receives. Each has a queue of its own."""

import asyncio
from collections.abc import Callable

from clients.frames import Frame


class Events:
    """An asynchronous iterator of frames. `close`, or the end of the client, ends it.

    Args:
        wants: returns whether a frame belongs to this stream.
    """

    def __init__(self, wants: Callable[[Frame], bool]) -> None:
        self._wants = wants
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.is_open = True

    def put(self, frame: Frame) -> None:
        """Add a frame, if it belongs to this stream."""
        if self.is_open and self._wants(frame):
            self._queue.put_nowait(frame)

    def close(self) -> None:
        """End the iteration after the frames that wait."""
        if self.is_open:
            self.is_open = False
            self._queue.put_nowait(None)

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Frame:
        frame = await self._queue.get()
        if frame is None:
            # For another task that iterates.
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        return frame
