"""An app that was made with cruft, its owner's work in it, follows the template."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Bake, files
from tests.deploy.aws.account import BIN

ACTION = """

@router.action()
def wave(request: Request) -> Frame:
    return {"type": "waved"}
"""


def run(folder: Path, *command: str) -> str:
    """Run a command and return what it printed; a failure raises AssertionError with all of it."""
    # cruft writes to a terminal of its own width, and warns where it finds no user's config.
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def git(folder: Path, *arguments: str) -> str:
    user = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return run(folder, "git", *user, *arguments)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def previous() -> str:
    """The template's tag before this version, or where it has none, the first commit with it."""
    tags = git(
        ROOT, "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate"
    ).split()
    commits = git(ROOT, "log", "--format=%H", "--", "cookiecutter.json").split()
    return [*tags, commits[-1]][0]


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    """A repository with the template's previous version, tagged v1."""
    repo = tmp_path / "repo"
    repo.mkdir()
    archive = subprocess.run(
        ["git", "archive", previous()], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-x"], cwd=repo, input=archive.stdout, check=True)
    git(repo, "init", "-q", "-b", "main")
    commit(repo, "one")
    git(repo, "tag", "v1")
    return repo


def release(repo: Path, template: Path) -> None:
    """Commit the template as it is now, tagged v2."""
    for path in repo.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(template, repo, dirs_exist_ok=True)
    commit(repo, "two")
    git(repo, "tag", "v2")


def add_an_action(app: Path) -> None:
    """What an owner does first: an action of one's own, where the template changes nothing."""
    actions = app / "chalicelib" / "actions.py"
    before, next_one, after = actions.read_text().partition("@router.action()\ndef channels")
    assert next_one
    actions.write_text(before + ACTION + next_one + after)


def test_an_update_brings_what_is_new_and_keeps_what_the_owner_did(
    repo: Path, template: Path, tmp_path: Path, bake: Bake
) -> None:
    run(tmp_path, str(BIN / "cruft"), "create", str(repo), "--no-input")
    app = tmp_path / "chalice-ws-app"
    add_an_action(app)
    git(app, "init", "-q")
    commit(app, "mine")
    run(app, str(BIN / "cruft"), "check")
    release(repo, template)
    run(app, str(BIN / "cruft"), "update", "--skip-apply-ask")
    run(app, str(BIN / "cruft"), "check")
    new = bake({"output_dir": str(tmp_path / "new")})
    add_an_action(new)
    updated = {name: content for name, content in files(app).items() if ".git/" not in name}
    link = json.loads(updated.pop(".cruft.json"))
    assert link["commit"] == git(repo, "rev-parse", "v2").strip()
    assert updated == files(new)


def test_an_app_is_told_that_the_template_has_moved_on(repo: Path, tmp_path: Path) -> None:
    run(tmp_path, str(BIN / "cruft"), "create", str(repo), "--no-input")
    app = tmp_path / "chalice-ws-app"
    run(app, str(BIN / "cruft"), "check")
    (repo / "{{cookiecutter.app_name}}" / "NEWS.md").write_text("more\n")
    commit(repo, "two")
    with pytest.raises(AssertionError, match="out of date"):
        run(app, str(BIN / "cruft"), "check")
