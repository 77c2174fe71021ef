"""What was missed: kept before it is sent, read in pages, and never taken for a member."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib import broadcast, connections, table
from chalicelib.fields import MAX_DEPTH
from chalicelib.frames import MAX_BYTES, MAX_PUSH
from tests.client import Api, Client, Frame

DAY = 86_400
NOBODY = "000000000000-0000000000000000"


def at(seconds: float) -> str:
    """A message id that was made so many seconds from now."""
    return f"{int((time.time() + seconds) * 1000):012x}-{'0' * 16}"


def put(message_id: str, data: object, channel: str = "tea") -> None:
    """Write a message down as if it had been sent when its id says."""
    sent_at = int(message_id[:12], 16)
    push = {**broadcast.message(channel, data), "message_id": message_id, "sent_at": sent_at}
    row = {
        "channel": {"S": f"{channel}#history"},
        "connection_id": {"S": message_id},
        "push": {"S": json.dumps(push)},
        "expires_at": {"N": str(sent_at // 1000 + DAY)},
    }
    table.call("put_item", Item=row)


def data(reply: Frame) -> list[object]:
    """What the messages of a page hold."""
    return [message["data"] for message in reply["messages"]]


def rest(client: Client, page: Frame, **fields: Any) -> Iterator[Frame]:
    """A page and those after it."""
    yield page
    while page["more"]:
        since = page["messages"][-1]["message_id"]
        yield (page := client.request("history", channel="tea", since=since, **fields))


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


@pytest.fixture
def ann(api: Api) -> Client:
    """A member of tea."""
    client = api.connect(name="Ann")
    client.request("join", channel="tea")
    return client


def test_who_was_away_gets_what_was_sent_meanwhile(api: Api, ann: Client) -> None:
    bob = api.connect()
    bob.request("join", channel="tea")
    ann.push()
    ann.request("broadcast", channel="tea", data=0)
    since = bob.push()["message_id"]
    bob.disconnect()
    ann.request("broadcast", channel="tea", data={"n": 1}, client_id="c")
    api.run("notify", {"channel": "tea", "data": [2]})
    ann.request("broadcast", data="elsewhere")
    bob = api.connect()
    reply = bob.request("join", channel="tea", since=since)
    assert (reply["type"], reply["channel"]) == ("joined", "tea")
    assert (reply["more"], reply["complete"]) == (False, True)
    pushes = [ann.push() for _ in range(ann.waiting())]
    assert reply["messages"] == [
        push for push in pushes if push["type"] == "message" and push["channel"] == "tea"
    ]
    exactly = bob.request("history", channel="tea", since=since)
    assert exactly == {**reply, "type": "history", "messages": reply["messages"][1:]}


def test_a_flood_comes_in_pages_without_a_gap_or_a_double(api: Api, ann: Client) -> None:
    for n in range(10):
        ann.request("broadcast", channel="tea", data=n)
    bob = api.connect()
    first = bob.request("join", channel="tea", since=at(-60), limit=4)
    pages = list(rest(bob, first, limit=3))
    assert [data(page) for page in pages] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert all(page["complete"] for page in pages)


def test_without_since_come_the_latest(api: Api, ann: Client) -> None:
    for n in range(60):
        put(at(n - 120), n)
    reply = ann.request("join", channel="tea", limit=2)
    assert (data(reply), reply["more"], reply["complete"]) == ([58, 59], True, True)
    reply = ann.request("history", channel="tea")
    assert (data(reply), reply["more"]) == (list(range(10, 60)), True)
    reply = ann.request("history", channel="tea", limit=60)
    assert (data(reply), reply["more"]) == (list(range(60)), False)
    assert ann.request("history", channel="lobby") == {
        "type": "history",
        "channel": "lobby",
        "messages": [],
        "more": False,
        "complete": True,
    }


def test_a_late_writer_behind_an_id_already_seen_is_not_missed(ann: Client) -> None:
    put(at(-100), "long ago")
    since = at(-10)
    put(at(-38), "late")  # written when others had seen `since`, by a function about to end
    put(since, "seen")
    put(at(-5), "missed")
    assert data(ann.request("join", channel="tea", since=since)) == ["late", "seen", "missed"]
    assert data(ann.request("history", channel="tea", since=since)) == ["missed"]


def test_since_older_than_what_is_kept_is_not_complete(ann: Client) -> None:
    put(at(-DAY - 5), "expired, and not deleted yet")
    put(at(-DAY + 60), "still kept")
    for since, complete in ((NOBODY, False), (at(-DAY - 1), False), (at(-DAY + 35), True)):
        for action in ("join", "history"):
            reply = ann.request(action, channel="tea", since=since)
            assert (data(reply), reply["complete"]) == (["still kept"], complete)
    # Within the overlap some may have come in behind it, and have expired.
    assert ann.request("join", channel="tea", since=at(-DAY + 25))["complete"] is False
    assert data(ann.request("history", channel="tea")) == ["still kept"]


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
        raise table.Busy("again")

    bob = api.connect()
    monkeypatch.setattr("chalicelib.history.keep", busy)
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


def test_a_page_fits_into_one_frame(ann: Client) -> None:
    """With the longest channel, id and messages that there are."""
    channel = "c" * 64
    ann.request("join", channel=channel)
    small, wide = "x" * 30_000, "ü" * 15_000 + "\ud800"
    room = MAX_PUSH - len(json.dumps(broadcast.message(channel, ""), separators=(",", ":")))
    largest = "x" * (room - len(json.dumps(connections.get(ann.connection_id).member)) + 7)
    bodies = [small, wide, small, wide, small, wide, largest, small, largest, largest]
    for body in bodies:
        assert ann.request("broadcast", channel=channel, data=body)["type"] == "sent"
        ann.push()
    reply = ann.request("broadcast", channel=channel, data=largest + "x")
    assert reply["code"] == "too_large"
    assert str(MAX_PUSH) in reply["message"]

    found, sizes, since = [], [], at(-60)
    for n in itertools.count():
        request_id = chr(n + 1) * 63 + "\ud800"
        request = {"action": "history", "channel": channel, "since": since, "id": request_id}
        ann.send(json.dumps(request))
        reply = ann.receive()
        assert (reply["type"], reply["id"]) == ("history", request_id)
        sizes.append(len(reply["messages"]))
        found += data(reply)
        if not reply["more"]:
            break
        since = reply["messages"][-1]["message_id"]
    assert found == bodies
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert data(ann.request("history", channel=channel)) == [largest]
    assert (len(largest), MAX_BYTES - MAX_PUSH) > (129_000, 1000)


def test_the_deepest_message_can_be_read_again(ann: Client) -> None:
    deepest: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]
    assert ann.request("broadcast", channel="tea", data=deepest)["type"] == "sent"
    assert ann.request("broadcast", channel="tea", data=[deepest])["field"] == "data"
    assert data(ann.request("history", channel="tea")) == [deepest]


@pytest.mark.parametrize("action", ["join", "history"])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("since", ["", None, 7, "lobby#0", "x" * 100_000]),
        ("since", [NOBODY[1:], NOBODY + "0", f"{NOBODY}\n", NOBODY.replace("0", "A")]),
        ("limit", [0, 101, -1, 1.0, "5", True, None, []]),
    ],
)
def test_fields_that_will_not_do(
    ann: Client, action: str, field: str, values: list[object]
) -> None:
    for value in values:
        reply = ann.request(action, channel="tea", **{field: value})
        assert (reply["code"], reply["field"]) == ("bad_field", field)


def test_an_id_of_the_future_is_answered(ann: Client) -> None:
    reply = ann.request("history", channel="tea", since="ffffffffffff-0000000000000000")
    assert (data(reply), reply["more"]) == ([], False)


def test_ids_sort_as_they_were_sent_whatever_the_clock_does(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    clock = itertools.chain([now, now, now - 10**9, now], itertools.repeat(now + 10**6))
    monkeypatch.setattr("chalicelib.broadcast.time.time_ns", lambda: next(clock))
    for n in range(5):
        ann.request("broadcast", channel="tea", data=n)
    assert data(ann.request("history", channel="tea")) == list(range(5))
