"""The pages of a channel's history: their order, their size, and their fields."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.delivery import pushes
from chalicelib.protocol.fields import MAX_DEPTH
from chalicelib.protocol.frames import MAX_BYTES, MAX_PUSH_BYTES
from chalicelib.storage import connections
from tests.client import Api, Client, Frame
from tests.support.history import DAY, message_id_at, page_data, save_message

NOBODY = "000000000000-0000000000000000"


def pages_from(client: Client, page: Frame, **fields: Any) -> Iterator[Frame]:
    """Yield a page and the pages after it."""
    yield page
    while page["more"]:
        since = page["messages"][-1]["message_id"]
        yield (page := client.request("history", channel="tea", since=since, **fields))


def test_pages_hold_each_message_once_in_order(api: Api, ann: Client) -> None:
    for n in range(10):
        ann.request("broadcast", channel="tea", data=n)
    bob = api.connect()
    first = bob.request("join", channel="tea", since=message_id_at(-60), limit=4)
    pages = list(pages_from(bob, first, limit=3))
    assert [page_data(page) for page in pages] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert all(page["complete"] for page in pages)


def test_history_without_since_returns_the_latest(api: Api, ann: Client) -> None:
    for n in range(60):
        save_message(message_id_at(n - 120), n)
    reply = ann.request("join", channel="tea", limit=2)
    assert (page_data(reply), reply["more"], reply["complete"]) == ([58, 59], True, True)
    reply = ann.request("history", channel="tea")
    assert (page_data(reply), reply["more"]) == (list(range(10, 60)), True)
    reply = ann.request("history", channel="tea", limit=60)
    assert (page_data(reply), reply["more"]) == (list(range(60)), False)
    assert ann.request("history", channel="lobby") == {
        "type": "history",
        "channel": "lobby",
        "messages": [],
        "more": False,
        "complete": True,
    }


def test_since_older_than_the_history_is_not_complete(ann: Client) -> None:
    save_message(message_id_at(-DAY - 5), "expired, but not deleted")
    save_message(message_id_at(-DAY + 60), "not expired")
    for since, complete in (
        (NOBODY, False),
        (message_id_at(-DAY - 1), False),
        (message_id_at(-DAY + 35), True),
    ):
        for action in ("join", "history"):
            reply = ann.request(action, channel="tea", since=since)
            assert (page_data(reply), reply["complete"]) == (["not expired"], complete)
    # Messages within the overlap may have been written later, and may have expired.
    assert ann.request("join", channel="tea", since=message_id_at(-DAY + 25))["complete"] is False
    assert page_data(ann.request("history", channel="tea")) == ["not expired"]


def test_page_of_longest_messages_fits_into_one_frame(ann: Client) -> None:
    """The channel, the id and the messages have their maximum length."""
    channel = "c" * 64
    ann.request("join", channel=channel)
    small, wide = "x" * 30_000, "ü" * 15_000 + "\ud800"
    max_length = MAX_PUSH_BYTES - len(
        json.dumps(pushes.new_message(channel, ""), separators=(",", ":"))
    )
    largest = "x" * (max_length - len(json.dumps(connections.get(ann.connection_id).member)) + 7)
    bodies = [small, wide, small, wide, small, wide, largest, small, largest, largest]
    for body in bodies:
        assert ann.request("broadcast", channel=channel, data=body)["type"] == "sent"
        ann.push()
    reply = ann.request("broadcast", channel=channel, data=largest + "x")
    assert reply["code"] == "too_large"
    assert str(MAX_PUSH_BYTES) in reply["message"]

    found, sizes, since = [], [], message_id_at(-60)
    for n in itertools.count():
        request_id = chr(n + 1) * 63 + "\ud800"
        request = {"action": "history", "channel": channel, "since": since, "id": request_id}
        ann.send(json.dumps(request))
        reply = ann.receive()
        assert (reply["type"], reply["id"]) == ("history", request_id)
        sizes.append(len(reply["messages"]))
        found += page_data(reply)
        if not reply["more"]:
            break
        since = reply["messages"][-1]["message_id"]
    assert found == bodies
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert page_data(ann.request("history", channel=channel)) == [largest]
    assert (len(largest), MAX_BYTES - MAX_PUSH_BYTES) > (129_000, 1000)


def test_deepest_message_can_be_read_from_history(ann: Client) -> None:
    deepest: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]
    assert ann.request("broadcast", channel="tea", data=deepest)["type"] == "sent"
    assert ann.request("broadcast", channel="tea", data=[deepest])["field"] == "data"
    assert page_data(ann.request("history", channel="tea")) == [deepest]


@pytest.mark.parametrize("action", ["join", "history"])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("since", ["", None, 7, "lobby#0", "x" * 100_000]),
        ("since", [NOBODY[1:], NOBODY[:-1], NOBODY + "0", f"{NOBODY}\n", NOBODY.replace("0", "A")]),
        ("limit", [0, 101, -1, 1.5, "5", True, None, []]),
    ],
)
def test_invalid_since_or_limit_is_a_bad_field(
    ann: Client, action: str, field: str, values: list[object]
) -> None:
    for value in values:
        reply = ann.request(action, channel="tea", **{field: value})
        assert (reply["code"], reply["field"]) == ("bad_field", field)


def test_since_in_the_future_returns_an_empty_page(ann: Client) -> None:
    reply = ann.request("history", channel="tea", since="ffffffffffff-0000000000000000")
    assert (page_data(reply), reply["more"]) == ([], False)
