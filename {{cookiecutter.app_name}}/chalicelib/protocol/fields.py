"""The fields of requests: the values that each accepts."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Annotated, Any

from chalicelib.protocol import names
from chalicelib.protocol.frames import Frame, FrameError
from chalicelib.protocol.schema import KEYWORDS, Schema, is_valid, unchecked, wrong_limits

MAX_TEXT_LENGTH = 64
MAX_DEPTH = 100
MAX_LIMIT = 100
MAX_LISTED = 100
# The maximum of messages after a user's mark that are marked alone.
MAX_SINGLES = 100

# An id is repeated as it came, so only its size is limited. JSON readers of other languages may
# read a number as a float, which ends at 1.8e308 and is exact for integers below 2**53.
NUMBER_END = 10**64


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Field:
    """The values that a field accepts.

    Args:
        description: completes "{field} must be ..."; errors, `help` and the documents show it.
        convert: returns the value to use. It raises ValueError for a value that matches the
            schema and is not valid.
        schema: the JSON schema of the values, with the keywords of chalicelib/protocol/schema.py.
            A field of an action may have others with a `convert` that checks them.
        example: a value for the examples in the documents.
    """

    description: str
    convert: Callable[[Any], Any] = _same
    schema: Schema = field(default_factory=dict)
    example: Any = None

    def fault(self) -> str | None:
        """Return what is wrong in its definition, and what to do; or None."""
        if not callable(self.convert):
            return f"its convert is not a function (got {self.convert!r}); use schema=..."
        for limit, use in wrong_limits(self.schema):
            return f"its schema has {limit}, which is not valid; use {use}"
        keywords = [*unchecked(self.schema)] if self.convert is _same else []
        if not keywords:
            return None
        use = "add a convert that raises ValueError"
        return (
            f"its schema has {', '.join(keywords)}, which the app does not check; {use},"
            f" or use {', '.join(KEYWORDS)}"
        )

    def accepts_default(self, default: Any) -> bool:
        """Return whether a parameter's default is valid, or may be.

        A default is as `convert` returns it, so only a field that returns its example as it is
        can tell.
        """
        if self.convert is not _same:
            try:
                if self.parse(self.example) != self.example:
                    return True
            except Exception:
                return True
        try:
            self.parse(default)
        except Exception:
            return False
        return True

    def parse(self, value: Any) -> Any:
        """Return the value to use.

        Raises:
            ValueError: the value is not valid.
        """
        if not is_valid(self.schema, value):
            raise ValueError
        return self.convert(value)

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


def refuse_unknown(names: Iterable[str], known: Collection[str], what: str) -> None:
    """Refuse names that are no fields.

    Args:
        known: the names of the fields.
        what: what takes the fields, for the message.

    Raises:
        FrameError: bad_field.
    """
    for name in sorted({*names} - {*known}):
        shown = name[:MAX_TEXT_LENGTH]
        likely = closest(shown, known)
        use = f"use {likely}" if likely else "leave it out"
        takes = ", ".join(known) or "no fields"
        raise FrameError("bad_field", f"{use}: {what} takes {takes} (got {shown})", shown)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to `name`, or None if none is similar."""
    # Only an error needs it.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), 1, 0.7)), None)


def _data(value: Any) -> Any:
    # History nests the value in a page, where it must stay far from Python's recursion limit.
    level = [value]
    for _ in range(MAX_DEPTH):
        # Other functions pass values that JSON does not have.
        if any(isinstance(each, float) and not isfinite(each) for each in level):
            raise ValueError
        level = [child for each in level for child in _children(each)]
        if not level:
            return value
    raise ValueError


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _name(value: str) -> str:
    name = names.normalize(value)
    # Some letters become several.
    if 1 <= len(name) <= MAX_TEXT_LENGTH and names.is_allowed(name):
        return name
    raise ValueError


_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH}


def _pattern(pattern: str) -> Schema:
    # Python clients that read docs/asyncapi.yaml take $ for the place before a last line break too.
    return {"type": "string", "pattern": f"^{pattern}(?!\\n)$"}


_NUMBER: Schema = {
    "type": "number",
    "exclusiveMinimum": -NUMBER_END,
    "exclusiveMaximum": NUMBER_END,
}

ID = Field(
    f"a string of 1 to {MAX_TEXT_LENGTH} characters, or a number between -1e64 and 1e64",
    schema={"anyOf": [_TEXT, _NUMBER]},
    example=1,
)
CHANNEL = Field(
    "1 to 64 of ASCII letters, digits, _ . -, or @ and a user's id",
    schema=_pattern('([A-Za-z0-9_.-]{1,64}|@[!"$-~]{1,128})'),
    example="tea",
)
DATA = Field(f"any JSON value, nested at most {MAX_DEPTH} deep", _data, example="Tea?")
KEEP = Field(
    "true, or false for what is worth nothing later", schema={"type": "boolean"}, example=False
)
LIMIT = Field(
    f"a whole number from 1 to {MAX_LIMIT}",
    int,
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    example=10,
)
NAME = Field(
    f"1 to {MAX_TEXT_LENGTH} visible characters, with one alphabet in a word",
    _name,
    _TEXT,
    example="Ann",
)
MESSAGE_ID = Field(
    "the message_id of a message",
    schema=_pattern("[0-9a-f]{12}-[0-9a-f]{16}"),
    example="0198c1d2e3f4-5b6c7d8e9fa0b1c2",
)
NONCE = Field(f"a string of 1 to {MAX_TEXT_LENGTH} characters", schema=_TEXT, example="9a3f1c5e")
ONLY = Field(
    "true to mark this message alone, and not those before it",
    schema={"type": "boolean"},
    example=True,
)
SINCE = MESSAGE_ID
# A "#" ends the first part of a row's key.
USER = Field(
    "1 to 128 printable ASCII characters without space and #",
    schema=_pattern('[!"$-~]{1,128}'),
    example="ann",
)

# Types for what clients get: in a reply, `channel: Channel` has the values of the field CHANNEL.
Channel = Annotated[str, CHANNEL]
Data = Annotated[Any, DATA]
MessageId = Annotated[str, MESSAGE_ID]
Name = Annotated[str, NAME]
