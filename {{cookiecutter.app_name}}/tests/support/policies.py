"""What the functions ask of AWS while the tests run, held against their policy files.

IAM is not asked: here each call must stand in the policy of the function that makes it, as
narrowly as a file can say it, and `unused` finds what stands there and no function needs.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from botocore.handlers import BUILTIN_HANDLERS

from chalicelib.aws import session

PROJECT = Path(__file__).parents[2]
CONFIG = json.loads((PROJECT / ".chalice/config.json").read_text(encoding="utf-8"))
STAGES = list(CONFIG["stages"])
STACK = f"{CONFIG['app_name']}-dev-"  # the tests run as stage dev

# Operations whose permission has another name.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
RENAMED = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


class Grant(NamedTuple):
    """An action on a resource: what a policy has, or what a call needs, as narrow as can be."""

    action: str
    resource: str


class Gate:
    """Keeps what was called and by which function, whose policy is .chalice/STAGE/FUNCTION.json."""

    def __init__(self) -> None:
        self.calls: set[tuple[str, Grant]] = set()
        self._function: str | None = None
        # In the clients of the app's session, and of every session that is made from now on.
        session.events.register("before-parameter-build", self._called)
        BUILTIN_HANDLERS.append(("before-parameter-build", self._called))

    @contextmanager
    def running(self, function: str) -> Iterator[None]:
        """What is called in here is called by a function, named as in app.py."""
        before, self._function = self._function, function
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):  # as Lambda does
            self._add(f"logs:{action}", f"logs:*:*:log-group:/aws/lambda/{STACK}*")
        try:
            yield
        finally:
            self._function = before

    def sent(self, method: str, path: str) -> None:
        """The management API was called, by whatever sends there."""
        stage = path.split("/")[1]
        where = f"execute-api:*:*:*/{stage}/{method}/@connections/*"
        self._add("execute-api:ManageConnections", where)

    def _called(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.signing_name
        if service != "execute-api":  # that one arrives at `sent`
            for operation, where in _needs(service, model.name, params):
                action = f"{service}:{operation}"
                self._add(RENAMED.get(action, action), where)

    def _add(self, action: str, where: str) -> None:
        if self._function:
            resource = where if where == "*" else f"arn:*:{where}"
            self.calls.add((self._function, Grant(action, resource)))


def _needs(service: str, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    table = "dynamodb:*:*:table/{}"
    if "TransactItems" in params:
        for item in params["TransactItems"]:
            yield from ((f"{kind}Item", table.format(item[kind]["TableName"])) for kind in item)
    elif service == "dynamodb":
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        for name in params.get("RequestItems", [params.get("TableName", "*")]):
            yield operation, table.format(name) + index
    elif "Bucket" in params:
        yield operation, f"s3:::{params['Bucket']}" + ("/*" if "Key" in params else "")
    elif "QueueUrl" in params:
        yield operation, f"sqs:*:*:{params['QueueUrl'].rpartition('/')[2]}"
    elif "FunctionName" in params:
        yield operation, f"lambda:*:*:function:{params['FunctionName']}"
    else:
        arns = [value for value in params.values() if str(value).startswith("arn:")]
        yield operation, ":".join([service, "*", "*", *arns[0].split(":")[5:]]) if arns else "*"


gate = Gate()


def missing(stage: str) -> list[str]:
    """What was called and is not granted: a line each, saying what to add where."""
    return [
        f'{_line(path, call.action)}: add "{call.action}" on "{call.resource}"'
        f" ({path.stem} calls it)"
        for path, call in sorted(_calls(stage))
        if not any(_covers(grant, call) for grant in [*_grants(path), *_granted_by_stack(path)])
    ]


def unused(stage: str) -> list[str]:
    """What is granted and was not called, or not that widely: a line each."""
    calls = _calls(stage)
    return [
        f'{_line(path, grant.action)}: take out "{grant.action}" on "{grant.resource}"'
        " (nothing in tests/test_policies.py calls it, or not that widely)"
        for path in sorted((PROJECT / ".chalice" / stage).glob("*.json"))
        for grant in _grants(path)
        if not any(file == path and _covers(grant, call) for file, call in calls)
    ]


def _calls(stage: str) -> set[tuple[Path, Grant]]:
    folder, own = PROJECT / ".chalice" / stage, f"{CONFIG['app_name']}-{stage}-"
    return {
        (folder / f"{function}.json", Grant(action, resource.replace(STACK, own)))
        for function, (action, resource) in gate.calls
    }


def _grants(path: Path) -> list[Grant]:
    statements = json.loads(path.read_text(encoding="utf-8"))["Statement"] if path.exists() else []
    return [
        Grant(action, resource)
        for each in statements
        if each["Effect"] == "Allow"
        for action in _list(each["Action"])
        for resource in _list(each["Resource"])
    ]


def _granted_by_stack(path: Path) -> Iterator[Grant]:
    # What a function gets with the resources that it is for, such as resources/scale.json's queue.
    stage, role = path.parent.name, f"{path.stem.title()}Role"
    for file in (PROJECT / "resources").glob("*.json"):
        for each in json.loads(file.read_text(encoding="utf-8"))["Resources"].values():
            if each.get("Type") == "AWS::IAM::Policy":
                properties = each["Properties"]
                if {"Ref": role} in properties["Roles"] or {
                    "Ref": f"Websocket{role}"
                } in properties["Roles"]:
                    for statement in properties["PolicyDocument"]["Statement"]:
                        for action in _list(statement["Action"]):
                            for resource in _list(statement["Resource"]):
                                yield Grant(action, _arn(resource, stage))


def _arn(resource: Any, stage: str) -> str:
    # A queue's, where the file has no ARN but the resource that has it.
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return f"arn:*:sqs:*:*:{CONFIG['app_name']}-{stage}-{resource['Fn::GetAtt'][0]}"
    return str(resource)


def _covers(grant: Grant, need: Grant) -> bool:
    # Within what is needed, not around it: a grant that is wider does not count.
    return grant.action == need.action and fnmatchcase(grant.resource, need.resource)


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _line(path: Path, action: str) -> str:
    """Where an action stands in a file, or one of its service, or else the file."""
    name = path.relative_to(PROJECT)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for word in (f'"{action}"', f'"{action.split(":")[0]}:'):
        for number, line in enumerate(lines, 1):
            if word in line:
                return f"{name}:{number}"
    return str(name)
