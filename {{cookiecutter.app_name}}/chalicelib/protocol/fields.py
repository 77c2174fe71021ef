"""The fields of requests: the values that each accepts."""

import re
import string
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chalicelib.protocol.frames import Frame, FrameError

MAX_TEXT_LENGTH = 64
MAX_DEPTH = 100
MAX_LIMIT = 100


class Field(NamedTuple):
    """The values that a field accepts.

    Args:
        description: completes "{field} must be ..."; errors and `help` show it.
        parse: returns the value to use; raises ValueError for a value that is not valid.
    """

    description: str
    parse: Callable[[Any], Any]

    def read(self, name: str, frame: Frame) -> Any:
        """Return the value of the field `name` of a frame.

        Raises:
            FrameError: bad_field.
        """
        if name not in frame:
            raise FrameError("bad_field", f"{name} is missing: add {self.description}", name)
        try:
            return self.parse(frame[name])
        except ValueError:
            raise FrameError("bad_field", f"{name} must be {self.description}", name) from None


def _text(value: Any) -> str:
    if isinstance(value, str) and 1 <= len(value) <= MAX_TEXT_LENGTH:
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
    # History nests the value in a page, where it must stay far from Python's recursion limit.
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
    # The type is compared: a bool is an int for isinstance.
    if type(value) is int and 1 <= value <= MAX_LIMIT:
        return value
    raise ValueError


# Names use these, though Python calls them not printable: no-break and ideographic space, and
# the joiners of Persian and Indic words and of emoji.
_ALSO_PRINTABLE = "\u00a0\u3000\u200c\u200d"


def _name(value: Any) -> str:
    if isinstance(value, str):
        value = value.strip(string.whitespace + _ALSO_PRINTABLE)
    if all(c.isprintable() or c in _ALSO_PRINTABLE for c in _text(value)):
        return str(value)
    raise ValueError


ID = Field(f"a string or a number of 1 to {MAX_TEXT_LENGTH} characters", _id)
CHANNEL = Field("1 to 64 of ASCII letters, digits, _ . -", _matching(r"[A-Za-z0-9_.-]+"))
DATA = Field(f"any JSON value, nested at most {MAX_DEPTH} deep", _data)
LIMIT = Field(f"a whole number from 1 to {MAX_LIMIT}", _limit)
NAME = Field(f"1 to {MAX_TEXT_LENGTH} printable characters", _name)
NONCE = Field(f"a string of 1 to {MAX_TEXT_LENGTH} characters", _text)
SINCE = Field("the message_id of a message", _matching(r"[0-9a-f]{12}-[0-9a-f]{16}"))
