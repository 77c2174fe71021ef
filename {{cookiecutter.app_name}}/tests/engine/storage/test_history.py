"""The history: messages are saved before they are sent, and clients that were away read them."""

import itertools
import json
import time
from typing import Any

import pytest

from chalicelib.protocol.frames import Busy
from chalicelib.storage import channels, connections, history, table
from tests.client import Api, Client, Frame
from tests.support.examples import times
from tests.support.history import message_id_at, page_data, save_message
from tests.support.interleaving import Choose, call_in_schedule, check_every_order, run_concurrently
from tests.support.policies import recorder
from tests.support.rows import count_requests


def test_message_sent_during_a_join_is_pushed_or_in_the_page(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Try each order that the requests of both can have."""

    def call(operation: str, **request: Any) -> dict[str, Any]:
        answer = call_in_schedule(operation, **request)
        stale = operation == "query" and not request.get("ConsistentRead")
        # A read that is not consistent may be this old.
        return {"Items": []} if stale else answer

    for module in (connections, history, table):
        monkeypatch.setattr(module, "call", call)
    # This sender reads the members in the thread of the schedule.
    monkeypatch.setenv("FANOUT_SENDER", "boto3")
    ann, bob = api.connect(), api.connect()
    channels = (f"tea{n}" for n in itertools.count())

    def check(choose: Choose) -> None:
        channel = next(channels)
        ann.request("join", channel=channel)
        found: list[object] = []

        def join() -> None:
            found.extend(page_data(bob.request("join", channel=channel, since=message_id_at(-60))))

        def send() -> None:
            ann.request("broadcast", channel=channel, data=1)

        # The recorder knows one function at a time.
        with recorder.function("message"):
            run_concurrently([join, send], choose)
        found += [push["data"] for push in (bob.push() for _ in range(bob.waiting()))]
        assert found in ([1], [1, 1])

    assert check_every_order(check) >= times(20, 10)


def test_join_returns_a_message_that_was_written_late(ann: Client) -> None:
    save_message(message_id_at(-100), "long ago")
    since = message_id_at(-10)
    # A function may write as late as it ends, when others have received `since`.
    save_message(message_id_at(-38), "late")
    save_message(since, "seen")
    save_message(message_id_at(-5), "missed")
    assert page_data(ann.request("join", channel="tea", since=since)) == ["late", "seen", "missed"]
    assert page_data(ann.request("history", channel="tea", since=since)) == ["missed"]


def test_message_row_expires_after_history_seconds(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY_SECONDS", "60")
    ann.request("broadcast", channel="tea", data=1)
    push = ann.push()
    (row,) = [row for row in table.call("scan")["Items"] if "push" in row]
    assert json.loads(row.pop("push")["S"]) == push
    assert row == {
        "channel": {"S": "tea#history"},
        "connection_id": {"S": push["message_id"]},
        "expires_at": {"N": str(push["sent_at"] // 1000 + 60)},
    }


def test_history_switched_off_sends_no_request(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_message(message_id_at(-60), "saved before")
    monkeypatch.setenv("HISTORY_SECONDS", "0")
    with count_requests() as joined:
        ann.request("join", channel="tea")
    with count_requests() as resumed:
        reply = ann.request("join", channel="tea", since=message_id_at(-120))
    nothing = {"channel": "tea", "messages": [], "more": False, "complete": False}
    assert reply == {"type": "joined", **nothing}
    assert resumed == joined == {"GetItem": 1, "TransactWriteItems": 1}
    with count_requests() as sent:
        ann.request("broadcast", channel="tea", data=1)
    assert sent == {"GetItem": 1, "Query": 1}
    with count_requests() as asked:
        assert ann.request("history", channel="tea") == {"type": "history", **nothing}
    assert asked == {"GetItem": 1}


def test_history_switched_on_sends_one_request(ann: Client) -> None:
    with count_requests() as sent:
        ann.request("broadcast", channel="tea", data=1)
    assert sent == {"GetItem": 1, "PutItem": 1, "Query": 1}
    with count_requests() as resumed:
        ann.request("join", channel="tea", since=message_id_at(-120))
    assert resumed == {"GetItem": 1, "TransactWriteItems": 1, "Query": 1}


def test_message_that_cannot_be_saved_is_not_sent(
    api: Api, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(push: Frame, text: str) -> None:
        raise Busy

    bob = api.connect()
    monkeypatch.setattr("chalicelib.storage.history.save", busy)
    assert ann.request("broadcast", data=1)["code"] == "try_again"
    with pytest.raises(Busy):
        api.run("notify", {"channel": "lobby", "data": 1})
    assert bob.waiting() == 0


def test_history_of_a_channel_is_for_members_only(api: Api, ann: Client) -> None:
    ann.request("broadcast", channel="tea", data=1)
    bob = api.connect()
    assert bob.request("history", channel="tea")["code"] == "not_a_member"
    ann.request("broadcast", data="to all")
    assert page_data(bob.request("history", channel="lobby")) == ["to all"]


def test_message_rows_are_not_listed_as_members(api: Api, ann: Client) -> None:
    for channel in ("tea", "lobby"):
        ann.request("broadcast", channel=channel, data=1)
        assert list(channels.member_ids(channel)) == [ann.connection_id]
        assert len(ann.request("who", channel=channel)["members"]) == 1
    assert ann.request("channels")["channels"] == [
        {"channel": "lobby", "members": 1},
        {"channel": "tea", "members": 1},
    ]
    assert api.run("notify", {"channel": "tea", "data": 1})["delivered"] == 1


def test_message_ids_increase_if_the_clock_stops_or_is_set_back(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    clock = itertools.chain([now, now, now - 10**9, now], itertools.repeat(now + 10**6))
    monkeypatch.setattr("chalicelib.delivery.pushes.time.time_ns", lambda: next(clock))
    for n in range(5):
        ann.request("broadcast", channel="tea", data=n)
    assert page_data(ann.request("history", channel="tea")) == list(range(5))


def test_message_with_keep_false_is_sent_and_not_saved(ann: Client) -> None:
    with count_requests() as sent:
        ann.request("broadcast", channel="tea", data="typing", keep=False)
    assert sent == {"GetItem": 1, "Query": 1}
    push = ann.push()
    assert (push["data"], push["keep"]) == ("typing", False)
    ann.request("broadcast", channel="tea", data=1, keep=True)
    assert "keep" not in ann.push()
    assert page_data(ann.request("history", channel="tea")) == [1]
