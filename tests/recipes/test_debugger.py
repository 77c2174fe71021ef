"""The configurations of .vscode/launch.json, as an editor starts them."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.conftest import Bake
from tests.local.gateway import ask, client
from tests.recipes.debugger import Debugger
from tests.recipes.reader import steps

ECHO = '    return {"type": "echo", "data": data}'

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not importlib.util.find_spec("debugpy"), reason="debugpy is not installed"),
]


def configuration(app: Path, name: str, file: Path) -> dict[str, Any]:
    """Return a configuration of the recipe, with the values of an editor."""
    page = (app / "docs" / "recipes" / "second-developer.md").read_text()
    (step,) = [each for each in steps(page) if each.file == ".vscode/launch.json"]
    text = step.block.replace("${workspaceFolder}/.venv/bin/python", sys.executable)
    found = json.loads(text.replace("${file}", str(file)))["configurations"]
    return next(dict(each) for each in found if each["name"] == name)


@pytest.mark.parametrize("name", ["App", "Tests of this file"])
def test_handler_stops_at_a_breakpoint(bake: Bake, name: str) -> None:
    app = bake(app_name="tea")
    actions, tests = app / "chalicelib" / "actions.py", app / "tests" / "app" / "test_echo.py"
    line = actions.read_text().splitlines().index(ECHO) + 1
    tests.write_text(
        "from tests.client import Api\n\n\ndef test_echo(api: Api) -> None:\n"
        '    assert api.connect().request("echo", data="tea")["data"] == "tea"\n'
    )
    settings = configuration(app, name, tests)
    if name == "App":
        settings["args"] += ["--port", "0"]
    with Debugger(settings, app, {actions: [line]}) as debugger:
        replies: list[str] = []
        if name == "App":
            printed = debugger.wait_for_output("Press Ctrl-C")
            found = re.search(r"ws://\S+", printed)
            assert found, printed

            def talk(url: str) -> None:
                with client(url) as ann:
                    replies.append(str(ask(ann, '{"action": "echo", "data": "tea"}')))

            thread = Thread(target=talk, args=[found[0]])
            thread.start()
        with debugger.stopped() as frame:
            assert (frame["name"], frame["line"]) == ("echo", line)
            assert debugger.evaluate("data", frame) == "'tea'"
        if name == "App":
            thread.join()
            assert json.loads(replies[0])["data"] == "tea"
        else:
            debugger.wait_for_output("1 passed")
