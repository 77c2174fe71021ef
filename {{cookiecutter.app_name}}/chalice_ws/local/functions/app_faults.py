"""Faults that do not keep an app from running on this machine, and that its owner should know."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice import Blueprint, Chalice

from chalice_ws.project.actions import registered_actions
from chalice_ws.project.app_settings import find_invalid, find_misspelt, setting_readers
from chalice_ws.project.config import CONFIG
from chalice_ws.project.load import find_unwrapped, own_modules


def find_warnings(app: Chalice, project_dir: Path, tables: list[dict[str, Any]]) -> list[str]:
    """Return a line for each fault of an app.

    Args:
        app: the imported app.
        project_dir: the folder of app.py.
        tables: the tables of the resource files.
    """
    readers = setting_readers()
    # A generated app reads its settings at each event, which would fail.
    invalid = find_invalid(readers, registered_actions(), tables)
    found = [*find_unwrapped(app), *_find_unregistered(project_dir)]
    found += [f"{CONFIG}: {each}" for each in (*find_misspelt(os.environ, readers), *invalid)]
    if not (app.routes or app.websocket_handlers or app.event_sources or app.pure_lambda_functions):
        use = "put a function under @app.on_ws_message(), with the parentheses"
        found.append(f"app.py registers no function (got {app.app_name!r}); {use}")
    return found


def _find_unregistered(project_dir: Path) -> Iterator[str]:
    for _, module in own_modules(project_dir):
        for name, value in list(vars(module).items()):
            # The module that makes a blueprint passes it its own name.
            is_own = isinstance(value, Blueprint) and value._import_name == module.__name__
            if is_own and value._current_app is None and value._deferred_registrations:
                use = "use app.register_blueprint() in app.py"
                yield f"the blueprint {module.__name__}.{name} is not registered; {use}"
