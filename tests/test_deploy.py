"""The doors to AWS: what stops them says so in one line, before anything is changed."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest

Answer = tuple[int, dict[str, str], str]

READS = re.compile("(Describe|Filter|Get|Head|List).*")
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/chalice-ws-app-dev/1"


def result(action: str, content: str) -> Answer:
    """An answer of the services that speak XML."""
    return (
        200,
        {},
        f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>",
    )


def refusal(code: str, message: str = "no", status: int = 400) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {}, f"<ErrorResponse>{error}</ErrorResponse>"


def stacks(status: str, outputs: str = "") -> Answer:
    content = (
        f"<StackName>chalice-ws-app-dev</StackName><StackId>{STACK_ID}</StackId>"
        f"<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>"
    )
    outputs = f"<Outputs>{outputs}</Outputs>"
    return result("DescribeStacks", f"<Stacks><member>{content}{outputs}</member></Stacks>")


ADDRESS = (
    "<member><OutputKey>WebsocketConnectEndpointURL</OutputKey>"
    "<OutputValue>wss://abc.execute-api.us-east-1.amazonaws.com/api/</OutputValue></member>"
)
NO_STACK = refusal("ValidationError", "Stack with id chalice-ws-app-dev does not exist")
TABLE = {"Table": {"TableName": "chalice-ws-app-dev-connections", "ItemCount": 7}}


class Aws:
    """AWS as far as a door gets: each operation has its answers, the last of them for good."""

    def __init__(self) -> None:
        identity = "<Account>123456789012</Account>"
        self.answers: dict[str, list[Answer]] = {
            "GetCallerIdentity": [result("GetCallerIdentity", identity)],
            "DescribeStacks": [NO_STACK],
            "DescribeTable": [(400, {}, json.dumps({"__type": "x#ResourceNotFoundException"}))],
            "HeadBucket": [(404, {}, "")],
            "GetAccount": [(200, {}, "{}")],
        }
        self.asked: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def changes(self) -> list[str]:
        """The operations that were asked for and may change something."""
        return [name for name, _ in self.asked if not READS.fullmatch(name)]

    def answer(self, operation: str, body: str) -> Answer:
        self.asked.append((operation, body))
        answers = self.answers.get(operation, [refusal("NotImplemented", operation, 501)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(aws: Aws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
            status, headers, text = aws.answer(self.operation(body), body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text.encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

        def operation(self, body: str) -> str:
            """Which one it is, as botocore names it."""
            if target := self.headers.get("X-Amz-Target"):
                return str(target).partition(".")[2]
            if form := parse_qs(body).get("Action"):
                return form[0]
            path = self.path.partition("?")[0].strip("/")
            if path == "account":
                return "GetAccount" if self.command == "GET" else "UpdateAccount"
            thing = "Object" if "/" in path else "Bucket"
            return f"{self.command.title()}{thing}"

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def aws() -> Iterator[Aws]:
    fake = Aws()
    try:
        yield fake
    finally:
        fake.stop()


@pytest.fixture
def copy(app: Path, tmp_path: Path) -> Path:
    """An app to break."""
    return Path(shutil.copytree(app, tmp_path / "app"))


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def deploy(aws: Aws, copy: Path, tmp_path: Path) -> Run:
    """`python -m deploy` in the app, as the Makefile runs it; None drops a variable."""

    def run(
        *arguments: str, answer: str = "", **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            **environment,
        }
        own = {name: each for name, each in os.environ.items() if not name.startswith("AWS_")}
        given = {name: each for name, each in variables.items() if each is not None}
        return subprocess.run(
            [sys.executable, "-B", "-m", "deploy", *arguments],
            cwd=copy,
            env={**own, **given, "HOME": str(tmp_path)},
            input=answer,
            capture_output=True,
            text=True,
            timeout=50,
        )

    return run


def one_line(run: subprocess.CompletedProcess[str], message: str) -> None:
    """It failed, and said so in one line that says what to do."""
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert re.match(r"error: .*; ", line), line
    assert re.search(message, line), line


NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.mark.parametrize("command", ["up", "url", "logs", "destroy", "table"])
def test_who_is_not_signed_in_is_told_so(deploy: Run, command: str) -> None:
    one_line(deploy(command, **NO_KEYS), "there are no AWS credentials; sign in")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": None}, "half of the AWS credentials is missing; sign in"),
        ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, "no AWS region is set; set AWS_REGION"),
        ({"AWS_PROFILE": "nobody"}, r"profile \(nobody\).*; set AWS_PROFILE"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "does not answer .*; check AWS_REGION"),
    ],
)
def test_who_cannot_reach_aws_is_told_so(
    deploy: Run, environment: dict[str, str | None], message: str
) -> None:
    one_line(deploy("up", **environment), message)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", r"credentials have expired \(got ExpiredToken\); sign in"),
        ("InvalidClientTokenId", r"AWS does not know these credentials.*; sign in"),
        ("SignatureDoesNotMatch", r"AWS does not know these credentials.*; sign in"),
    ],
)
def test_bad_credentials_are_named(aws: Aws, deploy: Run, code: str, message: str) -> None:
    aws.answers["GetCallerIdentity"] = [refusal(code, status=403)]
    one_line(deploy("up"), message)
    assert aws.changes() == []


def test_what_is_not_allowed_is_named(aws: Aws, deploy: Run) -> None:
    what = "User: ann is not authorized to perform: cloudformation:DescribeStacks"
    aws.answers["DescribeStacks"] = [refusal("AccessDenied", what, 403)]
    one_line(deploy("up"), rf"{what}; ask for what docs/deploy\.md lists")
    assert aws.changes() == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("ROLLBACK_COMPLETE", "is stuck .*; .* make destroy STAGE=dev"),
        ("ROLLBACK_FAILED", "is stuck .*; .* make destroy STAGE=dev"),
        ("DELETE_FAILED", "is stuck .*; run make destroy STAGE=dev"),
        ("UPDATE_ROLLBACK_FAILED", "is stuck .*; .*Continue update rollback"),
        ("UPDATE_IN_PROGRESS", "is busy .*; wait"),
    ],
)
def test_a_stack_that_cannot_be_changed(aws: Aws, deploy: Run, status: str, message: str) -> None:
    aws.answers["DescribeStacks"] = [stacks(status)]
    one_line(deploy("up"), message)
    assert aws.changes() == []


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ((404, {}, ""), r"bucket does not exist \(got 'mine'\); .*leave BUCKET out"),
        ((403, {}, ""), r"bucket is not yours.* \(got 'mine'\); use another"),
        (
            (200, {"x-amz-bucket-region": "eu-west-1"}, ""),
            r"'mine' is in another region \(got 'eu-west-1'\); use one in us-east-1",
        ),
    ],
)
def test_a_bucket_that_will_not_do(aws: Aws, deploy: Run, head: Answer, message: str) -> None:
    aws.answers["HeadBucket"] = [head]
    one_line(deploy("up", "--bucket", "mine"), message)
    assert aws.changes() == []


def test_a_bucket_of_our_name_that_is_somebody_elses(aws: Aws, deploy: Run) -> None:
    aws.answers["HeadBucket"] = [(403, {}, "")]
    one_line(deploy("up"), "not yours.*'chalice-ws-app-dev-123456789012-us-east-1'.*; .*BUCKET=")
    assert aws.changes() == []


def test_a_table_that_the_stack_would_meet(aws: Aws, deploy: Run) -> None:
    aws.answers["DescribeTable"] = [(200, {}, json.dumps(TABLE))]
    one_line(deploy("up"), "table is there, but no stack .*; .*chalice deploy, or .*make destroy")
    assert aws.changes() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "x" * 30,
            "a name of 67 characters is too long, 64 are the most .*; use a shorter app_name",
        ),
        ("x" * 40, "a bucket's name has 63 characters at most .*; use a bucket of yours"),
    ],
)
def test_a_name_that_is_too_long(
    aws: Aws, copy: Path, deploy: Run, name: str, message: str
) -> None:
    config = copy / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"chalice-ws-app"', f'"{name}"'))
    one_line(deploy("up"), message)
    assert aws.changes() == []


def test_what_is_misspelt(aws: Aws, copy: Path, deploy: Run) -> None:
    one_line(deploy("up", "--stage", "pord"), "no stage 'pord' .*; use one of dev, prod")
    wrong = deploy("up", "--stage", "prod", "prodution")
    one_line(wrong, r"got 'resources\.prodution\.json'\); use some of production, scale, xray")
    resources = copy / "resources.production.json"
    resources.write_text(
        resources.read_text().replace('"WebsocketAPIStage"', '"WebsocketApiStage"')
    )
    wrong = deploy("up", "--stage", "prod", "production")
    one_line(wrong, r"not there \(got 'WebsocketApiStage'\); .*WebsocketAPIStage")
    assert aws.changes() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("app.py", "def"), ("requirements.txt", "./not-there"), ("resources.json", "{")],
)
def test_an_app_that_cannot_be_packaged(
    aws: Aws, copy: Path, deploy: Run, name: str, content: str
) -> None:
    (copy / name).write_text(content)
    failed = deploy("up")
    assert failed.returncode == 1
    line = failed.stderr.splitlines()[-1]  # after what Chalice has to say
    assert re.match(
        r"error: (chalice cannot package the app; |no resources from .*resources)", line
    )
    assert aws.changes() == []


@pytest.mark.parametrize("command", ["url", "logs"])
def test_without_a_stack_there_is_nothing_to_show(deploy: Run, command: str) -> None:
    one_line(deploy(command), r"no such stack \(got 'chalice-ws-app-dev'\); run make deploy")


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


def package(deploy: Run, copy: Path, *arguments: str) -> dict[str, Any]:
    made = deploy("package", *arguments, **NO_KEYS)
    assert made.returncode == 0, made.stderr
    stage = arguments[1] if arguments else "dev"
    template: dict[str, Any] = json.loads((copy / "build" / stage / "template.json").read_text())
    return template


def deployment(template: dict[str, Any]) -> str:
    """The name of the API's deployment, which the stage and nothing else is at."""
    (name,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::ApiGatewayV2::Deployment"
    ]
    stage = template["Resources"]["WebsocketAPIStage"]["Properties"]
    assert stage["DeploymentId"] == {"Ref": name}
    return str(name)


