"""The examples of the generated app's README, run as it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.local.gateway import SECONDS, client, serving
from tests.warm import run_module


def examples(app: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (app / "README.md").read_text(), re.DOTALL)


@pytest.mark.full
def test_added_action_works_and_passes_its_test(bake: Bake, tmp_path: Path) -> None:
    app = bake(app_name="tea", app_kind="notifications")
    action, reply, test, *_ = examples(app)
    with (app / "chalicelib" / "replies.py").open("a") as replies:
        replies.write("\n\n" + reply)
    with (app / "chalicelib" / "actions.py").open("a") as actions:
        actions.write("\n\n" + action)
    (app / "tests" / "app" / "test_wave.py").write_text(test)
    tests = ["tests/app/test_wave.py", "tests/app/test_asyncapi.py"]
    command = ["pytest", "-p", "no:cacheprovider", *tests]
    result = run_module(*command, cwd=app)
    assert "(got wave in chalicelib/actions.py:" in result.stdout
    assert result.stdout.count("FAILED") == 1, result.stdout
    assert run_module("docs.protocol", cwd=app).returncode == 0
    result = run_module(*command, "-k", "wave or documents", cwd=app)
    assert result.returncode == 0, result.stdout

    config = app / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"WS_ACTIONS": "', '"WS_ACTIONS": "wave,'))
    with serving(app, app, tmp_path) as gateway, client(gateway.url) as ann:
        ann.send('{"action": "wave", "name": "Ann"}')
        assert json.loads(ann.recv(SECONDS))["data"] == "Ann waves"
        assert json.loads(ann.recv(SECONDS)) == {"type": "waved"}
    check = run_module("chalice_ws", "check", cwd=app)
    assert check.returncode == 0, check.stderr


def test_message_from_another_process_arrives(app: Path, tmp_path: Path) -> None:
    script = examples(app)[-1]
    with serving(app, app, tmp_path) as gateway, client(gateway.url) as ann:
        # The reply shows that ann is in the lobby.
        ann.send('{"action": "echo", "data": 1}')
        ann.recv(SECONDS)
        script = script.replace("http://127.0.0.1:8000", gateway.page.rstrip("/"))
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert '"delivered": 1' in result.stdout, result.stderr
        push = json.loads(ann.recv(SECONDS))
        assert (push["from"], push["data"]) == (None, "Tea is ready")


def test_table_of_files_is_short_and_begins_with_the_owners(app: Path) -> None:
    section = (app / "README.md").read_text().split("## Files")[1].split("##")[0]
    lines = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    rows = [(cells[1], cells[2].strip()) for cells in lines]
    owners = [mark == "**yours**" for _, mark in rows]
    assert owners == sorted(owners, reverse=True)
    assert any(owners)
    assert not all(owners)
    assert len(owners) <= 12
    # A name without a folder is in the folder before it.
    for names, _ in rows:
        folder = ""
        for name in re.findall(r"`([^`]+)`", names):
            folder = name[: name.rfind("/", 0, -1) + 1] or folder
            assert any((app / each).exists() for each in (name, folder + name)), name


def test_table_of_actions_is_complete(app: Path) -> None:
    table = re.findall(r"^\| (`.*?) \|", (app / "README.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(table)))
    registered = re.findall(
        r"^def ([a-z]\w*)", (app / "chalicelib/actions.py").read_text(), re.MULTILINE
    )
    assert named >= set(registered)
