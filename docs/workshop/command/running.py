"""The reader's running app: connections to it, and the files of its folder."""

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from .lessons import LessonError

# A handler whose process has just started takes seconds on a slow machine.
ANSWER_SECONDS = 15

# A connection that has been opened just now.
SETTLE_SECONDS = 0.2


class Missing(Exception):
    """A thing that a lesson adds and the app lacks. Its text is a hint."""


class Refused(Missing):
    """A connection that the app refuses.

    Args:
        hint: the text.
        status: the HTTP status.
    """

    def __init__(self, hint: str, status: int) -> None:
        super().__init__(hint)
        self.status = status


@dataclass(frozen=True)
class Client:
    """A connection to the app."""

    socket: ClientConnection

    def send(self, frame: object) -> None:
        """Send a frame: a text as it is, all else as JSON."""
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def receive(self, hint: str, seconds: float = ANSWER_SECONDS) -> str:
        """Return the next text; raises Missing with the hint if none comes."""
        try:
            return str(self.socket.recv(seconds))
        except TimeoutError:
            raise Missing(f"{hint} (got nothing in {seconds:g} s)") from None
        except ConnectionClosed as error:
            raise Missing(f"{hint} (got the end of the connection: {error})") from None

    def frame(self, hint: str, kind: str | None = None, data: object = None) -> dict[str, Any]:
        """Return the next frame; raises Missing if none comes.

        Args:
            hint: what the app lacks if none comes.
            kind: the type of the frame, if others are of no interest.
            data: its data, if those of others are of no interest.
        """
        while True:
            text = self.receive(hint)
            try:
                frame = json.loads(text)
            except ValueError:
                frame = None
            if not isinstance(frame, dict):
                raise Missing(f"{hint} (got {text!r})")
            if "connectionId" in frame and frame.get("message") in GATEWAY_ERRORS:
                raise Missing(f"{hint} (got {frame['message']!r}; read the gateway's terminal)")
            is_wanted = kind in (None, frame.get("type"))
            if is_wanted and (data is None or frame.get("data") == data):
                return frame
            if frame.get("type") == "error":
                raise Missing(f"{hint} (got the error {frame.get('message')!r})")

    def request(self, hint: str, kind: str | None = None, /, **fields: Any) -> dict[str, Any]:
        """Send a frame, and return the next one, or the next one of a type."""
        self.send(fields)
        return self.frame(hint, kind)


GATEWAY_ERRORS = {"Forbidden", "Internal server error", "Endpoint request timed out"}


@dataclass(frozen=True)
class App:
    """The reader's app.

    Args:
        url: its WebSocket address.
        folder: the folder of its files.
    """

    url: str
    folder: Path

    @contextmanager
    def client(self, query: str = "", token: str | None = None) -> Iterator[Client]:
        """Connect, and close at the end.

        Raises:
            LessonError: no WebSocket server listens at the address.
            Refused: the app refuses the connection.
        """
        protocols: Any = ["token", token] if token else None
        try:
            socket = connect(
                self.url + query, proxy=None, subprotocols=protocols, open_timeout=ANSWER_SECONDS
            )
        except InvalidStatus as error:
            status = error.response.status_code
            raise Refused(f"let clients connect (got {error})", status) from None
        # ValueError: an address that is none.
        except (OSError, ValueError, WebSocketException) as error:
            use = "start it with chalice-ws local, or use --url ws://HOST:PORT/api"
            raise LessonError(f"no app runs at {self.url} (got {error}); {use}") from None
        with socket:
            yield Client(socket)

    def nodes(self) -> Iterator[ast.AST]:
        """Yield the nodes of the syntax trees of app.py and chalicelib/."""
        for path in (self.folder / "app.py", *sorted(self.folder.glob("chalicelib/**/*.py"))):
            try:
                yield from ast.walk(ast.parse(path.read_bytes()))
            except (OSError, SyntaxError, ValueError) as error:
                use = "run this in the folder of the app, or name it"
                raise LessonError(f"{path} cannot be read (got {error}); {use}") from None

    def decorators(self) -> set[str]:
        """Return the names of the decorators, such as `on_ws_connect`."""
        nodes = [
            node.func if isinstance(node, ast.Call) else node
            for function in self.nodes()
            if isinstance(function, ast.FunctionDef)
            for node in function.decorator_list
        ]
        return {node.attr for node in nodes if isinstance(node, ast.Attribute)}

    def calls(self) -> set[str]:
        """Return the names of the functions and methods that the app calls."""
        nodes = [node.func for node in self.nodes() if isinstance(node, ast.Call)]
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        return names | {node.id for node in nodes if isinstance(node, ast.Name)}

    def json(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file of the app; raises Missing."""
        try:
            content = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError) as error:
            raise Missing(f"write {name} (got {error})") from None
        if not isinstance(content, dict):
            raise Missing(f"write an object into {name} (got {type(content).__name__})")
        return content
