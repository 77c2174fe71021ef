"""Sign-out: older tokens are refused, and each device of the user is told and closed."""

import time
from typing import Any

import pytest

from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.user import User
from chalicelib.storage import connections, users
from chalicelib.storage.rows import NotConnected
from tests.client import Api, Client, Rejected
from tests.support.rows import count_requests, rows


def pushes(client: Client, kind: str) -> list[Any]:
    """Return the pushes of a type that wait for a client."""
    frames = [client.push() for _ in range(client.waiting())]
    return [each for each in frames if each["type"] == kind]


def test_each_device_of_the_user_is_told_and_closed(api: Api) -> None:
    devices = [api.connect(user="ann") for _ in range(3)]
    bob, guest = api.connect(user="bob"), api.connect()
    for client in (*devices, bob):
        client.request("join", channel="tea")
    bob_left = bob.waiting()
    assert api.run("sign_out", {"user": "ann"}) == {"closed": 3}
    for device in devices:
        (bye,) = pushes(device, "bye")
        assert (bye["code"], bye["message"][:13]) == ("signed_out", "sign in again")
        assert not device.is_open()
        with pytest.raises(NotConnected):
            connections.get(device.connection_id)
    assert bob.is_open()
    assert guest.is_open()
    # The others see the person leave once.
    assert bob.waiting() == bob_left + 1
    assert pushes(bob, "presence")[-1]["event"] == "left"
    ids = {each for _, each in rows()}
    assert not ids & {each.connection_id for each in devices}
    assert api.run("sign_out", {"user": "ann"}) == {"closed": 0}


def test_older_token_is_refused_and_a_newer_one_is_not(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    issued_at = time.time()
    api.connect(user="ann", claims={"iat": issued_at})
    api.run("sign_out", {"user": "ann"})
    for claims in ({"iat": issued_at}, {"iat": int(issued_at)}, {"iat": 1}):
        caplog.clear()
        before = rows()
        with pytest.raises(Rejected, match="401"):
            api.connect(user="ann", claims=claims)
        assert rows() == before
        (record,) = caplog.records
        assert record.getMessage().endswith("refused: the user was signed out")
    api.connect(user="bob", claims={"iat": issued_at})
    assert api.connect(user="ann").request("who", channel="lobby")["type"] == "members"


def test_token_without_a_start_is_refused_after_a_sign_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "jwt")
    user = User("ann", "Ann", int(time.time()) + 600)
    assert not users.is_signed_out(user)
    users.refuse_older_tokens("ann")
    assert users.is_signed_out(user)
    # The owner's own `authenticate` may name users without a token.
    monkeypatch.setenv("AUTH", "none")
    assert not users.is_signed_out(user)


@pytest.mark.parametrize("place", ["before the registration", "after it"])
def test_sign_out_while_a_device_connects_leaves_it_no_connection(
    api: Api, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, closed = connections.add, []

    def add_and_sign_out(*arguments: Any) -> None:
        if place == "after it":
            add(*arguments)
        closed.append(api.run("sign_out", {"user": "ann"})["closed"])
        if place != "after it":
            add(*arguments)

    monkeypatch.setattr(connections, "add", add_and_sign_out)
    with pytest.raises(Rejected, match="401"):
        api.connect(user="ann")
    # The management API does not know a connection before its handshake ends.
    assert closed == [0]
    assert {channel for channel, _ in rows()} == {"@ann#since"}


def test_connection_that_cannot_be_closed_gets_nothing_more(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    device, other = api.connect(user="ann"), api.connect(user="ann")
    device.request("join", channel="tea")
    api.refusals[device.connection_id] = (403, "AccessDeniedException")
    assert api.run("sign_out", {"user": "ann"}) == {"closed": 1}
    assert f"connection {device.connection_id} was not closed" in caplog.text
    assert not other.is_open()
    api.refusals.clear()
    api.run("notify", {"channels": ["tea", "lobby", "@ann"], "data": 1})
    assert device.waiting() == 0
    assert device.request("broadcast", data=1)["code"] == "try_again"


def test_connect_reads_the_sign_out_of_users_alone(api: Api) -> None:
    with count_requests() as as_guest:
        api.connect()
    assert as_guest == {"PutItem": 1}
    with count_requests() as as_user:
        api.connect(user="ann")
    assert as_user == {"TransactWriteItems": 1, "GetItem": 1}


@pytest.mark.parametrize("event", [None, [], {}, {"user": ""}, {"user": "a#b"}, {"user": 1}])
def test_event_that_is_not_valid_is_refused(api: Api, event: Any) -> None:
    with pytest.raises(FrameError, match="user"):
        api.run("sign_out", event)
    assert rows() == {}
