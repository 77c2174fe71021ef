"""The local gateway keeps to what API Gateway does with messages."""

import json
import secrets

import pytest
from websockets.sync.client import ClientConnection

from tests.local.gateway import ID, KB, SECONDS, Gateway, ask, client, ended, frames, id_of


@pytest.mark.parametrize("letter", ["x", "é"])
def test_message_of_128_kb_passes(guest: ClientConnection, letter: str) -> None:
    guest.send(frames("size", letter))
    assert guest.recv(timeout=SECONDS) == str(128 * KB)


def test_without_message_handler_it_is_forbidden(silent: Gateway) -> None:
    with client(silent.url) as each:
        told = [json.loads(ask(each, "hello")) for _ in range(2)]
        assert silent.http("GET", silent.connections(told[0]["connectionId"])).status == 200
    for frame in told:
        assert frame.keys() == {"message", "connectionId", "requestId"}
        assert frame["message"] == "Forbidden"
        assert ID.fullmatch(frame["requestId"])
    assert told[0]["connectionId"] == told[1]["connectionId"]
    assert told[0]["requestId"] != told[1]["requestId"]


@pytest.mark.parametrize("order", ["raise", "exit", "json {"])
def test_handler_that_fails_is_an_internal_server_error(
    bare: Gateway, guest: ClientConnection, order: str
) -> None:
    text = f"{order} {secrets.token_hex(4)}"
    frame = json.loads(ask(guest, text))
    context = bare.said(text)["requestContext"]
    ids = {name: context[name] for name in ("connectionId", "requestId")}
    assert frame == {"message": "Internal server error", **ids}
    assert ask(guest, "still there") == "still there"


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
def test_what_a_handler_returns_is_not_sent(guest: ClientConnection, status: int) -> None:
    guest.send(f"return {status}")
    # Two rounds, in which a reply to the first would have come.
    assert [ask(guest, text) for text in ("one", "two")] == ["one", "two"]


def test_messages_of_one_connection_run_at_the_same_time(
    bare: Gateway, guest: ClientConnection
) -> None:
    gate = secrets.token_hex(4)
    try:
        guest.send(f"wait {gate}")
        assert ask(guest, "meanwhile") == "meanwhile"
    finally:
        (bare.project / gate).touch()
    assert guest.recv(timeout=SECONDS) == f"wait {gate}"


def test_connections_are_apart(bare: Gateway) -> None:
    with client(bare.url) as one, client(bare.url) as other:
        assert id_of(one) != id_of(other)
        assert ask(one, "for one") == "for one"
        assert ask(other, "for the other") == "for the other"


def test_ping_is_answered(guest: ClientConnection) -> None:
    assert guest.ping("any").wait(SECONDS)


def test_app_closes_by_itself(bare: Gateway, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    guest.send("close")
    assert ended(guest)[0] == 1000
    assert bare.ending(connection_id) == (1000, "Connection Closed Normally")


def test_app_asks_about_itself(guest: ClientConnection) -> None:
    info = json.loads(ask(guest, "info"))
    assert info["Identity"]["SourceIp"] == "127.0.0.1"
    assert info["ConnectedAt"] <= info["LastActiveAt"]


def test_middleware_runs_for_all_events(bare: Gateway) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.disconnected(connection_id)
    lines = bare.events()
    types = {line["event"]["requestContext"]["eventType"] for line in lines}
    assert types == {"CONNECT", "MESSAGE", "DISCONNECT"}
    assert all(line["middleware"] for line in lines)


def test_handlers_have_the_names_of_their_routes(bare: Gateway) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.disconnected(connection_id)
    names = {
        line["event"]["requestContext"]["routeKey"]: line["function"] for line in bare.events()
    }
    assert names == {
        "$connect": "bare-dev-websocket_connect",
        "$default": "bare-dev-websocket_message",
        "$disconnect": "bare-dev-websocket_disconnect",
    }
