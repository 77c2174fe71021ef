"""The checks of each HTTP request, before its handler."""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chalice_ws.local.origins import Origins
from chalice_ws.local.websocket_api.aws_api import error

log = logging.getLogger("chalice_ws")

Predicate = Callable[[web.Request], bool]

NO_CACHE = {"Cache-Control": "no-cache"}

# A browser ignores frame-ancestors in a page's own <meta>.
NO_FRAMES = {"Content-Security-Policy": "frame-ancestors 'self'"}

# API Gateway's quota for the request line and all headers together:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_HEADER_BYTES = 10_240


@web.middleware
async def refuse_large_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests with more headers than API Gateway takes."""
    size = len(request.method) + len(request.raw_path)
    size += sum(len(name) + len(value) for name, value in request.raw_headers)
    if size > MAX_HEADER_BYTES:
        message = f"the maximum for the headers is {MAX_HEADER_BYTES} bytes (got {size})"
        return error(431, "RequestHeaderFieldsTooLarge", message)
    return await handler(request)


def limit_body_time(seconds: float) -> Middleware:
    """Return a check that refuses a request whose body is not complete after some seconds.

    Without it, a client that sends a byte now and then would keep its connection without end.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        def refuse() -> None:
            if not request.content.is_eof():
                problem = f"the body is not complete after {seconds} s"
                log.warning("refused a request: %s", problem)
                request.content.set_exception(web.HTTPRequestTimeout(text=problem))

        timer = asyncio.get_running_loop().call_later(seconds, refuse)
        try:
            return await handler(request)
        except web.HTTPRequestTimeout as problem:
            # Else aiohttp would wait for the rest of the body after the response.
            if request.transport:
                request.transport.pause_reading()
            request.content.feed_eof()
            response = web.Response(status=problem.status, text=problem.text)
            response.force_close()
            return response
        finally:
            timer.cancel()

    return check


def refuse_other_hosts(origins: Origins, is_rest: Predicate) -> Middleware:
    """Return a check that refuses requests of other servers' web pages.

    Args:
        origins: the hosts and origins that are allowed.
        is_rest: whether a request is for a REST route, which checks the origin itself.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = None if is_rest(request) else request.headers.get("Origin")
        problem = origins.problem(request.headers.get("Host"), origin)
        if problem:
            log.warning("refused a request: %s", problem)
            return error(403, "ForbiddenException", problem)
        return await handler(request)

    return check


def refuse_web_pages(is_for_pages: Predicate) -> Middleware:
    """Return a check that refuses calls of the AWS APIs from web pages.

    A page of an allowed origin may open a WebSocket, and is refused here too.

    Args:
        is_for_pages: whether a request is for a path that pages may call, such as a REST route.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_of_page = request.method in ("DELETE", "POST") and "Origin" in request.headers
        if is_of_page and not is_for_pages(request):
            return error(403, "ForbiddenException", "not available to web pages")
        return await handler(request)

    return check


def refuse_other_paths(stage: str) -> Middleware:
    """Return a check that refuses a handshake without the stage, and logs the right address."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_handshake = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_handshake and request.path not in (f"/{stage}", f"/{stage}/"):
            right = f"ws://{request.host}/{stage}"
            log.warning("refused a WebSocket at %s; use %s", request.rel_url.raw_path, right)
            return error(403, "ForbiddenException", f"Forbidden; use {right}")
        return await handler(request)

    return check


async def add_page_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Make browsers ask for each file again, and show none in a frame of another site.

    Without Cache-Control a browser guesses how long it may use a file without asking.
    """
    if isinstance(response, web.FileResponse):
        response.headers.update({**NO_CACHE, **NO_FRAMES})
