"""`make check` with faults in a generated app: each is reported, with what to do."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.edits import Edit, replace
from tests.project.output import without_python_warning
from tests.warm import run_module

CONFIG = ".chalice/config.json"
FLAG = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'

TICK = "\n\n@app.lambda_function()\ndef tick(event, context):\n    pass\n"

BLUEPRINT = '''"""A handler in a file of its own."""

from chalice import Blueprint

jobs = Blueprint(__name__)


@jobs.lambda_function()
def tick(event, context):
    pass
'''


def run_check(app: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Run the check as `make check` does; return its exit status and its output."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= environment
    result = run_module(
        "chalice_ws", "check", *options, cwd=app, env=variables, stderr_to_stdout=True
    )
    return result.returncode, result.stdout


def check(app: Path, *options: str, **environment: str) -> tuple[int, list[str]]:
    """Run the check; return its exit status, and the lines of problems and warnings."""
    status, output = run_check(app, *options, **environment)
    lines = without_python_warning(output)
    warned = sum(line.startswith("warning: ") for line in output.splitlines())
    counted = f"No errors, {warned} warning{'s' if warned > 1 else ''} in "
    end = counted if warned else "No problems in "
    assert any(line.startswith(end) for line in lines) == (status == 0)
    return status, [line for line in lines if not line.startswith(end)]


def append(name: str, text: str) -> Edit:
    """Return an edit that adds text at the end of a file."""
    return lambda app: (app / name).write_text((app / name).read_text() + text)


def write(name: str, text: str) -> Edit:
    """Return an edit that adds a file."""

    def edit(app: Path) -> None:
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)

    return edit


def configure(change: Callable[[dict[str, Any]], object]) -> Edit:
    """Return an edit of config.json."""

    def edit(app: Path) -> None:
        content = json.loads((app / CONFIG).read_text())
        change(content)
        (app / CONFIG).write_text(json.dumps(content))

    return edit


def set_variables(stage: str, **variables: object) -> Edit:
    """Return an edit that sets environment variables of a stage."""
    return configure(lambda c: c["stages"][stage]["environment_variables"].update(variables))


def rename_function(stage: str, old: str, new: str) -> Edit:
    """Return an edit of a function's name in config.json."""

    def change(content: dict[str, Any]) -> None:
        functions = content["stages"][stage]["lambda_functions"]
        functions[new] = functions.pop(old)

    return configure(change)


def name_policy(stage: str, name: str) -> Edit:
    """Return an edit that names a function's policy in config.json."""
    policy = {"iam_policy_file": f"{stage}/{name}.json"}
    return configure(lambda c: c["stages"][stage]["lambda_functions"].update({name: policy}))


def copy_with(app: Path, folder: Path, *edits: Edit) -> Path:
    """Return an edited copy of an app."""
    copy = shutil.copytree(app, folder / "app")
    for edit in edits:
        edit(copy)
    return copy


