"""Check the policy files of the functions: their names, their form, and what they allow."""

from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chalice.deploy.models import ManagedIAMRole

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import Advice, AppError, as_list, read_json, shown, stack_name
from chalice_ws.project.functions import MESSAGE
from chalice_ws.project.permissions.iam_names import check_action
from chalice_ws.project.permissions.policy_files import ACTION, find_faults, read_statements


def check_policies(stage: Stage) -> Iterator[str]:
    """Yield policies that are missing, ignored or of no use."""
    folder = Path(stage.config.project_dir) / ".chalice"
    missing = set()
    for name, python_name in stage.python_names().items():
        if not isinstance(stage.functions[name].role, ManagedIAMRole):
            continue
        given, path = stage.settings(name).iam_policy_file, stage.policy_file(name)
        if path is None:
            # check_defaults reports it of a generated app.
            if given and not stage.follows_template:
                what = f"Chalice ignores iam_policy_file of {name}"
                yield f'{stage.where}: {what}; add "autogen_policy": false'
            continue
        # Functions that need the same may share a policy. A policy of another stage names that
        # stage's table.
        if stage.follows_template and not str(given).startswith(f"{stage.name}/"):
            expected = f"{stage.name}/{python_name}.json"
            path = folder / expected
            what = f"{name} does not name its policy (got {given!r})"
            use = f'use "{name}": {{"iam_policy_file": "{expected}"}} under lambda_functions'
            yield f"{stage.where}: {what}; {use}"
            if not path.exists():
                # The next run, with the name corrected, says how to create it.
                continue
        if path.exists():
            yield from _check_connections(stage, name, path)
        # Functions may share a file.
        elif path not in missing:
            missing.add(path)
            use = "create it"
            if name in _with_own_policy(stage):
                function = name.removeprefix("websocket_")
                grant = f"python -m chalice_ws grant {function} ACTION --on RESOURCE"
                use = f"run {grant}, which creates it"
            names = sorted(each.name for each in path.parent.glob("*.json"))
            likely = "".join(
                f"use {each}, or " for each in get_close_matches(path.name, names, 1, 0.8)
            )
            yield f"{shown(path)} is missing; {likely}{use}"


def _with_own_policy(stage: Stage) -> set[str]:
    """Return the functions whose policy file the stage names for them alone: grant knows these."""
    stages = stage.config.config_from_disk.get("stages", {})
    functions = stages.get(stage.name, {}).get("lambda_functions", {})
    return {name for name, settings in functions.items() if "iam_policy_file" in settings}


def check_unused_policies(stage: Stage) -> Iterator[str]:
    """Yield the policies of a generated app that belong to no function."""
    used = set()
    for name, python_name in stage.python_names().items():
        given = Path(str(stage.settings(name).iam_policy_file))
        # check_policies reports a function that does not name its policy.
        used.add(given.stem if given.parent.name == stage.name else python_name)
    folder = Path(stage.config.project_dir) / ".chalice" / stage.name
    for path in sorted(folder.glob("*.json")) if stage.follows_template else ():
        if path.stem not in used:
            yield f"{shown(path)} belongs to no function; rename it or delete it"


def check_policy_files(stage: Stage) -> Iterator[str]:
    """Yield faults for which AWS would refuse a policy file."""
    for path in stage.policy_files():
        for problem in find_faults(read_json(path)):
            yield f"{shown(path)}: {problem}"


def check_action_names(stage: Stage) -> Iterator[str]:
    """Yield actions of policy files that AWS does not have. It takes them, and ignores them."""
    for path in stage.policy_files():
        names = [name for each in read_statements(path) for name in as_list(each.get("Action"))]
        for name in dict.fromkeys(map(str, names)):
            try:
                if ACTION.fullmatch(name) and "?" not in name and not name.startswith("*"):
                    service, _, action = name.partition(":")
                    check_action(f"{service.lower()}:{action}")
            except AppError as error:
                yield Advice(f"{shown(path)}: {error}")


def check_tables(stage: Stage) -> Iterator[str]:
    """Yield tables of the stage's stack that policies name, and that no resource file defines."""
    resources = stage.read_resources()
    found = [*resources.tables(), *resources.named("AWS::DynamoDB::GlobalTable").values()]
    names = [str(each.get("TableName")) for each in found]
    if not names and "CONNECTIONS_TABLE" in stage.readers:
        # check_variables reports it.
        return
    # CloudFormation adds characters to a name that it makes.
    defined = [*names, *(f"{each}-" for each in names)]
    start = f"{stack_name(stage.config)}-"
    for path in stage.policy_files():
        for name in dict.fromkeys(_tables(read_statements(path))):
            if name.startswith(start) and not any(fnmatchcase(each, name) for each in defined):
                likely = get_close_matches(name, names, 1)
                use = f"use {likely[0]}, or define it" if likely else "define it"
                what = f"{shown(path)} names a table that no resource file defines (got {name!r})"
                yield Advice(f"{what}; {use} in resources.json")


def _tables(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        for resource in map(str, as_list(statement.get("Resource"))):
            service, _, name = resource.partition(":table/")
            if ":dynamodb:" in service and name:
                yield name.partition("/")[0]


def _check_connections(stage: Stage, name: str, path: Path) -> Iterator[str]:
    # The resource in a policy names the API's stage. Where it names another, sending gets a 403.
    api_stage = stage.config.api_gateway_stage
    resources = list(_connection_resources(read_statements(path)))
    granted = {method for each in resources for method in _methods(each, api_stage)}
    # A resource may be for another API, if other resources grant this one.
    others = [each for each in resources if not granted & _methods(each)]
    use = f"use arn:*:execute-api:*:*:*/{api_stage}/POST/@connections/*"
    if others:
        yield f"{shown(path)} is for another stage of the API (got {', '.join(others)}); {use}"
    elif not resources and name == MESSAGE and stage.app.websocket_api.session:
        yield f"{shown(path)} does not allow execute-api:ManageConnections; {use}"


def _connection_resources(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        actions = [str(each).lower() for each in as_list(statement.get("Action"))]
        allowed = any(fnmatchcase("execute-api:manageconnections", each) for each in actions)
        if allowed and statement.get("Effect") == "Allow":
            yield from as_list(statement.get("Resource", "*"))


def _methods(resource: str, api_stage: str | None = None) -> set[str]:
    """Return the methods of the management API that a resource grants, in a stage or in any."""
    # The part after the account. The settings do not say which id the API has.
    pattern = resource.split(":", 5)[-1]
    api_id, named_stage = [*pattern.split("/"), ""][:2]
    start = f"{api_id}/{api_stage or named_stage}"
    methods = ("POST", "DELETE", "GET")
    return {each for each in methods if fnmatchcase(f"{start}/{each}/@connections/id", pattern)}
