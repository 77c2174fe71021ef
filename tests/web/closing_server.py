"""A WebSocket server that separates the close frame from the end of the TCP connection."""

import http
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

Reply = dict[str, Any]


class ClosingServer:
    """A server of one client at a time, with the actions help, join and broadcast.

    Attributes:
        url: its address.
        broadcasts: the data of all broadcasts, in the order of their arrival.
    """

    def __init__(self, listener: socket.socket, refused: int) -> None:
        self._refused = refused
        self.url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        self.broadcasts: list[object] = []
        self._listener = listener
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._protocol = ServerProtocol()
        self._sent_close = False

    def send_close_frame(self) -> None:
        """Begin to close the connection. The TCP connection stays open."""
        with self._lock:
            self._sent_close = True
            self._protocol.send_close(1001)
            self._flush()

    def end_tcp(self) -> None:
        """End the TCP connection."""
        with self._lock:
            if self._socket:
                # The browser may have ended it.
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Serve one client after another, until the listener is closed."""
        while True:
            try:
                self._socket, _ = self._listener.accept()
            except OSError:
                return
            self._protocol = ServerProtocol()
            self._sent_close = False
            # The browser may end the TCP connection at any time.
            with self._socket, suppress(OSError):
                self._serve_one(self._socket)

    def _serve_one(self, client: socket.socket) -> None:
        while data := client.recv(65536):
            with self._lock:
                self._protocol.receive_data(data)
                for event in self._protocol.events_received():
                    if isinstance(event, Request):
                        self._protocol.send_response(self._response(event))
                    elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                        self._answer(json.loads(bytes(event.data)))
                self._flush()
            # A client that closes, or is refused, must not wait.
            if self._protocol.close_expected() and not self._sent_close:
                return

    def _response(self, request: Request) -> Response:
        if self._refused:
            self._refused -= 1
            return self._protocol.reject(http.HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        return self._protocol.accept(request)

    def _answer(self, request: Reply) -> None:
        reply = self._reply(request) | {"id": request["id"]}
        self._protocol.send_text(json.dumps(reply).encode())

    def _reply(self, request: Reply) -> Reply:
        channel = request.get("channel")
        if request["action"] == "help":
            return {"type": "help", "actions": {"broadcast": {}, "join": {}}}
        if request["action"] == "join":
            page = {"messages": [], "more": False, "complete": True}
            return {"type": "joined", "channel": channel, **page}
        self.broadcasts.append(request["data"])
        message_id = f"{len(self.broadcasts):012x}-{0:016x}"
        return {"type": "sent", "channel": channel, "message_id": message_id}

    def _flush(self) -> None:
        # b"" asks for the end of the TCP connection, for which the test decides.
        for part in filter(None, self._protocol.data_to_send()):
            if self._socket:
                self._socket.sendall(part)


@contextmanager
def closing_server(refused: int = 0) -> Iterator[ClosingServer]:
    """Run a server in a thread. It refuses as many handshakes first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ClosingServer(listener, refused)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # close() alone does not end accept().
            listener.shutdown(socket.SHUT_RDWR)
            server.end_tcp()
            thread.join()
