"""The cost of one frame: the requests and the pushes that it can cause."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.sender import Outcome
from chalicelib.storage import channels, connections, table
from tests.client import Api, Client
from tests.support.rows import count_requests, write_rows


def add_members(channel: str, client: Client, count: int) -> None:
    """Write the rows of members of a channel that exist only in the table."""
    row = table.call("get_item", Key=table.key("lobby", client.connection_id))["Item"]
    partition = {"channel": {"S": f"{channel}#0"}}
    rows = [{**row, **partition, "connection_id": {"S": f"{channel}{n:03}"}} for n in range(count)]
    write_rows(rows)


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipients of all pushes, which are not sent."""
    recipients: list[str] = []

    def send(payload: bytes, addresses: Any, deadline: float) -> Outcome:
        ids = [each for each, _ in addresses]
        recipients.extend(ids)
        return Outcome(delivered=len(ids))

    monkeypatch.setattr("chalicelib.delivery.members.send", send)
    return recipients


def test_unchanged_name_writes_and_sends_nothing(api: Api, ann: Client, pushes: list[str]) -> None:
    add_members("tea", ann, 3)
    with count_requests() as requests:
        assert ann.request("name", name=" Ann ") == {"type": "named", "name": "Ann"}
    assert requests == {"GetItem": 1}
    assert pushes == []
    ann.request("name", name="Zoe")
    assert len(pushes) == 3


def test_name_in_many_channels_sends_a_limited_number(
    api: Api, pushes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.engine.generated.actions.MAX_NAMED_PUSHES", 10)
    client = api.connect()
    for channel in "abcde":
        connections.join(connections.get(client.connection_id), channel)
        add_members(channel, client, 4)
    with count_requests() as requests:
        assert client.request("name", name="Zoe")["type"] == "named"
    assert [each[0] for each in pushes] == [*"aaaabbbbcccc"]
    assert requests == {"GetItem": 1, "UpdateItem": 1, "Query": 3}


@pytest.mark.parametrize(("others", "announced"), [(4, 4), (5, 0), (9, 0)])
def test_presence_is_for_channels_below_a_size(
    api: Api, pushes: list[str], monkeypatch: pytest.MonkeyPatch, others: int, announced: int
) -> None:
    monkeypatch.setattr("chalicelib.delivery.pushes.MAX_PRESENCE_RECIPIENTS", 4)
    client = api.connect()
    add_members("tea", client, others)

    def request(action: str, **fields: object) -> None:
        pushes.clear()
        with count_requests() as requests:
            client.request(action, **fields)
        assert len(pushes) == announced
        # A request for presence reads no more than it needs.
        assert requests["Query"] == 1

    request("join", channel="tea")
    request("name", name="Zoe")
    request("leave", channel="tea")
    # A message reaches all members of any channel.
    client.request("join", channel="tea")
    request_pushes = len(pushes)
    client.request("broadcast", channel="tea", data=1)
    assert len(pushes) - request_pushes == others + 1


def test_count_of_a_large_lobby_is_used_again(
    api: Api, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_COUNTED_PER_SECOND", 1)
    monkeypatch.setattr(channels, "_count", (Counter(), 0.0))
    now = 100.0
    monkeypatch.setattr(channels, "time", SimpleNamespace(monotonic=lambda: now))
    with count_requests() as first:
        before = ann.request("channels")
    api.connect()
    with count_requests() as second:
        assert ann.request("channels") == before
    now += 1
    assert ann.request("channels")["channels"][0] == {"channel": "lobby", "members": 2}
    assert (first["Query"], second["Query"]) == (1, 0)


def test_count_that_takes_too_long_gets_try_again(
    api: Api, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.aws.RESERVE_SECONDS", 30)
    assert ann.request("channels")["code"] == "try_again"
