"""A fake of the management API. It answers each post after a delay, and counts posts.

A POST to /{run}-{ms}/@connections/{id} is answered after so many ms. A GET of /{run}-{ms} returns
the counts of that run, and deletes them.

Usage: python -m benchmarks.fanout.server CORE CERTIFICATE (prints its port)
"""

import asyncio
import json
import os
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import cast

import uvloop

from tests.certificates import Certificate

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
OK = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n"
    b"Connection: keep-alive\r\nx-amzn-RequestId: 2f8b6f0e-6a63-4c5f-9d1a-0c6d9e0b7a11\r\n\r\n"
)


class Run:
    """The posts of one run, and the connections that they came over."""

    def __init__(self) -> None:
        self.posts: Counter[bytes] = Counter()
        self.connections: set[int] = set()


RUNS: dict[bytes, Run] = defaultdict(Run)


class Connection(asyncio.Protocol):
    """A client's connection. It has no task: a task would halve the responses of a core."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            method, path, _ = head.split(b" ", 2)
            _, stage, *rest = path.split(b"/")
            if method == b"POST":
                self._on_post(stage, rest[-1])
            else:
                self._on_get(stage)

    def _on_post(self, stage: bytes, connection_id: bytes) -> None:
        run = RUNS[stage]
        run.posts[connection_id] += 1
        run.connections.add(id(self))
        self._loop.call_later(int(stage.rpartition(b"-")[2]) / 1000, self._answer, OK)

    def _on_get(self, stage: bytes) -> None:
        run = RUNS.pop(stage, Run())
        # By number of posts: the recipients that got so many.
        recipients = Counter(run.posts.values())
        body = json.dumps({"recipients": recipients, "connections": len(run.connections)}).encode()
        self._answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def main(core: str, certificate: str) -> None:
    """Serve on one core until killed."""
    os.sched_setaffinity(0, {int(core)})
    context = Certificate(Path(), Path(certificate)).context()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
