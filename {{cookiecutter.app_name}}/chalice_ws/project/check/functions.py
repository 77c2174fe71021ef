"""Check the app and its Lambda functions: timeouts, memory, and modules that are not deployed."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from chalice.deploy.validate import (
    ExperimentalFeatureError,
    validate_configuration,
    validate_feature_flags,
)

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import Advice, AppError, shown
from chalice_ws.project.functions import MESSAGE
from chalice_ws.project.load import MISSING_FLAG, load_app, own_modules

# API Gateway does not wait longer for a function.
MAX_TIMEOUT_SECONDS = 29

# What Chalice deploys of the app's folder.
DEPLOYED = ("app.py", "chalicelib", "vendor")

# Chalice's value where a setting is missing, and the value to use.
DEFAULTS = {
    "autogen_policy": ("a policy that Chalice guesses", "false"),
    "lambda_memory_size": ("128 MB", "512"),
    "lambda_timeout": ("60 s, and API Gateway waits 29 s", "29"),
}


def check_chalice_rules(stage: Stage) -> Iterator[str]:
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


def check_timeouts(stage: Stage) -> Iterator[str]:
    """Yield the WebSocket functions that may run longer than API Gateway waits."""
    late: dict[str, str] = {}
    for name in stage.functions:
        seconds = stage.settings(name).lambda_timeout
        # check_values reports what is no number.
        is_late = type(seconds) is int and seconds > MAX_TIMEOUT_SECONDS
        if is_late and name.startswith("websocket_"):
            late[name] = f"{name}: {seconds}"
    if late:
        what = f"API Gateway waits {MAX_TIMEOUT_SECONDS} s (got {', '.join(late.values())})"
        line = f'{stage.where}: {what}; use "lambda_timeout": {MAX_TIMEOUT_SECONDS}'
        # A message's function goes on after that, and may send what it has found.
        is_wanted = not stage.follows_template and [*late] == [MESSAGE]
        yield Advice(line) if is_wanted else line


def check_defaults(stage: Stage) -> Iterator[str]:
    """Yield the settings that a generated app must not leave to Chalice."""
    for setting, (default, use) in DEFAULTS.items() if stage.follows_template else ():
        values = {name: getattr(stage.settings(name), setting) for name in stage.functions}
        names = [name for name, value in values.items() if value is None or value is True]
        if names:
            what = f"{', '.join(names)} would get {default}"
            yield f'{stage.where}: {what}; use "{setting}": {use}'


def check_undeployed_modules(stage: Stage) -> Iterator[str]:
    """Yield modules that the app imports here, and that are not deployed."""
    project = Path(stage.config.project_dir)
    for path, module in own_modules(project):
        if path.relative_to(project).parts[0] not in DEPLOYED:
            what = f"the app imports {module.__name__}, which is not deployed (got {shown(path)})"
            yield f"{what}; move it into chalicelib/"


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
