"""Settings of the shell, Python, make and git that people have: make works with all of them."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import ROOT, files
from tests.template.test_app import IN_THIS_ENVIRONMENT

# Stands for a folder with modules that end each program that imports them.
FOREIGN = "FOREIGN"

# By group: a setting may hide another's effect.
SETTINGS = {
    "python": {
        "PYTHONPATH": FOREIGN,
        "PYTHONHOME": "/nowhere",
        "PYTHONSAFEPATH": "1",
        "PYTHONINSPECT": "1",
        "PYTHONOPTIMIZE": "2",
        "CONDA_PREFIX": "/nowhere/conda",
        "VIRTUAL_ENV": "/nowhere/venv",
    },
    "text": {
        "PYTHONWARNINGS": "error",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "COLUMNS": "10",
        "TERM": "dumb",
        "TZ": "Nowhere/Else",
    },
    "shell": {
        "MAKEFLAGS": "-j8 --no-print-directory -s",
        "CDPATH": "/tmp:/",
        "GREP_OPTIONS": "--color=always",
        "HOME": "/nowhere",
        "TMPDIR": FOREIGN,
        "GIT_DIR": "/nowhere/.git",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    },
    "aws": {
        "AWS_REGION": "",
        "AWS_PROFILE": "missing",
        "AWS_CONFIG_FILE": f"{FOREIGN}/wrong",
        "AWS_RETRY_MODE": "wrong",
    },
    "credentials": {"AWS_CONFIG_FILE": f"{FOREIGN}/hangs"},
}


def set_all(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the variables of this process with the settings of some groups."""
    foreign = folder / "a foreign folder"
    foreign.mkdir()
    for module in ("chalice.py", "boto3.py", "json.py"):
        (foreign / module).write_text("raise SystemExit('of another environment')\n")
    (foreign / "wrong").write_text("[default\n")
    (foreign / "hangs").write_text("[default]\ncredential_process = sleep 600\n")
    values = {
        name: value.replace(FOREIGN, str(foreign))
        for group in names
        for name, value in SETTINGS[group].items()
    }
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name.lower() != "no_proxy"
    }
    return {**own, **values}


def check_and_package(app: Path, environment: dict[str, str]) -> None:
    """Run targets that import the app, write files and start processes."""
    command = ["make", "check", "package", *IN_THIS_ENVIRONMENT]
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (app / "build" / "dev" / "deployment.zip").exists()


@pytest.mark.full
def test_targets_with_all_settings_in_an_odd_folder_succeed(app: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(app, tmp_path / 'it\'s "a" folder $HOME é #1' / "app")
    check_and_package(copy, set_all(tmp_path, SETTINGS))


@pytest.mark.full
@pytest.mark.parametrize("name", SETTINGS)
def test_targets_with_settings_of_a_kind_succeed(app: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    check_and_package(copy, set_all(tmp_path, [name]))


@pytest.mark.full
def test_targets_without_a_home_and_for_oneself_succeed(app: Path, tmp_path: Path) -> None:
    """The umask 077 lets nobody else read a file."""
    copy = shutil.copytree(app, tmp_path / "app")
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    environment = set_all(tmp_path, [])
    del environment["HOME"]
    previous = os.umask(0o077)
    try:
        check_and_package(copy, environment)
    finally:
        os.umask(previous)


def git(folder: Path, *arguments: str) -> None:
    """Run git with settings of a machine with Windows' line ends."""
    settings = ["user.name=a", "user.email=a@example.com", "core.autocrlf=true"]
    options = [part for setting in settings for part in ("-c", setting)]
    subprocess.run(["git", *options, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("name", ["app", "template"])
def test_checkout_with_autocrlf_has_the_files_as_they_are(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = shutil.copytree(request.getfixturevalue(name), tmp_path / "source")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        git(source, *command)
    git(tmp_path, "clone", "-q", str(source), str(tmp_path / "clone"))
    shutil.rmtree(source / ".git")
    shutil.rmtree(tmp_path / "clone" / ".git")
    assert files(tmp_path / "clone") == files(source)


@pytest.mark.parametrize("name", ["Makefile", "{{cookiecutter.app_name}}/Makefile"])
def test_makefile_needs_no_newer_make_than_macos_has(name: str) -> None:
    """Version 3.81 lacks these."""
    text = (ROOT / name).read_text()
    assert not [word for word in ("!=", ".ONESHELL", "$(file ", "::=", "&:") if word in text]
