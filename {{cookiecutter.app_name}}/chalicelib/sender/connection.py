"""An HTTP connection that carries one request at a time.

It reads and writes its socket itself. asyncio's event loop only tells it when the socket is ready:
asyncio's own TLS takes 50 % more CPU for a handshake, and 256 KB for each connection.
"""

import asyncio
import socket
import ssl

from chalicelib.sender.http11 import Response, parse
from chalicelib.sender.sockets import Origin

MAX_READ_BYTES = 16 * 1024

_NOT_READY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class HTTPConnection:
    """An open HTTP connection.

    `idle_since` is the time of the last response or of the opening, on the event loop's clock.

    Args:
        origin: the server that the socket leads to.
        sock: a connected socket that does not block.
    """

    def __init__(self, origin: Origin, sock: socket.socket) -> None:
        self.origin = origin
        self.is_open = True
        self._socket = sock
        self._fd = sock.fileno()
        self._unsent_data = memoryview(b"")
        self._received_data = bytearray()
        self._response: asyncio.Future[Response] | None = None
        self._timeout_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.idle_since = self._loop.time()
        self._loop.add_reader(self._fd, self._read)

    async def send(self, request: bytes, timeout_seconds: float) -> Response:
        """Send a request and return its response.

        Args:
            request: head and body, as they go over the connection.

        Raises:
            ConnectionError: the connection broke, the response took too long or is not HTTP.
                The server may have processed the request.
        """
        if not self.is_open:
            raise ConnectionResetError("the connection has ended")
        self._response = self._loop.create_future()
        self._set_timeout(timeout_seconds)
        self._unsent_data = memoryview(request)
        try:
            self._write()
            response = await self._response
        except BaseException:
            # After a cancellation, too: a late response would be taken for that of the next.
            self.close()
            raise
        finally:
            self._response = None
        if response.closes_connection or self._received_data or self._unsent_data:
            self.close()
        self.idle_since = self._loop.time()
        return response

    def close(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._socket.close()

    def tls_session(self) -> ssl.SSLSession | None:
        """Return the TLS session to resume in other connections. Read it after a response."""
        return getattr(self._socket, "session", None)

    def has_resumed(self) -> bool:
        """Return whether the TLS session of another connection was resumed."""
        return bool(getattr(self._socket, "session_reused", False))

    def _write(self) -> None:
        try:
            self._unsent_data = self._unsent_data[self._socket.send(self._unsent_data) :]
        except _NOT_READY:
            pass
        except OSError:
            # _read gets the reason, or a response that was sent before the end.
            return
        if self._unsent_data:
            self._loop.add_writer(self._fd, self._continue_writing)

    def _continue_writing(self) -> None:
        self._loop.remove_writer(self._fd)
        self._write()

    def _read(self) -> None:
        try:
            data = self._socket.recv(MAX_READ_BYTES)
        except _NOT_READY:
            return
        except OSError as error:
            self._fail(str(error))
            return
        if not data or self._response is None or self._response.done():
            # The server has closed the connection, or sent data without a request.
            self._fail("the connection was closed before the end of the response")
            return
        self._received_data += data
        try:
            parsed = parse(self._received_data)
        except ValueError as error:
            self._fail(f"the response is not HTTP: {error}")
            return
        if parsed:
            response, size = parsed
            del self._received_data[:size]
            self._response.set_result(response)

    def _set_timeout(self, timeout_seconds: float) -> None:
        # One timer serves many requests. A timer for each takes longer than parsing a response.
        self._timeout_at = self._loop.time() + timeout_seconds
        if self._timer and self._timer.when() > self._timeout_at:
            self._timer.cancel()
            self._timer = None
        if not self._timer:
            self._timer = self._loop.call_at(self._timeout_at, self._check_timeout)

    def _check_timeout(self) -> None:
        self._timer = None
        if self._response and self._loop.time() >= self._timeout_at:
            self._fail("the response did not come in time")
        elif self._response:
            self._timer = self._loop.call_at(self._timeout_at, self._check_timeout)

    def _fail(self, reason: str) -> None:
        self.close()
        if not self._response or self._response.done():
            return
        try:
            # The server has answered if the head of its response is here.
            parsed = parse(self._received_data, has_ended=True)
        except ValueError:
            parsed = None
        if parsed:
            self._response.set_result(parsed[0])
        else:
            self._response.set_exception(ConnectionResetError(reason))
