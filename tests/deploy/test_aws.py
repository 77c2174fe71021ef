"""What is added to moto refuses what AWS refuses, or a rehearsal would say nothing."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deploy.aws.account import Account


def make_api(gateway: Any) -> dict[str, str]:
    """An API with one route and a stage that serves it; ids by the names of parameters."""
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


def test_a_stage_serves_the_routes_of_its_deployment(aws: Account) -> None:
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
def test_what_is_past_the_limits_of_aws_is_refused(
    aws: Account, service: str, operation: str, parameters: dict[str, str], message: str
) -> None:
    more: dict[str, dict[str, Any]] = {
        "create_role": {"AssumeRolePolicyDocument": "{}"},
        "create_api": {"Name": "tea"},
        "create_function": {"Role": "arn:aws:iam::123456789012:role/tea", "Code": {"ZipFile": b""}},
    }
    with pytest.raises(ClientError, match=message):
        getattr(aws.client(service), operation)(**parameters, **more.get(operation, {}))


def change(aws: Account, resources: dict[str, Any]) -> list[str]:
    """Make a stack of resources; say which of them failed."""
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


def test_no_resource_is_left_out_in_silence(aws: Account) -> None:
    (line,) = change(aws, {"Api": API, "Mail": {"Type": "AWS::SES::EmailIdentity"}})
    assert line.startswith("Mail: ")
    assert aws.contents() == {}


def test_a_property_that_no_call_takes_is_a_failure(aws: Account) -> None:
    wrong = {**API, "Properties": {**API["Properties"], "Nmae": "tea"}}  # type: ignore[dict-item]
    (line,) = change(aws, {"Topic": {"Type": "AWS::SNS::Topic"}, "Api": wrong})
    assert "unsupported property Nmae" in line
    assert aws.contents() == {}
