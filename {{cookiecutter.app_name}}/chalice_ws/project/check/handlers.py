"""Check the functions that AWS calls: their parameters, their schedules, and their files."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.app import ScheduledEventConfig

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import shown
from chalice_ws.project.load import own_modules
from chalice_ws.project.schedule_expressions import expression_of, parse

# What Chalice deploys of the app's folder.
DEPLOYED = ("app.py", "chalicelib", "vendor")


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


def check_files(stage: Stage) -> Iterator[str]:
    """Yield modules that the app imports here, and that are not deployed."""
    project = Path(stage.config.project_dir)
    for path, module in own_modules(project):
        if path.relative_to(project).parts[0] not in DEPLOYED:
            what = f"the app imports {module.__name__}, which is not deployed (got {shown(path)})"
            yield f"{what}; move it into chalicelib/"
