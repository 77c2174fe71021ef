"""`make check` with mistakes in the actions, and what it says of an app without any."""

import json
import re
from pathlib import Path

import pytest

from tests.edits import Edit, replace
from tests.project.test_check import CONFIG, append, check, copy_with, run_check

ACTION = """

@router.action(channel=CHANNEL)
def wave(request: Request, *, channel: str) -> replies.Left:
    return {"type": "left", "channel": channel}
"""

SESSION = "app.websocket_api.session = session\n"


def line_of(path: Path, text: str) -> int:
    """Return the number of the last line that has a text."""
    lines = enumerate(path.read_text().splitlines(), 1)
    return [number for number, line in lines if text in line][-1]


def test_check_without_problems_names_what_it_has_checked(app: Path) -> None:
    """One line names the stages and the counts."""
    status, output = run_check(app)
    assert status == 0
    count = r"6 functions, 10 actions, 6 policies, \d variables, {} resource files?"
    line = rf"No problems in dev: {count.format(1)}; prod: {count.format(2)}\n"
    assert re.fullmatch(line, output)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("wave,echo", r"\(got 'wave'\); use some of broadcast, channels, echo"),
        ("echo,...", r"\(got '\.\.\.'\); use some of broadcast, channels, echo"),
        ("echo,hlep", r"\(got 'hlep'\); use help"),
    ],
)
def test_check_of_unknown_action_names_it(
    app: Path, tmp_path: Path, names: str, message: str
) -> None:
    copy = copy_with(app, tmp_path)
    config = json.loads((copy / CONFIG).read_text())
    config["stages"]["prod"]["environment_variables"]["WS_ACTIONS"] = names
    (copy / CONFIG).write_text(json.dumps(config))
    status, (line,) = check(copy)
    assert status == 1
    assert re.search(rf"stage prod: WS_ACTIONS has an unknown action {message}", line)


def test_check_of_action_that_no_stage_has_warns(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path, append("chalicelib/actions.py", ACTION))
    warning = f"warning: {CONFIG}: no stage has the action wave; add it to WS_ACTIONS"
    assert check(copy) == (0, [warning])
    replace(CONFIG, '"WS_ACTIONS": "', '"WS_ACTIONS": "wave,')(copy)
    assert check(copy) == (0, [])


@pytest.mark.parametrize(
    ("edit", "file", "text", "message"),
    [
        (
            append("chalicelib/actions.py", ACTION.replace("channel=C", "chanel=C", 1)),
            "chalicelib/actions.py",
            "@router.action",
            "action wave: its decorator has a field without a parameter (got chanel); its parameter"
            " is channel: use one name for both",
        ),
        (
            append("chalicelib/access.py", "\nLIMITS = limit\n"),
            "chalicelib/access.py",
            "LIMITS",
            "does not import (got NameError: name 'limit' is not defined); import it, or define it",
        ),
        # Lambda imports the connect function without the actions.
        (
            replace("app.py", SESSION, f"{SESSION}ROUTER = router\n"),
            "app.py",
            "ROUTER",
            "(got NameError: name 'router' is not defined); import it, or define it",
        ),
    ],
)
def test_check_of_app_that_does_not_import_names_the_line(
    app: Path, tmp_path: Path, edit: Edit, file: str, text: str, message: str
) -> None:
    copy = copy_with(app, tmp_path, edit)
    status, (line,) = check(copy)
    assert status == 1
    assert f"{file}:{line_of(copy / file, text)} does not import" in line
    assert message in line
