"""Messages from outside, sent with the notify function."""

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.delivery.pushes import new_message
from chalicelib.protocol.frames import MAX_PUSH_BYTES, Busy, FrameError, encode
from chalicelib.sender import boto
from chalicelib.sender.types import MISSING_CONNECTION_ID, Forbidden
from chalicelib.storage import channels, history
from tests.client import Api, Frame
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
    assert stuck.connection_id in set(channels.member_ids("lobby"))


@pytest.mark.parametrize("has_quota", [True, False])
def test_429_from_boto3_is_the_recipients_own_only_if_the_quota_is_left(
    api: Api, has_quota: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANOUT_SENDER", "boto3")
    # boto3 waits before each further attempt.
    monkeypatch.setattr(aws, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(boto, "_client", boto._client.__wrapped__)
    ann = api.connect()
    api.refusals[ann.connection_id] = (429, "LimitExceededException")
    if not has_quota:
        api.refusals[MISSING_CONNECTION_ID] = (429, "LimitExceededException")
    outcome = api.run("notify", {"channel": "lobby", "data": "x"})
    assert (outcome["failed"], outcome["untried"]) == ((1, 0) if has_quota else (0, 1))


def test_members_that_are_read_at_once_get_the_message(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The future of a thread may be done when asyncio of Python 3.14 returns it."""

    def run(loop: Any, executor: None, function: Any, *arguments: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = loop.create_future()
        future.set_result(function(*arguments))
        return future

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", run)
    ann = api.connect()
    assert api.run("notify", {"channel": "lobby", "data": "x"})["delivered"] == 1
    assert ann.push()["data"] == "x"


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
        "kept": True,
    }


def test_notify_to_nobody_says_whether_the_message_is_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("60", "0"):
        monkeypatch.setenv("HISTORY_SECONDS", seconds)
        outcome = api.run("notify", {"channel": "tea", "data": 1})
        assert (outcome["delivered"], outcome["kept"]) == (0, seconds != "0")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"chanel": "tea", "data": 1}, "use channel: notify takes channel, channels, user,"),
        ({"channel": "tea", "data": 1, "nonsense": 1}, "leave it out: notify takes"),
        ({"channel": "tea", "dat": 1}, "use data: "),
    ],
)
def test_notify_refuses_an_unknown_field(api: Api, event: Frame, message: str) -> None:
    ann = api.connect()
    with pytest.raises(FrameError, match=message):
        api.run("notify", event)
    assert ann.waiting() == 0


@pytest.mark.parametrize("sender", ["concurrent", "boto3"])
def test_notify_in_a_function_with_a_short_timeout_sends(
    api: Api, sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANOUT_SENDER", sender)
    ann = api.connect()
    assert api.run("notify", {"channel": "lobby", "data": 1}, seconds=10)["delivered"] == 1
    assert ann.push()["data"] == 1


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


def test_notify_of_several_channels_or_users_returns_the_counts_of_each(api: Api) -> None:
    guest, ann, bob = api.connect(), api.connect(user="ann"), api.connect(user="bob")
    guest.request("join", channel="tea")
    outcome = api.run("notify", {"channels": ["lobby", "tea", "tea"], "data": 1})
    assert [(each["channel"], each["delivered"]) for each in outcome["results"]] == [
        ("lobby", 3),
        ("tea", 1),
    ]
    assert [guest.push()["message_id"] for _ in range(2)] == [
        each["message_id"] for each in outcome["results"]
    ]
    outcome = api.run("notify", {"users": ["ann", "bob", "carl"], "data": 2})
    assert [(each["user"], each["delivered"]) for each in outcome["results"]] == [
        ("ann", 1),
        ("bob", 1),
        ("carl", 0),
    ]
    for client, channel in ((ann, "@ann"), (bob, "@bob")):
        client.push()
        assert client.push()["channel"] == channel


def test_notify_with_the_same_id_is_the_same_message(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = api.connect()
    event = {"channels": ["lobby", "tea"], "data": 1, "id": "job-7"}
    first, second = api.run("notify", event), api.run("notify", event)
    assert first == second
    assert len({each["message_id"] for each in first["results"]}) == 2
    pushes = [ann.push(), ann.push()]
    assert pushes[0] == pushes[1]
    reply = ann.request("history", channel="lobby")
    assert reply["messages"] == pushes[:1]
    assert api.run("notify", {**event, "id": "job-8"}) != first
    # DynamoDB's TTL deletes the row of the id days late.
    later = time.time() + 601
    monkeypatch.setattr("chalicelib.storage.history.time", SimpleNamespace(time=lambda: later))
    assert api.run("notify", event) != first


def test_notify_of_many_tells_of_those_that_failed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = history.save

    def busy_for_tea(push: Frame, text: str) -> None:
        if push["channel"] == "tea":
            raise Busy
        save(push, text)

    monkeypatch.setattr("chalicelib.storage.history.save", busy_for_tea)
    ann = api.connect()
    event = {"channels": ["tea", "lobby"], "data": 1}
    failed, sent = api.run("notify", event)["results"]
    assert failed == {"channel": "tea", "error": "try_again"}
    assert sent["delivered"] == 1
    # Lambda tries again, and the lobby gets the same message.
    with pytest.raises(Busy):
        api.run("notify", {**event, "id": "1"})
    monkeypatch.setattr("chalicelib.storage.history.save", save)
    api.run("notify", {**event, "id": "1"})
    ids = [ann.push()["message_id"] for _ in range(3)]
    assert (ids[0], ids[1]) == (sent["message_id"], ids[2])


def test_message_that_is_too_large_for_one_channel_is_sent_to_none(api: Api) -> None:
    ann, long = api.connect(), "c" * 64
    size = len(encode(new_message("lobby", "")))
    # With the name of the longer channel, it is a byte over the maximum.
    data = "x" * (MAX_PUSH_BYTES - size - len(long) + len("lobby") + 1)
    assert api.run("notify", {"channel": "lobby", "data": data})["delivered"] == 1
    with pytest.raises(FrameError, match="maximum"):
        api.run("notify", {"channels": ["lobby", long], "data": data})
    assert ann.waiting() == 1


@pytest.mark.parametrize(
    "event",
    [
        {"channel": "tea", "user": "ann", "data": 1},
        {"channels": [], "data": 1},
        {"channels": "tea", "data": 1},
        {"channels": ["a b"], "data": 1},
        {"channels": ["tea"] * 101, "data": 1},
        {"user": "ann b", "data": 1},
        {"user": "ann#1", "data": 1},
        {"users": [None], "data": 1},
        {"users": ["ann"]},
        {"channel": "tea", "data": 1, "id": ""},
        {"channel": "tea", "data": 1, "id": 7},
    ],
)
def test_notify_of_an_invalid_event_sends_nothing(api: Api, event: object) -> None:
    ann = api.connect(user="ann")
    ann.request("join", channel="tea")
    with pytest.raises(FrameError, match=r"channel|user|data|id"):
        api.run("notify", event)
    assert ann.waiting() == 0
