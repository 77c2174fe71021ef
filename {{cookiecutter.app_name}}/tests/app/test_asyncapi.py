"""The comparison of docs/asyncapi.yaml with the app: actions, fields, replies and errors."""

import json
import re
from typing import Any

import pytest

from chalicelib.actions import router
from chalicelib.protocol import fields
from tests.client import Api
from tests.conftest import PROJECT
from tests.support.asyncapi import DOCUMENT, MESSAGES, REPLIES, FrameChecker, message_name, problem


def test_file_and_code_have_the_same_actions() -> None:
    assert REPLIES.keys() == router.actions.keys()
    for name in REPLIES:
        assert MESSAGES[name]["payload"]["properties"]["action"] == {"const": name}
        assert REPLIES[name][1:] == ["error"]


def test_each_message_of_the_file_is_used_by_an_operation() -> None:
    used = json.dumps(DOCUMENT["operations"])
    assert [name for name in MESSAGES if f'/messages/{name}"' not in used] == []


def test_help_returns_the_descriptions_of_the_file(api: Api) -> None:
    described: dict[str, Any] = {}
    for name in REPLIES:
        properties = MESSAGES[name]["payload"]["properties"].items()
        own = {key: value for key, value in properties if key not in ("action", "id")}
        described[name] = {key: value["description"] for key, value in own.items()}
    assert api.connect().request("help")["actions"] == described
    assert DOCUMENT["components"]["schemas"]["id"]["description"] == fields.ID.description


@pytest.mark.parametrize("name", REPLIES)
def test_file_and_code_have_the_same_optional_fields(name: str) -> None:
    payload, action = MESSAGES[name]["payload"], router.actions[name]
    assert set(payload["required"]) == {"action", *(action.fields.keys() - action.optional)}


@pytest.mark.parametrize("name", MESSAGES)
def test_examples_of_each_message_are_valid(name: str) -> None:
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        assert problem(name, example["payload"]) is None
        assert name in REPLIES or message_name(example["payload"]) == name


def test_file_and_code_have_the_same_error_codes() -> None:
    sources = "".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    described = MESSAGES["error"]["payload"]["properties"]["code"]["oneOf"]
    assert {each["const"] for each in described} == set(
        re.findall(r'(?:FrameError|__init__)\(\s*"(\w+)"', sources)
    )


ECHO = '{"action":"echo","data":1,"id":1}'


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (ECHO, {"type": "waved", "id": 1}),
        (ECHO, {"type": "echo", "id": 1}),
        (ECHO, {"type": "echo", "data": 1, "more": 1, "id": 1}),
        (ECHO, {"type": "echo", "data": 1, "id": 2}),
        (ECHO, {"type": "named", "name": "Ann", "id": 1}),
        ('{"action":"echo","id":1}', {"type": "echo", "data": 1, "id": 1}),
        ('{"action":"name","name":"","id":1}', {"type": "named", "name": "x", "id": 1}),
        (ECHO, {"type": "error", "code": "teapot", "message": "x", "id": 1}),
        (ECHO, {"type": "error", "code": "bad_field", "message": "x", "id": 1}),
        (ECHO, {"type": "presence", "channel": "tea", "event": "slept", "member": None}),
        (ECHO, {"message": "Forbidden"}),
    ],
)
def test_frame_that_the_file_does_not_describe_fails(text: str, frame: dict[str, Any]) -> None:
    checker = FrameChecker()
    checker.check_sent(text)
    with pytest.raises(AssertionError):
        checker.check_received(frame)
