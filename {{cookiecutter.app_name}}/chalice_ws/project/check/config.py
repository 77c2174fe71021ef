"""Check .chalice/config.json: settings that Chalice would ignore, and environment variables."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from typing import Any

from chalice.config import Config

from chalice_ws.project import quotas
from chalice_ws.project.actions import GENERATED, split_names
from chalice_ws.project.app_settings import find_invalid, find_misspelt
from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import CONFIG, FUNCTION, STAGE, STAGE_FUNCTION, TOP, Advice, levels
from chalice_ws.project.functions import CONNECT, MESSAGE, logical_id


class _Recorder(dict[str, Any]):
    """Settings that record the names which Chalice looks up."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@cache
def accepted_names() -> dict[str, set[str]]:
    """Return the names of the settings that Chalice looks up, by level of config.json.

    Chalice has no list of them: the properties of its Config are read, and the lookups recorded.
    """
    of_stage = _Recorder(lambda_functions=_Recorder(f=(stage_function := _Recorder())))
    function = _Recorder()
    top = _Recorder(stages=_Recorder(s=of_stage), lambda_functions=_Recorder(f=function))
    config = Config("s", "f", config_from_disk=top)
    for name, attribute in vars(Config).items():
        if isinstance(attribute, property):
            # The property chalice_app raises: no app is loaded.
            with suppress(TypeError):
                getattr(config, name)
    return {
        # Chalice's command line sets these two.
        TOP: top.names - {"chalice_app", "project_dir"},
        STAGE: of_stage.names,
        FUNCTION: function.names,
        STAGE_FUNCTION: stage_function.names,
    }


def check_names(
    content: dict[str, Any], python_names: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield names in config.json that Chalice would ignore.

    Args:
        content: the content of config.json.
        python_names: the functions' names in Python by Chalice's. None: the app does not import.
    """
    if not content.get("app_name"):
        yield f'{CONFIG}: app_name is missing; add "app_name": "NAME"'
    for where, level, settings in levels(content):
        for name in sorted(settings.keys() - accepted_names()[level]):
            yield f"{CONFIG}: Chalice ignores {where}{name}; {_advice(name, where, level)}"
        if python_names is None:
            continue
        for name in sorted(settings.get("lambda_functions", {}).keys() - python_names.keys()):
            known = [each for each, python_name in python_names.items() if python_name == name]
            use = known[0] if known else f"one of {', '.join(python_names)}"
            what = f"{where}lambda_functions has an unknown function (got {name!r})"
            yield f"{CONFIG}: {what}; use {use}"


def _advice(name: str, where: str, level: str) -> str:
    accepted = accepted_names()
    if name in accepted[STAGE_FUNCTION] and level == FUNCTION:
        return f"move it to stages.STAGE.{where}{name}"
    if name in accepted[STAGE]:
        return "move it to a stage"
    if name in accepted[TOP]:
        return "move it to the top"
    for likely in get_close_matches(name, sorted(accepted[level]), 1, 0.5):
        return f"use {likely}, or remove it"
    return "remove it; a resource file can set other properties of a function"


def check_variables(stage: Stage) -> Iterator[str]:
    """Yield environment variables that Chalice or the app would refuse."""
    resources = stage.read_resources()
    for function in stage.functions:
        variables = stage.settings(function).environment_variables
        strings = {name: value for name, value in variables.items() if isinstance(value, str)}
        for name in sorted(variables.keys() - strings.keys()):
            got = variables[name]
            text = ",".join(map(str, got)) if isinstance(got, list) else json.dumps(got)
            use = "remove it" if got is None else f'use "{text}"'
            yield f"{stage.where}: {name} is not a string (got {got!r}); {use}"
        for problem in find_misspelt(variables, stage.readers):
            yield f"{stage.where}: {problem}"
        for name in stage.readers:
            os.environ.pop(name, None)
        given = resources.variables(logical_id(function))
        os.environ.update({**strings, **given})
        # A variable that is not a string is reported above. Others are known to the stack alone.
        unknown = variables.keys() - strings.keys()
        unknown |= resources.all_variables(logical_id(function)).keys() - given.keys()
        if function != CONNECT:
            # A resource file may give the issuer to the only function that reads it.
            unknown |= {name for name in stage.readers if name.startswith("AUTH")}
        readers = {name: stage.readers[name] for name in sorted(stage.readers.keys() - unknown)}
        for problem in find_invalid(readers, stage.actions, resources.tables()):
            yield f"{stage.where}: {problem}"


def check_fanout_rate(stage: Stage) -> Iterator[str]:
    """Yield a rate of pushes above the quota that an account has by default in this region."""
    rate = stage.config.environment_variables.get(quotas.RATE_VARIABLE)
    if quotas.RATE_VARIABLE in stage.readers and isinstance(rate, str):
        region = os.environ["AWS_REGION"]
        what = f"API Gateway's default quota in {region}"
        if line := quotas.check_rate(rate, quotas.default_quota(region), what):
            yield Advice(f"{stage.where}: {line}")


def check_unused_actions(stage: Stage) -> Iterator[str]:
    """Yield the owner's actions that no stage switches on."""
    if "WS_ACTIONS" not in stage.readers:
        return
    used: set[str] = set()
    for name in {stage.name, *stage.config.config_from_disk.get("stages", {})}:
        variables = stage.config.scope(name, MESSAGE).environment_variables
        used |= {*split_names(str(variables.get("WS_ACTIONS", "")))}
    for action in sorted(stage.actions - used - GENERATED):
        yield Advice(f"{CONFIG}: no stage has the action {action}; add it to WS_ACTIONS")
