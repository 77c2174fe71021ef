"""Run a Chalice app on this machine, as API Gateway, Lambda, DynamoDB and SQS would."""

import argparse
import io
import logging
import os
import shutil
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from chalice_ws.local import processes
from chalice_ws.local.websocket_api.limits import Limits
from chalice_ws.project.config import AppError, shown
from chalice_ws.project.options import DEFAULT_PORT, add_project_dir, add_resources, add_stage

log = logging.getLogger("chalice_ws")


def main(
    arguments: Sequence[str] | None = None, prog: str = "python -m chalice_ws.local"
) -> NoReturn:
    """Run the gateway, then end the process with its exit status.

    Args:
        arguments: the command line without the program's name; None: that of this process.
        prog: the program's name in the help.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stdout,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    log.setLevel(logging.INFO)
    options = _parser(prog).parse_args(arguments)
    options.command = _command(prog)
    # It takes as long to load as the imports below. So both load at the same time.
    processes.prepare()
    import uvloop

    from chalice_ws.local.server import run

    # uvloop takes a third less CPU time for each event than asyncio's own loop.
    uvloop.run(_exit_after(run(options)))


async def _exit_after(serving: Awaitable[None]) -> NoReturn:
    status = 0
    try:
        await serving
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    # Do not close the loop: where warnings are errors, uvloop never ends.
    processes.exit_now(status)


def _command(prog: str) -> str:
    # The command line of the toolkit, as it works in the shell that has started this process.
    if not prog.startswith("python "):
        return prog.removesuffix(" local")
    found, python = shutil.which("python"), Path(sys.executable)
    return f"{'python' if found and Path(found) == python else shown(python)} -m chalice_ws"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add(
        "--host",
        default="localhost",
        help="address to listen on; localhost: 127.0.0.1 and ::1 (default: %(default)s)",
    )
    add(
        "--allow-origin",
        metavar="ORIGIN",
        type=_origin,
        action="append",
        default=[],
        help="origin of web pages that may connect, beside the gateway's own, such as "
        "http://localhost:5173; its host may be that of a proxy (default: none)",
    )
    add(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="port to listen on; 0: any free port (default: %(default)s)",
    )
    add_stage(parser)
    add_project_dir(parser)
    add(
        "--workers",
        metavar="COUNT",
        type=_count,
        default=max(4, os.cpu_count() or 0),
        help="maximum number of processes for each function; "
        "0: run handlers in the gateway's process, for breakpoint() (default: %(default)s)",
    )
    add_resources(parser)
    limits = Limits()
    add(
        "--idle-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=limits.idle_seconds,
        help="seconds without a message until a connection is closed (default: %(default)s)",
    )
    add(
        "--max-duration",
        metavar="SECONDS",
        type=_seconds,
        default=limits.duration_seconds,
        help="seconds until a connection is closed in any case (default: %(default)s)",
    )
    add(
        "--integration-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=limits.integration_seconds,
        help="seconds to wait for a handler (default: %(default)s)",
    )
    add(
        "--schedules",
        action="store_true",
        help="run scheduled functions at their times, in UTC (default: none)",
    )
    add(
        "--authorizer",
        metavar="OBJECT",
        help="""the result of the WebSocket API's Lambda authorizer, such as
        '{"principalId": "ann"}'. The value route.request.querystring.NAME or
        route.request.header.NAME is taken from the handshake. Or the name of the app's function
        that is the authorizer (default: none)""",
    )
    add(
        "--keepalive-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=60,
        help="seconds until an HTTP connection without a complete request is closed "
        "(default: %(default)s)",
    )
    add(
        "--latency",
        metavar="MS",
        type=_count,
        default=0,
        help="milliseconds to delay each call to @connections and Lambda (default: %(default)s)",
    )
    add(
        "--throttle",
        metavar="COUNT",
        type=_count,
        default=0,
        help="maximum calls to @connections per second; more get status 429; "
        "0: no maximum (default: %(default)s)",
    )
    add(
        "--database",
        metavar="URL",
        type=_url,
        help="URL of a running DynamoDB, such as DynamoDB Local (default: one in memory)",
    )
    add(
        "--endpoint",
        metavar="SERVICE=URL",
        type=_endpoint,
        action="append",
        default=[],
        help="URL of an emulator of another service, such as s3=http://127.0.0.1:9000 "
        "(default: calls of other services are refused)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"not a whole number (got {text!r}); use 0 or more")
    return int(text)


def _origin(text: str) -> str:
    url = urlsplit(text)
    if text != "null" and not (url.netloc and text == f"{url.scheme}://{url.netloc}"):
        raise argparse.ArgumentTypeError(
            f"not an origin (got {text!r}); use an origin such as http://localhost:5173"
        )
    return text


def _endpoint(text: str) -> tuple[str, str]:
    service, equals, url = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(
            f"not a service and a URL (got {text!r}); use such as s3=http://127.0.0.1:9000"
        )
    return service, _url(url)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(
            f"not a URL (got {text!r}); use a URL such as http://127.0.0.1:8001"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(
            f"not a positive number of seconds (got {text!r}); use a number above 0"
        )
    return seconds
