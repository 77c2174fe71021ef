"""Lambda's environments: processes that load the app and run one event at a time.

What one does to itself touches no other: globals, crashes, endless loops. When the app's files
change, new ones take over, and the old ones end with what they are doing.
"""

import asyncio
import json
import logging
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, cast

from chalice_ws.local import processes as children
from chalice_ws.local.runtime import Functions, Result
from chalice_ws.project.config import AppError

log = logging.getLogger("local")

# Seconds that importing the app may take: one that hangs must not keep the next save from
# loading. Lambda gives up after 10, which a busy machine may need.
INIT = 30

# Seconds until an app that did not load is tried again, where nothing is left that could run.
RETRY = 5


class Lambda(Protocol):
    """What runs the app's functions; `timeouts` has their names, and seconds."""

    timeouts: dict[str, int]

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""


class Workers:
    """Processes that run the app's functions, each of them one function's, as on Lambda.

    Args:
        app: what Functions takes.
        size: how many events of one function run at the same time; more wait.
    """

    def __init__(self, app: tuple[Any, ...], size: int) -> None:
        self.timeouts: dict[str, int] = {}
        self._app = app
        self._room: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(size))
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._spare: asyncio.Task[Worker] | None = None  # loaded ahead of its first event
        self._all: set[Worker] = set()
        self._generation = 0
        self._broken = False
        self._released = asyncio.Event()

    async def load(self) -> None:
        """Load the app, at first or after a change; raises AppError, and what was there stays."""
        spare = asyncio.create_task(self._start())
        try:
            self.timeouts = (await spare).timeouts
        except AppError:
            self._broken = True
            raise
        old = [each for idle in self._idle.values() for each in idle]
        self._idle.clear()
        unused, self._spare = self._spare, spare
        self._broken = False
        self._generation += 1
        self._released.set()
        if unused:  # awaited only now, when no event can come to it or the old ones any more
            with suppress(AppError):
                old.append(await unused)
        for worker in old:
            self._end(worker)

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""
        async with self._room[name]:
            generation = self._generation
            worker = self._warm(name) or await self._new()
            try:
                result = await worker.run(name, event)
            except WorkerEnded as error:
                log.error("%s: %s", name, error)
                self._end(worker)
                return Result(error={"errorType": "Runtime.ExitError", "errorMessage": str(error)})
            if generation == self._generation:
                self._idle[name].append(worker)
                self._released.set()
            else:
                self._end(worker)
            return result

    def stop(self) -> None:
        """End all processes at once."""
        for worker in list(self._all):
            self._end(worker)

    def _warm(self, name: str) -> "Worker | None":
        while idle := self._idle[name]:
            worker = idle.pop()
            if worker.alive:
                return worker
            self._end(worker)  # it ended by itself, between two events
        return None

    async def _new(self) -> "Worker":
        while True:
            if self._spare:
                spare, self._spare = self._spare, None
                if not self._broken:
                    self._spare = asyncio.create_task(self._start())
                with suppress(AppError):
                    fresh = await spare
                    if fresh.alive:
                        return fresh
                    self._end(fresh)  # it ended by itself, before its first event
                    continue
                self._broken = True
            # The files on the disk do not load: go on with what did, whosever it was.
            for name in list(self._idle):
                if worker := self._warm(name):
                    return worker
            self._released.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._released.wait(), RETRY)
            if self._spare is None:  # what failed to load may have been killed, or short of memory
                self._spare = asyncio.create_task(self._start())

    async def _start(self) -> "Worker":
        worker = Worker(self._app)
        self._all.add(worker)
        try:
            await worker.load()
        except AppError:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: "Worker") -> None:
        self._all.discard(worker)
        worker.end()


class WorkerEnded(Exception):
    """The process ended while it ran a function, or is to be ended for taking too long."""


class Worker(asyncio.Protocol):
    """One process, seen from the gateway: to each line that it is sent it answers one."""

    def __init__(self, app: tuple[Any, ...]) -> None:
        self._process, self._socket = children.start(work, *app)
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.timeouts: dict[str, int] = {}

    async def load(self) -> None:
        """Wait until the app is loaded; raises AppError."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, sock=self._socket)
        timer = loop.call_later(INIT, self.end)
        died = f"importing the app ends the process, or takes more than {INIT} s"
        hello = await self._answer or {"error": died}
        timer.cancel()
        if "error" in hello:
            raise AppError(hello["error"])
        self.timeouts = hello["timeouts"]

    async def run(self, name: str, event: Any) -> Result:
        """Run a function; raises WorkerEnded, after which the process is of no more use."""
        seconds = self.timeouts.get(name, 0)
        self._answer = asyncio.get_running_loop().create_future()
        assert self._transport
        self._transport.write(json.dumps([name, event]).encode() + b"\n")
        try:
            answer = await asyncio.wait_for(self._answer, seconds)
        except asyncio.TimeoutError:
            raise WorkerEnded(f"Task timed out after {seconds:.2f} seconds") from None
        if not answer:
            raise WorkerEnded("Runtime exited")
        return Result(**answer)

    @property
    def alive(self) -> bool:
        """Whether the process was there when last heard of."""
        return self._transport is not None and not self._transport.is_closing()

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process can be written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Part of an answer has come."""
        self._received += data
        if data.endswith(b"\n"):
            line, self._received = self._received, bytearray()
            if not self._answer.done():  # it is, if this came too late
                self._answer.set_result(json.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended."""
        if not self._answer.done():
            self._answer.set_result(None)


def work(channel: children.Channel, *app: Any) -> None:
    """A worker's life: load the app, say which functions it has, run what comes."""
    try:
        functions = Functions(*app)
    except AppError as error:
        channel.send({"error": str(error)})
        return
    channel.send({"timeouts": functions.timeouts()})
    settled = None
    for name, event in channel:
        if name != settled:  # another's only if there is no process that could load the app
            functions.settle(name)
            settled = name
        channel.send(vars(functions.run(name, event)))


class InProcess:
    """The app's functions in the gateway's own process, for breakpoint() and debuggers.

    Args:
        app: what Functions takes.
    """

    def __init__(self, app: tuple[Any, ...]) -> None:
        self._functions = Functions(*app)
        self.timeouts = self._functions.timeouts()
        # Several, since a function may invoke another and wait for it.
        self._threads = ThreadPoolExecutor(8)

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._functions.run, name, event)
