"""The policy files of the functions, compared with the calls that the functions make.

`missing` finds calls that no policy allows, `unused` finds grants that no call needs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.calls import CallRecorder
from tests.support.iam import Call, Statement, allows, as_list, grants, is_needed, names

PROJECT = Path(__file__).parents[2]
CONFIG = json.loads((PROJECT / ".chalice/config.json").read_text(encoding="utf-8"))
STAGES = list(CONFIG["stages"])

# The tests run as stage dev.
RECORDED_STACK = f"{CONFIG['app_name']}-dev-"

recorder = CallRecorder(RECORDED_STACK)


def missing(stage: str) -> list[str]:
    """Return a line for each call that is not allowed: what to change, and where."""
    calls = sorted(_calls(stage))
    paths = {path for path, _ in calls}
    statements = {each: [*_statements(each), *_stack_statements(each)] for each in paths}
    return [
        f"{_advice(path, statements[path], call)} ({path.stem} calls it)"
        for path, call in calls
        if not allows(statements[path], call)
    ]


def unused(stage: str) -> list[str]:
    """Return a line for each grant that no call needs, or not that widely."""
    calls = _calls(stage)
    return [
        f'{_line(path, grant.action)}: take out "{grant.action}" on "{grant.resource}"'
        " (nothing in tests/test_policies.py calls it, or not that widely)"
        for path in sorted((PROJECT / ".chalice" / stage).glob("*.json"))
        for grant in grants(_statements(path))
        if not any(file == path and is_needed(grant, call) for file, call in calls)
    ]


def _calls(stage: str) -> set[tuple[Path, Call]]:
    folder, stack = PROJECT / ".chalice" / stage, f"{CONFIG['app_name']}-{stage}-"
    return {
        (folder / f"{function}.json", Call(*(each.replace(RECORDED_STACK, stack) for each in call)))
        for function, call in recorder.calls
    }


def _advice(path: Path, statements: list[Statement], call: Call) -> str:
    line, what = _line(path, call.action), f'"{call.action}" on "{call.widest}"'
    matching = [each for each in statements if names(each, call)]
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


def _line(path: Path, action: str) -> str:
    """Return where an action stands in a file, or one of its service, or else the file's name."""
    name = path.relative_to(PROJECT)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for word in (f'"{action}"', f'"{action.split(":")[0]}:'):
        for number, line in enumerate(lines, 1):
            if word.lower() in line.lower():
                return f"{name}:{number}"
    return str(name)
