"""Handshakes that come to nothing: clients that leave, and requests that are not valid."""

import json
import secrets
import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus

from tests.local.gateway import SECONDS, Gateway, client, running
from tests.local.raw_client import handshake

# A socket with this option is closed with a reset.
RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def check_cleaned_up(gateway: Gateway, connection_id: str) -> None:
    """Check that $disconnect runs, and that the connection is gone."""
    assert gateway.wait_for_ending(connection_id)[0] == 1006
    assert gateway.http("GET", gateway.connections(connection_id)).status == 410
    assert "Traceback" not in gateway.printed()


@pytest.mark.parametrize("reset", [False, True])
def test_client_that_leaves_during_connect_is_disconnected(bare: Gateway, reset: bool) -> None:
    gate = secrets.token_hex(4)
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(handshake(bare, f"wait={gate}"))
        connection_id = bare.wait_for_connect(gate)["requestContext"]["connectionId"]
        if reset:
            raw.setsockopt(*RESET)
    # The gateway has read the end of the first client when it has answered a later one.
    assert bare.http("GET", "/").status
    (bare.project / gate).touch()
    check_cleaned_up(bare, connection_id)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Protocol": "a\r\nX-More: b"},
        {"Sec-WebSocket-Protocol": "\N{SNOWMAN}"},
        {"Sec-WebSocket-Protocol": ["a", "b"]},
        ["Sec-WebSocket-Protocol"],
        "Sec-WebSocket-Protocol: a",
        7,
    ],
)
def test_connect_with_headers_that_are_not_valid_gives_502(bare: Gateway, headers: object) -> None:
    mark = secrets.token_hex(4)
    url = f"{bare.url}?mark={mark}&headers={quote(json.dumps(headers))}"
    with pytest.raises(InvalidStatus) as refused, client(url):
        pass
    assert refused.value.response.status_code == 502
    check_cleaned_up(bare, bare.wait_for_connect(mark)["requestContext"]["connectionId"])


@pytest.mark.parametrize("headers", [None, {}, {"X-Any": "\r\n"}])
def test_connect_with_headers_that_are_not_sent_accepts_the_client(
    bare: Gateway, headers: object
) -> None:
    with client(f"{bare.url}?headers={quote(json.dumps(headers))}") as guest:
        assert guest.ping().wait(SECONDS)


@pytest.mark.parametrize(
    "more_headers",
    [
        pytest.param(b"X-Name: \xff\xfe\r\n", id="not-utf-8"),
        pytest.param(b"Sec-WebSocket-Protocol: \xc3\xa9\r\n", id="letters"),
        pytest.param(b"Content-Length: 5\r\n", id="body"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", id="chunked-body"),
    ],
)
def test_handshake_that_is_not_valid_gives_400(bare: Gateway, more_headers: bytes) -> None:
    mark = secrets.token_hex(4)
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(handshake(bare, f"mark={mark}", more_headers) + b"hello")
        # aiohttp itself refuses some of them with HTTP/1.0.
        assert raw.recv(100)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")
    events = [line["event"].get("queryStringParameters", {}) for line in bare.events()]
    assert {"mark": mark} not in events
    assert "Traceback" not in bare.printed()


def test_letters_in_a_header_are_kept(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(handshake(bare, f"mark={mark}", "X-Name: é☃\r\n".encode()))
        event = bare.wait_for_connect(mark)
        assert raw.recv(100).startswith(b"HTTP/1.1 101 ")
    assert event["headers"]["X-Name"] == "é☃"


def test_client_that_leaves_before_its_turn_has_no_event(app: Path, tmp_path: Path) -> None:
    """Such clients would else delay the others for as long as their handlers take."""
    with running(app, "bare", tmp_path, "--workers=1") as gateway, ExitStack() as stack:

        def open_client(query: str) -> socket.socket:
            address = ("127.0.0.1", gateway.port)
            raw = stack.enter_context(socket.create_connection(address, SECONDS))
            raw.sendall(handshake(gateway, query))
            return raw

        first = open_client("wait=gate&mark=first")
        gateway.wait_for_connect("first")
        for raw in [open_client("mark=left") for _ in range(20)]:
            raw.setsockopt(*RESET)
            raw.close()
        # The gateway has read their ends when it has answered a later one.
        assert gateway.http("GET", "/").status
        (gateway.project / "gate").touch()
        assert first.recv(100).startswith(b"HTTP/1.1 101 ")
        with client(gateway.url) as last:
            assert last.ping().wait(SECONDS)
        events = [line["event"].get("queryStringParameters", {}) for line in gateway.events()]
        assert {"mark": "left"} not in events
        assert "Traceback" not in gateway.printed()


def test_odd_requests_print_no_traceback(bare: Gateway) -> None:
    assert bare.http("GET", f"/{'a' * 5000}").status == 404
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        path = "/2015-03-31/functions/echo/invocations"
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
        raw.sendall(f"{head}{{".encode())
        raw.setsockopt(*RESET)
    assert bare.http("GET", "/").status
    assert "Traceback" not in bare.printed()
