"""Clients that send more than the app handles, and the others beside them."""

import asyncio
import importlib
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.conftest import RAW
from tests.local.gateway import SECONDS, Gateway, ask, client, ended, id_of, running
from tests.local.raw_client import KB, frames, raw_client

pytestmark = pytest.mark.full

# The gateway's maximum for the messages of a connection that wait, and for their bytes.
MAX_MESSAGES = 1000
MAX_BYTES = 8 * 1024 * KB


@pytest.fixture(scope="module")
def single(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with one worker for each function."""
    with running(app, "bare", tmp_path_factory.mktemp("single"), "--workers=1") as gateway:
        yield gateway


@contextmanager
def occupied(gateway: Gateway, guest: ClientConnection) -> Iterator[None]:
    """Let a message of a client occupy the only worker."""
    gate = secrets.token_hex(4)
    guest.send(f"wait {gate}")
    gateway.wait_for_message(f"wait {gate}")
    try:
        yield
    finally:
        (gateway.project / gate).touch()


def is_read(guest: ClientConnection) -> bool:
    """Return whether the gateway has read all that the client has sent."""
    return guest.ping().wait(SECONDS)


def bodies(gateway: Gateway) -> list[str]:
    """Return the messages that the app has received, in order."""
    return [line["event"]["body"] for line in gateway.events() if "body" in line["event"]]


def test_client_is_answered_beside_another_that_floods(single: Gateway) -> None:
    flood = f"flood {secrets.token_hex(4)}"
    with client(single.url) as flooder, client(single.url) as other:
        id_of(flooder)
        with occupied(single, flooder):
            for _ in range(MAX_MESSAGES):
                flooder.send(flood)
            assert is_read(flooder)
            other.send("first")
            other.send("second")
            assert is_read(other)
        assert [other.recv(SECONDS) for _ in range(2)] == ["first", "second"]
        received = bodies(single)
        # The clients take turns, so that each message of one waits for one of the other.
        before = received[: received.index("second")]
        assert before.count(flood) <= 2
        # Nothing is lost.
        assert [flooder.recv(SECONDS) for _ in range(MAX_MESSAGES)][1:] == [flood] * (
            MAX_MESSAGES - 1
        )


def test_client_with_too_many_waiting_messages_is_closed_with_1008(single: Gateway) -> None:
    flood = f"flood {secrets.token_hex(4)}"
    with client(single.url) as flooder, client(single.url) as other:
        connection_id = id_of(flooder)
        with occupied(single, other):
            for _ in range(MAX_MESSAGES):
                flooder.send(flood)
            assert is_read(flooder)
            # The close frame may come before everything is sent.
            with suppress(ConnectionClosed):
                for _ in range(3 * MAX_MESSAGES):
                    flooder.send(flood)
            assert ended(flooder)[0] == 1008
            assert single.wait_for_ending(connection_id)[0] == 1008
            assert single.http("GET", single.connections(connection_id)).status == 410
        assert str(other.recv(SECONDS)).startswith("wait ")
        assert ask(other, "hello") == "hello"
    # Its waiting messages are dropped.
    assert flood not in bodies(single)


def test_client_with_too_many_waiting_bytes_is_closed_with_1008(single: Gateway) -> None:
    with client(single.url) as flooder, client(single.url) as other:
        connection_id = id_of(flooder)
        with occupied(single, other):
            for _ in range(MAX_BYTES // (128 * KB)):
                flooder.send(frames("flood"))
            assert is_read(flooder)
            with suppress(ConnectionClosed):
                flooder.send("one more")
            assert ended(flooder)[0] == 1008
            assert single.wait_for_ending(connection_id)[0] == 1008
        assert str(other.recv(SECONDS)).startswith("wait ")


def test_messages_of_a_client_that_has_left_are_handled(single: Gateway) -> None:
    text = f"bye {secrets.token_hex(4)}"
    with client(single.url) as other:
        with occupied(single, other):
            with client(f"{single.url}?mark={text[4:]}") as guest:
                context = single.wait_for_connect(text[4:])["requestContext"]
                guest.send(text)
            assert single.wait_for_ending(context["connectionId"])[0] == 1000
        single.wait_for_message(text)


def test_client_that_pings_and_reads_nothing_is_dropped(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    ping = bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + b"x" * 125
    with raw_client(bare, f"mark={mark}") as raw:
        connection_id = bare.wait_for_connect(mark)["requestContext"]["connectionId"]
        # More than the buffers on the way hold.
        with suppress(ConnectionError):
            for _ in range(1000):
                raw.sendall(ping * 1000)
        assert bare.wait_for_ending(connection_id)[0] == 1006


def test_client_with_much_data_is_read_again_after_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)
    module = importlib.import_module("chalice_ws.local.websocket_api.websocket")
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    transport = Mock()
    transport.is_closing.return_value = False
    transport.get_write_buffer_size.return_value = 0
    transport.is_reading.side_effect = lambda: not transport.pause_reading.called
    ping = bytes([0x89, 0x80, 0, 0, 0, 0])

    def answered() -> int:
        return sum(call.args[0].count(b"\x8a\x00") for call in transport.write.call_args_list)

    async def run() -> None:
        handshake = make_mocked_request("GET", "/api", headers, transport=transport)
        websocket = module.WebSocket(handshake)
        websocket.accept({}, Mock())
        websocket.feed_data(ping)
        assert not transport.pause_reading.called
        # uvloop calls it again and again in one turn of its loop, unless reading is paused.
        websocket.feed_data(ping * 10_000)
        assert transport.pause_reading.called
        before = 0
        while not transport.resume_reading.called:
            # The others wait for so many frames at most.
            assert before < answered() < before + 1000
            before = answered()
            await asyncio.sleep(0)
        assert answered() == 10_001

    asyncio.run(run())
