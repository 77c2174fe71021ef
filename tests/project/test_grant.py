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
