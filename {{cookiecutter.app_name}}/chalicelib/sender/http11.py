"""A parser for HTTP/1.1 responses. It does no input or output.

It reads the body that the management API sends: one with a Content-Length. It reads no other body:
neither a chunked one, nor one that ends with the connection. Then the status is known without the
body, and the connection cannot be used again.
"""

from typing import NamedTuple

# The management API's responses are far smaller.
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024


class Response(NamedTuple):
    """A response. The names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    closes_connection: bool


def parse(received: bytes | bytearray, has_ended: bool = False) -> tuple[Response, int] | None:
    """Parse the response at the beginning of the received bytes.

    Args:
        has_ended: whether no more bytes can come. The body may then be incomplete.

    Returns:
        The response and its size in bytes, or None if more bytes must come first.

    Raises:
        ValueError: the bytes are not an HTTP/1.1 response.
    """
    status = start = 0
    # Interim responses, such as 103, may come before the final one.
    while status < 200:
        end = received.find(b"\r\n\r\n", start, MAX_HEAD_BYTES)
        if end < 0:
            if len(received) >= MAX_HEAD_BYTES:
                raise ValueError(f"the head is too long; the maximum is {MAX_HEAD_BYTES} bytes")
            return None
        version, status, headers = _parse_head(received[start:end].decode("latin-1"))
        start = end + 4
    length = 0 if status in (204, 304) else _body_length(headers)
    if length is None or (has_ended and len(received) < start + length):
        return Response(status, headers, b"", closes_connection=True), start
    end = start + length
    if len(received) < end:
        return None
    closes = version == "HTTP/1.0" or "close" in headers.get("connection", "").lower()
    return Response(status, headers, bytes(received[start:end]), closes), end


def _parse_head(head: str) -> tuple[str, int, dict[str, str]]:
    status_line, *lines = head.split("\r\n")
    version, _, rest = status_line.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdecimal():
        raise ValueError(f"the status line is not valid (got {status_line[:40]!r})")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name.strip() != name:
            raise ValueError(f"a header is not valid (got {line[:40]!r})")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return version, int(rest[:3]), headers


def _body_length(headers: dict[str, str]) -> int | None:
    # Two different lengths are joined by a comma, and so are not a number.
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not length.isdecimal():
        return None
    return int(length) if int(length) <= MAX_BODY_BYTES else None
