"""The AWS APIs of the gateway: the management API (@connections) and Lambda's Invoke."""

import asyncio
import json
import logging
import re
import time
from datetime import datetime, timezone

from aiohttp import web

from chalice_ws.local.functions.runtime import Result
from chalice_ws.local.functions.worker import TOO_DEEP
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.websocket_api.gateway import DELETED, Connection, Gateway
from chalice_ws.local.websocket_api.websocket import MAX_MESSAGE_BYTES
from chalice_ws.project.config import json_problem, parse_json

log = logging.getLogger("chalice_ws")

# The payload of Invoke. (AWS)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_INVOKE_BYTES = 6 * 1024 * 1024


def error(status: int, kind: str, message: str) -> web.Response:
    """Return an AWS error.

    The header x-amzn-ErrorType names boto3's exception. Without it boto3 raises a ClientError, from
    which Chalice makes no WebsocketDisconnectedError.
    """
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
    return web.Response(status=status, text=json.dumps({"message": message}), headers=headers)


class Quota:
    """A token bucket, as the quotas of an account are.

    Args:
        rate: the calls per second, which is also the size of a burst; 0: no limit.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Return whether the quota allows one more call, and count it."""
        now = time.monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._rate and self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Management:
    """The management API of a gateway's stage.

    Args:
        gateway: the owner of the connections.
        latency_seconds: the delay of each call.
        throttle: calls per second, more get status 429; 0: no limit.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """

    def __init__(self, gateway: Gateway, latency_seconds: float, throttle: float) -> None:
        self._gateway = gateway
        self._latency_seconds = latency_seconds
        self._quota = Quota(throttle)

    async def handle(self, request: web.Request) -> web.Response:
        """Send to a connection (POST), describe it (GET) or close it (DELETE)."""
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds)
        if not self._quota.take():
            return error(429, "LimitExceededException", "Too Many Requests")
        connection_id = request.match_info["connection_id"]
        if request.match_info.get("stage", self._gateway.stage) != self._gateway.stage:
            # AWS does not document this case. It answers 403 to a path that does not exist.
            return error(403, "ForbiddenException", "Forbidden")
        if not re.fullmatch(r"[A-Za-z0-9_-]{15}=", connection_id):
            return error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
        # An id that was never used is gone too: AWS does not document this case.
        connection = self._gateway.connections.get(connection_id)
        if connection is None:
            return error(410, "GoneException", "Gone")
        if request.method == "POST":
            return self._post(connection, await request.read())
        if request.method == "DELETE":
            del self._gateway.connections[connection_id]
            connection.close(DELETED)
            return web.Response(status=204)
        return self._get(connection)

    def _post(self, connection: Connection, data: bytes) -> web.Response:
        if len(data) > MAX_MESSAGE_BYTES:
            size = f"the maximum is {MAX_MESSAGE_BYTES} bytes (got {len(data)})"
            return error(413, "PayloadTooLargeException", size)
        try:
            # A text frame must be valid UTF-8.
            connection.send(data.decode(errors="replace").encode())
        except ConnectionError:
            return error(410, "GoneException", "Gone")
        except BlockingIOError:
            return error(429, "LimitExceededException", "the client reads too slowly")
        return web.Response()

    def _get(self, connection: Connection) -> web.Response:
        return web.json_response(
            {
                "connectedAt": _iso(connection.peer.connected_at),
                "identity": connection.peer.identity,
                "lastActiveAt": _iso(connection.last_active_at),
            }
        )


class Invoke:
    """Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

    Args:
        functions: what runs the app's functions.
        prefix: the part of a deployed function's name before its name in the app.
        latency_seconds: the delay of each call.
    """

    def __init__(self, functions: Lambda, prefix: str, latency_seconds: float) -> None:
        self._functions = functions
        self._prefix = prefix
        self._latency_seconds = latency_seconds
        self._background_tasks: set[asyncio.Task[Result]] = set()

    async def handle(self, request: web.Request) -> web.Response:
        """Run a function, and wait for it unless the invocation type is Event or DryRun."""
        # The name is the one in the app, that of the deployed function, or its ARN.
        name = request.match_info["name"]
        function = name.split(":function:")[-1].split(":")[0]
        # The function of the REST routes is deployed as APP-STAGE, without a name of its own.
        is_of_routes = f"{function}-" == self._prefix
        function = "api_handler" if is_of_routes else function.removeprefix(self._prefix)
        if function not in self._functions.timeouts:
            return error(404, "ResourceNotFoundException", f"Function not found: {name}")
        try:
            event = parse_json(await request.read() or "{}")
        except (ValueError, RecursionError) as problem:
            text = f"not valid JSON: {json_problem(problem)}"
            return error(400, "InvalidRequestContentException", text)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return web.Response(status=204)
        if kind == "Event":
            task = asyncio.create_task(self._run(function, event))
            self._background_tasks.add(task)
            task.add_done_callback(self._background_tasks.discard)
            return web.Response(status=202)
        result = await self._run(function, event)
        try:
            text = json.dumps(result.error or result.value)
        except RecursionError:
            result = TOO_DEEP
            text = json.dumps(result.error)
        failed = {"X-Amz-Function-Error": "Unhandled"} if result.error else {}
        headers = {"X-Amz-Executed-Version": "$LATEST", **failed}
        return web.json_response(text=text, headers=headers)

    async def _run(self, function: str, event: object) -> Result:
        await asyncio.sleep(self._latency_seconds)
        result = await self._functions.invoke(function, event)
        log.info("%-11s %s", function, "failed" if result.error else "ok")
        return result


def _iso(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
