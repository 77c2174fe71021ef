"""The workflows and the files beside them, of the template and of the app."""

import re
import subprocess
from pathlib import Path

import yaml

from tests.conftest import RAW
from tests.deploy.aws.account import BIN


def audit(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Audit the workflows below a folder with zizmor."""
    command = [f"{BIN}/zizmor", "--offline", "--persona=pedantic", "--strict-collection", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_audit_finds_nothing(template: Path) -> None:
    for folder in (template, template / RAW.name):
        done = audit(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "completed ./.github/workflows/ci.yml" in done.stderr


def test_audit_finds_an_action_that_is_not_pinned(template: Path, tmp_path: Path) -> None:
    text = (template / ".github" / "workflows" / "ci.yml").read_text()
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").write_text(re.sub(r"checkout@\w{40} # v[\d.]+", "checkout@v6", text))
    done = audit(tmp_path)
    assert done.returncode != 0
    assert "unpinned-uses" in done.stdout


def test_each_action_is_pinned_with_its_version(template: Path) -> None:
    """One version of an action is one commit, in all workflows."""
    pins = set()
    for path in template.rglob(".github/workflows/*.yml"):
        for uses in re.findall(r"uses: (.*)", path.read_text()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", uses), uses
            pins.add(uses)
    assert len({uses.partition("@")[0] for uses in pins}) == len(pins)


def test_each_folder_of_dependabot_has_something_to_update(template: Path) -> None:
    for root in (template, template / RAW.name):
        updates = yaml.safe_load((root / ".github" / "dependabot.yml").read_text())["updates"]
        for update in updates:
            for name in update.get("directories", [update.get("directory")]):
                folder = root / name.strip("/")
                pip = [*folder.glob("requirements*.txt"), *folder.glob("pyproject.toml")]
                actions = [*folder.glob(".github/workflows/*.yml")]
                assert {"pip": pip, "github-actions": actions}[update["package-ecosystem"]], name


def test_issue_forms_ask_with_labels(template: Path) -> None:
    for name in ("bug", "idea"):
        form = yaml.safe_load((template / ".github/ISSUE_TEMPLATE" / f"{name}.yml").read_text())
        assert form.keys() == {"name", "description", "labels", "body"}
        for each in form["body"]:
            assert each["type"] == "markdown" or each["attributes"]["label"]
