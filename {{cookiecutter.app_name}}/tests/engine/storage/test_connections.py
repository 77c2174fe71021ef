"""The rows of connections and memberships, which concurrent requests leave correct."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.protocol.frames import Busy, FrameError
from chalicelib.protocol.user import User
from chalicelib.storage import channels, connections, table
from chalicelib.storage.rows import Connection, NotConnected
from tests.client import Api
from tests.support.interleaving import Choose, call_in_schedule, check_every_order, run_concurrently
from tests.support.rows import ENDPOINT, NOW, OLD, rows, write_members

call = table.call


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
    expired = Connection("old", "x", ENDPOINT, frozenset(), NOW // 1000 - 100, 0)
    connections.join(expired, "tea")
    assert len(rows()) == 4
    for channel in ("lobby", "tea"):
        assert list(channels.member_ids(channel)) == ["new"]
    assert channels.count_members() == {"lobby": 1, "tea": 1}
    assert [each.connection_id for each in connections.get_many(["old", "new"])] == ["new"]
    with pytest.raises(NotConnected):
        connections.get("old")


def test_members_on_several_pages_are_all_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"c{n}" for n in range(7)]
    write_members(ids)

    def small_pages(operation: str, **request: Any) -> dict[str, Any]:
        return call(operation, **{**request, "Limit": 3} if operation == "query" else request)

    monkeypatch.setattr(table, "call", small_pages)
    assert sorted(channels.member_ids("lobby")) == ids
    assert channels.count_members() == {"lobby": 7}


@pytest.mark.parametrize("channel", ["lobby", "tea", "cake"])
def test_remove_gone_keeps_all_rows_within_the_grace_period(api: Api, channel: str) -> None:
    """API Gateway answers 410 for a connection whose $connect has not ended."""
    connections.add("c1", None, ENDPOINT, time.time_ns() // 1_000_000)
    connections.join(connections.get("c1"), "tea")
    before = rows()
    connections.remove_gone(["c1"], channel)
    assert rows() == before


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
        with pytest.raises(Busy):
            connections.rename("c1", "Zoe")
    finally:
        table.dynamodb().meta.events.unregister(name, unique_id="test")


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a schedule choose the order of the requests."""
    monkeypatch.setattr(connections, "call", call_in_schedule)
    monkeypatch.setattr(table, "call", call_in_schedule)
    monkeypatch.setattr(
        connections, "map_in_threads", lambda function, items: [*map(function, items)]
    )


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
    api: Api, pair: tuple[str, str], member: bool, scheduled: None
) -> None:
    """Try each order that the requests of both can have."""

    def check(choose: Choose) -> None:
        connections.remove("c1")
        connections.add("c1", "Ann", ENDPOINT, OLD)
        if member:
            connections.join(connections.get("c1"), "tea")
        run_concurrently([OPERATIONS[name] for name in pair], choose)
        connection = rows().get(("lobby#0", "c1"))
        assert (connection is None) == bool({"disconnect", "remove gone"} & set(pair))
        assert_memberships_match()

    assert check_every_order(check) > 1


@pytest.mark.parametrize("other", ["connect again", "join", "leave", "rename"])
@pytest.mark.parametrize("member", [False, True])
def test_remove_gone_within_the_grace_period_changes_nothing_in_any_order(
    api: Api, other: str, member: bool, scheduled: None
) -> None:
    """A broadcast met a 410 for a connection whose $connect has not ended."""

    def check(choose: Choose) -> None:
        connections.remove("c1")
        connections.add("c1", "Ann", ENDPOINT, time.time_ns() // 1_000_000)
        if member:
            connections.join(connections.get("c1"), "tea")
        run_concurrently([OPERATIONS["remove gone"], OPERATIONS[other]], choose)
        joined = connections.get("c1").channels
        assert joined == ({"tea"} if other == "join" or (member and other != "leave") else set())
        assert_memberships_match()

    assert check_every_order(check) > 1


@pytest.mark.parametrize("end", ["disconnect", "remove gone"])
def test_connect_of_a_user_writes_both_rows_or_none_in_any_order(
    api: Api, end: str, scheduled: None
) -> None:
    now = time.time_ns() // 1_000_000
    ann = User("ann", "Ann", now // 1000 + 9000)

    def connect() -> None:
        connections.add("c1", None, ENDPOINT, now, ann)

    def remove() -> None:
        if end == "disconnect":
            connections.remove("c1")
        else:
            # A push finds the connection before it meets a 410.
            connections.remove_gone(list(channels.member_ids("@ann")), "@ann")

    def check(choose: Choose) -> None:
        connections.remove("c1")
        run_concurrently([connect, remove], choose)
        found = rows().keys()
        assert found in (set(), {("lobby#0", "c1"), ("@ann#0", "c1")})
        # The grace period protects a connection whose $connect has not ended.
        assert found or end == "disconnect"

    assert check_every_order(check) > 1


def assert_memberships_match() -> None:
    """Check that the membership rows are those of the channels in the connection row."""
    found = rows()
    joined = found.get(("lobby#0", "c1"), {}).get("channels", {"SS": []})["SS"]
    assert {channel for channel, _ in found} - {"lobby#0"} == {f"{each}#0" for each in joined}


def test_concurrent_joins_keep_to_the_limit_in_every_order(
    api: Api, scheduled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CHANNELS", 2)

    def check(choose: Choose) -> None:
        refusals: list[FrameError] = []

        def join(channel: str) -> None:
            try:
                connections.join(connections.get("c1"), channel)
            except FrameError as error:
                refusals.append(error)

        connections.remove("c1")
        connections.add("c1", "Ann", ENDPOINT, OLD)
        connections.join(connections.get("c1"), "tea")
        run_concurrently([lambda: join("cake"), lambda: join("pie")], choose)
        join("tea")
        assert len(connections.get("c1").channels) == 2
        assert [(error.code, error.field) for error in refusals] == [("bad_field", "channel")]
        assert_memberships_match()

    assert check_every_order(check) == 6
