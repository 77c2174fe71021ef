"""The actions that the role of a function allows, and those that Lambda itself needs."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, NamedTuple

from chalice.app import DynamoDBEventConfig, KinesisEventConfig, SQSEventConfig
from chalice.config import Config

from chalice_ws.project.config import as_list
from chalice_ws.project.functions import logical_id, role_id
from chalice_ws.project.permissions.managed_policies import MANAGED_POLICIES
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

# The reading of AUTH_SECRET.
READ_SECRET = "ssm:GetParameter"

# MANAGED_POLICIES has no others.
LISTED_ACTIONS = {*NETWORK_ACTIONS, *TRACE_ACTIONS, *chain(*SOURCE_ACTIONS.values()), READ_SECRET}

# The resources that attach a policy to a role.
ATTACHED_TYPES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy")


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
    name = logical_id(settings.function_name)
    if any(function == name for function, _ in resources.function_queues()):
        needed["the queue"] = QUEUE_ACTIONS
    return needed


class Allowed(NamedTuple):
    """The actions that a role allows, and its policies of which it is not known what they allow."""

    actions: set[str]
    unknown_policies: list[str]


def allowed_actions(
    own_statements: list[dict[str, Any]],
    function: str,
    resources: Resources,
    actions: tuple[str, ...],
    resource: str | None = None,
) -> Allowed:
    """Return those actions that the role of a function allows.

    Args:
        own_statements: those of the function's policy.
        function: Chalice's name of the function.
        resources: the resources of the stage, which may have more policies for the role.
        actions: the actions to look for.
        resource: the last part of the ARN of what the actions are done to. None: a permission for
            any resource is enough.
    """
    role = role_id(function)
    content = resources.content
    statements = [*own_statements, *_attached_statements(content, role)]
    unknown = []
    for policy in as_list(content.get(role, {}).get("Properties", {}).get("ManagedPolicyArns")):
        own = content.get(policy.get("Ref", ""), {}) if isinstance(policy, dict) else {}
        # The name is the end of an ARN, which may be in Fn::Sub or Fn::Join.
        name = json.dumps(policy).rstrip('"]}').rpartition("/")[2].rpartition('"')[2]
        if own:
            document = own.get("Properties", {}).get("PolicyDocument", {})
            statements += as_list(document.get("Statement"))
        elif name in MANAGED_POLICIES and LISTED_ACTIONS.issuperset(actions):
            patterns = [*MANAGED_POLICIES[name]]
            statements.append({"Effect": "Allow", "Action": patterns, "Resource": "*"})
        else:
            unknown.append(name)
    allowing = [
        each
        for each in statements
        if each.get("Effect") == "Allow" and (resource is None or _is_on(each, resource))
    ]
    # Without a resource, a Deny counts if it denies all of them.
    denying = [
        each
        for each in statements
        if each.get("Effect") == "Deny" and not each.get("Condition") and _is_on(each, resource)
    ]
    allowed = {
        action
        for action in actions
        if any(_names(each, action) for each in allowing)
        if not any(_names(each, action) for each in denying)
    }
    return Allowed(allowed, unknown)


def _is_on(statement: dict[str, Any], resource: str | None) -> bool:
    """Return whether a statement is about a resource; None: about all of them."""
    given = as_list(statement.get("Resource"))
    if resource is None:
        return "*" in given
    # The value of a function of CloudFormation is not known. That of an Allow is taken for right.
    unknown = statement["Effect"] == "Allow" and any(isinstance(each, dict) for each in given)
    return unknown or any(fnmatchcase(resource, str(each).split(":", 5)[-1]) for each in given)


def _names(statement: dict[str, Any], action: str) -> bool:
    key = "NotAction" if "NotAction" in statement else "Action"
    patterns = [str(pattern).lower() for pattern in as_list(statement.get(key))]
    found = any(fnmatchcase(action.lower(), pattern) for pattern in patterns)
    return found == (key == "Action")


def _attached_statements(content: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of the policies that resource files attach to a role."""
    policies = [*as_list(content.get(role, {}).get("Properties", {}).get("Policies"))]
    for each in content.values():
        properties = each.get("Properties", {})
        roles = [*as_list(properties.get("Roles")), properties.get("RoleName")]
        if each.get("Type") in ATTACHED_TYPES and {"Ref": role} in roles:
            policies.append(properties)
    for policy in policies:
        yield from as_list(policy.get("PolicyDocument", {}).get("Statement"))
