"""`chalice-ws check` of apps that are not from the template: only faults, no conventions."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW
from tests.local.gateway import APPS
from tests.project.output import without_python_warning
from tests.warm import run_module

APP = """
import boto3
from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="rooms")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
table = boto3.resource("dynamodb").Table("rooms")


@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)


@app.route("/")
def index():
    return {}


@app.schedule("rate(1 hour)")
def tick(event):
    pass
"""

POLICY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": "execute-api:*",
        "Resource": "arn:aws:execute-api:eu-west-1:123456789012:abc123/api/*",
    },
}


def make_app(folder: Path, files: dict[str, Any] | None = None, **settings: Any) -> Path:
    """Make an app with files and settings, and Chalice's default for the rest."""
    config = {"version": "2.0", "app_name": "rooms", "stages": {"dev": {}}, **settings}
    for name, content in {"app.py": APP, ".chalice/config.json": config, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def check(project: Path, *arguments: str, **variables: str) -> list[str]:
    """Check an app with the template's toolkit, on a machine without AWS settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = run_module(
        "chalice_ws",
        "check",
        f"--project-dir={project}",
        *arguments,
        cwd=project.parent,
        env={**own, "PYTHONPATH": str(RAW), "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )
    lines = without_python_warning(done.stderr)
    assert done.returncode == any(each.startswith("error") for each in lines), done.stderr
    return lines


def test_missing_session_is_reported(tmp_path: Path) -> None:
    app = APP.replace("app.websocket_api.session = Session()", "")
    told = (
        "error: app.websocket_api has no session to send with (got None); use app.websocket_api.s"
    )
    (line,) = check(make_app(tmp_path, {"app.py": app}))
    assert line.startswith(told)
    # A module of the app sets it in a handler.
    late = "def start(api, session):\n    api.session = session\n"
    files = {"app.py": f"from chalicelib import late\n{app}", "chalicelib/late.py": late}
    assert check(make_app(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("app", "api", "app.py has no app, the name that Lambda uses (got api); add app = api"),
        ("\napp = ", "\nmade = lambda: ", "(got no Chalice app); add app = Chalice(app_name=...)"),
        ("Session()", "Session(profile_name='work')", "; leave the profile out: Lambda has none"),
        ("app = C", "room = C", "(got NameError: name 'app' is not defined); import it, or define"),
        ("table =", "import rooms.tea\nb =", "; restore rooms/tea.py, or correct the import"),
        ("table =", "table = open('a.txt')\nb =", "; put the file into chalicelib/, and name it"),
        (
            "table =",
            "boto3.client('sts').get_caller_identity()\nb =",
            "; call AWS in a func",
        ),
    ],
)
def test_app_that_cannot_be_imported_is_explained(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    source = re.sub(r"\bapp\b", new, APP) if old == "app" else APP.replace(old, new)
    files = {"app.py": source.partition("app.experimental")[0] if "made" in new else source}
    files["rooms/__init__.py"] = ""
    (line,) = check(make_app(tmp_path, files), HOME=str(tmp_path))
    assert told in line


FAILING = """
import helpers

@app.route("/rooms/{room}")
def show():
    return {}

@app.schedule("rate(5 minute)")
def tock():
    pass

@app.lambda_function()
async def work(event):
    pass

def with_user(function):
    return functools.wraps(function)(lambda *arguments: function(*arguments, "ann"))

@app.lambda_function()
@with_user
def rest(event, context, user):
    pass
"""


def test_functions_that_fail_at_each_event_are_reported(tmp_path: Path) -> None:
    files = {"app.py": f"import functools\n{APP}{FAILING}", "helpers.py": ""}
    lines = check(make_app(tmp_path, files))
    for message in (
        "app.show has other parameters than AWS passes (got ()); use def show(room)",
        "app.tock has other parameters than AWS passes (got ()); use def tock(event)",
        "app.work is async, and nothing waits for it; use def",
        "app.work has other parameters than AWS passes (got (event)); use def work(event, context)",
        "tock: the schedule is not valid (got 'rate(5 minute)'); use rate(5 minutes)",
        "the app imports helpers, which is not deployed (got helpers.py); move it into chalicelib/",
    ):
        (line,) = [each for each in lines if message in each]
        lines.remove(line)
    assert not [each for each in lines if each.startswith("error")], lines


def test_resource_file_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    lines = check(make_app(tmp_path), "--extras=dev=lost")
    assert any(
        "the resource file does not exist (got 'resources/lost.json')" in each for each in lines
    )
    assert all(each.startswith(("error: ", "warning: ")) for each in lines), lines


def test_wrong_aws_settings_are_not_used(tmp_path: Path) -> None:
    wrong = tmp_path / "config"
    wrong.write_text("[default\n")
    variables = {"AWS_CONFIG_FILE": str(wrong), "AWS_PROFILE": "missing", "AWS_REGION": ""}
    assert check(make_app(tmp_path / "app"), **variables) == []


@pytest.mark.parametrize("name", ["parrot", "silent", "blueprints", "dashboard"])
def test_check_of_test_app_passes(name: str) -> None:
    assert check(APPS / name) == []


def test_check_of_test_app_with_a_table_warns_of_the_guessed_policy() -> None:
    (line,) = check(APPS / "rooms")
    assert line.startswith("warning: .chalice/config.json, stage dev: the policy that Chalice gue")


def test_check_of_tutorial_app_passes(tmp_path: Path) -> None:
    assert check(make_app(tmp_path)) == []


def test_check_of_rest_app_passes(tmp_path: Path) -> None:
    app = 'from chalice import Chalice\n\napp = Chalice(app_name="rooms")\n'
    route = '\n\n@app.route("/")\ndef index():\n    return {}\n'
    assert check(make_app(tmp_path, {"app.py": app + route}, lambda_timeout=60)) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Resources: {A: {Type: AWS::SNS::Topic}", "resources.yaml is not valid YAML (got "),
        ("- Resources", "resources.yaml is not a YAML object (got a list); use Resources: {}"),
        ("Resources: []", "resources.yaml: Resources is not an object; use {}"),
        ("Resources: {A: !Sub {a: b}, [c]: d}", "resources.yaml is not valid YAML (got "),
        ("Resources: {Rooms: Table}", "resources.yaml: Rooms is not a resource (got "),
        ("Metadata: &a [*a]\nResources: {}", ""),
        ("", "resources.yaml is not a YAML object (got a NoneType); use Resources: {}"),
    ],
)
def test_check_of_resources_in_yaml(tmp_path: Path, text: str, error: str) -> None:
    lines = check(make_app(tmp_path, {"resources.yaml": text}))
    assert all(error in line for line in lines)
    assert bool(lines) == bool(error)


def test_check_of_policies_with_other_names_passes(tmp_path: Path) -> None:
    files = {".chalice/policy-dev.json": POLICY, ".chalice/dev/notes.json": {}}
    assert check(make_app(tmp_path, files, autogen_policy=False)) == []


def test_check_with_faults_of_aws_reports_them(tmp_path: Path) -> None:
    functions = {
        "websocket_message": {"lambda_timeout": 30, "iam_policy_file": "send.json"},
        "tick": {"lambda_timeout": 900, "iam_policy_file": "lost.json"},
        "talk": {},
    }
    stages = {"dev": {"lambda_functions": functions, "environment_variables": {"ROOMS": 7}}}
    send = {"Statement": [{**POLICY["Statement"], "Action": ["dynamodb:*"]}]}  # type: ignore[dict-item]
    files = {".chalice/send.json": send, ".chalice/policy-dev.json": POLICY}
    project = make_app(tmp_path, files, autogen_policy=False, stages=stages, memory=512)
    lines = "\n".join(check(project))
    for message in (
        "Chalice ignores memory; use ",
        "stages.dev.lambda_functions has an unknown function (got 'talk'); use one of ",
        "API Gateway waits 29 s (got websocket_message: 30); use ",
        ".chalice/send.json does not allow execute-api:ManageConnections; use ",
        ".chalice/lost.json is missing; run python -m chalice_ws grant tick ACTION --on RESOURCE",
        'stage dev: ROOMS is not a string (got 7); use "7"',
    ):
        assert message in lines, lines
    assert len(lines.splitlines()) == 6, lines


def test_message_function_that_goes_on_after_its_answer_is_a_warning(tmp_path: Path) -> None:
    stages = {"dev": {"lambda_functions": {"websocket_message": {"lambda_timeout": 60}}}}
    (line,) = check(make_app(tmp_path, stages=stages))
    assert line.startswith("warning: ")
    assert "API Gateway waits 29 s (got websocket_message: 60); use " in line


def test_missing_policy_of_all_functions_is_one_line(tmp_path: Path) -> None:
    (line,) = check(make_app(tmp_path, autogen_policy=False))
    assert line == "error: .chalice/policy-dev.json is missing; create it"


def test_guessed_policy_to_which_chalice_adds_no_sending_is_a_warning(tmp_path: Path) -> None:
    """Chalice adds it where the policy of the first WebSocket function is guessed."""
    own = {"autogen_policy": False, "iam_policy_file": "connect.json"}
    stages = {"dev": {"lambda_functions": {"websocket_connect": own}}}
    connect = "\n\n@app.on_ws_connect()\ndef connect(event):\n    pass\n"
    files = {"app.py": APP + connect, ".chalice/connect.json": POLICY}
    (line,) = check(make_app(tmp_path, files, stages=stages))
    assert line.startswith("warning: ")
    assert "guesses for websocket_message does not allow execute-api:ManageConnections; " in line


def test_check_with_policy_for_another_stage_reports_it(tmp_path: Path) -> None:
    files = {".chalice/policy-dev.json": POLICY}
    project = make_app(tmp_path, files, autogen_policy=False, api_gateway_stage="v1")
    assert "another stage of the API" in "\n".join(check(project))


def test_check_with_ignored_policy_reports_it(tmp_path: Path) -> None:
    stages = {"dev": {"iam_policy_file": "policy-dev.json"}}
    lines = check(make_app(tmp_path, {".chalice/policy-dev.json": POLICY}, stages=stages))
    assert any("Chalice ignores iam_policy_file of websocket_message" in line for line in lines)


def test_check_with_websocket_handler_in_blueprint_reports_it(tmp_path: Path) -> None:
    blueprint = """
from chalice import Blueprint

live = Blueprint(__name__)


@live.on_ws_connect()
def arrive(event):
    pass
"""
    lines = "\n\nfrom chalicelib.live import live\n\napp.register_blueprint(live)\n"
    files = {"app.py": APP + lines, "chalicelib/live.py": blueprint}
    (line,) = check(make_app(tmp_path, files))
    assert "chalicelib.live.arrive is in a blueprint, and would fail on AWS; put it" in line


def test_check_without_flag_reports_it(tmp_path: Path) -> None:
    app = APP.replace('.update(["WEBSOCKETS"])', "")
    (line,) = check(make_app(tmp_path, {"app.py": app}))
    assert line.startswith("error: app.py does not set the feature flag")


def test_check_imports_with_variables_of_stage(tmp_path: Path) -> None:
    app = f"import os\n{APP}\nassert os.environ['ROOMS'] == 'many'\n"
    stages = {"dev": {"environment_variables": {"ROOMS": "many"}}, "prod": {}}
    (line,) = check(make_app(tmp_path, {"app.py": app}, stages=stages))
    assert "app.py:27 does not import (got KeyError: 'ROOMS'); set the variable under" in line


def test_check_finds_modules_of_app_not_of_toolkit(tmp_path: Path) -> None:
    files = {
        "app.py": f"{APP}\nfrom chalicelib.access import mine\n",
        "chalicelib/__init__.py": "",
        "chalicelib/access.py": "from packaged import mine\n",
        "vendor/packaged.py": "mine = 1\n",
    }
    assert check(make_app(tmp_path, files)) == []


def test_check_writes_nothing_and_needs_no_network(tmp_path: Path) -> None:
    project = make_app(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    nowhere = "http://127.0.0.1:9"
    assert check(project, HTTPS_PROXY=nowhere, HTTP_PROXY=nowhere, AWS_ENDPOINT_URL=nowhere) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_app_that_makes_clients_asks_for_no_credentials(tmp_path: Path) -> None:
    """A credential_process may wait for the user. A call at the import needs its answer."""
    asked, config = tmp_path / "asked", tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = touch '{asked}'\n")
    project = make_app(tmp_path / "app")
    assert check(project, AWS_CONFIG_FILE=str(config)) == []
    assert not asked.exists()
    (project / "app.py").write_text(f"{APP}\ntable.load()\n")
    check(project, AWS_CONFIG_FILE=str(config))
    assert asked.exists()
    (line,) = check(project)
    assert "NoCredentialsError" in line
    assert "call AWS in a function, not while app.py is imported, or sign in" in line
