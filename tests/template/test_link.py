"""An app that was made with plain cookiecutter, linked to the template as its README says."""

import re
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from tests.conftest import Bake, files
from tests.template import owner
from tests.template.cruft_app import (
    commit,
    git,
    own_files,
    publish,
    publish_current,
    run,
    update,
)
from tests.template.test_updates import COMMITS, commit_of


@pytest.mark.full
def test_app_made_with_cookiecutter_gets_updates_once_it_is_linked(
    template: Path, tmp_path: Path, bake: Bake
) -> None:
    repo = tmp_path / "repo"
    publish(repo, commit_of(next(iter(COMMITS))))
    made = git(repo, "rev-parse", "v1").strip()
    answers = {"app_name": "tea", "app_kind": "notifications"}
    apps = {"no_input": True, "output_dir": str(tmp_path), "extra_context": answers}
    app = Path(cookiecutter(str(repo), **apps))
    git(app, "init", "-q")
    owner.add_action(app)
    commit(app, "mine")
    publish_current(repo, template)

    readme = (template / "{{cookiecutter.app_name}}" / "README.md").read_text()
    (link,) = re.findall(r"^    pipx run (cruft link .*)$", readme, re.MULTILINE)
    command = link.replace("TEMPLATE", str(repo)).replace("COMMIT", made)
    # The last answer is the commit: the one that the question proposes.
    run(app, *command.split(), answers="tea\n2\n\n\n")
    git(app, "add", ".cruft.json")
    git(app, "commit", "-qm", "Link the app to its template")
    update(app)
    expected = bake({"output_dir": str(tmp_path / "expected")}, **answers)
    owner.add_action(expected)
    assert own_files(app) == files(expected)
