"""Messages from outside, sent with the notify function."""

import logging

import pytest

from chalicelib.sender.types import Forbidden
from chalicelib.storage import channels
from tests.client import Api
from tests.conftest import age


@pytest.mark.parametrize("sender", ["concurrent", "boto3"])
def test_notify_with_a_failing_recipient_reaches_the_others(
    api: Api, sender: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANOUT_SENDER", sender)
    ann, stuck, bob = api.connect(), api.connect(), api.connect()
    api.refusals[stuck.connection_id] = (400, "BadRequestException")
    outcome = api.run("notify", {"channel": "lobby", "data": "x"})
    assert (outcome["delivered"], outcome["failed"]) == (2, 1)
    assert (ann.push()["data"], bob.push()["data"]) == ("x", "x")
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert stuck.connection_id in record.getMessage()
    assert stuck.connection_id in set(channels.members("lobby"))


def test_notify_without_permission_names_the_missing_action(api: Api) -> None:
    ann = api.connect()
    api.refusals[ann.connection_id] = (403, "AccessDeniedException")
    with pytest.raises(Forbidden, match="execute-api:ManageConnections"):
        api.run("notify", {"channel": "lobby", "data": "x"})


def test_notify_returns_counts_by_status(api: Api) -> None:
    ann, closed = api.connect(), api.connect()
    ann.request("join", channel="tea")
    closed.request("join", channel="tea")
    ann.push()
    age(closed)
    closed.vanish()
    outcome = api.run("notify", {"channel": "tea", "data": [1]})
    push = ann.push()
    assert (push["from"], push["data"]) == (None, [1])
    assert outcome == {
        "message_id": push["message_id"],
        "delivered": 1,
        "gone": 1,
        "failed": 0,
        "untried": 0,
    }


def test_notify_without_time_left_returns_untried(api: Api) -> None:
    client = api.connect()
    outcome = api.run("notify", {"channel": "lobby", "data": 1}, seconds=0)
    assert (outcome["delivered"], outcome["untried"]) == (0, 1)
    assert client.waiting() == 0


@pytest.mark.parametrize(
    "event", [None, [], {}, {"channel": "tea"}, {"data": 1}, {"channel": "a b", "data": 1}]
)
def test_notify_of_an_invalid_event_raises_an_error(api: Api, event: object) -> None:
    with pytest.raises(Exception, match=r"channel|data"):
        api.run("notify", event)
