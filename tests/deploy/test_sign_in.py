"""Sign-in that is half on stops `make deploy` before it calls AWS."""

from pathlib import Path

import pytest

from tests.deploy.scripted import Run, ScriptedAws
from tests.project.test_check_sign_in import CRYPTO, HALF_ON, SIGN_IN, change, copy

__all__ = ["copy"]

OPEN = "Anyone may connect to prod: AUTH is none; docs/security.md says how to let people sign in."


@pytest.mark.parametrize("case", HALF_ON)
def test_deploy_with_sign_in_that_is_half_on_changes_nothing(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path, case: str
) -> None:
    variables, requirements, grant, named = HALF_ON[case]
    change(copy, variables, requirements, grant)
    done = deploy("deploy", "--stage=prod", "production")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert all(line.startswith("error: ") and "; " in line for line in lines), lines
    assert any(named in line for line in lines), lines
    assert scripted_aws.requests == []


@pytest.mark.full
def test_deploy_without_sign_in_says_that_anyone_may_connect(deploy: Run, copy: Path) -> None:
    assert deploy("deploy", "--stage=prod").stdout.splitlines().count(OPEN) == 1
    assert "Anyone" not in deploy("deploy", "--stage=dev").stdout
    change(copy, {"AUTH": "none"}, "")
    assert deploy("deploy", "--stage=prod").stdout.splitlines().count(OPEN) == 1


@pytest.mark.full
def test_deploy_with_sign_in_says_nothing_of_it(deploy: Run, copy: Path) -> None:
    change(copy, SIGN_IN, CRYPTO)
    done = deploy("deploy", "--stage=prod")
    assert "AUTH" not in done.stdout + done.stderr