# Faults that can stand beside each other, and the lines that report them.
FAULTS: dict[str, list[tuple[Edit, str]]] = {
    "handlers": [
        (replace("app.py", "@app.on_ws_connect()", ""), r"app\.py has no on_ws_connect handler"),
        (replace("app.py", "@app.on_ws_disconnect()", ""), r"app\.py has no on_ws_disconnect"),
        (replace("app.py", "app.websocket_api.session =", "other ="), r"websocket_api\.session"),
        (replace("app.py", '["WEBSOCKETS"]', '"WEBSOCKETS"'), r"the feature flag .*; use app\."),
    ],
    "message handler": [
        (replace("app.py", "@app.on_ws_message()", ""), r"app\.py has no on_ws_message handler"),
        (replace("app.py", FLAG, ""), "does not set the feature flag"),
    ],
    "flag with extend": [
        (
            replace("app.py", FLAG, FLAG.replace("update", "extend")),
            r"app\.py:\d+ does not import \(got AttributeError: .*update\(\[\"WEBSOCKETS\"\]\)",
        ),
        (
            replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeuot": 29'),
            "Chalice ignores lambda_timeuot; use lambda_timeout",
        ),
    ],
    "syntax": [
        (
            replace("chalicelib/actions.py", "def echo(", "def echo"),
            r"chalicelib/actions\.py:\d+ does not import \(got SyntaxError: .*; correct it",
        )
    ],
    "missing module": [
        (append("app.py", "\nimport not_there\n"), r"app\.py:\d+ .*; install requirements\.txt")
    ],
    "missing app.py": [(lambda app: (app / "app.py").unlink(), r"app\.py does not exist; restore")],
    "exit at import": [
        (append("app.py", "\nimport os\nos._exit(3)\n"), "app.py ends the process .*stage 'dev'")
    ],
    "JSON": [
        (replace("resources.json", "{", "{,"), r"resources\.json is not valid JSON"),
        (replace("resources/scale.json", '"Resources"', "Resources"), r"resources/scale\.json is"),
        (replace(".chalice/prod/connect.json", "}", "},"), r"prod/connect\.json is not valid JSON"),
    ],
    "JSON of settings": [
        (replace(CONFIG, '"version"', "version"), r"\.chalice/config\.json is not valid JSON"),
        (write(".chalice/dev/notify.json", "[]"), r"notify\.json is not a JSON object"),
    ],
    "form of settings": [
        (configure(lambda c: c["stages"].update(test=[])), r"stages\.test is not an object")
    ],
    "policies": [
        (
            lambda app: (app / ".chalice/prod/notify.json").unlink(),
            r"\.chalice/prod/notify\.json is missing; run python -m chalice_ws grant notify ACTION",
        ),
        (
            replace(CONFIG, "dev/notify.json", "dev/notfy.json"),
            r"dev/notfy\.json is missing; use notify\.json, or run python -m chalice_ws grant",
        ),
        (write(".chalice/dev/tell.json", "{}"), r"dev/tell\.json belongs to no function; rename"),
        (
            replace(CONFIG, '"websocket_connect": {"iam_policy_file": "dev/connect.json"},', ""),
            r"stage dev: websocket_connect does not name its policy \(got None\); "
            r'use "websocket_connect": {"iam_policy_file": "dev/connect\.json"}',
        ),
        (
            replace(CONFIG, "dev/disconnect.json", "dev/message.json"),
            r"\.chalice/dev/disconnect\.json belongs to no function",
        ),
        (
            replace(CONFIG, "prod/fanout.json", "dev/fanout.json"),
            r"stage prod: fanout does not name its policy \(got 'dev/fanout\.json'\)",
        ),
        (append("app.py", TICK), r"stage prod: tick does not name its policy"),
        (
            replace(".chalice/dev/message.json", "/api/POST/", "/v1/POST/"),
            r"dev/message\.json is for another stage of the API \(got arn.*/v1/POST/.*; use .*/api",
        ),
        (
            replace(".chalice/prod/message.json", "execute-api:ManageConnections", "x:Y"),
            r"prod/message\.json does not allow execute-api:ManageConnections; use arn:",
        ),
    ],
    "settings left to Chalice": [
        (
            replace(CONFIG, '"autogen_policy": false,', ""),
            r'websocket_message, .* a policy that Chalice guesses; use "autogen_policy": false',
        ),
        (
            replace(CONFIG, '"lambda_memory_size": 512,', ""),
            r'stage dev: .*websocket_connect, .* get 128 MB; use "lambda_memory_size": 512',
        ),
        (replace(CONFIG, '"lambda_timeout": 29,', ""), r'would get 60 s.*; use "lambda_timeout"'),
        (configure(lambda c: c.pop("app_name")), 'app_name is missing; add "app_name"'),
    ],
    "names": [
        (
            replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeuot": 29'),
            "Chalice ignores lambda_timeuot; use lambda_timeout",
        ),
        (
            configure(lambda c: c["stages"]["dev"].update(enviroment_variables={})),
            r"Chalice ignores stages\.dev\.enviroment_variables; use environment_variables",
        ),
        (configure(lambda c: c.update(memory=512)), "Chalice ignores memory; use .*, or remove it"),
        (configure(lambda c: c.update(snap_start=True)), "Chalice ignores snap_start; remove it"),
        (
            configure(lambda c: c["stages"]["dev"].update(app_name="tea")),
            r"Chalice ignores stages\.dev\.app_name; move it to the top",
        ),
        (
            configure(
                lambda c: c["stages"]["dev"]["lambda_functions"]["notify"].update(
                    api_gateway_stage="api"
                )
            ),
            r"ignores stages\.dev\.lambda_functions\.notify\.api_gateway_stage; move it to a stage",
        ),
        (
            configure(lambda c: c.update(lambda_functions={"notify": {"tags": {"a": "1"}}})),
            r"ignores lambda_functions\.notify\.tags; move it to stages\.STAGE\.lambda_functions",
        ),
        (
            rename_function("dev", "websocket_message", "message"),
            r"an unknown function \(got 'message'\); use websocket_message",
        ),
        (
            rename_function("prod", "notify", "notfy"),
            r"stages\.prod\.lambda_functions has an unknown function \(got 'notfy'\); "
            "use one of .*notify",
        ),
    ],
    "variables": [
        (
            set_variables("dev", WS_ACTIONS="ecko,help"),
            r"stage dev: WS_ACTIONS has an unknown action \(got 'ecko'\); use echo",
        ),
        (
            configure(lambda c: c["stages"]["prod"]["environment_variables"].pop("WS_ACTIONS")),
            "stage prod: WS_ACTIONS",
        ),
        (set_variables("dev", FANOUT_RPS=5000), r"FANOUT_RPS is not a string .*; use \"5000\""),
        (set_variables("dev", SITES=["a", "b"]), r"SITES is not a string .*; use \"a,b\""),
        (set_variables("dev", SITE=None), r"SITE is not a string \(got None\); remove it"),
        (set_variables("prod", FANOUT_RPS="fast"), r"stage prod: FANOUT_RPS .*\(got 'fast'\); "),
        (set_variables("prod", HISTORY_SECONDS="a day"), r"HISTORY_SECONDS .*\(got 'a day'\); "),
        (set_variables("dev", CHANNEL_SHARDS="4;1"), r"CHANNEL_SHARDS .*\(got '4;1'\); "),
        (set_variables("prod", FANOUT_LIMIT="0"), r"FANOUT_LIMIT .*\(got '0'\); "),
        (
            set_variables("prod", CHANNEL_SHARD="4"),
            "stage prod: the app does not read CHANNEL_SHARD; use CHANNEL_SHARDS",
        ),
        (
            set_variables("dev", CONNECTIONS_TABLE="tea"),
            r"CONNECTIONS_TABLE is not in resources\.json .*; use chalice-ws-app-dev-connections",
        ),
    ],
    "timeout too long": [
        (
            replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeout": 900'),
            r'waits 29 s \(got .*websocket_connect: 900, .*; use "lambda_timeout": 29',
        )
    ],
    "timeout in quotes": [
        (
            replace(CONFIG, '"lambda_timeout": 29', '"lambda_timeout": "29"'),
            r"lambda_timeout is not valid \(got '29'\); use ",
        )
    ],
    "Chalice's own validation": [
        (
            configure(lambda c: c.update(lambda_architecture="x86")),
            r"Chalice refuses the app \(got lambda_architecture must be one of .*\); correct it",
        )
    ],
}


