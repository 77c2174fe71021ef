"""Open sockets for HTTP connections. asyncio.create_connection takes 1.5 times the CPU."""

import asyncio
import os
import socket
import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple

import botocore

# The next address is tried after this time: https://www.rfc-editor.org/rfc/rfc8305#section-8
ATTEMPT_DELAY_SECONDS = 0.25


class Origin(NamedTuple):
    """A server that HTTP connections lead to."""

    host: str
    port: int
    tls: bool


async def find_addresses(origin: Origin) -> list[str]:
    """Return the IP addresses of an origin, in the system's order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


async def open_first(
    addresses: list[str], origin: Origin, session: ssl.SSLSession | None
) -> socket.socket:
    """Open a socket to the first address that works, as RFC 8305 describes.

    The addresses are tried in their order. The next attempt begins where one fails, or takes
    longer than ATTEMPT_DELAY_SECONDS.

    Raises:
        OSError: no address works.
    """
    if len(addresses) == 1:
        return await open_socket(addresses[0], origin, session)
    remaining = addresses[::-1]
    attempts: set[asyncio.Task[socket.socket]] = set()
    error: BaseException = OSError("the host has no address")
    try:
        while remaining or attempts:
            if remaining:
                attempt = open_socket(remaining.pop(), origin, session)
                attempts.add(asyncio.create_task(attempt))
            timeout = ATTEMPT_DELAY_SECONDS if remaining else None
            done, _ = await asyncio.wait(attempts, timeout=timeout, return_when="FIRST_COMPLETED")
            for task in done:
                attempts.discard(task)
                problem = task.exception()
                if problem is None:
                    return task.result()
                error = problem
        raise error
    finally:
        await _cancel(attempts)


async def open_socket(
    address: str, origin: Origin, session: ssl.SSLSession | None
) -> socket.socket:
    """Open a socket that does not block.

    Args:
        address: an IP address of the origin.
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


@cache
def tls_context() -> ssl.SSLContext:
    """Return a TLS context with boto3's CA bundle. AWS_CA_BUNDLE overrides it."""
    bundle = os.environ.get("AWS_CA_BUNDLE") or Path(botocore.__file__).parent / "cacert.pem"
    return ssl.create_default_context(cafile=bundle)


async def _cancel(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for task in attempts:
        task.cancel()
    if attempts:
        await asyncio.wait(attempts)
    for task in attempts:
        # A task may have opened its socket before it could be cancelled.
        if not task.cancelled() and not task.exception():
            task.result().close()


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
