"""The generated app: its own tests, its package, and the import of its app.py."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import OWN_HOME, ROOT, Bake

# Kept between runs. make updates it when the requirements change.
VENV = ROOT / "build" / "app-venv"

# make takes the environment of these tests as it is.
BIN = Path(sys.executable).parent
IN_THIS_ENVIRONMENT = ["-o", "install", f"VENV={BIN.parent}"]

# The kinds differ in one setting: these tests read it, or send what it allows.
SHORT = ["tests/app", "tests/engine/protocol"]


def run(app: Path, *command: str | Path, **environment: str) -> str:
    """Run a command in the app's folder, without variables of AWS. Return its output."""
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


def run_pytest(app: Path, python: Path | str, *arguments: str) -> str:
    """Run the app's tests. Each warning is an error here, also one of a dependency."""
    output = run(app, python, "-B", "-m", "pytest", "-W", "error", *arguments)
    assert " passed" in output
    assert "skipped" not in output
    return output


@pytest.fixture(scope="module")
def venv(app: Path) -> Path:
    """An environment with the app's requirements alone, made by the app's Makefile."""
    run(app, "make", "install", f"VENV={VENV}", HOME=OWN_HOME)
    return VENV


def test_chat_app_passes_its_own_tests(bake: Bake) -> None:
    run_pytest(bake(app_name="my-chat"), sys.executable)


@pytest.mark.full
def test_chat_app_passes_lint_check_and_tests_in_its_own_environment(
    bake: Bake, venv: Path
) -> None:
    app = bake(app_name="my-chat")
    output = run(app, "make", "lint", "check", "test", f"VENV={venv}", ALL_EXAMPLES="1")
    assert " passed" in output
    assert "skipped" not in output
    assert "warning" not in output.lower()


@pytest.mark.full
@pytest.mark.parametrize("kind", ["notifications", "echo"])
def test_other_kind_passes_check_and_short_tests_in_its_own_environment(
    bake: Bake, venv: Path, kind: str
) -> None:
    app = bake(app_kind=kind, app_name=f"my-{kind}")
    run(app, "make", "check", f"VENV={venv}")
    run_pytest(app, venv / "bin" / "python", *SHORT)


def test_package_has_what_is_deployed_and_nothing_else(app: Path, tmp_path: Path) -> None:
    """The machine has no region configured."""
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    run(copy, "make", "package", "STAGE=prod", *IN_THIS_ENVIRONMENT, HOME=str(tmp_path))
    template = json.loads((copy / "build" / "prod" / "template.json").read_text())
    resources = template["Resources"]
    table = resources["ConnectionsTable"]["Properties"]["TableName"]
    assert table == {"Fn::Sub": "${AWS::StackName}-connections"}
    functions = [each for each in resources.values() if each["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == 6
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


def test_import_of_the_app_makes_no_client_and_loads_no_toolkit(app: Path) -> None:
    probe = """
import sys
import botocore.session
def refuse(*args, **kwargs):
    raise AssertionError("the import makes a client")
botocore.session.Session.create_client = refuse
import app
loaded = {name.split(".")[0] for name in sys.modules}
print(sorted(loaded & {"chalice_ws", "moto", "aiohttp", "requests"}))
"""
    assert run(app, sys.executable, "-B", "-c", probe) == "[]\n"
