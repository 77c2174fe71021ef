"""`python -m local`: run the app as API Gateway, Lambda and DynamoDB would, on this machine."""

import argparse
import asyncio
import io
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web
from botocore.exceptions import BotoCoreError, ClientError

from local import tables
from local.apis import Invoke, Management
from local.functions import AppError, Functions, read_config
from local.gateway import Gateway
from local.sandbox import isolate

log = logging.getLogger("local")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    parser.add_argument("--stage", default="dev", help="of .chalice/config.json (%(default)s)")
    parser.add_argument("--project-dir", type=Path, default=Path(), help="any Chalice app (.)")
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
    listener = listen(options.host, options.port)
    port = listener.getsockname()[1]
    own_host = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    stage = config.api_gateway_stage
    variables = isolate(tables.serve(), f"http://{own_host}:{port}/{stage}")
    os.environ.update(variables)
    template = project / "resources.json"
    try:
        names = tables.create(template, f"{config.app_name}-{options.stage}")
    except (AttributeError, KeyError, ValueError, BotoCoreError, ClientError) as error:
        raise AppError(f"no tables from {template}: {error!r}") from None
    os.chdir(project)  # as Lambda starts a function beside its code
    functions = Functions(config, variables)
    gateway = Gateway(functions, stage)
    runner = web.AppRunner(routes(functions, gateway, project / "web"), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print(f"{config.app_name}, stage {options.stage}, tables: {', '.join(names) or 'none'}")
    print(f"  page       http://{own_host}:{port}/")
    print(f"  WebSocket  ws://{own_host}:{port}/{stage}")
    print("Ctrl-C ends it.", flush=True)
    await interrupted()
    await gateway.stop()
    await runner.cleanup()


def routes(functions: Functions, gateway: Gateway, pages: Path) -> web.Application:
    """What is served under which path."""
    app = web.Application(client_max_size=6 * 1024 * 1024)  # Invoke's most
    app.router.add_get(f"/{gateway.stage}", gateway.connect)
    app.router.add_get(f"/{gateway.stage}/", gateway.connect)
    management = Management(gateway)
    for method in ("DELETE", "GET", "POST"):
        app.router.add_route(method, "/{stage}/@connections/{connection_id}", management.handle)
    invoke = Invoke(functions, gateway)
    app.router.add_post("/2015-03-31/functions/{name}/invocations", invoke.handle)
    if (pages / "index.html").exists():

        async def index(_: web.Request) -> web.FileResponse:
            return web.FileResponse(pages / "index.html")

        app.router.add_get("/", index)
        app.router.add_static("/", pages)
    return app


async def interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM. A second Ctrl-C ends the process there and then."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: os._exit(130) if stop.is_set() else stop.set())
    await stop.wait()


def main() -> int:
    """Run the gateway; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what handlers print shows at once
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stdout,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    log.setLevel(logging.INFO)
    # It warns of each subprotocol that is left to $connect.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)
    try:
        asyncio.run(run(arguments()))
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A handler's thread that hangs cannot be ended; the process can.
    os._exit(status)
