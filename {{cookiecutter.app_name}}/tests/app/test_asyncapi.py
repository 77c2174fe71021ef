"""The description of the frames: its files, its examples, and the check of frames against it."""

import re
from typing import Any

import pytest
import yaml

from chalicelib.actions import router
from chalicelib.protocol.frames import CODES
from docs import protocol
from tests.client import Api
from tests.conftest import PROJECT
from tests.support.asyncapi import FRAMES, FrameChecker

DOCUMENT, MESSAGES = FRAMES.document, FRAMES.messages


def test_each_action_and_push_has_a_description() -> None:
    assert not FRAMES.problems, "\n".join(FRAMES.problems)
    assert FRAMES.replies.keys() == router.actions.keys()


def test_documents_are_up_to_date() -> None:
    written = yaml.safe_load(protocol.DOCUMENT.read_text(encoding="utf-8"))
    page = protocol.PAGE.read_text(encoding="utf-8")
    parts = [
        each["channels"]["ws"]["messages"] | each["operations"] for each in (written, DOCUMENT)
    ]
    old, new = parts
    changed = [FRAMES.place(name) for name in {**old, **new} if old.get(name) != new.get(name)]
    is_same = all(written[part] == DOCUMENT[part] for part in DOCUMENT)
    if not is_same or page != protocol.page(written):
        what = f"differ from the code (got {', '.join(changed) or 'other parts'})"
        pytest.fail(f"docs/asyncapi.yaml and protocol.md {what}; run `make protocol`", False)


def test_help_returns_the_descriptions_of_the_file(api: Api) -> None:
    returned = api.connect().request("help")["actions"]
    for name in FRAMES.replies:
        payload = MESSAGES[name]["payload"]
        assert returned[name] == {
            key: value["description"] + "; may be left out" * (key not in payload["required"])
            for key, value in payload["properties"].items()
            if key not in ("action", "id")
        }


@pytest.mark.parametrize("name", MESSAGES)
def test_examples_of_each_message_are_valid(name: str) -> None:
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        problem = FRAMES.problem(name, example["payload"])
        assert problem is None, f"give the Field an `example=` that its schema accepts: {problem}"
        assert name in FRAMES.replies or FRAMES.message_name(example["payload"]) == name


def test_each_error_code_has_a_description() -> None:
    raised = {}
    for path in (PROJECT / "chalicelib").rglob("*.py"):
        for code in re.findall(r'(?:FrameError|__init__)\(\s*"(\w+)"', path.read_text()):
            raised[code] = path.relative_to(PROJECT)
    for code, path in raised.items():
        message = f"{path} raises {code}: add it to CODES in chalicelib/protocol/frames.py"
        assert code in CODES, f"{message}, then run `make protocol`"
    assert CODES.keys() == raised.keys()


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
