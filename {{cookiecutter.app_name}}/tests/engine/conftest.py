"""Fixtures of the engine's tests: the app with its actions, rules and settings as generated."""

import pytest

from chalicelib import settings
from chalicelib.protocol import fields
from chalicelib.storage import table
from docs.asyncapi import describe
from tests.client import Api
from tests.engine.generated import access, actions, replies
from tests.support import asyncapi, aws

TABLE = "engine-connections"
SETTINGS = {
    "WS_ACTIONS": ",".join(actions.router.actions),
    "HISTORY_SECONDS": "86400",
    "FANOUT_RPS": "5000",
}


# The copy of actions.py imports the owner's replies.
setattr(actions, "replies", replies)  # noqa: B010
FRAMES = asyncapi.Frames(describe(actions.router.actions, replies.PUSHES))


@pytest.fixture(autouse=True)
def frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of the app as generated, in place of the owner's."""
    monkeypatch.setattr(asyncapi, "FRAMES", FRAMES)


@pytest.fixture
def api(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The app as generated, with an empty table and all actions switched on."""
    for name in settings.READERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"CONNECTIONS_TABLE": TABLE, **SETTINGS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.router", actions.router)
    monkeypatch.setattr("app.authenticate", access.authenticate)
    monkeypatch.setattr("app.NAME", fields.NAME)
    monkeypatch.setattr("chalicelib.access.may", access.may)
    aws.reset(create_table)
    shared_api.reset(person=None)
    return shared_api


def create_table() -> None:
    """Create the table of connections, as resources.json has it when generated."""
    key = {"channel": "HASH", "connection_id": "RANGE"}
    table.dynamodb().create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in key],
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in key.items()],
    )
