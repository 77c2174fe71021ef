"""`make check`: each thing that it guards, broken in turn, is named with what to do."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edit = Callable[[Path], object]


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


def rewrite(name: str, change: Callable[[dict[str, Any]], None]) -> Edit:
    def edit(app: Path) -> None:
        content = json.loads((app / name).read_text())
        change(content)
        (app / name).write_text(json.dumps(content))

    return edit


def function(stage: str, name: str) -> Edit:
    """Name a function of a stage differently."""

    def change(config: dict[str, Any]) -> None:
        functions = config["stages"][stage]["lambda_functions"]
        functions[name.replace("notify", "notfy").removeprefix("websocket_")] = functions.pop(name)

    return rewrite(CONFIG, change)


def add_function(app: Path) -> None:
    with (app / "app.py").open("a") as source:
        source.write("\n\n@app.lambda_function()\ndef tick(event, context):\n    pass\n")


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
        replace(".chalice/prod/connect.json", "}", "},"),
        r"\.chalice/prod/connect\.json is not JSON",
    ),
    "no policy": (
        lambda app: (app / ".chalice/prod/notify.json").unlink(),
        r"\.chalice/prod/notify\.json is missing; write there what notify may do",
    ),
    "policy of nobody": (
        lambda app: shutil.copy(app / ".chalice/dev/notify.json", app / ".chalice/dev/tell.json"),
        r"\.chalice/dev/tell\.json is no function's",
    ),
    "policy not named": (
        replace(CONFIG, '"websocket_connect": {"iam_policy_file": "dev/connect.json"},', ""),
        r"stage dev: websocket_connect does not name its policy \(got None\); "
        r'use "websocket_connect": {"iam_policy_file": "dev/connect\.json"}',
    ),
    "policy of another function": (
        replace(CONFIG, "dev/connect.json", "dev/message.json"),
        r"websocket_connect does not name its policy \(got 'dev/message\.json'\)",
    ),
    "policy of another stage": (
        replace(CONFIG, "prod/notify.json", "dev/notify.json"),
        r"stage prod: notify does not name its policy \(got 'dev/notify\.json'\)",
    ),
    "function without a policy": (add_function, r"stage prod: tick does not name its policy"),
    "guessed policies": (
        replace(CONFIG, '"autogen_policy": false,', ""),
        r'websocket_message, .* a policy that Chalice guesses; use "autogen_policy": false',
    ),
    "memory": (
        replace(CONFIG, '"lambda_memory_size": 512,', ""),
        r'stage dev: websocket_connect, .*fanout would get 128 MB; use "lambda_memory_size": 512',
    ),
    "timeout": (
        replace(CONFIG, '"lambda_timeout": 29,', ""),
        r'would get 60 s.*; use "lambda_timeout": 29',
    ),
    "misspelt key": (
        replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeuot": 29'),
        r"Chalice ignores lambda_timeuot; use lambda_timeout",
    ),
    "misspelt key of a stage": (
        rewrite(CONFIG, lambda c: c["stages"]["dev"].update(enviroment_variables={})),
        r"Chalice ignores stages\.dev\.enviroment_variables; use environment_variables",
    ),
    "unknown key": (
        replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeout": 29, "memory": 512'),
        r"Chalice ignores memory; use .*, or take it out",
    ),
    "key too deep": (
        rewrite(CONFIG, lambda c: c["stages"]["dev"].update(app_name="tea")),
        r"Chalice ignores stages\.dev\.app_name; move it to the top",
    ),
    "stage's key in a function": (
        replace(
            CONFIG,
            '{"iam_policy_file": "dev/n',
            '{"api_gateway_stage": 1, "iam_policy_file": "dev/n',
        ),
        r"ignores stages\.dev\.lambda_functions\.notify\.api_gateway_stage; move it to a stage",
    ),
    "function's name in app.py": (
        function("dev", "websocket_message"),
        r"no such function \(got 'message'\); use websocket_message",
    ),
    "unknown function": (
        function("prod", "notify"),
        r"stages\.prod\.lambda_functions has no such function \(got 'notfy'\); "
        "use one of websocket_connect, .*notify",
    ),
    "ignored variables": (
        rewrite(CONFIG, lambda c: c.update(lambda_functions={"notify": {"tags": {"a": "1"}}})),
        r"ignores lambda_functions\.notify\.tags; move it to stages\.STAGE\.lambda_functions",
    ),
    "unknown action": (
        replace(CONFIG, "echo,", "ecko,"),
        r"stage dev: WS_ACTIONS has an unknown action \(got 'ecko'\); use some of .*echo",
    ),
    "no actions": (
        rewrite(CONFIG, lambda c: c["stages"]["prod"]["environment_variables"].pop("WS_ACTIONS")),
        "stage prod: WS_ACTIONS",
    ),
    "no seconds": (
        replace(CONFIG, '"86400"', '"a day"'),
        r"stage prod: HISTORY_SECONDS .*\(got 'a day'\); use a whole number",
    ),
    "late": (
        replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeout": 900'),
        r'waits 29 s \(got websocket_connect: 900, .*; use "lambda_timeout": 29',
    ),
    "timeout in quotes": (
        replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeout": "29"'),
        r"\(got websocket_connect: '29', .*notify: '29'",
    ),
    "number out of quotes": (
        replace(CONFIG, '"5000"', "5000"),
        r"stage dev: FANOUT_RPS is not in quotes \(got 5000\); use \"5000\"",
    ),
    "misspelt variable": (
        replace(CONFIG, "HISTORY_SECONDS", "HISTORY_SECOND"),
        r"stage prod: nothing reads HISTORY_SECOND; use HISTORY_SECONDS",
    ),
    "another stage of the API": (
        replace(CONFIG, '"api_gateway_stage": "api"', '"api_gateway_stage": "v1"'),
        r"dev/message\.json is for another stage of the API; use 'v1' there",
    ),
    "no rate": (
        replace(CONFIG, '"5000"', '"fast"'),
        r"stage prod: FANOUT_RPS .*\(got 'fast'\); use ",
    ),
    "no shards": (
        replace(CONFIG, '"FANOUT_RPS": "5000"', '"CHANNEL_SHARDS": "4;1"'),
        r"CHANNEL_SHARDS .*\(got '4;1'\); use 1 or more",
    ),
    "no limit": (
        replace(CONFIG, '"FANOUT_RPS": "5000"', '"FANOUT_LIMIT": "0"'),
        r"FANOUT_LIMIT .*\(got '0'\); use a number of members",
    ),
    "wrong table": (
        replace(CONFIG, "-dev-connections", "-connections"),
        r"CONNECTIONS_TABLE .*use chalice-ws-app-dev-connections",
    ),
    "no name": (rewrite(CONFIG, lambda c: c.pop("app_name")), "lacks 'app_name'; restore it"),
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
    rewrite("resources.json", lambda c: c["Resources"].update(Notify=patch))(copy)
    assert check(copy) == (0, [])


def test_all_problems_are_named_at_once(app: Path, tmp_path: Path) -> None:
    copy = tmp_path / "app"
    shutil.copytree(app, copy)
    for name in ("extend", "no session", "no message", "memory", "unknown action"):
        BROKEN[name][0](copy)
    assert len(check(copy)[1]) >= 5
