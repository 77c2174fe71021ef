"""The deploy commands: the calls that they make, and the lines that they print."""

import json
from urllib.parse import parse_qs

import pytest

from tests.deploy.scripted import (
    ADDRESS,
    NO_STACK,
    STACK_ID,
    TABLE,
    Answer,
    Run,
    ScriptedAws,
    assert_one_error,
    result,
    stack_answer,
)
from tests.project.output import without_python_warning


def script_deploy(scripted_aws: ScriptedAws, *statuses: str, exists: bool = True) -> None:
    """Script the answers of a deploy: the stack before, and its later statuses."""
    first = stack_answer("CREATE_COMPLETE", ADDRESS) if exists else NO_STACK
    later = [stack_answer(status, ADDRESS) for status in statuses]
    scripted_aws.answers["DescribeStacks"] = [first]
    scripted_aws.answers_after["ExecuteChangeSet"] = {"DescribeStacks": later}
    scripted_aws.answers["HeadBucket"] = [(200, {}, "")]
    scripted_aws.answers["PutObject"] = [(200, {"ETag": '"1"'}, "")]
    scripted_aws.answers["CreateChangeSet"] = [
        result("CreateChangeSet", f"<Id>change</Id><StackId>{STACK_ID}</StackId>")
    ]
    script_change_set(scripted_aws, "CREATE_COMPLETE")
    scripted_aws.answers["ExecuteChangeSet"] = [result("ExecuteChangeSet", "")]
    scripted_aws.answers["DeleteChangeSet"] = [result("DeleteChangeSet", "")]
    scripted_aws.answers["DeleteStack"] = [result("DeleteStack", "")]


def script_change_set(scripted_aws: ScriptedAws, status: str, reason: str = "") -> None:
    """Script the answer to DescribeChangeSet."""
    content = f"<Status>{status}</Status><StatusReason>{reason}</StatusReason>"
    scripted_aws.answers["DescribeChangeSet"] = [result("DescribeChangeSet", content)]


