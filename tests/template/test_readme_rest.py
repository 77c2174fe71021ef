"""The README's REST route, added to a new app as it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.local.gateway import SECONDS, client, serving

HEADING = "## Add a REST route"


def run(app: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module in the app's folder; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", *arguments], cwd=app, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def with_route(bake: Bake) -> Path:
    """A new app with the README's route, settings and test."""
    app = bake(app_name="tea", app_kind="chat")
    section = (app / "README.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    route, imports, test = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    source = (app / "app.py").read_text()
    start = source.index("from chalice import")
    (app / "app.py").write_text(source[:start] + imports + source[start:] + "\n\n" + route)
    (setting,) = re.findall(r'^    ("api_handler": .*),$', section, re.MULTILINE)
    config = json.loads((app / ".chalice" / "config.json").read_text())
    for stage, settings in config["stages"].items():
        added = json.loads(f"{{{setting}}}".replace("dev/", f"{stage}/"))
        settings["lambda_functions"].update(added)
    (app / ".chalice" / "config.json").write_text(json.dumps(config))
    (app / "tests" / "app" / "test_route.py").write_text(test)
    return app


def test_route_of_the_readme_works(with_route: Path, tmp_path: Path) -> None:
    app = with_route
    run(app, "chalice_ws", "check")
    run(app, "ruff", "check", "--fix", "--select=I", "app.py", "tests")
    run(app, "ruff", "check", ".")
    run(app, "mypy", f"--cache-dir={tmp_path}", "app.py", "tests/app/test_route.py")
    run(app, "pytest", "-p", "no:cacheprovider", "tests/app")
    with serving(app, app, tmp_path) as gateway, client(gateway.url) as ann:
        # The reply shows that ann is in the lobby.
        ann.send('{"action": "echo", "data": 1}')
        ann.recv(SECONDS)
        (curl,) = re.findall(r"^    (curl .*\n.*)$", (app / "README.md").read_text(), re.MULTILINE)
        command = curl.replace("8000", str(gateway.port))
        # A proxy that does not answer: the command reaches this machine directly.
        proxy = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
        answer = subprocess.run(command, shell=True, capture_output=True, text=True, env=proxy)
        assert json.loads(answer.stdout)["delivered"] == 1, answer.stderr
        assert json.loads(ann.recv(SECONDS))["data"] == "Tea is ready"


def test_route_of_the_readme_is_packaged(with_route: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    run(with_route, "chalice_ws.deploy", "package", "--stage", "prod", "production")
    template = json.loads((with_route / "build" / "prod" / "template.json").read_text())
    resources, outputs = template["Resources"], template["Outputs"]
    assert resources["RestAPI"]["Properties"]["StageName"] == "api"
    assert {"EndpointURL", "WebsocketConnectEndpointURL"} <= outputs.keys()
    policy = resources["ApiHandlerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    granted = json.loads((with_route / ".chalice" / "prod" / "notify.json").read_text())
    assert policy == granted
