"""The handshake and the events, compared with those of API Gateway."""

import json
import re
import secrets
import socket
import struct
import time
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from tests.local.gateway import ID, SECONDS, Gateway, ask, client, ended, id_of
from tests.local.raw_client import KB, frames, raw_client

ALWAYS = {"requestContext", "isBase64Encoded"}
HEADERS = {"headers", "multiValueHeaders"}
QUERY = {"queryStringParameters", "multiValueQueryStringParameters"}
CONTEXT = {
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity",
    "messageDirection",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
}

# A client's close frame without a code, masked.
CLOSE_WITHOUT_CODE = b"\x88\x80\0\0\0\0"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def check_context(event: dict[str, Any], since: int) -> None:
    context = event["requestContext"]
    assert event["isBase64Encoded"] is False
    assert ": null" not in json.dumps(event)
    assert context["messageDirection"] == "IN"
    assert context["stage"] == "api"
    assert context["requestId"] == context["extendedRequestId"]
    for name in {"connectionId", "requestId", "messageId"} & context.keys():
        assert ID.fullmatch(context[name])
        assert len(urlsafe_b64decode(context[name])) == 11
    at, now = context["connectedAt"], context["requestTimeEpoch"]
    assert type(at) is type(now) is int
    assert since <= at <= now <= now_ms()
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"])
    written = datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")
    assert written.timestamp() == now // 1000


# Handshake


def test_handshake_waits_for_connect(bare: Gateway) -> None:
    gate = secrets.token_hex(4)

    def attempt() -> int:
        with (
            pytest.raises(InvalidStatus) as refused,
            client(f"{bare.url}?wait={gate}&status=403"),
        ):
            pass
        return refused.value.response.status_code

    with ThreadPoolExecutor() as pool:
        status = pool.submit(attempt)
        try:
            context = bare.wait_for_connect(gate)["requestContext"]
            # $connect still runs, so the connection does not exist yet.
            assert bare.http("GET", bare.connections(context["connectionId"])).status == 410
        finally:
            (bare.project / gate).touch()
        # A client accepted before $connect returns would not get this status.
        assert status.result(SECONDS) == 403


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_connect_with_status_2xx_accepts_the_client(bare: Gateway, status: int) -> None:
    with client(f"{bare.url}?status={status}") as each:
        assert each.response
        assert each.response.status_code == 101
        assert "X-Secret" not in each.response.headers
        assert ask(each, "hello") == "hello"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 500, 501])
def test_connect_with_another_status_refuses_the_client(bare: Gateway, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, client(f"{bare.url}?status={status}"):
        pass
    response = refused.value.response
    assert response.status_code == status
    assert "X-Secret" not in response.headers
    assert b"secret" not in (response.body or b"")


def test_connect_that_raises_gives_502(bare: Gateway) -> None:
    with pytest.raises(InvalidStatus) as refused, client(f"{bare.url}?raise=1"):
        pass
    assert refused.value.response.status_code == 502
    assert b"as ordered" not in (refused.value.response.body or b"")


def test_subprotocol_is_not_chosen_by_the_gateway(bare: Gateway) -> None:
    with client(bare.url, subprotocols=[Subprotocol("chat")]) as each:
        assert each.subprotocol is None


def test_subprotocol_is_chosen_by_connect(bare: Gateway) -> None:
    offered = [Subprotocol("chat"), Subprotocol("news")]
    with client(f"{bare.url}?protocol=news", subprotocols=offered) as each:
        assert each.subprotocol == "news"
        assert ask(each, "hello") == "hello"


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_get_without_upgrade_gives_426(bare: Gateway, path: str) -> None:
    assert bare.http("GET", path).status == 426


def test_path_with_a_slash_at_its_end_is_accepted(bare: Gateway) -> None:
    with client(f"{bare.url}/") as each:
        assert ask(each, "hello") == "hello"


def test_app_without_connect_handler_accepts_every_client(silent: Gateway) -> None:
    assert silent.stage == "v1"
    with client(silent.url) as each:
        assert each.response
        assert each.response.status_code == 101


# Events


def test_events_match_their_schema(bare: Gateway) -> None:
    """Check the events of this module's tests so far, and those of one more connection."""
    with client(f"{bare.url}?a=1&a=2") as guest:
        connection_id = id_of(guest)
    bare.wait_for_disconnect(connection_id)
    events = [line["event"] for line in bare.events()]
    assert {event["requestContext"]["eventType"] for event in events} == {
        "CONNECT",
        "MESSAGE",
        "DISCONNECT",
    }
    schema = json.loads((Path(__file__).parent / "events.schema.json").read_text())
    validator = Draft202012Validator(schema)
    for event in events:
        kind = event["requestContext"]["eventType"].lower()
        errors = validator.evolve(schema={**schema, "$ref": f"#/$defs/{kind}"}).iter_errors(event)
        assert [error.message for error in errors] == []


def test_connect_event(bare: Gateway) -> None:
    since, mark = now_ms(), secrets.token_hex(4)
    headers = [("X-Twice", "1"), ("X-Twice", "2")]
    query = f"mark={mark}&tag=a&tag=b%20c&empty="
    with client(f"{bare.url}?{query}", additional_headers=headers, user_agent_header="Test/1"):
        event = bare.wait_for_connect(mark)
    context = event["requestContext"]
    check_context(event, since)
    assert event.keys() == ALWAYS | HEADERS | QUERY
    assert context.keys() == CONTEXT
    assert (context["routeKey"], context["eventType"]) == ("$connect", "CONNECT")
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "Test/1"}
    assert context["domainName"] == event["headers"]["Host"] == f"127.0.0.1:{bare.port}"
    assert event["headers"].keys() == event["multiValueHeaders"].keys()
    assert event["headers"]["X-Twice"] in ("1", "2")
    assert event["multiValueHeaders"]["X-Twice"] == ["1", "2"]
    assert event["multiValueHeaders"]["User-Agent"] == ["Test/1"]
    assert event["queryStringParameters"] == {"mark": mark, "tag": "b c", "empty": ""}
    expected = {"mark": [mark], "tag": ["a", "b c"], "empty": [""]}
    assert event["multiValueQueryStringParameters"] == expected


