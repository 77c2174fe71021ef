"""The frames on the wire: JSON text in, JSON text out, and errors that say what to send instead."""

import json
from typing import Any

Frame = dict[str, Any]

# The most that API Gateway takes for one message, in either direction:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_BYTES = 128 * 1024

# A page of history wraps a message into a reply: the rest is room for that, and for its id.
MAX_PUSH = MAX_BYTES - 1024


class FrameError(Exception):
    """What a client is told instead of the reply it hoped for.

    Args:
        code: bad_json, not_an_object, unknown_action, action_disabled, bad_field,
            not_a_member, too_large, try_again or internal.
        message: what to send instead.
        field: with bad_field, the field that is wrong.
    """

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field

    def frame(self) -> Frame:
        """The error as the frame to send."""
        error: Frame = {"type": "error", "code": self.code, "message": str(self)}
        return error if self.field is None else {**error, "field": self.field}


def encode(frame: Frame, most: int = MAX_BYTES) -> str:
    """Render a frame as the text to send.

    Raises:
        FrameError: too_large, it has more than `most` bytes.
        ValueError: it holds a number that JSON does not have.
    """
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Half of a surrogate pair can travel only as its escape, which Python and JSON write alike.
    payload = text.encode(errors="backslashreplace")
    if len(payload) > most:
        raise FrameError(
            "too_large",
            f"send less: the resulting frame would have {len(payload)} bytes, {most} are the most",
        )
    return payload.decode()


def decode(text: str) -> Frame:
    """Read the frame that a client sent.

    Raises:
        FrameError: bad_json or not_an_object.
    """
    try:
        frame = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except ValueError as error:
        raise FrameError("bad_json", f"send one JSON object as text: {error}") from None
    except RecursionError:
        raise FrameError("bad_json", "send JSON that is less deeply nested") from None
    if not isinstance(frame, dict):
        raise FrameError("not_an_object", 'send a JSON object, such as {"action": "help"}')
    return frame


def _not_json(word: str) -> float:
    # Python reads and writes NaN and Infinity; the browsers they would be sent to do not.
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if abs(number) == float("inf"):
        raise ValueError("a number is too large")  # not which: it may fill the frame
    return number
