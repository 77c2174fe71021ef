"""The limits of the gateway, and clients that break the protocol."""

import json
import secrets
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path
from threading import Event

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection

from tests.local.gateway import SECONDS, Answer, Gateway, ask, client, ended, id_of, poll, running
from tests.local.raw_client import KB, raw_client

pytestmark = pytest.mark.full

NEVER_SEEN = "AAAAAAAAAAAAAAA="
GOING_AWAY = (1001, "Going away")

# A socket with this option is closed with a reset.
RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def frame(raw: socket.socket) -> tuple[int, bytes]:
    """Read a frame of less than 126 bytes; return its opcode and its content."""
    with raw.makefile("rb", buffering=0) as file:
        first, size = file.read(2)
        content = file.read(size) or b""
        assert len(content) == size
        return first & 0x0F, content


def masked(first: int, content: bytes) -> bytes:
    """Return a client's frame of less than 126 bytes, with a mask of zeros."""
    return bytes([first, 0x80 | len(content), 0, 0, 0, 0]) + content


# Timeouts


def test_idle_connection_is_closed(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--idle-timeout=5") as gateway,
        client(gateway.url) as quiet,
        client(gateway.url) as talker,
        client(gateway.url) as told,
    ):
        quiet_id, told_id = id_of(quiet), id_of(told)

        def is_gone() -> bool | None:
            assert ask(talker, "hello") == "hello"
            assert gateway.http("POST", gateway.connections(told_id), b"news").status == 200
            assert told.recv(timeout=SECONDS) == "news"
            # A GET does not count as activity.
            return gateway.http("GET", gateway.connections(quiet_id)).status == 410 or None

        poll(is_gone)
        assert ended(quiet) == GOING_AWAY
        assert gateway.wait_for_ending(quiet_id) == GOING_AWAY
        assert ask(talker, "still there") == "still there"
        assert gateway.http("GET", gateway.connections(told_id)).status == 200


def test_old_connection_is_closed_while_it_is_active(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--max-duration=5") as gateway,
        client(gateway.url) as talker,
    ):
        connection_id = id_of(talker)
        with pytest.raises(ConnectionClosed) as closed:
            poll(lambda: None if ask(talker, "hello") == "hello" else True)
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == GOING_AWAY
        assert gateway.wait_for_ending(connection_id) == GOING_AWAY
        with client(gateway.url) as other:
            assert ask(other, "hello") == "hello"


def test_latency_delays_each_call(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--latency=200") as gateway,
        client(gateway.url) as guest,
    ):
        connection = gateway.connections(id_of(guest))

        def seconds(method: str, path: str) -> float:
            since = time.monotonic()
            assert gateway.http(method, path, b"{}").status in (200, 204)
            return time.monotonic() - since

        functions = "/2015-03-31/functions/echo/invocations"
        assert seconds("GET", connection) >= 0.2
        assert seconds("POST", connection) >= 0.2
        assert seconds("POST", functions) >= 0.2
        # A handler's reply is a POST to @connections.
        assert guest.recv(timeout=SECONDS) == "{}"
        since = time.monotonic()
        assert ask(guest, "hello") == "hello"
        assert time.monotonic() - since >= 0.2
        assert seconds("DELETE", connection) >= 0.2


def test_calls_over_the_throttle_get_429(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--throttle=5") as gateway,
        ThreadPoolExecutor(10) as pool,
    ):

        def call(_: int) -> Answer:
            return gateway.http("GET", gateway.connections(NEVER_SEEN))

        answers = list(pool.map(call, range(5)))
        assert {answer.status for answer in answers} == {410}

        def refused() -> Answer | None:
            return next((a for a in pool.map(call, range(20)) if a.status == 429), None)

        answer = poll(refused)
        assert answer.headers["x-amzn-ErrorType"] == "LimitExceededException"
        assert json.loads(answer.body)["message"]
        poll(lambda: call(0).status == 410 or None)
        # The throttle does not count invocations.
        assert {gateway.invoke("echo", {}).status for _ in range(10)} == {200}


# Frames


def test_frame_of_32_kb_is_accepted(guest: ClientConnection) -> None:
    text = "size".ljust(32 * KB)
    assert ask(guest, text) == str(32 * KB)


@pytest.mark.parametrize("before", [[], ["size ", "x" * 32 * KB]])
def test_frame_over_32_kb_closes_with_1009(
    bare: Gateway, guest: ClientConnection, before: list[str]
) -> None:
    connection_id = id_of(guest)
    # The close frame may come before everything is sent.
    with suppress(ConnectionClosed):
        guest.send([*before, "x" * (32 * KB + 1), "end"])
    assert ended(guest)[0] == 1009
    assert bare.wait_for_ending(connection_id)[0] == 1009


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        pytest.param(1002, b"\x81\x05hello", id="unmasked"),
        pytest.param(1002, masked(0xC1, b"hello"), id="reserved-bit"),
        pytest.param(1002, masked(0x83, b"hello"), id="reserved-opcode"),
        pytest.param(1002, masked(0x80, b"hello"), id="continues-nothing"),
        pytest.param(1002, masked(0x09, b"hello"), id="ping-in-parts"),
        pytest.param(1003, masked(0x82, b"hello"), id="binary"),
        pytest.param(1007, masked(0x81, b"\xff\xfe"), id="not-utf-8"),
        pytest.param(1007, masked(0x01, b"\xc3") + masked(0x80, b"x"), id="half-a-letter"),
    ],
)
def test_frame_that_is_not_valid_closes_the_connection(
    bare: Gateway, code: int, sent: bytes
) -> None:
    mark = secrets.token_hex(4)
    with raw_client(bare, f"mark={mark}") as raw, client(bare.url) as other:
        connection_id = bare.wait_for_connect(mark)["requestContext"]["connectionId"]
        raw.sendall(sent)
        opcode, content = frame(raw)
        assert (opcode, int.from_bytes(content[:2], "big")) == (8, code)
        # Otherwise the gateway waits for a close frame.
        raw.close()
        assert bare.wait_for_ending(connection_id)[0] == code
        assert ask(other, "hello") == "hello"


