"""asyncapi.yaml says what the app does: its actions, their fields, their replies, its errors."""

import json
import re
from typing import Any

import pytest

from chalicelib.actions import router
from chalicelib.protocol import fields
from tests.client import Api
from tests.conftest import PROJECT
from tests.support.asyncapi import DOCUMENT, MESSAGES, REPLIES, Watch, kind, problem
from tests.support.gateway import Gateway

REQUESTS = [(name, each["payload"]) for name in REPLIES for each in MESSAGES[name]["examples"]]


def test_the_code_and_the_file_have_the_same_actions() -> None:
    assert REPLIES.keys() == router.actions.keys()
    for name in REPLIES:
        assert MESSAGES[name]["payload"]["properties"]["action"] == {"const": name}
        assert REPLIES[name][1:] == ["error"]


def test_each_message_is_used() -> None:
    used = json.dumps(DOCUMENT["operations"])
    assert [name for name in MESSAGES if f'/messages/{name}"' not in used] == []


def test_help_says_what_the_file_says(api: Api) -> None:
    described: dict[str, Any] = {}
    for name in REPLIES:
        properties = MESSAGES[name]["payload"]["properties"].items()
        own = {key: value for key, value in properties if key not in ("action", "id")}
        described[name] = {key: value["description"] for key, value in own.items()}
    assert api.connect().request("help")["actions"] == described
    assert DOCUMENT["components"]["schemas"]["id"]["description"] == fields.ID.description


@pytest.mark.parametrize("name", REPLIES)
def test_the_same_fields_may_be_left_out(name: str) -> None:
    payload, action = MESSAGES[name]["payload"], router.actions[name]
    assert set(payload["required"]) == {"action", *(action.fields.keys() - action.optional)}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_message_has_examples_that_fit(name: str) -> None:
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        assert problem(name, example["payload"]) is None
        assert name in REPLIES or kind(example["payload"]) == name


def test_each_example_is_answered_as_the_file_says(door: Api | Gateway) -> None:
    client = door.connect(name="Ann")
    for name, example in REQUESTS:
        client.send(json.dumps(example))
        while "id" not in (reply := client.receive()):
            pass
        assert (kind(reply), reply["id"]) == (REPLIES[name][0], example["id"]), reply
    client.disconnect()


def test_the_code_and_the_file_have_the_same_errors() -> None:
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
def test_what_the_file_does_not_say_fails(text: str, frame: dict[str, Any]) -> None:
    watch = Watch()
    watch.sent(text)
    with pytest.raises(AssertionError):
        watch.received(frame)
