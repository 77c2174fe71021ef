"""The app on a real DynamoDB API in this process, its table fresh for each test."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from chalice_ws.local import services
from chalice_ws.local.isolation import isolate
from chalice_ws.project.config import read_config
from chalice_ws.project.resources import create_tables, read_resources
from chalicelib.actions import router
from chalicelib.storage import table
from tests.client import Api, Client, Frame
from tests.support.gateway import Gateway
from tests.support.policies import STAGES, missing, recorder

PROJECT = Path(__file__).parent.parent
PARTS = ["app.py", "chalicelib", ".chalice", "resources.json", "resources", "web"]
ALL_ACTIONS = ",".join(router.actions)


@pytest.fixture(scope="session")
def database() -> str:
    """The URL of DynamoDB; nothing on the machine that is configured for AWS is used."""
    url = services.serve()
    os.environ.update(isolate(url, gateway="http://127.0.0.1:1/api"))
    os.environ.update(read_config(PROJECT, "dev").environment_variables)
    return url


@pytest.fixture(scope="session")
def shared_api(database: str) -> Iterator[Api]:
    from app import app

    with Api(app, read_config(PROJECT, "dev").api_gateway_stage) as api:
        yield api


@pytest.fixture
def api(shared_api: Api, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The app with an empty table and every action switched on.

    A function that calls what its policy does not grant fails the test.
    """
    monkeypatch.setenv("WS_ACTIONS", ALL_ACTIONS)
    urlopen(Request(f"{database}/moto-api/reset", method="POST")).close()
    create_tables(read_resources(read_config(PROJECT, "dev")).tables())
    shared_api.inboxes.clear()
    shared_api.refusals.clear()
    recorder.calls.clear()
    yield shared_api
    if found := [line for stage in STAGES for line in missing(stage)]:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Gateway]:
    """The local gateway with a copy of this app, every action switched on."""
    folder = tmp_path_factory.mktemp("gateway")
    project = folder / "app"
    project.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        copy(PROJECT / part, project / part)
    config = project / ".chalice" / "config.json"
    content = json.loads(config.read_text())
    content["stages"]["dev"]["environment_variables"]["WS_ACTIONS"] = ALL_ACTIONS
    config.write_text(json.dumps(content))
    gateway = Gateway(project, folder)
    try:
        yield gateway
    finally:
        status = gateway.stop()
    assert status == 0, gateway.log.read_text()


@pytest.fixture
def ann(api: Api) -> Client:
    """A member of tea."""
    client = api.connect(name="Ann")
    client.request("join", channel="tea")
    return client


@pytest.fixture(params=["handlers", "gateway"])
def door(request: pytest.FixtureRequest) -> Api | Gateway:
    """The way in: in this process, or over the network."""
    name = {"handlers": "api", "gateway": "gateway"}[request.param]
    way: Api | Gateway = request.getfixturevalue(name)
    return way


def error(frame: Frame) -> tuple[str, str]:
    """Check that a frame is an error and says what to do; return its code and its action."""
    assert frame["type"] == "error"
    assert frame["message"]
    return frame["code"], frame["action"]


def age(client: Client, seconds: int = 60) -> None:
    """Make a connection as old as that, so that a 410 is believed."""
    key = table.key("lobby", client.connection_id)
    table.call(
        "update_item",
        Key=key,
        UpdateExpression="SET connected_at = connected_at - :ms",
        ExpressionAttributeValues={":ms": {"N": str(seconds * 1000)}},
    )
