"""The answers, the hooks and what they refuse."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException, OutputDirExistsException
from cookiecutter.main import cookiecutter

from tests.conftest import ROOT, Bake, files
from tests.edits import Edit, replace

BIN = Path(sys.executable).parent

REFUSED = [
    ({"app_name": "my chat"}, "use 'my-chat'"),
    ({"app_name": "my_chat"}, "use 'my-chat'"),
    ({"app_name": "my--chat"}, "use 'my-chat'"),
    ({"app_name": "7chat"}, "use 'chat'"),
    ({"app_name": "-chat"}, "use 'chat'"),
    ({"app_name": "chat-"}, "use 'chat'"),
    ({"app_name": "chät"}, "app_name"),
    ({"app_name": "chat\n"}, "app_name"),
    ({"app_name": "x" * 26}, "at most 25"),
    ({"aws_region": ""}, "use one such as 'us-east-1'"),
    ({"aws_region": "Frankfurt"}, "(got 'Frankfurt')"),
    ({"aws_region": "us-east-1\nall: ; touch owned"}, "aws_region"),
]


@pytest.mark.parametrize(("answers", "message"), REFUSED)
def test_answer_not_valid_is_reported_and_generates_nothing(
    bake: Bake,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    answers: dict[str, str],
    message: str,
) -> None:
    with pytest.raises(FailedHookException):
        bake(**answers)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "; use " in line
    assert files(tmp_path) == {}


def test_answers_with_faults_report_all(bake: Bake, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FailedHookException):
        bake(app_name="my chat", aws_region="here")
    assert capfd.readouterr().err.count("error: ") == 2


def test_kind_unknown_is_refused(bake: Bake, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="app_kind"):
        bake(app_kind="video")
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "answer",
    [
        "'''+__import__('os').system('touch owned')+r'''",
        '"""+__import__("os").system("touch owned")+"""',
        "{{ 7 * 7 }}",
        "{% raw %}",
        "a'b\"c",
        "\\",
        "$(touch owned)",
        "a\0b",
        "../escaped",
    ],
)
def test_answer_with_code_is_refused_unevaluated(
    bake: Bake, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: str
) -> None:
    """The answer reaches the hook unchanged, and no part of it is evaluated."""
    bake(app_name="tea")
    content = json.loads((home / "replay" / "template.json").read_text())
    content["cookiecutter"].update(app_name="hostile", aws_region=answer)
    # A replay is as typed at the prompt. Cookiecutter renders an answer that comes as an option.
    replay = home / "hostile.json"
    replay.write_text(json.dumps(content))
    options = {"replay": str(replay), "no_input": False, "extra_context": None}
    capfd.readouterr()
    with pytest.raises(FailedHookException):
        bake(options)
    assert capfd.readouterr().err == (
        f"error: aws_region is not a region (got {answer!r}); use one such as 'us-east-1'\n"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"tea"}


@pytest.mark.parametrize("name", ["../escaped", "../x/y", "a/b", "/tmp", "/", "", ".", ".."])
def test_name_that_is_a_path_is_refused_and_makes_no_folder(
    bake: Bake, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((FailedHookException, OutputDirExistsException)) as refused:
        bake({"output_dir": str(tmp_path / "in" / "here")}, app_name=name)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert made <= {"in", "in/here"}
    if refused.type is FailedHookException:
        assert f"(got {name!r})" in capfd.readouterr().err


def test_longest_name_and_rare_regions_are_accepted(bake: Bake) -> None:
    assert bake(app_name="x" * 25, aws_region="us-gov-west-1").is_dir()
    assert bake(app_name="A-1-b", aws_region="eusc-de-east-1").is_dir()


def test_bake_prints_three_next_steps(bake: Bake, capfd: pytest.CaptureFixture[str]) -> None:
    bake(app_name="tea")
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "cd tea" in lines[0]
    assert "make run" in lines[1]


def test_hooks_skipped_or_repeated_change_nothing(bake: Bake, template: Path) -> None:
    with_hooks = files(bake(app_name="one"))
    without = files(bake({"accept_hooks": False, "overwrite_if_exists": True}, app_name="one"))
    again = files(bake({"overwrite_if_exists": True}, app_name="one"))
    assert with_hooks == without == again


def test_command_line_without_hooks_generates_the_app(template: Path, tmp_path: Path) -> None:
    command = [str(BIN / "cookiecutter"), "--no-input", "--accept-hooks", "no"]
    subprocess.run([*command, "-o", str(tmp_path), str(template)], check=True)
    assert (tmp_path / "chalice-ws-app" / "app.py").exists()


@pytest.mark.parametrize("address", [".", "absolute"])
def test_leftovers_in_the_template_are_not_copied(
    template: Path, app: Path, tmp_path: Path, address: str
) -> None:
    """Tools leave folders in a checkout, with text that is no template, and other bytes."""
    dirty = shutil.copytree(template, tmp_path / "dirty")
    inner = dirty / "{{cookiecutter.app_name}}"
    for folder in (inner, inner / "chalicelib", inner / "docs"):
        for name in (".mypy_cache", ".ruff_cache", ".venv/lib", "__pycache__", "node_modules/a"):
            (folder / name).mkdir(parents=True)
            (folder / name / "a.json").write_text("{{ cookiecutter.none() }} {% end {# ")
            (folder / name / "a.pyc").write_bytes(bytes(range(256)))
        (folder / ".DS_Store").write_bytes(b"\x00\xff{{ cookiecutter")
    output = tmp_path / "out"
    # What is the owner's stays.
    kept = output / "chalice-ws-app" / "mine" / "node_modules" / "mine"
    kept.parent.mkdir(parents=True)
    kept.touch()
    source = address if address == "." else str(dirty)
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-f", "-o", str(output), source]
    environment = {**os.environ, "PWD": str(dirty)}
    done = subprocess.run(command, cwd=dirty, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept.unlink()
    assert files(output / "chalice-ws-app") == files(app)


def test_replay_generates_the_same_files(bake: Bake, tmp_path: Path) -> None:
    first = files(bake(app_name="tea", app_kind="echo"))
    replay = {"replay": True, "no_input": False, "extra_context": None}
    second = bake({**replay, "output_dir": str(tmp_path / "again")})
    assert files(second) == first


CONFIG = ".chalice/config.json"


# What the post-generation hook says of an app that lacks something.
BROKEN_OUTPUTS: dict[str, tuple[Edit, str]] = {
    "left-over": (
        lambda app: (app / "web" / "note.js").write_text("// {" + "{ cookiecutter.app_name }}"),
        "web/note.js is not rendered",
    ),
    "JSON": (replace("resources.json", "{", "{,"), "resources.json is not valid JSON"),
    "flag": (replace("app.py", ".update([", ".extend(["), "app.py lacks the statement"),
    "session": (replace("app.py", "app.websocket_api.session =", "other ="), "session = '"),
    "connect": (replace("app.py", "@app.on_ws_connect()", ""), "@app.on_ws_connect()"),
    "message": (replace("app.py", "@app.on_ws_message()", ""), "@app.on_ws_message()"),
    "disconnect": (replace("app.py", "@app.on_ws_disconnect()", ""), "@app.on_ws_disconnect()"),
    "action": (replace(CONFIG, '"echo,', '"ecko,'), "an unknown action (got 'ecko')"),
    "policy file": (
        lambda app: (app / ".chalice/prod/notify.json").unlink(),
        "stage prod: notify has no policy (got 'prod/notify.json')",
    ),
    "policy name": (
        replace(CONFIG, '"fanout": {"iam_policy_file": "dev/fanout.json"}', '"other": {}'),
        "stage dev: fanout has no policy (got None)",
    ),
    "syntax": (replace("app.py", "def connect(", "def connect"), "cannot be checked (got Syntax"),
    "settings": (replace(CONFIG, '"stages"', '"stage"'), "(got KeyError('stages'))"),
}


def run_hook(app: Path) -> tuple[int, list[str]]:
    """Run the post-generation hook on an app as cookiecutter does; return its errors."""
    hook = (ROOT / "hooks" / "post_gen_project.py").read_text()
    hook = re.sub(r"\{\{ cookiecutter . tojson }}", '{"app_name": "tea"}', hook)
    command = [sys.executable, "-I", "-S", "-B", "-c", hook]
    result = subprocess.run(command, cwd=app, capture_output=True, text=True)
    return result.returncode, result.stderr.splitlines()


@pytest.mark.parametrize("fault", BROKEN_OUTPUTS)
def test_hook_with_broken_output_reports_it(app: Path, tmp_path: Path, fault: str) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    assert run_hook(copy) == (0, [])
    edit, message = BROKEN_OUTPUTS[fault]
    edit(copy)
    before = files(copy)
    status, lines = run_hook(copy)
    assert status == 1
    assert all(re.match(r"error: .*; correct the template", line) for line in lines), lines
    assert any(message in line for line in lines), lines
    assert files(copy) == before


def test_hook_with_several_faults_reports_all(app: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    faults = ["left-over", "flag", "session", "connect", "action", "policy file", "policy name"]
    for fault in faults:
        BROKEN_OUTPUTS[fault][0](copy)
    text = "\n".join(run_hook(copy)[1])
    assert all(BROKEN_OUTPUTS[fault][1] in text for fault in faults), text


def test_broken_template_generates_nothing(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(template, tmp_path / "broken")
    BROKEN_OUTPUTS["flag"][0](copy / "{{cookiecutter.app_name}}")
    with pytest.raises(FailedHookException):
        cookiecutter(str(copy), no_input=True, output_dir=str(tmp_path / "out"))
    assert "error: app.py lacks the statement" in capfd.readouterr().err
    assert files(tmp_path / "out") == {}
