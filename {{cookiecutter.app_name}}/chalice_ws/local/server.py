"""Serve an app: listen, start the parts of the gateway, and end them in order."""

import argparse
import asyncio
import gc
import json
import logging
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from chalice_ws.local import processes, services
from chalice_ws.local.authorizers.websocket import Authorizer
from chalice_ws.local.definitions import Definitions, read_definitions
from chalice_ws.local.functions.endpoints import endpoint_variable
from chalice_ws.local.functions.workers import InProcess, Lambda, Workers
from chalice_ws.local.isolation import isolate
from chalice_ws.local.issuer.api import IssuerApi
from chalice_ws.local.issuer.tokens import ADDRESS_VARIABLE, PATH, TOKEN_PATH, Issuer
from chalice_ws.local.listeners import listen, local_address
from chalice_ws.local.origins import Origins
from chalice_ws.local.overview import Overview
from chalice_ws.local.prefixes import add_slash, remove_prefixes
from chalice_ws.local.refusals import (
    NO_CACHE,
    add_page_headers,
    refuse_large_headers,
    refuse_other_hosts,
    refuse_other_paths,
    refuse_web_pages,
    run_checks,
)
from chalice_ws.local.reload import Files, load_when_correct, reload_on_change
from chalice_ws.local.rest_api.gateway import Rest
from chalice_ws.local.triggers.triggers import Triggers
from chalice_ws.local.websocket_api.aws_api import MAX_INVOKE_BYTES, Invoke, Management
from chalice_ws.local.websocket_api.gateway import Gateway
from chalice_ws.local.websocket_api.limits import Limits
from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.options import DEFAULT_PORT
from chalice_ws.project.resources import read_resources

log = logging.getLogger("chalice_ws")

# The maximum of one line of a request. `refuse_large_headers` checks the quota for all lines.
MAX_LINE_BYTES = 64 * 1024

# The time for the $disconnect handlers of all connections.
SHUTDOWN_SECONDS = 10


async def run(options: argparse.Namespace) -> None:
    """Serve an app until SIGINT or SIGTERM; raises AppError."""
    project = options.project_dir.resolve()
    config = read_config(project, options.stage)
    stage = config.api_gateway_stage
    listeners = listen(options.host, options.port)
    address = local_address(options.host, listeners[0].getsockname()[1])

    # `redirect_clients` refuses boto3's calls of other services. A program that a handler starts,
    # such as the AWS CLI, sends them to the gateway, which serves none of them.
    environment = isolate(database=f"http://{address}", gateway=f"http://{address}/{stage}")
    resource_files = [path.resolve() for path in options.resources]
    resources = read_resources(config, files=resource_files)
    definitions = read_definitions(project, resources)
    if definitions or options.database:
        environment |= await start_services(definitions, options.database)
    environment |= {endpoint_variable(service): url for service, url in options.endpoint}
    issuer = Issuer(f"http://{address}{PATH}")
    environment[ADDRESS_VARIABLE] = issuer.url

    arguments = (project, options.stage, environment, resource_files)
    files = Files(config, resource_files)
    functions: Lambda
    stopped = asyncio.create_task(wait_for_signal())
    if options.workers:
        functions = Workers(arguments, options.workers)
        loading = asyncio.create_task(load_when_correct(functions, files))
        await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            functions.stop()
            return
        loading.result()
    else:
        functions = InProcess(arguments)
    limits = Limits(options.idle_timeout, options.max_duration, options.integration_timeout)
    authorizer = Authorizer(options.authorizer, functions, environment["AWS_REGION"])
    gateway = Gateway(functions, stage, limits, authorizer)
    latency_seconds = options.latency / 1000
    management = Management(gateway, latency_seconds, options.throttle)
    invoke = Invoke(functions, f"{config.app_name}-{options.stage}-", latency_seconds)
    logging.getLogger("aiohttp.server").addFilter(shorten_parse_error)
    origins = Origins(options.host, options.allow_origin)
    compress_from_bytes = config.minimum_compression_size
    rest = Rest(gateway, origins, limits.integration_seconds, compress_from_bytes)
    checks = [
        refuse_large_headers,
        refuse_other_hosts(origins, rest.serves),
        refuse_web_pages(lambda request: rest.serves(request) or request.path == TOKEN_PATH),
        refuse_other_paths(stage),
        add_slash(stage),
    ]
    tokens = IssuerApi(issuer, project, options.stage, origins)
    middleware = run_checks(checks, options.keepalive_timeout)
    application = routes(gateway, rest, management, invoke, project / "web", tokens, middleware)
    runner = web.AppRunner(
        application,
        access_log=None,
        # A REST API passes a compressed body on as it is.
        auto_decompress=False,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        # aiohttp also applies it to the time from the connection to its first request.
        keepalive_timeout=options.keepalive_timeout,
    )
    # Else each full collection would look at all that is loaded, and stop the clients for 20 ms.
    gc.freeze()
    await runner.setup()
    assert runner.server
    remove_prefixes(runner.server, stage)
    for listener in listeners:
        await web.SockSite(runner, listener).start()
    names = ", ".join(table["TableName"] for table in definitions.tables)
    print(f"{config.app_name}, stage {options.stage}, tables: {names or 'none'}")
    command = invoke_command(options, listeners[0].getsockname()[1])
    triggers = Triggers(functions, resources, environment, options.schedules, command)
    overview = Overview(functions, triggers, address, stage, project)
    for line in overview.start_triggers_and_describe():
        print(f"  {line}")
    print("Press Ctrl-C to stop.")

    gateway.spawn(gateway.expire())
    if isinstance(functions, Workers):
        gateway.spawn(reload_on_change(functions, files, overview))
    await stopped
    try:
        await asyncio.wait_for(gateway.stop(), SHUTDOWN_SECONDS)
    except asyncio.TimeoutError:
        log.warning("not all $disconnect handlers ended within %s s", SHUTDOWN_SECONDS)
    if isinstance(functions, Workers):
        functions.stop()


