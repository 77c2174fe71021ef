"""Channels spread over several partition keys, and deletion of many rows."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.protocol.frames import Busy
from chalicelib.storage import channels, connections, table
from chalicelib.storage.rows import NotConnected
from tests.client import Api
from tests.support.rows import ENDPOINT, NOW, OLD, rows, write_members

call = table.call

IDS = [f"c{n:02}" for n in range(50)]


def connect(ids: list[str]) -> None:
    """Connect, and join the channel tea."""
    for connection_id in ids:
        connections.add(connection_id, None, ENDPOINT, OLD)
        connections.join(connections.get(connection_id), "tea")


def partitions() -> set[str]:
    return {partition for partition, _ in rows()}


def test_channel_is_spread_over_all_shards(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "4")
    write_members(IDS, "tea")
    assert partitions() == {f"{c}#{n}" for c in ("lobby", "tea") for n in range(4)}
    assert sorted(channels.member_ids("tea")) == sorted(channels.member_ids("lobby")) == IDS
    assert channels.count_members() == {"lobby": 50, "tea": 50}
    for connection_id in IDS:
        connections.remove(connection_id)
    assert rows() == {}


def test_slow_shard_does_not_delay_the_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")
    write_members(IDS, "tea")
    release = threading.Event()

    def first_is_slow(operation: str, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":channel"] == {"S": "tea#0"}:
            assert release.wait(60)
        return call(operation, **request)

    monkeypatch.setattr(table, "call", first_is_slow)
    others = {each for each in IDS if table.shards(each) != [0]}
    members = channels.member_ids("tea")
    try:
        before = {next(members) for _ in others}
    finally:
        release.set()
    assert before == others
    assert {*members} | before == {*IDS}


def test_members_reads_one_page_ahead_at_most(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")
    write_members(IDS, "tea")
    requests = itertools.count()

    def counted(operation: str, **request: Any) -> dict[str, Any]:
        next(requests)
        return call(operation, **request)

    monkeypatch.setattr(table, "call", counted)
    members = channels.member_ids("tea", page_size=1)
    assert next(members) in IDS
    members.close()  # type: ignore[attr-defined]
    # A page of each shard, and one more of those that came first.
    assert next(requests) <= 6
    assert not [each for each in threading.enumerate() if "ThreadPool" in each.name]


def test_failure_of_one_shard_raises_an_error(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", "3")

    def fail(operation: str, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":channel"] == {"S": "tea#2"}:
            raise Busy
        return call(operation, **request)

    monkeypatch.setattr(table, "call", fail)
    with pytest.raises(Busy):
        list(channels.member_ids("tea"))


@pytest.mark.parametrize("setting", ["0", "four", "", "4,", "4;1", "-1", "4,2,1"])
def test_invalid_channel_shards_is_named_in_the_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", setting)
    with pytest.raises(ValueError, match=r"CHANNEL_SHARDS .*\(got '.*'\); use "):
        connections.add("c1", None, ENDPOINT, NOW)


def test_shard_count_changes_without_losing_connections(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are those of docs/scale.md. During a deploy, functions of both settings run."""
    before, both, turned, after = "1", "1,4", "4,1", "4"
    fresh = (f"c{n}" for n in itertools.count())
    # The connections by the first number of the setting that they connected under.
    placed: dict[str, list[str]] = {before: [], after: []}

    def use(setting: str) -> None:
        monkeypatch.setenv("CHANNEL_SHARDS", setting)

    def use_all(*settings: str) -> None:
        """Connect, join, rename and leave, each with a function of any of the settings."""
        for setting, other in itertools.product(settings, repeat=2):
            use(setting)
            newcomers = list(itertools.islice(fresh, 2))
            connect(newcomers)
            placed[setting.split(",")[0]] += newcomers
            use(other)
            all_ids = sorted(placed[before] + placed[after])
            assert sorted(channels.member_ids("lobby")) == all_ids
            assert sorted(channels.member_ids("tea")) == all_ids
            assert sorted(each.connection_id for each in connections.get_many(all_ids)) == all_ids
            # One connection of each number has all operations.
            for connection_id in [ids[-1] for ids in placed.values() if ids]:
                connection = connections.rename(connection_id, f"not {setting}")
                connections.leave(connections.get(connection_id), "tea")
                connections.join(connection, "tea")
            assert sorted(channels.member_ids("tea")) == all_ids
            leave(*[ids.pop() for ids in placed.values() if len(ids) > 2])

    def leave(*ids: str) -> None:
        for connection_id, end in zip(ids, itertools.cycle(ENDS), strict=False):
            end(connection_id)
            with pytest.raises(NotConnected):
                connections.get(connection_id)
        assert not {*ids} & {connection_id for _, connection_id in rows()}

    use_all(before)
    use_all(before, both)
    use_all(both, turned)
    assert placed[before]
    assert placed[after]
    use(turned)
    # API Gateway closes these connections after two hours at most.
    leave(*placed[before])
    placed[before] = []
    use_all(turned, after)
    use_all(after)
    leave(*placed[after])
    assert rows() == {}


ENDS: list[Callable[[str], object]] = [
    connections.remove,
    lambda connection_id: connections.remove_gone([connection_id], "tea"),
]


def test_remove_gone_deletes_25_rows_with_each_request(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_members(IDS[:40], "tea", "cake")
    write_members(IDS[40:], "tea")
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


def test_failed_removal_does_not_stop_the_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    write_members(IDS, "tea")

    def fail(operation: str, **request: Any) -> dict[str, Any]:
        if request["Key"]["connection_id"] == {"S": IDS[0]}:
            raise Busy
        return call(operation, **request)

    monkeypatch.setattr(connections, "call", fail)
    connections.remove_gone(IDS, "tea")
    # The connection keeps all of its rows: the next message meets it again.
    assert set(rows()) == {("lobby#0", IDS[0]), ("tea#0", IDS[0])}
