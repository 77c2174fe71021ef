"""A WebSocket API of API Gateway: handshakes, messages and disconnects as events.

Comments name the source of behaviour that is not obvious. "AWS" is the developer guide,
"seen" is recorded traffic.
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

from chalice_ws.local.authorizers.websocket import Authorizer, Refused
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.websocket_api.events import Event, Peer, now_ms
from chalice_ws.local.websocket_api.limits import Limits
from chalice_ws.local.websocket_api.turns import Turns
from chalice_ws.local.websocket_api.websocket import DROPPED, Ending, WebSocket, read_subprotocol
from chalice_ws.project.functions import ROUTES

log = logging.getLogger("chalice_ws")

DELETED: Ending = (1000, "Connection Closed Normally")
GOING_AWAY: Ending = (1001, "Going away")
TOO_FAST: Ending = (1008, "Too many requests")


@dataclass(frozen=True)
class Outcome:
    """The result of an event: a status, and the handler's response or an error message.

    Where the event is a text message, the client gets the error message as a frame.
    """

    status: int
    value: Any = None
    error: str | None = None


class Connection:
    """An open connection."""

    def __init__(self, peer: Peer, websocket: WebSocket) -> None:
        self.peer = peer
        self.last_active_at = now_ms()
        self._websocket = websocket

    def send(self, text: bytes) -> None:
        """Send a text message; raises ConnectionError, or BlockingIOError for a slow reader."""
        self._websocket.send(text)
        self.last_active_at = now_ms()

    def close(self, ending: Ending) -> None:
        """Send a close frame with a code and a reason."""
        self._websocket.close(ending)


class Gateway:
    """One stage of a WebSocket API.

    Args:
        functions: what runs the app's functions.
        stage: the name of the stage, which is the first part of the path.
        limits: the timeouts of connections and handlers.
        authorizer: what runs before $connect.
    """

    def __init__(
        self, functions: Lambda, stage: str, limits: Limits, authorizer: Authorizer
    ) -> None:
        self._authorizer = authorizer
        self.functions = functions
        self.stage = stage
        self.connections: dict[str, Connection] = {}
        self._limits = limits
        self._is_stopping = False
        self._open_requests = 0
        self._background_tasks: set[asyncio.Task[Any]] = set()
        self._turns = Turns(self._message, functions.max_concurrency)
        self._handshakes = asyncio.Semaphore(functions.max_concurrency)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve a client from its handshake until its $disconnect has run."""
        if self._is_stopping or request.transport is None:
            return web.Response(status=503)
        if not has_websocket_api(self.functions):
            log.warning("refused a WebSocket: the app has no handler under @app.on_ws_message()")
            return web.Response(status=403)
        websocket = WebSocket(request)
        if websocket.refusal:
            status, headers = websocket.refusal.status_code, {"Upgrade": "websocket"}
            return web.Response(status=status, headers=headers)
        self._open_requests += 1
        try:
            return await self._serve(request, websocket)
        finally:
            self._open_requests -= 1

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.create_task(work)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    async def expire(self) -> None:
        """Close connections that are idle or too old, until cancelled. (AWS)"""
        idle_ms = self._limits.idle_seconds * 1000
        duration_ms = self._limits.duration_seconds * 1000
        while True:
            await asyncio.sleep(min(idle_ms, duration_ms, 10_000) / 10_000)
            now = now_ms()
            for connection in list(self.connections.values()):
                # AWS does not document whether a ping counts as activity. Here it does not, so
                # that no client depends on it.
                is_idle = now - connection.last_active_at >= idle_ms
                if is_idle or now - connection.peer.connected_at >= duration_ms:
                    connection.close(GOING_AWAY)

    async def stop(self) -> None:
        """Close all connections with code 1001, and wait for their $disconnect."""
        self._is_stopping = True
        while self._open_requests:
            for connection in self.connections.values():
                connection.close(GOING_AWAY)
            self.connections.clear()
            # Look again: a handshake may be under way.
            await asyncio.sleep(0.01)

    async def _serve(self, request: web.Request, websocket: WebSocket) -> web.StreamResponse:
        agent = request.headers.get("User-Agent")
        peer = Peer(self.stage, request.host, request.remote or "", agent)

        def event() -> Event:
            return peer.connect(forwarded_headers(request), request.query.items())

        # The handshake waits for $connect. (AWS) Without a handler every client is accepted.
        # A status other than 2xx refuses the client, without body and headers. (seen)
        async with self._handshakes:
            if request.transport is None:
                # The client left while others had their turn.
                return web.Response()
            try:
                peer.authorizer.update(await self._authorizer.authorize(request, peer, event))
            except Refused as refused:
                log.warning("%s: %s; answered %d", peer.connection_id, refused, refused.status)
                return web.Response(status=refused.status)
            outcome = await self._invoke("$connect", event()) or Outcome(200)
        if not 200 <= outcome.status < 300:
            return web.Response(status=outcome.status)
        headers = read_subprotocol(outcome.value)
        if headers is None:
            log.error("%s: the response headers of $connect are not valid", peer.connection_id)
            # $connect has accepted the client, so the app may have stored the connection.
            await self._invoke("$disconnect", peer.disconnect(*DROPPED))
            return web.Response(status=502)
        connection = Connection(peer, websocket)

        def receive(text: str) -> None:
            connection.last_active_at = now_ms()
            # The messages of one connection are handled concurrently. (AWS)
            if not self._turns.put(connection, text):
                log.warning("%s sends too fast; closed with 1008", peer.connection_id)
                connection.close(TOO_FAST)
                self._turns.forget(connection)

        self.connections[peer.connection_id] = connection
        websocket.accept(headers, receive)
        ending = await websocket.ended
        self.connections.pop(peer.connection_id, None)
        await self._invoke("$disconnect", peer.disconnect(*ending))
        # aiohttp needs a response, and does not send it on a closed connection.
        return web.Response()

    async def _message(self, connection: Connection, text: str) -> None:
        event = connection.peer.message(text)
        outcome = await self._invoke("$default", event) or Outcome(403, error="Forbidden")
        # The handler's own response is not sent, whatever its status. (seen)
        if outcome.error:
            context = event["requestContext"]
            ids = {name: context[name] for name in ("connectionId", "requestId")}
            with suppress(ConnectionError, BlockingIOError):
                connection.send(json.dumps({"message": outcome.error, **ids}).encode())

    async def _invoke(self, route: str, event: Event) -> Outcome | None:
        function = ROUTES[route]
        if function not in self.functions.timeouts:
            return None
        started = time.perf_counter()
        # The handler runs on after API Gateway's timeout.
        run = asyncio.create_task(self.functions.invoke(function, event))
        done, _ = await asyncio.wait({run}, timeout=self._limits.integration_seconds)
        if not done:
            # AWS does not document the status of a $connect that times out.
            outcome = Outcome(504, error="Endpoint request timed out")
        else:
            result = run.result()
            status = _status(result.value)
            if result.error or status is None:
                outcome = Outcome(502, error="Internal server error")
            else:
                outcome = Outcome(status, result.value)
        took_ms = (time.perf_counter() - started) * 1000
        connection_id = event["requestContext"]["connectionId"]
        log.info("%-11s %s %s %.0f ms", route, connection_id, outcome.status, took_ms)
        return outcome


