"""The floor: the least that posts over kept TLS connections in Python's own event loop.

It omits what makes a sender of use: signatures (every request was rendered before the clock
starts), retries, verdicts by recipient, pace, a deadline, answers that come in pieces or have a
body, servers that close. Whatever is not the plain 200 that it expects ends it.
"""

import asyncio
import os
import ssl
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit


class Floor:
    """Posts requests over so many connections to the host of a URL, and keeps them."""

    def __init__(self, url: str, connections: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._url = urlsplit(url)
        self._connections = connections
        self._lanes: list[Lane] = []

    def send(self, requests: list[bytes]) -> None:
        """Send each request once; return when all are answered."""
        self._loop.run_until_complete(self._send(iter(requests)))

    async def _send(self, left: Iterator[bytes]) -> None:
        for lane in self._lanes:
            lane.start(left)
        if not self._lanes:
            context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
            opened = (self._open(context, left) for _ in range(self._connections))
            self._lanes = await asyncio.gather(*opened)
        await asyncio.gather(*(lane.done for lane in self._lanes))

    async def _open(self, context: ssl.SSLContext, left: Iterator[bytes]) -> "Lane":
        host, port = str(self._url.hostname), self._url.port or 443
        _, lane = await self._loop.create_connection(Lane, host, port, ssl=context)
        lane.start(left)
        return lane


class Lane(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    done: "asyncio.Future[None]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def start(self, left: Iterator[bytes]) -> None:
        """Send what is left, beside the other lanes."""
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
