"""`make deploy`, updates and `make destroy`, with a simulated AWS."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.deploy.aws.account import Account, settings

ROUTES = {
    "$connect": "WebsocketConnect",
    "$default": "WebsocketMessage",
    "$disconnect": "WebsocketDisconnect",
}


def resources(aws: Account, stack: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources, by logical id."""
    summaries = aws.client("cloudformation").list_stack_resources(StackName=stack)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in summaries["StackResourceSummaries"]
    }


def remove_disconnect(app: Path) -> str:
    """Remove the handler of $disconnect from an app. Return app.py as it was."""
    source = (app / "app.py").read_text()
    (app / "app.py").write_text(source.replace("@app.on_ws_disconnect()\n", ""))
    return source


@pytest.mark.full
def test_deploy_creates_all_resources_and_destroy_deletes_them(aws: Account, bake: Bake) -> None:
    app = bake()
    aws.make(app, "deploy", STAGE="dev")
    dev = aws.contents()
    stack = "chalice-ws-app-prod"
    address = aws.make(app, "deploy", STAGE="prod").splitlines()[-1]

    made = resources(aws, stack)
    (api,) = [one for one in aws.apis() if one["Name"] == f"{stack}-websocket-api"]
    assert api["ApiId"] == made["WebsocketAPI"]
    assert address == f"wss://{api['ApiId']}.execute-api.us-east-1.amazonaws.com/api"
    assert aws.served(api["ApiId"]) == {key: made[name] for key, name in ROUTES.items()}
    for function_name, wanted in settings(app, "prod").items():
        # The logical id that Chalice makes of the name.
        name = function_name.title().replace("_", "")
        function = aws.client("lambda").get_function_configuration(FunctionName=made[name])
        assert function["MemorySize"] == wanted["lambda_memory_size"]
        assert function["Timeout"] == wanted["lambda_timeout"]
        assert function["Environment"]["Variables"] == wanted["environment_variables"]
        assert function["Role"].endswith(f":role/{made[f'{name}Role']}")
        assert aws.role_policy(made[f"{name}Role"]) == wanted["policy"]
        assert function["LoggingConfig"] == {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "INFO",
            "LogGroup": made["Logs"],
        }
    assert [name for name in aws.contents()["TableNames"] if name not in dev["TableNames"]] == [
        f"{stack}-connections"
    ]
    _check_monitoring(aws, api["ApiId"], made, stack)

    aws.make(app, "destroy", STAGE="prod", YES="1")
    left = aws.contents()
    # All APIs of the account share the role with which API Gateway writes logs.
    left["Roles"].remove("api-gateway-logs-us-east-1")
    assert left == dev


def _check_monitoring(aws: Account, api: str, made: dict[str, str], stack: str) -> None:
    stage = aws.client("apigatewayv2").get_stage(ApiId=api, StageName="api")
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert json.loads(stage["AccessLogSettings"]["Format"])["connection_id"]
    logs = aws.client("logs")
    groups = {one["logGroupName"]: one for one in logs.describe_log_groups()["logGroups"]}
    assert stage["AccessLogSettings"]["DestinationArn"].split(":")[-1] == made["AccessLogs"]
    assert all(groups[made[name]]["retentionInDays"] for name in ("Logs", "AccessLogs"))
    filters = logs.describe_metric_filters(logGroupName=made["Logs"])["metricFilters"]
    counted = {one["metricTransformations"][0]["metricName"] for one in filters}
    assert counted >= {"Delivered", "Gone", "Failed", "Throttled"}
    for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        assert alarm["AlarmName"].startswith(stack)
        metrics = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
        for metric in metrics:
            if metric["Namespace"] == stack:
                assert metric["MetricName"] in counted
            else:
                assert {one["Value"] for one in metric["Dimensions"]} <= set(made.values())
    dashboard = aws.client("cloudwatch").get_dashboard(DashboardName=made["Dashboard"])
    assert api in dashboard["DashboardBody"]


