"""The start of the gateway: addresses, warnings, and an app that does not import yet."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from tests.local.gateway import APPS, ask, client, command, poll, replace, running, serving
from tests.local.machine import environment
from tests.local.test_invoke import NO_PORT, invoke
from tests.local.test_origins import request

pytestmark = pytest.mark.full

BLUEPRINT = """
from chalice import Blueprint

chat = Blueprint(__name__)


@chat.on_ws_message()
def talk(event):
    chat.current_app.websocket_api.send(event.connection_id, event.body.upper())
"""

SENDER = """
import boto3
from chalice import Chalice
from chalicelib.chat import chat

app = Chalice(app_name="silent")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
"""

ROUTE = """
from chalice import Chalice

app = Chalice(app_name="silent")


@app.route("/")
def index():
    return {}
"""


def project_of(tmp_path: Path, source: str) -> Path:
    """Return the folder of an app with a source, and a blueprint in chalicelib/chat.py."""
    project = copytree(APPS / "silent", tmp_path / "silent")
    (project / "app.py").write_text(source)
    (project / "chalicelib").mkdir(exist_ok=True)
    (project / "chalicelib/__init__.py").touch()
    (project / "chalicelib/chat.py").write_text(BLUEPRINT)
    return project


def test_websocket_handler_in_a_blueprint_is_served_with_a_warning(
    app: Path, tmp_path: Path
) -> None:
    project = project_of(tmp_path, f"{SENDER}\napp.register_blueprint(chat)\n")
    with serving(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "hello") == "HELLO"
        gateway.prints("chalicelib.chat.talk is in a blueprint, and would fail on AWS")
        # It is registered after a save that leaves it out.
        replace(project / "app.py", SENDER)
        gateway.prints("the blueprint chalicelib.chat.chat is not registered; use ")
        gateway.prints("app.py registers no function")
        assert request(gateway.port, f"/{gateway.stage}").status == 403


def test_blueprint_with_a_wrong_name_is_an_error(app: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path, f"{SENDER}\napp.register_blueprint(chat)\n")
    file = project / "chalicelib/chat.py"
    file.write_text(file.read_text().replace("__name__", "'chat'"))
    done = invoke(app, project, NO_PORT, "any")
    assert done.stderr.startswith("error: the module of a handler does not exist (got 'chat')")
    assert "Traceback" not in done.stderr


def test_handler_of_another_route_is_an_error(app: Path, tmp_path: Path) -> None:
    """Chalice has no public way to register one, and packages it."""
    register = 'app._create_registration_function("on_ws_message", None, {"route_key": "talk"})'
    source = SENDER + f"\n\n@{register}\ndef other(event):\n    pass\n"
    done = invoke(app, project_of(tmp_path, source), NO_PORT, "any")
    told = "error: the local gateway has no such route (got 'talk'); look at the frame in "
    assert done.stderr.startswith(told)


def test_address_is_printed_only_if_it_is_served(app: Path, tmp_path: Path) -> None:
    with serving(app, project_of(tmp_path, ROUTE), tmp_path) as gateway:
        gateway.prints("Press Ctrl-C")
        assert "ws://" not in gateway.printed()
        assert f"REST       http://127.0.0.1:{gateway.port}/{gateway.stage}/\n" in gateway.printed()
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        assert request(gateway.port, f"/{gateway.stage}", **upgrade).status == 403
        message = "\n\n@app.on_ws_message()\ndef talk(event):\n    pass\n"
        flag = "app.experimental_feature_flags.update(['WEBSOCKETS'])"
        replace(gateway.project / "app.py", f"{ROUTE}\n{flag}{message}")
        gateway.prints(f"WebSocket  ws://127.0.0.1:{gateway.port}/{gateway.stage}\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "from chalice import Chalice\napp = Chalice(\n",
            "app.py:2 does not import (got SyntaxErr",
        ),
        ("import boto3\nimport missing_package\n", "app.py:2 does not import (got ModuleNotFound"),
    ],
)
def test_app_that_does_not_import_is_loaded_after_the_next_save(
    app: Path, tmp_path: Path, source: str, told: str
) -> None:
    project, printed = project_of(tmp_path, source), tmp_path / "printed.txt"
    with (
        printed.open("wb") as output,
        subprocess.Popen(
            command(project),
            cwd=app,
            env=environment(tmp_path),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            poll(lambda: "Waiting for a change" in printed.read_text() or None)
            line, waiting = printed.read_text().splitlines()
            assert line.startswith("error: ")
            assert told in line
            assert waiting.endswith("Press Ctrl-C to stop.")
            replace(project / "app.py", ROUTE)
            poll(lambda: "REST       http://" in printed.read_text() or None)
            process.terminate()
            assert process.wait() == 0
        finally:
            process.kill()


def test_missing_package_is_found_when_it_is_installed(app: Path, tmp_path: Path) -> None:
    project, packages = project_of(tmp_path, f"import missing_package\n{ROUTE}"), tmp_path / "lib"
    packages.mkdir()
    with subprocess.Popen(
        command(project),
        cwd=app,
        env={**environment(tmp_path), "PYTHONPATH": str(packages)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("Waiting")
            (packages / "missing_package.py").touch()
            assert process.stdout.readline().startswith("silent, stage dev")
            process.terminate()
            assert process.wait() == 0
        finally:
            process.kill()


def test_resource_files_of_other_names_are_merged(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "jobs", tmp_path / "jobs")
    resources = json.loads((project / "resources.json").read_text())["Resources"]
    (project / "resources.json").unlink()
    options = []
    for number, (name, resource) in enumerate(resources.items()):
        file = tmp_path / f"extras {number}.yaml"
        file.write_text(json.dumps({"Resources": {name: resource}}))
        options.append(f"--resources={file}")
    with serving(app, project, tmp_path, *options) as gateway, client(gateway.url) as guest:
        guest.send("tea")
        assert guest.recv(120) == "job tea"
        assert "tables: jobs-dev-seen\n" in gateway.printed()
        assert f"--resources '{tmp_path}/extras 0.yaml'" in gateway.printed()


def test_connect_waits_for_the_replies_at_the_end_of_the_input(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path) as gateway:
        # The bare app answers each frame with a text.
        done = subprocess.run(
            [sys.executable, "-m", "chalice_ws", "connect", gateway.url],
            cwd=app,
            env=environment(tmp_path),
            input="one\ntwo\nthree\n",
            capture_output=True,
            text=True,
        )
        frames = [line for line in done.stdout.splitlines() if line.startswith("< ")]
        assert sorted(frames) == ["< one", "< three", "< two"], done
