"""A fake of API Gateway's management API that can misbehave as networks and servers do.

It runs on loopback in a thread of its own and speaks TLS. The script of a recipient decides how
each post is answered. It records the posts and the statuses that it gave.
"""

import asyncio
import re
import socket
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from threading import Event, Thread
from typing import NamedTuple
from urllib.parse import unquote

from tests.certificates import Certificate

# A socket with this SO_LINGER sends a reset when it is closed.
LINGER_RESET = struct.pack("ii", 1, 0)

STATUS = re.compile(rb"^HTTP/1\.\d ([2-9]\d\d)", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """A reaction to one post.

    Args:
        data: the bytes to send.
        pause_seconds: before each byte; 0 sends all at once.
        then: "keep" the connection, "close" it, "reset" it, or "hang" without an end.
        reads_body: whether the body of the post is read before.
    """

    data: bytes = b""
    pause_seconds: float = 0
    then: str = "keep"
    reads_body: bool = True

    @property
    def status(self) -> int:
        """The status in the data; 0 where the data has no complete head."""
        found = STATUS.search(self.data)
        return int(found[1]) if found and b"\r\n\r\n" in self.data else 0


def ok(headers: str = "Content-Length: 0\r\n", body: bytes = b"", **options: object) -> Reply:
    """Return a reply with the status 200."""
    data = f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body
    return Reply(data, **options)  # type: ignore[arg-type]


def error(
    status: int, error_type: str | None = None, message: str = "", clock_ahead_seconds: float = 0
) -> Reply:
    """Return an error with the headers and body of AWS.

    Args:
        error_type: the header x-amzn-ErrorType.
        clock_ahead_seconds: the difference between the server's clock and this machine's.
    """
    body = b'{"message":"%s"}' % message.encode()
    type_header = f"x-amzn-ErrorType: {error_type}\r\n" if error_type else ""
    date = formatdate(time.time() + clock_ahead_seconds, usegmt=True)
    head = f"HTTP/1.1 {status} Error\r\nDate: {date}\r\n{type_header}"
    return Reply(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


GONE = error(410, "GoneException")


class Post(NamedTuple):
    """A received request. The names of its headers are in lower case."""

    connection_id: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection_number: int


class Answered(NamedTuple):
    """A post, and the status that was sent; 0 where none was."""

    post: Post
    status: int


@dataclass
class Script:
    """The replies to a recipient's posts: `replies` in order, then always `last`."""

    replies: list[Reply] = field(default_factory=list)
    last: Reply = field(default_factory=ok)


class FakeApi:
    """A running fake. `serve` starts it.

    `override` may reply in place of a script. The next `connections_to_reset` connections are
    reset at once. `resumed_count` is the number of connections that resumed a TLS session.

    Args:
        certificate: the server's certificate.
        listener: a listening socket, which stays open when the fake stops.
    """

    def __init__(self, certificate: Certificate, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}/dev"
        self.scripts: dict[str, Script] = defaultdict(Script)
        self.override: Callable[[Post], Reply | None] | None = None
        self.latency_seconds = 0.0
        self.connections_to_reset = 0
        self.connection_count = self.resumed_count = 0
        self.answered: list[Answered] = []
        self._certificate = certificate
        self._listener = listener
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready, self._stopping = Event(), asyncio.Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=[self._serve()])

    def start(self) -> None:
        """Start to serve; return when clients can connect."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Stop to serve; return when the thread has ended."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    def statuses(self, status: int) -> Counter[str]:
        """Return how often each recipient was answered with a status."""
        return Counter(each.post.connection_id for each in self.answered if each.status == status)

    def close_connections(self) -> None:
        """Close all connections, as API Gateway does with idle ones."""

        async def close() -> None:
            await asyncio.gather(*map(_close, list(self._writers)))

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()

    async def _serve(self) -> None:
        # Clients of these tests break connections on purpose.
        self._loop.set_exception_handler(lambda loop, context: None)
        server = await asyncio.start_server(
            self._connected, sock=self._listener.dup(), ssl=self._certificate.context()
        )
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # The transports close their sockets in later turns of the loop.
        await asyncio.sleep(0.01)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        self.resumed_count += writer.get_extra_info("ssl_object").session_reused
        self._writers.add(writer)
        try:
            if self.connections_to_reset > 0:
                self.connections_to_reset -= 1
                _reset(writer)
            else:
                await self._answer_all(reader, writer, self.connection_count)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            # The client has closed the connection.
            pass
        finally:
            self._writers.discard(writer)
            await _close(writer)

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        then = "keep"
        while then == "keep":
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request, *lines = head.rstrip().split("\r\n")
            target = request.split(" ")[1]
            headers = {
                name.lower(): value.strip() for name, value in (x.split(":", 1) for x in lines)
            }
            connection_id = unquote(target.rpartition("/")[2])
            script = self.scripts[connection_id]
            post = Post(connection_id, target, headers, b"", number)
            reply = script.replies[0] if script.replies else script.last
            if reply.reads_body:
                body = await reader.readexactly(int(headers["content-length"]))
                post = post._replace(body=body)
            overriding = self.override and self.override(post)
            if overriding:
                reply = overriding
            elif script.replies:
                script.replies.pop(0)
            then = await self._answer(writer, post, reply)

    async def _answer(self, writer: asyncio.StreamWriter, post: Post, reply: Reply) -> str:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        status, rest = 0, reply.data
        try:
            while reply.pause_seconds and len(rest) > 1:
                writer.write(rest[:1])
                rest = rest[1:]
                await asyncio.sleep(reply.pause_seconds)
            status = reply.status
        finally:
            # Before the last bytes are sent: a test may look as soon as it has the result.
            self.answered.append(Answered(post, status))
        writer.write(rest)
        await writer.drain()
        if reply.then == "hang":
            await asyncio.sleep(3600)
        if reply.then == "reset":
            _reset(writer)
        return reply.then


async def _close(writer: asyncio.StreamWriter) -> None:
    # Send TLS's close_notify, and do not wait for the client's: most clients send none.
    writer.close()
    await asyncio.sleep(0.01)
    writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    writer.transport.abort()


def listen() -> socket.socket:
    """Return a socket that listens on a free port of loopback."""
    return socket.create_server(("127.0.0.1", 0), backlog=256)


@contextmanager
def serve(certificate: Certificate, listener: socket.socket | None = None) -> Iterator[FakeApi]:
    """Run a fake API for the block, on a port of its own or on a listener."""
    own_listener = listener is None
    listener = listener or listen()
    api = FakeApi(certificate, listener)
    api.start()
    try:
        yield api
    finally:
        api.stop()
        if own_listener:
            listener.close()
