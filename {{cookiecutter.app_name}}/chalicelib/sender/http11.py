"""HTTP/1.1 as a client of many small posts needs it: connections that are kept.

boto3 takes a millisecond of CPU for a call, and so sends less than a thousand a second from a
whole vCPU; an account may send 10,000. What Lambda has beside boto3 are the standard library's
asyncio and ssl: with them a call takes a fifteenth. A library that is as fast would go into every
zip, for each architecture. So here is one kind of request, one at a time on a connection, and
what RFC 9112 lets a server answer to it. No proxies and no redirects: "FANOUT_SENDER": "boto3"
in .chalice/config.json sends with boto3, which knows more.
"""

import asyncio
import re
import socket
import ssl
from typing import NamedTuple

# In bytes. More than this is no answer of the management API.
_HEAD = 16 * 1024
_BODY = 64 * 1024

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


class Answer(NamedTuple):
    """A response; the names of its headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes
    last: bool  # whether the connection ends with it


class Connection:
    """A connection that carries one request at a time.

    It reads and writes its socket itself, and leaves to asyncio's loop only to say when that can
    be done: asyncio's own TLS takes half as much again for a handshake, and 256 KB.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.usable = True
        self._socket = sock
        self._fd = sock.fileno()
        self._left = memoryview(b"")  # of the request, to be sent
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._due = 0.0
        self._watched = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)

    async def post(self, request: bytes, timeout: float) -> Answer:
        """Send a request and wait for its answer.

        Args:
            request: head and body, as they go over the wire.
            timeout: in seconds.

        Raises:
            ConnectionError: it broke, took too long, or what came is not HTTP. The request may
                have been carried out all the same.
        """
        if not self.usable:
            raise ConnectionResetError("the connection has ended")
        self._answer = self._loop.create_future()
        self._due = self._loop.time() + timeout
        if not self._watched:
            self._watch()
        self._left = memoryview(request)
        try:
            self._write()
            answer = await self._answer
        except BaseException:  # cancelled, too: what still comes answers no other request
            self.close()
            raise
        finally:
            self._answer = None
        if answer.last or self._received or self._left:
            self.close()
        return answer

    def close(self) -> None:
        """End the connection at once."""
        self.usable = False
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._socket.close()

    def session(self) -> ssl.SSLSession | None:
        """TLS's, for other connections to resume, once an answer has come."""
        return getattr(self._socket, "session", None)

    def resumed(self) -> bool:
        """Whether TLS went on with the session of another connection."""
        return bool(getattr(self._socket, "session_reused", False))

    def _write(self) -> None:
        try:
            self._left = self._left[self._socket.send(self._left) :]
        except _NOT_NOW:
            pass
        except OSError:
            return  # to read is the reason, or an answer that was given before the end
        if self._left:
            self._loop.add_writer(self._fd, self._go_on)

    def _go_on(self) -> None:
        self._loop.remove_writer(self._fd)
        self._write()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_HEAD)
        except _NOT_NOW:
            return
        except OSError as error:
            self._break(str(error))
            return
        if not data or self._answer is None or self._answer.done():
            self.close()  # it has ended, or says what nobody asked for
        self._received += data
        if self._answer is None or self._answer.done():
            return
        if not self._received:
            self._break("the connection was closed before the answer")
            return
        try:
            found = parse(self._received, ended=not data)
        except ValueError as error:
            self._break(f"the answer is not HTTP: {error}")
            return
        if found:
            answer, size = found
            del self._received[:size]
            self._answer.set_result(answer)

    def _watch(self) -> None:
        # One timer for many requests: to set one for each takes longer than to parse its answer.
        self._watched = self._answer is not None
        if self._watched and self._loop.time() >= self._due:
            self._break("there was no answer in time")
        elif self._watched:
            self._loop.call_at(self._due, self._watch)

    def _break(self, why: str) -> None:
        self.close()
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(why))


def parse(received: bytes | bytearray, ended: bool) -> tuple[Answer, int] | None:
    """Take the answer at the beginning of what was received.

    Args:
        ended: whether no more will come.

    Returns:
        The answer and how many bytes it had, or None if more must come first.

    Raises:
        ValueError: this is no answer, or not all of it.
    """
    start = 0
    while True:
        if start > _HEAD:
            raise ValueError("there is no end of what is before it")
        end = received.find(b"\r\n\r\n", start)
        if end < 0 or end - start > _HEAD:
            if ended or len(received) - start > _HEAD:
                raise ValueError("no end of the head")
            return None
        status, version, headers = _head(received[start:end].decode("latin-1"))
        start = end + 4
        if status == 101:
            raise ValueError("101 was not asked for")
        if status >= 200:  # before it may come others, such as 100 and 103
            break
    last = version == "1.0" or "close" in headers.get("connection", "").lower()
    if status in (204, 304):
        return Answer(status, headers, b"", last), start
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
            raise ValueError("its length is unclear")
        found = _chunks(received, start)
        if found:
            return Answer(status, headers, found[0], last), found[1]
    elif "content-length" in headers:
        length = headers["content-length"]
        if not length.isdecimal() or int(length) > _BODY:
            raise ValueError(f"content-length is {length[:20]!r}")
        end = start + int(length)
        if len(received) >= end:
            return Answer(status, headers, bytes(received[start:end]), last), end
    elif ended:
        return Answer(status, headers, bytes(received[start:]), True), len(received)
    if ended:
        raise ValueError("it ends too early")
    if len(received) - start > 2 * _BODY:
        raise ValueError("it is too long")
    return None


def _head(head: str) -> tuple[int, str, dict[str, str]]:
    line, *fields = head.split("\r\n")
    version, _, rest = line.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdecimal():
        raise ValueError(f"it begins with {line[:40]!r}")
    headers: dict[str, str] = {}
    for each in fields:
        name, colon, value = each.partition(":")
        if not colon or name.strip() != name:
            raise ValueError(f"a header is {each[:40]!r}")
        name, value = name.lower(), value.strip()
        if headers.setdefault(name, value) != value and name == "content-length":
            raise ValueError("its length is unclear")
    return int(rest[:3]), version[5:], headers


def _chunks(received: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        end = received.find(b"\r\n", start)
        if end < 0:
            return None
        digits = bytes(received[start:end]).partition(b";")[0].strip()
        if not _SIZE.fullmatch(digits):
            raise ValueError(f"the size of a chunk is {digits[:20]!r}")
        size = int(digits, 16)
        if size > _BODY - len(body):
            raise ValueError("it is too long")
        start = end + 2
        if size == 0:
            break
        if len(received) < start + size + 2:
            return None
        body += received[start : start + size]
        start += size + 2
    while True:  # trailers, up to an empty line
        end = received.find(b"\r\n", start)
        if end < 0:
            return None
        if end == start:
            return body, end + 2
        start = end + 2
