"""The settings of a Chalice app, as Chalice reads them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chalice import Chalice
from chalice.config import Config
from chalice.constants import (
    DEFAULT_APIGATEWAY_STAGE_NAME,
    DEFAULT_ENDPOINT_TYPE,
    DEFAULT_STAGE_NAME,
)

CONFIG = ".chalice/config.json"

# The kinds of objects of settings in it.
TOP, STAGE, FUNCTION, STAGE_FUNCTION = "top", "stage", "function", "function of a stage"


class AppError(Exception):
    """A fault of the app. The message is one line: what is wrong, and what to do."""


class Advice(str):
    """A line of a check that fails nothing: it says what may be wrong."""


def place_of(stage: str) -> str:
    """Return the place of a stage's settings, for messages."""
    return f"{CONFIG}, stage {stage}"


def read_config(project_dir: Path, stage: str, app: Chalice | None = None) -> Config:
    """Read the settings of a stage from .chalice/config.json.

    Args:
        project_dir: the folder of app.py.
        stage: the stage, one of the file's or Chalice's default.
        app: the imported app, for what Chalice's deploy code does with the settings.

    Raises:
        AppError: the file or the stage is missing, or the file is not valid.
    """
    path = project_dir / CONFIG
    if not path.exists():
        if (project_dir / "app.py").exists():
            use = 'restore it, or create it with {"version": "2.0", "app_name": "NAME"}'
            raise AppError(f"{shown(path)} does not exist; {use}")
        got = f"(got {str(project_dir)!r}, without {CONFIG})"
        raise AppError(f"the folder is not a Chalice app {got}; use the folder of app.py")
    content = read_json(path)
    _check_objects(content, f"{shown(path)}: ")
    stages = content.get("stages", {})
    # Chalice also has its default stage, dev, where the file does not name it.
    if stage not in stages and stage != DEFAULT_STAGE_NAME:
        known = ", ".join(stages or [DEFAULT_STAGE_NAME])
        raise AppError(f"the stage is not in {shown(path)} (got {stage!r}); use one of {known}")
    # As chalice.cli.factory.CLIFactory, which would read the file from its own working directory.
    # What is given overrides the file.
    given: dict[str, Any] = {"project_dir": str(project_dir)}
    if app:
        given["chalice_app"] = app
    defaults = {
        "api_gateway_stage": DEFAULT_APIGATEWAY_STAGE_NAME,
        "api_gateway_endpoint_type": DEFAULT_ENDPOINT_TYPE,
        "autogen_policy": True,
    }
    return Config(stage, "api_handler", given, content, defaults)


def stack_name(config: Config) -> str:
    """Return the name of the CloudFormation stack of a stage."""
    return f"{config.app_name}-{config.chalice_stage}"


class Level(NamedTuple):
    """An object of settings in .chalice/config.json.

    Args:
        where: its path in the file, such as "stages.dev."; empty for the file's own object.
        kind: TOP, STAGE, FUNCTION or STAGE_FUNCTION.
        settings: the object.
    """

    where: str
    kind: str
    settings: dict[str, Any]


def levels(content: dict[str, Any], stage: str | None = None) -> Iterator[Level]:
    """Yield the objects of settings that apply to a stage; None: to any stage."""
    parts = [("", TOP, FUNCTION, content)]
    for name, settings in content.get("stages", {}).items():
        if stage in (None, name):
            parts.append((f"stages.{name}.", STAGE, STAGE_FUNCTION, settings))
    for where, kind, of_function, settings in parts:
        yield Level(where, kind, settings)
        for name, each in settings.get("lambda_functions", {}).items():
            yield Level(f"{where}lambda_functions.{name}.", of_function, each)


def _check_objects(settings: dict[str, Any], where: str) -> None:
    # Chalice would raise an AttributeError where one of these is anything but an object.
    for name in ("environment_variables", "lambda_functions", "stages", "tags"):
        values = settings.get(name, {})
        if not isinstance(values, dict):
            raise AppError(f"{where}{name} is not an object (got {values!r}); use {{}}")
    for name in ("lambda_functions", "stages"):
        for key, value in settings.get(name, {}).items():
            if not isinstance(value, dict):
                raise AppError(f"{where}{name}.{key} is not an object (got {value!r}); use {{}}")
            _check_objects(value, f"{where}{name}.{key}.")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        AppError: the file cannot be read, or holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_read_object)
    except _DuplicateError as error:
        raise AppError(f"{shown(path)} has {error} twice; remove one of them") from None
    except OSError as error:
        raise AppError(f"{shown(path)} cannot be read (got {error.strerror}); restore it") from None
    except (ValueError, RecursionError) as error:
        got, use = json_problem(error), _json_advice(error)
        raise AppError(f"{shown(path)} is not valid JSON (got {got}); {use}") from None
    if not isinstance(content, dict):
        got = type(content).__name__
        raise AppError(f"{shown(path)} is not a JSON object (got a {got}); put it in {{}}")
    return content


def as_list(value: Any) -> list[Any]:
    """Return a value of a template or a policy as a list: AWS takes one value without its list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def parse_json(text: str | bytes) -> Any:
    """Return a value of JSON. Python's own parser accepts NaN and Infinity, and AWS does not."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not valid JSON")


def json_problem(error: ValueError | RecursionError) -> str:
    """Return the text of an error of json.loads, without Python's advice for long numbers."""
    return str(error).partition("; use ")[0]


def _json_advice(error: ValueError | RecursionError) -> str:
    """Return what to do about an error of json.loads. Python names the place, not the mistake."""
    if not isinstance(error, json.JSONDecodeError):
        return "save it as UTF-8" if isinstance(error, UnicodeError) else "correct it"
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    # Python 3.13 names the comma itself, and older versions what comes after it.
    if after.startswith(",") and "trailing comma" in error.msg:
        before, after = f"{before},", after[1:].lstrip()
    line = before.count("\n") + 1
    if before.endswith(",") and after[:1] in ("}", "]"):
        return f"take out the comma at the end of line {line}"
    if "',' delimiter" in error.msg and after[:1] in ('"', "{", "["):
        return f"add a comma at the end of line {line}"
    if after[:1] in ("'", *"\u2018\u2019\u201c\u201d\u201e"):
        return 'use straight double quotes (")'
    if after.startswith(("//", "/*", "#")):
        return "take out the comment, which JSON does not have"
    if after.startswith("\ufeff"):
        return "save it without a byte order mark"
    return "correct it"


class _DuplicateError(Exception):
    """A name stands twice in an object. Python would take the last one."""


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateError(next(repr(name) for name in names if names.count(name) > 1))
    return content


def shown(path: Path) -> Path:
    """Return a path as messages show it: relative to the working directory if below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
