"""The part of JSON Schema that the fields use: https://json-schema.org/draft-07/json-schema-validation

docs/asyncapi.yaml has the same schemas, and a test compares them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]


def is_valid(schema: Schema, value: Any) -> bool:
    """Return whether a value of JSON matches a schema.

    A number without a fraction is an integer, also if it is written as 1.0. The length of a string
    is its number of Unicode code points. A keyword that is not in KEYWORDS accepts any value.
    """
    return all(KEYWORDS[name](limit, value) for name, limit in schema.items() if name in KEYWORDS)


def unchecked(schema: Schema) -> Iterator[str]:
    """Yield the keywords that `is_valid` does not check, and the types that do not exist."""
    for name, limit in schema.items():
        if name == "type" and limit not in [*_TYPES]:
            yield f"type {limit!r}"
        elif name not in KEYWORDS and name not in _ANNOTATIONS:
            yield name
        for part in limit if name == "anyOf" else [limit] if name == "items" else []:
            yield from unchecked(part) if isinstance(part, dict) else [f"{name} {part!r}"]


def wrong_limits(schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield the keywords whose values no request could be compared with, and what to use."""
    for name, limit in schema.items():
        expected, use = _LIMITS.get(name, (object, ""))
        if not isinstance(limit, expected):
            yield f"{name} {limit!r}", use
        elif name == "pattern":
            try:
                re.compile(limit)
            except re.error as error:
                yield f"{name} {limit!r}", f"a regular expression ({error})"
        elif name in ("anyOf", "items"):
            for part in limit if name == "anyOf" else [limit]:
                yield from wrong_limits(part) if isinstance(part, dict) else ()


def _has_type(name: Any, value: Any) -> bool:
    return _TYPES[name](value) if name in [*_TYPES] else True


def _has_items(schema: Any, value: Any) -> bool:
    is_checked = isinstance(value, list) and isinstance(schema, dict)
    return not is_checked or all(is_valid(schema, each) for each in value)


def _is_number(value: Any) -> bool:
    # A bool is an int for isinstance.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Any, other: Any) -> bool:
    # For Python, True is 1, also in a list or a dict.
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _matches(pattern: str, value: Any) -> bool:
    if not isinstance(value, str):
        return True
    # For Python, $ is also before a line break at the end. One more makes it see that one.
    texts = [value, f"{value}\n"] if value.endswith("\n") else [value]
    return all(re.search(pattern, text) for text in texts)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}

# A keyword is about the values of one type, and accepts those of other types.
KEYWORDS: dict[str, Callable[[Any, Any], bool]] = {
    "type": _has_type,
    "const": _equal,
    "enum": lambda values, value: any(_equal(each, value) for each in values),
    "anyOf": lambda schemas, value: any(is_valid(each, value) for each in schemas),
    "minLength": lambda minimum, value: not isinstance(value, str) or minimum <= len(value),
    "maxLength": lambda maximum, value: not isinstance(value, str) or len(value) <= maximum,
    "pattern": _matches,
    "minimum": lambda minimum, value: not _is_number(value) or minimum <= value,
    "maximum": lambda maximum, value: not _is_number(value) or value <= maximum,
    "exclusiveMinimum": lambda end, value: not _is_number(value) or end < value,
    "exclusiveMaximum": lambda end, value: not _is_number(value) or value < end,
    "items": _has_items,
    "minItems": lambda minimum, value: not isinstance(value, list) or minimum <= len(value),
    "maxItems": lambda maximum, value: not isinstance(value, list) or len(value) <= maximum,
}

# The types of the keywords' own values.
_NUMBER = ((int, float), "a number")
_LIST = ((list, tuple), "a list")
_LIMITS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(("enum", "anyOf"), _LIST),
    "pattern": (str, "a regular expression"),
    **{name: _NUMBER for name in KEYWORDS if re.match("min|max|exclusive", name)},
}

# They describe values, and refuse none.
_ANNOTATIONS = ("title", "description", "default", "examples")
