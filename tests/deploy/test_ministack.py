"""`chalice deploy` to ministack, an emulator that runs the functions. It is independent of moto."""

import json
import os
import socket
import subprocess
import time
import venv
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.conftest import OWN_HOME, ROOT, Bake
from tests.deploy.aws.account import Account

pytestmark = pytest.mark.full

VENV = ROOT / "build" / "ministack"
# Bounds for a hang. A busy machine is far from them.
MAX_SECONDS = 600
MAX_POLLS = 1000

REQUIREMENTS = ROOT / "tests" / "deploy" / "ministack.txt"


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python with ministack. It is created once, under build/."""
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        venv.create(VENV, clear=True, with_pip=True)
        own = str(VENV / "bin" / "python")
        command = [own, "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
        subprocess.run(command, check=True, env={**os.environ, "HOME": OWN_HOME})
        installed.write_text(REQUIREMENTS.read_text())
    return VENV / "bin" / "python"


@pytest.fixture
def ministack(python: Path, tmp_path: Path) -> Generator[Account, None, None]:
    """An empty account of ministack, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = tmp_path / "ministack.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [python, "-m", "ministack"], stdout=output, stderr=output, env=environment
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_ministack/health", process)
            yield Account(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until ministack answers. Fail when its process ends."""
    while process.poll() is None:
        try:
            urlopen(url).close()
            return
        except URLError:
            time.sleep(0.2)
    raise AssertionError(f"ministack ended before it answered at {url}")


def send(client: Connection, **frame: Any) -> None:
    client.send(json.dumps(frame))


def receive(client: Connection) -> Any:
    return json.loads(client.recv(timeout=MAX_SECONDS))


def test_deployed_app_answers_and_broadcasts(ministack: Account, bake: Bake) -> None:
    app = bake()
    ministack.make(app, "table", STAGE="dev")
    ministack.run(app, "chalice", "deploy", "--stage", "dev")
    (api,) = ministack.apis()
    address = (
        f"127.0.0.1:{ministack.endpoint.rsplit(':', 1)[1]}/_aws/execute-api/{api['ApiId']}/api"
    )
    path = app / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    environment = config["stages"]["dev"]["environment_variables"]
    environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = f"http://{address}"
    path.write_text(json.dumps(config))
    ministack.run(app, "chalice", "deploy", "--stage", "dev")

    def count_connections() -> int:
        rows = ministack.client("dynamodb").query(
            TableName="chalice-ws-app-dev-connections",
            KeyConditionExpression="channel = :lobby",
            ExpressionAttributeValues={":lobby": {"S": "lobby#0"}},
            ConsistentRead=True,
        )
        return len(rows["Items"])

    with connect(f"ws://{address}", open_timeout=MAX_SECONDS) as ann:
        with connect(f"ws://{address}", open_timeout=MAX_SECONDS) as bob:
            assert count_connections() == 2
            send(ann, action="echo", data="tea", id=1)
            assert receive(ann) == {"type": "echo", "data": "tea", "id": 1}
            send(ann, action="broadcast", data="tea?", id=2)
            assert receive(bob)["data"] == "tea?"
            frames = {frame["type"]: frame for frame in (receive(ann), receive(ann))}
            assert frames["sent"]["id"] == 2
            assert frames["message"]["data"] == "tea?"
        # $disconnect runs after the client has left.
        for _ in range(MAX_POLLS):
            if count_connections() == 1:
                break
            time.sleep(0.2)
        assert count_connections() == 1
        send(ann, action="broadcast", data="still there?")
        assert {receive(ann)["type"], receive(ann)["type"]} == {"message", "sent"}

    ministack.run(app, "chalice", "delete", "--stage", "dev")
    ministack.make(app, "destroy", STAGE="dev", YES="1")
    assert ministack.contents() == {}
