"""Run the app on this machine as API Gateway, Lambda and DynamoDB would."""

import argparse
import asyncio
import io
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from chalice_ws.local import processes as children
from chalice_ws.local import services
from chalice_ws.local import sqs as queue
from chalice_ws.local.aws_api import Invoke, Management, error
from chalice_ws.local.gateway import Gateway, Limits
from chalice_ws.local.isolation import isolate
from chalice_ws.local.reload import Times, change, times
from chalice_ws.local.workers import InProcess, Lambda, Workers
from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.resources import read_resources

log = logging.getLogger("local")

# At Ctrl-C, seconds for the $disconnect of all connections.
FAREWELL = 10


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m local", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    add("--stage", default="dev", help="of .chalice/config.json (%(default)s)")
    add("--project-dir", type=Path, default=Path(), help="any Chalice app (.)")
    workers = "processes for each function; 0: this process, for breakpoint() (%(default)s)"
    add("--workers", type=_count, default=max(4, os.cpu_count() or 0), help=workers)
    limits = Limits()
    add("--idle-timeout", type=_seconds, default=limits.idle, help="in s (%(default)s)")
    add("--max-duration", type=_seconds, default=limits.duration, help="in s (%(default)s)")
    add(
        "--integration-timeout",
        type=_seconds,
        default=limits.integration,
        help="in s (%(default)s)",
    )
    add("--latency", type=_count, default=0, help="ms that each call takes longer (%(default)s)")
    throttle = (
        "@connections calls a second before 429, as an account's quota; 0: none (%(default)s)"
    )
    add("--throttle", type=_count, default=0, help=throttle)
    database = "URL of a DynamoDB that runs, such as DynamoDB Local (one in memory)"
    add("--database", type=_url, help=database)
    return parser.parse_args()


def listen(host: str, port: int) -> socket.socket:
    """Take the port at once, before anything is loaded; raises AppError."""
    try:
        return socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as error:
        raise AppError(f"cannot listen on {host}:{port}: {error}; try another --port") from None


async def run(options: argparse.Namespace) -> None:
    """Serve the app until Ctrl-C or SIGTERM; raises AppError."""
    project = options.project_dir.resolve()
    config = read_config(project, options.stage)
    stage = config.api_gateway_stage
    listener = listen(options.host, options.port)
    host = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    address = f"{host}:{listener.getsockname()[1]}"

    # Where there is no table, what is asked of DynamoDB comes to the gateway, which has none.
    environment = isolate(database=f"http://{address}", gateway=f"http://{address}/{stage}")
    resources = read_resources(config)
    tables, queues = resources.tables(), resources.queues()
    if tables or queues:
        environment["AWS_ENDPOINT_URL"] = await database(tables, queues, options.database)

    app, loaded = (project, options.stage, environment), times(project)
    functions: Lambda
    if options.workers:
        functions = Workers(app, options.workers)
        await functions.load()
    else:
        functions = InProcess(app)
    limits = Limits(options.idle_timeout, options.max_duration, options.integration_timeout)
    gateway = Gateway(functions, stage, limits)
    management = Management(gateway, options.latency / 1000, options.throttle)
    invoke = Invoke(functions, f"{config.app_name}-{options.stage}-", options.latency / 1000)
    runner = web.AppRunner(routes(gateway, management, invoke, project / "web"), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    names = ", ".join(table["TableName"] for table in tables)
    print(f"{config.app_name}, stage {options.stage}, tables: {names or 'none'}")
    print(f"  page       http://{address}/")
    print(f"  WebSocket  ws://{address}/{stage}")
    print("Ctrl-C ends it.")

    gateway.spawn(gateway.expire())
    for source in resources.sources():
        gateway.spawn(queue.serve(source, functions, environment))
    if isinstance(functions, Workers):
        gateway.spawn(keep_up(functions, project, loaded))
    await interrupted()
    try:
        await asyncio.wait_for(gateway.stop(), FAREWELL)
    except asyncio.TimeoutError:
        log.warning("not all $disconnect handlers ended within %s s", FAREWELL)
    if isinstance(functions, Workers):
        functions.stop()


async def database(
    tables: list[dict[str, Any]], queues: dict[str, dict[str, Any]], url: str | None
) -> str:
    """Start DynamoDB and SQS in a process of their own, unless they are there; return their URL.

    Raises:
        AppError: they do not start, or do not take the tables and queues.
    """
    _, channel = children.start(services.run, tables, queues, url)
    reader, _ = await asyncio.open_connection(sock=channel)
    answer = json.loads(await reader.readline() or '{"error": "DynamoDB did not start"}')
    if "error" in answer:
        raise AppError(f"no tables or queues from resources.json: {answer['error']}")
    return str(answer["url"])


async def keep_up(functions: Workers, project: Path, loaded: Times) -> None:
    """Load the app again whenever it is saved, also while it loads."""
    while True:
        loaded = await change(project, loaded)
        try:
            await functions.load()
            log.info("the app has changed and is loaded again")
        except AppError as problem:
            log.error("%s; the code from before goes on", problem)


def routes(
    gateway: Gateway, management: Management, invoke: Invoke, pages: Path
) -> web.Application:
    """What is served under which path."""
    # 6 MB is Invoke's most.
    app = web.Application(client_max_size=6 * 1024 * 1024, middlewares=[not_from_pages])
    for path in (f"/{gateway.stage}", f"/{gateway.stage}/"):
        app.router.add_get(path, gateway.connect, allow_head=False)
    for method in ("DELETE", "GET", "POST"):
        app.router.add_route(method, "/{stage}/@connections/{connection_id}", management.handle)
    app.router.add_post("/2015-03-31/functions/{name}/invocations", invoke.handle)
    if (pages / "index.html").exists():

        async def index(_: web.Request) -> web.FileResponse:
            return web.FileResponse(pages / "index.html")

        app.router.add_get("/", index)
        app.router.add_static("/", pages)
    return app


@web.middleware
async def not_from_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep web pages in the developer's browser away from what is not meant for pages."""
    if request.method in ("DELETE", "POST") and "Origin" in request.headers:
        return error(403, "ForbiddenException", "not for web pages")
    return await handler(request)


async def interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM. A second Ctrl-C ends the process there and then."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: os._exit(130) if stop.is_set() else stop.set())
    await stop.wait()


def main() -> None:
    """Run the gateway and end the process with its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stdout,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    log.setLevel(logging.INFO)
    options, status = arguments(), 0
    try:
        uvloop.run(run(options))  # a third less of the gateway's CPU for an event than asyncio's
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: with --workers 0 a handler that hangs would hold the process up. Its children
    # notice that it has ended.
    os._exit(status)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number; use 0 or more")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL; use http://127.0.0.1:8001, say")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; use seconds, more than 0")
    return seconds
