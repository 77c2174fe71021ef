"""Apps that cruft makes from a repository of the template, and updates."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import ROOT, files
from tests.deploy.aws.account import BIN


def run(folder: Path, *command: str, status: int = 0, answers: str = "") -> str:
    """Run a command and return its output. Raise AssertionError for another exit status.

    Args:
        answers: what a person types, each answer with a line end.
    """
    # cruft wraps its messages at the width of the terminal.
    environment = {**os.environ, "COLUMNS": "200", "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, input=answers, capture_output=True, text=True, env=environment
    )
    assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def git(folder: Path, *arguments: str) -> str:
    user = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return run(folder, "git", *user, *arguments)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def publish(repo: Path, revision: str) -> None:
    """Make a template's repository with a revision of this one, tagged v1."""
    repo.mkdir()
    archive = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-x"], cwd=repo, input=archive.stdout, check=True)
    git(repo, "init", "-q", "-b", "main")
    commit(repo, "one")
    git(repo, "tag", "v1")


def publish_current(repo: Path, template: Path) -> None:
    """Add the current template to the repository, tagged v2."""
    for path in repo.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(template, repo, dirs_exist_ok=True)
    commit(repo, "two")
    git(repo, "tag", "v2")


def create(repo: Path, folder: Path) -> Path:
    """Make an app of the template with cruft, and commit it as it is."""
    run(folder, "cruft", "create", str(repo), "--no-input")
    app = folder / "chalice-ws-app"
    git(app, "init", "-q")
    commit(app, "fresh")
    return app


def update(app: Path) -> str:
    """Update an app and return cruft's output."""
    run(app, "cruft", "check", status=1)
    output = run(app, "cruft", "update", "--skip-apply-ask")
    run(app, "cruft", "check")
    return output


def own_files(app: Path) -> dict[str, bytes]:
    """Return an app's files without those of git and cruft."""
    return {
        name: content
        for name, content in files(app).items()
        if not name.startswith(".git/") and name != ".cruft.json"
    }
