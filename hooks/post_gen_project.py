"""Check the app that was generated, and print what to do next. Standard library only."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip

# The handlers of app.py, by the name that Chalice gives to each function.
HANDLERS = {
    "websocket_connect": "app.on_ws_connect",
    "websocket_message": "app.on_ws_message",
    "websocket_disconnect": "app.on_ws_disconnect",
}

STATEMENTS = (
    "app.experimental_feature_flags.update(['WEBSOCKETS'])",
    "app.websocket_api.session = ",
)

# The names that tools and systems leave in a folder. Git ignores them.
LEFTOVERS = {
    *(".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "Thumbs.db", "build"),
    *("__pycache__", "node_modules"),
}

# Two strings, so that cookiecutter does not render it.
MARK = "{" + "{ cookiecutter"


def remove_leftovers() -> None:
    """Remove what cookiecutter has copied from the template, and git would not have.

    What is not in the template stays: it is the owner's.
    """
    # The folder of the template may be relative to that of the shell.
    start = Path(os.environ.get("PWD", ""), ANSWERS.get("_repo_dir", ""))
    source = start / ("{" + "{cookiecutter.app_name}}")
    for folder, folders, names in os.walk(source):
        found = LEFTOVERS.intersection([*folders, *names])
        folders[:] = [name for name in folders if name not in LEFTOVERS]
        for name in found:
            path = Path(folder, name).relative_to(source)
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def find_problems() -> Iterator[str]:
    """Yield the problems of the app in the current folder, a line each."""
    for path in sorted(path for path in Path().rglob("*") if path.is_file()):
        content = path.read_bytes()
        if MARK.encode() in content:
            yield f"{path} is not rendered (got {MARK!r}); correct the template"
        if path.suffix == ".json":
            try:
                json.loads(content)
            except ValueError as error:
                yield f"{path} is not valid JSON (got {error}); correct the template"
    try:
        handlers, statements = read_module(Path("app.py"))
        actions, _ = read_module(Path("chalicelib/actions.py"))
        config = json.loads(Path(".chalice/config.json").read_text(encoding="utf-8"))
        yield from check_app(handlers, statements)
        functions = [*HANDLERS, *handlers.get("app.lambda_function", [])]
        yield from check_stages(config["stages"], functions, actions.get("router.action", []))
    except (AttributeError, KeyError, OSError, SyntaxError, TypeError, ValueError) as error:
        yield f"the app cannot be checked (got {error!r}); correct the template"


def read_module(path: Path) -> tuple[dict[str, list[str]], set[str]]:
    """Return a module's functions by decorator, and the source of its top-level statements."""
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    functions: dict[str, list[str]] = {}
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            for decorator in statement.decorator_list:
                name = ast.unparse(decorator).partition("(")[0]
                functions.setdefault(name, []).append(statement.name)
    return functions, {ast.unparse(each) for each in statements}


def check_app(handlers: dict[str, list[str]], statements: set[str]) -> Iterator[str]:
    """Yield what app.py lacks."""
    for decorator in HANDLERS.values():
        if decorator not in handlers:
            yield f"app.py has no function under @{decorator}(); correct the template"
    for start in STATEMENTS:
        if not any(each.startswith(start) for each in statements):
            yield f"app.py lacks the statement {start!r}; correct the template"


def check_stages(stages: dict[str, Any], functions: list[str], actions: list[str]) -> Iterator[str]:
    """Yield unknown actions, and policies that are missing."""
    for stage, settings in stages.items():
        for action in settings["environment_variables"]["WS_ACTIONS"].split(","):
            if action not in actions:
                yield f"stage {stage} has an unknown action (got {action!r}); correct the template"
        for name in functions:
            policy = settings["lambda_functions"].get(name, {}).get("iam_policy_file")
            if policy is None or not Path(".chalice", policy).exists():
                yield f"stage {stage}: {name} has no policy (got {policy!r}); correct the template"


if __name__ == "__main__":
    remove_leftovers()
    # Python 3.8 cannot print a syntax tree.
    problems = list(find_problems()) if hasattr(ast, "unparse") else []
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"Next: cd {ANSWERS['app_name']}")
        print("      make run")
        print("Then open http://127.0.0.1:8000/ in two tabs. README.md says how to go on.")
    sys.exit(1 if problems else 0)
