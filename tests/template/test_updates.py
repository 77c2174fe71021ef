"""Updates of an app with cruft: the template's changes arrive, and the owner's changes stay."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RAW, ROOT, Bake, files
from tests.deploy.aws.account import BIN

ACTION = """
@router.action()
def wave(request: Request) -> Frame:
    return {"type": "waved"}


"""

RULE = "    return True\n"
OWN_RULE = '    return "X-Blocked" not in event.to_dict()["headers"]\n'

# The same rule in access.py.
NEW_RULE = "    check_origin(event)\n"
OWN_NEW_RULE = f"""    if "X-Blocked" in event.to_dict()["headers"]:
        raise Refused(403, "blocked")
{NEW_RULE}"""
IMPORT = "import check_origin"
OWN_IMPORT = "import Refused, check_origin"


def run(folder: Path, *command: str, status: int = 0) -> str:
    """Run a command and return its output. Raise AssertionError for another exit status."""
    # cruft wraps its messages at the width of the terminal.
    environment = {**os.environ, "COLUMNS": "200", "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def git(folder: Path, *arguments: str) -> str:
    user = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return run(folder, "git", *user, *arguments)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def history(*arguments: str) -> list[str]:
    """Return the commits that a `git log` of the template lists, the last one first."""
    return git(ROOT, "log", "--format=%H", *arguments).split()


def last_version() -> str:
    """Return the last tag before HEAD. Without tags, return the first commit of the template."""
    tags = ["tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate"]
    return [*git(ROOT, *tags).split(), history("--", "cookiecutter.json")[-1]][0]


def before_folders() -> str:
    """Return the last commit whose chalicelib/ has no folders, and whose app.py has may_connect."""
    moves = history("--diff-filter=D", "--", f"{RAW.name}/chalicelib/broadcast.py")
    if not moves or not history("-1", f"{moves[0]}^"):
        pytest.skip("the clone is too shallow: git fetch --unshallow")
    return f"{moves[0]}^"


def publish(repo: Path, version: str) -> None:
    """Make a template's repository with a version of this one, tagged v1."""
    repo.mkdir()
    archive = subprocess.run(["git", "archive", version], cwd=ROOT, capture_output=True, check=True)
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


def replace(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def add_action(app: Path) -> None:
    """Add an action between those of the template."""
    channels = "@router.action()\ndef channels"
    replace(app / "chalicelib" / "actions.py", channels, ACTION.lstrip() + channels)


def change_settings(app: Path) -> None:
    """Enable the added action, and change a number."""
    config = app / ".chalice" / "config.json"
    replace(config, '"WS_ACTIONS": "', '"WS_ACTIONS": "wave,')
    replace(config, '"HISTORY_SECONDS": "86400"', '"HISTORY_SECONDS": "3600"')


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


def test_update_from_the_last_version_keeps_the_owners_action(
    template: Path, tmp_path: Path, bake: Bake
) -> None:
    repo = tmp_path / "repo"
    publish(repo, last_version())
    app = create(repo, tmp_path)
    add_action(app)
    commit(app, "mine")
    publish_current(repo, template)
    update(app)
    expected = bake({"output_dir": str(tmp_path / "expected")})
    add_action(expected)
    assert own_files(app) == files(expected)
    link = json.loads((app / ".cruft.json").read_text())
    assert link["commit"] == git(repo, "rev-parse", "v2").strip()


def test_update_to_folders_leaves_conflicts_of_may_connect_and_actions(
    template: Path, tmp_path: Path, bake: Bake
) -> None:
    """The steps after the update are those of CHANGELOG.md."""
    repo = tmp_path / "repo"
    publish(repo, before_folders())
    app = create(repo, tmp_path)
    add_action(app)
    change_settings(app)
    replace(app / "app.py", RULE, OWN_RULE)
    commit(app, "mine")
    publish_current(repo, template)
    update(app)
    conflicts = git(app, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == [".chalice/config.json", "app.py"]
    conflict = (app / "app.py").read_text()
    ours = conflict.partition("<<<<<<< ours\n")[2].partition("=======\n")[0]
    assert ours.startswith("def may_connect(")
    assert OWN_RULE in ours
    assert not list(app.rglob("*.rej"))

    git(app, "checkout", "--theirs", "app.py", ".chalice/config.json")
    change_settings(app)
    for old, new in [(NEW_RULE, OWN_NEW_RULE), (IMPORT, OWN_IMPORT)]:
        replace(app / "chalicelib" / "access.py", old, new)
    expected = bake({"output_dir": str(tmp_path / "expected")})
    add_action(expected)
    change_settings(expected)
    for old, new in [(NEW_RULE, OWN_NEW_RULE), (IMPORT, OWN_IMPORT)]:
        replace(expected / "chalicelib" / "access.py", old, new)
    assert own_files(app) == files(expected)
    run(app, "python", "-B", "-m", "chalice_ws", "check")


def test_owner_is_told_that_the_template_has_changed(template: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    publish(repo, "HEAD")
    app = create(repo, tmp_path)
    run(app, "cruft", "check")
    (repo / RAW.name / "NEWS.md").write_text("more\n")
    commit(repo, "two")
    assert "out of date" in run(app, "cruft", "check", status=1)
