"""The errors of the deploy commands: one line each, before any change in AWS."""

import json
import re
from pathlib import Path

import pytest

from tests.deploy.scripted import (
    NO_CREDENTIALS,
    TABLE,
    Answer,
    Run,
    ScriptedAws,
    assert_one_error,
    failure,
    stack_answer,
)

pytestmark = pytest.mark.full


@pytest.mark.parametrize("command", ["deploy", "url", "logs", "destroy", "table"])
def test_command_without_credentials_fails(deploy: Run, command: str) -> None:
    assert_one_error(deploy(command, **NO_CREDENTIALS), "AWS credentials are missing; sign in")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": None}, "AWS credentials are not complete; sign in"),
        ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, "AWS region is not set; set AWS_REGION"),
        ({"AWS_PROFILE": "nobody"}, r"profile \(nobody\).*; set AWS_PROFILE"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "does not answer .*; check the network and AWS_REGION",
        ),
    ],
)
def test_deploy_that_cannot_reach_aws_fails(
    deploy: Run, environment: dict[str, str | None], message: str
) -> None:
    assert_one_error(deploy("deploy", **environment), message)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", r"credentials have expired \(got ExpiredToken\); sign in"),
        ("InvalidClientTokenId", r"AWS does not know these credentials.*; sign in"),
        ("SignatureDoesNotMatch", r"AWS does not know these credentials.*; sign in"),
    ],
)
def test_refused_credentials_are_named(
    scripted_aws: ScriptedAws, deploy: Run, code: str, message: str
) -> None:
    scripted_aws.answers["GetCallerIdentity"] = [failure(code, status=403)]
    assert_one_error(deploy("deploy"), message)
    assert scripted_aws.changes() == []


def test_denied_action_is_named(scripted_aws: ScriptedAws, deploy: Run) -> None:
    message = "User: ann is not authorized to perform: cloudformation:DescribeStacks"
    scripted_aws.answers["DescribeStacks"] = [failure("AccessDenied", message, 403)]
    assert_one_error(deploy("deploy"), rf"{message}\); ask for the permissions in docs/deploy\.md")
    assert scripted_aws.changes() == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            "ROLLBACK_COMPLETE",
            r"its creation failed \(got ROLLBACK_COMPLETE\); "
            "run make destroy STAGE=dev, then make deploy STAGE=dev",
        ),
        ("ROLLBACK_FAILED", "its creation failed .*; run make destroy STAGE=dev, then"),
        ("DELETE_FAILED", "its deletion failed .*; run make destroy STAGE=dev"),
        ("UPDATE_ROLLBACK_FAILED", "its rollback failed .*; .*Continue update rollback"),
        ("UPDATE_IN_PROGRESS", "is busy .*; wait"),
    ],
)
def test_stack_that_cannot_be_updated_is_left_alone(
    scripted_aws: ScriptedAws, deploy: Run, status: str, message: str
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer(status)]
    assert_one_error(deploy("deploy"), message)
    assert scripted_aws.changes() == []


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ((404, {}, ""), r"bucket does not exist \(got 'mine'\); .*leave BUCKET out"),
        ((403, {}, ""), r"bucket belongs to another account.* \(got 'mine'\); use your own"),
        (
            (200, {"x-amz-bucket-region": "eu-west-1"}, ""),
            r"'mine' is in another region \(got 'eu-west-1'\); use one in us-east-1",
        ),
    ],
)
def test_unusable_bucket_is_refused(
    scripted_aws: ScriptedAws, deploy: Run, head: Answer, message: str
) -> None:
    scripted_aws.answers["HeadBucket"] = [head]
    assert_one_error(deploy("deploy", "--bucket", "mine"), message)
    assert scripted_aws.changes() == []


def test_default_bucket_of_another_account_is_refused(
    scripted_aws: ScriptedAws, deploy: Run
) -> None:
    scripted_aws.answers["HeadBucket"] = [(403, {}, "")]
    assert_one_error(
        deploy("deploy"),
        "another account.*'chalice-ws-app-dev-123456789012-us-east-1'.*; .*BUCKET=",
    )
    assert scripted_aws.changes() == []


