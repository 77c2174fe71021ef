"""The messages of clients, compared with those of API Gateway."""

import json
import secrets

import pytest
from websockets.sync.client import ClientConnection

from tests.local.gateway import ID, SECONDS, Gateway, ask, client, ended, id_of
from tests.local.raw_client import KB, frames, raw_client


@pytest.mark.parametrize("letter", ["x", "é"])
def test_message_of_128_kb_is_accepted(guest: ClientConnection, letter: str) -> None:
    guest.send(frames("size", letter))
    assert guest.recv(timeout=SECONDS) == str(128 * KB)


def test_message_to_an_app_without_handler_is_forbidden(silent: Gateway) -> None:
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
def test_message_to_a_failing_handler_is_an_internal_server_error(
    bare: Gateway, guest: ClientConnection, order: str
) -> None:
    text = f"{order} {secrets.token_hex(4)}"
    frame = json.loads(ask(guest, text))
    context = bare.wait_for_message(text)["requestContext"]
    ids = {name: context[name] for name in ("connectionId", "requestId")}
    assert frame == {"message": "Internal server error", **ids}
    assert ask(guest, "still there") == "still there"


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
def test_return_value_of_a_handler_is_not_sent(guest: ClientConnection, status: int) -> None:
    guest.send(f"return {status}")
    # A reply to the first message would arrive before these.
    assert [ask(guest, text) for text in ("one", "two")] == ["one", "two"]


def test_messages_of_one_connection_run_concurrently(
    bare: Gateway, guest: ClientConnection
) -> None:
    gate = secrets.token_hex(4)
    try:
        guest.send(f"wait {gate}")
        assert ask(guest, "meanwhile") == "meanwhile"
    finally:
        (bare.project / gate).touch()
    assert guest.recv(timeout=SECONDS) == f"wait {gate}"


def test_message_in_the_same_bytes_as_the_close_frame_is_handled(bare: Gateway) -> None:
    text = f"bye {secrets.token_hex(4)}"
    frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()
    with raw_client(bare, f"mark={text[4:]}") as raw:
        raw.sendall(frame + b"\x88\x82\0\0\0\0" + (1000).to_bytes(2, "big"))
        event = bare.wait_for_message(text)
    assert bare.wait_for_ending(event["requestContext"]["connectionId"])[0] == 1000


def test_reply_reaches_its_connection_alone(bare: Gateway) -> None:
    with client(bare.url) as one, client(bare.url) as other:
        assert id_of(one) != id_of(other)
        assert ask(one, "for one") == "for one"
        assert ask(other, "for the other") == "for the other"


def test_ping_is_answered(guest: ClientConnection) -> None:
    assert guest.ping("any").wait(SECONDS)


def test_app_closes_a_connection(bare: Gateway, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    guest.send("close")
    assert ended(guest)[0] == 1000
    assert bare.wait_for_ending(connection_id) == (1000, "Connection Closed Normally")


def test_app_describes_a_connection(guest: ClientConnection) -> None:
    info = json.loads(ask(guest, "info"))
    assert info["Identity"]["SourceIp"] == "127.0.0.1"
    assert info["ConnectedAt"] <= info["LastActiveAt"]


def test_middleware_runs_for_every_event(bare: Gateway) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.wait_for_disconnect(connection_id)
    lines = bare.events()
    types = {line["event"]["requestContext"]["eventType"] for line in lines}
    assert types == {"CONNECT", "MESSAGE", "DISCONNECT"}
    assert all(line["middleware"] for line in lines)


def test_handlers_have_the_names_of_their_routes(bare: Gateway) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.wait_for_disconnect(connection_id)
    names = {
        line["event"]["requestContext"]["routeKey"]: line["function"] for line in bare.events()
    }
    assert names == {
        "$connect": "bare-dev-websocket_connect",
        "$default": "bare-dev-websocket_message",
        "$disconnect": "bare-dev-websocket_disconnect",
    }
