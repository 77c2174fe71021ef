"""A group of tasks that end together."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class TaskGroup:
    """A group of tasks that ends with the first error, as asyncio.TaskGroup of Python 3.11."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: asyncio.Future[None] = loop.create_future()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a task."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait until all tasks are done. Cancel them after the timeout, and return False.

        Raises:
            Exception: the first error of a task. The other tasks are cancelled.
        """
        await asyncio.wait({self._done}, timeout=timeout_seconds)
        in_time = self._done.done()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            # Before Python 3.12, asyncio.wait_for may swallow a cancellation.
            await asyncio.wait(self._tasks, timeout=0.1)
        if in_time:
            self._done.result()
        return in_time

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or self._done.done():
            return
        if error:
            self._done.set_exception(error)
        elif not self._tasks:
            self._done.set_result(None)
