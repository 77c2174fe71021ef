"""What the doors change, and what they print of it."""

import json
from urllib.parse import parse_qs

import pytest

from tests.deploy.scripted import (
    ADDRESS,
    NO_STACK,
    STACK_ID,
    TABLE,
    Answer,
    Aws,
    Run,
    one_line,
    result,
    stacks,
)


def ready(aws: Aws, *statuses: str, exists: bool = True) -> None:
    """Answers for a deploy: the stack as it is at first, and then."""
    first = stacks("CREATE_COMPLETE") if exists else NO_STACK
    later = [stacks(status, ADDRESS) for status in statuses]
    aws.answers["DescribeStacks"] = [first, first, *later]
    aws.answers["HeadBucket"] = [(200, {}, "")]
    aws.answers["PutObject"] = [(200, {"ETag": '"1"'}, "")]
    aws.answers["CreateChangeSet"] = [
        result("CreateChangeSet", f"<Id>change</Id><StackId>{STACK_ID}</StackId>")
    ]
    plan(aws, "CREATE_COMPLETE")
    aws.answers["ExecuteChangeSet"] = [result("ExecuteChangeSet", "")]
    aws.answers["DeleteChangeSet"] = [result("DeleteChangeSet", "")]
    aws.answers["DeleteStack"] = [result("DeleteStack", "")]


def plan(aws: Aws, status: str, reason: str = "") -> None:
    content = f"<Status>{status}</Status><StatusReason>{reason}</StatusReason>"
    aws.answers["DescribeChangeSet"] = [result("DescribeChangeSet", content)]


def test_a_change_prints_the_address(aws: Aws, deploy: Run) -> None:
    ready(aws, "UPDATE_COMPLETE")
    done = deploy("up")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "wss://abc.execute-api.us-east-1.amazonaws.com/api"
    (request,) = [body for name, body in aws.asked if name == "CreateChangeSet"]
    form = {name: values[0] for name, values in parse_qs(request).items()}
    assert form["ChangeSetType"] == "UPDATE"
    assert form["TemplateURL"].startswith(f"{aws.url}/chalice-ws-app-dev-123456789012-us-east-1/")
    uploads = [body for name, body in aws.asked if name == "PutObject"]
    assert len(uploads) == 2
    assert "CreateBucket" not in aws.changes()


def test_no_changes_is_a_success(aws: Aws, deploy: Run) -> None:
    ready(aws, "CREATE_COMPLETE")
    plan(aws, "FAILED", "The submitted information didn't contain changes.")
    done = deploy("up")
    assert done.returncode == 0, done.stderr
    assert "No changes" in done.stdout
    assert "wss://abc" in done.stdout
    assert "ExecuteChangeSet" not in aws.changes()


def test_a_template_that_is_refused(aws: Aws, deploy: Run) -> None:
    ready(aws, exists=False)
    plan(aws, "FAILED", "Circular dependency")
    one_line(deploy("up"), r"does not take the template \(Circular dependency\); mend it")
    assert "DeleteStack" in aws.changes()  # the empty one


def events(*rows: tuple[str, str, str]) -> Answer:
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


