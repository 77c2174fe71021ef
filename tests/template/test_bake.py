"""Answers and hooks: what is refused, what arrives, and what does not depend on a hook."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException, OutputDirExistsException

from tests.conftest import Bake, files

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
def test_a_refused_answer_is_named_and_leaves_nothing(
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


def test_all_problems_are_named_at_once(bake: Bake, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FailedHookException):
        bake(app_name="my chat", aws_region="here")
    assert capfd.readouterr().err.count("error: ") == 2


def test_a_kind_that_is_none_is_refused(bake: Bake, tmp_path: Path) -> None:
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
def test_a_hostile_answer_is_refused_as_it_is(
    bake: Bake, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: str
) -> None:
    """It reaches the hook letter by letter, and nothing of it is run on the way."""
    bake(app_name="tea")
    content = json.loads((home / "replay" / "template.json").read_text())
    content["cookiecutter"].update(app_name="hostile", aws_region=answer)
    replay = home / "hostile.json"  # as typed at the prompt: what comes as an option is rendered
    replay.write_text(json.dumps(content))
    options = {"replay": str(replay), "no_input": False, "extra_context": None}
    capfd.readouterr()
    with pytest.raises(FailedHookException):
        bake(options)
    assert capfd.readouterr().err == (
        f"error: aws_region is not a region (got {answer!r}); use one such as 'us-east-1'\n"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"tea"}


@pytest.mark.parametrize("name", ["../escaped", "a/b", "/", "", ".", ".."])
def test_a_name_cannot_be_a_path(bake: Bake, tmp_path: Path, name: str) -> None:
    with pytest.raises((FailedHookException, OutputDirExistsException)):
        bake({"output_dir": str(tmp_path / "in" / "here")}, app_name=name)
    assert files(tmp_path) == {}


def test_the_longest_name_and_odd_regions_are_taken(bake: Bake) -> None:
    assert bake(app_name="x" * 25, aws_region="us-gov-west-1").is_dir()
    assert bake(app_name="A-1-b", aws_region="eusc-de-east-1").is_dir()


def test_three_lines_say_what_to_do_next(bake: Bake, capfd: pytest.CaptureFixture[str]) -> None:
    bake(app_name="tea")
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "cd tea" in lines[0]
    assert "make run" in lines[1]


def test_hooks_that_never_ran_or_run_again_change_nothing(bake: Bake, template: Path) -> None:
    with_hooks = files(bake(app_name="one"))
    without = files(bake({"accept_hooks": False, "overwrite_if_exists": True}, app_name="one"))
    again = files(bake({"overwrite_if_exists": True}, app_name="one"))
    assert with_hooks == without == again


def test_the_command_line_bakes_without_hooks(template: Path, tmp_path: Path) -> None:
    command = [str(BIN / "cookiecutter"), "--no-input", "--accept-hooks", "no"]
    subprocess.run([*command, "-o", str(tmp_path), str(template)], check=True)
    assert (tmp_path / "chalice-ws-app" / "app.py").exists()


def test_a_replay_gives_the_same(bake: Bake, tmp_path: Path) -> None:
    first = files(bake(app_name="tea", app_kind="echo"))
    replay = {"replay": True, "no_input": False, "extra_context": None}
    second = bake({**replay, "output_dir": str(tmp_path / "again")})
    assert files(second) == first


def test_a_broken_template_does_not_come_out(
    bake: Bake, template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(template, copy)
    source = copy / "{{cookiecutter.app_name}}" / "app.py"
    source.write_text(source.read_text().replace(".update([", ".extend(["))
    from cookiecutter.main import cookiecutter

    out = tmp_path / "out"
    with pytest.raises(FailedHookException):
        cookiecutter(str(copy), no_input=True, output_dir=str(out))
    assert "error: app.py:" in capfd.readouterr().err
    assert files(out) == {}
