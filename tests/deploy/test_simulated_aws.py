"""The additions to moto: they refuse the same requests as AWS."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deploy.aws.account import Account


def make_api(gateway: Any) -> dict[str, str]:
    """Create an API with one route, and a stage that serves it. Return the ids as parameters."""
    api = gateway.create_api(
        Name="tea", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    add_route(gateway, api, "$connect")
    deployment = gateway.create_deployment(ApiId=api)["DeploymentId"]
    gateway.create_stage(ApiId=api, StageName="api", DeploymentId=deployment)
    return {"ApiId": api, "DeploymentId": deployment}


def add_route(gateway: Any, api: str, key: str) -> None:
    made = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri="arn:aws:lambda:::function:tea"
    )
    gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")


def test_stage_serves_routes_of_its_deployment(aws: Account) -> None:
    gateway = aws.client("apigatewayv2")
    made = make_api(gateway)
    add_route(gateway, made["ApiId"], "$disconnect")
    assert set(aws.served()) == {"$connect"}
    again = gateway.create_deployment(ApiId=made["ApiId"])["DeploymentId"]
    assert set(aws.served()) == {"$connect"}
    with pytest.raises(ClientError, match="BadRequestException"):
        gateway.delete_deployment(**made)
    gateway.update_stage(ApiId=made["ApiId"], StageName="api", DeploymentId=again)
    assert set(aws.served()) == {"$connect", "$disconnect"}
    gateway.delete_deployment(**made)
    with pytest.raises(ClientError, match="NotFoundException"):
        gateway.update_stage(ApiId=made["ApiId"], StageName="api", DeploymentId="nowhere")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "message"),
    [
        ("iam", "create_role", {"RoleName": "x" * 65}, r"RoleName must be 1\.\.64"),
        ("iam", "create_role", {"RoleName": "a b"}, "RoleName must match"),
        ("lambda", "create_function", {"FunctionName": "a b"}, "FunctionName must match"),
        ("apigatewayv2", "create_api", {"ProtocolType": "HTTPS"}, "ProtocolType must be one of"),
        ("logs", "create_log_group", {"logGroupName": "a b"}, "logGroupName must match"),
    ],
)
def test_value_beyond_limit_is_refused(
    aws: Account, service: str, operation: str, parameters: dict[str, str], message: str
) -> None:
    more: dict[str, dict[str, Any]] = {
        "create_role": {"AssumeRolePolicyDocument": "{}"},
        "create_api": {"Name": "tea"},
        "create_function": {"Role": "arn:aws:iam::123456789012:role/tea", "Code": {"ZipFile": b""}},
    }
    with pytest.raises(ClientError, match=message):
        getattr(aws.client(service), operation)(**parameters, **more.get(operation, {}))


def create_stack(aws: Account, resources: dict[str, Any]) -> list[str]:
    """Create a stack. Return its failed resources with the reasons."""
    formation = aws.client("cloudformation")
    formation.create_change_set(
        StackName="tea",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": resources}),
    )
    formation.execute_change_set(ChangeSetName="first", StackName="tea")
    events = formation.describe_stack_events(StackName="tea")["StackEvents"]
    status = formation.describe_stacks(StackName="tea")["Stacks"][0]["StackStatus"]
    failed = [one for one in events if one["ResourceStatus"] == "CREATE_FAILED"]
    assert (status == "ROLLBACK_COMPLETE") is bool(failed)
    return [f"{one['LogicalResourceId']}: {one['ResourceStatusReason']}" for one in failed]


API = {
    "Type": "AWS::ApiGatewayV2::Api",
    "Properties": {"Name": "tea", "ProtocolType": "WEBSOCKET"},
}


def test_unknown_resource_type_fails(aws: Account) -> None:
    (line,) = create_stack(aws, {"Api": API, "Mail": {"Type": "AWS::SES::EmailIdentity"}})
    assert line.startswith("Mail: ")
    assert aws.contents() == {}


def test_unknown_property_fails(aws: Account) -> None:
    wrong = {**API, "Properties": {**API["Properties"], "Nmae": "tea"}}  # type: ignore[dict-item]
    (line,) = create_stack(aws, {"Topic": {"Type": "AWS::SNS::Topic"}, "Api": wrong})
    assert "unsupported property Nmae" in line
    assert aws.contents() == {}
