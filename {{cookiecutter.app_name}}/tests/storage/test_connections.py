"""The table's rows: what is in them, and that no order of events leaves a wrong one behind."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.storage import connections, table
from chalicelib.storage.connections import NotConnected
from tests.client import Api
from tests.support.interleaving import Choose, in_every_order, in_turn, side_by_side

ENDPOINT = "https://abc.execute-api.us-east-1.amazonaws.com/api"
NOW = time.time_ns() // 1_000_000
OLD = NOW - 60_000

Rows = dict[tuple[str, str], dict[str, Any]]

call = table.call


def rows() -> Rows:
    """All rows by their key. Tests may scan; the app never does."""
    items = call("scan", ConsistentRead=True)["Items"]
    return {(item["channel"]["S"], item["connection_id"]["S"]): item for item in items}


def test_rows(api: Api) -> None:
    connections.add("c1", "Ann", ENDPOINT, NOW)
    connections.join(connections.get("c1"), "tea")
    expires_at = {"N": str(NOW // 1000 + 7800)}
    assert rows() == {
        ("lobby#0", "c1"): {
            "channel": {"S": "lobby#0"},
            "connection_id": {"S": "c1"},
            "name": {"S": "Ann"},
            "endpoint": {"S": ENDPOINT},
            "channels": {"SS": ["tea"]},
            "connected_at": {"N": str(NOW)},
            "expires_at": expires_at,
        },
        ("tea#0", "c1"): {
            "channel": {"S": "tea#0"},
            "connection_id": {"S": "c1"},
            "expires_at": expires_at,
        },
    }


def test_each_write_may_be_repeated(api: Api) -> None:
    connections.add("c1", "Ann", ENDPOINT, OLD)
    home = connections.get("c1")
    connections.join(home, "tea")
    connections.join(home, "tea")
    before = rows()
    connections.add("c1", "Other", ENDPOINT, NOW)
    assert rows() == before
    connections.leave(home, "tea")
    connections.leave(home, "tea")
    assert connections.get("c1").channels == frozenset()
    connections.rename("c1", "Zoe")
    assert connections.rename("c1", "Zoe").name == "Zoe"
    connections.join(home, "tea")
    assert connections.remove("c1") is not None
    assert connections.remove("c1") is None
    connections.remove_gone(["c1"], "tea")
    assert rows() == {}


def test_what_has_expired_is_not_there(api: Api) -> None:
    """TTL deletes within days, not at once."""
    connections.add("old", None, ENDPOINT, NOW - 7_900_000)
    connections.add("new", None, ENDPOINT, NOW)
    new = connections.get("new")
    connections.join(new, "tea")
    expired = connections.Connection("old", "x", ENDPOINT, frozenset(), NOW // 1000 - 100, 0)
    connections.join(expired, "tea")
    assert len(rows()) == 4
    for channel in ("lobby", "tea"):
        assert list(connections.members(channel)) == ["new"]
    assert connections.count_members() == {"lobby": 1, "tea": 1}
    assert [home.connection_id for home in connections.get_many(["old", "new"])] == ["new"]
    with pytest.raises(NotConnected):
        connections.get("old")


def test_every_page_is_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"c{n}" for n in range(7)]
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, NOW)

    def small_pages(operation: str, **request: Any) -> dict[str, Any]:
        return call(operation, **{**request, "Limit": 3} if operation == "query" else request)

    monkeypatch.setattr(table, "call", small_pages)
    assert sorted(connections.members("lobby")) == ids
    assert connections.count_members() == {"lobby": 7}


def test_more_homes_than_one_request_takes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"c{n:03}" for n in range(120)]
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, NOW)

    def in_parts(operation: str, **request: Any) -> dict[str, Any]:
        """Answer half of the keys, as DynamoDB may."""
        if operation != "batch_get_item":
            return call(operation, **request)
        ((name, wanted),) = request["RequestItems"].items()
        half = (len(wanted["Keys"]) + 1) // 2
        now, later = wanted["Keys"][:half], wanted["Keys"][half:]
        answer = call(operation, RequestItems={name: {"Keys": now}})
        return {**answer, "UnprocessedKeys": {name: {"Keys": later}} if later else {}}

    monkeypatch.setattr(connections, "call", in_parts)
    assert sorted(home.connection_id for home in connections.get_many([*ids, "none"])) == ids


def test_a_young_connection_is_not_pruned(api: Api) -> None:
    """A broadcast during its $connect is told that it is gone."""
    connections.add("c1", None, ENDPOINT, time.time_ns() // 1_000_000)
    connections.remove_gone(["c1"], "lobby")
    assert connections.get("c1")


def test_prune_takes_all_rows_and_the_orphan(api: Api) -> None:
    connections.add("c1", None, ENDPOINT, OLD)
    home = connections.get("c1")
    connections.join(home, "tea")
    connections.join(home, "cake")
    connections.remove_gone(["c1"], "tea")
    assert rows() == {}
    call("put_item", Item={**table.key("tea", "c2"), "expires_at": {"N": "9999999999"}})
    connections.remove_gone(["c2"], "tea")
    assert rows() == {}


@pytest.mark.parametrize("error", ["TransactionConflictException", "ThrottlingException"])
def test_conflicts_are_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    connections.add("c1", None, ENDPOINT, NOW)
    refused = ClientError({"Error": {"Code": error}}, "UpdateItem")
    failures = itertools.repeat(refused, 3)

    def fail_at_first(**kwargs: Any) -> None:
        if next(failures, None):
            raise refused

    name = "provide-client-params.dynamodb.UpdateItem"
    table.dynamodb().meta.events.register(name, fail_at_first, unique_id="test")
    try:
        assert connections.rename("c1", "Ann").name == "Ann"
        failures = itertools.repeat(refused, 99)
        with pytest.raises(table.Busy):
            connections.rename("c1", "Zoe")
    finally:
        table.dynamodb().meta.events.unregister(name, unique_id="test")


OPERATIONS: dict[str, Callable[[], object]] = {
    "connect again": lambda: connections.add("c1", "Ann", ENDPOINT, OLD),
    "join": lambda: connections.join(connections.get("c1"), "tea"),
    "leave": lambda: connections.leave(connections.get("c1"), "tea"),
    "rename": lambda: connections.rename("c1", "Zoe"),
    "disconnect": lambda: connections.remove("c1"),
    "prune": lambda: connections.remove_gone(["c1", "orphan"], "tea"),
}


@pytest.mark.parametrize("member", [False, True])
@pytest.mark.parametrize(
    "pair",
    [
        ("join", "disconnect"),
        ("join", "prune"),
        ("join", "leave"),
        ("join", "connect again"),
        ("leave", "disconnect"),
        ("rename", "disconnect"),
        ("prune", "disconnect"),
    ],
)
def test_two_at_the_same_time(
    api: Api, pair: tuple[str, str], member: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both end, in every order in which their requests can meet, with no ghost left."""
    monkeypatch.setattr(connections, "call", in_turn)
    monkeypatch.setattr(table, "call", in_turn)
    monkeypatch.setattr(table, "map_in_threads", lambda function, items: [*map(function, items)])

    def check(choose: Choose) -> None:
        connections.remove("c1")
        connections.add("c1", "Ann", ENDPOINT, OLD)
        if member:
            connections.join(connections.get("c1"), "tea")
        side_by_side([OPERATIONS[name] for name in pair], choose)
        found = rows()
        home = found.get(("lobby#0", "c1"))
        assert (home is None) == bool({"disconnect", "prune"} & set(pair))
        joined = home.get("channels", {"SS": []})["SS"] if home else []
        assert {channel for channel, _ in found} - {"lobby#0"} == {f"{each}#0" for each in joined}

    assert in_every_order(check) > 1
