"""Values that the owner cannot set, and versions of cookiecutter."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException

from tests.conftest import KINDS, OWN_HOME, ROOT, Bake, files

PRIVATE: dict[str, Any] = {
    "__ws_actions": "echo,help",
    "__fanout_rps": "1",
    "__folder": "other",
}


def test_each_private_variable_is_compared() -> None:
    """The name as it was given is for a message alone."""
    content = json.loads((ROOT / "cookiecutter.json").read_text())
    private = {name for name in content if name.startswith("__")}
    assert private == {*PRIVATE, "__given_name", "__prompts__"}


@pytest.mark.parametrize("name", PRIVATE)
def test_private_variable_given_as_an_answer_is_refused(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(FailedHookException):
        bake(**{name: PRIVATE[name]})
    error = f"error: {name} is not yours to set (got {PRIVATE[name]!r}); leave it out"
    assert capfd.readouterr().err.startswith(error)
    assert files(tmp_path) == {}


def replay_with(bake: Bake, home: Path, **values: Any) -> Path:
    """Return a replay file of an app `tea`, with other values."""
    bake(app_name="tea")
    content = json.loads((home / "replay" / "template.json").read_text())
    content["cookiecutter"].update(values)
    replay = home / "changed.json"
    replay.write_text(json.dumps(content))
    return replay


def test_replay_with_other_answers_generates_the_app(bake: Bake, home: Path) -> None:
    replay = replay_with(bake, home, app_name="coffee")
    app = bake({"replay": str(replay), "no_input": False, "extra_context": None})
    assert (app.name, (app / "app.py").exists()) == ("coffee", True)


@pytest.mark.parametrize(
    ("name", "value"), [*PRIVATE.items(), ("_extensions", []), ("_jinja2_env_vars", {})]
)
def test_private_variable_in_a_replay_is_refused(
    bake: Bake, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, value: Any
) -> None:
    replay = replay_with(bake, home, **{"app_name": "coffee", name: value})
    with pytest.raises(FailedHookException):
        bake({"replay": str(replay), "no_input": False, "extra_context": None})
    assert f"error: {name} is not yours to set (got {value!r})" in capfd.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"tea"}


def test_kind_in_a_replay_that_is_a_list_is_refused(
    bake: Bake, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    replay = replay_with(bake, home, app_name="coffee", app_kind=["chat", "echo"])
    with pytest.raises(FailedHookException):
        bake({"replay": str(replay), "no_input": False, "extra_context": None})
    assert capfd.readouterr().err.startswith("error: app_kind is unknown (got \"['chat', 'echo']")


def test_hook_has_the_values_of_cookiecutter_json() -> None:
    """The hook cannot read that file: cookiecutter runs it alone, in another folder."""
    constants = {
        statement.targets[0].id: statement.value
        for statement in ast.parse((ROOT / "hooks" / "pre_gen_project.py").read_text()).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    content = json.loads((ROOT / "cookiecutter.json").read_text())
    # Both are {...}[cookiecutter.app_kind] or '...'.split() inside of a Jinja expression.
    kinds = re.search(r"\{'.*?\}", content["__ws_actions"])
    regions = re.search(r"'([^']*)'\.split", content["__fanout_rps"])
    assert kinds is not None
    assert regions is not None
    assert ast.literal_eval(constants["KINDS"]) == ast.literal_eval(kinds[0])
    assert ast.literal_eval(constants["SLOW_REGIONS"]) == regions[1].split()


def test_private_variables_of_a_slow_region_pass_the_hook(bake: Bake) -> None:
    for kind in KINDS:
        assert bake(app_name=f"app-{kind}", app_kind=kind, aws_region="eu-south-1").is_dir()


def test_cookiecutter_too_old_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1.7.3 leaves private variables as they are in cookiecutter.json."""
    answers = {
        "app_name": "../tea",
        "app_kind": "video",
        "aws_region": "here",
        "__ws_actions": "{{ cookiecutter.app_kind }}",
        "_template": "gh:org/repo",
    }
    old = tmp_path / "cookiecutter-1.7.3.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: cookiecutter\nVersion: 1.7.3\n")
    hook = (ROOT / "hooks" / "pre_gen_project.py").read_text()
    hook = hook.replace("{{ cookiecutter | tojson }}", json.dumps(answers))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = subprocess.run([sys.executable, "-B", "-c", hook], capture_output=True, text=True)
    assert done.returncode == 1
    advice = "use 2.x: pipx run cookiecutter gh:org/repo"
    assert done.stderr == f"error: cookiecutter is too old (got 1.7.3); {advice}\n"


@pytest.mark.full
@pytest.mark.parametrize("version", ["1.7.3", "2.1.1", "2.4.0", "2.6.0"])
def test_other_version_of_cookiecutter_generates_the_same_or_is_refused(
    template: Path, app: Path, tmp_path: Path, version: str
) -> None:
    """The packages that it needs are those of the installed version, and two that are small."""
    packages = tmp_path / "packages"
    wanted = [f"cookiecutter=={version}", "poyo", "jinja2-time"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(packages), *wanted],
        env={**os.environ, "HOME": OWN_HOME},
        capture_output=True,
        text=True,
    )
    if "No matching distribution" in done.stderr:
        pytest.skip("pip reaches no registry with this version")
    assert done.returncode == 0, done.stderr
    # Version 1 makes the folders of a name before the hook can refuse it.
    answers = ["app_name=elsewhere/in/app"] if version.startswith("1.") else []
    options = ["--no-input", "-o", str(tmp_path), str(template), *answers]
    run = "from cookiecutter.__main__ import main; main(prog_name='cookiecutter')"
    done = subprocess.run(
        [sys.executable, "-B", "-c", run, *options],
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
    )
    if version.startswith("1."):
        assert done.returncode != 0
        assert f"error: cookiecutter is too old (got {version}); use 2.x" in done.stderr
        left = tmp_path / "elsewhere"
        assert f"has made an empty folder (got {str(left)!r})" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert files(tmp_path / "chalice-ws-app") == files(app)