def test_check_of_fresh_app_passes(app: Path) -> None:
    assert check(app) == (0, [])


@pytest.mark.parametrize("group", FAULTS)
def test_check_with_faults_reports_each(app: Path, tmp_path: Path, group: str) -> None:
    copy = copy_with(app, tmp_path, *[edit for edit, _ in FAULTS[group]])
    status, lines = check(copy)
    assert status == 1
    assert all(re.match(r"error: \S.*; \w", line) for line in lines), lines
    assert len(set(lines)) == len(lines)
    for _, message in FAULTS[group]:
        assert any(re.search(message, line) for line in lines), (message, lines)


@pytest.mark.full
def test_check_of_one_stage_ignores_the_other(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path, set_variables("prod", FANOUT_RPS="fast"))
    assert check(copy, "--stage", "dev") == (0, [])
    assert check(copy, "--stage", "prod")[0] == 1
    assert "use one of dev, prod" in check(copy, "--stage", "pord")[1][0]


@pytest.mark.full
def test_check_of_rate_above_quota_of_region_warns(app: Path, tmp_path: Path) -> None:
    status, lines = check(app, AWS_REGION="eu-south-1")
    assert status == 0
    assert len(lines) == 2
    assert re.fullmatch(
        r"warning: .*, stage dev: FANOUT_RPS is above API Gateway's default quota in eu-south-1, "
        r"2500 calls a second \(got 5000\); use 1250, or .*",
        lines[0],
    )
    copy = copy_with(app, tmp_path, set_variables("dev", FANOUT_RPS="20000"))
    assert len(check(copy, AWS_REGION="us-east-1")[1]) == 1
    unlimited = set_variables("dev", FANOUT_RPS="0"), set_variables("prod", FANOUT_RPS="1250")
    assert check(copy_with(app, tmp_path / "2", *unlimited), AWS_REGION="eu-south-1") == (0, [])


