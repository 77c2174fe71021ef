"""What stops a door says so in one line, before anything is changed."""

import json
import re
from pathlib import Path

import pytest

from tests.deploy.scripted import NO_KEYS, TABLE, Answer, Aws, Run, one_line, refusal, stacks


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
    one_line(
        deploy("up", "--stage", "pord"),
        r"the stage is not in .* \(got 'pord'\); use one of dev, prod",
    )
    wrong = deploy("up", "--stage", "prod", "prodution")
    one_line(wrong, r"got 'resources/prodution\.json'\); use some of production, scale, xray")
    resources = copy / "resources" / "production.json"
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
        r"error: (chalice cannot package the app; |.*resources.* is not valid JSON)", line
    )
    assert aws.changes() == []


@pytest.mark.parametrize("command", ["url", "logs"])
def test_without_a_stack_there_is_nothing_to_show(deploy: Run, command: str) -> None:
    one_line(deploy(command), r"no such stack \(got 'chalice-ws-app-dev'\); run make deploy")
