"""The version, which stands in `chalice_ws/__init__.py`, and where else it is shown."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def version_of(app: Path) -> str:
    """Return what `chalice_ws --version` prints in an app."""
    command = [sys.executable, "-B", "-m", "chalice_ws", "--version"]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True, check=True)
    name, version = done.stdout.split()
    assert name == "chalice-ws"
    return version


def test_readme_of_an_app_names_the_version_of_its_toolkit(app: Path) -> None:
    (named,) = re.findall(r"version (\S+) of its template", (app / "README.md").read_text())
    assert named == version_of(app)


def test_version_stands_in_the_changelog(app: Path) -> None:
    """A version under development has the heading of what is not released."""
    heading = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    version = version_of(app)
    assert heading == ("Unreleased" if ".dev" in version else version)
