"""Check the handlers of the app, which AWS calls, and the session that they send with."""

import re
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.app import ScheduledEventConfig

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.functions import DECORATORS
from chalice_ws.project.load import find_unwrapped, own_modules
from chalice_ws.project.schedule_expressions import expression_of, parse


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
        yield f"app.websocket_api has no session to send with (got None); {use}"


def check_blueprints(stage: Stage) -> Iterator[str]:
    """Yield WebSocket handlers in blueprints, which Chalice registers and does not wrap."""
    yield from find_unwrapped(stage.app)


def check_parameters(stage: Stage) -> Iterator[str]:
    """Yield functions that fail at each event: AWS calls them with other arguments."""
    for function, names, is_by_name in _handlers(stage.app):
        where = f"{function.__module__}.{function.__name__}"
        if iscoroutinefunction(function):
            yield f"{where} is async, and nothing waits for it; use def"
        # A decorator may pass other arguments on.
        parameters = signature(function, follow_wrapped=False)
        try:
            if is_by_name:
                parameters.bind(**dict.fromkeys(names))
            else:
                parameters.bind(*names)
        except TypeError:
            use = f"use def {function.__name__}({', '.join(names)})"
            yield f"{where} has other parameters than AWS passes (got {parameters}); {use}"


def _handlers(app: Chalice) -> Iterator[tuple[Callable[..., Any], list[str], bool]]:
    """Yield the app's own functions, each with its arguments, and whether they have names."""
    for methods in app.routes.values():
        for entry in methods.values():
            yield entry.view_function, entry.view_args, True
    for function in app.pure_lambda_functions:
        yield function.func, ["event", "context"], False
    for websocket in app.websocket_handlers.values():
        yield websocket.handler_function, ["event"], False
    for source in app.event_sources:
        # Chalice wraps the function of an event source.
        if own := getattr(app.handler_map.get(source.name), "func", None):
            yield own, ["event"], False


def check_schedules(stage: Stage) -> Iterator[str]:
    """Yield schedules that EventBridge would refuse."""
    for each in stage.app.event_sources:
        if not isinstance(each, ScheduledEventConfig):
            continue
        expression = expression_of(each)
        try:
            parse(expression)
        except ValueError as error:
            yield f"{each.name}: the schedule is not valid (got {expression!r}); {error}"