def test_connect_event_without_query_and_user_agent(bare: Gateway) -> None:
    with client(bare.url, user_agent_header=None) as each:
        wanted = id_of(each)
        event = bare.wait_for_event(
            lambda event: event["requestContext"]["connectionId"] == wanted
        )["event"]
    assert event.keys() == ALWAYS | HEADERS
    assert event["requestContext"]["eventType"] == "CONNECT"
    assert event["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


def test_message_event(bare: Gateway) -> None:
    since, mark = now_ms(), secrets.token_hex(4)
    with client(f"{bare.url}?mark={mark}", user_agent_header="Test/1") as each:
        texts = [f"{mark} é ☃ one", f"{mark} two"]
        assert [ask(each, text) for text in texts] == texts
    arrival = bare.wait_for_connect(mark)["requestContext"]
    first, second = (bare.wait_for_message(text) for text in texts)
    context = first["requestContext"]
    check_context(first, since)
    assert first.keys() == ALWAYS | {"body"}
    assert context.keys() == CONTEXT | {"messageId"}
    assert (context["routeKey"], context["eventType"]) == ("$default", "MESSAGE")
    for name in ("connectionId", "connectedAt", "domainName", "apiId", "stage", "identity"):
        assert context[name] == arrival[name]
    for name in ("requestId", "messageId"):
        assert context[name] != second["requestContext"][name]
    assert context["requestId"] != arrival["requestId"]


def test_disconnect_event(bare: Gateway) -> None:
    since, mark = now_ms(), secrets.token_hex(4)
    with client(f"{bare.url}?mark={mark}", user_agent_header="Test/1"):
        arrival = bare.wait_for_connect(mark)["requestContext"]
    event = bare.wait_for_disconnect(arrival["connectionId"])
    context = event["requestContext"]
    check_context(event, since)
    assert event.keys() == ALWAYS | HEADERS
    host = f"127.0.0.1:{bare.port}"
    empty = {"x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    assert event["headers"] == {"Host": host, **empty}
    assert event["multiValueHeaders"] == {k: [v] for k, v in event["headers"].items()}
    assert context.keys() == CONTEXT | {"disconnectStatusCode", "disconnectReason"}
    assert (context["routeKey"], context["eventType"]) == ("$disconnect", "DISCONNECT")
    for name in ("connectionId", "connectedAt", "domainName", "apiId", "stage", "identity"):
        assert context[name] == arrival[name]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, "done"), (1001, "Going away"), (4000, "bored")]
)
def test_disconnect_has_the_clients_code(bare: Gateway, code: int, reason: str) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
        each.close(code, reason)
    assert bare.wait_for_ending(connection_id) == (code, reason)


def test_disconnect_without_a_code_is_1005(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with raw_client(bare, f"mark={mark}") as raw:
        raw.sendall(CLOSE_WITHOUT_CODE)
        connection_id = bare.wait_for_connect(mark)["requestContext"]["connectionId"]
        assert bare.wait_for_ending(connection_id) == (
            1005,
            "Client-side close frame status not set",
        )


@pytest.mark.parametrize("reset", [False, True])
def test_disconnect_without_a_close_frame_is_1006(bare: Gateway, reset: bool) -> None:
    mark = secrets.token_hex(4)
    with raw_client(bare, f"mark={mark}") as raw:
        connection_id = bare.wait_for_connect(mark)["requestContext"]["connectionId"]
        if reset:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    code, reason = bare.wait_for_ending(connection_id)
    assert (code, type(reason)) == (1006, str)


def test_disconnect_after_delete_is_1000(bare: Gateway) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
        assert bare.http("DELETE", bare.connections(connection_id)).status == 204
        assert bare.wait_for_ending(connection_id) == (1000, "Connection Closed Normally")


def test_binary_frame_closes_with_1003(bare: Gateway, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    guest.send(b"binary")
    assert ended(guest)[0] == 1003
    assert bare.wait_for_ending(connection_id)[0] == 1003


def test_message_over_128_kb_closes_with_1009(bare: Gateway, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    # The close frame may come before everything is sent.
    with suppress(ConnectionClosed):
        guest.send([*frames("size"), "x"])
    assert ended(guest)[0] == 1009
    assert bare.wait_for_ending(connection_id)[0] == 1009


def test_frame_over_128_kb_closes_with_1009(bare: Gateway, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    with suppress(ConnectionClosed):
        guest.send("x" * (128 * KB + 1))
    assert ended(guest)[0] == 1009
    assert bare.wait_for_ending(connection_id)[0] == 1009
