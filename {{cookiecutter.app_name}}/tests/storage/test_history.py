"""What was missed: kept before it is sent, read in pages, and never taken for a member."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.storage import connections, history, table
from tests.client import Api, Client, Frame, Talk
from tests.support.gateway import Gateway
from tests.support.history import at, data, put
from tests.support.interleaving import Choose, in_every_order, in_turn, side_by_side
from tests.support.policies import recorder


def pushed(client: Talk) -> Iterator[Frame]:
    """The pushes to a client, without end."""
    while True:
        yield client.push()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The requests that are made to DynamoDB."""
    counts: Counter[str] = Counter()

    def count(model: Any, **kwargs: object) -> None:
        counts[model.name] += 1

    events = table.dynamodb().meta.events
    events.register("before-call.dynamodb", count, unique_id="count")
    try:
        yield counts
    finally:
        events.unregister("before-call.dynamodb", unique_id="count")


def test_who_was_away_gets_what_was_sent_meanwhile(door: Api | Gateway) -> None:
    ann, bob = door.connect(), door.connect()
    ann.request("join", channel="tea")
    bob.request("broadcast", data="nothing of the channel's")
    first = ann.request("broadcast", channel="tea", data=0)["message_id"]
    bob.disconnect()
    ann.request("broadcast", channel="tea", data={"n": 1}, client_id="c")
    door.run("notify", {"channel": "tea", "data": [2]})
    pushes = list(itertools.islice((push for push in pushed(ann) if push["channel"] == "tea"), 3))

    bob = door.connect()
    reply = bob.request("join", channel="tea", since=first)
    nothing = {"channel": "tea", "more": False, "complete": True}
    assert reply == {"type": "joined", "messages": pushes, **nothing}
    exactly = bob.request("history", channel="tea", since=first)
    assert exactly == {"type": "history", "messages": pushes[1:], **nothing}
    for client in (ann, bob):
        client.disconnect()


def test_a_message_sent_during_a_join_comes_one_way_or_the_other(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a push or in the page, in every order in which their requests can meet."""

    def call(operation: str, **request: Any) -> dict[str, Any]:
        answer = in_turn(operation, **request)
        stale = operation == "query" and not request.get("ConsistentRead")
        return {"Items": []} if stale else answer  # as old as a read may be that is allowed to

    for module in (connections, history, table):
        monkeypatch.setattr(module, "call", call)
    monkeypatch.setenv("FANOUT_SENDER", "boto3")  # it reads the members in the thread that stops
    ann, bob = api.connect(), api.connect()
    channels = (f"tea{n}" for n in itertools.count())

    def check(choose: Choose) -> None:
        channel = next(channels)
        ann.request("join", channel=channel)
        found: list[object] = []

        def join() -> None:
            found.extend(data(bob.request("join", channel=channel, since=at(-60))))

        def send() -> None:
            ann.request("broadcast", channel=channel, data=1)

        with recorder.function("message"):  # it knows of one function at a time
            side_by_side([join, send], choose)
        found += [push["data"] for push in itertools.islice(pushed(bob), bob.waiting())]
        assert found in ([1], [1, 1])

    assert in_every_order(check) > 20


def test_a_late_writer_behind_an_id_already_seen_is_not_missed(ann: Client) -> None:
    put(at(-100), "long ago")
    since = at(-10)
    put(at(-38), "late")  # written when others had seen `since`, by a function about to end
    put(since, "seen")
    put(at(-5), "missed")
    assert data(ann.request("join", channel="tea", since=since)) == ["late", "seen", "missed"]
    assert data(ann.request("history", channel="tea", since=since)) == ["missed"]


def test_a_message_is_kept_for_so_long(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_switched_off_it_costs_nothing(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    put(at(-60), "kept when it was on")
    monkeypatch.setenv("HISTORY_SECONDS", "0")
    with counted() as plain:
        ann.request("join", channel="tea")
    with counted() as resumed:
        reply = ann.request("join", channel="tea", since=at(-120))
    nothing = {"channel": "tea", "messages": [], "more": False, "complete": False}
    assert reply == {"type": "joined", **nothing}
    assert resumed == plain == {"GetItem": 1, "TransactWriteItems": 1}
    with counted() as sent:
        ann.request("broadcast", channel="tea", data=1)
    assert sent == {"GetItem": 1, "Query": 1}
    with counted() as asked:
        assert ann.request("history", channel="tea") == {"type": "history", **nothing}
    assert asked == {"GetItem": 1}


def test_switched_on_it_costs_one_request(ann: Client) -> None:
    with counted() as sent:
        ann.request("broadcast", channel="tea", data=1)
    assert sent == {"GetItem": 1, "PutItem": 1, "Query": 1}
    with counted() as resumed:
        ann.request("join", channel="tea", since=at(-120))
    assert resumed == {"GetItem": 1, "TransactWriteItems": 1, "Query": 1}


def test_what_cannot_be_kept_is_not_sent(
    api: Api, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(push: Frame, text: str) -> None:
        raise table.Busy

    bob = api.connect()
    monkeypatch.setattr("chalicelib.storage.history.save", busy)
    assert ann.request("broadcast", data=1)["code"] == "try_again"
    with pytest.raises(table.Busy):
        api.run("notify", {"channel": "lobby", "data": 1})
    assert bob.waiting() == 0


def test_history_is_for_members(api: Api, ann: Client) -> None:
    ann.request("broadcast", channel="tea", data=1)
    bob = api.connect()
    assert bob.request("history", channel="tea")["code"] == "not_a_member"
    ann.request("broadcast", data="to all")
    assert data(bob.request("history", channel="lobby")) == ["to all"]


def test_messages_are_no_members(api: Api, ann: Client) -> None:
    for channel in ("tea", "lobby"):
        ann.request("broadcast", channel=channel, data=1)
        assert list(connections.members(channel)) == [ann.connection_id]
        assert len(ann.request("who", channel=channel)["members"]) == 1
    assert ann.request("channels")["channels"] == [
        {"channel": "lobby", "members": 1},
        {"channel": "tea", "members": 1},
    ]
    assert api.run("notify", {"channel": "tea", "data": 1})["delivered"] == 1


def test_ids_sort_as_they_were_sent_whatever_the_clock_does(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    clock = itertools.chain([now, now, now - 10**9, now], itertools.repeat(now + 10**6))
    monkeypatch.setattr("chalicelib.delivery.publish.time.time_ns", lambda: next(clock))
    for n in range(5):
        ann.request("broadcast", channel="tea", data=n)
    assert data(ann.request("history", channel="tea")) == list(range(5))
