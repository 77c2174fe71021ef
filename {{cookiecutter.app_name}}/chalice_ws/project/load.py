"""Import a Chalice app."""

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from chalice import Chalice
from chalice.app import EventSourceHandler

from chalice_ws.project.config import CONFIG, AppError, shown
from chalice_ws.project.functions import DECORATORS

FLAG = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'

MISSING_FLAG = f"app.py does not set the feature flag that its handlers need; use {FLAG}"

# By the name of an error of botocore.
ADVICE = {
    "NoCredentialsError": "call AWS in a function, not while app.py is imported, or sign in",
    "ProfileNotFound": "leave the profile out: Lambda has none",
}


def load_app(project_dir: Path) -> Chalice:
    """Import app.py of a folder and return its `app`, as Chalice does when it packages.

    Raises:
        AppError: app.py is missing, does not import, or has no `app`. The cause is the error that
            app.py raised.
    """
    path = project_dir / "app.py"
    if not path.exists():
        raise AppError(f"{shown(path)} does not exist; restore it, or use the folder of app.py")
    _put_first(project_dir)
    try:
        module = importlib.import_module("app")
    # An app may call sys.exit().
    except BaseException as error:
        raise AppError(_explain(error, project_dir)) from error
    if not hasattr(module, "app"):
        names = [name for name, value in vars(module).items() if isinstance(value, Chalice)]
        got = f"got {', '.join(names) or 'no Chalice app'}"
        use = f"add app = {names[0] if names else 'Chalice(app_name=...)'}"
        raise AppError(f"{shown(path)} has no app, the name that Lambda uses ({got}); {use}")
    app = module.app
    if not isinstance(app, Chalice):
        raise AppError(f"{shown(path)}: app is not a Chalice app (got {app!r}); use Chalice(...)")
    return app


def find_handler(function: Any) -> Any:
    """Return a handler as Lambda finds it, by its module and attribute; raises AppError."""
    module, attribute = function.handler_string.rsplit(".", 1)
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError:
        use = "use Blueprint(__name__)"
        raise AppError(f"the module of a handler does not exist (got {module!r}); {use}") from None
    except AttributeError:
        what = f"the handler {attribute} is not in its module (got {module!r})"
        use = "put its Chalice decorator first, and functools.wraps into other decorators"
        raise AppError(f"{what}; {use}") from None


def is_unwrapped(function: Any) -> bool:
    """Return whether a function is a WebSocket handler of a blueprint, which Chalice does not wrap.

    Lambda would call it with Lambda's two arguments, the event as a dict and the context.
    """
    is_websocket = hasattr(function, "route_key_handled")
    return is_websocket and not isinstance(find_handler(function), EventSourceHandler)


def find_unwrapped(app: Chalice) -> Iterator[str]:
    """Yield a line for each WebSocket handler that Chalice does not wrap."""
    for route, each in app.websocket_handlers.items():
        if is_unwrapped(each):
            use = f"put it under @app.{DECORATORS[route]}() in app.py"
            yield f"{each.handler_string} is in a blueprint, and would fail on AWS; {use}"


def own_modules(project_dir: Path) -> Iterator[tuple[Path, ModuleType]]:
    """Yield the modules that are loaded from a folder, without installed ones."""
    toolkit = Path(__file__).parents[1]
    for _, module in sorted(sys.modules.items()):
        file = str(getattr(module, "__file__", None))
        # The comparison of a thousand paths would take 10 ms.
        if not file.startswith(str(project_dir)):
            continue
        path = Path(file)
        is_own = path.is_relative_to(project_dir) and not path.is_relative_to(toolkit)
        if is_own and "site-packages" not in path.parts:
            yield path, module


def _put_first(project_dir: Path) -> None:
    # Run in place, the toolkit stands beside another app's app.py and chalicelib.
    toolkit = Path(__file__).parents[2]
    hidden = {"", str(toolkit)} if (toolkit / "app.py").exists() else {""}
    # Chalice copies vendor/ to the top of the package. Here what is installed comes first.
    own = [str(project_dir), str(project_dir / "vendor")]
    others = [each for each in sys.path if each not in {*hidden, *own}]
    sys.path[:] = [own[0], *others, own[1]]


def _explain(error: BaseException, project_dir: Path) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(traceback.FrameSummary(error.filename, error.lineno, "", line=error.text))
    where, source = str(shown(project_dir / "app.py")), ""
    for frame in frames:
        path = Path(frame.filename)
        # Where the app raises an error itself, the fault is in the line that called it.
        is_raised = (frame.line or "").startswith("raise ") and source != ""
        is_raised = is_raised and not isinstance(error, SystemExit)
        if path.is_relative_to(project_dir) and "site-packages" not in path.parts and not is_raised:
            where, source = f"{shown(path)}:{frame.lineno}", frame.line or ""
    if isinstance(error, ModuleNotFoundError):
        package, *modules = (error.name or "").split(".")
        use = "install requirements.txt here, or correct the import"
        if modules and (project_dir / package).is_dir():
            use = f"restore {package}/{'/'.join(modules)}.py, or correct the import"
    elif isinstance(error, NameError):
        use = "import it, or define it"
    elif "experimental_feature_flags" in source:
        use = f"use {FLAG}"
    elif isinstance(error, KeyError) and "environ" in source:
        use = f"set the variable under environment_variables in {CONFIG}"
    elif isinstance(error, FileNotFoundError) and not Path(error.filename or "/").is_absolute():
        use = "put the file into chalicelib/, and name it from Path(__file__)"
    elif isinstance(error, ImportError) and "partially initialized" in str(error):
        use = "two modules import each other: import it in the function that uses it"
    else:
        use = ADVICE.get(type(error).__name__, "correct it")
    text = " ".join(str(error).split())
    return f"{where} does not import (got {type(error).__name__}: {text}); {use}"
