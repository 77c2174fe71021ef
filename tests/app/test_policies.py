"""The app's policies: its own checks find each mutant of them, and parliament finds no fault."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KINDS, Bake
from tests.deploy.aws.account import BIN

MUTANTS = Path(__file__).parent / "mutants.py"
ADVICE = Path(__file__).parent / "advice.py"


def run(script: Path, app: Path) -> Any:
    """Run a script in an app's folder, and return what it prints."""
    done = subprocess.run([sys.executable, script], cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.full
def test_policy_check_finds_mutants_and_accepts_equivalents(bake: Bake) -> None:
    result = run(MUTANTS, bake())
    assert result["passed"] == []
    assert result["refused"] == []
    assert result["tried"] > 1500


@pytest.mark.full
def test_policy_check_advises_the_action_that_iam_has(bake: Bake) -> None:
    result = run(ADVICE, bake())
    assert result["advice"] == [
        ["s3:GetObject", "arn:*:s3:::pictures/*"],
        ["s3:ListBucket", "arn:*:s3:::pictures"],
        ["s3:ListBucket", "arn:*:s3:::pictures"],
        ["s3:DeleteObject", "arn:*:s3:::pictures/*"],
        ["lambda:InvokeFunction", "arn:*:lambda:*:*:function:resize"],
        ["lambda:InvokeFunction", "arn:*:lambda:*:*:function:resize"],
        ["sqs:SendMessage", "arn:*:sqs:*:*:jobs"],
        ["events:PutEvents", "*"],
        ["dynamodb:GetItem", "arn:*:dynamodb:*:*:table/t"],
        ["dynamodb:Query", "arn:*:dynamodb:*:*:table/t/index/by-name"],
        ["ssm:GetParameter", "arn:*:ssm:*:*:parameter/app/key"],
        ["secretsmanager:GetSecretValue", "arn:*:secretsmanager:*:*:secret:app/partner-??????"],
        ["secretsmanager:GetSecretValue", "arn:*:secretsmanager:*:*:secret:rotated-??????"],
    ]
    assert result["remaining"] == []
    assert 'take out the "Deny" of "s3:GetObject"' in result["denied"]
    assert 'take out the "Condition" of "s3:GetObject"' in result["conditional"]


def parliament(folder: Path) -> str:
    """Return parliament's findings for the policies in a folder."""
    done = subprocess.run(
        [BIN / "parliament", "--include-community-auditors", "--directory", folder],
        # parliament uses pkg_resources, which warns.
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_parliament_finds_no_fault(bake: Bake, kind: str) -> None:
    settings = bake(app_kind=kind) / ".chalice"
    assert parliament(settings / "dev") == parliament(settings / "prod") == ""


def test_parliament_finds_a_wrong_action(bake: Bake) -> None:
    """An empty result is also that of a folder in which parliament reads no file."""
    folder = bake() / ".chalice" / "dev"
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("logs:PutLogEvents", "logs:PutLogs"))
    found = parliament(folder)
    assert all(path.name in found for path in folder.iterdir())


POLICY_SCRIPT = """
import json, sys
sys.path.insert(0, ".")
from tests.support import iam, policies
call = iam.Call("s3:GetObject", "arn:aws:s3:::pictures/a", "arn:*:s3:::pictures/*")
condition = {"Bool": {"aws:SecureTransport": "true"}}
allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pictures/*"}
conditional = {**allowed, "Condition": condition}
denied = {**conditional, "Effect": "Deny"}
results = []
for known in ([], [(condition, True)], [(condition, False)]):
    iam.KNOWN_CONDITIONS[:] = known
    results.append([iam.allows([conditional], call), iam.allows([allowed, denied], call)])
policies.recorder.calls.clear()
uncalled = policies.unused("dev")
path = policies.PROJECT / ".chalice/dev/notify.json"
policy = json.loads(path.read_text())
policy["Statement"] = [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]
path.write_text(json.dumps(policy, indent=2))
policies.recorder.calls.add(("notify", call))
lines = [line for line in policies.unused("dev") if "notify" in line]
iam.SERVICE_ACTIONS.append(("notify", "kms:Decrypt"))
lines += [line for line in policies.unused("dev") if "notify" in line]
path.unlink()
policies.recorder.calls.add(("notify", iam.Call("s3:PutObject", *call[1:])))
absent = policies.missing("dev")
print(json.dumps({"absent": absent, "results": results, "uncalled": uncalled, "service": lines}))
"""


def test_known_condition_decides_and_uncalled_function_gets_one_line(
    bake: Bake, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(POLICY_SCRIPT)
    app = bake()
    names = sorted(path.stem for path in (app / ".chalice" / "dev").glob("*.json"))
    result = run(script, app)
    # An unknown condition allows nothing, and denies all that it names.
    assert result["results"] == [[False, False], [True, False], [False, True]]
    assert result["uncalled"] == [
        f"call {name} in a test of tests/app, or nothing is known of what it needs"
        for name in names
    ]
    (line,) = result["service"]
    assert line.startswith('.chalice/dev/notify.json:6: take out "kms:Decrypt" on "*"')
    # A missing file gets one line for all calls of its function.
    (line,) = result["absent"]
    assert line.startswith(".chalice/dev/notify.json does not exist: under lambda_functions of ")
    assert line.endswith("(it calls s3:GetObject, s3:PutObject)")
