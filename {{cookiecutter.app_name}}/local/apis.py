"""What boto3 clients call over HTTP: the management API (@connections) and Lambda's Invoke."""

import json
import logging
import re
from datetime import datetime, timezone

from aiohttp import web

from local.functions import Functions, Result
from local.gateway import DELETED, MAX_MESSAGE, Connection, Gateway

log = logging.getLogger("local")


def error(status: int, kind: str, message: str) -> web.Response:
    """An AWS error. Without the header boto3 raises a plain ClientError, and Chalice never
    its WebsocketDisconnectedError."""
    headers = {"x-amzn-ErrorType": kind}
    return web.json_response({"message": message}, status=status, headers=headers)


class Management:
    """The management API of a gateway's stage.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def handle(self, request: web.Request) -> web.Response:
        """POST sends, GET tells, DELETE closes."""
        connection_id = request.match_info["connection_id"]
        if request.match_info["stage"] != self._gateway.stage:
            # Nobody has recorded what a wrong stage gives; a path that is not there is forbidden.
            return error(403, "ForbiddenException", "Forbidden")
        if not re.fullmatch(r"[A-Za-z0-9_-]{15}=", connection_id):
            return error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
        # So is an id that never was: nobody has recorded that either.
        connection = self._gateway.connections.get(connection_id)
        if connection is None:
            return error(410, "GoneException", "Gone")
        if request.method == "POST":
            return await self._post(connection, await request.read())
        if request.method == "DELETE":
            del self._gateway.connections[connection_id]
            self._gateway.spawn(connection.close(DELETED))  # the client may take its time
            return web.Response(status=204)
        return self._get(connection)

    async def _post(self, connection: Connection, data: bytes) -> web.Response:
        if len(data) > MAX_MESSAGE:
            return error(413, "PayloadTooLargeException", f"more than {MAX_MESSAGE} bytes")
        try:
            await connection.send(data.decode(errors="replace"))
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
    """Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

    def __init__(self, functions: Functions, gateway: Gateway) -> None:
        self._functions = functions
        self._gateway = gateway

    async def handle(self, request: web.Request) -> web.Response:
        """Run a function now (RequestResponse), soon (Event) or not at all (DryRun)."""
        name = request.match_info["name"]
        function = self._functions.find(name)
        if function is None:
            return error(404, "ResourceNotFoundException", f"Function not found: {name}")
        try:
            event = json.loads(await request.read() or "{}")
        except ValueError as problem:
            return error(400, "InvalidRequestContentException", f"not JSON: {problem}")
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return web.Response(status=204)
        if kind == "Event":
            self._gateway.spawn(self._run(function, event))
            return web.Response(status=202)
        result = await self._run(function, event)
        failed = {"X-Amz-Function-Error": "Unhandled"} if result.error else {}
        headers = {"X-Amz-Executed-Version": "$LATEST", **failed}
        return web.json_response(result.error or result.value, headers=headers)

    async def _run(self, function: str, event: object) -> Result:
        result = await self._functions.invoke(function, event)
        log.info("%-11s %s", function, "failed" if result.error else "ok")
        return result


def _iso(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
