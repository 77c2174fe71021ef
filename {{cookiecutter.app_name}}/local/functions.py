"""The app's Lambda functions: loaded as Lambda would, and the one place where they are invoked."""

import asyncio
import importlib
import json
import logging
import os
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.app import EventSourceHandler
from chalice.config import Config
from chalice.constants import DEFAULT_STAGE_NAME
from chalice.deploy.validate import ExperimentalFeatureError, validate_feature_flags
from chalice.local import LambdaContext

log = logging.getLogger("local")

# A route's function, by the name that Chalice deploys it under.
ROUTES = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}


class AppError(Exception):
    """The app cannot be served; the message says why in one line."""


@dataclass(frozen=True)
class Result:
    """What an invocation came to: a value, or the error as Lambda reports it."""

    value: Any = None
    error: dict[str, Any] | None = None


def read_config(project_dir: Path, stage: str) -> Config:
    """Read .chalice/config.json as Chalice does; raises AppError."""
    path = project_dir / ".chalice" / "config.json"
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise AppError(f"no Chalice app in {project_dir}: no .chalice/config.json") from None
    except ValueError as error:
        raise AppError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise AppError(f"{path} is not a JSON object")
    stages = content.get("stages") or {}
    if stage not in stages and stage != DEFAULT_STAGE_NAME:
        raise AppError(f"no stage {stage!r} in {path}; use one of {', '.join(stages)}")
    defaults = {"project_dir": str(project_dir), "api_gateway_stage": "api", "lambda_timeout": 60}
    return Config(chalice_stage=stage, config_from_disk=content, default_params=defaults)


class Functions:
    """The functions of one app, at one stage.

    Args:
        config: the app's, of the stage.
        environment: what the machine adds to the variables of the config.

    Raises:
        AppError: app.py is missing, fails to import, has no `app` or lacks the flag.
    """

    def __init__(self, config: Config, environment: dict[str, str]) -> None:
        self.config = config
        os.environ.update(config.environment_variables)
        os.environ.update(environment)
        self.app = _load(Path(config.project_dir))
        if self.app.websocket_api.session is not None:
            self.app.websocket_api.session = _Redirected(self.app.websocket_api.session)
        self._handlers = {each.name: _handler(each) for each in self.app.pure_lambda_functions}
        for route, each in self.app.websocket_handlers.items():
            self._handlers[ROUTES[route]] = _handler(each)
        # Lambda would start one more environment for each concurrent event.
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="function")

    def find(self, name: str) -> str | None:
        """The function that `name` stands for: short, deployed ({app}-{stage}-{name}) or an ARN."""
        name = name.split(":function:")[-1].split(":")[0]
        prefix = f"{self.config.app_name}-{self.config.chalice_stage}-"
        name = name.removeprefix(prefix)
        return name if name in self._handlers else None

    async def invoke(self, name: str, event: Any) -> Result:
        """Run a function with an event. Whatever it raises is in the result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, name, event)

    def _run(self, name: str, event: Any) -> Result:
        context = self._context(name)
        try:
            return Result(json.loads(json.dumps(self._handlers[name](event, context))))
        except BaseException as error:  # sys.exit() ends a Lambda environment, not the gateway
            traceback.print_exc()
            return Result(error=_report(error, context.aws_request_id))

    def _context(self, name: str) -> LambdaContext:
        full_name = f"{self.config.app_name}-{self.config.chalice_stage}-{name}"
        scope = self.config.scope(self.config.chalice_stage, name)
        context = LambdaContext(
            full_name, scope.lambda_memory_size or 128, (scope.lambda_timeout or 60) * 1000
        )
        context.aws_request_id = str(uuid.uuid4())
        region = os.environ["AWS_REGION"]
        context.invoked_function_arn = f"arn:aws:lambda:{region}:123456789012:function:{full_name}"
        return context


def _load(project_dir: Path) -> Chalice:
    if not (project_dir / "app.py").exists():
        raise AppError(f"no Chalice app in {project_dir}: no app.py")
    # In the place of the app that this gateway came with: it may be another one.
    own = {"", str(Path(__file__).parent.parent)}
    sys.path[:] = [str(project_dir), *(each for each in sys.path if each not in own)]
    try:
        app: Chalice = importlib.import_module("app").app
        validate_feature_flags(app)
    except ExperimentalFeatureError:
        flag = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'
        raise AppError(f"app.py uses websockets without the flag; add {flag}") from None
    except Exception as error:
        traceback.print_exc()
        raise AppError(f"{project_dir / 'app.py'} does not import: {error!r}") from None
    return app


def _handler(function: Any) -> Callable[[Any, Any], Any]:
    # As Lambda finds it: by module and attribute.
    module, attribute = function.handler_string.rsplit(".", 1)
    handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), attribute)
    if isinstance(handler, EventSourceHandler):
        # Chalice takes the middleware from a generator at the first event; of two events at
        # the same time, one would run without.
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
