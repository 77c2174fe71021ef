"""Connections that are kept from one fan-out to the next."""

import asyncio
import os
import random
import socket
import ssl
from functools import cache
from itertools import chain
from pathlib import Path

import botocore

from chalicelib.http1 import Connection
from chalicelib.signing import Signer

TIMEOUT = 3  # s, for connecting as for an answer
OPENING = 16  # connections at a time


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
        opening = _connect(address, signer.port, signer.host if signer.tls else None)
        try:
            return Connection(await asyncio.wait_for(opening, TIMEOUT))
        except asyncio.TimeoutError:
            self._addresses.pop(where, None)
            raise ConnectionError(f"no connection in {TIMEOUT} s") from None
        except OSError:
            self._addresses.pop(where, None)  # it may have moved
            raise


async def _connect(address: str, port: int, host: str | None) -> socket.socket:
    # With TLS if there is a host, which its certificate must be for.
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        if host:
            sock = trust().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            await _shake_hands(sock)
        return sock
    except BaseException:  # cancelled, too
        sock.close()
        raise


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    loop, fd, readable = asyncio.get_running_loop(), sock.fileno(), asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        while True:
            try:
                return sock.do_handshake()
            except ssl.SSLWantReadError:
                readable.clear()
                await readable.wait()
    finally:
        loop.remove_reader(fd)


@cache
def trust() -> ssl.SSLContext:
    """Whom boto3 trusts, AWS_CA_BUNDLE included."""
    bundle = os.environ.get("AWS_CA_BUNDLE") or Path(botocore.__file__).parent / "cacert.pem"
    return ssl.create_default_context(cafile=bundle)
