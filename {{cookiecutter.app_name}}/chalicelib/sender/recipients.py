"""Recipients that are read ahead, in a thread, while the first of them are sent to."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice

from chalicelib.sender.types import Recipients

# Recipients that are read at a time.
CHUNK_SIZE = 2000

# The next chunk is read where fewer recipients are waiting.
LOW_MARK = 1000

# The workers hear of new recipients so often while a chunk is being read.
PROGRESS_SECONDS = 0.005


class RecipientQueue:
    """A queue that fills itself from an iterable, which may block.

    `read_count` is the number of recipients that were read so far.
    """

    def __init__(self, recipients: Recipients) -> None:
        self.read_count = 0
        self._has_more = True
        self._source = iter(recipients)
        self._waiting: deque[tuple[str, str]] = deque()
        self._is_low = asyncio.Event()
        self._reading: asyncio.Future[bool] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def is_finished(self) -> bool:
        """Return whether all recipients were read and removed."""
        return not (self._has_more or self._waiting)

    def pop(self) -> tuple[str, str]:
        """Remove the next recipient, and return it."""
        recipient = self._waiting.popleft()
        if len(self._waiting) == LOW_MARK:
            self._is_low.set()
        return recipient

    async def fill(self, on_progress: Callable[[], None]) -> None:
        """Read all recipients; wait while enough of them are in the queue."""
        while self._has_more:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(None, self._read_chunk)
            while not self._reading.done():
                await asyncio.wait({self._reading}, timeout=PROGRESS_SECONDS)
                on_progress()
            self._has_more = self._reading.result()
            self._is_low.clear()
            if len(self._waiting) > LOW_MARK:
                await self._is_low.wait()

    async def stop_reading(self, timeout_seconds: float) -> bool:
        """Wait for the chunk that is being read. Return False after the timeout."""
        if self._reading:
            await asyncio.wait({self._reading}, timeout=timeout_seconds)
        return not self._reading or self._reading.done()

    def remaining(self) -> Iterator[tuple[str, str]]:
        """Return the recipients that were not removed, those that were not read included."""
        return chain(self._waiting, self._source)

    def _read_chunk(self) -> bool:
        size = 0
        for recipient in islice(self._source, CHUNK_SIZE):
            self._waiting.append(recipient)
            self.read_count += 1
            size += 1
        return size == CHUNK_SIZE
