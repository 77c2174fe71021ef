"""A debugger that does what an editor does with .vscode/launch.json.

It speaks the Debug Adapter Protocol with debugpy's adapter, as VS Code and PyCharm do:
https://microsoft.github.io/debug-adapter-protocol/specification
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any

Message = dict[str, Any]

# It only ends a program that hangs.
LIMIT_SECONDS = 600


class Debugger:
    """A program under the debugger; a context manager that ends it.

    Args:
        configuration: one of launch.json, such as {"request": "launch", "module": "pytest"}.
        folder: the folder that the editor has open.
        breakpoints: lines by file. They are set before the program starts.
    """

    def __init__(
        self, configuration: Message, folder: Path, breakpoints: dict[Path, list[int]]
    ) -> None:
        self.output = ""
        self._number = 0
        self._events: list[Message] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "debugpy.adapter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._timer = Timer(LIMIT_SECONDS, self._process.kill)
        self._timer.start()
        self.ask("initialize", adapterID="debugpy", pathFormat="path")
        # The answer to it comes after configurationDone.
        self._send("launch", {"cwd": str(folder), "console": "internalConsole", **configuration})
        self.wait("initialized")
        for path, lines in breakpoints.items():
            points = [{"line": line} for line in lines]
            self.ask("setBreakpoints", source={"path": str(path)}, breakpoints=points)
        self.ask("configurationDone")

    def __enter__(self) -> "Debugger":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.ask("disconnect", terminateDebuggee=True)
        finally:
            self._timer.cancel()
            self._process.kill()
            self._process.communicate()

    def wait(self, event: str) -> Message:
        """Wait for an event, and return its body."""
        while True:
            for each in self._events:
                if each["event"] == event:
                    self._events.remove(each)
                    return dict(each.get("body", {}))
            self._receive()

    def wait_for_output(self, text: str) -> str:
        """Wait until the program has printed a text, and return all that it has printed."""
        while text not in self.output:
            self._receive()
        return self.output

    def ask(self, command: str, **arguments: Any) -> Message:
        """Send a request, and return the body of its answer."""
        number = self._send(command, arguments)
        while True:
            message = self._receive()
            if message.get("request_seq") == number:
                assert message["success"], message
                return dict(message.get("body", {}))

    @contextmanager
    def stopped(self) -> Iterator[Message]:
        """Wait for a breakpoint, and continue at the end. Its value is the frame of the stack."""
        thread = self.wait("stopped")["threadId"]
        yield self.ask("stackTrace", threadId=thread)["stackFrames"][0]
        self.ask("continue", threadId=thread)

    def evaluate(self, expression: str, frame: Message) -> str:
        """Return the value of an expression where the program has stopped."""
        return str(self.ask("evaluate", expression=expression, frameId=frame["id"])["result"])

    def _send(self, command: str, arguments: Message) -> int:
        self._number += 1
        request = {"seq": self._number, "type": "request"}
        content = json.dumps({**request, "command": command, "arguments": arguments}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._process.stdin.flush()
        return self._number

    def _receive(self) -> Message:
        stream = self._process.stdout
        assert stream is not None
        size = 0
        while line := stream.readline().strip():
            if line.startswith(b"Content-Length:"):
                size = int(line.partition(b":")[2])
        assert size, f"the debugger has ended: {self.output}"
        message: Message = json.loads(stream.read(size))
        if message["type"] == "event":
            self._events.append(message)
            if message["event"] == "output":
                self.output += message["body"]["output"]
        return message
