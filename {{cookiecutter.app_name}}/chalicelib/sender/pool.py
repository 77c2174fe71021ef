"""Connections that are kept from one fan-out to the next."""

import asyncio
import random
import ssl
from itertools import chain

from chalicelib.sender.connection import connect
from chalicelib.sender.http11 import Connection
from chalicelib.sender.signing import Signer

TIMEOUT = 3  # s, for connecting as for an answer
OPENING = 16  # connections at a time

Place = tuple[str, int]


class Pool:
    """Connections that are free, by where they lead to, and the loop that they live on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._free: dict[Place, list[Connection]] = {}
        self._addresses: dict[Place, list[str]] = {}
        self._sessions: dict[Place, ssl.SSLSession | None] = {}
        # Few at a time: those that are open send while the others shake hands.
        self._opening = asyncio.Semaphore(OPENING)

    def free(self) -> int:
        """How many connections wait to be used."""
        return sum(map(len, self._free.values()))

    def kept(self, signer: Signer) -> Connection | None:
        """A connection to a signer's host that is there, if any is."""
        free = self._free.setdefault((signer.host, signer.port), [])
        while free:
            connection = free.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def open(self, signer: Signer) -> Connection:
        """A connection to a signer's host, in its turn; raises OSError."""
        async with self._opening:
            # One may have become free meanwhile.
            return self.kept(signer) or await self._open(signer)

    def give(self, signer: Signer, connection: Connection) -> None:
        """Keep a connection for the next that asks."""
        where = signer.host, signer.port
        if connection.usable:
            self._free[where].append(connection)
            if where not in self._sessions:
                self._sessions[where] = connection.session()

    def close(self) -> None:
        """End the connections and the loop."""
        for connection in chain(*self._free.values()):
            connection.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def _open(self, signer: Signer) -> Connection:
        where = signer.host, signer.port
        if where not in self._addresses:
            found = await self.loop.getaddrinfo(*where, type=2)
            self._addresses[where] = [str(each[4][0]) for each in found]
        address = random.choice(self._addresses[where])
        host = signer.host if signer.tls else None
        session = self._sessions.get(where)
        try:
            connection = Connection(await connect(address, signer.port, host, session, TIMEOUT))
        except OSError:
            self._addresses.pop(where, None)  # it may have moved
            raise
        if session and not connection.resumed():
            self._sessions.pop(where, None)  # the server knows it no more
        return connection
