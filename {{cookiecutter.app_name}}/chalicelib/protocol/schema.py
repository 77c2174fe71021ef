"""The part of JSON Schema that the fields use: https://json-schema.org/draft-07/json-schema-validation

docs/asyncapi.yaml has the same schemas, and a test compares them.
"""

import re
from typing import Any

Schema = dict[str, Any]


def is_valid(schema: Schema, value: Any) -> bool:
    """Return whether a value of JSON matches a schema.

    A number without a fraction is an integer, also if it is written as 1.0. The length of a string
    is its number of Unicode code points.
    """
    if "anyOf" in schema:
        return any(is_valid(each, value) for each in schema["anyOf"])
    if schema.get("type") == "string":
        return isinstance(value, str) and (
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
            and re.search(schema.get("pattern", ""), value) is not None
        )
    if schema.get("type") == "boolean":
        return isinstance(value, bool)
    if schema.get("type") in ("integer", "number"):
        # A bool is an int for isinstance.
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (schema["type"] == "number" or value % 1 == 0)
            and schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or schema["exclusiveMinimum"] < value)
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        )
    return True
