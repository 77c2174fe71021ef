"""Frames, as far as a client depends on their fields."""

import json
from typing import Any

from clients.errors import RequestError

Frame = dict[str, Any]


# API Gateway closes the connection that brings a larger one.
MAX_BYTES = 32 * 1024


def encode(frame: Frame) -> str:
    """Return a request as the text to send.

    Raises:
        RequestError: bad_field, a value is not JSON; too_large.
    """
    try:
        text = json.dumps(frame, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _problem("bad_field", f"a value is not JSON ({error}); send JSON") from None
    # Half of a surrogate pair has no UTF-8. Its escape is the same in Python and in JSON.
    payload = text.encode(errors="backslashreplace")
    if len(payload) > MAX_BYTES:
        problem = f"got {len(payload)} bytes; send less, the maximum is {MAX_BYTES}"
        raise _problem("too_large", problem)
    return payload.decode()


def decode(text: str | bytes) -> Frame | None:
    """Return what the server sent; None if it is not a JSON object."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None


def is_message(frame: object) -> bool:
    """Return whether a frame has the fields of a message that the client uses."""
    return (
        isinstance(frame, dict)
        and isinstance(frame.get("message_id"), str)
        and isinstance(frame.get("from"), dict | None)
    )


def next_page(page: Frame, since: str) -> str:
    """Return the id after which the next page begins; "" if this is the last one.

    Args:
        page: the reply to join or history.
        since: the id after which this page begins.

    Raises:
        RequestError: the page is not valid, or does not go on.
    """
    messages = page.get("messages")
    if not isinstance(messages, list) or not all(map(is_message, messages)):
        raise _bad_page()
    if not page.get("more"):
        return ""
    last = str(messages[-1]["message_id"]) if messages else ""
    if last <= since:
        # The server would be asked for ever.
        raise _bad_page()
    return last


def _bad_page() -> RequestError:
    return _problem("bad_frame", "the server sent a wrong page")


def _problem(code: str, message: str) -> RequestError:
    return RequestError({"type": "error", "code": code, "message": message})
