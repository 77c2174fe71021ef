"""The app's policies: its own checks find each mutant of them, and parliament finds no fault."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import KINDS, Bake
from tests.deploy.aws.account import BIN

MUTANTS = Path(__file__).parent / "mutants.py"


def test_each_mutant_of_the_policies_is_found(bake: Bake) -> None:
    done = subprocess.run([sys.executable, MUTANTS], cwd=bake(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["passed"] == []
    assert result["tried"] > 500


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
