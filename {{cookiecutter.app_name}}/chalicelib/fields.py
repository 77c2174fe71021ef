"""What the fields of a request may hold."""

import re
import string
from collections.abc import Callable
from typing import Any, NamedTuple

from chalicelib.frames import Frame, FrameError


class Field(NamedTuple):
    """What a field takes.

    Args:
        what: completes "{field} must be ..."; errors and `help` show it.
        parse: returns the value to use; raises ValueError for one that will not do.
    """

    what: str
    parse: Callable[[Any], Any]

    def read(self, name: str, frame: Frame) -> Any:
        """The value of the field `name` of a frame; raises FrameError bad_field."""
        try:
            return self.parse(frame[name])
        except (KeyError, ValueError):
            raise FrameError("bad_field", f"{name} must be {self.what}", name) from None


def _text(value: Any) -> str:
    if isinstance(value, str) and 1 <= len(value) <= 64:
        return value
    raise ValueError


def _id(value: Any) -> str | int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _text(value)


def _channel(value: Any) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.-]+", _text(value)):
        return str(value)
    raise ValueError


# Not printable to Python, but names are written with them: no-break and ideographic space,
# and the joiners inside of Persian and Indic words and of emoji.
_IN_NAMES = "\u00a0\u3000\u200c\u200d"


def _name(value: Any) -> str:
    if isinstance(value, str):
        value = value.strip(string.whitespace + _IN_NAMES)
    if all(c.isprintable() or c in _IN_NAMES for c in _text(value)):
        return str(value)
    raise ValueError


ID = Field("a string of 1 to 64 characters or a number", _id)
CHANNEL = Field("1 to 64 of ASCII letters, digits, _ . -", _channel)
CLIENT_ID = Field("a string of 1 to 64 characters", _text)
DATA = Field("any JSON value", lambda value: value)
NAME = Field("1 to 64 printable characters", _name)
