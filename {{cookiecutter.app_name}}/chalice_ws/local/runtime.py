"""The app's Lambda functions: loaded as Lambda would, and run with one event at a time."""

import importlib
import json
import os
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.app import EventSourceHandler
from chalice.config import Config
from chalice.deploy.validate import ExperimentalFeatureError, validate_feature_flags
from chalice.local import LambdaContext
from chalice.utils import to_cfn_resource_name

from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.resources import read_resources

# A route's function, by the name that Chalice deploys it under.
ROUTES = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}

# Lambda's when Chalice is told nothing: MB and seconds.
MEMORY = 128
TIMEOUT = 60


@dataclass(frozen=True)
class Result:
    """What an invocation came to: a value, or the error as Lambda reports it."""

    value: Any = None
    error: dict[str, Any] | None = None


class Functions:
    """The functions of an app, in this process.

    Args:
        project_dir: where app.py is.
        stage: whose settings apply.
        environment: what the machine adds to the variables of the settings.

    Raises:
        AppError: app.py is missing, fails to import, has no `app` or lacks the flag.
    """

    def __init__(self, project_dir: Path, stage: str, environment: dict[str, str]) -> None:
        self._config = read_config(project_dir, stage)
        self._resources = read_resources(self._config)
        self._environment = environment
        # On Lambda a module is imported with its own function's variables. Here it is before
        # anybody knows whose it will be: it sees those of the routes too.
        for name in ROUTES.values():
            os.environ.update(self._variables(name))
        os.chdir(project_dir)
        app = _load(project_dir)
        if app.websocket_api.session is not None:
            app.websocket_api.session = _Redirected(app.websocket_api.session)
        others: list[Any] = [*app.pure_lambda_functions, *app.event_sources]
        self._handlers = {each.name: _handler(each) for each in others}
        for route, each in app.websocket_handlers.items():
            self._handlers[ROUTES[route]] = _handler(each)
        self._settings = {name: self._scope(name) for name in self._handlers}
        self._environments = {name: self._variables(name) for name in self._handlers}

    def timeouts(self) -> dict[str, int]:
        """The functions there are, each with its timeout in seconds."""
        return {name: each.lambda_timeout or TIMEOUT for name, each in self._settings.items()}

    def settle(self, name: str) -> None:
        """Be one function's process: drop the variables that only others have."""
        for other in {*ROUTES.values(), *self._handlers} - {name}:
            for variable in self._variables(other).keys() - self._environments[name].keys():
                os.environ.pop(variable, None)

    def run(self, name: str, event: Any) -> Result:
        """Run a function with an event. Whatever it raises is in the result."""
        scope = self._settings[name]
        os.environ.update(self._environments[name])
        full_name = f"{scope.app_name}-{scope.chalice_stage}-{name}"
        timeout_ms = (scope.lambda_timeout or TIMEOUT) * 1000
        context = LambdaContext(full_name, scope.lambda_memory_size or MEMORY, timeout_ms)
        context.aws_request_id = str(uuid.uuid4())
        region = os.environ["AWS_REGION"]
        context.invoked_function_arn = f"arn:aws:lambda:{region}:123456789012:function:{full_name}"
        try:
            return Result(json.loads(json.dumps(self._handlers[name](event, context))))
        except Exception as error:
            traceback.print_exc()
            return Result(error=_report(error, context.aws_request_id))

    def _variables(self, name: str) -> dict[str, str]:
        patched = self._resources.variables(to_cfn_resource_name(name))
        return {**self._scope(name).environment_variables, **patched, **self._environment}

    def _scope(self, name: str) -> Config:
        return self._config.scope(self._config.chalice_stage, name)


def _load(project_dir: Path) -> Chalice:
    if not (project_dir / "app.py").exists():
        raise AppError(f"no Chalice app in {project_dir}: no app.py")
    # In the place of the app that this gateway came with: it may be another one.
    own = {"", str(Path(__file__).parent.parent.parent)}
    sys.path[:] = [str(project_dir), *(each for each in sys.path if each not in own)]
    try:
        app: Chalice = importlib.import_module("app").app
        validate_feature_flags(app)
    except ExperimentalFeatureError:
        flag = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'
        raise AppError(f"app.py uses websockets without the flag; add {flag}") from None
    except BaseException as error:  # sys.exit() among them
        traceback.print_exc()
        raise AppError(f"{project_dir / 'app.py'} does not import: {error!r}") from None
    return app


def _handler(function: Any) -> Callable[[Any, Any], Any]:
    # As Lambda finds it: by module and attribute.
    module, attribute = function.handler_string.rsplit(".", 1)
    handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), attribute)
    if isinstance(handler, EventSourceHandler):
        # Chalice takes the middleware from a generator at the first event; of two events at
        # the same time (only with --workers 0) one would run without.
        handler.middleware_handlers = list(handler.middleware_handlers)
    return handler


def _report(error: BaseException, request_id: str) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


class _Redirected:
    """An app's boto3 session, its management clients led to the gateway.

    Chalice gives them an explicit endpoint at AWS, which boto3 puts above the environment.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        if service_name == "apigatewaymanagementapi":
            kwargs["endpoint_url"] = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
        with self._lock:  # boto3 sessions are not for several threads
            return self._session.client(service_name, *args, **kwargs)
