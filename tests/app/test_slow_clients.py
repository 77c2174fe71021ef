"""WebSocket clients that do not read, behind the local gateway."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.local.gateway import SECONDS, serving

# The gateway keeps 1 MiB for a client that does not read, and the system keeps some more.
DATA = "x" * 100_000
MAX_MESSAGES = 200
SLOW_COUNT = 20


@contextmanager
def client_that_does_not_read(url: str) -> Iterator[None]:
    """Connect a client to the lobby that reads no message from its socket."""
    host, port = url.removeprefix("ws://").split("/")[0].split(":")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(SECONDS)
        sock.connect((host, int(port)))
        headers = [
            f"GET /{url.split('/', 3)[3]} HTTP/1.1",
            f"Host: {host}:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        sock.sendall("\r\n".join([*headers, "", ""]).encode())
        assert sock.recv(16).startswith(b"HTTP/1.1 101")
        yield


def broadcast(client: Connection) -> None:
    """Send a message to the lobby, and wait for its push and the reply."""
    text = json.dumps({"action": "broadcast", "data": DATA, "id": "b"})
    # API Gateway takes frames of 32 KB at most.
    client.send([text[start : start + 30_000] for start in range(0, len(text), 30_000)])
    frames = [json.loads(client.recv(SECONDS)) for _ in range(2)]
    assert {frame["type"] for frame in frames} == {"message", "sent"}, frames


@pytest.mark.full
def test_clients_that_do_not_read_fail_and_the_others_get_each_message(
    app: Path, tmp_path: Path
) -> None:
    with serving(app, app, tmp_path) as gateway, ExitStack() as stack:
        for _ in range(SLOW_COUNT):
            stack.enter_context(client_that_does_not_read(gateway.url))
        reader = stack.enter_context(
            connect(gateway.url, proxy=None, open_timeout=SECONDS, ping_interval=None)
        )
        for _ in range(MAX_MESSAGES):
            broadcast(reader)
            if gateway.printed().count("not delivered: 429") >= SLOW_COUNT:
                break
        answer = gateway.invoke("notify", {"channel": "lobby", "data": DATA})
        outcome = json.loads(answer.body)
    # At the deadline of the function, they would be untried.
    outcome.pop("message_id")
    counts = {"delivered": 1, "gone": 0, "failed": SLOW_COUNT, "untried": 0}
    assert outcome == {**counts, "kept": True}
