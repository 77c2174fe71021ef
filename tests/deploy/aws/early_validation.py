"""Early validation of change sets: a new resource must not have the name of an existing one.

The reason stands in DescribeEvents alone, not in the change set.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import ClientError
from moto.cloudformation.models import ChangeSet
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

REASON = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To "
    "troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure "
    "information."
)


class Kind(NamedTuple):
    """The property with the name of a resource, and the call that lists the existing ones."""

    property: str
    service: str
    operation: str
    parameter: str
    answer: str


KINDS = {
    "AWS::DynamoDB::Table": Kind("TableName", "dynamodb", "describe_table", "TableName", ""),
    "AWS::Logs::LogGroup": Kind(
        "LogGroupName", "logs", "describe_log_groups", "logGroupNamePrefix", "logGroups"
    ),
    "AWS::SQS::Queue": Kind("QueueName", "sqs", "get_queue_url", "QueueName", ""),
}


def existing(change: ChangeSet) -> Iterator[tuple[str, str, str]]:
    """Yield the new resources that exist already: logical id, type and name."""
    before = change.stack.resource_map._resource_json_map
    for logical_id, resource in change.template_dict["Resources"].items():
        kind = KINDS.get(resource["Type"])
        name = resource.get("Properties", {}).get(kind.property) if kind else None
        if kind is None or name is None or logical_id in before:
            continue
        if isinstance(name, dict):
            name = name["Fn::Sub"].replace("${AWS::StackName}", change.stack.name)
        if _exists(kind, name):
            yield logical_id, resource["Type"], name


def _exists(kind: Kind, name: str) -> bool:
    client = boto3.client(kind.service, region_name="us-east-1")
    try:
        answer = getattr(client, kind.operation)(**{kind.parameter: name})
    except ClientError:
        return False
    return not kind.answer or any(name in each.values() for each in answer[kind.answer])


def install() -> None:
    """Add the validation to CreateChangeSet, and DescribeEvents."""
    create = CloudFormationResponse.create_change_set

    def create_change_set(self: CloudFormationResponse) -> ActionResult:
        answer = create(self)
        change = self.cloudformation_backend.change_sets[answer.result["Id"]]
        change.validation_events = [
            {
                "EventId": f"{change.change_set_id}-{logical_id}",
                "EventType": "VALIDATION_ERROR",
                "LogicalResourceId": logical_id,
                "ResourceType": kind,
                "ValidationFailureMode": "FAIL",
                "ValidationName": "NAME_CONFLICT_VALIDATION",
                "ValidationStatus": "FAILED",
                "ValidationStatusReason": f"Resource of type '{kind}' with identifier '{name}' "
                "already exists.",
                "ValidationPath": f"/Resources/{logical_id}",
            }
            for logical_id, kind, name in existing(change)
        ]
        if change.validation_events:
            change.status, change.execution_status = "FAILED", "UNAVAILABLE"
            change.status_reason = REASON
        return answer

    def describe_events(self: CloudFormationResponse) -> Any:
        name = self._get_param("ChangeSetName")
        change = self.cloudformation_backend.describe_change_set(name)
        return ActionResult({"OperationEvents": change.validation_events})

    CloudFormationResponse.create_change_set = create_change_set
    CloudFormationResponse.describe_events = describe_events
