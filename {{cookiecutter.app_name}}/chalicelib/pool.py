"""Connections that are kept from one fan-out to the next."""

import asyncio
import random
from itertools import chain

from chalicelib.http1 import Connection, connect
from chalicelib.signing import Signer

TIMEOUT = 3  # s, for connecting as for an answer
OPENING = 8  # connections at a time


class Pool:
    """Connections that are free, by where they lead to, and the loop that they live on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._free: dict[tuple[str, int], list[Connection]] = {}
        self._addresses: dict[tuple[str, int], list[str]] = {}
        # Few at a time: those that are open send while the others shake hands.
        self._opening = asyncio.Semaphore(OPENING)

    def free(self) -> int:
        """How many connections wait to be used."""
        return sum(map(len, self._free.values()))

    async def take(self, signer: Signer) -> Connection:
        """A connection to a signer's host; raises OSError."""
        where = signer.host, signer.port
        if connection := self._kept(where):
            return connection
        async with self._opening:
            # One may have become free meanwhile.
            return self._kept(where) or await self._open(signer, where)

    def give(self, signer: Signer, connection: Connection) -> None:
        """Keep a connection for the next that asks."""
        if connection.usable:
            self._free[signer.host, signer.port].append(connection)

    def close(self) -> None:
        """End the connections and the loop."""
        for connection in chain(*self._free.values()):
            connection.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def _kept(self, where: tuple[str, int]) -> Connection | None:
        free = self._free.setdefault(where, [])
        while free:
            connection = free.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def _open(self, signer: Signer, where: tuple[str, int]) -> Connection:
        if where not in self._addresses:
            found = await self.loop.getaddrinfo(*where, type=2)
            self._addresses[where] = [str(each[4][0]) for each in found]
        address = random.choice(self._addresses[where])
        try:
            return await connect(address, signer.port, signer.host if signer.tls else None, TIMEOUT)
        except OSError:
            self._addresses.pop(where, None)  # it may have moved
            raise
