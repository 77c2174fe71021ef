"""The messages that wait for a worker.

Strategy: each connection has a queue of its own, with a maximum. The connections with messages
take turns: when a worker is free, it gets one message of the next connection. So a client that
sends thousands of messages delays another client's message by a few handlers, not by thousands.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

# The maximum for one connection. AWS closes connections that send too fast, and documents no
# number.
MAX_WAITING_MESSAGES = 1000
MAX_WAITING_BYTES = 8 * 1024 * 1024

C = TypeVar("C")


@dataclass
class Queue:
    """The waiting messages of one connection, and their number of bytes."""

    messages: deque[bytes] = field(default_factory=deque)
    size: int = 0


class Turns(Generic[C]):
    """The queues of messages, one for each connection, and whose turn is next.

    Args:
        handle: handles a message of a connection. It must not raise.
        max_running: the maximum of messages that are handled at the same time. More wait.
    """

    def __init__(
        self, handle: Callable[[C, str], Coroutine[Any, Any, None]], max_running: int
    ) -> None:
        self._handle = handle
        self._max_running = max_running
        self._running: set[asyncio.Task[None]] = set()
        # The order of the dict is that of the turns: the first connection is next.
        self._queues: dict[C, Queue] = {}

    def put(self, connection: C, text: str) -> bool:
        """Add a message; return whether the connection's queue had room for it."""
        queue, message = self._queues.setdefault(connection, Queue()), text.encode()
        full = len(queue.messages) == MAX_WAITING_MESSAGES
        if full or queue.size + len(message) > MAX_WAITING_BYTES:
            return False
        queue.messages.append(message)
        queue.size += len(message)
        self._start()
        return True

    def forget(self, connection: C) -> None:
        """Remove the waiting messages of a connection."""
        self._queues.pop(connection, None)

    def _start(self) -> None:
        while self._queues and len(self._running) < self._max_running:
            connection = next(iter(self._queues))
            queue = self._queues.pop(connection)
            message = queue.messages.popleft()
            queue.size -= len(message)
            if queue.messages:
                self._queues[connection] = queue
            task = asyncio.create_task(self._handle(connection, message.decode()))
            self._running.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()