def test_table_without_stack_is_refused(scripted_aws: ScriptedAws, deploy: Run) -> None:
    scripted_aws.answers["DescribeTable"] = [(200, {}, json.dumps(TABLE))]
    assert_one_error(
        deploy("deploy"),
        "table exists without a stack .*; run make destroy STAGE=dev first, or use chalice deploy",
    )
    assert scripted_aws.changes() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "x" * 30,
            "name is too long, the maximum is 64 .*got 67.*; use a shorter app_name",
        ),
        ("x" * 40, "bucket name is too long, the maximum is 63 .*; use your own bucket"),
    ],
)
def test_too_long_name_is_refused(
    scripted_aws: ScriptedAws, copy: Path, deploy: Run, name: str, message: str
) -> None:
    config = copy / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"chalice-ws-app"', f'"{name}"'))
    assert_one_error(deploy("deploy"), message)
    assert scripted_aws.changes() == []


def test_misspelt_name_is_named(scripted_aws: ScriptedAws, copy: Path, deploy: Run) -> None:
    assert_one_error(
        deploy("deploy", "--stage", "pord"),
        r"the stage is not in .* \(got 'pord'\); use one of dev, prod",
    )
    wrong = deploy("deploy", "--stage", "prod", "prodution")
    assert_one_error(
        wrong,
        r"got 'resources/prodution\.json'\); use some of cognito, production, scale, vpc, xray",
    )
    resources = copy / "resources" / "production.json"
    resources.write_text(
        resources.read_text().replace('"WebsocketAPIStage"', '"WebsocketApiStage"')
    )
    wrong = deploy("deploy", "--stage", "prod", "production")
    assert_one_error(wrong, r"does not exist \(got 'WebsocketApiStage'\); .*WebsocketAPIStage")
    assert scripted_aws.changes() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("app.py", "def"), ("requirements.txt", "./not-there"), ("resources.json", "{")],
)
def test_app_that_cannot_be_packaged_is_refused(
    scripted_aws: ScriptedAws, copy: Path, deploy: Run, name: str, content: str
) -> None:
    (copy / name).write_text(content)
    failed = deploy("deploy")
    assert failed.returncode == 1
    # Chalice's own output comes first.
    line = failed.stderr.splitlines()[-1]
    assert re.match(
        r"error: (Chalice cannot package the app; |.*resources.* is not valid JSON)", line
    )
    assert scripted_aws.changes() == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"5000"', "5000", r'FANOUT_RPS is not a string \(got 5000\); use "5000"'),
        ('"version"', '"subnet_ids": ["subnet-1"], "version"', "you must provide the subnet_ids"),
        (
            '"version"',
            '"websocket_api_custom_domain": {"a": 1}, "version"',
            "websocket_api_custom_domain.domain_name is missing",
        ),
    ],
)
def test_settings_that_chalice_refuses_are_named_without_traceback(
    copy: Path, deploy: Run, old: str, new: str, message: str
) -> None:
    config = copy / ".chalice" / "config.json"
    config.write_text(config.read_text().replace(old, new, 1))
    failed = deploy("package")
    assert failed.returncode == 1
    lines = [each for each in failed.stderr.splitlines() if not each.startswith("warning: ")]
    assert all(line.startswith("error: ") for line in lines), lines
    assert any(re.search(message, line) for line in lines), lines


def test_python_that_lambda_lacks_is_refused(scripted_aws: ScriptedAws, deploy: Run) -> None:
    assert_one_error(deploy("deploy", version="3.99"), r"Lambda has no Python 3\.99.*; use 3\.")
    assert scripted_aws.changes() == []


@pytest.mark.parametrize("command", ["url", "logs"])
def test_url_and_logs_without_stack_fail(deploy: Run, command: str) -> None:
    assert_one_error(
        deploy(command), r"the stack does not exist \(got 'chalice-ws-app-dev'\); run make deploy"
    )
