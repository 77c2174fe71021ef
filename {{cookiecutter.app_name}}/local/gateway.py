"""The WebSocket side of API Gateway: the handshake, an event for each message, the end.

Where the behaviour is not obvious, a comment says where it is from: "AWS" is the developer
guide, "seen" is recorded traffic.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import WebSocketError, WSMsgType, web

from local.events import Event, Peer, now_ms
from local.functions import ROUTES, Functions

log = logging.getLogger("local")

# Seconds, and bytes. (AWS)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
INTEGRATION_TIMEOUT = 29
MAX_MESSAGE = 128 * 1024

# How a connection ended: the status code, and the reason that $disconnect is given.
Ending = tuple[int, str]
NO_CODE: Ending = (1005, "Client-side close frame status not set")
DROPPED: Ending = (1006, "Connection closed abnormally")
DELETED: Ending = (1000, "Connection Closed Normally")
GOING_AWAY: Ending = (1001, "Going away")
BINARY: Ending = (1003, "Binary frames are not supported")

# Bytes that may wait for a client to read them, and seconds that it has to answer a close.
BACKLOG = 1024 * 1024
CLOSING = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a route's event: the handler's status, or the problem the client is told."""

    status: int
    value: Any = None
    problem: str | None = None


class Connection:
    """An open connection."""

    def __init__(
        self, peer: Peer, socket: web.WebSocketResponse, transport: asyncio.Transport
    ) -> None:
        self.peer = peer
        self.last_active_at = now_ms()
        self.ending = DROPPED
        self._socket = socket
        self._transport = transport

    async def send(self, text: str) -> None:
        """Send a text message; raises ConnectionError, or BlockingIOError for a slow reader."""
        if self._transport.get_write_buffer_size() > BACKLOG:
            raise BlockingIOError("the client reads too slowly")
        await self._socket.send_str(text)
        self.last_active_at = now_ms()

    async def close(self, ending: Ending) -> None:
        """End the connection from this side, whether the client answers or not."""
        self.ending = ending
        close = self._socket.close(code=ending[0], message=ending[1].encode())
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(close, CLOSING)
        self._transport.abort()

    async def receive(self) -> str | None:
        """The next text message, or None once the connection has ended."""
        message = await self._socket.receive()
        self.last_active_at = now_ms()
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            await self.close(BINARY)
        elif message.type is WSMsgType.CLOSE:
            self.ending = (message.data, message.extra or "") if message.data else NO_CODE
        elif isinstance(message.data, WebSocketError):  # too big (1009), or not WebSocket
            self.ending = (message.data.code, str(message.data))
        return None


class Gateway:
    """One stage of a WebSocket API.

    Args:
        functions: what the routes invoke.
        stage: the first part of the path.
    """

    def __init__(self, functions: Functions, stage: str) -> None:
        self.functions = functions
        self.stage = stage
        self.connections: dict[str, Connection] = {}
        self._stopping = False
        self._work: set[asyncio.Task[Any] | None] = set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve a client, from its handshake to its end."""
        # Nothing is held back in the socket: send() bounds what waits for the client.
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE + 1, compress=False, writer_limit=sys.maxsize
        )
        if self._stopping or request.transport is None:
            return web.Response(status=503)
        if not socket.can_prepare(request):
            wants = "websocket" in request.headers.get("Upgrade", "").lower()
            return web.Response(status=400 if wants else 426, headers={"Upgrade": "websocket"})
        task = asyncio.current_task()
        self._work.add(task)
        try:
            return await self._handshake(request, request.transport, socket)
        finally:
            self._work.discard(task)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that nobody waits for but `stop`."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def stop(self) -> None:
        """Close all connections with 1001, and wait for their $disconnect."""
        self._stopping = True
        while self._work:
            connections, self.connections = self.connections, {}
            await asyncio.gather(*(each.close(GOING_AWAY) for each in connections.values()))
            await asyncio.sleep(0.01)  # a handshake may have been under way

    async def _handshake(
        self, request: web.Request, transport: asyncio.Transport, socket: web.WebSocketResponse
    ) -> web.StreamResponse:
        agent = request.headers.get("User-Agent")
        peer = Peer(self.stage, request.host, request.remote or "", agent)
        # The upgrade waits for $connect. (AWS) Without a handler all are accepted; with one,
        # any status but 2xx is the answer's, and its body and headers are dropped. (seen)
        event = peer.connect(_headers(request), request.query.items())
        outcome = await self._invoke("$connect", event) or Outcome(200)
        if not 200 <= outcome.status < 300:
            return web.Response(status=outcome.status)
        socket.headers.update(_subprotocol(outcome.value))
        connection = Connection(peer, socket, transport)
        try:
            await socket.prepare(request)
            self.connections[peer.connection_id] = connection
            while (text := await connection.receive()) is not None:
                # Not awaited: the messages of one connection are handled at the same time. (AWS)
                self.spawn(self._message(connection, text))
        finally:
            self.connections.pop(peer.connection_id, None)
            await self._invoke("$disconnect", peer.disconnect(*connection.ending))
        return socket

    async def _message(self, connection: Connection, text: str) -> None:
        event = connection.peer.message(text)
        outcome = await self._invoke("$default", event) or Outcome(403, problem="Forbidden")
        if outcome.problem:  # what the handler returns is not sent, of whatever status (seen)
            context = event["requestContext"]
            ids = {name: context[name] for name in ("connectionId", "requestId")}
            with suppress(ConnectionError, BlockingIOError):  # it left, or does not read
                await connection.send(json.dumps({"message": outcome.problem, **ids}))

    async def _invoke(self, route: str, event: Event) -> Outcome | None:
        function = self.functions.find(ROUTES[route])
        if function is None:
            return None
        started = time.perf_counter()
        try:
            invocation = self.functions.invoke(function, event)
            result = await asyncio.wait_for(invocation, INTEGRATION_TIMEOUT)
            if result.error or not isinstance(result.value, dict):
                outcome = Outcome(502, problem="Internal server error")
            else:
                outcome = Outcome(int(result.value.get("statusCode", 502)), result.value)
        except asyncio.TimeoutError:
            # Nobody has recorded the status of a $connect that times out: 504 says what it was.
            outcome = Outcome(504, problem="Endpoint request timed out")
        took = (time.perf_counter() - started) * 1000
        connection_id = event["requestContext"]["connectionId"]
        log.info("%-11s %s %s %.0f ms", route, connection_id, outcome.status, took)
        return outcome


def _headers(request: web.Request) -> list[tuple[str, str]]:
    # Those that concern one hop stay with it; who the client is, and how it came, is added.
    hop = {"connection", "upgrade"}
    headers = [(name, value) for name, value in request.headers.items() if name.lower() not in hop]
    port = request.host.rpartition(":")[2]
    return [
        *headers,
        ("X-Forwarded-For", request.remote or ""),
        ("X-Forwarded-Port", port if port.isdigit() else "80"),
        ("X-Forwarded-Proto", request.scheme),
    ]


def _subprotocol(value: Any) -> dict[str, str]:
    # The one header of $connect that reaches the client, and never by itself. (AWS)
    headers = (value or {}).get("headers") or {}
    wanted = "sec-websocket-protocol"
    return {name: str(each) for name, each in headers.items() if name.lower() == wanted}
