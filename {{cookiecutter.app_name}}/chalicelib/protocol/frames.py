"""Frames: JSON objects as text, in both directions, and the errors sent in place of a reply."""

import json
from collections.abc import Mapping
from typing import Any

Frame = dict[str, Any]

# The codes of errors. Add those that your actions raise: the documents describe them.
CODES = {
    "bad_json": "the frame is not valid JSON",
    "not_an_object": "the frame is not a JSON object",
    "unknown_action": "the action does not exist",
    "action_disabled": "the action is switched off",
    "bad_field": "`field` is missing, not valid, or above a limit",
    "not_a_member": "join the channel first",
    "forbidden": "the user may not do this",
    "too_large": "the frame to send is too large",
    "too_fast": "wait for the next minute, see `MESSAGES_PER_MINUTE`",
    "try_again": "the table is busy, or the connection not registered",
    "internal": "an error of the server",
}

# API Gateway's maximum for one message, in either direction:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_BYTES = 128 * 1024

# A page of history wraps a message into a reply, which needs room for its own fields.
MAX_PUSH_BYTES = MAX_BYTES - 1024


class FrameError(Exception):
    """An error that is sent to the client in place of a reply.

    Args:
        code: one of CODES.
        message: an imperative that tells the client what to send instead.
        field: the field that is not valid, with the code bad_field.
        retry_after_seconds: the time after which the server takes the request, with too_fast.
    """

    # The code of the `bye` that ends the connection. None leaves the connection open.
    bye: str | None = None

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.retry_after_seconds = retry_after_seconds

    def frame(self) -> Frame:
        """Return the error as the frame to send."""
        error: Frame = {"type": "error", "code": self.code, "message": str(self)}
        more = {"field": self.field, "retry_after_seconds": self.retry_after_seconds}
        return error | {name: value for name, value in more.items() if value is not None}


class Busy(FrameError):
    """An AWS service refused a request several times, or did not answer. It may accept it later."""

    def __init__(self) -> None:
        super().__init__("try_again", "send the same again in a moment")


def encode(frame: Mapping[str, Any], max_bytes: int = MAX_BYTES) -> str:
    """Return a frame as the text to send.

    Raises:
        FrameError: too_large, the text has more than `max_bytes` bytes.
        ValueError: the frame holds a number that JSON does not have.
        TypeError: the frame holds a value that JSON does not have.
    """
    separators = (",", ":")
    try:
        text = json.dumps(
            frame, ensure_ascii=False, separators=separators, allow_nan=False, default=_refuse
        )
    except ValueError as error:
        use = "use a finite number or None, and no list or dict that contains itself"
        raise ValueError(f"JSON has no such value (got {error}); {use}") from None
    # Half of a surrogate pair has no UTF-8. Its escape is the same in Python and in JSON.
    payload = text.encode(errors="backslashreplace")
    if len(payload) > max_bytes:
        size = f"got {len(payload)} bytes, the maximum is {max_bytes}"
        raise FrameError("too_large", f"send less: the frame to send is too large ({size})")
    return payload.decode()


def _refuse(value: Any) -> Any:
    use = "use str, int, float, bool, None, list or dict"
    raise TypeError(f"JSON has no {type(value).__name__} (got {str(value)[:100]}); {use}")


def decode(text: str) -> Frame:
    """Return the frame that a client sent as text.

    Raises:
        FrameError: bad_json or not_an_object.
    """
    try:
        frame = json.loads(text, parse_constant=_reject_constant, parse_float=_finite_float)
    except ValueError as error:
        # For a number of more than 4,300 digits Python adds advice, which is not for the client.
        problem = str(error).partition("; use ")[0]
        raise FrameError("bad_json", f"send one JSON object as text: {problem}") from None
    except RecursionError:
        raise FrameError("bad_json", "send JSON with fewer nested levels") from None
    if not isinstance(frame, dict):
        raise FrameError("not_an_object", 'send a JSON object, such as {"action": "help"}')
    return frame


def _reject_constant(word: str) -> float:
    # Python's parser accepts NaN and Infinity. The browsers that receive them do not.
    raise ValueError(f"{word} is not valid JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if abs(number) == float("inf"):
        # The digits are left out: they may fill the frame.
        raise ValueError("a number is too large")
    return number
