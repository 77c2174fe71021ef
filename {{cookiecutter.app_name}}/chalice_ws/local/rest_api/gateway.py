"""A REST API of API Gateway: HTTP requests to the function api_handler, and its answers.

Quotas: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
"""

import asyncio
import base64
import json
import logging
import re
import secrets
import time
import uuid
import zlib
from typing import Any

from aiohttp import web

from chalice_ws.local.origins import Origins
from chalice_ws.local.rest_api.routes import PROBLEM, REQUEST
from chalice_ws.local.websocket_api.aws_api import MAX_INVOKE_BYTES, error
from chalice_ws.local.websocket_api.gateway import Gateway, forwarded_headers
from chalice_ws.local.websocket_api.websocket import is_handshake
from chalice_ws.project.functions import REST

log = logging.getLogger("chalice_ws")

MAX_BODY_BYTES = 10 * 1024 * 1024

# zlib's wbits for gzip and zlib.
ANY_FORMAT = 47

# Headers of a function's response that API Gateway renames to x-amzn-Remapped-NAME. (AWS)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
REMAPPED = {
    *("authorization", "connection", "content-length", "content-md5", "date", "expect", "host"),
    *("max-forwards", "proxy-authenticate", "server", "trailer", "upgrade", "user-agent"),
    "www-authenticate",
}

# Hosts of web pages on this machine.
LOCAL_PAGE = re.compile(r"https?://(localhost|[^/]+\.localhost|127(\.\d+){3}|\[::1\])(:\d+)?")

