"""The app's Lambda functions, loaded and run in this process."""

import json
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.app import EventSourceHandler, WebsocketEvent, WebsocketEventSourceHandler
from chalice.config import Config
from chalice.deploy.validate import ExperimentalFeatureError, validate_feature_flags

from chalice_ws.local.functions.app_faults import find_warnings
from chalice_ws.local.functions.endpoints import redirect_clients
from chalice_ws.local.functions.lambda_function import LambdaFunction
from chalice_ws.local.issuer.tokens import ADDRESS_VARIABLE, sign_in_variables
from chalice_ws.local.rest_api.routes import RestApi
from chalice_ws.local.triggers.event_sources import read_event_sources
from chalice_ws.project.config import CONFIG, AppError, read_config
from chalice_ws.project.functions import MESSAGE, REST, ROUTES, logical_id
from chalice_ws.project.load import MISSING_FLAG, find_handler, is_unwrapped, load_app, own_modules
from chalice_ws.project.resources import read_resources


@dataclass(frozen=True)
class Result:
    """The result of an invocation: a value, or an error as Lambda reports it."""

    value: Any = None
    error: dict[str, Any] | None = None


class Functions:
    """The functions of an app, in this process.

    Args:
        project_dir: the folder of app.py.
        stage: the name of the stage in .chalice/config.json.
        environment: the variables from `isolate`, which every function gets.
        resource_files: the files of --resources.

    Raises:
        AppError: app.py is missing, does not import, or has no valid `app`.
    """

    def __init__(
        self,
        project_dir: Path,
        stage: str,
        environment: dict[str, str],
        resource_files: Sequence[Path] = (),
    ) -> None:
        self._config = read_config(project_dir, stage)
        self._resources = read_resources(self._config, files=resource_files)
        self._environment = environment
        # Lambda imports app.py once for each function, with that function's variables. Here
        # the function is not known yet, so the import sees the variables of all functions.
        region = environment["AWS_REGION"]
        message = LambdaFunction(MESSAGE, None, self._config, region)
        os.environ.update(message.variables())
        for name in self._resources.content:
            os.environ.update(self._resources.variables(name))
        for name in self._names():
            os.environ.update(self._variables(name))
        time.tzset()
        redirect_clients()
        os.chdir(project_dir)
        app = _load(project_dir)
        others: list[Any] = [*app.pure_lambda_functions, *app.event_sources]
        others += app.builtin_auth_handlers
        functions = {each.name: each for each in others}
        for route, each in app.websocket_handlers.items():
            if route not in ROUTES:
                use = "look at the frame in the handler of @app.on_ws_message()"
                raise AppError(f"the local gateway has no such route (got {route!r}); {use}")
            functions[ROUTES[route]] = each
        self._handlers = {name: _handler(app, each) for name, each in functions.items()}
        self.warnings = find_warnings(app, project_dir, self._resources.tables())
        self.modules = [str(path) for path, _ in own_modules(project_dir)]
        self.triggers = read_event_sources(app)
        strings = {name: each.handler_string for name, each in functions.items()}
        if app.routes:
            own = self._scope(REST)
            self._handlers[REST] = RestApi(app, own, lambda name: self._environments[name])
            strings[REST] = "app.app"
        self._functions = {
            name: LambdaFunction(name, string, self._scope(name), region)
            for name, string in strings.items()
        }
        self._environments = {
            name: {**function.variables(), **self._variables(name)}
            for name, function in self._functions.items()
        }

    def timeouts(self) -> dict[str, int]:
        """Return the timeout of each function, in seconds."""
        return {name: each.timeout_seconds for name, each in self._functions.items()}

    def set_variables_of(self, name: str) -> None:
        """Set the environment variables of a function."""
        os.environ.update(self._environments[name])

    def keep_only_variables_of(self, name: str) -> None:
        """Set the variables of a function, and remove those that only other functions have."""
        self.set_variables_of(name)
        for other in {*self._names(), *self._handlers} - {name}:
            for variable in self._variables(other).keys() - self._environments[name].keys():
                os.environ.pop(variable, None)

    def run(self, name: str, event: Any) -> Result:
        """Run a function with an event. An exception becomes the result's error."""
        context = self._functions[name].context()
        try:
            return Result(json.loads(json.dumps(self._handlers[name](event, context))))
        except Exception as error:
            traceback.print_exc()
            return Result(error=_report(error, context.aws_request_id))
        except BaseException:
            # Such as SystemExit, which ends the process.
            traceback.print_exc()
            raise

    def _variables(self, name: str) -> dict[str, str]:
        patched = self._resources.variables(logical_id(name))
        variables = {**self._scope(name).environment_variables, **patched}
        for key, value in variables.items():
            if not isinstance(value, str):
                # Chalice's own message when it deploys.
                problem = "Environment variable values must be strings, got 'type'"
                got = f"{type(value).__name__} for key '{key}'"
                raise AppError(f"{CONFIG}: {problem} {got}; put the value in quotes")
        sign_in = sign_in_variables(variables, self._environment.get(ADDRESS_VARIABLE))
        return {**variables, **sign_in, **self._environment}

    def _names(self) -> list[str]:
        # The functions that have settings of their own, and the functions of the routes.
        content = self._config.config_from_disk
        stage = content.get("stages", {}).get(self._config.chalice_stage, {})
        own = [*content.get("lambda_functions", {}), *stage.get("lambda_functions", {})]
        return [*dict.fromkeys([*own, REST, *ROUTES.values()])]

    def _scope(self, name: str) -> Config:
        return self._config.scope(self._config.chalice_stage, name)


def _load(project_dir: Path) -> Chalice:
    try:
        app = load_app(project_dir)
        validate_feature_flags(app)
    except ExperimentalFeatureError:
        raise AppError(MISSING_FLAG) from None
    except AppError as error:
        # The message names the line of a failed import. Other errors need their traceback.
        if error.__cause__ and not isinstance(error.__cause__, (ImportError, SyntaxError)):
            traceback.print_exception(error.__cause__)
        raise
    return app


def _handler(app: Chalice, function: Any) -> Callable[[Any, Any], Any]:
    handler: Callable[[Any, Any], Any] = find_handler(function)
    if is_unwrapped(function):
        middleware = app._get_middleware_handlers("websocket")
        user_handler = function.handler_function
        api = app.websocket_api
        handler = WebsocketEventSourceHandler(user_handler, WebsocketEvent, api, middleware)
    if isinstance(handler, EventSourceHandler):
        # Chalice consumes a generator of middleware in the first event. With --workers 0 a
        # second event at the same time would run without middleware.
        handler.middleware_handlers = list(handler.middleware_handlers)
    return handler


def _report(error: BaseException, request_id: str) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
