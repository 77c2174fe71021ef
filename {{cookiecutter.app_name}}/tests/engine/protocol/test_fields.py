"""The schemas of fields: what the app accepts, and what a decorator refuses."""

from typing import Any

import pytest
from jsonschema import Draft7Validator

from chalicelib.protocol.fields import Field
from chalicelib.protocol.router import Request, Router
from chalicelib.protocol.schema import KEYWORDS, Schema, is_valid

VALUES: list[Any] = [
    *[None, True, False, 0, 1, 1.0, 2.5, -3, 10, "", "a", "tea", "coffee"],
    *[[], [1], [True], [1, "a"], ["tea", "tea", "tea"], [[1]], [[True]]],
    *[{}, {"a": 1}, {"a": True}, {"a": 1.0}],
]

SCHEMAS: list[Schema] = [
    *({"type": name} for name in ("array", "boolean", "integer", "null", "number", "object")),
    {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^t"},
    {"minLength": 2},
    {"type": "number", "minimum": 1, "maximum": 10},
    {"exclusiveMinimum": 1, "exclusiveMaximum": 10},
    {"type": "string", "enum": ["tea", "coffee"]},
    {"enum": [1, False, None, [1], {"a": 1}]},
    {"const": True},
    {"anyOf": [{"enum": ["tea"]}, {"type": "integer", "maximum": 0}]},
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    {"items": {"items": {"const": 1}}},
    {"maxItems": 0},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_field_accepts_what_json_schema_accepts(schema: Schema) -> None:
    validator = Draft7Validator(schema)
    for value in VALUES:
        assert is_valid(schema, value) == validator.is_valid(value), value


def test_pattern_ends_with_the_text() -> None:
    assert not is_valid({"pattern": "^tea$"}, "tea\n")
    assert is_valid({"pattern": "^tea\n$"}, "tea\n")
    assert is_valid({"pattern": "^tea"}, "tea\n")


def test_schemas_of_this_test_have_each_keyword() -> None:
    used = {name for schema in SCHEMAS for name in schema}
    assert used == KEYWORDS.keys()


WRONG = [
    ({"schema": {"enum": "red"}}, "its schema has enum 'red', which is not valid; use a list"),
    ({"schema": {"minimum": "1"}}, "its schema has minimum '1', which is not valid; use a number"),
    ({"schema": {"items": {"pattern": "["}}}, "its schema has pattern '[', which is not valid"),
    ({"convert": {"type": "string"}}, "its convert is not a function (got {'type': 'string'})"),
]


@pytest.mark.parametrize(("definition", "message"), WRONG)
def test_action_with_a_field_that_no_value_can_be_compared_with_is_refused(
    definition: dict[str, Any], message: str
) -> None:
    def wave(request: Request, *, color: Any) -> dict[str, Any]:
        return {"type": "waved"}

    with pytest.raises(TypeError) as caught:
        Router().action(color=Field("a color", **definition))(wave)
    assert f"action wave: field color: {message}" in str(caught.value)


UNCHECKED = [
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"type": "object", "properties": {}, "required": []}, "properties, required"),
    ({"type": "list"}, "type 'list'"),
    ({"items": {"multipleOf": 2}}, "multipleOf"),
    ({"anyOf": [{"format": "uri"}]}, "format"),
    ({"items": [{"type": "string"}]}, "items"),
]


@pytest.mark.parametrize(("schema", "named"), UNCHECKED, ids=str)
def test_action_with_a_schema_that_nothing_checks_is_refused(schema: Schema, named: str) -> None:
    def wave(request: Request, *, times: Any) -> dict[str, Any]:
        return {"type": "waved"}

    with pytest.raises(TypeError) as caught:
        Router().action(times=Field("", schema=schema))(wave)
    assert f"action wave: field times: its schema has {named}" in str(caught.value)
    assert "add a convert" in str(caught.value)
    # A convert checks the rest.
    assert Router().action(times=Field("", lambda value: value, schema))(wave) is wave
    assert is_valid(schema, [1, 2]) in (True, False)
