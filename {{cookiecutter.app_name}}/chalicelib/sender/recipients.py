"""Recipients that are read in a thread, while the first of them are sent to."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain

from chalicelib.sender.types import Recipients

# The reading thread pauses while this many recipients wait to be sent to.
MAX_WAITING = 2000

# The interval at which workers are started for new recipients, and at which a paused thread checks
# whether to go on.
POLL_SECONDS = 0.005


class RecipientQueue:
    """A queue that fills itself from an iterable, which may block.

    `read_count` is the number of recipients that were read so far.
    """

    def __init__(self, recipients: Recipients) -> None:
        self.read_count = 0
        self._source = iter(recipients)
        self._waiting_recipients: deque[tuple[str, str]] = deque()
        self._is_stopped = False
        self._read_future: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting_recipients)

    def is_finished(self) -> bool:
        """Return whether all recipients were read and removed."""
        return bool(self._read_future and self._read_future.done() and not self._waiting_recipients)

    def pop(self) -> tuple[str, str]:
        """Remove the next recipient, and return it."""
        return self._waiting_recipients.popleft()

    async def fill(self, on_progress: Callable[[], None]) -> None:
        """Read all recipients. A cancellation stops the thread after the next one."""
        self._read_future = asyncio.get_running_loop().run_in_executor(None, self._read)
        try:
            while True:
                await asyncio.wait({self._read_future}, timeout=POLL_SECONDS)
                on_progress()
                # Not before: in Python 3.14, the thread may have ended already.
                if self._read_future.done():
                    break
        finally:
            self._is_stopped = True
        self._read_future.result()

    async def wait_until_stopped(self, timeout_seconds: float) -> bool:
        """Wait until the thread has ended. Return False after the timeout."""
        if self._read_future:
            await asyncio.wait({self._read_future}, timeout=timeout_seconds)
        return not self._read_future or self._read_future.done()

    def remaining(self) -> Iterator[tuple[str, str]]:
        """Return the recipients that were not removed, those that were not read included."""
        return chain(self._waiting_recipients, self._source)

    def _read(self) -> None:
        for recipient in self._source:
            self._waiting_recipients.append(recipient)
            self.read_count += 1
            while len(self._waiting_recipients) >= MAX_WAITING and not self._is_stopped:
                time.sleep(POLL_SECONDS)
            if self._is_stopped:
                return
