"""Values at and around each bound. The app accepts those of docs/asyncapi.yaml, and no others."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.actions import router
from chalicelib.protocol.fields import ID, Field
from chalicelib.protocol.schema import Schema, is_valid
from tests.client import Api, Frame
from tests.support.asyncapi import FRAMES
from tests.support.examples import some

# Each field of each action.
FIELDS = [
    (action, name, field)
    for action in FRAMES.replies
    for name, field in {"id": ID, **router.actions[action].fields}.items()
]

# Each field once, with an action that has it.
DIFFERENT_FIELDS = {name: (action, field) for action, name, field in reversed(FIELDS)}

# The functions of fields that accept each value of their schema.
EXACT = (Field("").convert, int)

WRONG_TYPES = ["null", "true", "false", "[]", "{}", '["tea"]', '"7"', "7", "7.5", '""']

# Numbers as text: a JSON writer would change some of them.
NUMBERS = [
    *["0", "-0", "-0.0", "1.0", "1e0", "1E+2", "1e-400", "0.1", "-1.5", "5e-324"],
    *["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993"],
    *["1e22", "1e63", "-1e63", "1e64", "-1e64", "9.999999999999999e63", "1e65", "1e308"],
    *["1e309", "1e400", "-1e400", "9" * 64, "1" + "0" * 64, "9" * 65, "-" + "9" * 64],
    *["-1" + "0" * 64, "-" + "9" * 65, "9" * 400],
]


def texts_around(schema: Schema) -> Iterator[str]:
    """Yield strings whose lengths are at and around the bounds of a schema, and some that match."""
    for length in {schema.get("minLength", 1), schema.get("maxLength", 64), 1, 64, 128}:
        for size in range(max(0, length - 1), length + 2):
            # One, two, three and four bytes in UTF-8; the last is two units in UTF-16.
            for letter in "aü李😀":
                yield letter * size
    for text in ("tea", "0198c1d2e3f4-5b6c7d8e9fa0b1c2", "@ann"):
        for before, after in (("", ""), ("", "\n"), ("\n", ""), (" ", ""), ("", "\u2028")):
            yield before + text + after
    yield from ("a b", "a#b", "a\x00b", "0198C1D2E3F4-5B6C7D8E9FA0B1C2", "à", "A" * 12 + "-")


def numbers_around(schema: Schema) -> Iterator[str]:
    """Yield numbers at and around the bounds of a schema, as JSON."""
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if bound in schema:
            for step in (-1, 0, 1):
                yield str(schema[bound] + step)
            yield str(float(schema[bound]))
            yield f"{schema[bound]}.5"


def lists_around(schema: Schema) -> Iterator[str]:
    """Yield lists whose lengths are at and around the bounds of a schema, as JSON."""
    if schema.get("type") != "array":
        return
    # NUMBERS has some that no JSON schema describes.
    items = [each for each in values_around(schema.get("items", {})) if each not in NUMBERS]
    valid = [each for each in items if is_valid(schema.get("items", {}), json.loads(each))]
    for length in {schema.get("minItems", 0), schema.get("maxItems", 1)}:
        for size in range(max(0, length - 1), length + 2):
            yield f"[{', '.join(valid[:1] * size)}]"
    yield from (f"[{item}]" for item in items)


def values_around(schema: Schema) -> list[str]:
    """Return values at and around the bounds of a schema, as JSON."""
    parts = schema.get("anyOf", [schema])
    named = [json.dumps(value) for part in parts for value in part.get("enum", [])]
    lists = [text for part in parts for text in lists_around(part)]
    texts = [json.dumps(text) for part in parts for text in texts_around(part)]
    numbers = [number for part in parts for number in numbers_around(part)]
    values = [*WRONG_TYPES, *named, *lists, *texts, *NUMBERS, *numbers, '"\\ud800"']
    return list(dict.fromkeys(values))


def problem(action: str, name: str, field: Field, text: str, reply: Frame) -> str | None:
    """Return what to change if the app and docs/asyncapi.yaml differ about a field's value.

    Args:
        text: the request.
        reply: the app's reply. An error about another field says nothing about this one.
    """
    refused = reply.get("code") == "bad_json" or (
        reply.get("code") == "bad_field" and reply.get("field") == name
    )
    described = FRAMES.problem(action, request := json.loads(text))
    if abs(number(request[name])) == float("inf"):
        # No JSON schema describes that most readers of JSON have no such number.
        return None if refused else f"refuse a number that JSON readers do not have (got {text})"
    if described and not refused:
        return described
    # A function may refuse values that the schema accepts, such as names that are invisible.
    if refused and not described and field.convert in EXACT:
        use = "change the schema, give it a convert, or use another code than bad_field"
        return (
            f"{FRAMES.place(action)}: the app refused a value that the schema of {name} accepts:"
            f" {use} (got {text[:500]}, reply {reply})"
        )
    return None


@pytest.mark.parametrize("name", DIFFERENT_FIELDS)
def test_example_of_each_field_is_accepted(name: str) -> None:
    action, field = DIFFERENT_FIELDS[name]
    value = FRAMES.messages[action]["examples"][-1]["payload"][name]
    try:
        field.parse(value)
    except ValueError:
        use = "give the Field an `example=` that it accepts, then run `make protocol`"
        pytest.fail(f"{FRAMES.place(action)}: field {name}: {use} (got {value!r})", pytrace=False)


@pytest.mark.parametrize("name", DIFFERENT_FIELDS)
def test_field_raises_only_value_error(name: str) -> None:
    action, field = DIFFERENT_FIELDS[name]
    for text in values_around(field.schema):
        try:
            field.parse(json.loads(text))
        except ValueError:
            pass
        except Exception as error:
            use = "let its convert raise ValueError, or give it a schema that refuses the value"
            got = f"(got {type(error).__name__}: {error}, for {text[:200]})"
            pytest.fail(f"{FRAMES.place(action)}: field {name}: {use} {got}", pytrace=False)


@pytest.mark.parametrize("name", DIFFERENT_FIELDS)
def test_file_and_app_accept_the_same_values(api: Api, name: str) -> None:
    client = api.connect()
    client.request("join", channel="tea")
    action, field = DIFFERENT_FIELDS[name]
    example = FRAMES.messages[action]["examples"][-1]["payload"]
    fields = {key: value for key, value in example.items() if key not in (name, "id")}
    beginning = json.dumps(fields)[:-1]
    for value in some(values_around(field.schema), 40):
        text = f'{beginning}, "{name}": {value}}}'
        client.send(text)
        frames = [client.receive() for _ in range(client.waiting())]
        names = [*FRAMES.replies[action], "Error"]
        (reply,) = [frame for frame in frames if FRAMES.message_name(frame) in names]
        if line := problem(action, name, field, text, reply):
            pytest.fail(line, pytrace=False)


def number(value: Any) -> float:
    """Return a value if it is a number, or else 0."""
    return value if isinstance(value, int | float) else 0
