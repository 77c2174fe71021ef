"""Policy files that AWS refuses, and actions that it ignores."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW
from tests.project.test_check import check, copy_with

ALLOW = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
VERSION = {"Version": "2012-10-17"}


def policy(*statements: Any, **elements: Any) -> dict[str, Any]:
    """Return a policy with statements, and other elements."""
    return {**VERSION, "Statement": [*statements], **elements}


def statement(**elements: Any) -> dict[str, Any]:
    """Return a policy with one statement. None removes an element."""
    return policy({name: each for name, each in {**ALLOW, **elements}.items() if each is not None})


VALID = [
    policy(ALLOW),
    {**VERSION, "Statement": ALLOW},
    {"Statement": [ALLOW]},
    policy(ALLOW, {**ALLOW, "Sid": "One"}, {**ALLOW, "Sid": "Two"}, Id="own", Version="2008-10-17"),
    statement(
        Action=["DynamoDB:get*", "execute-api:?nvoke", "*"], Resource=["arn:*:s3:::a/*", "*"]
    ),
    statement(Action=None, NotAction="iam:*", Resource=None, NotResource="arn:aws:s3:::a"),
    statement(Action="*:*", Condition={"Bool": {"aws:SecureTransport": "true"}}, Effect="Deny"),
    statement(Condition={"ForAnyValue:StringNotLikeIfExists": {"aws:x": "y"}, "Null": {}}),
    statement(Resource={"Fn::GetAtt": ["Table", "Arn"]}),
    policy(),
]
WRONG = {
    "Version is not valid (got '2012-10-18')": policy(ALLOW, Version="2012-10-18"),
    "Statement is missing": VERSION,
    "statement 1 is not an object (got 'x')": {**VERSION, "Statement": "x"},
    "statement 2 is not an object (got ['x'])": policy(ALLOW, ["x"]),
    "the policy has an unknown element (got 'Statements')": policy(ALLOW, Statements=[]),
    "statement 1 has an unknown element (got 'Principal')": statement(Principal="*"),
    "statement 1 has an unknown element (got 'effect')": statement(effect="Allow"),
    "Effect is not valid (got 'allow')": statement(Effect="allow"),
    "Effect is not valid (got None)": statement(Effect=None),
    "needs one of Action and NotAction (got none)": statement(Action=None),
    "needs one of Action and NotAction (got Action and NotAction)": statement(NotAction="iam:*"),
    "needs one of Resource and NotResource (got none)": statement(Resource=None),
    "Action is not valid (got '*:GetItem')": statement(Action="*:GetItem"),
    "Action is not valid (got 'GetItem')": statement(Action=["GetItem"]),
    "Action is not valid (got 7)": statement(Action=7),
    "Resource is not valid (got 'table/members')": statement(Resource="table/members"),
    "Condition is not an object (got [])": statement(Condition=[]),
    "the operator of Condition does not exist (got 'StringEqual')": statement(
        Condition={"StringEqual": {"aws:x": "y"}}
    ),
    "StringEquals is not an object (got 'x')": statement(Condition={"StringEquals": "x"}),
    "Action is empty (got [])": statement(Action=[]),
    "NotResource is empty (got [])": statement(Resource=None, NotResource=[]),
    "Sid is not valid (got 'read rows')": statement(Sid="read rows"),
    "two statements have the same Sid (got 'A')": policy(
        {**ALLOW, "Sid": "A"}, {**ALLOW, "Sid": "A"}
    ),
    "the policy is too long for a role": statement(Resource=["arn:aws:s3:::" + "x" * 11_000]),
}


@pytest.fixture
def policy_files(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module chalice_ws.project.permissions.policy_files of the template."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)
    return importlib.import_module("chalice_ws.project.permissions.policy_files")


def test_valid_policies_pass(policy_files: Any) -> None:
    for content in VALID:
        assert list(policy_files.find_faults(content)) == [], content


@pytest.mark.parametrize("problem", WRONG)
def test_policy_that_aws_refuses_is_reported(policy_files: Any, problem: str) -> None:
    found = list(policy_files.find_faults(WRONG[problem]))
    assert any(problem in line and "; " in line for line in found), found


def test_check_reports_a_refused_policy_and_an_ignored_action(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path)
    for name in ("connect", "notify"):
        path = copy / ".chalice" / "dev" / f"{name}.json"
        content = json.loads(path.read_text())
        if name == "connect":
            content["Statement"].append("x")
        else:
            content["Statement"].append({**ALLOW, "Action": ["dynamodb:GetItems", "s3:Get?bject"]})
        path.write_text(json.dumps(content))
    status, (error, warning) = check(copy, "--stage", "dev")
    assert status == 1
    assert "connect.json: statement 3 is not an object (got 'x'); use {}" in error
    assert warning.startswith(
        "warning: .chalice/dev/notify.json: the action does not exist (got 'dy"
    )
    assert warning.endswith("; use dynamodb:GetItem")
