"""One WebSocket on its TCP connection: text messages in and out, and how it ended.

aiohttp serves HTTP, but its WebSockets show messages where API Gateway limits frames too. So it
keeps the socket and hands over the bytes, as to its own parser, and the protocol is that of
websockets, which comes without I/O:
https://websockets.readthedocs.io/en/stable/howto/sansio.html
"""

import asyncio
from collections.abc import Callable

from aiohttp import web
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

# Bytes of a message, and of a frame of it. (AWS)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_MESSAGE = 128 * 1024
MAX_FRAME = 32 * 1024

# Bytes that may wait for a client to read them, and seconds it has to answer a close.
BACKLOG = 1024 * 1024
PATIENCE = 1

# How a connection ended: the status code, and the reason that $disconnect is given.
Ending = tuple[int, str]
NO_CODE: Ending = (1005, "Client-side close frame status not set")
DROPPED: Ending = (1006, "Connection closed abnormally")
BINARY: Ending = (1003, "Binary frames are not supported")


class Wire:
    """A WebSocket, accepted or not yet.

    Args:
        request: the handshake.
    """

    def __init__(self, request: web.Request) -> None:
        assert request.transport is not None
        self._http = request.protocol
        self._transport = request.transport
        self._protocol = ServerProtocol(max_size=(MAX_MESSAGE, MAX_FRAME))
        handshake = Request(request.raw_path, Headers(list(request.headers.items())))
        self._protocol.receive_data(handshake.serialize())  # as if it had come over the wire
        self._protocol.events_received()
        self._response = self._protocol.accept(handshake)
        self._parts: list[bytes] = []
        self._receive: Callable[[str], None] = lambda text: None
        self._ending: Ending | None = None
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def refusal(self) -> Response | None:
        """The answer to what is no WebSocket handshake."""
        return None if self._response.status_code == 101 else self._response

    def accept(self, headers: dict[str, str], receive: Callable[[str], None]) -> None:
        """Upgrade the connection; from now on `receive` gets each text message."""
        self._receive = receive
        self._response.headers.update(headers)
        self._protocol.send_response(self._response)
        self._flush()
        self._http.keep_alive(False)
        self._http.set_parser(self)  # type: ignore[arg-type]  # feed_data and feed_eof are all
        if self._transport.is_closing():  # it left during the handshake
            self.feed_eof()

    def send(self, text: bytes) -> None:
        """Send a text message.

        Raises:
            ConnectionError: the connection has ended, or is about to.
            BlockingIOError: the client reads too slowly.
        """
        if self._protocol.close_expected() or self._transport.is_closing():
            raise ConnectionError
        if self._transport.get_write_buffer_size() > BACKLOG:
            raise BlockingIOError
        self._protocol.send_text(text)
        self._flush()

    def close(self, ending: Ending) -> None:
        """Begin to end the connection from this side; `ended` says when it has."""
        if not self._protocol.close_expected() and not self._transport.is_closing():
            self._ending = ending
            self._protocol.send_close(*ending)
            self._flush()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """aiohttp has received bytes."""
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        self._flush()
        return False, b""

    def feed_eof(self) -> None:
        """aiohttp has lost the connection."""
        if self.ended.done():
            return
        protocol = self._protocol
        close = None if self._ending else protocol.close_rcvd or protocol.close_sent
        if close:  # the client's; or the protocol's own, for what is not WebSocket or too big
            self._ending = NO_CODE if close.code == NO_CODE[0] else (close.code, close.reason)
        self.ended.set_result(self._ending or DROPPED)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self.close(BINARY)
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT) or self._protocol.close_expected():
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            data, self._parts = b"".join(self._parts), []
            try:
                self._receive(data.decode())
            except UnicodeDecodeError as error:
                self.close((1007, f"{error.reason} at position {error.start}"))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._protocol.close_expected():
            loop = asyncio.get_running_loop()
            loop.call_later(PATIENCE, self._transport.abort)
