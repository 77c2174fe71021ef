"""What the fields of a request may hold."""

import re
import string
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chalicelib.protocol.frames import Frame, FrameError

MAX_DEPTH = 100


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
        if name not in frame:
            raise FrameError("bad_field", f"{name} is missing: add {self.what}", name)
        try:
            return self.parse(frame[name])
        except ValueError:
            raise FrameError("bad_field", f"{name} must be {self.what}", name) from None


def _text(value: Any) -> str:
    if isinstance(value, str) and 1 <= len(value) <= 64:
        return value
    raise ValueError


def _id(value: Any) -> str | int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        _text(str(value))
        return value
    return _text(value)


def _matching(pattern: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if re.fullmatch(pattern, _text(value)):
            return str(value)
        raise ValueError

    return parse


def _data(value: Any) -> Any:
    # What is written once is read again inside of a page: it must not come near Python's limit.
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return value
    raise ValueError


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _limit(value: Any) -> int:
    if type(value) is int and 1 <= value <= 100:  # a bool is an int too
        return value
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


ID = Field("a string or a number of 1 to 64 characters", _id)
CHANNEL = Field("1 to 64 of ASCII letters, digits, _ . -", _matching(r"[A-Za-z0-9_.-]+"))
CLIENT_ID = Field("a string of 1 to 64 characters", _text)
DATA = Field(f"any JSON value, nested at most {MAX_DEPTH} deep", _data)
LIMIT = Field("a whole number from 1 to 100", _limit)
NAME = Field("1 to 64 printable characters", _name)
SINCE = Field("the message_id of a message", _matching(r"[0-9a-f]{12}-[0-9a-f]{16}"))
