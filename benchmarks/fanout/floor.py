"""The minimum of CPU: posts over open TLS connections in Python's own event loop.

It has no signatures (all requests are made before the measurement), retries, statuses, rate limit
or deadline. Any response but the 200 that it expects ends it.
"""

import asyncio
import os
import ssl
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit


class Floor:
    """A sender of prepared requests over a number of connections, which stay open."""

    def __init__(self, url: str, size: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._url = urlsplit(url)
        self._size = size
        self._connections: list[Connection] = []

    def send(self, requests: list[bytes]) -> None:
        """Send each request once; return when all have a response."""
        self._loop.run_until_complete(self._send(iter(requests)))

    async def _send(self, left: Iterator[bytes]) -> None:
        for each in self._connections:
            each.start(left)
        if not self._connections:
            context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
            opened = (self._open(context, left) for _ in range(self._size))
            self._connections = await asyncio.gather(*opened)
        await asyncio.gather(*(each.done for each in self._connections))

    async def _open(self, context: ssl.SSLContext, left: Iterator[bytes]) -> "Connection":
        host, port = str(self._url.hostname), self._url.port or 443
        _, connection = await self._loop.create_connection(Connection, host, port, ssl=context)
        connection.start(left)
        return connection


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time."""

    done: "asyncio.Future[None]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def start(self, left: Iterator[bytes]) -> None:
        """Send the requests that are left, in turn with the other connections."""
        self.done = asyncio.get_running_loop().create_future()
        self._left = left
        self._next()

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\r\n\r\n"):
            self._next()
        else:
            self.done.set_exception(ValueError(f"the floor cannot read {data[:80]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed"))

    def _next(self) -> None:
        request = next(self._left, None)
        if request is None:
            self.done.set_result(None)
        else:
            self._transport.write(request)
