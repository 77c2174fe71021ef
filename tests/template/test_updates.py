"""Updates of an app with cruft: the template's changes arrive, and the owner's changes stay."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RAW, ROOT, Bake, files
from tests.template import owner
from tests.template.cruft_app import (
    commit,
    create,
    git,
    own_files,
    publish,
    publish_current,
    run,
    update,
)

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()

# The commit of each version, the last one first.
COMMITS: dict[str, str] = dict(
    re.findall(r"^\| ([\d.]+) \| `([0-9a-f]{40})` \|$", CHANGELOG, re.MULTILINE)
)

CONFIG = ".chalice/config.json"
ACCESS = "chalicelib/access.py"
ACTIONS = "chalicelib/actions.py"

# The files whose changes conflict, as CHANGELOG.md says.
CONFLICTS = {
    "0.1.0": [CONFIG, "app.py", ACTIONS],
    "0.2.0": [CONFIG, "app.py", ACTIONS],
    "0.3.0": [CONFIG, ACCESS, ACTIONS],
    "0.4.0": [ACTIONS],
}


def commit_of(version: str) -> str:
    """Return the commit of a version. Skip the test where the clone does not have it."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{COMMITS[version]}^{{tree}}"], cwd=ROOT, capture_output=True
    )
    if found.returncode:
        pytest.skip("the clone is too shallow: git fetch --unshallow")
    return COMMITS[version]


def test_each_version_of_the_changelog_has_its_commit_and_its_update() -> None:
    """The commit of a release cannot name itself: the next commit does."""
    headings = re.findall(r"^## \[([\d.]+)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
    (current,) = re.findall(r'"(.*)"', (RAW / "chalice_ws" / "__init__.py").read_text())[-1:]
    earlier = [each for each in headings if each != current or each in COMMITS]
    assert earlier == list(COMMITS)
    assert sorted(earlier) == list(CONFLICTS)


@pytest.mark.full
@pytest.mark.parametrize("version", CONFLICTS)
def test_update_keeps_the_owners_changes_but_for_known_conflicts(
    template: Path, tmp_path: Path, bake: Bake, version: str
) -> None:
    """The steps after the update are those of CHANGELOG.md."""
    repo = tmp_path / "repo"
    publish(repo, commit_of(version))
    app = create(repo, tmp_path)
    changes = (owner.add_action, owner.add_rule, owner.change_settings, owner.add_resource)
    for change in changes:
        change(app)
    commit(app, "mine")
    publish_current(repo, template)
    update(app)
    conflicts = git(app, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == CONFLICTS[version]
    assert not list(app.rglob("*.rej"))

    if conflicts:
        git(app, "checkout", "--theirs", *conflicts)
        owner.add_action(app)
        if CONFIG in conflicts:
            owner.change_settings(app)
            owner.add_rule(app)
    expected = bake({"output_dir": str(tmp_path / "expected")})
    for change in changes:
        change(expected)
    assert own_files(app) == files(expected)
    link = json.loads((app / ".cruft.json").read_text())
    assert link["commit"] == git(repo, "rev-parse", "v2").strip()
    run(app, "python", "-B", "-m", "chalice_ws", "check")


def test_cruft_generates_the_same_files_as_cookiecutter(
    template: Path, tmp_path: Path, bake: Bake
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(template, repo)
    git(repo, "init", "-q", "-b", "main")
    commit(repo, "one")
    answers = {"app_name": "tea", "app_kind": "echo", "aws_region": "eu-west-1"}
    context = json.dumps(answers)
    run(tmp_path, "cruft", "create", str(repo), "--no-input", "--extra-context", context)
    made = own_files(tmp_path / "tea")
    assert made == files(bake({"output_dir": str(tmp_path / "expected")}, **answers))


@pytest.mark.full
def test_owner_is_told_that_the_template_has_changed(template: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    publish(repo, "HEAD")
    app = create(repo, tmp_path)
    run(app, "cruft", "check")
    (repo / RAW.name / "NEWS.md").write_text("more\n")
    commit(repo, "two")
    assert "out of date" in run(app, "cruft", "check", status=1)
