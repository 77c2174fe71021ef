"""A channel over several partition keys, and rows by the hundred: nobody is lost on the way."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.storage import connections, table
from chalicelib.storage.connections import NotConnected
from tests.client import Api
from tests.storage.test_connections import ENDPOINT, NOW, OLD, rows

call = table.call

IDS = [f"c{n:02}" for n in range(50)]


def fill(ids: list[str] = IDS, channel: str = "tea") -> None:
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, OLD)
        connections.join(connections.get(connection_id), channel)


def partitions() -> set[str]:
    return {partition for partition, _ in rows()}


def test_a_channel_can_be_spread_over_several_keys(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "4")
    fill()
    assert partitions() == {f"{c}#{n}" for c in ("lobby", "tea") for n in range(4)}
    assert sorted(connections.members("tea")) == sorted(connections.members("lobby")) == IDS
    assert connections.count_members() == {"lobby": 50, "tea": 50}
    for connection_id in IDS:
        connections.remove(connection_id)
    assert rows() == {}


def test_no_shard_waits_for_another(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")
    fill()
    go_on = threading.Event()

    def first_is_slow(operation: str, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":channel"] == {"S": "tea#0"}:
            assert go_on.wait(20)
        return call(operation, **request)

    monkeypatch.setattr(table, "call", first_is_slow)
    others = {each for each in IDS if table.shards(each) != [0]}
    members = connections.members("tea")
    try:
        before = {next(members) for _ in others}
    finally:
        go_on.set()
    assert before == others
    assert {*members} | before == {*IDS}


def test_what_is_not_taken_is_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")
    fill()
    requests = itertools.count()

    def counted(operation: str, **request: Any) -> dict[str, Any]:
        next(requests)
        return call(operation, **request)

    monkeypatch.setattr(table, "call", counted)
    members = connections.members("tea", page_size=1)
    assert next(members) in IDS
    members.close()  # type: ignore[attr-defined]
    # A page of each shard, and one more of those that came first.
    assert next(requests) <= 6
    assert not [each for each in threading.enumerate() if "ThreadPool" in each.name]


def test_a_failure_of_one_shard_is_not_overlooked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")

    def fail(operation: str, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":channel"] == {"S": "tea#2"}:
            raise table.Busy
        return call(operation, **request)

    monkeypatch.setattr(table, "call", fail)
    with pytest.raises(table.Busy):
        list(connections.members("tea"))


@pytest.mark.parametrize("setting", ["0", "four", "", "4,", "4;1", "-1"])
def test_a_wrong_number_is_named(api: Api, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", setting)
    with pytest.raises(ValueError, match=r"CHANNEL_SHARDS .*\(got '.*'\); use "):
        connections.add("c1", None, ENDPOINT, NOW)


def test_the_number_changes_under_live_connections(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps of docs/scale.md. While one is deployed, functions of both settings run."""
    before, both, turned, after = "1", "1,4", "4,1", "4"
    fresh = (f"c{n}" for n in itertools.count())
    placed: dict[str, list[str]] = {before: [], after: []}  # by the number they connected under

    def use(setting: str) -> None:
        monkeypatch.setenv("CHANNEL_SHARDS", setting)

    def live(*settings: str) -> None:
        """Connect, join, talk and leave, each with a function of any of the settings."""
        for setting, other in itertools.product(settings, repeat=2):
            use(setting)
            newcomers = list(itertools.islice(fresh, 2))
            fill(newcomers)
            placed[setting.split(",")[0]] += newcomers
            use(other)
            everybody = sorted(placed[before] + placed[after])
            assert sorted(connections.members("lobby")) == everybody
            assert sorted(connections.members("tea")) == everybody
            assert (
                sorted(home.connection_id for home in connections.get_many(everybody)) == everybody
            )
            for connection_id in everybody:
                home = connections.rename(connection_id, f"not {setting}")
                connections.leave(connections.get(connection_id), "tea")
                connections.join(home, "tea")
            assert sorted(connections.members("tea")) == everybody
            leave(*[ids.pop() for ids in placed.values() if len(ids) > 2])

    def leave(*ids: str) -> None:
        for connection_id, end in zip(ids, itertools.cycle(ENDS), strict=False):
            end(connection_id)
            with pytest.raises(NotConnected):
                connections.get(connection_id)
        assert not {*ids} & {connection_id for _, connection_id in rows()}

    live(before)
    live(before, both)
    live(both, turned)
    assert placed[before]
    assert placed[after]
    use(turned)
    leave(*placed[before])  # within two hours; so long nobody goes on
    placed[before] = []
    live(turned, after)
    live(after)
    leave(*placed[after])
    assert rows() == {}


ENDS: list[Callable[[str], object]] = [
    connections.remove,
    lambda connection_id: connections.remove_gone([connection_id], "tea"),
]


def test_many_are_pruned_in_few_requests(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    fill(IDS[:40], "cake")
    orphans = [f"orphan{n}" for n in range(15)]
    for connection_id in orphans:
        call("put_item", Item={**table.key("tea", connection_id), "expires_at": {"N": "1"}})
    operations: list[str] = []

    def listed(operation: str, **request: Any) -> dict[str, Any]:
        operations.append(operation)
        return call(operation, **request)

    monkeypatch.setattr(table, "call", listed)
    connections.remove_gone([*IDS, *orphans], "tea")
    assert rows() == {}
    # 40 rows in cake and 65 in tea, 25 with a request.
    assert operations == ["batch_write_item"] * 5


def test_one_that_cannot_be_pruned_stops_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()

    def fail(operation: str, **request: Any) -> dict[str, Any]:
        if request["Key"]["connection_id"] == {"S": IDS[0]}:
            raise table.Busy
        return call(operation, **request)

    monkeypatch.setattr(connections, "call", fail)
    connections.remove_gone(IDS, "tea")
    assert set(rows()) == {("lobby#0", IDS[0])}


def test_what_a_batch_left_over_is_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    fill(IDS[:30])
    taken = itertools.count()

    def in_parts(params: dict[str, Any], **_: Any) -> None:
        ((name, items),) = params["RequestItems"].items()
        params["RequestItems"] = {name: items[:7]}
        left[:] = items[7:]
        next(taken)

    def unprocessed(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedItems"] = {settings.connections_table(): list(left)} if left else {}

    left: list[Any] = []
    events = table.dynamodb().meta.events
    events.register("provide-client-params.dynamodb.BatchWriteItem", in_parts, unique_id="in")
    events.register("after-call.dynamodb.BatchWriteItem", unprocessed, unique_id="out")
    try:
        connections.remove_gone(IDS[:30], "tea")
        assert rows() == {}
        assert next(taken) == 5  # 7, 7, 7 and 4 of 25, and 5
    finally:
        events.unregister("provide-client-params.dynamodb.BatchWriteItem", unique_id="in")
        events.unregister("after-call.dynamodb.BatchWriteItem", unique_id="out")
