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


class Streams:
    """The streams of a client."""

    def __init__(self) -> None:
        self._streams: list[Events] = []
        self._is_open = True

    def open(self, wants: Callable[[Frame], bool]) -> Events:
        """Return a new stream."""
        stream = Events(wants)
        self._streams = [*(each for each in self._streams if each.is_open), stream]
        if not self._is_open:
            stream.close()
        return stream

    def put(self, *frames: Frame) -> None:
        """Add frames to the streams that they belong to."""
        for frame in frames:
            for stream in self._streams:
                stream.put(frame)

    def close(self) -> None:
        """End all streams, and those to come."""
        self._is_open = False
        for stream in self._streams:
            stream.close()
