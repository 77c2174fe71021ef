"""The rows of connections and memberships, which concurrent requests leave correct."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.storage import connections, table
from chalicelib.storage.connections import NotConnected
from tests.client import Api
from tests.support.interleaving import Choose, call_in_schedule, check_every_order, run_concurrently

ENDPOINT = "https://abc.execute-api.us-east-1.amazonaws.com/api"
NOW = time.time_ns() // 1_000_000
OLD = NOW - 60_000

Rows = dict[tuple[str, str], dict[str, Any]]

call = table.call


def rows() -> Rows:
    """Return all rows by their key."""
    items = call("scan", ConsistentRead=True)["Items"]
    return {(item["channel"]["S"], item["connection_id"]["S"]): item for item in items}


def test_connection_and_membership_rows_have_these_attributes(api: Api) -> None:
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


def test_repeated_writes_change_nothing(api: Api) -> None:
    connections.add("c1", "Ann", ENDPOINT, OLD)
    connection = connections.get("c1")
    connections.join(connection, "tea")
    connections.join(connection, "tea")
    before = rows()
    connections.add("c1", "Other", ENDPOINT, NOW)
    assert rows() == before
    connections.leave(connection, "tea")
    connections.leave(connection, "tea")
    assert connections.get("c1").channels == frozenset()
    connections.rename("c1", "Zoe")
    assert connections.rename("c1", "Zoe").name == "Zoe"
    connections.join(connection, "tea")
    assert connections.remove("c1") is not None
    assert connections.remove("c1") is None
    connections.remove_gone(["c1"], "tea")
    assert rows() == {}


def test_expired_rows_are_not_returned(api: Api) -> None:
    """DynamoDB's TTL deletes expired rows days late."""
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
    assert [each.connection_id for each in connections.get_many(["old", "new"])] == ["new"]
    with pytest.raises(NotConnected):
        connections.get("old")


def test_members_on_several_pages_are_all_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"c{n}" for n in range(7)]
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, NOW)

    def small_pages(operation: str, **request: Any) -> dict[str, Any]:
        return call(operation, **{**request, "Limit": 3} if operation == "query" else request)

    monkeypatch.setattr(table, "call", small_pages)
    assert sorted(connections.members("lobby")) == ids
    assert connections.count_members() == {"lobby": 7}


def test_get_many_repeats_unprocessed_keys(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"c{n:03}" for n in range(120)]
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, NOW)

    def process_half(operation: str, **request: Any) -> dict[str, Any]:
        """Process half of the keys, as DynamoDB may."""
        if operation != "batch_get_item":
            return call(operation, **request)
        ((name, wanted),) = request["RequestItems"].items()
        half = (len(wanted["Keys"]) + 1) // 2
        now, later = wanted["Keys"][:half], wanted["Keys"][half:]
        answer = call(operation, RequestItems={name: {"Keys": now}})
        return {**answer, "UnprocessedKeys": {name: {"Keys": later}} if later else {}}

    monkeypatch.setattr(connections, "call", process_half)
    assert sorted(each.connection_id for each in connections.get_many([*ids, "none"])) == ids


def test_remove_gone_keeps_a_connection_within_the_grace_period(api: Api) -> None:
    """API Gateway answers 410 for a connection whose $connect has not ended."""
    connections.add("c1", None, ENDPOINT, time.time_ns() // 1_000_000)
    connections.remove_gone(["c1"], "lobby")
    assert connections.get("c1")


def test_remove_gone_deletes_all_rows_and_orphans(api: Api) -> None:
    connections.add("c1", None, ENDPOINT, OLD)
    connection = connections.get("c1")
    connections.join(connection, "tea")
    connections.join(connection, "cake")
    connections.remove_gone(["c1"], "tea")
    assert rows() == {}
    call("put_item", Item={**table.key("tea", "c2"), "expires_at": {"N": "9999999999"}})
    connections.remove_gone(["c2"], "tea")
    assert rows() == {}


@pytest.mark.parametrize("error", ["TransactionConflictException", "ThrottlingException"])
def test_conflict_is_retried_until_busy(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    connections.add("c1", None, ENDPOINT, NOW)
    refused = ClientError({"Error": {"Code": error}}, "UpdateItem")
    failures = itertools.repeat(refused, 3)

    def fail_while_failures_last(**kwargs: Any) -> None:
        if next(failures, None):
            raise refused

    name = "provide-client-params.dynamodb.UpdateItem"
    table.dynamodb().meta.events.register(name, fail_while_failures_last, unique_id="test")
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
    "remove gone": lambda: connections.remove_gone(["c1", "orphan"], "tea"),
}


@pytest.mark.parametrize("member", [False, True])
@pytest.mark.parametrize(
    "pair",
    [
        ("join", "disconnect"),
        ("join", "remove gone"),
        ("join", "leave"),
        ("join", "connect again"),
        ("leave", "disconnect"),
        ("rename", "disconnect"),
        ("remove gone", "disconnect"),
    ],
)
def test_concurrent_operations_leave_no_stray_row(
    api: Api, pair: tuple[str, str], member: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds in each order that the requests of both can have."""
    monkeypatch.setattr(connections, "call", call_in_schedule)
    monkeypatch.setattr(table, "call", call_in_schedule)
    monkeypatch.setattr(table, "map_in_threads", lambda function, items: [*map(function, items)])

    def check(choose: Choose) -> None:
        connections.remove("c1")
        connections.add("c1", "Ann", ENDPOINT, OLD)
        if member:
            connections.join(connections.get("c1"), "tea")
        run_concurrently([OPERATIONS[name] for name in pair], choose)
        found = rows()
        connection = found.get(("lobby#0", "c1"))
        assert (connection is None) == bool({"disconnect", "remove gone"} & set(pair))
        joined = connection.get("channels", {"SS": []})["SS"] if connection else []
        assert {channel for channel, _ in found} - {"lobby#0"} == {f"{each}#0" for each in joined}

    assert check_every_order(check) > 1