@pytest.mark.full
def test_deploy_serves_added_handler(aws: Account, bake: Bake) -> None:
    app = bake()
    source = remove_disconnect(app)
    aws.make(app, "deploy")
    assert set(aws.served()) == {"$connect", "$default"}
    (first,) = aws.deployments()
    table = {"TableName": "chalice-ws-app-dev-connections"}
    row = {"channel": {"S": "lobby#0"}, "connection_id": {"S": "PJqB0fHsqRcCHlw="}}
    aws.client("dynamodb").put_item(**table, Item=row)
    (app / "app.py").write_text(source)
    aws.make(app, "deploy")
    made = resources(aws, "chalice-ws-app-dev")
    assert aws.served() == {key: made[name] for key, name in ROUTES.items()}
    (second,) = aws.deployments()
    assert second != first
    assert aws.client("dynamodb").scan(**table)["Items"] == [row]


@pytest.mark.full
def test_deploy_of_changed_code_updates_functions_only(aws: Account, bake: Bake) -> None:
    def hashes() -> list[str]:
        functions = aws.client("lambda").list_functions()["Functions"]
        return [function["CodeSha256"] for function in functions]

    app = bake()
    aws.make(app, "deploy")
    deployments, before, contents = aws.deployments(), hashes(), aws.contents()
    assert "No changes" in aws.make(app, "deploy")
    with (app / "chalicelib" / "actions.py").open("a") as actions:
        actions.write("# more\n")
    assert "No changes" not in aws.make(app, "deploy")
    assert not set(hashes()) & set(before)
    assert aws.deployments() == deployments
    assert aws.contents() == contents


@pytest.mark.full
def test_failed_deploy_is_rolled_back_and_named(aws: Account, bake: Bake) -> None:
    app = bake()
    config = app / ".chalice" / "config.json"
    good = config.read_text()
    config.write_text(good.replace('"WS_ACTIONS"', '"WS-ACTIONS"'))
    with pytest.raises(AssertionError, match=r"error: .*WS-ACTIONS must match"):
        aws.make(app, "deploy")
    assert list(aws.contents()) == ["Buckets"]
    config.write_text(good)
    aws.make(app, "deploy")
    before = aws.contents()
    config.write_text(good.replace('"WS_ACTIONS"', '"WS-ACTIONS"'))
    with pytest.raises(AssertionError, match=r"error: .*WS-ACTIONS must match"):
        aws.make(app, "deploy")
    assert aws.contents() == before
    for function in aws.client("lambda").list_functions()["Functions"]:
        assert "WS_ACTIONS" in function["Environment"]["Variables"]


@pytest.mark.full
def test_table_is_the_same_with_and_without_stack(aws: Account, bake: Bake) -> None:
    def table() -> Any:
        dynamodb = aws.client("dynamodb")
        name = "chalice-ws-app-dev-connections"
        described = dynamodb.describe_table(TableName=name)["Table"]
        keys = ["AttributeDefinitions", "KeySchema", "BillingModeSummary"]
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return [[described[key] for key in keys], ttl]

    app = bake()
    aws.make(app, "table")
    alone = table()
    with pytest.raises(AssertionError, match="error: the table exists without a stack"):
        aws.make(app, "deploy")
    aws.make(app, "destroy", YES="1")
    assert aws.contents() == {}
    aws.make(app, "deploy")
    assert table() == alone


@pytest.mark.full
def test_deploy_with_scale_creates_queue_and_permissions(aws: Account, bake: Bake) -> None:
    app = bake()
    aws.make(app, "deploy", EXTRAS_dev="scale")
    made = resources(aws, "chalice-ws-app-dev")
    (source,) = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    queue = {"QueueUrl": made["FanoutQueue"], "AttributeNames": ["All"]}
    attributes = aws.client("sqs").get_queue_attributes(**queue)["Attributes"]
    assert source["EventSourceArn"] == attributes["QueueArn"]
    assert source["FunctionArn"].split(":")[-1] == made["Fanout"]
    dead = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
    assert dead.split(":")[-1] == made["FanoutDeadLetters"].split("/")[-1]
    (alarm,) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmActions"] == [made["Alarms"]]
    assert alarm["Dimensions"][0]["Value"] == dead.split(":")[-1]
    iam = aws.client("iam")
    for name in settings(app, "dev"):
        logical = name.title().replace("_", "")
        function = aws.client("lambda").get_function_configuration(FunctionName=made[logical])
        variables = function["Environment"]["Variables"]
        policies = iam.list_role_policies(RoleName=made[f"{logical}Role"])["PolicyNames"]
        sends = variables.get("FANOUT_QUEUE") == made["FanoutQueue"]
        assert sends is (name != "websocket_connect")
        assert ("SendToFanoutQueue" in policies) is sends
        assert ("TakeFromFanoutQueue" in policies) is (name == "fanout")
    aws.make(app, "deploy")
    assert "QueueUrls" not in aws.contents()
    aws.make(app, "destroy", YES="1")
    assert aws.contents() == {}


