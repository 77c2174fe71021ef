"""MESSAGES_PER_MINUTE: the requests of each connection in a minute."""

import pytest

from chalicelib import settings
from chalicelib.storage import connections, requests
from tests.client import Api, Client
from tests.conftest import error
from tests.support.examples import times
from tests.support.rows import count_requests, rows


class Clock:
    """A clock that stands still, until a test sets it on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(requests, "time", clock)
    return clock


@pytest.fixture
def client(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client that may send three requests in a minute."""
    monkeypatch.setenv("MESSAGES_PER_MINUTE", "3")
    return api.connect()


def codes(client: Client, number: int) -> list[str | None]:
    """Return the error code of each of several requests, or None."""
    return [client.request("echo", data=1).get("code") for _ in range(number)]


def test_request_past_the_maximum_is_refused_until_the_next_minute(
    api: Api, client: Client, clock: Clock
) -> None:
    assert codes(client, 5) == [None, None, None, "too_fast", "too_fast"]
    assert error(client.request("broadcast", data=1)) == ("too_fast", "broadcast")
    assert client.waiting() == 0
    # Each connection has its own limit.
    assert codes(api.connect(), 1) == [None]
    for _ in range(3):
        clock.now += 60
        assert codes(client, 4) == [None, None, None, "too_fast"]


def test_refusal_tells_when_the_next_minute_begins(client: Client, clock: Clock) -> None:
    codes(client, 3)
    for second, rest in ((0, 60), (0.5, 60), (59, 1), (59.9, 1)):
        clock.now = clock.now // 60 * 60 + second
        reply = client.request("echo", data=1)
        assert (reply["code"], reply["retry_after_seconds"]) == ("too_fast", rest)


def test_any_action_counts(client: Client) -> None:
    client.request("help")
    assert client.request("broadcast", data=1)["type"] == "sent"
    assert client.request("dance")["code"] == "unknown_action"
    assert codes(client, 1) == ["too_fast"]


def test_request_costs_one_write(client: Client, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(4):
            with count_requests() as count:
                client.request("echo", data=1)
            assert count == {"UpdateItem": 1}
        clock.now += 60


def test_request_costs_nothing_where_the_limit_is_off(api: Api) -> None:
    client = api.connect()
    with count_requests() as count:
        client.request("echo", data=1)
    assert count == {}


def test_counts_of_earlier_minutes_are_removed(client: Client, clock: Clock) -> None:
    before = rows()["lobby#0", client.connection_id]
    for _ in range(times(130, 20)):
        assert codes(client, 1) == [None]
        clock.now += 60
    after = rows()["lobby#0", client.connection_id]
    assert len(after) == len(before) + 1
    # A pause of any length does not bring a count of another minute back.
    for minutes in (1, 12, 13, 59):
        assert codes(client, 3)[0] is None
        clock.now += minutes * 60


def test_connection_that_has_ended_is_not_registered_again(client: Client) -> None:
    connections.remove(client.connection_id)
    assert codes(client, 1) == ["try_again"]
    assert rows() == {}


@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1.5"])
def test_value_that_is_not_valid_is_explained(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGES_PER_MINUTE", value)
    with pytest.raises(ValueError, match=r"MESSAGES_PER_MINUTE is not valid .*; use a number"):
        settings.messages_per_minute()
