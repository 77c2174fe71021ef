"""The JSON schemas of fields and types, and example values of schemas."""

import re
import types
from collections.abc import Container, Mapping
from dataclasses import is_dataclass
from inspect import cleandoc
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from chalicelib.protocol.fields import Field

Schema = dict[str, Any]

_SIMPLE: dict[Any, Schema] = {
    Any: {},
    object: {},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    dict: {"type": "object"},
    list: {"type": "array"},
    None: {"type": "null"},
    type(None): {"type": "null"},
}


class SchemaError(Exception):
    """A type without a JSON schema, or a schema without an example. The message says what to do."""


class Schemas:
    """The schemas of types. `definitions` has those of typed dicts and dataclasses by name."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self._classes: dict[str, Any] = {}

    def of_type(self, hint: Any) -> Schema:
        """Return the schema of a type; raises SchemaError."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin is Literal:
            return {"const": arguments[0]} if len(arguments) == 1 else {"enum": [*arguments]}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of_type(each) for each in arguments]}
        if origin is list:
            return {"type": "array", "items": self.of_type(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of_type(arguments[1])}
        if is_record(hint):
            self._define(hint)
            return {"$ref": f"#/components/schemas/{hint.__name__}"}
        if origin is None and hint in _SIMPLE:
            return dict(_SIMPLE[hint])
        use = "use str, int, float, bool, None, Any, Literal, list, dict, or a TypedDict"
        raise SchemaError(f"{type_name(hint)} has no JSON schema; {use}")

    def of_record(self, record: Any, others: Mapping[str, Schema]) -> Schema:
        """Return the schema of a typed dict or a dataclass; raises SchemaError.

        Args:
            others: properties that it may have too.
        """
        optional = set(getattr(record, "__optional_keys__", ()))
        properties = {}
        for name, hint in _hints(record).items():
            # typing has NotRequired and Required from Python 3.11 on.
            marker = getattr(get_origin(hint), "_name", None)
            if marker in ("NotRequired", "Required"):
                optional = optional | {name} if marker == "NotRequired" else optional - {name}
                (hint,) = get_args(hint)
            try:
                properties[name] = self.of_type(hint)
            except SchemaError as error:
                raise SchemaError(f"{record.__name__}.{name}: {error}") from None
        ordered = sorted(properties, key=lambda name: name in optional)
        properties = {name: properties[name] for name in ordered}
        return closed_object({**properties, **others}, optional | others.keys())

    def _annotated(self, hint: Any, *metadata: Any) -> Schema:
        schema = self.of_type(hint)
        for each in metadata:
            if isinstance(each, str):
                schema["description"] = each
            if isinstance(each, Field):
                schema |= field_schema(each)
        return schema

    def _define(self, record: Any) -> None:
        name = record.__name__
        if self._classes.setdefault(name, record) is not record:
            raise SchemaError(f"two types have the name {name}; rename one")
        if name not in self.definitions:
            # A type may contain itself.
            self.definitions[name] = {}
            text = {"description": summary(record)} if summary(record) else {}
            self.definitions[name] |= {**text, **self.of_record(record, {})}


def closed_object(properties: Mapping[str, Schema], optional: Container[str]) -> Schema:
    """Return the schema of an object with these properties, and no others."""
    # The kind is first, and the id last.
    ordered = sorted(properties, key=lambda name: (name not in ("action", "type"), name == "id"))
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in ordered if name not in optional],
        "properties": {name: dict(properties[name]) for name in ordered},
    }


def field_schema(field: Field) -> Schema:
    """Return the schema of a field, with its description and its example."""
    examples = {} if field.example is None else {"examples": [field.example]}
    return {"description": field.description, **field.schema, **examples}


def is_record(hint: Any) -> bool:
    """Return whether a type is a typed dict or a dataclass."""
    return isinstance(hint, type) and (hasattr(hint, "__required_keys__") or is_dataclass(hint))


def type_name(hint: Any) -> str:
    """Return a type as source code has it."""
    # A list[str] is a type for isinstance in some versions of Python.
    is_class = isinstance(hint, type) and not get_args(hint)
    return hint.__name__ if is_class else re.sub(r"\b\w+\.", "", str(hint))


def summary(described: Any) -> str:
    """Return the docstring of a function or a class as one line; empty if it has none."""
    text = described.__doc__ or ""
    # The decorator dataclass writes a docstring such as "Waved(type: str)".
    if is_dataclass(described) and text.startswith(f"{type_name(described)}("):
        return ""
    return " ".join(cleandoc(text).split())


def example(schema: Schema, definitions: Mapping[str, Schema], where: str) -> Any:
    """Return a value that a schema allows.

    Args:
        where: the name of the schema for messages.

    Raises:
        SchemaError: the schema has a pattern and no example.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return example(definitions[name], definitions, name)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], definitions, where)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "pattern" in schema:
        raise SchemaError(f"{where} has a pattern and no example; use Field(..., example=...)")
    kind = schema.get("type", "any")
    if kind == "object":
        properties, required = schema.get("properties", {}), schema.get("required", ())
        return {
            name: example(properties[name], definitions, f"{where}.{name}") for name in required
        }
    if kind == "array":
        least = max(schema.get("minItems", 0), 1 if "items" in schema else 0)
        count = min(least, schema.get("maxItems", least))
        return [example(schema.get("items", {}), definitions, where)] * count
    if kind == "string":
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 4)
        return ("text" * (shortest + 1))[: min(max(shortest, 4), longest)]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return {"boolean": True, "null": None, "any": "any JSON value"}[kind]


def _hints(record: Any) -> dict[str, Any]:
    try:
        return get_type_hints(record, include_extras=True)
    except NameError as error:
        raise SchemaError(f"{record.__name__}: {error}; define it in the module") from None
