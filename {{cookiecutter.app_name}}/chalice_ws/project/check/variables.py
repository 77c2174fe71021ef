"""Check the environment variables of the functions."""

import json
import os
from collections.abc import Iterator

from chalice_ws.project import quotas
from chalice_ws.project.actions import GENERATED, split_names
from chalice_ws.project.app_settings import find_invalid, find_misspelt
from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import CONFIG, Advice
from chalice_ws.project.functions import CONNECT, MESSAGE, logical_id


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