def add_resource(app: Path, file: str, name: str, resource: dict[str, Any]) -> None:
    """Add a resource to a resource file of an app."""
    path = app / file
    content = json.loads(path.read_text())
    content["Resources"][name] = {**content["Resources"].get(name, {}), **resource}
    path.write_text(json.dumps(content))


@pytest.mark.full
def test_deploy_after_destroy_with_late_logs_names_log_group(aws: Account, bake: Bake) -> None:
    app = bake()
    # API Gateway's own role may create log groups.
    aws.client("logs").create_log_group(logGroupName="/aws/apigateway/chalice-ws-app-dev")
    aws.client("logs").create_log_group(logGroupName="/aws/apigateway/chalice-ws-app-dev-2")
    message = "error: the log group exists without a stack .*; run make destroy"
    with pytest.raises(AssertionError, match=message):
        aws.make(app, "deploy", EXTRAS_dev="production")
    assert list(aws.contents()) == ["logGroups"]
    aws.make(app, "destroy", YES="1")
    assert aws.contents() == {"logGroups": ["/aws/apigateway/chalice-ws-app-dev-2"]}


@pytest.mark.full
def test_destroy_lists_tables_of_extras_and_keeps_retained_ones(aws: Account, bake: Bake) -> None:
    app = bake()
    keys = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    name = {"TableName": {"Fn::Sub": "${AWS::StackName}-orders"}}
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {**keys, **name}}
    add_resource(app, "resources/xray.json", "Orders", {**table, "DeletionPolicy": "Retain"})
    # CloudFormation makes the name of this one.
    add_resource(
        app,
        "resources/xray.json",
        "Scores",
        {"Type": table["Type"], "Properties": keys, "DeletionPolicy": "Retain"},
    )
    # A table of another stage, which this file names.
    shared = {"Type": table["Type"], "Properties": {**keys, "TableName": "users"}}
    add_resource(app, "resources/scale.json", "Users", shared)
    aws.client("dynamodb").create_table(TableName="users", **keys)
    aws.make(app, "deploy", EXTRAS_dev="xray")
    said = aws.make(app, "destroy", YES="1")
    assert "the table chalice-ws-app-dev-connections" in said
    assert "the table chalice-ws-app-dev-orders" not in said
    assert "Kept chalice-ws-app-dev-orders" in said
    (scores,) = re.findall(r"delete-table --table-name (\S+)", said)
    tables = ["chalice-ws-app-dev-orders", scores, "users"]
    assert aws.contents() == {"TableNames": sorted(tables)}
    aws.client("dynamodb").delete_table(TableName=scores)
    with pytest.raises(AssertionError, match="error: the table exists without a stack"):
        aws.make(app, "deploy", EXTRAS_dev="xray")
    assert "the table chalice-ws-app-dev-orders" in aws.make(app, "destroy", YES="1")
    assert aws.contents() == {"TableNames": ["users"]}


@pytest.mark.full
def test_deploy_refused_by_early_validation_prints_reason(aws: Account, bake: Bake) -> None:
    app = bake()
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders"}}
    add_resource(app, "resources.json", "Orders", queue)
    aws.client("sqs").create_queue(QueueName="orders")
    message = r"error: .*EarlyValidation.*: Orders: .*'orders' already exists"
    with pytest.raises(AssertionError, match=message):
        aws.make(app, "deploy")
    assert set(aws.contents()) == {"Buckets", "QueueUrls"}
