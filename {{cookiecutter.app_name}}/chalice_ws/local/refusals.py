"""The refusals of HTTP requests, before the handler of a request."""

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chalice_ws.local.origins import Origins
from chalice_ws.local.websocket_api.aws_api import error
from chalice_ws.local.websocket_api.websocket import is_handshake

log = logging.getLogger("chalice_ws")

Predicate = Callable[[web.Request], bool]

# It returns the answer to a request that it refuses, or None.
Check = Callable[[web.Request], web.Response | None]

NO_CACHE = {"Cache-Control": "no-cache"}

# A browser ignores frame-ancestors in a page's own <meta>.
NO_FRAMES = {"Content-Security-Policy": "frame-ancestors 'self'"}

# API Gateway's quota for the request line and all headers together:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_HEADER_BYTES = 10_240


def refuse_large_headers(request: web.Request) -> web.Response | None:
    """Refuse a request with more headers than API Gateway takes."""
    size = len(request.method) + len(request.raw_path)
    size += sum(len(name) + len(value) for name, value in request.raw_headers)
    if size <= MAX_HEADER_BYTES:
        return None
    message = f"the maximum for the headers is {MAX_HEADER_BYTES} bytes (got {size})"
    return error(431, "RequestHeaderFieldsTooLarge", message)


def refuse_other_hosts(origins: Origins, is_rest: Predicate) -> Check:
    """Return a check that refuses requests of other servers' web pages.

    Args:
        origins: the hosts and origins that are allowed.
        is_rest: whether a request is for a REST route, which checks the origin itself.
    """

    def check(request: web.Request) -> web.Response | None:
        origin = None if is_rest(request) else request.headers.get("Origin")
        problem = origins.problem(request.headers.get("Host"), origin)
        if not problem:
            return None
        log.warning("refused a request: %s", problem)
        return error(403, "ForbiddenException", problem)

    return check


def refuse_web_pages(is_for_pages: Predicate) -> Check:
    """Return a check that refuses calls of the AWS APIs from web pages.

    A page of an allowed origin may open a WebSocket, and is refused here too.

    Args:
        is_for_pages: whether a request is for a path that pages may call, such as a REST route.
    """

    def check(request: web.Request) -> web.Response | None:
        is_of_page = request.method in ("DELETE", "POST") and "Origin" in request.headers
        if is_of_page and not is_for_pages(request):
            return error(403, "ForbiddenException", "not available to web pages")
        return None

    return check


def refuse_other_paths(stage: str) -> Check:
    """Return a check that refuses a handshake without the stage, and logs the right address."""

    def check(request: web.Request) -> web.Response | None:
        if not is_handshake(request) or request.path in (f"/{stage}", f"/{stage}/"):
            return None
        right = f"ws://{request.host}/{stage}"
        log.warning("refused a WebSocket at %s; use %s", request.rel_url.raw_path, right)
        return error(403, "ForbiddenException", f"Forbidden; use {right}")

    return check


def run_checks(checks: Sequence[Check], body_seconds: float) -> Middleware:
    """Return a middleware that runs each check, then the handler.

    Args:
        checks: each returns the answer to a request that it refuses, or None.
        body_seconds: the time for the body of a request. Without it, a client that sends a byte now
            and then would keep its connection without end.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        for check in checks:
            refusal = check(request)
            if refusal is not None:
                return refusal
        try:
            if request.content.is_eof():
                return await handler(request)
            return await _handle_in_time(request, handler, body_seconds)
        except OSError as problem:
            # No file of the page has such a name.
            if problem.errno == errno.ENAMETOOLONG:
                raise web.HTTPNotFound from None
            raise

    return handle


async def _handle_in_time(
    request: web.Request, handler: Handler, seconds: float
) -> web.StreamResponse:
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


async def add_page_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Make browsers ask for each file again, and show none in a frame of another site.

    Without Cache-Control a browser guesses how long it may use a file without asking.
    """
    if isinstance(response, web.FileResponse):
        response.headers.update({**NO_CACHE, **NO_FRAMES})
