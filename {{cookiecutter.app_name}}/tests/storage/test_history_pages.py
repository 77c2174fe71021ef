"""Pages of history: what they begin with, how much they hold, and what they say of the rest."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.delivery import publish as broadcast
from chalicelib.protocol.fields import MAX_DEPTH
from chalicelib.protocol.frames import MAX_BYTES, MAX_PUSH_BYTES
from chalicelib.storage import connections
from tests.client import Api, Client, Frame
from tests.support.history import DAY, at, data, put

NOBODY = "000000000000-0000000000000000"


def rest(client: Client, page: Frame, **fields: Any) -> Iterator[Frame]:
    """A page and those after it."""
    yield page
    while page["more"]:
        since = page["messages"][-1]["message_id"]
        yield (page := client.request("history", channel="tea", since=since, **fields))


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


def test_a_page_fits_into_one_frame(ann: Client) -> None:
    """With the longest channel, id and messages that there are."""
    channel = "c" * 64
    ann.request("join", channel=channel)
    small, wide = "x" * 30_000, "ü" * 15_000 + "\ud800"
    room = MAX_PUSH_BYTES - len(json.dumps(broadcast.message(channel, ""), separators=(",", ":")))
    largest = "x" * (room - len(json.dumps(connections.get(ann.connection_id).member)) + 7)
    bodies = [small, wide, small, wide, small, wide, largest, small, largest, largest]
    for body in bodies:
        assert ann.request("broadcast", channel=channel, data=body)["type"] == "sent"
        ann.push()
    reply = ann.request("broadcast", channel=channel, data=largest + "x")
    assert reply["code"] == "too_large"
    assert str(MAX_PUSH_BYTES) in reply["message"]

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
    assert (len(largest), MAX_BYTES - MAX_PUSH_BYTES) > (129_000, 1000)


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
        ("since", [NOBODY[1:], NOBODY[:-1], NOBODY + "0", f"{NOBODY}\n", NOBODY.replace("0", "A")]),
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
