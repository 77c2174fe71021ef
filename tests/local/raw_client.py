"""WebSocket clients without a library, and the frames that they send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.local.gateway import SECONDS, Gateway

KB = 1024


def frames(order: str, letter: str = "x") -> list[str]:
    """Return a text of exactly 128 KB in frames of 32 KB, AWS's maximum for a frame."""
    size = len(letter.encode())
    first = f"{order:<32}" + letter * ((32 * KB - 32) // size)
    return [first, *[letter * (32 * KB // size)] * 3]


def handshake(gateway: Gateway, query: str = "", more_headers: bytes = b"") -> bytes:
    """Return a request to open a WebSocket."""
    start = (
        f"GET /{gateway.stage}?{query} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    return start.encode() + more_headers + b"\r\n"


@contextmanager
def raw_client(gateway: Gateway, query: str) -> Iterator[socket.socket]:
    """Connect a WebSocket client without a library, which would hide some of the frames."""
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS) as raw:
        raw.sendall(handshake(gateway, query))
        response = b""
        while not response.endswith(b"\r\n\r\n"):
            response += raw.recv(1)
        assert response.startswith(b"HTTP/1.1 101 "), response
        yield raw
