"""Connections that stay open from one fan-out to the next."""

import asyncio
import random
import socket
import ssl
from collections import defaultdict
from itertools import chain

from chalicelib.sender.connection import Connection, Origin, open_socket

CONNECT_TIMEOUT_SECONDS = 3

# Connections that are opened at a time. Those that are open send while others are opened.
MAX_CONNECTING = 16


class Pool:
    """Idle connections by their origin, and the event loop that all connections use."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._addresses: dict[Origin, list[str]] = {}
        self._sessions: dict[Origin, ssl.SSLSession | None] = {}
        self._connecting = asyncio.Semaphore(MAX_CONNECTING)

    def idle_count(self) -> int:
        """Return the number of idle connections."""
        return sum(map(len, self._idle.values()))

    def take_idle(self, origin: Origin) -> Connection | None:
        """Take an idle connection; None where the origin has none."""
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def open(self, origin: Origin) -> Connection:
        """Open a connection, or take one that becomes idle meanwhile.

        Raises:
            OSError: the connection could not be opened.
        """
        async with self._connecting:
            return self.take_idle(origin) or await self._open(origin)

    def put_back(self, origin: Origin, connection: Connection) -> None:
        """Add a connection to the idle ones, unless it has ended."""
        if connection.usable:
            self._idle[origin].append(connection)
            if origin not in self._sessions:
                self._sessions[origin] = connection.tls_session()

    def close(self) -> None:
        """Close the idle connections and the loop."""
        for connection in chain(*self._idle.values()):
            connection.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def _open(self, origin: Origin) -> Connection:
        if origin not in self._addresses:
            found = await self.loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            self._addresses[origin] = [str(each[4][0]) for each in found]
        address = random.choice(self._addresses[origin])
        session = self._sessions.get(origin)
        try:
            opening = open_socket(address, origin, session)
            sock = await asyncio.wait_for(opening, CONNECT_TIMEOUT_SECONDS)
        except Exception as error:
            # The host may have another address now.
            self._addresses.pop(origin, None)
            # asyncio's TimeoutError is an OSError from Python 3.11 on, and has no message.
            if isinstance(error, asyncio.TimeoutError):
                raise ConnectionError("the connection was not open in time") from None
            raise
        connection = Connection(sock)
        if session and not connection.has_resumed():
            # The server no longer knows this session.
            self._sessions.pop(origin, None)
        return connection
