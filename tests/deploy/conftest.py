"""Fixtures: an app to change, a scripted AWS, and the deploy commands that call it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.scripted import Run, ScriptedAws
from tests.warm import run_module


@pytest.fixture
def scripted_aws() -> Iterator[ScriptedAws]:
    server = ScriptedAws()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def copy(app: Path, tmp_path: Path) -> Path:
    """An app that the test may change."""
    return Path(shutil.copytree(app, tmp_path / "app"))


@pytest.fixture
def deploy(scripted_aws: ScriptedAws, copy: Path, tmp_path: Path) -> Run:
    """A function that runs `python -m chalice_ws.deploy` in the app.

    Its keyword arguments are environment variables. None removes a variable. `version` is what
    Python says that it is.
    """

    def run(
        *arguments: str, answer: str = "", version: str = "", **changes: str | None
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": scripted_aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            **changes,
        }
        inherited = {name: each for name, each in os.environ.items() if not name.startswith("AWS_")}
        given = {name: each for name, each in variables.items() if each is not None}
        environment = {**inherited, **given, "HOME": str(tmp_path)}
        if not version:
            return run_module(
                "chalice_ws.deploy", *arguments, cwd=copy, env=environment, input=answer
            )
        script = f"sys.version_info = ({version.replace('.', ', ')}); sys.exit(main())"
        script = f"import sys; from chalice_ws.deploy.cli import main; {script}"
        return subprocess.run(
            [sys.executable, "-B", "-c", script, *arguments],
            cwd=copy,
            env=environment,
            input=answer,
            capture_output=True,
            text=True,
        )

    return run
