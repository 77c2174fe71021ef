"""A WebSocket connection with API Gateway's limits on messages and frames.

Strategy: aiohttp accepts the TCP connection and parses the handshake. Its own WebSockets
cannot limit frames, so the websockets package, without its I/O, is the protocol:
https://websockets.readthedocs.io/en/stable/howto/sansio.html
`WebSocket` replaces the HTTP parser to which aiohttp passes the received bytes.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

# API Gateway's quotas for a message, and for one frame of it. (AWS)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_MESSAGE_BYTES = 128 * 1024
MAX_FRAME_BYTES = 32 * 1024

# Data that waits for a slow client. AWS documents no number.
MAX_BUFFER_BYTES = 1024 * 1024

# The header values that every client can read.
VISIBLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

# After this much data, the other clients have a turn of the event loop. It may be 700 frames.
# Meanwhile nothing is read from the client. uvloop would read on from one that sends faster than
# its data is processed.
MAX_TURN_BYTES = 4 * 1024

# A client that does not answer a close frame is disconnected.
CLOSE_TIMEOUT_SECONDS = 1

# The close code and the reason, as in the event of $disconnect.
Ending = tuple[int, str]
NO_CODE: Ending = (1005, "Client-side close frame status not set")
DROPPED: Ending = (1006, "Connection closed abnormally")
BINARY: Ending = (1003, "Binary frames are not supported")


class WebSocket:
    """The server's end of a WebSocket. `accept` completes the handshake.

    Args:
        request: an HTTP request. `refusal` is set if it is not a valid handshake.
    """

    def __init__(self, request: web.Request) -> None:
        assert request.transport is not None
        self._http = request.protocol
        self._transport = request.transport
        self._protocol = ServerProtocol(max_size=(MAX_MESSAGE_BYTES, MAX_FRAME_BYTES))
        self._response = self._answer(request)
        self._parts: list[bytes] = []
        self._unprocessed = b""
        self._receive: Callable[[str], None] = lambda text: None
        self._ending: Ending | None = None
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def refusal(self) -> Response | None:
        """The response to a request that is not a valid handshake, or None."""
        return None if self._response.status_code == 101 else self._response

    def accept(self, headers: dict[str, str], receive: Callable[[str], None]) -> None:
        """Complete the handshake, and pass each text message to `receive` from now on."""
        # If the client left during the handshake, aiohttp does not call feed_eof.
        if self._transport.is_closing():
            self.feed_eof()
            return
        self._receive = receive
        self._response.headers.update(headers)
        self._protocol.send_response(self._response)
        self._flush()
        self._http.keep_alive(False)
        # aiohttp calls only feed_data and feed_eof.
        self._http.set_parser(self)  # type: ignore[arg-type]

    def send(self, text: bytes) -> None:
        """Send a text message.

        Raises:
            ConnectionError: the connection is closed or closing.
            BlockingIOError: the client reads too slowly.
        """
        if self._protocol.close_expected() or self._transport.is_closing():
            raise ConnectionError
        if self._transport.get_write_buffer_size() > MAX_BUFFER_BYTES:
            raise BlockingIOError
        self._protocol.send_text(text)
        self._flush()

    def close(self, ending: Ending) -> None:
        """Send a close frame. `ended` is set when the connection is closed."""
        if not self._protocol.close_expected() and not self._transport.is_closing():
            self._ending = ending
            self._protocol.send_close(*ending)
            self._flush()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Process received bytes. aiohttp calls this as a parser's method."""
        has_turn = not self._unprocessed
        self._unprocessed += data
        if has_turn:
            self._process()
        return False, b""

    def _process(self) -> None:
        if self._transport.is_closing():
            return
        data, rest = self._unprocessed[:MAX_TURN_BYTES], self._unprocessed[MAX_TURN_BYTES:]
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame):
                self._receive_frame(frame)
        self._flush()
        # A client that sends pings and reads nothing would fill the memory with pongs.
        if self._transport.get_write_buffer_size() > 2 * MAX_BUFFER_BYTES:
            self._transport.abort()
        self._unprocessed = rest
        if self._transport.is_closing():
            return
        if len(data) == MAX_TURN_BYTES:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._process)
        elif not self._transport.is_reading():
            self._transport.resume_reading()

    def feed_eof(self) -> None:
        """Set `ended`: the TCP connection is closed. aiohttp calls this as a parser's method."""
        if self.ended.done():
            return
        protocol = self._protocol
        close = None if self._ending else protocol.close_rcvd or protocol.close_sent
        # The client's close frame, or the protocol's own after invalid or too large data.
        if close:
            self._ending = NO_CODE if close.code == NO_CODE[0] else (close.code, close.reason)
        self.ended.set_result(self._ending or DROPPED)

    def _answer(self, request: web.Request) -> Response:
        if problem := _problem(request):
            return self._protocol.reject(400, problem)
        # The protocol object gets only these headers. It refuses some characters that others may
        # have, and long values, such as a token in Sec-WebSocket-Protocol.
        own = ("connection", "upgrade", "sec-websocket-")
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower().startswith(own) and name.lower() != "sec-websocket-protocol"
        ]
        handshake = Request("/", Headers(headers))
        # The protocol object must see the handshake before it takes frames.
        self._protocol.receive_data(handshake.serialize())
        self._protocol.events_received()
        return self._protocol.accept(handshake)

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self.close(BINARY)
        # `close` sets no ending if the client's close frame came in the same bytes. So the opcode
        # is checked here too.
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT) or self._ending:
            return
        if frame.data:
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
            loop.call_later(CLOSE_TIMEOUT_SECONDS, self._transport.abort)


def _problem(request: web.Request) -> str | None:
    headers = request.headers
    if "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0":
        return "a handshake has no body"
    try:
        "".join((request.raw_path, *headers.keys(), *headers.values())).encode()
    except UnicodeEncodeError:
        return "not valid UTF-8"
    own = (value for name, value in headers.items() if name.lower().startswith("sec-websocket-"))
    return None if all(value.isascii() for value in own) else "not a valid WebSocket header"


def is_handshake(request: web.Request) -> bool:
    """Return whether a request asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def read_subprotocol(value: Any) -> dict[str, str] | None:
    """Return the headers that $connect's response gives to the client; None: they are not valid."""
    # The only header of $connect's response that reaches the client. (AWS)
    headers = (value or {}).get("headers") or {}
    if not isinstance(headers, dict):
        return None
    wanted = "sec-websocket-protocol"
    found = {name: each for name, each in headers.items() if name.lower() == wanted}
    valid = all(isinstance(each, str) and VISIBLE.fullmatch(each) for each in found.values())
    return found if valid else None
