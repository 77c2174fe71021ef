"""The policy in docs/deploy.md for users who may deploy."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake

# CloudFormation cuts both parts of a role's name that would have more than 64 characters.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
PART_LENGTH = 24


def statements(app: Path) -> list[dict[str, Any]]:
    """Return the statements of the policy in an app's document."""
    text = (app / "docs" / "deploy.md").read_text()
    policies = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    (policy,) = [each for each in policies if "cloudformation:*" in json.dumps(each)]
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def allows(app: Path, action: str, arn: str) -> bool:
    """Return whether the policy allows an action on a resource."""
    for each in statements(app):
        resources = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
        if any(fnmatchcase(action, pattern) for pattern in each["Action"]) and any(
            fnmatchcase(arn, pattern) for pattern in resources
        ):
            return True
    return False


@pytest.mark.parametrize("name", ["tea", "x" * 25])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_policy_allows_deploy_in_each_partition(bake: Bake, name: str, partition: str) -> None:
    app, account = bake(app_name=name), "123456789012"
    stack = f"{name}-prod"
    role = f"{stack[:PART_LENGTH]}-{'WebsocketDisconnectRole'[:PART_LENGTH]}-A1b2C3d4E5f6"
    here = f"{partition}:{{}}:us-x-1:{account}"

    def arn(service: str, resource: str) -> str:
        return f"arn:{here.format(service)}:{resource}"

    transform = f"arn:{partition}:cloudformation:us-x-1:aws:transform/Serverless-2016-10-31"
    for action, resource in (
        ("cloudformation:CreateChangeSet", arn("cloudformation", f"stack/{stack}/1")),
        ("cloudformation:CreateChangeSet", transform),
        ("dynamodb:CreateTable", arn("dynamodb", f"table/{stack}-connections")),
        ("iam:CreateRole", f"arn:{partition}:iam::{account}:role/{role}"),
        ("lambda:CreateFunction", arn("lambda", f"function:{stack}-Notify-A1b2C3d4E5f6")),
        ("s3:PutObject", f"arn:{partition}:s3:::{stack}-{account}-us-x-1/key"),
        ("sqs:CreateQueue", arn("sqs", f"{stack}-FanoutQueue-A1")),
        ("logs:DescribeLogGroups", arn("logs", "log-group::log-stream:")),
        ("ec2:DescribeSubnets", "*"),
    ):
        assert allows(app, action, resource), (action, resource)
    assert not allows(app, "iam:CreateRole", f"arn:{partition}:iam::{account}:role/other")
    assert not allows(app, "dynamodb:DeleteTable", arn("dynamodb", "table/other"))
