"""The app on a real DynamoDB API in this process, its table fresh for each test."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from chalicelib import table
from local import tables
from local.functions import read_config, read_template
from local.sandbox import isolate
from tests.client import Api, Client, Frame
from tests.policies import STAGES, gate, missing

PROJECT = Path(__file__).parent.parent
ALL_ACTIONS = "echo,name,join,leave,broadcast,history,who,channels,help"


@pytest.fixture(scope="session")
def database() -> str:
    """The URL of DynamoDB; nothing on the machine that is configured for AWS is used."""
    url = tables.serve()
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
    tables.create(read_template(read_config(PROJECT, "dev")).tables())
    shared_api.inboxes.clear()
    shared_api.refusals.clear()
    gate.calls.clear()
    yield shared_api
    if found := [line for stage in STAGES for line in missing(stage)]:
        pytest.fail("\n".join(found), pytrace=False)


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
