"""The app's policies: its own gate sees every mutant of them, and parliament finds nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import KINDS, Bake
from tests.deploy.aws.account import BIN

MUTANTS = Path(__file__).parent / "mutants.py"


def test_the_apps_gate_catches_every_mutant_of_its_policies(bake: Bake) -> None:
    done = subprocess.run(
        [sys.executable, MUTANTS], cwd=bake(), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["passed"] == []
    assert result["tried"] > 500


def parliament(folder: Path) -> str:
    """What parliament says of the policies in a folder."""
    done = subprocess.run(
        [BIN / "parliament", "--include-community-auditors", "--directory", folder],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},  # it uses pkg_resources
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_parliament_has_nothing_to_say(bake: Bake, kind: str) -> None:
    settings = bake(app_kind=kind) / ".chalice"
    assert parliament(settings / "dev") == parliament(settings / "prod") == ""


def test_parliament_reads_them(bake: Bake) -> None:
    """It says nothing of a folder in which it finds no policies, either."""
    folder = bake() / ".chalice" / "dev"
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("logs:PutLogEvents", "logs:PutLogs"))
    found = parliament(folder)
    assert all(path.name in found for path in folder.iterdir())