# The characters that HTTP allows in a header's name, and those that it forbids in a value.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Rest:
    """The REST API of an app, at the same address and stage as its WebSocket API.

    Args:
        gateway: the WebSocket API.
        origins: the origins of web pages that may call any route.
        integration_seconds: the longest wait for the function.
        compress_from_bytes: the size from which responses are compressed; None: never.
    """

    def __init__(
        self,
        gateway: Gateway,
        origins: Origins,
        integration_seconds: float,
        compress_from_bytes: int | None = None,
    ) -> None:
        self._gateway = gateway
        self._origins = origins
        self._integration_seconds = integration_seconds
        self._compress_from_bytes = compress_from_bytes

    def serves(self, request: web.Request) -> bool:
        """Return whether a request is for a route, not for the WebSocket or an API of AWS."""
        is_route = request.match_info.handler in (self.handle, self.handle_root)
        return is_route and self._has_routes and not is_handshake(request)

    @property
    def _has_routes(self) -> bool:
        return REST in self._gateway.functions.timeouts

    async def handle_root(self, request: web.Request) -> web.StreamResponse:
        """Serve the stage's own path: a WebSocket, or the route /."""
        if self._has_routes and not is_handshake(request):
            return await self.handle(request)
        if request.method == "GET":
            return await self._gateway.connect(request)
        raise web.HTTPMethodNotAllowed(request.method, ["GET"])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request as API Gateway does."""
        if not self._has_routes:
            raise web.HTTPNotFound
        started = time.perf_counter()
        response, problem = await self._answer(request)
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        took_ms = (time.perf_counter() - started) * 1000
        path = request.rel_url.raw_path.removeprefix(f"/{self._gateway.stage}") or "/"
        log.info("%-11s %s %s %.0f ms", request.method, path, response.status, took_ms)
        if problem:
            log.warning("%s %s: %s", request.method, path, problem)
        return response

    async def _answer(self, request: web.Request) -> tuple[web.Response, str | None]:
        try:
            sent = await request.clone(client_max_size=MAX_BODY_BYTES).read()
            body = self._unpack(request, sent)
        except web.HTTPRequestEntityTooLarge:
            problem = f"the maximum of a body is {MAX_BODY_BYTES} bytes"
            return error(413, "RequestTooLargeException", "Request Too Long"), problem
        except OSError:
            return web.Response(status=400), "the client left before the end of the body"
        except zlib.error:
            return error(400, "BadRequestException", "Bad Request"), "the body is not valid gzip"
        event = {REQUEST: self._event(request, body)}
        if len(body) > MAX_INVOKE_BYTES:
            # Lambda takes less than API Gateway.
            problem = f"the maximum for a function is {MAX_INVOKE_BYTES} bytes"
            return error(413, "RequestTooLargeException", "Request Too Long"), problem
        # The function runs on after API Gateway's timeout.
        run = asyncio.create_task(self._gateway.functions.invoke(REST, event))
        done, _ = await asyncio.wait({run}, timeout=self._integration_seconds)
        if not done:
            return error(504, "InternalServerErrorException", "Endpoint request timed out"), None
        result = run.result()
        if result.error:
            return _failed(), str(result.error.get("errorMessage"))
        try:
            if len(result.value.get("body") or "") > MAX_INVOKE_BYTES:
                return _failed(), f"the maximum of a response is {MAX_INVOKE_BYTES} bytes"
            return self._response(request, result.value), result.value.get(PROBLEM)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            return _failed(), f"the function's response is not valid ({fault})"

    def _unpack(self, request: web.Request, body: bytes) -> bytes:
        encoding = request.headers.get("Content-Encoding", "").lower()
        # With compression switched on API Gateway unpacks bodies too. (AWS)
        if self._compress_from_bytes is None or encoding not in ("gzip", "deflate"):
            return body
        unpacker = zlib.decompressobj(ANY_FORMAT)
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
        if len(unpacked) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(unpacked))
        if not unpacker.eof:
            raise zlib.error("incomplete")
        return unpacked

    def _event(self, request: web.Request, body: bytes) -> dict[str, Any]:
        origin = request.headers.get("Origin")
        path = request.rel_url.raw_path_qs.removeprefix(f"/{self._gateway.stage}")
        return {
            "method": request.method,
            "path": path if path.startswith("/") else f"/{path}",
            "headers": [
                *forwarded_headers(request),
                ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"),
            ],
            "body": base64.b64encode(body).decode(),
            "stage": self._gateway.stage,
            "domain": request.host,
            "source_ip": request.remote or "",
            "origin": origin,
            "page": self._page(request, origin),
        }

    def _page(self, request: web.Request, origin: str | None) -> str | None:
        # The kind of web page that sends the request. None: an allowed page, or another program.
        if origin and self._origins.problem(request.headers.get("Host"), origin):
            return "local" if LOCAL_PAGE.fullmatch(origin.lower()) else "foreign"
        # Browsers send no Origin for an image or a script, and for a link that the user follows.
        fetch = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
        return "foreign" if not origin and fetch == ("cross-site", "no-cors") else None

    def _response(self, request: web.Request, value: dict[str, Any]) -> web.Response:
        status = str(value["statusCode"])
        if not re.fullmatch(r"[2-5]\d\d", status):
            raise ValueError(f"statusCode {status}")
        body = value.get("body") or ""
        if value.get("isBase64Encoded"):
            content = base64.b64decode(body)
        else:
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
        response = web.Response(status=int(status), body=content)
        response.headers["Content-Type"] = "application/json"
        _add_headers(response, value)
        min_bytes = self._compress_from_bytes
        is_large = min_bytes is not None and len(content) >= min_bytes
        accepts_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        if is_large and accepts_gzip and "Content-Encoding" not in response.headers:
            response.enable_compression(web.ContentCoding.gzip)
        return response


def _add_headers(response: web.Response, value: dict[str, Any]) -> None:
    lists = {name: [each] for name, each in (value.get("headers") or {}).items()}
    # A name in both has the values of multiValueHeaders alone. (AWS)
    lists = {**lists, **(value.get("multiValueHeaders") or {})}
    for name, values in lists.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"header {name!r}")
        sent = f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name
        for each in values:
            if isinstance(each, (dict, list)) or CONTROL.search(str(each)):
                raise ValueError(f"header {name} {each!r}")
            text = each if isinstance(each, str) else json.dumps(each)
            if name.lower() == "content-type":
                response.headers["Content-Type"] = text
            else:
                response.headers.add(sent, text)


def _failed() -> web.Response:
    # The function failed, or its response is not valid. (AWS)
    return error(502, "InternalServerErrorException", "Internal server error")
