"""`make check`: each thing that it guards, broken in turn, is named with what to do."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Edit = Callable[[Path], None]


def check(app: Path) -> tuple[int, list[str]]:
    """Run it as `make check` does: no package of ours in reach."""
    command = [sys.executable, "-I", "-S", "-B", str(app / "local" / "check.py")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == ""
    return result.returncode, result.stderr.splitlines()


def replace(name: str, old: str, new: str) -> Edit:
    def edit(app: Path) -> None:
        text = (app / name).read_text()
        assert old in text
        (app / name).write_text(text.replace(old, new))

    return edit


def rewrite(name: str, change: Callable[[dict[str, object]], None]) -> Edit:
    def edit(app: Path) -> None:
        content = json.loads((app / name).read_text())
        change(content)
        (app / name).write_text(json.dumps(content))

    return edit


def move_flag_down(app: Path) -> None:
    lines = (app / "app.py").read_text().splitlines()
    (flag,) = [line for line in lines if "experimental_feature_flags" in line]
    lines.remove(flag)
    (app / "app.py").write_text("\n".join([*lines, flag]))


FLAG = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'
CONFIG = ".chalice/config.json"

BROKEN: dict[str, tuple[Edit, str]] = {
    "no flag": (replace("app.py", FLAG, ""), "does not switch WEBSOCKETS on"),
    "extend": (
        replace("app.py", FLAG, FLAG.replace("update", "extend")),
        r"app\.py:\d+ .*\.update",
    ),
    "append": (
        replace("app.py", FLAG, FLAG.replace("update", "append")),
        r"app\.py:\d+ .*\.update",
    ),
    "letters": (replace("app.py", '["WEBSOCKETS"]', '"WEBSOCKETS"'), "does not switch"),
    "other flag": (replace("app.py", "WEBSOCKETS", "BLUEPRINTS"), "does not switch"),
    "flag too late": (move_flag_down, "after a handler"),
    "no session": (
        replace("app.py", "app.websocket_api.session = session", ""),
        r"app\.websocket_api\.session",
    ),
    "no connect": (replace("app.py", "@app.on_ws_connect()", ""), "no on_ws_connect handler"),
    "no message": (replace("app.py", "@app.on_ws_message()", ""), "no on_ws_message handler"),
    "no disconnect": (replace("app.py", "@app.on_ws_disconnect()", ""), "on_ws_disconnect"),
    "syntax": (replace("app.py", "def connect(", "def connect"), r"app\.py cannot be read"),
    "no app": (lambda app: (app / "app.py").unlink(), r"app\.py cannot be read"),
    "json": (replace("resources.json", "{", "{,"), r"resources\.json is not JSON"),
    "policy json": (
        replace(".chalice/policy-prod.json", "}", "},"),
        r"\.chalice/policy-prod\.json is not JSON",
    ),
    "no send": (
        replace(".chalice/policy-dev.json", "execute-api:ManageConnections", "execute-api:Invoke"),
        r"policy-dev\.json does not allow execute-api:ManageConnections",
    ),
    "send elsewhere": (
        replace(".chalice/policy-dev.json", "/POST/@connections/*", "/GET/@connections/*"),
        r"does not allow execute-api:ManageConnections",
    ),
    "other stage of the API": (
        replace(CONFIG, '"api_gateway_stage": "api"', '"api_gateway_stage": "v1"'),
        "does not allow execute-api:ManageConnections; .*/v1/POST",
    ),
    "denied": (
        replace(".chalice/policy-dev.json", '"Allow"', '"Deny"'),
        r"does not allow dynamodb:Query",
    ),
    "no query": (
        replace(".chalice/policy-prod.json", "dynamodb:Query", "dynamodb:Scan"),
        r"policy-prod\.json does not allow dynamodb:Query",
    ),
    "other table": (
        replace(".chalice/policy-dev.json", "-dev-connections", "-prod-connections"),
        r"does not allow dynamodb:GetItem; .*chalice-ws-app-dev-connections",
    ),
    "no logs": (
        replace(".chalice/policy-dev.json", "logs:PutLogEvents", "logs:GetLogEvents"),
        "does not allow logs:PutLogEvents",
    ),
    "no policy": (lambda app: (app / ".chalice/policy-prod.json").unlink(), "is missing"),
    "unknown action": (
        replace(CONFIG, "echo,", "ecko,"),
        r"stage dev: WS_ACTIONS has an unknown action \(got 'ecko'\); use some of .*echo",
    ),
    "no actions": (
        rewrite(CONFIG, lambda c: c["stages"]["prod"]["environment_variables"].pop("WS_ACTIONS")),  # type: ignore[index]
        "stage prod: WS_ACTIONS",
    ),
    "wrong table": (
        replace(CONFIG, "-dev-connections", "-connections"),
        r"CONNECTIONS_TABLE .*use chalice-ws-app-dev-connections",
    ),
    "no name": (rewrite(CONFIG, lambda c: c.pop("app_name")), "not of the usual form"),  # type: ignore[arg-type]
    "left-over": (
        replace("web/app.js", "import", "// {{ cookiecutter.app_name }}\nimport"),
        r"web/app\.js has a left-over",
    ),
}


def test_a_fresh_app_passes(app: Path) -> None:
    assert check(app) == (0, [])


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(app: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    edit, message = BROKEN[name]
    edit(copy)
    status, lines = check(copy)
    assert status == 1
    assert all(re.match(r"error: .*; ", line) for line in lines), lines
    assert any(re.search(message, line) for line in lines), lines


def test_an_action_of_ones_own_passes(app: Path, tmp_path: Path) -> None:
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    with (copy / "chalicelib" / "actions.py").open("a") as actions:
        actions.write('\n\n@router.action()\ndef ping(request):\n    return {"type": "pong"}\n')
    replace(CONFIG, "echo,", "echo,ping,")(copy)
    assert check(copy) == (0, [])


def test_a_patch_of_a_resource_of_chalices_passes(app: Path, tmp_path: Path) -> None:
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    patch = {"Properties": {"Description": "sends"}}
    rewrite("resources.json", lambda c: c["Resources"].update(Notify=patch))(copy)  # type: ignore[attr-defined]
    assert check(copy) == (0, [])


def test_all_problems_are_named_at_once(app: Path, tmp_path: Path) -> None:
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    for name in ("extend", "no session", "no message", "no query", "unknown action"):
        BROKEN[name][0](copy)
    assert len(check(copy)[1]) >= 5