@pytest.mark.full
def test_rate_of_app_baked_for_region_with_low_quota_fits(bake: Bake) -> None:
    assert check(bake(aws_region="mx-central-1"), AWS_REGION="mx-central-1") == (0, [])


def test_check_of_action_added_passes(app: Path, tmp_path: Path) -> None:
    action = '\n\n@router.action()\ndef ping(request):\n    return {"type": "pong"}\n'
    edits = append("chalicelib/actions.py", action), replace(CONFIG, '"echo,', '"echo,ping,')
    assert check(copy_with(app, tmp_path, *edits)) == (0, [])


def test_check_of_patched_resource_passes(app: Path, tmp_path: Path) -> None:
    patch = '"Resources": {"Notify": {"Properties": {"Description": "sends"}},'
    edit = replace("resources.json", '"Resources": {', patch)
    assert check(copy_with(app, tmp_path, edit)) == (0, [])


def test_check_with_flag_below_handlers_passes(app: Path, tmp_path: Path) -> None:
    edits = replace("app.py", FLAG, ""), append("app.py", f"\n\n{FLAG}\n")
    assert check(copy_with(app, tmp_path, *edits)) == (0, [])


def test_check_ignores_installed_files(app: Path, tmp_path: Path) -> None:
    """An environment has files that are not valid, such as the templates of cookiecutter."""
    edits = []
    for folder in ("venv", "env", "mine", ".direnv/python-3.11", ".tox/py311"):
        packages = f"{folder}/lib/python3.11/site-packages"
        edits += [
            write(f"{folder}/pyvenv.cfg", ""),
            write(f"{packages}/cookiecutter/app.py", "{" + "{ cookiecutter.app_name }} ="),
            write(f"{packages}/resources.json", "{,"),
            write(f"{packages}/.chalice/config.json", "{,"),
        ]
    assert check(copy_with(app, tmp_path, *edits)) == (0, [])


@pytest.mark.full
def test_check_of_handler_in_other_file_knows_it(app: Path, tmp_path: Path) -> None:
    blueprint = "\n\nfrom chalicelib.jobs import jobs\n\napp.register_blueprint(jobs)\n"
    flags = replace("app.py", '["WEBSOCKETS"]', '["WEBSOCKETS", "BLUEPRINTS"]')
    edits = write("chalicelib/jobs.py", BLUEPRINT), append("app.py", blueprint), flags
    copy = copy_with(app, tmp_path, *edits)
    _, lines = check(copy)
    # One fault is one line for each stage: that the file is missing too comes later.
    named = [line for line in lines if "tick" in line]
    assert ["tick does not name its policy" in line for line in named] == [True, True], lines
    for stage in ("dev", "prod"):
        write(f".chalice/{stage}/tick.json", '{"Statement": []}')(copy)
        name_policy(stage, "tick")(copy)
    assert check(copy) == (0, [])


def test_make_check_with_fault_fails(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path, set_variables("dev", WS_ACTIONS="ecko"))
    virtual = Path(sys.executable).parent.parent
    # The environment is installed: make must not look at its age.
    command = ["make", "--old-file=install", "check", f"VENV={virtual}"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: .chalice/config.json, stage dev: WS_ACTIONS" in done.stderr
