"""A connection that carries one request at a time, and how to open its socket.

A connection reads and writes its socket itself. asyncio's event loop only tells it when the
socket is ready: asyncio's own TLS takes half as much CPU again for a handshake, and 256 KB for
each connection.
"""

import asyncio
import os
import socket
import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple

import botocore

from chalicelib.sender.http11 import Response, parse

MAX_READ_BYTES = 16 * 1024

_NOT_READY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Origin(NamedTuple):
    """A server that connections lead to."""

    host: str
    port: int
    tls: bool


class Connection:
    """A connection that carries one request at a time.

    Args:
        sock: a connected socket that does not block.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.usable = True
        self._socket = sock
        self._fd = sock.fileno()
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._response: asyncio.Future[Response] | None = None
        self._timeout_at = 0.0
        self._has_timer = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)

    async def post(self, request: bytes, timeout_seconds: float) -> Response:
        """Send a request and return its response.

        Args:
            request: head and body, as they go over the connection.

        Raises:
            ConnectionError: the connection broke, the response took too long or is not HTTP.
                The server may have processed the request.
        """
        if not self.usable:
            raise ConnectionResetError("the connection has ended")
        self._response = self._loop.create_future()
        self._timeout_at = self._loop.time() + timeout_seconds
        if not self._has_timer:
            self._check_timeout()
        self._unsent = memoryview(request)
        try:
            self._write()
            response = await self._response
        except BaseException:
            # After a cancellation, too: a late response would be taken for that of the next.
            self.close()
            raise
        finally:
            self._response = None
        if response.closes_connection or self._received or self._unsent:
            self.close()
        return response

    def close(self) -> None:
        """Close the connection at once."""
        self.usable = False
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
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except _NOT_READY:
            pass
        except OSError:
            # _read gets the reason, or a response that was sent before the end.
            return
        if self._unsent:
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
        self._received += data
        try:
            parsed = parse(self._received)
        except ValueError as error:
            self._fail(f"the response is not HTTP: {error}")
            return
        if parsed:
            response, size = parsed
            del self._received[:size]
            self._response.set_result(response)

    def _check_timeout(self) -> None:
        # One timer serves many requests. A timer for each takes longer than parsing a response.
        self._has_timer = self._response is not None
        if self._has_timer and self._loop.time() >= self._timeout_at:
            self._fail("the response did not come in time")
        elif self._has_timer:
            self._loop.call_at(self._timeout_at, self._check_timeout)

    def _fail(self, reason: str) -> None:
        self.close()
        if self._response and not self._response.done():
            self._response.set_exception(ConnectionResetError(reason))


async def open_socket(
    address: str, origin: Origin, session: ssl.SSLSession | None
) -> socket.socket:
    """Open a socket that does not block. asyncio.create_connection takes 1.5 times the CPU.

    Args:
        address: the IP address of the origin.
        session: a TLS session to resume, which saves a quarter of the CPU.

    Raises:
        OSError: the server did not accept.
        ssl.SSLCertVerificationError: the certificate is not valid for the origin's host.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, (address, origin.port))
        if origin.tls:
            sock = tls_socket = tls_context().wrap_socket(
                sock, server_hostname=origin.host, session=session, do_handshake_on_connect=False
            )
            while not _continue_handshake(tls_socket):
                await _wait_until_readable(sock)
        return sock
    except BaseException:
        # After a cancellation, too.
        sock.close()
        raise


async def _wait_until_readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def set_readable() -> None:
        # The future is done already after a cancellation.
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock, set_readable)
    try:
        await readable
    finally:
        loop.remove_reader(sock)


def _continue_handshake(sock: ssl.SSLSocket) -> bool:
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@cache
def tls_context() -> ssl.SSLContext:
    """Return a TLS context with boto3's CA bundle. AWS_CA_BUNDLE overrides it."""
    bundle = os.environ.get("AWS_CA_BUNDLE") or Path(botocore.__file__).parent / "cacert.pem"
    return ssl.create_default_context(cafile=bundle)
