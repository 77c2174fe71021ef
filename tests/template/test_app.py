"""The generated app, in an environment of its own made by its own Makefile."""

import json
import os
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import KINDS, OWN_HOME, ROOT, Bake

# Kept between runs: make brings it up to date when the requirements change.
VENV = ROOT / "build" / "app-venv"


def run(app: Path, *command: str | Path, **environment: str) -> str:
    """Run a command in the app's folder, with nothing of AWS around; return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=app,
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module", autouse=True)
def venv(app: Path) -> None:
    run(app, "make", VENV / "installed", f"VENV={VENV}", HOME=OWN_HOME)


def test_each_kind_passes_its_own_lint_check_and_tests(bake: Bake) -> None:
    apps = [bake(app_kind=kind, app_name=f"my-{kind}") for kind in KINDS]

    def check(app: Path) -> str:
        return run(app, "make", "lint", "check", "test", f"VENV={VENV}")

    with ThreadPoolExecutor(2) as pool:  # a core each, where CI has two
        for output in pool.map(check, apps):
            assert " passed" in output
            assert "skipped" not in output


def test_the_package_has_what_is_deployed_and_no_more(app: Path, tmp_path: Path) -> None:
    """Made by the real chalice, on a machine where no region is configured."""
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    run(copy, "make", "package", "STAGE=prod", f"VENV={VENV}", HOME=str(tmp_path))
    template = json.loads((copy / "build" / "prod" / "template.json").read_text())
    resources = template["Resources"]
    table = resources["ConnectionsTable"]["Properties"]["TableName"]
    assert table == {"Fn::Sub": "${AWS::StackName}-connections"}
    functions = [each for each in resources.values() if each["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == 5
    for function in functions:
        assert (function["Properties"]["MemorySize"], function["Properties"]["Timeout"]) == (
            512,
            29,
        )
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["CONNECTIONS_TABLE"] == "chalice-ws-app-prod-connections"
        assert "broadcast" in variables["WS_ACTIONS"]

    with zipfile.ZipFile(copy / "build" / "prod" / "deployment.zip") as package:
        tops = {name.split("/")[0] for name in package.namelist()}
    assert tops == {"app.py", "chalicelib", "chalice"}


def test_importing_the_app_makes_no_client_and_loads_nothing_of_local(app: Path) -> None:
    probe = """
import sys
import botocore.session
def refuse(*args, **kwargs):
    raise AssertionError("a client is made at import")
botocore.session.Session.create_client = refuse
import app
loaded = {name.split(".")[0] for name in sys.modules}
print(sorted(loaded & {"local", "moto", "aiohttp", "requests"}))
"""
    assert run(app, VENV / "bin" / "python", "-B", "-c", probe) == "[]\n"