def has_websocket_api(functions: Lambda) -> bool:
    """Return whether an app has a WebSocket handler. Without one AWS gets no WebSocket API."""
    return any(function in functions.timeouts for function in ROUTES.values())


def _status(value: Any) -> int | None:
    # A status may be a number or text.
    status = str(value.get("statusCode")) if isinstance(value, dict) else ""
    return int(status) if re.fullmatch(r"[2-5]\d\d", status) else None


def forwarded_headers(request: web.Request) -> list[tuple[str, str]]:
    """Return the headers of a request as API Gateway passes them on.

    It drops the hop-by-hop headers, and adds X-Forwarded-*. The values of a proxy in front of the
    local gateway are used.
    """
    given, port = request.headers, request.host.rpartition(":")[2]
    is_https = given.get("X-Forwarded-Proto", request.scheme) == "https"
    port = port if port.isdigit() else "443" if is_https else "80"
    addresses = [given.get("X-Forwarded-For"), request.remote]
    own = {
        "X-Forwarded-For": ", ".join(filter(None, addresses)),
        "X-Forwarded-Port": given.get("X-Forwarded-Port", port),
        "X-Forwarded-Proto": "https" if is_https else "http",
    }
    dropped = {"connection", "upgrade", *map(str.lower, own)}
    kept = [(name, value) for name, value in given.items() if name.lower() not in dropped]
    return [*kept, *own.items()]
