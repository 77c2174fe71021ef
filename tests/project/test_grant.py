"""`chalice_ws grant`: actions are added to the policies of a function, in each stage."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake, files


def grant(app: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-B", "-m", "chalice_ws", "grant", *arguments]
    return subprocess.run(command, cwd=app, capture_output=True, text=True)


def statements(app: Path, stage: str, name: str) -> list[dict[str, Any]]:
    policy = json.loads((app / ".chalice" / stage / f"{name}.json").read_text())
    return list(policy["Statement"])


def test_actions_are_added_once_for_the_resource_of_each_stage(bake: Bake) -> None:
    app = bake(app_name="tea")
    for actions in (["dynamodb:Query", "dynamodb:GetItem"], ["dynamodb:GetItem"]):
        done = grant(app, "websocket_message", *actions, "--on", "table/STACK-members")
        assert (done.returncode, done.stderr) == (0, "")
    grant(app, "message", "s3:GetObject", "--on", "pictures/*")
    grant(app, "message", "ses:SendEmail", "--on", "*")
    for stage in ("dev", "prod"):
        *generated, table, bucket, mail = statements(app, stage, "message")
        assert len(generated) == 3
        assert table == {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": f"arn:*:dynamodb:*:*:table/tea-{stage}-members",
        }
        assert bucket["Resource"] == "arn:*:s3:::pictures/*"
        assert mail["Resource"] == "*"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mesage", "s3:GetObject", "--on", "x"], "(got 'mesage'); use one of connect, message"),
        (["message", "GetObject", "--on", "x"], "(got 'GetObject'); use one such as dynamodb:G"),
        (["message", "ssm:GetParamter", "--on", "x"], "'ssm:GetParamter'); use ssm:GetParameter\n"),
        (["message", "dynamdb:Query", "--on", "x"], "'dynamdb:Query'); use dynamodb:Query\n"),
        (["message", "s3:GetObjekt", "--on", "x"], "'s3:GetObjekt'); use s3:GetObject\n"),
        (["message", "lambda:Invoke", "--on", "x"], "Invoke'); use lambda:InvokeFunction\n"),
        (["message", "sqs:Sned*", "--on", "x"], "(got 'sqs:Sned*'); use sqs:"),
        (["message", "dynamodb:Query", "--on", "x"], "dynamodb (got 'x'); use table/x\n"),
        (["message", "dynamodb:Query", "--on", "tabel/x"], "(got 'tabel/x'); use table/x\n"),
        (["message", "ssm:GetParameter", "--on", "/a/b"], "(got '/a/b'); use parameter/a/b\n"),
        (["message", "sqs:SendMessage", "--on", "arn:aws:sqs:q"], "'arn:aws:sqs:q'); use arn:"),
    ],
)
def test_grant_that_is_not_valid_changes_nothing(
    app: Path, arguments: list[str], message: str
) -> None:
    before = files(app / ".chalice")
    done = grant(app, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert files(app / ".chalice") == before


def test_policy_is_reformatted_by_nothing_else(bake: Bake) -> None:
    app = bake(app_name="tea")
    path = app / ".chalice" / "dev" / "notify.json"
    before = path.read_text().splitlines()
    grant(app, "notify", "sns:Publish", "--on", "STACK-missed")
    assert set(before) - set(path.read_text().splitlines()) == set()


@pytest.mark.parametrize(
    ("resource", "granted"),
    [
        ("secret:STACK/partner", "arn:*:secretsmanager:*:*:secret:tea-dev/partner-??????"),
        # Its last six letters are no suffix.
        ("secret:my-secret", "arn:*:secretsmanager:*:*:secret:my-secret-??????"),
        ("secret:partner-??????", "arn:*:secretsmanager:*:*:secret:partner-??????"),
        ("secret:STACK/*", "arn:*:secretsmanager:*:*:secret:tea-dev/*"),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:a-AbC1eF",) * 2,
    ],
)
def test_secret_is_granted_with_the_end_that_aws_adds(
    bake: Bake, resource: str, granted: str
) -> None:
    app = bake(app_name="tea")
    done = grant(app, "notify", "secretsmanager:GetSecretValue", "--on", resource)
    assert (done.returncode, done.stderr) == (0, "")
    assert statements(app, "dev", "notify")[-1]["Resource"] == granted


def test_action_that_is_no_operation_is_granted(bake: Bake) -> None:
    app = bake(app_name="tea")
    for action in ("dynamodb:ConditionCheckItem", "dynamodb:*", "dynamodb:getitem"):
        assert grant(app, "message", action, "--on", "table/x").returncode == 0
    for action in ("s3:GetObjectVersion", "ses:SendBulkEmail", "newservice:Do", "states:*"):
        assert grant(app, "message", action, "--on", "x").returncode == 0


def test_missing_policy_is_created_with_logs_of_its_stage(bake: Bake) -> None:
    app = bake(app_name="tea")
    config = app / ".chalice" / "config.json"
    content = json.loads(config.read_text())
    for stage, settings in content["stages"].items():
        settings["lambda_functions"]["digest"] = {"iam_policy_file": f"{stage}/digest.json"}
    config.write_text(json.dumps(content))
    done = grant(app, "digest", "dynamodb:Query", "--on", "table/STACK-connections")
    assert (done.returncode, done.stderr) == (0, "")
    for stage in ("dev", "prod"):
        logs, table = statements(app, stage, "digest")
        assert logs == statements(app, stage, "connect")[-1]
        assert table["Resource"] == f"arn:*:dynamodb:*:*:table/tea-{stage}-connections"