def test_a_handler_that_comes_later_goes_live(aws: Aws, copy: Path, deploy: Run) -> None:
    """The deployment is a new one where the routes are others, and else the same."""
    app = copy / "app.py"
    whole = app.read_text()
    first = deployment(package(deploy, copy))
    app.write_text(whole.replace("return True", "return bool(event)"))
    assert deployment(package(deploy, copy)) == first
    app.write_text(whole.replace("@app.on_ws_disconnect()", ""))
    assert deployment(package(deploy, copy)) != first
    app.write_text(whole)
    assert deployment(package(deploy, copy)) == first
    assert aws.asked == []


def test_stages_share_no_name(copy: Path, deploy: Run) -> None:
    dev, prod = (json.dumps(package(deploy, copy, "--stage", stage)) for stage in ("dev", "prod"))
    assert "app-prod" not in dev
    assert "app-dev" not in prod


def test_production_and_tracing_are_one_word_each(copy: Path, deploy: Run) -> None:
    plain = package(deploy, copy, "--stage", "prod")["Resources"]
    full = package(deploy, copy, "--stage", "prod", "production", "xray")["Resources"]
    functions = [name for name in plain if plain[name]["Type"] == "AWS::Serverless::Function"]
    assert len(functions) >= 5
    for name in functions:
        assert plain[name]["Properties"]["Tracing"] == "PassThrough"
        assert full[name]["Properties"]["Tracing"] == "Active"
        assert "XRay" in json.dumps(full[f"{name}Role"]["Properties"]["ManagedPolicyArns"])
    stage = full["WebsocketAPIStage"]["Properties"]
    assert json.loads(stage["AccessLogSettings"]["Format"])["connection_id"]
    assert json.loads(full["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    watched = json.dumps(full["ErrorsAlarm"]), json.dumps(full["ThrottlesAlarm"])
    for name in functions:
        assert all(f'{{"Ref": "{name}"}}' in each for each in watched), name