def test_letter_in_two_frames_is_one_letter(bare: Gateway) -> None:
    with raw_client(bare, "mark=cut") as raw:
        raw.sendall(masked(0x01, b"\xc3") + masked(0x80, b"\xa9"))
        assert frame(raw) == (1, "é".encode())


def test_ping_between_two_frames_is_answered(bare: Gateway) -> None:
    with raw_client(bare, "mark=ping") as raw:
        raw.sendall(masked(0x01, b"hel") + masked(0x89, b"any"))
        assert frame(raw) == (10, b"any")
        raw.sendall(masked(0x80, b"lo"))
        assert frame(raw) == (1, b"hello")


def test_frame_in_single_bytes_is_accepted(bare: Gateway) -> None:
    with raw_client(bare, "mark=slow") as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in masked(0x81, b"hello") * 2:
            raw.sendall(bytes([byte]))
        assert [frame(raw) for _ in range(2)] == [(1, b"hello")] * 2


# Clients that break the protocol


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), id="tls"),
        pytest.param(b"\r\n\r\n" + bytes(range(256)) * 40, id="bytes"),
        pytest.param(b"GET /api HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", id="header"),
        pytest.param(b"POST /api HTTP/1.1\r\nContent-Length: x\r\n\r\n", id="length"),
    ],
)
def test_garbage_does_not_affect_others(
    bare: Gateway, guest: ClientConnection, garbage: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        with suppress(ConnectionError):
            raw.sendall(garbage)
            # Refused, or closed.
            assert raw.recv(100)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.0 400 ", b"")
        assert ask(guest, "hello") == "hello"
    assert bare.http("GET", bare.connections(NEVER_SEEN)).status == 410


def test_incomplete_handshake_does_not_affect_others(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path) as gateway, ExitStack() as stack:
        for part in (b"", b"G", b"GET /api HTTP/1.1\r\nUpgrade: websocket\r\n") * 10:
            raw = stack.enter_context(
                socket.create_connection(("127.0.0.1", gateway.port), SECONDS)
            )
            raw.sendall(part)
        with client(gateway.url) as guest:
            assert ask(guest, "hello") == "hello"
        gateway.signal(signal.SIGINT)
        assert gateway.wait_for_exit() == 0


def test_clients_reset_during_a_broadcast_do_not_affect_others(bare: Gateway) -> None:
    marks = [secrets.token_hex(4) for _ in range(5)]
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        stay = [stack.enter_context(client(bare.url)) for _ in range(5)]
        vanish = [stack.enter_context(raw_client(bare, f"mark={mark}")) for mark in marks]
        gone = [bare.wait_for_connect(mark)["requestContext"]["connectionId"] for mark in marks]
        everybody = [*map(id_of, stay), *gone]

        def broadcast(number: int) -> set[int]:
            paths = [bare.connections(each) for each in everybody]
            return {bare.http("POST", path, str(number).encode()).status for path in paths}

        statuses = pool.map(broadcast, range(20))
        for raw in vanish:
            # More messages are on their way to this client.
            assert frame(raw)[0] == 1
            raw.setsockopt(*RESET)
            raw.close()
        assert set().union(*statuses) <= {200, 410}
        for each in stay:
            told = {each.recv(timeout=SECONDS) for _ in range(20)}
            assert told == {str(number) for number in range(20)}
        for connection_id in gone:
            assert bare.wait_for_ending(connection_id)[0] == 1006
            assert bare.http("GET", bare.connections(connection_id)).status == 410


def test_killed_gateway_drops_its_clients(app: Path, tmp_path: Path) -> None:
    over = Event()
    with running(app, "bare", tmp_path) as gateway, ExitStack() as stack:
        guests = [stack.enter_context(client(gateway.url)) for _ in range(5)]
        paths = [gateway.connections(id_of(each)) for each in guests]

        def broadcast() -> None:
            with suppress(OSError, HTTPException):
                while not over.is_set():
                    for path in paths:
                        gateway.http("POST", path, b"x" * 1000)

        def hear_all(guest: ClientConnection) -> None:
            while True:
                guest.recv(timeout=SECONDS)

        with ThreadPoolExecutor() as pool:
            pool.submit(broadcast)
            try:
                for each in guests:
                    assert each.recv(timeout=SECONDS) == "x" * 1000
                gateway.signal(signal.SIGKILL)
                gateway.wait_until_all_end()
            finally:
                over.set()
        for each in guests:
            with pytest.raises(ConnectionClosedError) as dropped:
                hear_all(each)
            assert dropped.value.rcvd is None
