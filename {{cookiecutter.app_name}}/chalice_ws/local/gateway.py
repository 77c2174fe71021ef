"""The WebSocket side of API Gateway: the handshake, an event for each message, the end.

Where the behaviour is not obvious, a comment says where it is from: "AWS" is the developer
guide, "seen" is recorded traffic.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from chalice_ws.local.events import Event, Peer, now_ms
from chalice_ws.local.runtime import ROUTES
from chalice_ws.local.websocket import Ending, Wire
from chalice_ws.local.workers import Lambda

log = logging.getLogger("local")

DELETED: Ending = (1000, "Connection Closed Normally")
GOING_AWAY: Ending = (1001, "Going away")


@dataclass(frozen=True)
class Limits:
    """What API Gateway allows, in seconds. (AWS)

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    """

    idle: float = 600
    duration: float = 7200
    integration: float = 29


@dataclass(frozen=True)
class Outcome:
    """What became of a route's event: the handler's status, or the problem the client is told."""

    status: int
    value: Any = None
    problem: str | None = None


class Connection:
    """An open connection."""

    def __init__(self, peer: Peer, wire: Wire) -> None:
        self.peer = peer
        self.last_active_at = now_ms()
        self._wire = wire

    def send(self, text: bytes) -> None:
        """Send a text message; raises ConnectionError, or BlockingIOError for a slow reader."""
        self._wire.send(text)
        self.last_active_at = now_ms()

    def close(self, ending: Ending) -> None:
        """Begin to end the connection from this side."""
        self._wire.close(ending)


class Gateway:
    """One stage of a WebSocket API.

    Args:
        functions: what the routes invoke.
        stage: the first part of the path.
        limits: how long things may take.
    """

    def __init__(self, functions: Lambda, stage: str, limits: Limits) -> None:
        self.functions = functions
        self.stage = stage
        self.connections: dict[str, Connection] = {}
        self._limits = limits
        self._stopping = False
        self._serving = 0
        self._background: set[asyncio.Task[Any]] = set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve a client, from its handshake to its end."""
        if self._stopping or request.transport is None:
            return web.Response(status=503)
        wire = Wire(request)
        if wire.refusal:
            status, headers = wire.refusal.status_code, {"Upgrade": "websocket"}
            return web.Response(status=status, headers=headers)
        self._serving += 1
        try:
            return await self._serve(request, wire)
        finally:
            self._serving -= 1

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def expire(self) -> None:
        """Close, for as long as it runs, the connections that are idle or old. (AWS)"""
        idle, duration = self._limits.idle * 1000, self._limits.duration * 1000
        while True:
            await asyncio.sleep(min(idle, duration, 10_000) / 10_000)
            now = now_ms()
            for connection in list(self.connections.values()):
                # Nobody has recorded whether a ping counts as activity: here it does not, so
                # that no client comes to depend on it.
                is_idle = now - connection.last_active_at >= idle
                if is_idle or now - connection.peer.connected_at >= duration:
                    connection.close(GOING_AWAY)

    async def stop(self) -> None:
        """Close all connections with 1001, and wait for their $disconnect."""
        self._stopping = True
        while self._serving:
            for connection in self.connections.values():
                connection.close(GOING_AWAY)
            self.connections.clear()
            await asyncio.sleep(0.01)  # a handshake may have been under way

    async def _serve(self, request: web.Request, wire: Wire) -> web.StreamResponse:
        agent = request.headers.get("User-Agent")
        peer = Peer(self.stage, request.host, request.remote or "", agent)
        # The upgrade waits for $connect. (AWS) Without a handler all are accepted; with one,
        # any status but 2xx is the answer's, and its body and headers are dropped. (seen)
        event = peer.connect(_headers(request), request.query.items())
        outcome = await self._invoke("$connect", event) or Outcome(200)
        if not 200 <= outcome.status < 300:
            return web.Response(status=outcome.status)
        connection = Connection(peer, wire)

        def receive(text: str) -> None:
            connection.last_active_at = now_ms()
            # Not awaited: the messages of one connection are handled at the same time. (AWS)
            self.spawn(self._message(connection, text))

        self.connections[peer.connection_id] = connection
        wire.accept(_subprotocol(outcome.value), receive)
        ending = await wire.ended
        self.connections.pop(peer.connection_id, None)
        await self._invoke("$disconnect", peer.disconnect(*ending))
        return web.Response()  # which aiohttp does not send on what has ended

    async def _message(self, connection: Connection, text: str) -> None:
        event = connection.peer.message(text)
        outcome = await self._invoke("$default", event) or Outcome(403, problem="Forbidden")
        if outcome.problem:  # what the handler returns is not sent, of whatever status (seen)
            context = event["requestContext"]
            ids = {name: context[name] for name in ("connectionId", "requestId")}
            with suppress(ConnectionError, BlockingIOError):
                connection.send(json.dumps({"message": outcome.problem, **ids}).encode())

    async def _invoke(self, route: str, event: Event) -> Outcome | None:
        function = ROUTES[route]
        if function not in self.functions.timeouts:
            return None
        started = time.perf_counter()
        # Lambda goes on where API Gateway no longer waits.
        run = asyncio.create_task(self.functions.invoke(function, event))
        done, _ = await asyncio.wait({run}, timeout=self._limits.integration)
        if not done:
            # Nobody has recorded the status of a $connect that times out: 504 says what it was.
            outcome = Outcome(504, problem="Endpoint request timed out")
        else:
            result = run.result()
            status = _status(result.value)
            if result.error or status is None:
                outcome = Outcome(502, problem="Internal server error")
            else:
                outcome = Outcome(status, result.value)
        took = (time.perf_counter() - started) * 1000
        connection_id = event["requestContext"]["connectionId"]
        log.info("%-11s %s %s %.0f ms", route, connection_id, outcome.status, took)
        return outcome


def _status(value: Any) -> int | None:
    # A number, as a number or as text, that is an HTTP status.
    status = str(value.get("statusCode")) if isinstance(value, dict) else ""
    return int(status) if re.fullmatch(r"[2-5]\d\d", status) else None


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
