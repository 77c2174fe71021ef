"""The policy files of the functions, compared with the calls that the functions make.

`missing` finds calls that no policy allows, `unused` finds grants that no call needs.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from chalice_ws.project.config import read_config
from chalice_ws.project.grants import needed_actions
from chalice_ws.project.resources import makefile_extras, read_resources
from tests.support.calls import CallRecorder
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
CONFIG = json.loads((PROJECT / ".chalice/config.json").read_text(encoding="utf-8"))
STAGES = list(CONFIG["stages"])

# The tests run as stage dev.
RECORDED_STACK = f"{CONFIG['app_name']}-dev-"

recorder = CallRecorder(RECORDED_STACK)


_reported: set[str] = set()


def missing(stage: str) -> list[str]:
    """Return a line for each call that is not allowed: what to change, and where."""
    calls = sorted(_calls(stage, recorder.calls))
    paths = {path for path, _ in calls}
    statements = {each: [*_statements(each), *_stack_statements(each)] for each in paths}
    return [
        f"{_advice(path, statements[path], call)} ({path.stem} calls it)"
        for path, call in calls
        if not allows(statements[path], call)
    ]


def report_missing() -> list[str]:
    """Return the lines of `missing` for all stages that this function has not returned before.

    One missing permission fails one test, not each test that needs it.
    """
    found = [line for stage in STAGES for line in missing(stage)]
    new = [line for line in dict.fromkeys(found) if line not in _reported]
    _reported.update(new)
    return new


def unused(stage: str) -> list[str]:
    """Return a line for each grant that no call needs, or not that widely.

    The calls of all tests count that have ended. A function that no test calls gets one line
    instead.
    """
    calls = _calls(stage, recorder.calls | recorder.earlier_calls)
    called = {path for path, _ in calls}
    found = []
    for path in sorted((PROJECT / ".chalice" / stage).glob("*.json")):
        if path not in called:
            need = "or nothing is known of what it needs"
            file = path.relative_to(PROJECT)
            found.append(f"{file}: call {path.stem} in a test of tests/app, {need}")
            continue
        for index, statement in enumerate(_statements(path)):
            found += [
                f'{_line(path, grant.action, index)}: take out "{grant.action}" on'
                f' "{grant.resource}" (no test of tests/app calls it, or not that widely)'
                for grant in grants([statement])
                if not any(file == path and is_needed(grant, call) for file, call in calls)
                if grant.action.lower() not in _used_by_services(stage, path)
                if (path.stem, grant.action) not in SERVICE_ACTIONS
            ]
    return found


@cache
def _used_by_services(stage: str, path: Path) -> set[str]:
    # What Lambda does itself for a function: chalice_ws/project/grants.py names it.
    from app import app

    config = read_config(PROJECT, stage, app)
    resources = read_resources(config, makefile_extras(PROJECT, stage))
    policy = f"{stage}/{path.name}"
    functions = CONFIG["stages"][stage]["lambda_functions"]
    names = [name for name, own in functions.items() if own.get("iam_policy_file") == policy]
    return {
        action.lower()
        for name in names
        for actions in needed_actions(config.scope(stage, name), resources).values()
        for action in actions
    }


def _calls(stage: str, recorded: set[tuple[str, Call]]) -> set[tuple[Path, Call]]:
    stack = f"{CONFIG['app_name']}-{stage}-"
    return {
        (
            policy_file(stage, function),
            Call(*(each.replace(RECORDED_STACK, stack) for each in call)),
        )
        for function, call in recorded
    }


def policy_file(stage: str, function: str) -> Path:
    """Return the policy of a function, named as in app.py. Functions may share one."""
    settings = CONFIG["stages"][stage]["lambda_functions"].get(function, {})
    given = settings.get("iam_policy_file", f"{stage}/{function}.json")
    return PROJECT / ".chalice" / str(given)


def _advice(path: Path, statements: list[Statement], call: Call) -> str:
    what = f'"{call.action}" on "{call.widest}"'
    matching = [each for each in statements if names(each, call)]
    index = statements.index(matching[0]) if matching else None
    line = _line(path, call.action, index)
    if any(each["Effect"] == "Deny" for each in matching):
        return f'{line}: take out the "Deny" of {what}'
    if matching:
        return (
            f'{line}: take out the "Condition" of {what}, or say in KNOWN_CONDITIONS of'
            " tests/support/iam.py that it holds"
        )
    return f"{line}: add {what}"


def _statements(path: Path) -> list[Statement]:
    return (
        as_list(json.loads(path.read_text(encoding="utf-8"))["Statement"]) if path.exists() else []
    )


def _stack_statements(path: Path) -> Iterator[Statement]:
    # The policies that a function gets with a resource file, such as resources/scale.json.
    stage, role = path.parent.name, f"{path.stem.title()}Role"
    roles = [{"Ref": role}, {"Ref": f"Websocket{role}"}]
    for file in sorted((PROJECT / "resources").glob("*.json")):
        for each in json.loads(file.read_text(encoding="utf-8"))["Resources"].values():
            properties = each.get("Properties", {})
            if each.get("Type") == "AWS::IAM::Policy" and any(
                role in properties["Roles"] for role in roles
            ):
                for statement in as_list(properties["PolicyDocument"]["Statement"]):
                    resources = as_list(statement["Resource"])
                    yield {**statement, "Resource": [_arn(each, stage) for each in resources]}


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
    for word in (f'"{action}"', f'"{action.split(":")[0]}:', '"Statement"'):
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
