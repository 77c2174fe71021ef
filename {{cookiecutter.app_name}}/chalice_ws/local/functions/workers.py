"""The execution environments of Lambda: processes that each run one function.

Strategy: a worker loads the app, and belongs to the function of its first event. It runs one
event at a time, and is kept for the next one. So the globals, crashes and endless loops of a
function affect no other. One spare worker is always loaded ahead, so that a new one costs little.

After a change of the app's files a new spare worker is loaded. If it loads, no event goes to a
worker with the old code, and busy ones end after their event. If it does not load, the old
workers are used for any function until the next change.
"""

import asyncio
import logging
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import Any, Protocol

from chalice_ws.local.functions.runtime import Functions, Result
from chalice_ws.local.functions.worker import Arguments, Worker, WorkerEnded
from chalice_ws.local.triggers.event_sources import Trigger
from chalice_ws.project.config import AppError

log = logging.getLogger("chalice_ws")

# The pause before an app that did not load is tried again, where no old worker is left.
RETRY_SECONDS = 1


class Lambda(Protocol):
    """A runner of an app's functions: `Workers` or `InProcess`.

    `timeouts` has each function's timeout in seconds. `max_concurrency` is the maximum of events
    that run at the same time. `Workers` has it for each function, `InProcess` for all together.
    Further events wait. `triggers` has the event source of each function that has no route.
    `warnings` has a line for each fault with which the app still runs.
    """

    timeouts: dict[str, int]
    triggers: dict[str, Trigger]
    warnings: list[str]
    max_concurrency: int

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""


class Workers:
    """Processes that run the app's functions.

    Args:
        arguments: those of Functions.
        max_concurrency: the maximum number of processes for each function.
    """

    def __init__(self, arguments: Arguments, max_concurrency: int) -> None:
        self.timeouts: dict[str, int] = {}
        self.triggers: dict[str, Trigger] = {}
        self.warnings: list[str] = []
        self.modules: list[str] = []
        self.max_concurrency = max_concurrency
        self._arguments = arguments
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(max_concurrency)
        )
        self._idle_workers: dict[str, list[Worker]] = defaultdict(list)
        self._spare_worker: asyncio.Task[Worker] | None = None
        self._workers: set[Worker] = set()
        self._loading_workers: set[Worker] = set()
        self._generation = 0
        self._load_failed = False
        self._release_event = asyncio.Event()

    async def load(self) -> None:
        """Load the app, or load it again; raises AppError, and then keeps the old code."""
        spare = asyncio.create_task(self._start())
        try:
            worker = await spare
            self.timeouts, self.triggers = worker.timeouts, worker.triggers
            self.warnings, self.modules = worker.warnings, worker.modules
        except AppError:
            self._load_failed = True
            raise
        # Workers that still load have the old code too, and may never end.
        old = [
            *self._loading_workers,
            *(worker for idle in self._idle_workers.values() for worker in idle),
        ]
        self._idle_workers.clear()
        old_spare, self._spare_worker = self._spare_worker, spare
        self._load_failed = False
        self._generation += 1
        self._release_event.set()
        for worker in old:
            self._end(worker)
        if old_spare:
            with suppress(AppError):
                self._end(await old_spare)

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""
        async with self._slots[name]:
            generation = self._generation
            worker = self._take_idle(name) or await self._take_new()
            try:
                result = await worker.run(name, event)
            except WorkerEnded as error:
                log.error("%s: %s", name, error)
                self._end(worker)
                return Result(error={"errorType": "Runtime.ExitError", "errorMessage": str(error)})
            except BaseException:
                self._end(worker)
                raise
            if generation == self._generation:
                self._idle_workers[name].append(worker)
                self._release_event.set()
            else:
                self._end(worker)
            return result

    def stop(self) -> None:
        """End all processes at once."""
        for worker in list(self._workers):
            self._end(worker)

    def _take_idle(self, name: str) -> Worker | None:
        while idle := self._idle_workers[name]:
            worker = idle.pop()
            if worker.alive:
                return worker
            # It ended between two events.
            self._end(worker)
        return None

    async def _take_new(self) -> Worker:
        while True:
            if worker := await self._take_spare() or self._take_any_idle():
                return worker
            self._release_event.clear()
            retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._release_event.set)
            await self._release_event.wait()
            retry.cancel()
            # The last load may have failed for another reason than the code, such as memory.
            if self._spare_worker is None:
                self._spare_worker = asyncio.create_task(self._start())

    async def _take_spare(self) -> Worker | None:
        while self._spare_worker:
            spare, self._spare_worker = self._spare_worker, None
            if not self._load_failed:
                self._spare_worker = asyncio.create_task(self._start())
            generation = self._generation
            try:
                worker = await spare
            except AppError:
                # The app has been loaded again meanwhile, and there is a new spare worker.
                if generation != self._generation:
                    continue
                self._load_failed = True
                return None
            if worker.alive:
                return worker
            # It ended before its first event.
            self._end(worker)
        return None

    def _take_any_idle(self) -> Worker | None:
        workers: Iterator[Worker | None] = (
            self._take_idle(name) for name in list(self._idle_workers)
        )
        return next(filter(None, workers), None)

    async def _start(self) -> Worker:
        worker = Worker(self._arguments)
        self._workers.add(worker)
        self._loading_workers.add(worker)
        try:
            await worker.load()
        except AppError:
            self._end(worker)
            raise
        finally:
            self._loading_workers.discard(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.end()


class InProcess:
    """The app's functions in the gateway's own process, for breakpoint() and debuggers.

    Args:
        arguments: those of Functions.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._functions = Functions(*arguments)
        self.timeouts = self._functions.timeouts()
        self.triggers = self._functions.triggers
        self.warnings = self._functions.warnings
        # More than one: a function may invoke another and wait for it.
        self.max_concurrency = 8
        self._slots = asyncio.Semaphore(self.max_concurrency)
        os.register_at_fork(after_in_child=_restore_signals)

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""
        loop, pid = asyncio.get_running_loop(), os.getpid()
        done: asyncio.Future[Result] = loop.create_future()

        def set_result(result: Result) -> None:
            if not done.done():
                done.set_result(result)

        def run() -> None:
            result = self._run(name, event)
            # A handler that has forked also returns in the child process.
            if os.getpid() != pid:
                os._exit(0)
            loop.call_soon_threadsafe(set_result, result)

        async with self._slots:
            # In a thread of its own: a process forked in a thread of a ThreadPoolExecutor fails at
            # its end, since it waits for all threads of the executor, and so for itself.
            Thread(target=run, daemon=True).start()
            return await done

    def _run(self, name: str, event: Any) -> Result:
        try:
            self._functions.set_variables_of(name)
            return self._functions.run(name, event)
        except BaseException as error:
            # Such as SystemExit, which ends a worker process, and would end the gateway.
            message = f"Runtime exited ({type(error).__name__}: {error})"
            return Result(error={"errorType": "Runtime.ExitError", "errorMessage": message})


def _restore_signals() -> None:
    # A process that a handler forks shares the event loop's file for signals. The gateway would
    # take the signals of the process, such as that of Pool.terminate(), for its own.
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
