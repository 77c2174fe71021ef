"""Requests that are odd or never complete, and clients that vanish."""

import json
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.gateway import SECONDS, Gateway, ask, client, running, serving
from tests.local.raw_client import handshake, raw_client

pytestmark = pytest.mark.full

NEVER_SEEN = "AAAAAAAAAAAAAAA="
KB = 1024


@pytest.fixture(scope="module")
def brief(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that closes HTTP connections after 2 s without a request."""
    tmp = tmp_path_factory.mktemp("brief")
    with running(app, "bare", tmp, "--keepalive-timeout=2") as gateway:
        yield gateway


def request(first_line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([first_line, b"Host: 127.0.0.1", *headers, b"", b""])


def status(answer: bytes) -> int:
    """Return the status of an HTTP response."""
    version, code = answer.split()[:2]
    assert version in (b"HTTP/1.1", b"HTTP/1.0"), answer
    return int(code)


def exchange(gateway: Gateway, sent: bytes, size: int = 100) -> bytes:
    """Send bytes, and return the first bytes of the answer."""
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS) as raw:
        raw.sendall(sent)
        return raw.recv(size)


def raw_header(name: bytes, size: int) -> bytes:
    return name + b": " + b"x" * size


def test_slow_body_is_refused(brief: Gateway) -> None:
    first = request(
        b"POST /2015-03-31/functions/echo/invocations HTTP/1.1", b"Content-Length: 1000000"
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", brief.port), SECONDS) as raw:
        raw.sendall(first)
        raw.settimeout(0.2)
        for _ in range(5 * SECONDS):
            try:
                raw.sendall(b" ")
                answer = raw.recv(100)
                break
            except TimeoutError:
                continue
    assert status(answer) == 408
    brief.prints("refused a request: the body is not complete after 2.0 s")
    assert "Traceback" not in brief.printed()


def test_number_of_too_many_digits_is_refused(brief: Gateway) -> None:
    answer = brief.http("POST", "/2015-03-31/functions/echo/invocations", b"1" * 5000)
    assert answer.status == 400
    assert b"Exceeds the limit (4300 digits)" in answer.body
    assert b"sys.set_int" not in answer.body


# Requests that are odd


@pytest.mark.parametrize(
    ("expected", "sent"),
    [
        pytest.param({400, 404}, request(b"GET /\xff\xfe HTTP/1.1"), id="path"),
        pytest.param({400, 426}, request(b"GET /api?\xff=\xfe HTTP/1.1"), id="query"),
        pytest.param({200, 404}, request(b"GET /?%ff=%c3%28 HTTP/1.1"), id="encoded-query"),
        pytest.param({404}, request(b"GET /%ff%00%0a HTTP/1.1"), id="encoded-path"),
        pytest.param({404}, request(b"GET /../../etc/passwd HTTP/1.1"), id="parent-folder"),
        pytest.param({404}, request(b"GET /%2e%2e/app.py HTTP/1.1"), id="encoded-parent-folder"),
        pytest.param({400, 404, 405}, request(b"BREW /api HTTP/1.1"), id="method"),
        pytest.param({400}, request(b"G\xc9T /api HTTP/1.1"), id="method-with-letters"),
        pytest.param({400, 404, 405}, request(b"OPTIONS * HTTP/1.1"), id="asterisk"),
        pytest.param({403, 404}, request(b"GET http://other.example/ HTTP/1.1"), id="absolute"),
        pytest.param({400}, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two-hosts"),
        pytest.param({403}, b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", id="host"),
        pytest.param({400}, b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
        pytest.param({403}, b"GET / HTTP/1.0\r\n\r\n", id="http-1.0"),
        pytest.param({400}, request(b"GET / HTTP/9.9"), id="version"),
        pytest.param({400}, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http-2"),
        pytest.param({400}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="tls"),
        pytest.param({400, 404}, request(b"GET / HTTP/1.1", b"X: \0"), id="zero"),
        pytest.param(
            {400},
            request(b"GET / HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2"),
            id="length",
        ),
    ],
)
def test_odd_request_is_answered(bare: Gateway, expected: set[int], sent: bytes) -> None:
    # Two hosts, of which one is not this machine's, are refused for either reason.
    assert status(exchange(bare, sent)) in expected | ({403} if b"Host: b" in sent else set())
    assert "Traceback" not in bare.printed()


@pytest.mark.parametrize(
    "more_headers",
    [
        pytest.param(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", id="two-keys"),
        pytest.param(b"Sec-WebSocket-Version: 13\r\n", id="two-versions"),
        pytest.param(b"Sec-WebSocket-Version: 8\r\n", id="other-version"),
        pytest.param(b"Upgrade: h2c\r\n", id="two-upgrades"),
        pytest.param(b"Host: 127.0.0.1\r\n", id="two-hosts"),
        pytest.param(b"Connection: close\r\n", id="close"),
        pytest.param(b"Expect: 100-continue\r\n", id="expect"),
        pytest.param(b"Cookie: a=1\r\nCookie: b=2\r\n", id="two-cookies"),
    ],
)
def test_handshake_with_odd_headers_is_answered(bare: Gateway, more_headers: bytes) -> None:
    assert status(exchange(bare, handshake(bare, "a=1", more_headers))) in (100, 101, 400, 426)
    assert "Traceback" not in bare.printed()


def test_repeated_headers_are_passed(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    cookies = b"Cookie: a=1\r\ncookie: b=2\r\n"
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(handshake(bare, f"mark={mark}&mark={mark}", cookies))
        event = bare.wait_for_connect(mark)
    assert event["multiValueQueryStringParameters"] == {"mark": [mark, mark]}
    found = {name.lower(): values for name, values in event["multiValueHeaders"].items()}
    assert sorted(found["cookie"]) == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("size", "expected"), [(9 * KB, 101), (10_240, 431), (60 * KB, 431), (100 * KB, 400)]
)
def test_headers_over_10240_bytes_are_refused(bare: Gateway, size: int, expected: int) -> None:
    more_headers = raw_header(b"X-Large", size) + b"\r\n"
    assert status(exchange(bare, handshake(bare, "", more_headers))) == expected
    # In many headers.
    parts = b"".join(raw_header(b"X-%d" % n, size // 100) + b"\r\n" for n in range(100))
    assert status(exchange(bare, handshake(bare, "", parts))) in (expected, 431)
    assert "Traceback" not in bare.printed()


def test_pipelined_requests_are_answered_in_order(bare: Gateway) -> None:
    path = f"/{bare.stage}/@connections/{NEVER_SEEN}".encode()
    sent = request(b"GET /none HTTP/1.1") + request(b"GET " + path + b" HTTP/1.1")
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(sent * 100 + request(b"GET /none HTTP/1.1", b"Connection: close"))
        with raw.makefile("rb") as file:
            answers = file.read().split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [404, 410] * 100 + [404]


def test_frames_behind_the_handshake_are_read(bare: Gateway) -> None:
    """A client may send its first message before it has the response."""
    frame = b"\x81\x85\0\0\0\0hello"
    with socket.create_connection(("127.0.0.1", bare.port), SECONDS) as raw:
        raw.sendall(handshake(bare) + frame)
        received = b""
        while not received.endswith(b"\x81\x05hello"):
            received += raw.recv(1)
    assert received.startswith(b"HTTP/1.1 101 ")


# Requests that never complete, and clients that vanish


@pytest.mark.parametrize(
    "part", [b"", b"G", b"GET /api HTTP/1.1\r\nUpgrade: websocket\r\n", b"GET / HTTP/1.1\r\nX: "]
)
def test_incomplete_request_is_closed(brief: Gateway, part: bytes) -> None:
    with socket.create_connection(("127.0.0.1", brief.port), SECONDS) as raw:
        raw.sendall(part)
        assert raw.recv(100) == b""


def test_idle_http_connection_is_closed(brief: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", brief.port), SECONDS) as raw:
        raw.sendall(request(b"GET /none HTTP/1.1"))
        with raw.makefile("rb") as file:
            assert file.read().startswith(b"HTTP/1.1 404 ")


def test_websocket_stays_open_beside_closed_http_connections(brief: Gateway) -> None:
    with client(brief.url) as guest:
        test_idle_http_connection_is_closed(brief)
        test_idle_http_connection_is_closed(brief)
        assert ask(guest, "hello") == "hello"


def test_broadcast_after_the_idle_connections_are_closed_reaches_all(
    app: Path, tmp_path: Path
) -> None:
    """The app's sender keeps connections to the management API, which drops idle ones."""
    with (
        serving(app, app, tmp_path, "--workers=1", "--keepalive-timeout=1") as gateway,
        client(gateway.url) as ann,
        client(gateway.url) as bob,
    ):
        for number in range(3):
            frame = {"action": "broadcast", "channel": "lobby", "data": number}
            ann.send(json.dumps(frame))
            for each in (ann, bob):
                while (received := json.loads(each.recv(SECONDS)))["type"] != "message":
                    assert received["type"] != "error"
                assert received["data"] == number
            # The gateway closes this connection after those of the sender.
            test_idle_http_connection_is_closed(gateway)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc/net/tcp")
def test_vanished_client_is_noticed_by_tcp(bare: Gateway) -> None:
    """TCP asks an idle client after a minute. The system's default is two hours."""
    with raw_client(bare, "mark=vanish") as raw:
        ends = f":{bare.port:04X}", f":{raw.getsockname()[1]:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        (timer,) = [
            line[5] for line in lines if line[1].endswith(ends[0]) and line[2].endswith(ends[1])
        ]
        kind, left = timer.split(":")
        # 2 is the timer of keepalive, in hundredths of a second.
        assert kind == "02"
        assert int(left, 16) <= 60 * 100