def test_a_stack_that_fails_says_which_resource_and_why(
    aws: Aws, deploy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(aws, "CREATE_IN_PROGRESS", "DELETE_COMPLETE", exists=False)
    aws.answers["DescribeTable"] = [
        (400, {}, json.dumps({"__type": "x#ResourceNotFoundException"}))
    ]
    rows = events(  # the newest first
        ("chalice-ws-app-dev", "DELETE_COMPLETE", ""),
        ("chalice-ws-app-dev", "CREATE_FAILED", "The following resource(s) failed"),
        ("Notify", "CREATE_FAILED", "Resource creation cancelled"),
        ("Logs", "CREATE_FAILED", "a log group of that name exists"),
        ("NotifyRole", "CREATE_FAILED", "iam:CreateRole is not allowed"),
        ("ConnectionsTable", "CREATE_COMPLETE", ""),
    )
    original = aws.answer

    def answer(operation: str, body: str) -> Answer:
        if operation != "DescribeStackEvents":
            return original(operation, body)
        (request,) = [each for name, each in aws.asked if name == "ExecuteChangeSet"]
        status, headers, text = rows
        return status, headers, text.replace("TOKEN", parse_qs(request)["ClientRequestToken"][0])

    monkeypatch.setattr(aws, "answer", answer)
    failed = deploy("up")
    assert failed.returncode == 1
    assert failed.stderr.splitlines() == [
        "error: NotifyRole (AWS::A::B): iam:CreateRole is not allowed",
        "error: Logs (AWS::A::B): a log group of that name exists",
        "error: the stack chalice-ws-app-dev failed (got DELETE_COMPLETE); mend what failed first",
    ]


@pytest.mark.parametrize("answer", ["", "no\n", "chalice-ws-app-prod\n"])
def test_destroy_asks_and_takes_no_for_an_answer(aws: Aws, deploy: Run, answer: str) -> None:
    aws.answers["DescribeStacks"] = [stacks("CREATE_COMPLETE")]
    aws.answers["DescribeTable"] = [(200, {}, json.dumps(TABLE))]
    refused = deploy("destroy", answer=answer)
    assert refused.returncode == 1
    assert "account 123456789012 and us-east-1" in refused.stdout
    assert "the table chalice-ws-app-dev-connections (about 7 rows)" in refused.stdout
    assert aws.changes() == []


def test_destroy_of_nothing_is_done_already(aws: Aws, deploy: Run) -> None:
    done = deploy("destroy", "--yes")
    assert (done.returncode, done.stdout) == (0, "Nothing of chalice-ws-app-dev is there.\n")
    assert aws.changes() == []


def test_logs_have_their_time_and_function(aws: Aws, deploy: Run) -> None:
    aws.answers["DescribeStacks"] = [stacks("CREATE_COMPLETE", ADDRESS)]
    group = (
        "<LogicalResourceId>Logs</LogicalResourceId><PhysicalResourceId>/aws/lambda/x-logs"
        "</PhysicalResourceId><ResourceType>AWS::Logs::LogGroup</ResourceType>"
        "<LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>"
        "<ResourceStatus>CREATE_COMPLETE</ResourceStatus>"
    )
    summaries = f"<StackResourceSummaries><member>{group}</member></StackResourceSummaries>"
    aws.answers["ListStackResources"] = [result("ListStackResources", summaries)]
    stream = "2026/01/01/chalice-ws-app-dev-Notify-AbC[$LATEST]0123"
    page = [
        {"eventId": str(i), "timestamp": 0, "logStreamName": stream, "message": f'{{"n":{i}}}\n'}
        for i in (1, 2)
    ]
    aws.answers["FilterLogEvents"] = [(200, {}, json.dumps({"events": page}))]
    done = deploy("logs", TZ="UTC")
    assert done.stdout.splitlines() == [
        '00:00:00 chalice-ws-app-dev-Notify-AbC {"n":1}',
        '00:00:00 chalice-ws-app-dev-Notify-AbC {"n":2}',
    ]
    (request,) = [body for name, body in aws.asked if name == "FilterLogEvents"]
    assert json.loads(request)["logGroupName"] == "/aws/lambda/x-logs"
    assert aws.changes() == []


def test_the_table_alone(aws: Aws, deploy: Run) -> None:
    missing = aws.answers["DescribeTable"][0]
    there: Answer = (200, {}, json.dumps({"Table": {**TABLE["Table"], "TableStatus": "ACTIVE"}}))
    aws.answers["DescribeTable"] = [missing, there]
    aws.answers["CreateTable"] = aws.answers["UpdateTimeToLive"] = [(200, {}, "{}")]
    done = deploy("table")
    assert done.stdout == "The table chalice-ws-app-dev-connections is there.\n", done.stderr
    bodies = {name: json.loads(body) for name, body in aws.asked if name in aws.changes()}
    assert bodies["CreateTable"]["BillingMode"] == "PAY_PER_REQUEST"
    assert bodies["UpdateTimeToLive"]["TimeToLiveSpecification"]["AttributeName"] == "expires_at"
    aws.asked.clear()
    assert deploy("table").stdout == done.stdout
    assert aws.changes() == []
