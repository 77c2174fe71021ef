"""Check the app and its Lambda functions: handlers, timeouts, memory and policies."""

import os
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chalice.deploy.models import ManagedIAMRole
from chalice.deploy.validate import (
    ExperimentalFeatureError,
    validate_configuration,
    validate_feature_flags,
)

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import Advice, AppError, as_list, shown, stack_name
from chalice_ws.project.functions import DECORATORS, MESSAGE
from chalice_ws.project.load import MISSING_FLAG, is_unwrapped, load_app, own_modules
from chalice_ws.project.permissions.policy_files import read_statements

# API Gateway does not wait longer for a function.
MAX_TIMEOUT_SECONDS = 29

# Chalice's value where a setting is missing, and the value to use.
DEFAULTS = {
    "autogen_policy": ("a policy that Chalice guesses", "false"),
    "lambda_memory_size": ("128 MB", "512"),
    "lambda_timeout": ("60 s, and API Gateway waits 29 s", "29"),
}


def check_app(stage: Stage) -> Iterator[str]:
    """Yield what Chalice refuses when it packages the app."""
    app = stage.app
    try:
        validate_feature_flags(app)
    except ExperimentalFeatureError as error:
        yield MISSING_FLAG
        # validate_configuration would stop here too: switch the flag on, to see the next fault.
        app.experimental_feature_flags.update(error.features_missing_opt_in)
    try:
        validate_configuration(stage.config)
    except ValueError as error:
        text = " ".join(str(error).split())
        # check_variables reports each of these, with its value.
        if not text.startswith("Environment variable values"):
            yield f"Chalice refuses the app (got {text}); correct it"


def check_handlers(stage: Stage) -> Iterator[str]:
    """Yield the handlers that a generated app lacks, and a missing session to send with."""
    if not stage.follows_template:
        return
    for route, decorator in DECORATORS.items():
        if route not in stage.app.websocket_handlers:
            yield f"app.py has no {decorator} handler; add a function under @app.{decorator}()"
    if stage.app.websocket_api.session is None:
        yield "app.py does not set app.websocket_api.session; assign chalicelib.aws.session"


def check_session(stage: Stage) -> Iterator[str]:
    """Yield a missing session to send with, in an app that does not follow the template."""
    if stage.follows_template or stage.app.websocket_api.session is not None:
        return
    project = Path(stage.config.project_dir)
    paths = [path for path, _ in own_modules(project) if path.suffix == ".py"]
    sources = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    # A handler may set it.
    if any("websocket_api" in each for each in sources) and not any(
        re.search(r"\.session\s*=[^=]|setattr\(", each) for each in sources
    ):
        use = "use app.websocket_api.session = boto3.session.Session()"
        yield f"app.websocket_api has no session, each send would fail; {use}"


def check_blueprints(stage: Stage) -> Iterator[str]:
    """Yield WebSocket handlers in blueprints, which Chalice registers and does not wrap."""
    for route, each in stage.app.websocket_handlers.items():
        if is_unwrapped(each):
            use = f"put it under @app.{DECORATORS[route]}() in app.py"
            yield f"{each.handler_string} would fail in each event, it is in a blueprint; {use}"


def check_timeouts(stage: Stage) -> Iterator[str]:
    """Yield the functions that run longer than API Gateway waits."""
    late = []
    for name in stage.functions:
        seconds = stage.settings(name).lambda_timeout
        limit = MAX_TIMEOUT_SECONDS if name.startswith("websocket_") else float("inf")
        if seconds is not None and (type(seconds) is not int or seconds > limit):
            late.append(f"{name}: {seconds!r}")
    if late:
        what = f"API Gateway waits {MAX_TIMEOUT_SECONDS} s (got {', '.join(late)})"
        yield f'{stage.where}: {what}; use "lambda_timeout": {MAX_TIMEOUT_SECONDS}'


def check_defaults(stage: Stage) -> Iterator[str]:
    """Yield the settings that a generated app must not leave to Chalice."""
    for setting, (default, use) in DEFAULTS.items() if stage.follows_template else ():
        values = {name: getattr(stage.settings(name), setting) for name in stage.functions}
        names = [name for name, value in values.items() if value is None or value is True]
        if names:
            what = f"{', '.join(names)} would get {default}"
            yield f'{stage.where}: {what}; use "{setting}": {use}'


def check_policies(stage: Stage) -> Iterator[str]:
    """Yield policies that are missing, ignored or of no use."""
    folder = Path(stage.config.project_dir) / ".chalice"
    for name, python_name in stage.python_names().items():
        if not isinstance(stage.functions[name].role, ManagedIAMRole):
            continue
        given, path = stage.settings(name).iam_policy_file, stage.policy_file(name)
        if path is None:
            # check_defaults reports it of a generated app.
            if given and not stage.follows_template:
                what = f"Chalice ignores iam_policy_file of {name}"
                yield f'{stage.where}: {what}; add "autogen_policy": false'
            continue
        # Functions that need the same may share a policy. A policy of another stage names that
        # stage's table.
        if stage.follows_template and not str(given).startswith(f"{stage.name}/"):
            expected = f"{stage.name}/{python_name}.json"
            path = folder / expected
            what = f"{name} does not name its policy (got {given!r})"
            use = f'use "{name}": {{"iam_policy_file": "{expected}"}} under lambda_functions'
            yield f"{stage.where}: {what}; {use}"
            if not path.exists():
                # Once it is named, the next check says how to create it.
                continue
        if path.exists():
            yield from _check_connections(stage, name, path)
        else:
            use = f"python -m chalice_ws grant {python_name} ACTION --on RESOURCE"
            names = sorted(each.name for each in path.parent.glob("*.json"))
            likely = "".join(
                f"use {each}, or " for each in get_close_matches(path.name, names, 1, 0.8)
            )
            yield f"{shown(path)} is missing; {likely}run {use}, which creates it"


