"""A table that is busy: it processes batches in part, or does not answer."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from chalicelib.storage import connections, table
from tests.client import Api
from tests.conftest import error
from tests.support.rows import rows, write_members

# The number of items to process of a batch.
Take = Callable[[int], int]

IDS = [f"c{n:03}" for n in range(120)]


class BusyTable:
    """A table that processes a part of each batch. Its clock moves while a retry waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.take: Take = lambda size: size
        self.requests = 0
        self.waits: list[float] = []
        self._later: dict[str, Any] = {}
        self._now = time.monotonic()
        clock = SimpleNamespace(time=time.time, monotonic=lambda: self._now, sleep=self._sleep)
        monkeypatch.setattr(table, "time", clock)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += seconds

    def begin(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Take a part of a batch out of the request."""
        self.requests += 1
        ((name, request),) = params["RequestItems"].items()
        reads = model.name == "BatchGetItem"
        items = request["Keys"] if reads else request
        now, later = items[: self.take(len(items))], items[self.take(len(items)) :]
        self._later = {name: {"Keys": later} if reads else later} if later else {}
        # moto refuses an empty request. The keys of this one do not exist.
        nobody = table.key("nobody", "nobody")
        params["RequestItems"] = {
            name: {"Keys": now or [nobody]}
            if reads
            else now or [{"DeleteRequest": {"Key": nobody}}]
        }

    def end(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Return the rest as not processed."""
        parsed["UnprocessedKeys" if model.name == "BatchGetItem" else "UnprocessedItems"] = (
            self._later
        )


@pytest.fixture
def busy(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusyTable]:
    """A busy table, whose clients are those of the fixture api."""
    value = BusyTable(monkeypatch)
    events = table.dynamodb().meta.events
    handlers = {
        f"{event}.dynamodb.{operation}": handler
        for event, handler in (("provide-client-params", value.begin), ("after-call", value.end))
        for operation in ("BatchGetItem", "BatchWriteItem")
    }
    for name, handler in handlers.items():
        events.register(name, handler)
    try:
        yield value
    finally:
        for name, handler in handlers.items():
            events.unregister(name, handler)


@pytest.mark.parametrize("take", [lambda size: (size + 1) // 2, lambda size: 7, lambda size: 1])
def test_get_many_reads_keys_that_were_left_out(busy: BusyTable, take: Take) -> None:
    write_members(IDS)
    busy.requests = 0
    busy.take = take
    found = connections.get_many([*IDS, "none"])
    assert sorted(each.connection_id for each in found) == IDS
    assert len(busy.waits) == busy.requests - 2
    # Each try made the batch smaller: the pause stays short.
    assert max(busy.waits) <= 0.04


def test_delete_repeats_rows_that_were_left_out(busy: BusyTable) -> None:
    write_members(IDS[:30], "tea")
    busy.requests = 0
    busy.take = lambda size: 7
    connections.remove_gone(IDS[:30], "tea")
    assert rows() == {}
    # 7, 7, 7 and 4 of 25, and 5.
    assert busy.requests == 5


def test_who_of_a_table_that_stays_busy_gets_try_again(api: Api, busy: BusyTable) -> None:
    client = api.connect()
    busy.take = lambda size: 0
    assert error(client.request("who", channel="lobby")) == ("try_again", "who")
    # The pauses are random, up to a maximum that doubles.
    assert len(busy.waits) == busy.requests - 1 == 7
    for attempt, seconds in enumerate(busy.waits, 1):
        assert 0 <= seconds <= 0.02 * 2**attempt
    assert len(set(busy.waits)) == 7


def test_retries_end_at_the_deadline_of_the_function(
    api: Api, busy: BusyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api.connect()
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    busy.take = lambda size: 0
    # One of 29 seconds is left.
    monkeypatch.setattr("chalicelib.aws.RESERVE_SECONDS", 28)
    assert client.request("who", channel="lobby")["code"] == "try_again"
    assert 3 < busy.requests < 7
    assert sum(busy.waits) < 1


def test_notify_of_a_table_that_stays_busy_raises_an_error(api: Api, busy: BusyTable) -> None:
    api.connect()
    busy.take = lambda size: 0
    with pytest.raises(Exception, match="in a moment"):
        api.run("notify", {"channel": "lobby", "data": 1})
    assert busy.requests == 8


@pytest.mark.parametrize("kind", [ReadTimeoutError, EndpointConnectionError])
def test_message_that_a_table_without_an_answer_did_not_take_may_be_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    client = api.connect()
    client.request("join", channel="tea")
    attempts = []

    def fail(**_: Any) -> None:
        attempts.append(1)
        raise kind(endpoint_url="https://dynamodb", error="no answer")

    # boto3 waits between its attempts.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    events = table.dynamodb().meta.events
    events.register_first("before-send.dynamodb.PutItem", fail)
    try:
        refused = client.request("broadcast", channel="tea", data=1)
    finally:
        events.unregister("before-send.dynamodb.PutItem", fail)
    assert error(refused) == ("try_again", "broadcast")
    assert len(attempts) == 3
    assert client.request("broadcast", channel="tea", data=1)["type"] == "sent"
