"""A reverse proxy that serves a gateway below a path prefix."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.local.gateway import SECONDS, Gateway


@contextmanager
def prefix_proxy(gateway: Gateway, prefix: str, strips: bool) -> Iterator[str]:
    """Run a proxy, and yield the page's address at it.

    Args:
        gateway: the server behind the proxy.
        prefix: the path prefix, such as "/proxy/8000". The proxy ends a connection without it.
        strips: whether the gateway gets paths without the prefix.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets: list[socket.socket] = [listener]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    sockets.append(listener.accept()[0])
                    forward(sockets[-1])

        def forward(browser: socket.socket) -> None:
            server = socket.create_connection(("127.0.0.1", gateway.port), SECONDS)
            server.settimeout(None)
            sockets.append(server)
            replacement = b"" if strips else prefix.encode()
            for source, target, old in ((browser, server, prefix.encode()), (server, browser, b"")):
                arguments = (source, target, old, replacement)
                threading.Thread(target=copy, args=arguments, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}/"
        finally:
            for each in sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()


def copy(source: socket.socket, target: socket.socket, prefix: bytes, replacement: bytes) -> None:
    """Copy bytes until one side ends. Replace the prefix of each request's path, if there is one.

    A request of a browser for the page fits into one read. The frames after it are masked.
    """
    with suppress(OSError):
        while data := source.recv(64 * 1024):
            if prefix and data.startswith(b"GET "):
                if not data.startswith(b"GET " + prefix + b"/"):
                    break
                data = b"GET " + replacement + data.removeprefix(b"GET " + prefix)
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
