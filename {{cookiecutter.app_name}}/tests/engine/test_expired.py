"""The end of a token: the connection ends with it, and the client is told."""

import json
from typing import Any

import pytest

from chalicelib.storage import connections
from chalicelib.storage.rows import NotConnected
from tests.client import Api
from tests.conftest import expire
from tests.support.rows import count_requests, rows

REQUESTS: list[dict[str, Any]] = [
    {"action": "echo", "data": 1},
    {"action": "help"},
    {"action": "name", "name": "Bob"},
    {"action": "join", "channel": "tea"},
    {"action": "leave", "channel": "tea"},
    {"action": "broadcast", "data": 1},
    {"action": "history", "channel": "tea"},
    {"action": "who", "channel": "tea"},
    {"action": "channels"},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: str(each["action"]))
def test_request_after_the_tokens_end_gets_bye_and_closes_the_connection(
    api: Api, request_: dict[str, Any]
) -> None:
    ann, bob = api.connect(user="ann"), api.connect(user="bob")
    for client in (ann, bob):
        client.request("join", channel="tea")
    while ann.waiting():
        ann.push()
    expire(ann)
    ann.send(json.dumps(request_))
    assert ann.push() == {
        "type": "bye",
        "code": "expired",
        "message": "sign in again: your sign-in has ended",
    }
    assert (ann.waiting(), ann.is_open()) == (0, False)
    # The disconnect function has run.
    assert ann.connection_id not in {each for _, each in rows()}
    assert bob.push()["event"] == "left"
    with pytest.raises(NotConnected):
        connections.get(ann.connection_id)


def test_connection_that_cannot_be_closed_is_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    ann = api.connect(user="ann")
    expire(ann)
    api.refusals[ann.connection_id] = (403, "AccessDeniedException")
    ann.send('{"action": "help"}')
    assert f"connection {ann.connection_id} was not closed" in caplog.text


def test_guest_pays_nothing_for_it(api: Api) -> None:
    guest = api.connect()
    with count_requests() as count:
        guest.request("echo", data=1)
        guest.request("help")
    assert count == {}
