"""The doors of an app, and an AWS that answers as each test says."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.scripted import Aws, Run


@pytest.fixture
def aws() -> Iterator[Aws]:
    fake = Aws()
    try:
        yield fake
    finally:
        fake.stop()


@pytest.fixture
def copy(app: Path, tmp_path: Path) -> Path:
    """An app to break."""
    return Path(shutil.copytree(app, tmp_path / "app"))


@pytest.fixture
def deploy(aws: Aws, copy: Path, tmp_path: Path) -> Run:
    """`python -m deploy` in the app, as the Makefile runs it; None drops a variable."""

    def run(
        *arguments: str, answer: str = "", **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            **environment,
        }
        own = {name: each for name, each in os.environ.items() if not name.startswith("AWS_")}
        given = {name: each for name, each in variables.items() if each is not None}
        return subprocess.run(
            [sys.executable, "-B", "-m", "chalice_ws.deploy", *arguments],
            cwd=copy,
            env={**own, **given, "HOME": str(tmp_path)},
            input=answer,
            capture_output=True,
            text=True,
            timeout=50,
        )

    return run
