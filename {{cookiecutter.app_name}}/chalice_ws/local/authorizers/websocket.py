"""The Lambda authorizer of a WebSocket API, which API Gateway runs before $connect.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from chalice_ws.local.authorizers.policies import is_allowed, stringify
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.websocket_api.events import API_ID, Event, Peer
from chalice_ws.project.config import AppError, json_problem
from chalice_ws.project.resources import ACCOUNT

# A value to take from the handshake, in API Gateway's form of an identity source.
SOURCE = re.compile(r"route\.request\.(querystring|header)\.(.+)")

# An authorizer gets these fields also where they are empty. (AWS)
EMPTY: Event = {
    "queryStringParameters": {},
    "multiValueQueryStringParameters": {},
    "stageVariables": {},
}

EXAMPLE = """an object such as '{"principalId": "ann"}'"""


class Refused(Exception):
    """The authorizer refuses a client, which gets the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Authorizer:
    """The authorizer of a WebSocket API. Each event of a connection has its context.

    Args:
        source: a JSON object, in which a value may be taken from the handshake; or the name of the
            app's function that is the authorizer. None: the API has no authorizer.
        functions: what runs the function.
        region: the region in the ARN of the method.

    Raises:
        AppError: the object is not valid, or the app has no such function.
    """

    def __init__(self, source: str | None, functions: Lambda, region: str) -> None:
        self._functions = functions
        self._region = region
        self._function: str | None = None
        self._context: dict[str, Any] = {}
        if source is None:
            return
        if not source.lstrip().startswith("{"):
            if source not in functions.timeouts:
                known = ", ".join(sorted(functions.timeouts)) or "none"
                what = f"--authorizer is no function of the app (got {source!r})"
                raise AppError(f"{what}; use one of {known}, or {EXAMPLE}")
            self._function = source
            return
        self._context = _read_context(source)

    async def authorize(
        self, request: web.Request, peer: Peer, event: Callable[[], Event]
    ) -> dict[str, str]:
        """Return the authorizer's part of the connection's events; empty: there is none.

        Args:
            request: the handshake.
            peer: the client.
            event: returns the event of $connect, whose fields a Lambda authorizer gets too.

        Raises:
            Refused: the client may not connect.
        """
        if self._function is None:
            return stringify(
                {name: _resolve(each, request) for name, each in self._context.items()}
            )
        if self._function not in self._functions.timeouts:
            raise Refused(500, f"the app has no function {self._function!r} any more")
        arn = f"arn:aws:execute-api:{self._region}:{ACCOUNT}:{API_ID}/{peer.stage}/$connect"
        token = request.headers.get("Authorization", "")
        # authorizationToken is for a function under @app.authorizer().
        more = {"type": "REQUEST", "methodArn": arn, "authorizationToken": token}
        connect = {name: each for name, each in event().items() if name != "isBase64Encoded"}
        result = await self._functions.invoke(self._function, {**EMPTY, **connect, **more})
        if result.error:
            # An authorizer raises Unauthorized to refuse. (AWS) Another error is a fault.
            if result.error.get("errorMessage") == "Unauthorized":
                raise Refused(401, "Unauthorized")
            got = f"{result.error.get('errorType')}: {result.error.get('errorMessage')}"
            raise Refused(500, f"the authorizer failed ({got})")
        return _evaluate(result.value, arn)


def _read_context(source: str) -> dict[str, Any]:
    try:
        context = json.loads(source)
    except (ValueError, RecursionError) as error:
        got = json_problem(error)
        raise AppError(f"--authorizer is not valid JSON (got {got}); use {EXAMPLE}") from None
    if not context:
        raise AppError(f"--authorizer is empty (got {source}); use {EXAMPLE}")
    for name, value in context.items():
        if not isinstance(value, (str, int, float)):
            use = "use a string, a number or a boolean"
            raise AppError(f"--authorizer: {name} is not a simple value (got {value!r}); {use}")
    return dict(context)


def _resolve(value: Any, request: web.Request) -> Any:
    found = SOURCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    given = request.query if found[1] == "querystring" else request.headers
    if not given.get(found[2]):
        # Without its identity source API Gateway refuses the client. (AWS)
        raise Refused(401, f"the handshake has no {value.removeprefix('route.request.')}")
    return given[found[2]]


def _evaluate(result: Any, arn: str) -> dict[str, str]:
    try:
        allowed = is_allowed(result, arn)
        context = {**(result.get("context") or {}), "principalId": result["principalId"]}
    except (AttributeError, KeyError, TypeError):
        raise Refused(500, f"the authorizer's result is not valid (got {result!r})") from None
    if not allowed:
        raise Refused(403, "the authorizer's policy does not allow $connect")
    return stringify(context)
