"""The policy files of the functions, compared with the calls that the functions make.

`missing` finds calls that no policy allows, `unused` finds grants that no call needs.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from chalice_ws.project.config import read_config, read_json
from chalice_ws.project.makefile import makefile_extras
from chalice_ws.project.permissions.role_permissions import needed_actions
from chalice_ws.project.resources import read_resources
from chalicelib.aws import session
from tests.support.calls import CallRecorder, new_call
from tests.support.iam import (
    SERVICE_ACTIONS,
    Call,
    Statement,
    allows,
    as_list,
    grants,
    is_needed,
    names,
)

PROJECT = Path(__file__).parents[2]
CONFIG = read_json(PROJECT / ".chalice/config.json")
STAGES = list(CONFIG["stages"])

# The tests run as stage dev.
RECORDED_STACK = f"{CONFIG['app_name']}-dev-"

recorder = CallRecorder(RECORDED_STACK)

# A push that meets a connection that has ended removes its rows.
REMOVAL_ACTIONS = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem"]

# A statement, its file, and its number among the statements of a policy file.
Located = tuple[Path, int | None, Statement]


def missing(stage: str) -> list[str]:
    """Return a line for each call that is not allowed: what to change, and where."""
    functions: defaultdict[str, list[str]] = defaultdict(list)
    absent: defaultdict[tuple[Path, str], list[str]] = defaultdict(list)
    by_path: dict[Path, list[Located]] = {}
    for path, function, call in sorted(_calls(stage, recorder.calls)):
        if not path.exists():
            absent[path, function].append(call.action)
            continue
        if path not in by_path:
            by_path[path] = [*_statements(path), *_stack_statements(path)]
        statements = by_path[path]
        if not allows([content for _, _, content in statements], call):
            functions[_advice(path, statements, call)].append(function)
    lines = [
        # A function often needs the same as another, such as notify, and shares its policy.
        f".chalice/{path.relative_to(PROJECT / '.chalice')} does not exist: under lambda_functions"
        f" of .chalice/config.json, name the policy of {function} for the stage {stage}, or create"
        f" it with `python -m chalice_ws grant` (it calls {', '.join(dict.fromkeys(actions))})"
        for (path, function), actions in absent.items()
    ]
    lines += [f"{advice} ({', '.join(each)} needs it)" for advice, each in functions.items()]
    return lines


def report_missing(folder: Path) -> list[str]:
    """Return the lines of `missing` for all stages that no test of this run has reported.

    One missing permission fails one test, not each test that needs it.

    Args:
        folder: the run's own. It remembers the lines for all of its processes.
    """
    return [line for stage in STAGES for line in missing(stage) if _is_new(line, folder)]


def _is_new(line: str, folder: Path) -> bool:
    # Another function may need the same permission.
    advice = line.rpartition(" (")[0]
    try:
        (folder / f"reported-{hashlib.sha256(advice.encode()).hexdigest()}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def unused(stage: str) -> list[str]:
    """Return a line for each grant that no call needs, or not that widely.

    The calls of all tests count that have ended. A function that no test calls gets one line
    instead.
    """
    calls = _calls(stage, recorder.calls | recorder.earlier_calls)
    calls |= _removals(stage, calls)
    called = {path for path, _, _ in calls}
    found = []
    for path in sorted((PROJECT / ".chalice" / stage).glob("*.json")):
        if path not in called:
            name = " or ".join(_functions(stage, path))
            found.append(
                f"call {name} in a test of tests/app, or nothing is known of what it needs"
            )
            continue
        needed = [call for of, _, call in calls if of == path]
        for file, index, statement in _statements(path):
            found += [
                f'{_line(file, grant.action, index)}: take out "{grant.action}" on'
                f' "{grant.resource}" (no test of tests/app calls it, or not that widely)'
                for grant in grants([statement])
                if not any(is_needed(grant, call) for call in needed)
                if grant.action.lower() not in _used_by_services(stage, path)
                if (path.stem, grant.action) not in SERVICE_ACTIONS
            ]
    return found


@cache
def _used_by_services(stage: str, path: Path) -> set[str]:
    # What Lambda does itself for a function, as chalice_ws/project/permissions/role_permissions.py
    # names it.
    from app import app

    config = read_config(PROJECT, stage, app)
    resources = read_resources(config, makefile_extras(PROJECT, stage))
    return {
        action.lower()
        for name in CONFIG["stages"][stage].get("lambda_functions", {})
        if _policy(stage, name) == path
        for actions in needed_actions(config.scope(stage, name), resources).values()
        for action in actions
    }


def _calls(stage: str, recorded: set[tuple[str, Call]]) -> set[tuple[Path, str, Call]]:
    """Return the policy, the function and the call of each call that was recorded."""
    # It is the first part of names such as app-dev-table and app-dev/secret.
    recorded_stack = re.compile(rf"\b{re.escape(RECORDED_STACK[:-1])}(?=[-/])")
    stack = f"{CONFIG['app_name']}-{stage}"
    return {
        (_policy(stage, function), function, Call(*(recorded_stack.sub(stack, x) for x in call)))
        for function, call in recorded
    }


def _removals(stage: str, calls: set[tuple[Path, str, Call]]) -> set[tuple[Path, str, Call]]:
    """Return the calls with which functions that send remove connections that have ended."""
    variables = read_config(PROJECT, stage).environment_variables
    resource = f"table/{variables['CONNECTIONS_TABLE']}"
    return {
        (path, function, new_call(action, resource, str(session.region_name)))
        for path, function, call in calls
        if call.action == "execute-api:ManageConnections"
        for action in REMOVAL_ACTIONS
    }


def _policy(stage: str, function: str) -> Path:
    """Return the policy of a function, as .chalice/config.json names it."""
    functions = CONFIG["stages"][stage].get("lambda_functions", {})
    settings = functions.get(function) or functions.get(f"websocket_{function}") or {}
    return PROJECT / ".chalice" / str(settings.get("iam_policy_file", f"{stage}/{function}.json"))


def _functions(stage: str, path: Path) -> list[str]:
    """Return the functions of app.py whose policy a file is, or else its name."""
    functions = CONFIG["stages"][stage].get("lambda_functions", {})
    names = [each for each in functions if _policy(stage, each) == path]
    return [each.removeprefix("websocket_") for each in names] or [path.stem]


def _advice(path: Path, statements: list[Located], call: Call) -> str:
    what = f'"{call.action}" on "{call.widest}"'
    matching = [each for each in statements if names(each[2], call)]
    for file, index, statement in matching:
        if statement["Effect"] == "Deny":
            return f'{_line(file, call.action, index)}: take out the "Deny" of {what}'
    for file, index, _ in matching:
        return (
            f'{_line(file, call.action, index)}: take out the "Condition" of {what}, or say in'
            " KNOWN_CONDITIONS of tests/support/iam.py that it holds"
        )
    for _, index, statement in statements:
        if index is not None and call.widest in as_list(statement.get("Resource", [])):
            return f"{_line(path, call.action, index)}: add {what}"
    return f"{_line(path, call.action)}: add {what}"


def _statements(path: Path) -> list[Located]:
    policy = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"Statement": []}
    return [(path, index, each) for index, each in enumerate(as_list(policy["Statement"]))]


def _stack_statements(path: Path) -> Iterator[Located]:
    # The policies that a function gets with a resource file, such as resources/scale.json.
    stage, role = path.parent.name, f"{path.stem.title()}Role"
    roles = [{"Ref": role}, {"Ref": f"Websocket{role}"}]
    for file, properties in _stack_policies():
        if any(role in properties["Roles"] for role in roles):
            for statement in as_list(properties["PolicyDocument"]["Statement"]):
                arns = [_arn(resource, stage) for resource in as_list(statement["Resource"])]
                yield file, None, {**statement, "Resource": arns}


@cache
def _stack_policies() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (file, each["Properties"])
        for file in sorted((PROJECT / "resources").glob("*.json"))
        for each in json.loads(file.read_text(encoding="utf-8"))["Resources"].values()
        if each.get("Type") == "AWS::IAM::Policy"
    ]


def _arn(resource: Any, stage: str) -> str:
    # The file has no ARN of a queue, but the resource that has it.
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return f"arn:*:sqs:*:*:{CONFIG['app_name']}-{stage}-{resource['Fn::GetAtt'][0]}"
    return str(resource)


def _line(path: Path, action: str, index: int | None = None) -> str:
    """Return where an action stands in a file, or one of its service, or else the file's name.

    Args:
        path: the policy.
        action: the action.
        index: the number of the only statement to look at.
    """
    name = path.relative_to(PROJECT)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    spans = _statement_spans(text)
    start, end = (0, len(text)) if index is None or index >= len(spans) else spans[index]
    for word in (f'"{action}"', f'"{action.split(":")[0]}:', '"Action"', '"Statement"'):
        position = text.lower().find(word.lower(), start, end)
        if position >= 0:
            return f"{name}:{text.count(chr(10), 0, position) + 1}"
    return str(name)


def _statement_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and the end of each statement in the text of a policy."""
    found = re.search(r'"Statement"\s*:\s*\[?\s*', text)
    spans: list[tuple[int, int]] = []
    position = found.end() if found else len(text)
    while text[position : position + 1] == "{":
        _, end = json.JSONDecoder().raw_decode(text, position)
        spans.append((position, end))
        position = end + len(re.match(r"[\s,]*", text[end:])[0])  # type: ignore[index]
    return spans
