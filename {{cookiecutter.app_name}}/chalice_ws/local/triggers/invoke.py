"""Run one function of an app, in the running gateway if there is one."""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from chalice_ws.local import processes
from chalice_ws.local.definitions import read_definitions
from chalice_ws.local.functions.runtime import Result
from chalice_ws.local.functions.workers import Workers
from chalice_ws.local.isolation import isolate
from chalice_ws.local.server import start_services
from chalice_ws.local.triggers.sample_events import sample_event
from chalice_ws.project.config import AppError, json_problem, parse_json, read_config
from chalice_ws.project.options import add_port, add_project_dir, add_resources, add_stage
from chalice_ws.project.resources import read_resources

SUMMARY = """Run one function of an app, and print its result as JSON.

It runs in the local gateway at the port if that serves the app. Else it runs by itself, with
empty tables. The exit status is 1 if the function fails, and 2 if it cannot be run."""

HOST = "127.0.0.1"


def main(
    arguments: Sequence[str] | None = None, prog: str = "python -m chalice_ws invoke"
) -> NoReturn:
    """Run a function, then end the process with its exit status.

    Args:
        arguments: the command line without the program's name; None: that of this process.
        prog: the program's name in the help.
    """
    processes.exit_now(_invoke(_parser(prog).parse_args(arguments)))


def _invoke(options: argparse.Namespace) -> int:
    # The result alone goes to stdout. What the function prints goes to stderr.
    sys.stdout.flush()
    result_file = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        result = asyncio.run(_run(options))
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if failure := result.error:
        if options.in_gateway:
            _print_stack(failure.get("stackTrace", []), options.project_dir.resolve())
        what = f"{failure.get('errorType', 'Error')}: {failure.get('errorMessage', '')}"
        print(f"error: {options.name} failed ({what}); correct it", file=sys.stderr)
        return 1
    with result_file:
        print(json.dumps(result.value), file=result_file)
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog,
        description=SUMMARY,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("name", metavar="NAME", help="name of the function, as Chalice has it")
    add("--event", metavar="FILE", help="file with the event as JSON; -: stdin (default: a sample)")
    add_stage(parser)
    add_project_dir(parser)
    add_port(parser)
    add_resources(parser)
    return parser


async def _run(options: argparse.Namespace) -> Result:
    project = options.project_dir.resolve()
    config = read_config(project, options.stage)
    event = _read_event(options.event) if options.event else None
    address = f"{HOST}:{options.port}"
    gateway = f"http://{address}/{config.api_gateway_stage}"
    environment = isolate(database=f"http://{address}", gateway=gateway)
    full_name = f"{config.app_name}-{options.stage}-{options.name}"
    options.in_gateway = _post(options.port, full_name, "{}", "DryRun") is not None
    if options.in_gateway and event is not None:
        return _run_in_gateway(options.port, full_name, event)
    # An app may call AWS while it is imported.
    definitions = read_definitions(project, read_resources(config, files=options.resources))
    if definitions:
        environment |= await start_services(definitions, None)
    functions = Workers((project, options.stage, environment, options.resources), 1)
    try:
        await functions.load()
        if options.name not in functions.timeouts:
            known = ", ".join(sorted(functions.timeouts)) or "none"
            what = f"the app has no such function (got {options.name!r})"
            raise AppError(f"{what}; use one of {known}")
        if event is None:
            trigger = functions.triggers.get(options.name, {"kind": options.name, "source": ""})
            event = sample_event(trigger["kind"], trigger["source"], config.api_gateway_stage)
        if options.in_gateway:
            return _run_in_gateway(options.port, full_name, event)
        where = f"at port {options.port}; {options.name} runs without connections"
        print(f"No local gateway serves the app {where}.", file=sys.stderr)
        return await functions.invoke(options.name, event)
    finally:
        functions.stop()


def _run_in_gateway(port: int, function: str, event: Any) -> Result:
    answer = _post(port, function, json.dumps(event), "RequestResponse")
    if answer is None:
        raise AppError("the local gateway has ended meanwhile; start it again")
    return answer


def _read_event(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"the event cannot be read (got {error}); use a file of JSON") from None
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        got = json_problem(error)
        raise AppError(f"{name} is not valid JSON (got {got}); correct it") from None


def _print_stack(stack: list[str], project: Path) -> None:
    # The app's own part, without the toolkit and Chalice.
    own = [each for each in stack if f'"{project}' in each and "site-packages" not in each]
    if shown := own or stack:
        print("Traceback (most recent call last):\n" + "".join(shown), end="", file=sys.stderr)


def _post(port: int, function: str, event: str, kind: str) -> Result | None:
    """Invoke a function in the gateway at a port; return None if none serves it."""
    connection = http.client.HTTPConnection(HOST, port)
    headers = {"X-Amz-Invocation-Type": kind}
    path = f"/2015-03-31/functions/{function}/invocations"
    with contextlib.closing(connection):
        try:
            connection.request("POST", path, event.encode(), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
    if kind == "DryRun":
        return Result() if response.status == 204 else None
    if response.status != 200:
        raise AppError(f"the local gateway refused the event (got {body.decode()}); correct it")
    value = json.loads(body)
    if response.headers.get("X-Amz-Function-Error"):
        return Result(error=value)
    return Result(value)
