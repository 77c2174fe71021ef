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
from tests.recipes.reader import follow

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
    """A new app with the README's route and settings."""
    app = bake(app_name="tea", app_kind="chat")
    follow(app, (app / "README.md").read_text().partition(HEADING)[2].partition("\n## ")[0])
    return app


@pytest.mark.full
def test_route_of_the_readme_works(with_route: Path, tmp_path: Path) -> None:
    app = with_route
    run(app, "chalice_ws", "check")
    run(app, "ruff", "check", "--no-cache", "app.py")
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


@pytest.mark.full
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
