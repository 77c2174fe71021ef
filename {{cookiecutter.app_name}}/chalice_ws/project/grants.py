"""The permissions that a service needs from the role of a function, and its code does not."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chalice.app import DynamoDBEventConfig, KinesisEventConfig, SQSEventConfig
from chalice.config import Config
from chalice.utils import to_cfn_resource_name

from chalice_ws.project.config import read_json
from chalice_ws.project.resources import Resources

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
NETWORK_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
)
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
TRACE_ACTIONS = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")

# What Lambda does to read the events of a source. Chalice adds it to policies that it generates.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
QUEUE_ACTIONS = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_STREAM_ACTIONS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
SOURCE_ACTIONS: dict[type, tuple[str, ...]] = {
    DynamoDBEventConfig: tuple(f"dynamodb:{each}" for each in _STREAM_ACTIONS),
    KinesisEventConfig: tuple(f"kinesis:{each}" for each in _STREAM_ACTIONS),
    SQSEventConfig: QUEUE_ACTIONS,
}

# Policies of AWS that allow them.
MANAGED_POLICIES = {
    "AdministratorAccess": (*NETWORK_ACTIONS, *TRACE_ACTIONS),
    "AWSLambdaVPCAccessExecutionRole": NETWORK_ACTIONS,
    "AWSXRayDaemonWriteAccess": TRACE_ACTIONS,
    "AWSXrayWriteOnlyAccess": TRACE_ACTIONS,
}


def needed_actions(settings: Config, resources: Resources) -> dict[str, tuple[str, ...]]:
    """Return the actions that Lambda needs for a function, by the setting or source that needs it.

    Args:
        settings: the settings of the function, with the app.
        resources: the resources of the stage.
    """
    needed: dict[str, tuple[str, ...]] = {}
    if settings.subnet_ids and settings.security_group_ids:
        needed["subnet_ids"] = NETWORK_ACTIONS
    if settings.xray_enabled:
        needed["xray"] = TRACE_ACTIONS
    for source in settings.chalice_app.event_sources:
        if source.name == settings.function_name and type(source) in SOURCE_ACTIONS:
            needed["the event source"] = SOURCE_ACTIONS[type(source)]
    name = to_cfn_resource_name(settings.function_name)
    if any(function == name for function, _ in resources.function_queues()):
        needed["the queue"] = QUEUE_ACTIONS
    return needed


def allowed_actions(
    policy_file: Path, function: str, resources: Resources, actions: tuple[str, ...]
) -> set[str]:
    """Return those actions that the role of a function allows.

    Args:
        policy_file: the function's policy.
        function: Chalice's name of the function.
        resources: the resources of the stage, which may have more policies for the role.
        actions: the actions to look for.
    """
    statements = (
        list(_list(read_json(policy_file).get("Statement"))) if policy_file.exists() else []
    )
    role = f"{to_cfn_resource_name(function)}Role"
    statements += _attached_statements(resources.content, role)
    patterns = [
        str(pattern).lower()
        for statement in statements
        if statement.get("Effect") == "Allow"
        for pattern in _list(statement.get("Action"))
    ]
    allowed = {
        action
        for action in actions
        if any(fnmatchcase(action.lower(), pattern) for pattern in patterns)
    }
    own = resources.content.get(role, {}).get("Properties", {})
    text = json.dumps(own.get("ManagedPolicyArns", []))
    for name, of_policy in MANAGED_POLICIES.items():
        if f'/{name}"' in text:
            allowed |= {*of_policy} & {*actions}
    return allowed


def _attached_statements(content: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of the policies that resource files attach to a role."""
    documents = [
        each["Properties"].get("PolicyDocument", {})
        for each in content.values()
        if each.get("Type") == "AWS::IAM::Policy"
        and {"Ref": role} in each["Properties"].get("Roles", [])
    ]
    for policy in content.get(role, {}).get("Properties", {}).get("Policies", []):
        documents.append(policy.get("PolicyDocument", {}))
    for document in documents:
        yield from _list(document.get("Statement"))


def _list(value: Any) -> Iterator[Any]:
    if value is not None:
        yield from value if isinstance(value, list) else [value]