async def start_services(definitions: Definitions, database: str | None) -> dict[str, str]:
    """Start a process with the services that an app uses, and create what it expects.

    Args:
        definitions: what to create.
        database: the URL of a DynamoDB to use instead; None: start one.

    Returns:
        The environment variables with the endpoints of the services.

    Raises:
        AppError: they do not start, or refuse a definition.
    """
    _, channel = processes.start(services.run, definitions, database)
    reader, writer = await asyncio.open_connection(sock=channel)
    line = await reader.readline()
    writer.close()
    if not line:
        what = "the services of this machine did not start (got no answer of their process)"
        raise AppError(f"{what}; see the output above, and start again")
    answer = json.loads(line)
    if "error" in answer:
        if database:
            use = "start it, or leave out --database"
            raise AppError(f"cannot use the database {database} (got {answer['error']}); {use}")
        what = "cannot create what the resource files define"
        raise AppError(f"{what} (got {answer['error']}); correct it")
    return dict(answer["endpoints"])


def invoke_command(options: argparse.Namespace, port: int) -> Callable[[str], str]:
    """Return a function that returns the command which invokes a function in this gateway."""
    given = ["--project-dir", options.project_dir] if options.project_dir != Path() else []
    given += ["--stage", options.stage] if options.stage != "dev" else []
    given += ["--port", port] if port != DEFAULT_PORT else []
    for path in options.resources:
        given += ["--resources", path]
    return lambda name: f"{options.command} invoke {shlex.join(map(str, [name, *given]))}"


def routes(
    gateway: Gateway,
    rest: Rest,
    management: Management,
    invoke: Invoke,
    pages: Path,
    tokens: IssuerApi,
    middleware: Middleware,
) -> web.Application:
    """Return the HTTP application: the WebSocket and REST API, the AWS APIs, the web page."""
    app = web.Application(client_max_size=MAX_INVOKE_BYTES, middlewares=[middleware])
    app.on_response_prepare.append(add_page_headers)
    for path in (f"/{gateway.stage}", f"/{gateway.stage}/"):
        app.router.add_route("*", path, rest.handle_root)
    for stage in (gateway.stage, "{stage}"):
        for method in ("DELETE", "GET", "POST"):
            path = f"/{stage}/@connections/{{connection_id}}"
            app.router.add_route(method, path, management.handle)
    app.router.add_route("*", f"/{gateway.stage}/{{path:.*}}", rest.handle)
    app.router.add_post("/2015-03-31/functions/{name}/invocations", invoke.handle)
    tokens.add_to(app)

    async def served(request: web.Request) -> web.Response:
        # `chalice-ws lesson --check` asks whether this is the app of its folder.
        if request.remote not in ("127.0.0.1", "::1"):
            raise web.HTTPNotFound
        return web.json_response({"folder": str(pages.parent)}, headers=NO_CACHE)

    app.router.add_get("/.chalice-ws", served)
    if (pages / "index.html").exists():

        async def index(_: web.Request) -> web.FileResponse:
            return web.FileResponse(pages / "index.html")

        async def config(_: web.Request) -> web.Response:
            # The address of the WebSocket API, relative to the page.
            content = {"url": gateway.stage, **tokens.page_settings()}
            return web.json_response(content, headers=NO_CACHE)

        app.router.add_get("/", index)
        app.router.add_get("/config.json", config)
        app.router.add_static("/", pages)
    return app


def shorten_parse_error(record: logging.LogRecord) -> bool:
    """Log a request that is not valid HTTP as one line, without aiohttp's traceback.

    A client that leaves before the end of its request is not logged.
    """
    if record.exc_info and isinstance(record.exc_info[1], ConnectionError):
        return False
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.exc_info = "received data that is not valid HTTP from %s", None
    return True


async def wait_for_signal() -> None:
    """Wait for SIGINT (Ctrl-C) or SIGTERM. A second SIGINT ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(
        signal.SIGINT, lambda: processes.exit_now(130) if stop.is_set() else stop.set()
    )
    await stop.wait()
