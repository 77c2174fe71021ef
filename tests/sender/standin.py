"""A stand-in for API Gateway's management API that does the worst that networks and servers do.

It runs on loopback in a thread of its own, speaks TLS, and answers each post as the script of its
recipient says; it keeps what it was asked and what it answered.
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

# Closing with this pending sends a reset in place of an end.
RESET = struct.pack("ii", 1, 0)

STATUS = re.compile(rb"^HTTP/1\.\d ([2-9]\d\d)", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """What is done with one post.

    Args:
        data: what is sent, to the byte.
        pause: seconds before each byte; 0 sends all at once.
        then: "keep" the connection, "close" or "reset" it, or "hang" with it.
        read: whether the post's body is read before.
    """

    data: bytes = b""
    pause: float = 0
    then: str = "keep"
    read: bool = True

    @property
    def status(self) -> int:
        """The status that it gives, if all of it comes through: 0 if it gives none."""
        found = STATUS.search(self.data)
        return int(found[1]) if found and b"\r\n\r\n" in self.data else 0


def ok(headers: str = "Content-Length: 0\r\n", body: bytes = b"", **how: object) -> Answer:
    """A 200, in whatever form."""
    return Answer(f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body, **how)  # type: ignore[arg-type]


def error(status: int, kind: str | None = None, message: str = "", ahead: float = 0) -> Answer:
    """An error as AWS gives it.

    Args:
        kind: what x-amzn-ErrorType says.
        ahead: of this machine's clock, in seconds, the server's is.
    """
    body = b'{"message":"%s"}' % message.encode()
    named = f"x-amzn-ErrorType: {kind}\r\n" if kind else ""
    date = formatdate(time.time() + ahead, usegmt=True)
    head = f"HTTP/1.1 {status} Error\r\nDate: {date}\r\n{named}Content-Length: {len(body)}\r\n\r\n"
    return Answer(head.encode() + body)


GONE = error(410, "GoneException")


class Post(NamedTuple):
    """What came in, as it was sent: the names of its headers in lower case."""

    connection_id: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Answered(NamedTuple):
    """A post, and the status that was given in full: 0 where none was."""

    post: Post
    status: int


@dataclass
class Script:
    """The answers to a recipient's posts: these, one after the other, and then always the last."""

    answers: list[Answer] = field(default_factory=list)
    last: Answer = field(default_factory=ok)


class StandIn:
    """A running one; `serving` makes it.

    Args:
        certificate: what it shows to its clients.
        port: 0 for any that is free.
    """

    def __init__(self, certificate: Certificate, port: int = 0) -> None:
        self.port = port
        self.scripts: dict[str, Script] = defaultdict(Script)
        # Asked before the scripts, if it is there: its answer goes before theirs.
        self.gate: Callable[[Post], Answer | None] | None = None
        self.latency = 0.0
        # So many of the next connections are reset as soon as they are there.
        self.refuse = 0
        self.connections = 0
        self.answered: list[Answered] = []
        self._certificate = certificate
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = Event(), asyncio.Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=[self._serve()])

    def start(self) -> None:
        """Serve; return when it can be connected to."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Serve no more; return when nothing of it is left."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def statuses(self, status: int) -> Counter[str]:
        """How often each recipient was given a status in full."""
        return Counter(each.post.connection_id for each in self.answered if each.status == status)

    def close_connections(self) -> None:
        """Close those that are open, as API Gateway does with idle ones; return when it is done."""

        async def close() -> None:
            await asyncio.gather(*map(_close, list(self._writers)))

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()

    async def _serve(self) -> None:
        # What the clients of these tests do to it is no news.
        self._loop.set_exception_handler(lambda loop, context: None)
        context = self._certificate.context()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}/dev"
        self._ready.set()
        await self._over.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # the transports close their sockets in the loop

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            if self.refuse > 0:
                self.refuse -= 1
                _reset(writer)
            else:
                await self._answer_all(reader, writer, self.connections)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the client went away
        finally:
            self._writers.discard(writer)
            await _close(writer)

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
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
            post = Post(connection_id, target, headers, b"", connection)
            answer = script.answers[0] if script.answers else script.last
            if answer.read:
                post = post._replace(body=await reader.readexactly(int(headers["content-length"])))
            overruled = self.gate and self.gate(post)
            if overruled:
                answer = overruled
            elif script.answers:
                script.answers.pop(0)
            then = await self._answer(writer, post, answer)

    async def _answer(self, writer: asyncio.StreamWriter, post: Post, answer: Answer) -> str:
        if self.latency:
            await asyncio.sleep(self.latency)
        status, left = 0, answer.data
        try:
            while answer.pause and len(left) > 1:
                writer.write(left[:1])
                left = left[1:]
                await asyncio.sleep(answer.pause)
            status = answer.status
        finally:
            # Before it is sent: who has read it may ask for this at once.
            self.answered.append(Answered(post, status))
        writer.write(left)
        await writer.drain()
        if answer.then == "hang":
            await asyncio.sleep(3600)
        if answer.then == "reset":
            _reset(writer)
        return answer.then


async def _close(writer: asyncio.StreamWriter) -> None:
    """Say so in TLS, and close the socket; most clients would let us wait for them to say it."""
    writer.close()
    await asyncio.sleep(0.01)
    writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@contextmanager
def serving(certificate: Certificate, port: int = 0) -> Iterator[StandIn]:
    """Run a stand-in for the block."""
    standin = StandIn(certificate, port)
    standin.start()
    try:
        yield standin
    finally:
        standin.stop()