def test_deploy_of_existing_stack_prints_address(scripted_aws: ScriptedAws, deploy: Run) -> None:
    script_deploy(scripted_aws, "UPDATE_COMPLETE")
    done = deploy("deploy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "wss://abc.execute-api.us-east-1.amazonaws.com/api"
    (request,) = [body for name, body in scripted_aws.requests if name == "CreateChangeSet"]
    form = {name: values[0] for name, values in parse_qs(request).items()}
    assert form["ChangeSetType"] == "UPDATE"
    assert form["TemplateURL"].startswith(
        f"{scripted_aws.url}/chalice-ws-app-dev-123456789012-us-east-1/"
    )
    uploads = [body for name, body in scripted_aws.requests if name == "PutObject"]
    assert len(uploads) == 2
    assert "CreateBucket" not in scripted_aws.changes()


def test_deploy_without_changes_succeeds(scripted_aws: ScriptedAws, deploy: Run) -> None:
    script_deploy(scripted_aws, "CREATE_COMPLETE")
    script_change_set(scripted_aws, "FAILED", "The submitted information didn't contain changes.")
    done = deploy("deploy")
    assert done.returncode == 0, done.stderr
    assert "No changes" in done.stdout
    assert "wss://abc" in done.stdout
    assert "ExecuteChangeSet" not in scripted_aws.changes()


def test_deploy_of_refused_template_deletes_empty_stack(
    scripted_aws: ScriptedAws, deploy: Run
) -> None:
    script_deploy(scripted_aws, exists=False)
    script_change_set(scripted_aws, "FAILED", "Circular dependency")
    assert_one_error(
        deploy("deploy"), r"refused the template \(got Circular dependency\); correct it"
    )
    assert "DeleteStack" in scripted_aws.changes()


def events(*rows: tuple[str, str, str]) -> Answer:
    """Return an answer to DescribeStackEvents: logical id, status and reason of each event."""
    members = "".join(
        f"<member><StackId>{STACK_ID}</StackId><EventId>{i}</EventId>"
        f"<StackName>chalice-ws-app-dev</StackName><LogicalResourceId>{name}</LogicalResourceId>"
        f"<PhysicalResourceId>{STACK_ID if name == 'chalice-ws-app-dev' else name}"
        "</PhysicalResourceId><ResourceType>AWS::A::B</ResourceType>"
        f"<Timestamp>2026-01-01T00:00:00Z</Timestamp><ResourceStatus>{status}</ResourceStatus>"
        f"<ResourceStatusReason>{reason}</ResourceStatusReason>"
        "<ClientRequestToken>TOKEN</ClientRequestToken></member>"
        for i, (name, status, reason) in enumerate(rows)
    )
    return result("DescribeStackEvents", f"<StackEvents>{members}</StackEvents>")


def test_failed_deploy_names_resources_and_reasons(
    scripted_aws: ScriptedAws, deploy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_deploy(scripted_aws, "CREATE_IN_PROGRESS", "DELETE_COMPLETE", exists=False)
    scripted_aws.answers["DescribeTable"] = [
        (400, {}, json.dumps({"__type": "x#ResourceNotFoundException"}))
    ]
    # CloudFormation lists the newest event first.
    rows = events(
        ("chalice-ws-app-dev", "DELETE_COMPLETE", ""),
        ("chalice-ws-app-dev", "CREATE_FAILED", "The following resource(s) failed"),
        ("Notify", "CREATE_FAILED", "Resource creation cancelled"),
        ("Logs", "CREATE_FAILED", "a log group of that name exists"),
        ("NotifyRole", "CREATE_FAILED", "iam:CreateRole is not allowed"),
        ("ConnectionsTable", "CREATE_COMPLETE", ""),
    )
    original = scripted_aws.answer

    def answer(operation: str, body: str) -> Answer:
        if operation != "DescribeStackEvents":
            return original(operation, body)
        (request,) = [each for name, each in scripted_aws.requests if name == "ExecuteChangeSet"]
        status, headers, text = rows
        return status, headers, text.replace("TOKEN", parse_qs(request)["ClientRequestToken"][0])

    monkeypatch.setattr(scripted_aws, "answer", answer)
    failed = deploy("deploy")
    assert failed.returncode == 1
    assert without_python_warning(failed.stderr) == [
        "error: NotifyRole (AWS::A::B): iam:CreateRole is not allowed",
        "error: Logs (AWS::A::B): a log group of that name exists",
        "error: the stack chalice-ws-app-dev failed (got DELETE_COMPLETE); "
        "correct the resource that failed first",
    ]


@pytest.mark.parametrize("answer", ["", "no\n", "chalice-ws-app-prod\n"])
def test_destroy_with_wrong_answer_deletes_nothing(
    scripted_aws: ScriptedAws, deploy: Run, answer: str
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE")]
    scripted_aws.answers["DescribeTable"] = [(200, {}, json.dumps(TABLE))]
    refused = deploy("destroy", answer=answer)
    assert refused.returncode == 1
    assert "account 123456789012, us-east-1" in refused.stdout
    assert "the table chalice-ws-app-dev-connections (about 7 rows)" in refused.stdout
    assert scripted_aws.changes() == []


def test_destroy_of_missing_stage_succeeds(scripted_aws: ScriptedAws, deploy: Run) -> None:
    done = deploy("destroy", "--yes")
    assert (done.returncode, done.stdout) == (0, "chalice-ws-app-dev does not exist.\n")
    assert scripted_aws.changes() == []


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
def test_destroy_of_failed_stack_deletes_it(
    scripted_aws: ScriptedAws, deploy: Run, status: str
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer(status)]
    scripted_aws.answers["DeleteStack"] = [result("DeleteStack", "")]
    deleted = [stack_answer("DELETE_COMPLETE")]
    scripted_aws.answers_after["DeleteStack"] = {"DescribeStacks": deleted}
    done = deploy("destroy", "--yes")
    assert done.returncode == 0, done.stderr
    assert scripted_aws.changes() == ["DeleteStack"]


def test_deploy_with_log_group_outside_of_stack_is_refused(
    scripted_aws: ScriptedAws, deploy: Run
) -> None:
    script_deploy(scripted_aws, "UPDATE_COMPLETE")
    group = {"logGroupName": "/aws/apigateway/chalice-ws-app-dev"}
    longer = {"logGroupName": "/aws/lambda/chalice-ws-app-dev-logs-of-another"}
    groups: Answer = (200, {}, json.dumps({"logGroups": [longer, group]}))
    scripted_aws.answers["DescribeLogGroups"] = [groups]
    assert_one_error(
        deploy("deploy", "--stage", "dev", "production"),
        r"log group exists outside of the stack \(got '/aws/apigateway/.*-dev'\); delete it",
    )
    assert scripted_aws.changes() == []


def test_url_prints_all_addresses_of_the_stack(scripted_aws: ScriptedAws, deploy: Run) -> None:
    rest = "<member><OutputKey>EndpointURL</OutputKey><OutputValue>https://r/api/</OutputValue>"
    sign_in = rest.replace("EndpointURL", "SignInDomain").replace("https://r/api/", "https://s")
    other = rest.replace("EndpointURL", "NotifyFunction").replace("https://r/api/", "notify")
    more = f"{rest}</member>{sign_in}</member>{other}</member>"
    answer = stack_answer("CREATE_COMPLETE", f"{ADDRESS}{more}")
    scripted_aws.answers["DescribeStacks"] = [answer]
    addresses = ["https://r/api", "wss://abc.execute-api.us-east-1.amazonaws.com/api"]
    assert deploy("url").stdout.splitlines() == [*addresses, "SignInDomain: https://s"]


def test_logs_print_time_and_function(scripted_aws: ScriptedAws, deploy: Run) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE", ADDRESS)]
    group = (
        "<LogicalResourceId>Logs</LogicalResourceId><PhysicalResourceId>/aws/lambda/x-logs"
        "</PhysicalResourceId><ResourceType>AWS::Logs::LogGroup</ResourceType>"
        "<LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>"
        "<ResourceStatus>CREATE_COMPLETE</ResourceStatus>"
    )
    summaries = f"<StackResourceSummaries><member>{group}</member></StackResourceSummaries>"
    scripted_aws.answers["ListStackResources"] = [result("ListStackResources", summaries)]
    stream = "2026/01/01/chalice-ws-app-dev-Notify-AbC[$LATEST]0123"
    page = [
        {"eventId": str(i), "timestamp": 0, "logStreamName": stream, "message": f'{{"n":{i}}}\n'}
        for i in (1, 2)
    ]
    scripted_aws.answers["FilterLogEvents"] = [(200, {}, json.dumps({"events": page}))]
    done = deploy("logs", TZ="UTC")
    assert done.stdout.splitlines() == [
        '00:00:00 chalice-ws-app-dev-Notify-AbC {"n":1}',
        '00:00:00 chalice-ws-app-dev-Notify-AbC {"n":2}',
    ]
    (request,) = [body for name, body in scripted_aws.requests if name == "FilterLogEvents"]
    assert json.loads(request)["logGroupName"] == "/aws/lambda/x-logs"
    assert scripted_aws.changes() == []


def test_table_creates_missing_table_and_log_groups(scripted_aws: ScriptedAws, deploy: Run) -> None:
    missing = scripted_aws.answers["DescribeTable"][0]
    table = {**TABLE["Table"], "TableStatus": "ACTIVE"}
    existing: Answer = (200, {}, json.dumps({"Table": table}))
    scripted_aws.answers["CreateLogGroup"] = [(200, {}, "{}")]
    scripted_aws.answers["DescribeTable"] = [missing, existing]
    scripted_aws.answers["CreateTable"] = scripted_aws.answers["UpdateTimeToLive"] = [
        (200, {}, "{}")
    ]
    done = deploy("table")
    lines = done.stdout.splitlines()
    assert lines[0] == "The table chalice-ws-app-dev-connections exists.", done.stderr
    group = "/aws/lambda/chalice-ws-app-dev-notify"
    assert f"The log group {group} exists." in lines
    bodies = {
        name: json.loads(body)
        for name, body in scripted_aws.requests
        if name in scripted_aws.changes()
    }
    assert bodies["CreateTable"]["BillingMode"] == "PAY_PER_REQUEST"
    assert bodies["UpdateTimeToLive"]["TimeToLiveSpecification"]["AttributeName"] == "expires_at"
    assert bodies["CreateLogGroup"]["logGroupName"].startswith("/aws/lambda/chalice-ws-app-dev-")
    scripted_aws.requests.clear()
    assert deploy("table").stdout == done.stdout
    assert set(scripted_aws.changes()) == {"CreateLogGroup"}


@pytest.mark.full
def test_deploy_waits_when_account_update_is_limited(
    scripted_aws: ScriptedAws, deploy: Run
) -> None:
    script_deploy(scripted_aws, "UPDATE_COMPLETE")
    role = "<Role><Arn>arn:aws:iam::123456789012:role/logs</Arn></Role>"
    scripted_aws.answers["CreateRole"] = [result("CreateRole", role)]
    scripted_aws.answers["AttachRolePolicy"] = [result("AttachRolePolicy", "")]
    limited = {"x-amzn-errortype": "TooManyRequestsException"}
    scripted_aws.answers["UpdateAccount"] = [(429, limited, "{}"), (200, {}, "{}")]
    done = deploy("deploy", "--stage", "prod", "production")
    assert done.returncode == 0, done.stderr
    assert scripted_aws.changes().count("UpdateAccount") == 2


def test_logs_of_stack_without_log_group_fail(scripted_aws: ScriptedAws, deploy: Run) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE", ADDRESS)]
    assert_one_error(deploy("logs"), r"no log group Logs \(got chalice-ws-app-dev\); add it to")


@pytest.mark.parametrize(("quota", "is_low"), [(2500, True), (10000, False)])
def test_deploy_with_rate_above_quota_of_account_warns(
    scripted_aws: ScriptedAws, deploy: Run, quota: int, is_low: bool
) -> None:
    script_deploy(scripted_aws, "UPDATE_COMPLETE")
    throttle = {"throttleSettings": {"rateLimit": quota, "burstLimit": quota // 2}}
    scripted_aws.answers["GetAccount"] = [(200, {}, json.dumps(throttle))]
    done = deploy("deploy")
    assert done.returncode == 0
    warning = (
        "warning: FANOUT_RPS is above the account's quota in us-east-1, 2500 calls a second "
        "(got 5000); use 1250, or ask AWS for more in Service Quotas"
    )
    assert without_python_warning(done.stderr) == [warning] * is_low


def test_deploy_of_template_refused_by_validation_prints_reason(
    scripted_aws: ScriptedAws, deploy: Run
) -> None:
    script_deploy(scripted_aws, exists=False)
    script_change_set(scripted_aws, "FAILED", "The following hook(s) failed: EarlyValidation")
    event = (
        "<EventType>VALIDATION_ERROR</EventType><LogicalResourceId>Logs</LogicalResourceId>"
        "<ValidationStatusReason>/aws/lambda/app already exists</ValidationStatusReason>"
    )
    events = f"<OperationEvents><member>{event}</member></OperationEvents>"
    scripted_aws.answers["DescribeEvents"] = [result("DescribeEvents", events)]
    assert_one_error(deploy("deploy"), r"EarlyValidation: Logs: /aws/lambda/app already exists\);")
    names = [name for name, _ in scripted_aws.requests]
    assert names.index("DescribeEvents") < names.index("DeleteChangeSet")
