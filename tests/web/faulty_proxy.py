"""A TCP proxy whose links die without a sign: it takes bytes, forwards none, and closes nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

from tests.local.gateway import SECONDS


class Mode(Enum):
    """The treatment of new connections."""

    FORWARD = auto()
    # The handshake gets no answer.
    SWALLOW = auto()
    REFUSE = auto()


class Link:
    """The two TCP connections of one client."""

    def __init__(self, browser: socket.socket, server: socket.socket, is_dead: bool) -> None:
        self.is_dead = is_dead
        self._sockets = browser, server
        for source, target in ((browser, server), (server, browser)):
            threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def close(self) -> None:
        """End both connections."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(64 * 1024):
                if not self.is_dead:
                    target.sendall(data)
        # A dead link does not tell one side of the other's end.
        if not self.is_dead:
            self.close()


class FaultyProxy:
    """A proxy in front of a server on this machine.

    Attributes:
        page: the page's address through the proxy.
        mode: the treatment of new connections. A test may change it at any time.
    """

    def __init__(self, listener: socket.socket, server_port: int) -> None:
        self.mode = Mode.FORWARD
        self.page = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        self._listener = listener
        self._server_port = server_port
        self._links: list[Link] = []

    def swallow(self) -> None:
        """Let all open connections die without a sign."""
        for link in self._links:
            link.is_dead = True

    def cut(self) -> None:
        """Close all open connections."""
        for link in self._links:
            link.close()

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            if self.mode is Mode.REFUSE:
                browser.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._server_port), SECONDS)
            server.settimeout(None)
            self._links.append(Link(browser, server, self.mode is Mode.SWALLOW))


@contextmanager
def faulty_proxy(server_port: int) -> Iterator[FaultyProxy]:
    """Run a proxy in threads. It begins with forwarding."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = FaultyProxy(listener, server_port)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            # close() alone does not end accept().
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            proxy.cut()
