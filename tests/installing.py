"""pip in tests, which may have no network."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import OWN_HOME

# The settings of pip, such as its index, are in the home folder. pip runs itself for a build
# backend, with the same variables.
PIP_VARIABLES = {"HOME": OWN_HOME, "PIP_RETRIES": "0", "PIP_TIMEOUT": "10"}

# pip's message, also where it can reach no registry.
NOT_FOUND = re.compile(r"No matching distribution found for ([\w.-]+)")


def check_installed(done: "subprocess.CompletedProcess[str]") -> None:
    """Check that pip has succeeded. Skip the test if pip can get no version of a package here."""
    found = NOT_FOUND.search(done.stderr)
    if done.returncode and found and not _is_available(found[1]):
        pytest.skip(f"pip cannot reach a registry that has {found[1]}")
    assert done.returncode == 0, done.stderr


def _is_available(package: str) -> bool:
    with TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, package]
        variables = {**os.environ, **PIP_VARIABLES}
        return subprocess.run(download, env=variables, capture_output=True).returncode == 0


def pip_install(python: Path, *packages: str, env: Mapping[str, str]) -> str:
    """Install packages into the environment of a Python; return what pip has printed.

    Args:
        env: the variables of the machine.
    """
    pip = [sys.executable, "-m", "pip", f"--python={python}", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", *packages],
        cwd=python.parent,
        env={**env, **PIP_VARIABLES},
        capture_output=True,
        text=True,
    )
    check_installed(done)
    return done.stdout
