"""A worker: a process that loads the app, and the gateway's end of it."""

import asyncio
import json
import os
import traceback
from typing import Any, cast

from chalice_ws.local import processes
from chalice_ws.local.functions.runtime import Functions, Result
from chalice_ws.local.triggers.event_sources import Trigger
from chalice_ws.project.config import AppError, json_problem

# An import that hangs must not keep the next change from loading. Lambda's limit is 10 s, and a
# busy machine may need more.
LOAD_TIMEOUT_SECONDS = 30

# Those of Functions.
Arguments = tuple[Any, ...]

TOO_DEEP = Result(
    error={
        "errorType": "RecursionError",
        "errorMessage": "the event or the result has too many levels of lists and objects",
    }
)


class WorkerEnded(Exception):
    """The process ended during an event, or must be ended since the event timed out."""


class Worker(asyncio.Protocol):
    """The gateway's end of a worker process, which answers each line with one line.

    A line is JSON, in which an event or a result is a string of JSON. So the line can be read even
    where the event has too many levels for Python's parser.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._process, self._socket = processes.start(serve_events, *arguments)
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._number = 0
        self._has_exited = False
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.timeouts: dict[str, int] = {}
        self.triggers: dict[str, Trigger] = {}
        self.warnings: list[str] = []
        self.modules: list[str] = []

    async def load(self) -> None:
        """Wait until the process has loaded the app; raises AppError."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, self._on_exit)
        await loop.create_connection(lambda: self, sock=self._socket)
        timer = loop.call_later(LOAD_TIMEOUT_SECONDS, self.end)
        error = f"importing app.py ended the process or took over {LOAD_TIMEOUT_SECONDS} s"
        answer = await self._answer or {"error": error}
        timer.cancel()
        if "error" in answer:
            raise AppError(answer["error"])
        self.timeouts, self.triggers = answer["timeouts"], answer["triggers"]
        self.warnings, self.modules = answer["warnings"], answer["modules"]

    async def run(self, name: str, event: Any) -> Result:
        """Run a function; raises WorkerEnded, after which the worker cannot be used."""
        try:
            text = json.dumps(event)
        except RecursionError:
            return TOO_DEEP
        timeout_seconds = self.timeouts.get(name, 0)
        self._answer = asyncio.get_running_loop().create_future()
        assert self._transport
        self._number += 1
        self._transport.write(json.dumps([self._number, name, text]).encode() + b"\n")
        # asyncio.wait_for loses a cancellation that comes with the answer, before Python 3.12.
        await asyncio.wait({self._answer}, timeout=timeout_seconds)
        if not self._answer.done():
            # Lambda's own message.
            raise WorkerEnded(f"Task timed out after {timeout_seconds:.2f} seconds")
        answer = self._answer.result()
        if not answer:
            raise WorkerEnded("Runtime exited")
        try:
            return Result(**json.loads(answer["result"]))
        except RecursionError:
            return TOO_DEEP
        except ValueError as error:
            # The app has raised its own limit for the digits of a number.
            return Result(error={"errorType": "ValueError", "errorMessage": json_problem(error)})

    @property
    def alive(self) -> bool:
        """The state of the process: False once its end is known."""
        return self._transport is not None and not self._transport.is_closing()

    def end(self) -> None:
        """End the process at once."""
        if not self._has_exited:
            processes.end(self._process)
        if self._transport:
            self._transport.abort()

    def _on_exit(self) -> None:
        # The channel does not show the exit: processes that a handler has started keep it open.
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._has_exited = True
        # Its id may soon be that of another process. After join(), `end` kills only the group.
        self._process.join()
        processes.end(self._process)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to the process."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect the bytes of an answer, and set it when its line is complete."""
        self._received += data
        # A large answer comes in many parts, and only the last one has the end of a line.
        if b"\n" not in data:
            return
        *lines, self._received = self._received.split(b"\n")
        for answer in map(json.loads, lines):
            # After a timeout nobody waits for the answer. An earlier event's has another number.
            if not self._answer.done() and answer["number"] == self._number:
                self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Set an empty answer: the process has ended."""
        if not self._answer.done():
            self._answer.set_result(None)


def serve_events(channel: processes.Channel, *app: Any) -> None:
    """Load the app in a worker process, then run the events from the gateway.

    Args:
        channel: to the gateway. The first answer has the timeouts and triggers of all functions,
            the warnings and the app's modules, or an error.
        app: the arguments of Functions.
    """
    try:
        functions = Functions(*app)
    except AppError as error:
        channel.send({"number": 0, "error": str(error)})
        return
    except Exception as error:
        traceback.print_exc()
        got = f"{type(error).__name__}: {error}"
        channel.send({"number": 0, "error": f"the functions do not load (got {got}); see above"})
        return
    about: dict[str, Any] = {"timeouts": functions.timeouts(), "triggers": functions.triggers}
    about |= {"warnings": functions.warnings, "modules": functions.modules}
    channel.send({"number": 0, **about})
    current, pid = None, os.getpid()
    for number, name, text in channel:
        # A worker belongs to one function. It gets another only while the changed app does not
        # load.
        if name != current:
            functions.keep_only_variables_of(name)
            current = name
        result = _run(functions, name, text)
        # A handler that has forked also returns in the child process.
        if os.getpid() != pid:
            os._exit(0)
        channel.send({"number": number, "result": result})


def _run(functions: Functions, name: str, text: str) -> str:
    try:
        return json.dumps(vars(functions.run(name, json.loads(text))))
    except RecursionError:
        return json.dumps(vars(TOO_DEEP))
