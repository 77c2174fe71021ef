"""HTTP connections that stay open from one fan-out to the next."""

import asyncio
import socket
import ssl
from collections import defaultdict
from itertools import chain

from chalicelib.sender.connection import HTTPConnection
from chalicelib.sender.sockets import Origin, find_addresses, open_first

CONNECT_TIMEOUT_SECONDS = 3

# The maximum of connections that are being opened. Open ones send meanwhile.
MAX_CONNECTING = 16

# Both ends drop idle connections, in silence too: "Lambda purges idle connections over time"
# (https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html). AWS publishes no limit for
# the management API. The AWS SDK for Java uses no connection that was idle for 60 s.
MAX_IDLE_SECONDS = 30


class Pool:
    """Idle connections by their origin, and the event loop that all connections use."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._idle_connections: defaultdict[Origin, list[HTTPConnection]] = defaultdict(list)
        # The time when the fan-out began. Connections that were idle before may have ended.
        self._began_at = 0.0
        self._addresses: dict[Origin, list[str]] = {}
        self._sessions: dict[Origin, ssl.SSLSession | None] = {}
        self._connect_slots = asyncio.Semaphore(MAX_CONNECTING)

    async def begin(self) -> int:
        """Begin a fan-out; return the number of idle connections that it can use."""
        # In two turns, the event loop notices connections that have ended since the last fan-out.
        for _ in range(2):
            await asyncio.sleep(0)
        # The monotonic clock runs on while Lambda freezes the function:
        # https://github.com/aws/aws-lambda-web-adapter/issues/830
        self._began_at = self.loop.time()
        self._close_idle(self._began_at - MAX_IDLE_SECONDS)
        # The host may have another address now.
        self._addresses.clear()
        return sum(map(len, self._idle_connections.values()))

    def take_idle(self, origin: Origin) -> HTTPConnection | None:
        """Take the connection that was used last; None where the origin has none."""
        idle = self._idle_connections[origin]
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    def is_unconfirmed(self, connection: HTTPConnection) -> bool:
        """Return whether a connection has not answered since the fan-out began."""
        return connection.idle_since < self._began_at

    def close_unconfirmed(self) -> None:
        """Close the idle connections that have not answered since the fan-out began."""
        self._close_idle(self._began_at)

    async def open(self, origin: Origin) -> HTTPConnection:
        """Open a connection, or take one that becomes idle meanwhile.

        Raises:
            OSError: the connection could not be opened.
        """
        async with self._connect_slots:
            return self.take_idle(origin) or await self._open(origin)

    def put_back(self, connection: HTTPConnection) -> None:
        """Add a connection to the idle ones, unless it has ended."""
        if connection.is_open:
            self._idle_connections[connection.origin].append(connection)
            if connection.origin not in self._sessions:
                self._sessions[connection.origin] = connection.tls_session()

    def close(self) -> None:
        """Close the idle connections and the loop."""
        for connection in chain(*self._idle_connections.values()):
            connection.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def _close_idle(self, since_before: float) -> None:
        for origin, idle in self._idle_connections.items():
            for connection in idle:
                if connection.idle_since < since_before:
                    connection.close()
            self._idle_connections[origin] = [each for each in idle if each.is_open]

    async def _open(self, origin: Origin) -> HTTPConnection:
        session = self._sessions.get(origin)
        try:
            sock = await asyncio.wait_for(self._connect(origin, session), CONNECT_TIMEOUT_SECONDS)
        except Exception as error:
            self._addresses.pop(origin, None)
            # asyncio's TimeoutError is an OSError from Python 3.11 on, and has no message.
            if isinstance(error, asyncio.TimeoutError):
                raise ConnectionError("the connection was not open in time") from None
            raise
        connection = HTTPConnection(origin, sock)
        if session and not connection.has_resumed():
            # The server no longer knows this session.
            self._sessions.pop(origin, None)
        return connection

    async def _connect(self, origin: Origin, session: ssl.SSLSession | None) -> socket.socket:
        addresses = self._addresses.get(origin) or await find_addresses(origin)
        sock = await open_first(addresses, origin, session)
        # Other connections use this address at once, and wait for no address that does not work.
        self._addresses[origin] = [sock.getpeername()[0]]
        return sock
