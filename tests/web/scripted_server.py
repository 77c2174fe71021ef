"""A WebSocket server whose replies and pushes are the test's."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Frame = dict[str, Any]

ACTIONS = ("name", "join", "leave", "broadcast", "history", "who", "channels", "help")


def message(number: int, data: object, **fields: object) -> Frame:
    """Return a message as the server pushes it."""
    message_id = f"{0x190000000000 + number:012x}-{0:016x}"
    sender = {"connection_id": "bob", "name": "Bob"}
    frame = {"type": "message", "message_id": message_id, "channel": "lobby", "data": data}
    return {**frame, "from": sender, "sent_at": 0x190000000000 + number, **fields}


class ScriptedServer:
    """A server of a chat.

    Attributes:
        port: its port.
        history: the messages of the lobby.
        replies: returns the fields of the reply, by action.
    """

    def __init__(self) -> None:
        self.port = 0
        self.history: list[Frame] = []
        self.replies: dict[str, Callable[[Frame], Frame]] = {
            "help": lambda _: {"type": "help", "actions": {name: {} for name in ACTIONS}},
            "join": self._join,
            "who": lambda request: {
                "type": "members",
                "channel": request["channel"],
                "members": [],
            },
            "channels": lambda _: {"type": "channels", "channels": []},
            "name": lambda request: {"type": "named", "name": request["name"]},
            "broadcast": lambda request: {
                "type": "sent",
                "channel": request["channel"],
                "message_id": message(1, 0)["message_id"],
            },
        }
        self._sockets: set[ServerConnection] = set()

    def push(self, *frames: object) -> None:
        """Send frames to all clients."""
        for socket in list(self._sockets):
            for frame in frames:
                socket.send(json.dumps(frame))

    def close_all(self) -> None:
        """Close all connections. The clients come again."""
        for socket in list(self._sockets):
            socket.close(1001)

    def handle(self, socket: ServerConnection) -> None:
        """Serve a client until it goes."""
        self._sockets.add(socket)
        with suppress(ConnectionClosed):
            for text in socket:
                request = json.loads(text)
                reply = self.replies[request["action"]](request)
                socket.send(json.dumps({**reply, "id": request["id"]}))
        self._sockets.discard(socket)

    def _join(self, request: Frame) -> Frame:
        channel, since = request["channel"], request.get("since", "")
        messages = [
            each for each in self.history if channel == "lobby" and each["message_id"] > since
        ]
        page = {"messages": messages, "more": False, "complete": True}
        return {"type": "joined", "channel": channel, **page}


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Run a server in threads."""
    script = ScriptedServer()
    with serve(script.handle, "127.0.0.1", 0) as server:
        script.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
