"""The parser of HTTP/1.1 responses."""

from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sender.support import load_module

HEAD = b"HTTP/1.1 200 OK\r\n"
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def http11(app: Path) -> ModuleType:
    """The module chalicelib.sender.http11."""
    return load_module(app, "http11")


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (EMPTY, b""),
        (HEAD + b"content-length:4\r\n\r\nbody", b"body"),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", b""),
        (HEAD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + EMPTY, b""),
    ],
)
def test_parse_one_byte_at_a_time_needs_every_byte(
    http11: ModuleType, data: bytes, body: bytes
) -> None:
    for size in range(len(data)):
        assert http11.parse(data[:size]) is None
    response, size = http11.parse(data + b"HTTP/1.1")
    assert (response.body, size) == (body, len(data))
    assert response.status in (200, 204)


@pytest.mark.parametrize(
    "headers",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"",
        b"Content-Length: many\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0\r\nContent-Length: 40\r\n",
        b"Content-Length: 999999999\r\n",
    ],
)
def test_parse_body_of_unknown_length_leaves_the_body_and_closes(
    http11: ModuleType, headers: bytes
) -> None:
    head = HEAD + headers + b"\r\n"
    response, size = http11.parse(head + b"body")
    assert (response.status, response.body, size) == (200, b"", len(head))
    assert response.closes_connection


@pytest.mark.parametrize(
    ("data", "closes"),
    [
        (EMPTY, False),
        (HEAD + b"Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", False),
        (HEAD + b"Connection: Close\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_parse_connection_header_decides_on_closing(
    http11: ModuleType, data: bytes, closes: bool
) -> None:
    response, _ = http11.parse(data)
    assert response.closes_connection == closes


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 many\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"Space : before the colon\r\n\r\n",
        HEAD + b"A: b\r\n" * 5_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
    ],
)
def test_parse_other_data_raises_value_error(http11: ModuleType, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not valid|too long"):
        http11.parse(data)


@given(
    st.lists(
        st.sampled_from([HEAD, EMPTY, b"\r\n", b"Content-Length: 1", b":", b"\xff", b"HTTP/1.1 1"])
        | st.binary(max_size=20)
    )
)
def test_parse_any_bytes_raises_nothing_but_value_error(
    http11: ModuleType, pieces: list[bytes]
) -> None:
    data = b"".join(pieces)
    try:
        parsed = http11.parse(data)
    except ValueError:
        return
    assert parsed is None or (parsed[0].status >= 200 and parsed[1] <= len(data))
