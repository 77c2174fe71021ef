"""Frames, as far as a client depends on their fields."""

from typing import Any

from clients.errors import RequestError

Frame = dict[str, Any]


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
    problem = {"type": "error", "code": "bad_frame", "message": "the server sent a wrong page"}
    return RequestError(problem)