def check_tables(stage: Stage) -> Iterator[str]:
    """Yield tables of the stage's stack that policies name, and that no resource file defines."""
    resources = stage.read_resources()
    found = [*resources.tables(), *resources.named("AWS::DynamoDB::GlobalTable").values()]
    names = [str(each.get("TableName")) for each in found]
    if not names and "CONNECTIONS_TABLE" in stage.readers:
        # check_variables reports it.
        return
    # CloudFormation adds characters to a name that it makes.
    defined = [*names, *(f"{each}-" for each in names)]
    start = f"{stack_name(stage.config)}-"
    for path in stage.policy_files():
        for name in dict.fromkeys(_tables(read_statements(path))):
            if name.startswith(start) and not any(fnmatchcase(each, name) for each in defined):
                likely = get_close_matches(name, names, 1)
                use = f"use {likely[0]}, or define it" if likely else "define it"
                what = f"{shown(path)} names a table that no resource file defines (got {name!r})"
                yield Advice(f"{what}; {use} in resources.json")


def _tables(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        for resource in map(str, as_list(statement.get("Resource"))):
            service, _, name = resource.partition(":table/")
            if ":dynamodb:" in service and name:
                yield name.partition("/")[0]


def check_imports(stage: Stage) -> Iterator[str]:
    """Yield an import that fails in one function alone, where app.py asks which function it is.

    Lambda sets _HANDLER, and app.py may leave out imports that a function does not need.
    """
    folder = Path(stage.config.project_dir)
    source = (folder / "app.py").read_text(encoding="utf-8")
    names = {each.handler for each in stage.functions.values()} if "_HANDLER" in source else ()
    for handler in sorted(name for name in names if f'"{name}"' in source):
        modules = dict(sys.modules)
        for name in modules:
            if name.partition(".")[0] in ("app", "chalicelib"):
                del sys.modules[name]
        os.environ["_HANDLER"] = handler
        try:
            load_app(folder)
        except AppError as error:
            yield f"the function {handler} fails on AWS: {error}"
        finally:
            del os.environ["_HANDLER"]
            sys.modules.update(modules)


def check_unused_policies(stage: Stage) -> Iterator[str]:
    """Yield the policies of a generated app that belong to no function."""
    used = set()
    for name, python_name in stage.python_names().items():
        given = Path(str(stage.settings(name).iam_policy_file))
        # check_policies reports a function that does not name its policy.
        used.add(given.stem if given.parent.name == stage.name else python_name)
    folder = Path(stage.config.project_dir) / ".chalice" / stage.name
    for path in sorted(folder.glob("*.json")) if stage.follows_template else ():
        if path.stem not in used:
            yield f"{shown(path)} belongs to no function; rename it or delete it"


def _check_connections(stage: Stage, name: str, path: Path) -> Iterator[str]:
    # The resource in a policy names the API's stage. Where it names another, sending gets a 403.
    api_stage = stage.config.api_gateway_stage
    resources = list(_connection_resources(read_statements(path)))
    granted = {method for each in resources for method in _methods(each, api_stage)}
    # A resource may be for another API, if other resources grant this one.
    others = [each for each in resources if not granted & _methods(each)]
    use = f"use arn:*:execute-api:*:*:*/{api_stage}/POST/@connections/*"
    if others:
        yield f"{shown(path)} is for another stage of the API (got {', '.join(others)}); {use}"
    elif not resources and name == MESSAGE and stage.app.websocket_api.session:
        yield f"{shown(path)} does not allow execute-api:ManageConnections; {use}"


def _connection_resources(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        actions = [str(each).lower() for each in as_list(statement.get("Action"))]
        allowed = any(fnmatchcase("execute-api:manageconnections", each) for each in actions)
        if allowed and statement.get("Effect") == "Allow":
            yield from as_list(statement.get("Resource", "*"))


def _methods(resource: str, api_stage: str | None = None) -> set[str]:
    """Return the methods of the management API that a resource grants, in a stage or in any."""
    # The part after the account. The settings do not say which id the API has.
    pattern = resource.split(":", 5)[-1]
    api_id, named_stage = [*pattern.split("/"), ""][:2]
    start = f"{api_id}/{api_stage or named_stage}"
    methods = ("POST", "DELETE", "GET")
    return {each for each in methods if fnmatchcase(f"{start}/{each}/@connections/id", pattern)}
